"""The order of versions, which provides satisfy which requirements, and rich dependencies, beside rpm's own module.

Our side is the example program `judge` of copr-resolve, which asks the pool and the solver. COPR_RESOLVE_PAIRS_OF_RPM: how
many pairs of versions, and of dependencies, are compared.
"""

import math
import os
import random
import re
import subprocess

import pytest
import rpm
from programs import from_environment

PAIRS = int(os.environ.get("COPR_RESOLVE_PAIRS_OF_RPM") or 10_000)
FLAGS = {"<": rpm.RPMSENSE_LESS, "=": rpm.RPMSENSE_EQUAL, ">": rpm.RPMSENSE_GREATER}


@pytest.fixture(scope="session")
def judge(copr_repo):
    """judge(lines) -> the lines that it answers with."""
    program = copr_repo.parent / "examples/judge"

    def ask(lines):
        done = subprocess.run([program], input="".join(f"{line}\n" for line in lines), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return ask


def version(chance, odd=True):
    """What a version or a release may look like, and at times hardly does."""
    parts = ["0", "1", "2", "10", "01", "9", "20250101", "18446744073709551617", "a", "b", "rc", "git", "Z", "alpha2"]
    separators = [".", ".", ".", "~", "^", "", "_", "+"] + (["..", "~~", "^^", "~^", "é"] if odd else [])
    text = chance.choice(parts)
    while chance.random() < 0.6:
        text += chance.choice(separators) + chance.choice(parts)
    return text + (chance.choice("~^._") if odd and chance.random() < 0.05 else "")


def evr(chance, release=1.0):
    epoch = chance.choice(["", "", "", "0:", "1:", "2:", "10:"])
    return f"{epoch}{version(chance)}" + (f"-{version(chance)}" if chance.random() < release else "")


def neighbour(chance, text):
    """The same but for a character, at most: the pairs that are worth comparing."""
    at = chance.randrange(len(text))
    start = text.find(":") + 1
    if at < start or text[at] in "-:":
        return text
    return text[:at] + chance.choice(["", "0", "1", "a", ".", "~", "^"]) + text[at + chance.choice([0, 1]) :]


def test_versions_are_in_rpms_order(judge):
    chance = random.Random("versions")
    pairs = []
    while len(pairs) < PAIRS:
        one = evr(chance)
        other = evr(chance) if chance.random() < 0.3 else neighbour(chance, one)
        if all(re.fullmatch(r"(\d+:)?[^-:]+-[^-:]+", text) for text in (one, other)):
            pairs.append((one, other))
    answers = judge(f"compare\t{one}\t{other}" for one, other in pairs)
    assert len(answers) == len(pairs)
    for (one, other), answer in zip(pairs, answers):
        a, b = rpm.ver(one), rpm.ver(other)
        assert answer == ("<" if a < b else ">" if a > b else "="), (one, other)


def dependency(chance, names, sometimes):
    name = chance.choice(names)
    if chance.random() > sometimes:
        return name
    # Few versions, so that there are equal ones.
    short = chance.choice(["1", "01", "2", "1.0", "1.0.0", "1~a", "1~", "1^a", "1^", "10", "1.a", "1a", "a", "a1", "2.0", "3"])
    release = chance.choice(["", "", "-1", "-2", "-1.a", "-01"])
    epoch = chance.choice(["", "", "0:", "1:"])
    return f"{name} {chance.choice(['<', '<=', '=', '=', '>=', '>'])} {epoch}{short}{release}"


def as_ds(text, tag):
    name, _, constraint = text.partition(" ")
    operator, _, version_ = constraint.partition(" ")
    return rpm.ds((name, sum(FLAGS[letter] for letter in operator), version_), tag)


def test_the_same_provides_satisfy_the_same_requirements(judge):
    chance = random.Random("dependencies")
    names = [*["a"] * 9, "lib.so()(64bit)"]

    def different(count):
        found = set()
        while len(found) < count:
            found.add(dependency(chance, names, 0.95))
        return sorted(found)

    provided, required = different(math.isqrt(PAIRS)), different(math.isqrt(PAIRS))
    lines = [f"provide\t{text}" for text in provided] + [f"require\t{text}" for text in required]
    answers = judge(lines)
    assert len(answers) == len(required)
    provides = [as_ds(text, "provides") for text in provided]
    for text, answer in zip(required, answers):
        wanted = as_ds(text, "requires")
        theirs = [p for p, ds in zip(provided, provides) if ds.N() == wanted.N() and ds.Compare(wanted)]
        assert [provided[int(number)] for number in answer.split()] == theirs, text


class Transactions:
    """rpm's own judgement of what is installed together, in memory."""

    def __init__(self, root):
        self.root = str(root)

    @staticmethod
    def header(name, evr="1-1", requires=(), provides=(), conflicts=()):
        header = rpm.hdr()
        header["name"], (header["version"], header["release"]) = name, evr.split("-")
        # Without `sourcerpm` it is a source package, which provides nothing.
        header["arch"], header["os"], header["sourcerpm"] = "noarch", "linux", "s-1-1.src.rpm"
        for kind, texts in (("require", requires), ("provide", [f"{name} = {evr}", *provides]), ("conflict", conflicts)):
            split = [(text, "", "") if text.startswith("(") else [*text.split(" "), "", ""][:3] for text in texts]
            if split:
                header[f"{kind}name"] = [name for name, _, _ in split]
                header[f"{kind}flags"] = [sum(FLAGS[letter] for letter in operator) for _, operator, _ in split]
                header[f"{kind}version"] = [version_ for _, _, version_ in split]
        return header

    def broken(self, headers):
        """The names of the packages that something is wrong with when these are installed together."""
        transaction = rpm.TransactionSet(self.root)
        for header in headers:
            transaction.addInstall(header, "key", "i")
        transaction.check()
        return {problem.altNEVR.rsplit("-", 2)[0] if problem.altNEVR else "" for problem in transaction.problems()}


def rich(chance, names, depth=0):
    def operand():
        if depth < 3 and chance.random() < 0.3:
            return rich(chance, names, depth + 1)
        return dependency(chance, names, 0.3)

    def within():
        """What may stand within `with` and `without`."""
        if chance.random() < 0.2:
            return f"({dependency(chance, names, 0.3)} {chance.choice(['with', 'or'])} {dependency(chance, names, 0.3)})"
        return dependency(chance, names, 0.3)

    match chance.choice(["and", "or", "if", "if", "unless", "with", "without"]):
        case ("and" | "or") as operator:
            return f"({f' {operator} '.join(operand() for _ in range(chance.choice([2, 2, 3])))})"
        case ("if" | "unless") as operator:
            other = f" else {operand()}" if chance.random() < 0.4 else ""
            return f"({operand()} {operator} {operand()}{other})"
        case operator:
            return f"({within()} {operator} {within()})"


def test_rich_dependencies_hold_where_rpm_says_so(judge, tmp_path):
    """Some packages are installed; each of many more requires something rich, or conflicts with it."""
    chance = random.Random("rich")
    names = [*"abcdefgh", "x", "y"]
    lines, expected = [], []
    for _ in range(math.ceil(PAIRS / 100)):
        installed = [
            (name, chance.choice(["1-1", "2-1", "1.0-2"]), sorted({f"{c} = 1" for c in "xy" if chance.random() < 0.3}))
            for name in "abcdefgh"
            if chance.random() < 0.5
        ]
        lines.append("clear")
        lines += ["\t".join(["install", name, version_, *provides]) for name, version_, provides in installed]
        headers = [Transactions.header(name, version_, provides=provides) for name, version_, provides in installed]
        asked = [(chance.choice(["requires", "conflicts"]), rich(chance, names)) for _ in range(100)]
        lines += [f"{kind}\t{text}" for kind, text in asked]
        lines.append("solve")
        headers += [Transactions.header(f"w{n}", **{kind: [text]}) for n, (kind, text) in enumerate(asked)]
        broken = Transactions(tmp_path).broken(headers)
        expected += [(installed, kind, text, f"w{n}" not in broken) for n, (kind, text) in enumerate(asked)]
    answers = judge(lines)
    assert len(answers) == len(expected)
    wrong = [what for what, answer in zip(expected, answers) if answer != ("yes" if what[-1] else "no")]
    assert not wrong, f"{len(wrong)} of {len(expected)}, for instance {wrong[:5]}"
