"""`mergerepo_c` as we do it against createrepo_c 1.2.5's: the same repositories, the same options, the same result."""

import os
import re

import createrepo_c as cr
import pytest
from programs import Repository, run

SPEC = """Name: {name}
Version: {version}
Release: {release}
{epoch}
Summary: A package to merge
License: MIT
%description
Built for {where}.
%files
%package more
Summary: More
%description more
More.
%files more
"""

# Repository -> (name, epoch, version, release, architecture); each is a source package with two results. Of several
# versions in one repository mergerepo_c takes any, but with some methods: only for those the last repository is there.
BUILDS = {
    "first": [
        ("greet", None, "1.0", "1", "x86_64"),
        ("noarch-too", None, "1", "1", "noarch"),
        ("old-here", None, "1", "1", "x86_64"),
        ("blocked", None, "1", "1", "x86_64"),
    ],
    "second": [
        ("greet", None, "1.0", "1", "x86_64"),
        ("other-arch", None, "2.0", "1", "i686"),
        ("noarch-too", None, "1", "2", "noarch"),
        ("old-here", None, "1.10", "1", "x86_64"),
        ("only-second", None, "1", "1", "x86_64"),
    ],
    "third": [
        ("greet", 1, "0.5", "1", "x86_64"),
        ("noarch-too", None, "1", "1", "noarch"),
        ("old-here", None, "1.9", "1", "x86_64"),
        ("foreign", None, "1", "1", "aarch64"),
        ("blocked", None, "2", "1", "noarch"),
    ],
    "double": [
        ("greet", 1, "0.5", "2", "x86_64"),
        ("double", None, "1~rc1", "1", "x86_64"),
        ("double", None, "1", "1", "x86_64"),
        ("double", None, "1^post", "1", "x86_64"),
        ("double", None, "1.10", "1", "x86_64"),
        ("double", None, "1.9", "1", "x86_64"),
    ],
}
TELLING = {"--all", "nvr", "--koji", "-k"}
UPDATEINFO = """<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="x" status="final" type="bugfix" version="1">
    <id>{name}-2026-1</id>
    <title>An update of {name}</title>
    <issued date="2026-01-05 00:00:00"/>
    <description>Mends.</description>
    <references/>
    <pkglist><collection short="c"><name>C</name>
      <package name="greet" version="1.0" release="1" epoch="0" arch="x86_64" src="greet-1.0-1.src.rpm">
        <filename>greet-1.0-1.x86_64.rpm</filename>
      </package>
    </collection></pkglist>
  </update>
</updates>
"""


@pytest.fixture(scope="session")
def repositories(theirs, packages, tmp_path_factory):
    """Three repositories that have some packages in common, made by createrepo_c. The second has comps, the second and
    the third have advisories, and some packages of the third have a base already."""
    folder = tmp_path_factory.mktemp("merge")
    for number, (where, builds) in enumerate(BUILDS.items()):
        repository = folder / where
        repository.mkdir()
        for name, epoch, version, release, arch in builds:
            spec = folder / "x.spec"
            line = f"Epoch: {epoch}" if epoch else "BuildRequires: nothing"
            spec.write_text(SPEC.format(name=name, version=version, release=release, epoch=line, where=where))
            defines = [
                f"_topdir {folder}/build",
                f"_rpmdir {repository}",
                f"_srcrpmdir {repository}/src",
                "dist %{nil}",
            ]
            defines += [
                "debug_package %{nil}",
                "_buildhost fixture",
                "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
            ]
            run("rpmbuild", "--quiet", "--nodeps", "-ba", "--target", arch, *(f"--define={d}" for d in defines), spec)
        for path in repository.rglob("*.rpm"):
            # The files of the second repository are the newest.
            time = 1_700_000_000 + (0, 2000, 1000, 500)[number]
            os.utime(path, (time, time))
        options = ["-g", packages / "comps.xml"] if where == "second" else []
        options += ["-u", "http://example.org/third"] if where == "third" else []
        run(theirs("createrepo_c"), "-q", *options, repository)
        if where != "first":
            (folder / "updateinfo.xml").write_text(UPDATEINFO.format(name=where))
            run(theirs("modifyrepo_c"), folder / "updateinfo.xml", repository / "repodata")
    (folder / "blocklist").write_text("blocked\n\nnothing-of-this-name\n")
    return folder


def merged(program, repositories, options, output):
    options = [o.replace("{folder}", str(repositories)) for o in options]
    names = list(BUILDS) if TELLING & set(options) else ["first", "second", "third"]
    named = [] if "-r" in options else [w for name in names for w in ("-r", repositories / name)]
    run(program, "-o", output, *options, *named)
    return Repository(output)


OPTIONS = {
    "by repository": [],
    "by time": ["--method", "ts"],
    "by version": ["--method", "nvr"],
    "all versions": ["--all"],
    "of an architecture": ["-a", "x86_64", "--all"],
    "of two architectures": ["-a", "i686,aarch64"],
    "with its relatives": ["-a", "x86_64", "--arch-expand", "--method", "nvr"],
    "gz and plain names": ["--compress-type", "gz", "--simple-md-filenames"],
    "xz": ["--compress-type", "xz"],
    "without advisories": ["--noupdateinfo"],
    "other comps": ["-g", "{folder}/second/repodata/../comps-of-ours.xml"],
    "without base": ["--omit-baseurl"],
    "other prefix": ["--repo-prefix-search", "{folder}", "--repo-prefix-replace", "http://example.org/all"],
    "prefix of some": ["--repo-prefix-search", "{folder}/second", "--repo-prefix-replace", "ftp://e.org/x", "--all"],
    "file URLs": ["-r", "file://{folder}/first", "-r", "file://{folder}/second/", "--all"],
    "slash at the end": ["-r", "{folder}/second/", "-r", "{folder}/first//"],
    "one": ["-r", "{folder}/third"],
    "noarch from elsewhere": [
        "-r",
        "{folder}/first",
        "-r",
        "{folder}/second",
        "--noarch-repo",
        "{folder}/third",
        "--all",
    ],
    "origins": ["--pkgorigins", "--all"],
    "origins by repository": ["--pkgorigins"],
    "koji": ["--koji", "-a", "x86_64"],
    "koji, blocked": ["--koji", "-b", "{folder}/blocklist", "-a", "x86_64", "--arch-expand"],
    "koji, sources": ["-k", "-a", "src,x86_64"],
    "koji, noarch only": ["--koji"],
    "koji, simple": ["--koji", "--simple", "-a", "x86_64", "--arch-expand"],
    "koji, simple, blocked": ["--koji", "--simple", "-a", "x86_64;i686", "-b", "{folder}/blocklist"],
    "koji, from the second": [
        "--koji",
        "-a",
        "x86_64",
        "-r",
        "{folder}/second",
        "-r",
        "{folder}/third",
        "-r",
        "{folder}/first",
    ],
    "databases": ["-d", "--all"],
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_the_merged_repository_is_that_of_mergerepo_c(options, ours, theirs, repositories, packages, tmp_path):
    (repositories / "second/comps-of-ours.xml").write_text((packages / "comps.xml").read_text().replace("core", "c2"))
    mine = merged(ours("mergerepo_c"), repositories, options, tmp_path / "ours")
    other = merged(theirs("mergerepo_c"), repositories, options, tmp_path / "theirs")
    assert mine.packages() == other.packages()
    for kind in ("primary", "filelists", "other"):
        text = other.text(kind)
        if "--simple" in options:
            # mergerepo_c does not count those that are there twice.
            text = re.sub(r'packages="\d+"', f'packages="{len(other.packages())}"', text, count=1)
        assert mine.text(kind) == text, kind
    assert set(mine.records) == set(other.records)
    for kind in set(other.records) - {"primary", "filelists", "other", "updateinfo"}:
        if kind.endswith("_db"):
            # mergerepo_c writes bases as paths here, but as URLs into the XML.
            assert [line.replace("'file:///", "'/") for line in mine.database(kind)] == other.database(kind), kind
        elif kind == "origin":
            assert sorted(mine.text(kind).splitlines()) == sorted(other.text(kind).splitlines())
        else:
            assert mine.text(kind) == other.text(kind), kind


def test_advisories_of_all_repositories_are_kept_unlike_mergerepo_cs(ours, repositories, tmp_path):
    """mergerepo_c always writes an empty list."""
    advisories = cr.UpdateInfo(str(merged(ours("mergerepo_c"), repositories, [], tmp_path).path("updateinfo")))
    assert [u.id for u in advisories.updates] == ["second-2026-1", "third-2026-1"]


def test_comps_are_left_out_on_demand_unlike_mergerepo_cs(ours, repositories, tmp_path):
    """mergerepo_c leaves out those of --groupfile only."""
    assert "group" not in merged(ours("mergerepo_c"), repositories, ["--nogroups"], tmp_path).records


def test_digests_of_files_are_merged_unlike_mergerepo_cs(ours, theirs, packages, tmp_path):
    """mergerepo_c 1.2.5 names a filelists that is not there when it is asked for filelists-ext."""
    for name in ("a", "mini"):
        (tmp_path / name).mkdir()
        run(theirs("createrepo_c"), "-q", "--filelists-ext", "-S", "-o", tmp_path / name, packages / name)
    words = [w for name in ("a", "mini") for w in ("-r", tmp_path / name)]
    run(ours("mergerepo_c"), "--filelists-ext", "--koji", "--simple", "-a", "x86_64,noarch,src", "-o", tmp_path, *words)
    inputs = [Repository(tmp_path / name).fragments("filelists-ext")[1] for name in ("a", "mini")]
    assert Repository(tmp_path).fragments("filelists-ext")[1] == sorted(inputs[0] + inputs[1])
