"""What the tests of this folder share: programs, and repositories as text that can be compared."""

import bz2
import gzip
import lzma
import os
import re
import sqlite3
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import createrepo_c as cr
import pytest

NAMESPACES = {
    "repo": "http://linux.duke.edu/metadata/repo",
    "common": "http://linux.duke.edu/metadata/common",
    "rpm": "http://linux.duke.edu/metadata/rpm",
}
XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
# createrepo_c 1.2.5 of PyPI: the programs beside the module.
THEIR_PROGRAMS = Path(cr.__file__).parent / "data/bin"


def run(*command, code=0, cwd=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="surrogateescape", cwd=cwd)
    assert done.returncode == code, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


def from_environment(name):
    if not os.environ.get(name):
        pytest.fail(f"set the environment variable {name}; see the top of test_repodata.py", pytrace=False)
    return Path(os.environ[name]).resolve()


def rpms(folder):
    return sorted(Path(folder).rglob("*.rpm"))


def decompressed(path):
    """The content of a file that is compressed as its name says, by tools that are not ours."""
    match path.suffix:
        case ".gz":
            return gzip.decompress(path.read_bytes())
        case ".bz2":
            return bz2.decompress(path.read_bytes())
        case ".xz":
            return lzma.decompress(path.read_bytes())
        case ".zst":
            return subprocess.run(["zstd", "-dcq", path], capture_output=True, check=True).stdout
        case ".zck":
            return subprocess.run(["unzck", "-c", path], capture_output=True, check=True).stdout
        case _:
            return path.read_bytes()


@dataclass
class Record:
    """A `<data>` of repomd.xml."""

    kind: str
    href: str
    checksum: tuple
    open_checksum: tuple
    size: int
    open_size: int


@dataclass
class Repository:
    """The metadata in `folder`/repodata."""

    folder: Path
    index: str = field(init=False)
    records: dict = field(init=False)

    def __post_init__(self):
        self.index = (self.folder / "repodata/repomd.xml").read_text()
        self.records = {}
        for data in ElementTree.fromstring(self.index).findall("repo:data", NAMESPACES):
            text = {child.tag.rpartition("}")[2]: child for child in data}
            checksums = [
                (text[n].get("type"), text[n].text) if n in text else None for n in ("checksum", "open-checksum")
            ]
            sizes = [int(text[n].text) if n in text else None for n in ("size", "open-size")]
            assert data.get("type") not in self.records, "two records of a type"
            href = text["location"].get("href")
            self.records[data.get("type")] = Record(data.get("type"), href, *checksums, *sizes)

    def path(self, kind):
        return self.folder / self.records[kind].href

    def content(self, kind):
        return decompressed(self.path(kind))

    def text(self, kind):
        return self.content(kind).decode(errors="surrogateescape")

    def packages(self):
        """(name, epoch:version-release, architecture, href, xml:base) of each package, in the order of primary."""
        found = []
        for package in ElementTree.fromstring(self.content("primary")).findall("common:package", NAMESPACES):
            version = package.find("common:version", NAMESPACES)
            location = package.find("common:location", NAMESPACES)
            evr = f"{version.get('epoch')}:{version.get('ver')}-{version.get('rel')}"
            names = [package.find(f"common:{n}", NAMESPACES).text for n in ("name", "arch")]
            found.append((names[0], evr, names[1], location.get("href"), location.get(XML_BASE)))
        return found

    def hrefs(self):
        return [package[3] for package in self.packages()]

    def fragments(self, kind):
        """The text before the first package, and that of each package as a sorted list."""
        head, *packages = self.text(kind).replace("</package>\n</", "</package></").split("<package ")
        return head, sorted(p.partition("</package>")[0] for p in packages)

    def database(self, kind):
        """All of a SQLite database as SQL, in alphabetical order, without the document's checksum and with single
        blanks."""
        connection = sqlite3.connect(":memory:")
        connection.deserialize(self.content(kind))
        connection.execute("UPDATE db_info SET checksum = ''")
        return sorted(re.sub(r"\(? +", lambda m: m[0][0], line) for line in connection.iterdump())

    def read_by_createrepo_c(self):
        """href -> package, with no warning allowed."""
        warnings = []
        packages = cr.PackageIterator(
            *(str(self.path(kind)) for kind in ("primary", "filelists", "other")),
            warningcb=lambda kind, message: warnings.append((kind, message)) or True,
        )
        by_href = {package.location_href: package for package in packages}
        assert warnings == []
        return by_href


# What two compressors or two moments make different in repomd.xml.
VOLATILE = [
    (r'(<checksum type="\w+">)\w+', r"\1"),
    (r"repodata/[0-9a-f]{32,128}-", "repodata/CHECKSUM-"),
    (r"<size>\d+</size>", "<size/>"),
    (r"<header-size>\d+</header-size>", "<header-size/>"),
    (r'(<header-checksum type="\w+">)\w+', r"\1"),
    (r"(<data type=\"[\w-]+_db\">.*?<open-checksum type=\"\w+\">)\w+", r"\1"),
    (r"(<data type=\"[\w-]+_db\">.*?)<open-size>\d+</open-size>", r"\1<open-size/>"),
]
TIMES = [(r"<timestamp>\d+</timestamp>", "<timestamp/>"), (r"<revision>\d+</revision>", "<revision/>")]


def comparable(index, with_times=False):
    """repomd.xml without what depends on the compressor, and unless `with_times` on the moment."""
    for pattern, instead in VOLATILE + ([] if with_times else TIMES):
        index = re.sub(pattern, instead, index, flags=re.DOTALL)
    return index


def assert_same(ours, theirs, with_times=False, rewritten=None):
    """Two repositories say the same, document by document. `rewritten`: kind -> what is made of their text first."""
    ours, theirs = Repository(ours), Repository(theirs)
    assert list(ours.records) == list(theirs.records)
    mine, other = (comparable(r.index, with_times) for r in (ours, theirs))
    for kind in theirs.records:
        if kind.endswith("_db"):
            assert ours.database(kind) == theirs.database(kind), kind
        elif kind in (rewritten or {}):
            assert ours.text(kind) == rewritten[kind](theirs.text(kind)), kind
            for record in (ours.records[kind], theirs.records[kind]):
                mine, other = (
                    t.replace(record.open_checksum[1], "").replace(f">{record.open_size}<", "><") for t in (mine, other)
                )
        else:
            assert ours.text(kind) == theirs.text(kind), kind
    assert mine == other
