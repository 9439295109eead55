"""Our metadata, judged by others: createrepo_c's parser and writer, dnf, and rpm itself.

Environment:
  COPR_REPO_BIN    the `copr-repo` program
  COPR_MINIDISTRO  a folder of packages with a `repodata/` that `copr-repo create` wrote
  COPR_RPM_SAMPLES optional: more folders of RPMs (separated by `:`), compared with createrepo_c as well

Run with a Python that has createrepo_c (from PyPI) and pytest; `dnf`, `rpm`, `rpmbuild` and `cargo` are called as programs.
Besides the folders above, the packages of tests/fixtures/rpm-corner-cases are compared, and those of ../shared/corpus if
that is beside the tree.
"""

import gzip
import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import createrepo_c as cr
import pytest
from programs import rpms, run

# Fields and records of what dnf and rpm print are told apart by characters that no package has.
FIELD, RECORD = "\x1f", "\x1e"
FLAGS = {None: "", "": "", "LT": "<", "LE": "<=", "EQ": "=", "GE": ">=", "GT": ">"}


TREE = Path(__file__).resolve().parents[2]
CORNER_CASES = TREE / "tests/fixtures/rpm-corner-cases"


def samples():
    """The corner cases, the minidistro and, if there are any, other folders of RPMs."""
    folders = [os.environ.get("COPR_MINIDISTRO", ""), *os.environ.get("COPR_RPM_SAMPLES", "").split(":")]
    corpus = TREE.parent / "shared/corpus"
    return [CORNER_CASES, *[Path(f).resolve() for f in folders if f], *[corpus for c in [corpus] if c.is_dir()]]


@pytest.fixture(scope="session")
def made(copr_repo, tmp_path_factory):
    """folder of RPMs -> where they are, and the folder of the metadata that `copr-repo create` makes of them."""
    done = {}

    def make(folder):
        if folder not in done:
            packages = Path(run(folder / "make").splitlines()[-1]) if folder == CORNER_CASES else folder
            output = tmp_path_factory.mktemp("made")
            report = json.loads(run(copr_repo, "create", "--json", "--compress", "gz", "-o", output, packages))
            assert report["skipped"] == []
            assert report["packages"] == len(rpms(packages))
            done[folder] = packages, output
        return done[folder]

    return make


def normal_evr(evr):
    """`1-2` and `0:1-2` are the same; dnf writes one, rpm the other."""
    return evr.removeprefix("0:")


def normal_dependency(text):
    words = text.split(" ") if not text.startswith("(") else [text]
    return " ".join([*words[:-1], normal_evr(words[-1])]) if len(words) == 3 else text


def rpm_facts(folder):
    """What `rpm -qp` says: file name -> nevra, requires, provides, files."""
    arch = "%|SOURCEPACKAGE?{src}:{%{ARCH}}|"
    scalar = "%{NAME}-%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}." + arch
    query = FIELD.join(
        [scalar, "[%{REQUIRENEVRS}\n]", "[%{PROVIDENEVRS}\n]", "[%{FILENAMES}\n]", "[%{REQUIREFLAGS}\n]"]
    )
    facts = {}
    for path in rpms(folder):
        nevra, requires, provides, files, flags = run("rpm", "-qp", "--nosignature", "--qf", query, path).split(FIELD)
        # A requirement in the old style that may be missing is a recommendation in repodata.
        strong = [r for r, f in zip(requires.splitlines(), flags.splitlines()) if not int(f) & (1 << 19)]
        facts[path.relative_to(folder).as_posix()] = {
            "nevra": nevra.replace("-0:", "-", 1),
            "requires": Counter(map(normal_dependency, strong)),
            "provides": Counter(map(normal_dependency, provides.splitlines())),
            "files": Counter(files.splitlines()),
        }
    assert facts, f"no packages under {folder}"
    return facts


def expected_requires(fact):
    """The requirements of a header as createrepo_c's documented filter leaves them, as a set: without rpmlib(), own
    primary files and own provides, and with only the highest libc."""
    kept = set()
    libc = []
    for requirement in fact["requires"]:
        name = requirement.split(" ")[0]
        primary = name.startswith("/etc/") or "bin/" in name or name == "/usr/lib/sendmail"
        if name.startswith("rpmlib("):
            continue
        if name.startswith("/") and primary and name in fact["files"]:
            continue
        if requirement in fact["provides"]:
            continue
        if name.startswith("libc.so.6"):
            libc.append(requirement)
            continue
        kept.add(requirement)

    def version(name):
        inside = name.partition("(")[2].partition(")")[0]
        digits = inside.lstrip("".join(set(inside) - set("0123456789")))
        return [int(part) for part in digits.split(".") if part.isdigit()]

    return kept | ({max(libc, key=version)} if libc else set())


def text_of(dependency):
    name, flags, epoch, version, release, _pre = dependency
    if not flags:
        return name
    evr = f"{epoch}:{version}" if epoch not in (None, "", "0") else version or ""
    return f"{name} {FLAGS[flags]} {evr}{'-' + release if release else ''}"


def parsed_by_createrepo_c(folder):
    """href -> package, read from the metadata in a folder, with no warning allowed."""
    warnings = []
    repomd = cr.Repomd(str(folder / "repodata/repomd.xml"))
    paths = {record.type: str(folder / record.location_href) for record in repomd.records}
    packages = cr.PackageIterator(
        primary_path=paths["primary"],
        filelists_path=paths["filelists"],
        other_path=paths["other"],
        warningcb=lambda kind, message: warnings.append((kind, message)) or True,
    )
    by_href = {package.location_href: package for package in packages}
    assert warnings == []
    return by_href


def test_createrepo_c_reads_what_rpm_says(minidistro):
    facts, packages = rpm_facts(minidistro), parsed_by_createrepo_c(minidistro)
    assert packages.keys() == facts.keys()
    for href, fact in facts.items():
        package = packages[href]
        assert package.nevra().replace("-0:", "-", 1) == fact["nevra"], href
        assert {text_of(d) for d in package.requires} == expected_requires(fact), href
        assert Counter(text_of(d) for d in package.provides) == fact["provides"], href
        assert Counter(directory + name for _, directory, name in (f[:3] for f in package.files)) == fact["files"], href


@pytest.fixture(scope="session")
def dnf(minidistro, tmp_path_factory):
    """Asks dnf about the minidistro: query format -> lines."""
    cache = tmp_path_factory.mktemp("dnf")
    (cache / "log").mkdir()
    configuration = cache / "dnf.conf"
    configuration.write_text("[main]\n")

    def query(form, *options):
        return run(
            "dnf",
            "-q",
            f"--config={configuration}",
            f"--setopt=cachedir={cache}/cache",
            f"--setopt=logdir={cache}/log",
            f"--setopt=persistdir={cache}/persist",
            "--setopt=reposdir=/nonexistent",
            "--setopt=pluginpath=/nonexistent",
            "--setopt=module_platform_id=platform:minidistro",
            "--noplugins",
            f"--installroot={cache}/root",
            "--releasever=12",
            "--forcearch=x86_64",
            "--disablerepo=*",
            f"--repofrompath=minidistro,file://{minidistro}",
            "--enablerepo=minidistro",
            "--setopt=minidistro.gpgcheck=0",
            "repoquery",
            "--showduplicates",
            f"--qf={form}{RECORD}",
            *options,
        )

    return query


def dnf_lists(dnf, field):
    """nevra -> Counter of what dnf lists under a field. It prints lists with a line a value."""
    lists = defaultdict(Counter)
    for record in dnf("%{name}-%{epoch}:%{version}-%{release}.%{arch}" + FIELD + "%{" + field + "}").split(RECORD):
        if FIELD in record:
            nevra, values = record.lstrip("\n").split(FIELD)
            lists[nevra.replace("-0:", "-", 1)].update(v for v in values.split("\n") if v)
    return lists


def by_nevra(facts):
    return {fact["nevra"]: fact for fact in facts.values()}


def test_dnf_lists_the_packages_that_rpm_knows(dnf, minidistro):
    printed = dnf("%{name}-%{epoch}:%{version}-%{release}.%{arch}")
    names = {n.strip().replace("-0:", "-", 1) for n in printed.split(RECORD) if n.strip()}
    assert names == by_nevra(rpm_facts(minidistro)).keys()


def test_dnf_agrees_with_rpm_on_requires(dnf, minidistro):
    lists = dnf_lists(dnf, "requires")
    for nevra, fact in by_nevra(rpm_facts(minidistro)).items():
        assert {normal_dependency(r) for r in lists[nevra]} == expected_requires(fact), nevra


def test_dnf_agrees_with_rpm_on_provides(dnf, minidistro):
    lists = dnf_lists(dnf, "provides")
    for nevra, fact in by_nevra(rpm_facts(minidistro)).items():
        assert {normal_dependency(p) for p in lists[nevra]} == set(fact["provides"]), nevra


def test_dnf_agrees_with_rpm_on_files(dnf, minidistro):
    lists = dnf_lists(dnf, "files")
    for nevra, fact in by_nevra(rpm_facts(minidistro)).items():
        # A source package's files have no folder: dnf lists them under `/`.
        expected = {f if f.startswith("/") else f"/{f}" for f in fact["files"]}
        assert {f if f.startswith("/") else f"/{f}" for f in lists[nevra]} == expected, nevra


def fragments(folder):
    """href -> the three XML texts of a package, as they stand in our metadata; the texts around them beside."""
    repomd = cr.Repomd(str(folder / "repodata/repomd.xml"))
    parts, around = [], []
    for kind in ("primary", "filelists", "other"):
        (record,) = [r for r in repomd.records if r.type == kind]
        document = gzip.decompress((folder / record.location_href).read_bytes()).decode()
        head, *packages = document.split("<package ")
        foot = ""
        if packages:
            packages[-1], end, foot = packages[-1].partition("</package>\n")
            packages[-1] += end
        parts.append(["<package " + p for p in packages])
        around.append((head, foot))
    hrefs = [p.split('<location href="')[1].split('"')[0] for p in parts[0]]
    return dict(zip(hrefs, zip(*parts))), around


# Where our metadata differ from createrepo_c's on purpose: file name -> why. Everything else is the same.
FORBIDDEN = "characters that XML cannot hold: createrepo_c leaves the package out, we put U+FFFD for them"
REFUSED = {
    "control-characters-1-1.noarch.rpm": FORBIDDEN,
    "control-characters-1-1.src.rpm": FORBIDDEN,
    "control-characters.rpm": FORBIDDEN,
}
# File name -> what createrepo_c says, what we say instead, and why.
REWRITTEN = {
    "versions-of-dependencies.rpm": ("007", "7", "an epoch is a number, and we write it as one"),
}


def is_format_6(path):
    """Packages of format 6 keep the archive's size under a tag that older rpm libraries do not know: they say 0."""
    return path.read_bytes()[4] == 4


TEXTS = (
    "name arch epoch version release summary description url rpm_license rpm_vendor rpm_group rpm_buildhost rpm_sourcerpm "
    "rpm_packager pkgId checksum_type location_href location_base"
).split()
NUMBERS = "time_file time_build size_package size_installed size_archive rpm_header_start rpm_header_end".split()
DEPENDENCIES = "requires provides conflicts obsoletes recommends suggests supplements enhances".split()


def written(text):
    """Text as XML can hold it."""
    return "".join("\ufffd" if c < " " and c not in "\t\n\r" or c in "\ufffe\uffff" else c for c in text or "")


def attributes(package):
    """All that a package of createrepo_c's says, without what metadata cannot say: versions that are compared with
    nothing, `pre` outside of requires."""
    found = {name: written(getattr(package, name)) for name in TEXTS}
    found |= {name: getattr(package, name) for name in NUMBERS}
    for kind in DEPENDENCIES:
        found[kind] = [
            (
                written(name),
                flags,
                *(map(written, (epoch, version, release)) if flags else ()),
                kind == "requires" and pre,
            )
            for name, flags, epoch, version, release, pre in getattr(package, kind)
        ]
    found["files"] = [(kind or "", written((directory or "") + name)) for kind, directory, name, *_ in package.files]
    found["changelogs"] = [(written(author), time, written(text)) for author, time, text in package.changelogs]
    return found


def attributes_of_file(path, href, folder):
    """What createrepo_c finds in a package file. Its Python module cannot show text that is not UTF-8 (it raises, or
    gives U+FFFD); then its own XML is asked."""
    package = cr.package_from_rpm(str(path), location_href=href, changelog_limit=10)
    try:
        found = attributes(package)
        if "\ufffd" not in str(found) or path.name in REFUSED:
            return found
    except UnicodeDecodeError:
        pass
    paths = []
    roots = {"primary": "metadata", "filelists": "filelists", "other": "otherdata"}
    for (kind, root), xml in zip(roots.items(), cr.xml_dump(package)):
        paths.append(folder / f"{kind}.xml")
        paths[-1].write_text(f'<{root} xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">{xml}</{root}>')
    primary, filelists, other = map(str, paths)
    (package,) = cr.PackageIterator(primary_path=primary, filelists_path=filelists, other_path=other)
    return attributes(package)


@pytest.mark.parametrize("folder", samples(), ids=lambda f: f.name)
def test_every_attribute_of_every_package_is_what_createrepo_c_finds(folder, made, tmp_path):
    packages, output = made(folder)
    ours = parsed_by_createrepo_c(output)
    assert len(ours) == len(rpms(packages))
    for path in rpms(packages):
        href = path.relative_to(packages).as_posix()
        theirs = attributes_of_file(path, href, tmp_path)
        mine = attributes(ours[href])
        if is_format_6(path) and theirs["size_archive"] == 0:
            theirs["size_archive"] = mine["size_archive"]
        for name in theirs:
            if path.name in REWRITTEN and name in DEPENDENCIES:
                old, new, _why = REWRITTEN[path.name]
                theirs[name] = [tuple(new if value == old else value for value in d) for d in theirs[name]]
            assert mine[name] == theirs[name], f"{name} of {href}"


@pytest.mark.parametrize("folder", samples(), ids=lambda f: f.name)
def test_every_package_is_rendered_as_createrepo_c_renders_it(folder, made):
    packages, output = made(folder)
    ours, around = fragments(output)
    assert len(ours) == len(rpms(packages))
    for path in rpms(packages):
        href = path.relative_to(packages).as_posix()
        package = cr.package_from_rpm(str(path), location_href=href, changelog_limit=10)
        mine = ours[href.replace("&", "&amp;")]
        if path.name in REFUSED:
            with pytest.raises(cr.CreaterepoCError, match="Forbidden control chars"):
                cr.xml_dump(package)
            assert any("\ufffd" in xml or "&#xFFFD;" in xml for xml in mine), f"{href}: {REFUSED[path.name]}"
            continue
        theirs = cr.xml_dump(package)
        for kind, my_xml, their_xml in zip(("primary", "filelists", "other"), mine, theirs):
            if is_format_6(path) and package.size_archive == 0:
                my_xml, their_xml = (cut_archive_size(x) for x in (my_xml, their_xml))
            if path.name in REWRITTEN:
                old, new, _why = REWRITTEN[path.name]
                their_xml = their_xml.replace(f'epoch="{old}"', f'epoch="{new}"')
            assert my_xml == their_xml, f"{kind} of {href}"
    for (head, foot), kind in zip(around, ("metadata", "filelists", "otherdata")):
        assert f'packages="{len(ours)}">\n' in head
        assert foot == f"</{kind}>"


def cut_archive_size(xml):
    return "".join(line.split(" archive=")[0] + "\n" for line in xml.splitlines())


def test_the_order_of_packages_is_that_of_createrepo_c(minidistro):
    hrefs = list(parsed_by_createrepo_c(minidistro))
    assert hrefs == sorted(hrefs, key=lambda href: (os.path.basename(href), os.path.dirname(href)))


@pytest.mark.parametrize("compression", ["gz", "zstd"])
def test_createrepo_c_accepts_checksums_and_sizes(compression, copr_repo, minidistro, tmp_path):
    run(copr_repo, "create", "-q", "--compress", compression, "-o", tmp_path, minidistro)
    repomd = cr.Repomd(str(tmp_path / "repodata/repomd.xml"))
    assert [r.type for r in repomd.records] == ["primary", "filelists", "other"]
    for record in repomd.records:
        path = tmp_path / record.location_href
        theirs = cr.RepomdRecord(record.type, str(path))
        theirs.fill(cr.SHA256)
        for field in ("checksum", "checksum_open", "size", "size_open"):
            assert getattr(record, field) == getattr(theirs, field), f"{field} of {record.type}"
    assert len(parsed_by_createrepo_c(tmp_path)) == len(rpms(minidistro))


def test_an_empty_repository_is_accepted(copr_repo, tmp_path):
    run(copr_repo, "create", "-q", tmp_path)
    assert parsed_by_createrepo_c(tmp_path) == {}
