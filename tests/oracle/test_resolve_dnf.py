"""`copr-repo solve` beside dnf 4: the same packages of the same repositories for the same request, or both refuse.

dnf answers in this process (dnf_api.py); some answers are compared with those of the program `dnf`. What is known to
differ stands with its reason in resolve_differences.toml; the tests fail on any other difference, and on an entry that
is not one any more.

COPR_RESOLVE_SINGLES, COPR_RESOLVE_PAIRS: how many random packages, and pairs, are asked for of each large repository;
COPR_RESOLVE_SEEDS: how many small repositories are made up; COPR_RESOLVE_REPOSITORY: a large repository as well, for
instance that of `copr-bench data repository`; COPR_RESOLVE_ANSWERS: a folder where dnf's answers about it are kept.
"""

import hashlib
import itertools
import json
import os
import random
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from dnf_api import ARCH, SETTINGS, UNKNOWN, UNSOLVABLE, Dnf, Repository
from made_up import Chance, write_repository
from programs import run

SINGLES = int(os.environ.get("COPR_RESOLVE_SINGLES") or 60)
PAIRS = int(os.environ.get("COPR_RESOLVE_PAIRS") or 20)
SEEDS = int(os.environ.get("COPR_RESOLVE_SEEDS") or 25)
KNOWN = tomllib.loads((Path(__file__).parent / "resolve_differences.toml").read_text()).get("difference", [])
REFUSED = "refused"


@pytest.fixture(scope="session")
def ours(copr_repo, tmp_path_factory):
    """ours(repositories, specs, weak=True, best=False) -> what dnf_api's install gives."""
    cache = tmp_path_factory.mktemp("cache")

    def solve(repositories, specs, weak=True, best=False):
        words = [copr_repo, "solve", "--json", "--arch", ARCH, "--cache", cache, "--weak" if weak else "--no-weak"]
        words += ["--best"] if best else []
        for r in repositories:
            words += ["--repo", f"{r.name}={r.folder},priority={r.priority},cost={r.cost}"]
        done = subprocess.run([*map(str, words), *specs], capture_output=True, text=True)
        assert done.returncode in (0, 1), f"{words} ended with {done.returncode}: {done.stderr}"
        answer = json.loads(done.stdout)
        if done.returncode:
            assert answer["problems"], "a refusal tells why"
            return REFUSED
        return sorted((package["nevra"], package["repository"]) for package in answer["install"])

    return solve


class Comparison:
    """The differences of one set of repositories, by request."""

    def __init__(self, title):
        self.title = title
        self.asked = set()
        self.found = {}

    def add(self, specs, weak, theirs, ours):
        theirs = REFUSED if theirs in (UNKNOWN, UNSOLVABLE) else theirs
        request = " ".join(specs) + ("" if weak else " (weak off)")
        self.asked.add(request)
        if theirs == ours:
            return
        self.found[request] = f"dnf: {render(theirs, ours)}; copr-repo: {render(ours, theirs)}"

    def judge(self, requests):
        """`requests`: how many were compared, for the message."""
        known = {entry["request"]: entry for entry in KNOWN if entry["repository"] == self.title}
        news = {request: text for request, text in self.found.items() if request not in known}
        assert not news, f"{len(news)} of {requests} differ in {self.title}:\n" + "\n".join(
            f"{request}: {text}" for request, text in sorted(news.items())
        )
        gone = sorted((set(known) & self.asked) - set(self.found))
        assert not gone, f"resolve_differences.toml lists what differs no longer: {gone}"


def render(one, other):
    if one == REFUSED:
        return one
    lacking = one if other == REFUSED else sorted(set(one) - set(other))
    return " ".join(f"{nevra}@{repository}" for nevra, repository in lacking) or "nothing more"


def compare(title, repositories, requests, dnf, ours, answers=None):
    comparison = Comparison(title)
    compared = 0
    for specs, weak in itertools.product(requests, (True, False)):
        theirs = answers.get(specs, weak) if answers else dnf.install(specs, weak=weak)
        comparison.add(specs, weak, theirs, ours(repositories, specs, weak=weak))
        compared += 1
    comparison.judge(compared)


def sample(names, singles=SINGLES, pairs=PAIRS):
    """Random packages and pairs of packages; always the same ones."""
    chance = random.Random(1)
    one = chance.sample(names, min(singles, len(names)))
    return [[name] for name in one] + [chance.sample(names, 2) for _ in range(pairs)]


class Answers:
    """dnf's answers about one repository, kept in a folder for the next run if there is one."""

    def __init__(self, repository, folder):
        self.repository, self.folder = repository, folder
        index = (repository.folder / "repodata/repomd.xml").read_bytes()
        keep = os.environ.get("COPR_RESOLVE_ANSWERS")
        self.path = keep and Path(keep) / f"{hashlib.sha256(index).hexdigest()[:16]}.json"
        self.known = json.loads(self.path.read_text()) if keep and self.path.exists() else {}
        self.dnf = None

    def names(self):
        if "names" not in self.known:
            self.known["names"] = self.load().names()
        return self.known["names"]

    def get(self, specs, weak):
        key = " ".join([*specs, "weak" if weak else "strict"])
        if key not in self.known:
            self.known[key] = self.load().install(specs, weak=weak)
        answer = self.known[key]
        return answer if isinstance(answer, str) else [tuple(package) for package in answer]

    def load(self):
        self.dnf = self.dnf or Dnf([self.repository], self.folder)
        return self.dnf

    def keep(self):
        if self.path and self.dnf:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.known))


def program(repositories, folder, specs, weak):
    """What the program `dnf` would install, off its table; the packages must have a size."""
    settings = SETTINGS | {name: folder / name for name in ("cachedir", "logdir", "persistdir")}
    settings |= {"install_weak_deps": int(weak)}
    (folder / "logdir").mkdir(exist_ok=True)
    options = ["dnf", "install", "--assumeno", "--noplugins", f"--config={folder / 'dnf.conf'}", "--releasever=12"]
    options += [f"--installroot={folder / 'root'}", f"--forcearch={ARCH}"]
    options += [f"--setopt={name}={value}" for name, value in settings.items()]
    for r in repositories:
        options += [f"--repofrompath={r.name},{r.folder.as_uri()}"]
        options += [f"--setopt={r.name}.priority={r.priority}", f"--setopt={r.name}.cost={r.cost}"]
    (folder / "dnf.conf").write_text("[main]\n")
    said = run(*options, *specs, code=1)
    if "Transaction Summary" not in said:
        return REFUSED
    table = re.split("^Skipping packages|^Transaction Summary", said, maxsplit=1, flags=re.MULTILINE)[0]
    # A long name has a line of its own.
    rows = re.findall(r"(\S+)\s+(x86_64|i686|noarch)\s+(\S+)\s+(\S+)\s+[\d.]+ [kMG]\b", table)
    return sorted((f"{name}-{evr}.{arch}", repository) for name, arch, evr, repository in rows)


@pytest.fixture(scope="session")
def minidistro_answers(minidistro, tmp_path_factory):
    return Answers(Repository("minidistro", minidistro), tmp_path_factory.mktemp("dnf"))


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """1,000 names, made up."""
    packages = Chance("large", 1000).packages()
    return write_repository(tmp_path_factory.mktemp("large") / "repository", packages)


def test_the_minidistro_gives_the_same_transactions(minidistro_answers, ours):
    repository = minidistro_answers.repository
    requests = sample(minidistro_answers.names())
    compare("minidistro", [repository], requests, None, ours, minidistro_answers)


def test_a_large_repository_gives_the_same_transactions(large, ours, tmp_path):
    repository = Repository("large", large)
    answers = Answers(repository, tmp_path)
    compare("large", [repository], sample(answers.names()), None, ours, answers)


@pytest.mark.skipif(not os.environ.get("COPR_RESOLVE_REPOSITORY"), reason="COPR_RESOLVE_REPOSITORY is not set")
def test_a_distribution_gives_the_same_transactions(ours, tmp_path):
    repository = Repository("distribution", Path(os.environ["COPR_RESOLVE_REPOSITORY"]))
    answers = Answers(repository, tmp_path)
    requests = sample(answers.names())
    for specs, weak in itertools.product(requests, (True, False)):
        answers.get(specs, weak)
    answers.keep()
    compare("distribution", [repository], requests, None, ours, answers)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_small_repositories_give_the_same_transactions(seed, ours, tmp_path):
    """Two of them, each with its own packages under the same names; every name, and some pairs."""
    chance = random.Random(seed)
    chances = [Chance(f"{seed} {number}", chance.choice([8, 15, 30])) for number in range(chance.choice([1, 1, 2]))]
    repositories = [
        Repository(name, write_repository(tmp_path / name, c.packages()), chance.choice([99, 99, 10]))
        for name, c in zip(("one", "two"), chances)
    ]
    dnf = Dnf(repositories, tmp_path / "dnf")
    names = dnf.names()
    compare(f"seed {seed}", repositories, [[n] for n in names] + sample(names, 0, 5), dnf, ours)


def test_the_program_dnf_gives_the_answers_that_we_compare_with(large, tmp_path):
    repositories = [
        Repository("large", large),
        Repository("other", write_repository(tmp_path / "other", Chance("other", 100).packages()), 50),
    ]
    dnf = Dnf(repositories, tmp_path / "dnf")
    (tmp_path / "program").mkdir()
    for specs in sample(dnf.names(), 4, 2):
        for weak in (True, False):
            theirs = dnf.install(specs, weak=weak)
            theirs = REFUSED if isinstance(theirs, str) else theirs
            assert program(repositories, tmp_path / "program", specs, weak) == theirs, specs
