"""What clients make of our repositories: dnf 4, the queries of yum on SQLite databases, zchunk's own tools."""

import hashlib
import re
import shutil
import sqlite3

import createrepo_c as cr
import pytest
from conftest import COMPS
from programs import Repository, rpms, run


@pytest.fixture(scope="session")
def dnf(tmp_path_factory):
    """Runs dnf with one repository and nothing else: dnf(folder, word, ...) -> what it prints."""
    configuration = tmp_path_factory.mktemp("dnf") / "dnf.conf"
    configuration.write_text("[main]\n")

    def call(repository, *words, installed=()):
        folder = tmp_path_factory.mktemp("dnf")
        (folder / "log").mkdir()
        for package in installed:
            run("rpm", "--root", folder / "root", "-i", "--justdb", "--nodeps", "--nosignature", package)
        settings = dict(cachedir=folder / "cache", logdir=folder / "log", persistdir=folder / "persist")
        settings |= dict(reposdir="/nonexistent", pluginpath="/nonexistent", module_platform_id="platform:el12")
        settings |= {"r.gpgcheck": 0, "r.skip_if_unavailable": 0}
        options = ["-q", f"--config={configuration}", *(f"--setopt={name}={value}" for name, value in settings.items())]
        options += ["--noplugins", f"--installroot={folder}/root", "--releasever=12", "--forcearch=x86_64"]
        options += ["--disablerepo=*", f"--repofrompath=r,file://{repository}", "--enablerepo=r"]
        return run("dnf", *options, *words)

    return call


FORM = "%{name} %{epoch}:%{version}-%{release} %{arch}"


def names_by_dnf(dnf, repository):
    return sorted(dnf(repository, "repoquery", "--showduplicates", f"--qf={FORM}").splitlines())


def names_in(repository):
    """The same of the metadata. dnf knows no architecture `nosrc`."""
    return sorted({f"{name} {evr} {arch}" for name, evr, arch, *_ in Repository(repository).packages()})


VARIANTS = {
    "gz": ["--general-compress-type", "gz"],
    "zstd": [],
    "xz": ["--general-compress-type", "xz"],
    "bz2": ["--general-compress-type", "bz2"],
    "plain names": ["--simple-md-filenames"],
    "filelists-ext": ["--filelists-ext"],
    "databases": ["--compatibility"],
    "zchunk beside": ["--zck", "--general-compress-type", "gz"],
    "SHA-512": ["-s", "sha512"],
    "without line breaks": ["--no-pretty"],
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_dnf_reads_repositories_however_they_are_written(options, dnf, ours, corner_cases, tmp_path):
    run(ours("createrepo_c"), "-q", "-o", tmp_path, *options, corner_cases)
    assert names_by_dnf(dnf, tmp_path) == names_in(tmp_path)
    files = dnf(tmp_path, "repoquery", "-l", "many-files.noarch").splitlines()
    assert len(files) == Repository(tmp_path).text("filelists").partition('name="many-files"')[2].partition(
        "</package>"
    )[0].count("<file")


def test_dnf_reads_a_repository_after_an_update_of_one_that_createrepo_c_made(dnf, ours, theirs, packages, tmp_path):
    folder = shutil.copytree(packages, tmp_path / "packages", symlinks=True)
    run(theirs("createrepo_c"), "-q", "-x", "a/*", "-g", "comps.xml", folder)
    run(ours("createrepo_c"), "-q", "--update", folder)
    assert names_by_dnf(dnf, folder) == names_in(folder)
    assert "Core" in dnf(folder, "group", "list")


def test_dnf_finds_the_packages_of_a_merged_repository(dnf, ours, packages, tmp_path):
    for name in ("a", "mini", "b"):
        (tmp_path / name).mkdir()
        run(ours("createrepo_c"), "-q", "-S", "-o", tmp_path / name, packages / name)
        for path in rpms(packages / name):
            place = tmp_path / name / path.relative_to(packages / name)
            place.parent.mkdir(exist_ok=True)
            shutil.copy2(path, place)
    words = [w for name in ("a", "mini", "b") for w in ("-r", tmp_path / name)]
    run(ours("mergerepo_c"), "--all", "-o", tmp_path / "merged", *words)
    assert names_by_dnf(dnf, tmp_path / "merged") == names_in(tmp_path / "merged")
    known = Repository(tmp_path / "merged").read_by_createrepo_c().values()
    wanted = [p for p in known if p.arch == "noarch" and not p.requires and not p.conflicts]
    words = ["install", "-y", "--downloadonly", f"--destdir={tmp_path}/fetched", *(p.name for p in wanted)]
    dnf(tmp_path / "merged", *words)
    assert wanted and len(rpms(tmp_path / "fetched")) == len(wanted)


UPDATEINFO = """<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="x" status="final" type="security" version="1">
    <id>ORACLE-2026-1</id>
    <title>texts</title>
    <issued date="2026-01-05 00:00:00"/>
    <severity>Important</severity>
    <description>Mends.</description>
    <references><reference href="https://example.org/1" id="CVE-2026-1" title="CVE-2026-1" type="cve"/></references>
    <pkglist><collection short="c"><name>C</name>
      <package name="texts" version="1.0+git^x" release="1" epoch="0" arch="noarch" src="texts.src.rpm">
        <filename>texts-1.0+git^x-1.noarch.rpm</filename>
      </package>
    </collection></pkglist>
  </update>
</updates>
"""
MODULES = """---
document: modulemd
version: 2
data:
  name: oracle
  stream: "7"
  version: 20260105
  context: 12345678
  arch: x86_64
  summary: A module
  description: A module.
  license: {module: [MIT]}
  profiles: {default: {rpms: [texts]}}
  artifacts: {rpms: ["texts-0:1.0+git^x-1.noarch"]}
---
document: modulemd-defaults
version: 1
data:
  module: oracle
  stream: "7"
  profiles: {"7": [default]}
...
"""


@pytest.mark.parametrize("compression", ["gz", "zstd", "xz"])
def test_dnf_lists_advisories_groups_and_modules_that_were_added(compression, dnf, ours, packages, tmp_path):
    run(ours("createrepo_c"), "-q", "-o", tmp_path, packages)
    for name, text in (("updateinfo.xml", UPDATEINFO), ("modules.yaml", MODULES), ("group.xml", COMPS)):
        (tmp_path / name).write_text(text)
        run(ours("modifyrepo_c"), "--compress-type", compression, tmp_path / name, tmp_path / "repodata")
    assert list(Repository(tmp_path).records) == ["primary", "filelists", "other", "group", "modules", "updateinfo"]
    (texts,) = packages.rglob("texts-*.noarch.rpm")
    advisories = dnf(tmp_path, "updateinfo", "list", "--installed", installed=[texts])
    assert advisories.split() == ["ORACLE-2026-1", "Important/Sec.", "texts-1.0+git^x-1.noarch"]
    assert "Core" in dnf(tmp_path, "group", "list")
    assert re.search(r"^oracle +7 \[d\] +default", dnf(tmp_path, "module", "list"), re.MULTILINE)


def test_yum_finds_who_provides_something_and_who_owns_a_file(ours, corner_cases, tmp_path):
    run(ours("createrepo_c"), "-q", "-d", "-o", tmp_path, corner_cases)
    databases = {}
    for kind in ("primary_db", "filelists_db", "other_db"):
        databases[kind] = sqlite3.connect(":memory:")
        databases[kind].deserialize(Repository(tmp_path).content(kind))
    by_key = dict(databases["primary_db"].execute("SELECT pkgKey, name || '.' || arch FROM packages"))
    for package in Repository(tmp_path).read_by_createrepo_c().values():
        name = f"{package.name}.{package.arch}"
        if package.arch == "src" or name.startswith(("many-files", "signature")):
            continue
        for provide in package.provides[:5]:
            keys = databases["primary_db"].execute("SELECT pkgKey FROM provides WHERE name = ?", provide[:1])
            assert name in {by_key[key] for (key,) in keys}, provide
        for _, directory, file in (f[:3] for f in package.files):
            # yum asks so in sqlitesack.py, `_search_files`, but with GLOB for patterns.
            lists = databases["filelists_db"].execute(
                "SELECT pkgKey, filenames FROM filelist WHERE dirname = ?", [directory.rstrip("/") or "/"]
            )
            owners = {by_key[key] for key, names in lists if file in names.split("/")}
            assert name in owners, directory + file
    (changes,) = databases["other_db"].execute("SELECT count(*) FROM changelog").fetchone()
    assert changes == Repository(tmp_path).text("other").count("<changelog ")
    # The tables are joined by pkgId across files, and the checksum of the document is that of repomd.xml.
    ids = [set(d.execute("SELECT pkgKey, pkgId FROM packages")) for d in databases.values()]
    assert ids[0] == ids[1] == ids[2]
    for kind, database in databases.items():
        document = Repository(tmp_path).records[kind.removesuffix("_db")]
        assert database.execute("SELECT dbversion, checksum FROM db_info").fetchall() == [(10, document.checksum[1])]


@pytest.mark.parametrize(
    "options", [["--filelists-ext", "-g", "{packages}/comps.xml"], ["--general-compress-type", "gz"]]
)
def test_zchunks_tools_open_the_copies(options, ours, packages, tmp_path):
    options = [o.replace("{packages}", str(packages)) for o in options]
    run(ours("createrepo_c"), "-q", "--zck", "-o", tmp_path, *options, packages)
    repository = Repository(tmp_path)
    copies = [kind for kind in repository.records if kind.endswith("_zck")]
    assert {"primary_zck", "filelists_zck", "other_zck"} <= set(copies)
    for kind in copies:
        run("zck_read_header", repository.path(kind))
        # unzck writes beside itself, whatever the input's folder.
        run("unzck", repository.path(kind), cwd=tmp_path)
        opened = tmp_path / repository.path(kind).name.removesuffix(".zck")
        assert opened.read_bytes() == repository.content(kind.removesuffix("_zck")), kind


def write_large_repository(folder, changed):
    """A repository of 3,000 packages of 1,000 sources, by createrepo_c's module. Package `changed` is another build."""
    (folder / "repodata").mkdir(parents=True)
    repomd = cr.Repomd()
    files = {}
    for kind, make in (("primary", cr.PrimaryXmlFile), ("filelists", cr.FilelistsXmlFile), ("other", cr.OtherXmlFile)):
        path = str(folder / f"repodata/{kind}.xml.gz")
        files[kind] = path, make(path, compressiontype=cr.GZ_COMPRESSION)
        files[kind][1].set_num_of_pkgs(3000)
    for number in range(3000):
        package = cr.Package()
        package.name, package.arch = f"package{number}", "noarch"
        package.epoch, package.version, package.release = "0", "1", "2" if number == changed else "1"
        package.pkgId = hashlib.sha256(f"{number} {package.release}".encode()).hexdigest()
        package.checksum_type = "sha256"
        package.summary, package.description, package.rpm_license = "One of many", f"Does {number} things.", "MIT"
        package.rpm_sourcerpm = f"source{number // 3}-1-1.src.rpm"
        package.location_href = f"{package.nevra()}.rpm"
        package.files = [(None, f"/usr/share/{package.name}/", f"file{n}") for n in range(10)]
        package.changelogs = [("A B <a@b.c>", 1_700_000_000 + number, f"- change {number}")]
        for _, file in files.values():
            file.add_pkg(package)
    for kind, (path, file) in files.items():
        file.close()
        record = cr.RepomdRecord(kind, path)
        record.fill(cr.SHA256)
        repomd.set_record(record)
    (folder / "repodata/repomd.xml").write_text(repomd.xml_dump())


def test_a_client_fetches_little_of_the_next_publish(ours, tmp_path):
    """All chunks are known but that of the change, and one beside; zchunk's own tool tells."""
    for name, changed in (("before", None), ("after", 1500)):
        write_large_repository(tmp_path / name, changed)
        words = ["-r", tmp_path / name, "-o", tmp_path / f"{name}-merged", "--omit-baseurl"]
        run(ours("mergerepo_c"), "--all", "--zck", "--compress-type", "gz", *words)
    before, after = (Repository(tmp_path / f"{name}-merged") for name in ("before", "after"))
    assert len(before.packages()) == 3000
    for kind in ("primary_zck", "filelists_zck", "other_zck"):
        said = run("zck_delta_size", before.path(kind), after.path(kind))
        matched, chunks = map(int, re.search(r"Matched (\d+) of (\d+) chunks", said).groups())
        assert chunks > 10 and matched >= chunks - 2, f"{kind}: {said}"
