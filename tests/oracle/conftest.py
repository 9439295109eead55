"""Fixtures of the tests in this folder. The environment is described in test_repodata.py."""

import os
import shutil
from pathlib import Path

import pytest
from programs import THEIR_PROGRAMS, from_environment, rpms, run

TREE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def copr_repo():
    return from_environment("COPR_REPO_BIN")


@pytest.fixture(scope="session")
def minidistro():
    return from_environment("COPR_MINIDISTRO")


@pytest.fixture(scope="session")
def corner_cases():
    """The folder of the packages of tests/fixtures/rpm-corner-cases."""
    return Path(run(TREE / "tests/fixtures/rpm-corner-cases/make").splitlines()[-1])


@pytest.fixture(scope="session")
def ours(copr_repo, tmp_path_factory):
    """Our program under a name of createrepo_c's: ours("mergerepo_c")."""
    folder = tmp_path_factory.mktemp("ours")
    run(copr_repo, "compat", folder)
    return lambda name: folder / name


@pytest.fixture(scope="session")
def theirs():
    """createrepo_c 1.2.5's program of a name."""
    return lambda name: THEIR_PROGRAMS / name


# Corner cases that createrepo_c leaves out, or that it reads by an older rpm library; test_repodata.py has the details.
APART = ("control-characters", "format-6", "versions-of-dependencies", "many-files")


@pytest.fixture(scope="session")
def packages(corner_cases, minidistro, tmp_path_factory):
    """A folder of packages with sub-folders, links, packages that are there twice, comps and lists."""
    folder = tmp_path_factory.mktemp("packages")
    for number, path in enumerate(p for p in rpms(corner_cases) if not p.name.startswith(APART)):
        place = folder / ("", "a", "b/deep", "z z+~^")[number % 4]
        place.mkdir(parents=True, exist_ok=True)
        os.link(path, place / path.name) if same_device(path, place) else shutil.copy2(path, place)
    (folder / "mini").mkdir()
    small = [p for p in sorted(rpms(minidistro), key=lambda p: p.name) if p.stat().st_size < 100_000]
    assert len(small) >= 3, "the minidistro has hardly any small packages"
    for path in small[:12]:
        shutil.copy2(path, folder / "mini")
    shutil.copy2(folder / "mini" / small[0].name, folder / "a")
    (folder / "mini/linked.rpm").symlink_to(f"../a/{small[0].name}")
    (folder / "comps.xml").write_text(COMPS)
    run("gzip", "-k", folder / "comps.xml")
    run("xz", "-k", folder / "comps.xml")
    (folder / "list").write_text("".join(f"{p.relative_to(folder)}\n" for p in reversed(rpms(folder)[::3])) + "\n")
    (folder / "readme.txt").write_text("not a package\n")
    return folder


def same_device(one, other):
    return one.stat().st_dev == other.stat().st_dev


COMPS = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <group>
    <id>core</id>
    <name>Core</name>
    <description>What there has to be</description>
    <default>true</default>
    <uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">texts</packagereq>
    </packagelist>
  </group>
</comps>
"""
