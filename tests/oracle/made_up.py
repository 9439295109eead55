"""Repositories that are made up: packages in a few words, and whole ones by chance, dense with dependencies."""

import hashlib
import random
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import createrepo_c as cr

KINDS = ("requires", "provides", "conflicts", "obsoletes", "recommends", "suggests", "supplements", "enhances")
FLAGS = {"<": "LT", "<=": "LE", "=": "EQ", ">=": "GE", ">": "GT"}


@dataclass
class Package:
    """A package: NAME, [EPOCH:]VERSION-RELEASE, architecture; dependencies as text, `NAME [OPERATOR EVR]` or rich."""

    name: str
    evr: str = "1-1"
    arch: str = "noarch"
    requires: list = field(default_factory=list)
    provides: list = field(default_factory=list)
    conflicts: list = field(default_factory=list)
    obsoletes: list = field(default_factory=list)
    recommends: list = field(default_factory=list)
    suggests: list = field(default_factory=list)
    supplements: list = field(default_factory=list)
    enhances: list = field(default_factory=list)
    files: list = field(default_factory=list)

    def record(self):
        """It as createrepo_c's module has it; it also provides itself, as packages do."""
        package = cr.Package()
        package.name, package.arch = self.name, self.arch
        package.epoch, package.version, package.release = split_evr(self.evr)
        package.pkgId = hashlib.sha256(repr(self).encode()).hexdigest()
        package.checksum_type = "sha256"
        package.summary = package.description = "Made up."
        package.rpm_license, package.rpm_sourcerpm = "MIT", f"{self.name}-1-1.src.rpm"
        package.size_package = package.size_installed = 10_000
        package.location_href = f"{self.name}-{self.evr.replace(':', '_')}.{self.arch}.rpm"
        for kind in KINDS:
            setattr(package, kind, [dependency(text) for text in getattr(self, kind)])
        package.provides = [*package.provides, dependency(f"{self.name} = {self.evr}")]
        paths = [PurePosixPath(path) for path in self.files]
        package.files = [(None, f"{path.parent}/", path.name) for path in paths]
        return package


def split_evr(evr):
    epoch, colon, rest = evr.partition(":")
    if not colon:
        epoch, rest = "0", evr
    version, _, release = rest.partition("-")
    return epoch, version, release or None


def dependency(text):
    name, _, constraint = text.partition(" ")
    if text.startswith("(") or not constraint:
        return (text, None, None, None, None, False)
    operator, evr = constraint.split()
    return (name, FLAGS[operator], *split_evr(evr), False)


def write_repository(folder, packages):
    """Makes `folder`/repodata; returns the folder."""
    (folder / "repodata").mkdir(parents=True)
    repomd = cr.Repomd()
    records = [package.record() for package in packages]
    for kind, make in (("primary", cr.PrimaryXmlFile), ("filelists", cr.FilelistsXmlFile), ("other", cr.OtherXmlFile)):
        path = str(folder / f"repodata/{kind}.xml.gz")
        file = make(path, compressiontype=cr.GZ_COMPRESSION)
        file.set_num_of_pkgs(len(records))
        for record in records:
            file.add_pkg(record)
        file.close()
        entry = cr.RepomdRecord(kind, path)
        entry.fill(cr.SHA256)
        repomd.set_record(entry)
    (folder / "repodata/repomd.xml").write_text(repomd.xml_dump())
    return folder


class Chance:
    """Packages by chance, the same for the same seed: `names` names with up to three versions each, and capabilities
    and paths that some of them share. `missing`: how many plain dependencies name what nobody has; `rich`: how many are
    rich."""

    def __init__(self, seed, names, missing=0.02, rich=0.12):
        self.missing, self.share_of_rich = missing, rich
        self.random = random.Random(seed)
        self.names = [f"p{number}" for number in range(names)]
        self.capabilities = [f"c{number}" for number in range(1 + names // 3)]
        self.paths = [f"/usr/share/f{number}" for number in range(1 + names // 8)]
        self.paths += [f"/usr/bin/b{number}" for number in range(1 + names // 8)]

    def maybe(self, probability):
        return self.random.random() < probability

    def some(self, probability, make):
        """None, or one with that probability, two with its square, and so on."""
        found = []
        while self.maybe(probability):
            found.append(make())
        return found

    def evr(self):
        evr = f"{self.random.choice('1112334')}-{self.random.choice('112')}"
        return f"1:{evr}" if self.maybe(0.05) else evr

    def constraint(self):
        evr = self.evr()
        if self.maybe(0.3):
            evr = evr.partition("-")[0]
        return f"{self.random.choice(['>=', '>=', '>=', '=', '<', '<=', '>'])} {evr}"

    def plain(self):
        if self.maybe(self.missing):
            return "nobody-has-it"
        draw = self.random.random()
        if draw < 0.06:
            return self.random.choice(self.paths)
        name = self.random.choice(self.names if draw < 0.65 else self.capabilities)
        return f"{name} {self.constraint()}" if self.maybe(0.2) else name

    def rich(self, depth=0):
        def operand():
            return self.rich(depth + 1) if depth < 2 and self.maybe(0.2) else self.plain_name()

        operator = self.random.choice(["and", "or", "or", "if", "if", "unless", "with", "without"])
        match operator:
            case "and" | "or":
                more = "".join(f" {operator} {operand()}" for _ in range(self.random.choice([1, 1, 2])))
                return f"({operand()}{more})"
            case "if" | "unless":
                other = f" else {operand()}" if self.maybe(0.3) else ""
                return f"({operand()} {operator} {operand()}{other})"
            case _:
                return f"({self.plain_name()} {operator} {self.plain_name()})"

    def plain_name(self):
        """A plain dependency, but for paths."""
        while (text := self.plain()).startswith("/"):
            pass
        return text

    def needed(self):
        return self.rich() if self.maybe(self.share_of_rich) else self.plain()

    def package(self, name, evr, arch):
        provided = [f"{c} = {self.evr()}" if self.maybe(0.4) else c for c in self.some(0.4, self.capability)]
        return Package(
            name,
            evr,
            arch,
            requires=self.some(0.55, self.needed),
            provides=provided,
            conflicts=self.some(0.07, self.plain),
            obsoletes=self.some(0.04, self.plain_name),
            recommends=self.some(0.2, self.needed),
            suggests=self.some(0.1, self.needed),
            supplements=self.some(0.1, self.needed),
            enhances=self.some(0.05, self.needed),
            files=sorted(set(self.some(0.2, lambda: self.random.choice(self.paths)))),
        )

    def capability(self):
        return self.random.choice(self.capabilities)

    def packages(self):
        found = []
        for name in self.names:
            archs = self.random.choice([["noarch"], ["x86_64"], ["x86_64"], ["x86_64", "i686"]])
            for evr in sorted({self.evr() for _ in range(self.random.choice([1, 1, 2, 3]))}):
                found += [self.package(name, evr, arch) for arch in archs]
        # Neither in the order of names nor of versions.
        found.sort(key=lambda p: (p.name, p.evr, p.arch))
        self.random.shuffle(found)
        return found
