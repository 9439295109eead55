"""Which of Debian's packages make the distribution, and how Debian's words are said in rpm's."""

import re
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Set

from . import Trouble
from .apt import fields
from .tools import run

# What builds of C programs with configure and make call; Debian's packages never name the essential ones themselves.
BUILDS = ("bash", "binutils", "bzip2", "coreutils", "cpio", "dash", "debianutils", "diffutils", "file", "findutils", "gcc",
          "grep", "gzip", "libc-bin", "libc6-dev", "make", "mawk", "patch", "rpm", "sed", "tar", "util-linux", "xz-utils",
          "zstd")
# What fetches a package's sources, and what judges a package (it brings Python); no build has them unless it asks.
SOURCES = ("ca-certificates", "curl", "git")
JUDGES = ("rpmlint",)
WANTED = BUILDS + SOURCES + JUDGES

# Packages that apt is told are there already: each costs installing time in an emulated machine.
WITHOUT = {
    "base-files": "`filesystem` and `minidistro-release` of our own",
    "debconf": "nothing here asks questions", "debconf-2.0": "the same",
    "dpkg": "rpm is the package manager", "init-system-helpers": "no services",
    "install-info": "no info pages", "readline-common": "only /etc/inputrc",
    "perl": "only for rpm's scripts that look for Perl's own dependencies", "perl-base": "the same",
    "libarchive13": "only for rpm2archive; brings libxml2 and 36 MB of ICU",
    "libcc1-0": "only for gdb's calls of the compiler",
    "libasan8": "sanitizer", "liblsan0": "sanitizer", "libtsan2": "sanitizer", "libubsan1": "sanitizer",
    "libitm1": "-fgnu-tm", "libquadmath0": "__float128", "libatomic1": "16-byte atomics",
    "libgprofng0": "a profiler", "libnsl-dev": "NIS; brings Kerberos by libtirpc", "libtirpc-dev": "the same",
    "rpcsvc-proto": "the same", "libpam0g": "only for su and runuser", "util-linux-extra": "hwclock and friends",
    "libsystemd0": "only for logger", "libudev1": "only for lsblk",
    "libdbus-1-3": "only for a plugin of rpm's", "libaudit1": "the same", "libcap-ng0": "only for setpriv",
    "openssl": "only for what certificates are hashed by, which nothing here looks up", "liberror-perl": "only for Perl's scripts",
    "libsasl2-modules-db": "passwords of a server's users", "libdb5.3": "only for the same and Python's dbm",
    "libnsl2": "only for Python's NIS", "libncursesw6": "only for Python's curses", "media-types": "only a list of types",
    "python3-enchant": "spelling; brings dictionaries", "desktop-file-utils": "no desktop; brings GLib",
    "python3-importlib-metadata": "Python has it",
}

# Apt has to choose these, since another asks for just their version; they are left out afterwards.
LEFT_OUT = {"git-man": "only manual pages"}

# What a package asks for only because of files that are left out of it.
NOT_NEEDED = {"rpm": ("librpmsign9",)}

# Names by which RPM distributions know what these packages hold.
ALIASES = {
    "rpm": ("rpm-build", "system-rpm-config"), "xz-utils": ("xz",), "debianutils": ("which",), "mawk": ("awk",),
    "libc6": ("glibc",), "libc6-dev": ("glibc-devel",), "linux-libc-dev": ("kernel-headers",), "zlib1g": ("zlib",),
    "libc-bin": ("glibc-common",), "git": ("git-core",),
}

# Capabilities that rpm's generator asks of the C library's package, and that no file of it shows.
CAPABILITIES = {"libc6": ("rtld(GNU_HASH)",)}

# What Debian's packages are taken to have without saying so.
ALSO_REQUIRES = {
    # Debian only recommends the C library's headers
    "gcc": ("libc6-dev",),
    # their programs call what Debian takes for granted
    "git": ("dash",), "rpmlint": ("bash", "coreutils", "dash", "rpm"),
    # libraries outside the loader's built-in folders (/usr/lib64) are found by ldconfig's cache
    "libc6": ("libc-bin",),
    "libc-bin": ("minidistro-release",),
    # its macros file says where the database is
    "rpm-common": ("minidistro-release",),
}

_CLAUSE = re.compile(r"^(?P<name>[a-z0-9][a-z0-9+.-]*)(?::\w+)?\s*(?:\(\s*(?P<op><<|<=|=|>=|>>)\s*(?P<version>[^)\s]+)\s*\))?")
_OPERATORS = {"<<": "<", "<=": "<=", "=": "=", ">=": ">=", ">>": ">"}


class Version(NamedTuple):
    """A Debian version in rpm's parts; the release is None where Debian's has no revision."""
    epoch: Optional[str]
    version: str
    release: Optional[str]

    @classmethod
    def parse(cls, text: str) -> "Version":
        """`[epoch:]upstream[-revision]`; a hyphen in upstream's part becomes a dot, rpm allows none."""
        epoch, colon, rest = text.partition(":")
        if not colon:
            epoch, rest = "", text
        upstream, hyphen, revision = rest.rpartition("-")
        if not hyphen:
            upstream, revision = rest, ""
        return cls(epoch or None, upstream.replace("-", ".").replace(":", "."), revision or None)

    def __str__(self) -> str:
        return (f"{self.epoch}:" if self.epoch else "") + self.version + (f"-{self.release}" if self.release else "")


class Deb:
    """One binary package file and what its control file says."""

    def __init__(self, file: Path) -> None:
        paragraphs = fields(run("dpkg-deb", "--field", str(file)))
        if not paragraphs or "package" not in paragraphs[0]:
            raise Trouble(f"{file} is no Debian package: delete it and try again")
        self.file = file
        self.control: Dict[str, str] = paragraphs[0]
        self.name = self.control["package"]
        self.version = Version.parse(self.control["version"])
        self.arch = "noarch" if self.control.get("architecture") == "all" else "x86_64"

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return self.control.get("description", self.name).splitlines()[0].strip()

    @property
    def description(self) -> str:
        """The rest of it, paragraphs parted by empty lines."""
        lines = [line.strip() for line in self.control.get("description", "").splitlines()[1:]]
        return "\n".join("" if line == "." else line for line in lines) or self.summary

    def provided(self) -> List[str]:
        """What it provides besides its own name, in rpm's words."""
        given = [text for text in map(_rpm, _clauses(self.control.get("provides", ""))) if text]
        given += CAPABILITIES.get(self.name, ())
        evr = f"{self.version}" if self.version.release else f"{self.version}-1"
        return sorted(set(given)) + [f"{alias} = {evr}" for alias in ALIASES.get(self.name, ())]

    def required(self, names: Set[str]) -> List[str]:
        """What it depends on, in rpm's words. Of alternatives the first that is there; what is left out is not asked for."""
        asked = [*ALSO_REQUIRES.get(self.name, ())]
        for text in (self.control.get("pre-depends", ""), self.control.get("depends", "")):
            for clause in _clauses(text):
                alternatives = [alternative.strip() for alternative in clause.split("|")]
                there = [alternative for alternative in alternatives if _name(alternative) in names]
                if there and _name(there[0]) not in NOT_NEEDED.get(self.name, ()):
                    asked.append(_rpm(there[0]))
                if not there and not any(_name(alternative) in {**WITHOUT, **LEFT_OUT} for alternative in alternatives):
                    raise Trouble(f"{self.name} needs {clause}, which apt did not choose: see WITHOUT in {__file__}")
        return sorted(set(asked) - {self.name})


def known_names(debs: Iterable[Deb]) -> Set[str]:
    """Every package's name and all that they provide."""
    names = set()
    for deb in debs:
        names.add(deb.name)
        names.update(_name(clause) for clause in _clauses(deb.control.get("provides", "")))
    return names


def status() -> str:
    """A dpkg database that has just the packages that we do without."""
    return "".join(f"Package: {name}\nStatus: install ok installed\nVersion: 99:9999\nArchitecture: amd64\nMulti-Arch: allowed\n"
                   f"Maintainer: minidistro\nDescription: {reason}\n\n" for name, reason in sorted(WITHOUT.items()))


def _clauses(text: str) -> List[str]:
    return [clause.strip() for clause in text.replace("\n", " ").split(",") if clause.strip()]


def _name(clause: str) -> str:
    match = _CLAUSE.match(clause)
    return match["name"] if match else ""


def _rpm(clause: str) -> str:
    match = _CLAUSE.match(clause)
    if not match:
        return ""
    if not match["op"]:
        return match["name"]
    version = Version.parse(match["version"])
    # "Later than 2.36" holds for 2.36-9 in Debian; rpm compares no releases when one side has none.
    operator = ">=" if match["op"] == ">>" and not version.release else _OPERATORS[match["op"]]
    return f"{match['name']} {operator} {version}"
