"""`copr-repo closure` beside `dnf repoclosure`: the same unsatisfied requirements of the same packages."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from dnf_api import ARCH, SETTINGS, Repository
from made_up import Chance, Package, write_repository

SEEDS = int(os.environ.get("COPR_RESOLVE_SEEDS") or 25) // 5


@pytest.fixture(scope="session")
def theirs(tmp_path_factory):
    """theirs(repositories, word, ...) -> {(NEVRA, repository): its unsatisfied requirements} of `dnf repoclosure`."""
    folder = tmp_path_factory.mktemp("dnf")
    (folder / "dnf.conf").write_text("[main]\n")
    (folder / "logdir").mkdir()

    def call(repositories, *words):
        settings = {name: value for name, value in SETTINGS.items() if name != "pluginpath"}
        settings |= {name: folder / name for name in ("cachedir", "logdir", "persistdir")}
        options = ["dnf", "-q", f"--config={folder / 'dnf.conf'}", f"--installroot={folder / 'root'}"]
        options += ["--releasever=12", f"--forcearch={ARCH}"]
        options += [f"--setopt={name}={value}" for name, value in settings.items()]
        options += ["--disableplugin=*", "--enableplugin=repoclosure"]
        options += [f"--repofrompath={r.name},{r.folder.as_uri()}" for r in repositories]
        done = subprocess.run([*options, "repoclosure", *words], capture_output=True, text=True)
        assert done.returncode == 0 or "Repoclosure ended" in done.stderr, done.stderr
        found = {}
        for line in done.stdout.splitlines():
            if package := re.fullmatch(r"package: (\S+) from (\S+)", line):
                requirements = found[package.groups()] = set()
            elif line.startswith("    "):
                requirements.add(line.strip())
        assert bool(found) == bool(done.returncode)
        return found

    return call


@pytest.fixture(scope="session")
def ours(copr_repo, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")

    def call(repositories, *words):
        options = [copr_repo, "closure", "--json", "--arch", ARCH, "--cache", cache]
        for r in repositories:
            options += ["--repo", f"{r.name}={r.folder}"]
        done = subprocess.run([*map(str, options), *words], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        found = {(p["nevra"], p["repository"]): set(p["unsatisfied"]) for p in json.loads(done.stdout)["packages"]}
        assert bool(found) == bool(done.returncode)
        return found

    return call


def differences(theirs, ours):
    lines = []
    for package in sorted(theirs.keys() | ours.keys()):
        one, other = theirs.get(package, set()), ours.get(package, set())
        if one != other:
            lines.append(f"{package}: only dnf: {sorted(one - other)}; only copr-repo: {sorted(other - one)}")
    return lines


def same(repositories, ours, theirs, *words):
    assert not differences(theirs(repositories, *words), ours(repositories, *words))


def test_everything_in_the_minidistro_can_be_installed(minidistro, ours, theirs):
    repositories = [Repository("minidistro", minidistro)]
    assert ours(repositories) == {}
    same(repositories, ours, theirs)


VARIANTS = {
    "all": [],
    "one checked": ["--check", "two"],
    "two checked": ["--check", "one", "--check", "two"],
    "newest": ["--newest"],
    "newest of one": ["--newest", "--check", "one"],
}


@pytest.mark.parametrize("words", VARIANTS.values(), ids=VARIANTS.keys())
def test_the_same_is_missing_in_several_repositories(words, ours, theirs, tmp_path):
    for seed in range(SEEDS):
        chances = {name: Chance(f"closure {seed} {name}", 40, missing=0.1, rich=0) for name in ("one", "two", "three")}
        repositories = [
            Repository(name, write_repository(tmp_path / f"{seed}{name}", chance.packages()))
            for name, chance in chances.items()
        ]
        same(repositories, ours, theirs, *words)


def test_sources_and_foreign_architectures_are_checked_but_satisfy_nothing(ours, theirs, tmp_path):
    packages = [
        Package("source", arch="src", requires=["only-in-source", "tool"], provides=["only-in-source"]),
        Package("foreign", arch="aarch64", requires=["nobody-has-it"], provides=["only-foreign"]),
        Package("old", arch="i686", provides=["only-old"]),
        Package("tool", requires=["only-foreign", "only-in-source", "only-old", "rpmlib(Nothing) <= 1-1", "tool"]),
        Package("paths", requires=["/usr/share/x", "/usr/share/y", "/etc/z"], files=["/usr/share/x", "/etc/z"]),
        Package("versions", requires=["tool > 1-1", "tool >= 1:0-1", "tool = 1", "tool < 2-0"]),
    ]
    same([Repository("one", write_repository(tmp_path / "one", packages))], ours, theirs)


# requirement -> whether it is unsatisfied for dnf, and for us; `here` and `there` exist, `gone` and `lost` do not.
RICH = {
    "(here or gone)": (False, False),
    "(gone or lost)": (True, True),
    "(here with there)": (True, True),
    "(here without there)": (False, False),
    "(gone without here)": (True, True),
    # dnf is content when anything provides one of them.
    "(here and gone)": (False, True),
    "(gone and lost)": (True, True),
    # dnf asks for the first, even where nothing is there to make it necessary.
    "(gone if lost)": (True, False),
    "(gone if here)": (True, True),
    "(here unless gone)": (False, False),
}


def test_rich_requirements_are_missing_as_with_dnf_but_for_and_and_if(ours, theirs, tmp_path):
    packages = [Package("here"), Package("there"), *(Package(f"p{n}", requires=[text]) for n, text in enumerate(RICH))]
    repositories = [Repository("one", write_repository(tmp_path / "one", packages))]
    for number, found in enumerate((theirs(repositories), ours(repositories))):
        missing = {text for requirements in found.values() for text in requirements}
        assert missing == {text for text, unsatisfied in RICH.items() if unsatisfied[number]}


@pytest.mark.skipif(not os.environ.get("COPR_RESOLVE_REPOSITORY"), reason="COPR_RESOLVE_REPOSITORY is not set")
@pytest.mark.parametrize("words", [[], ["--newest"]], ids=["all", "newest"])
def test_the_same_is_missing_in_a_distribution(words, ours, theirs):
    same([Repository("distribution", Path(os.environ["COPR_RESOLVE_REPOSITORY"]))], ours, theirs, *words)
