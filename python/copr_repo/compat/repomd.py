"""repomd.xml: the list of a repository's metadata files."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Optional

from .. import _native
from .._native import checksum_file, zchunk_header
from . import files
from .constants import NO_COMPRESSION, UNKNOWN_COMPRESSION, ZCK, checksum_kind, checksum_name_str, compression_suffix
from .errors import translated
from .fields import Fields, Number, Text, text
from .markup import HEAD, Markup

_MARKUP = Markup()
_WarningCb = Optional[Callable[[int, str], Any]]
_FIRST = (
    "primary", "filelists", "other", "primary_db", "filelists_db", "other_db", "primary_zck", "filelists_zck", "other_zck",
)
# The lengths of MD5, SHA-1, SHA-256 and SHA-512 in hexadecimal: a checksum in front of a file's name is one of these.
_OLD_CHECKSUM = re.compile("(?:.{32}|.{40}|.{64}|.{128})-(?=.)")


class RepomdRecord(Fields):
    """One metadata file. ``location_real`` is where it is now; checksums and sizes come with ``fill``."""

    type = Text()
    location_real = Text()
    location_href = Text()
    location_base = Text()
    checksum = Text()
    checksum_type = Text()
    checksum_open = Text()
    checksum_open_type = Text()
    checksum_header = Text()
    checksum_header_type = Text()
    timestamp = Number()
    size = Number()
    size_open = Number(-1)
    size_header = Number(-1)
    db_ver = Number()

    def __init__(self, type: Optional[str] = None, path: Optional[str] = None) -> None:
        self.type = type
        if path:
            self.location_real = path
            self.location_href = f"repodata/{os.path.basename(path)}"

    def fill(self, checksum_type: int) -> None:
        """Sets what is not set yet of checksums, sizes and time.

        Raises ``OSError`` if the file is missing, ``CreaterepoCError`` if it cannot be decompressed.
        """
        path, kind = self._file(), checksum_kind(checksum_type)
        with translated():
            if not self.checksum or not self.checksum_type:
                self.checksum_type, self.checksum, _ = checksum_file(path, kind)
            if not self.checksum_open or not self.checksum_open_type or self.size_open == -1:
                self._fill_open(path, kind)
        about = os.stat(path)
        self.timestamp = self.timestamp or about.st_mtime
        self.size = self.size or about.st_size

    def _fill_open(self, path: str, kind: str) -> None:
        compression = files.detect_compression(path)
        if compression in (NO_COMPRESSION, UNKNOWN_COMPRESSION):
            self.checksum_open = self.checksum_open_type = None
            self.size_open = -1
            return
        self.checksum_open_type, self.checksum_open, size = checksum_file(path, kind, decompressed=True)
        self.size_open = size if self.size_open == -1 else self.size_open
        if compression == ZCK:
            self.checksum_header_type, self.checksum_header, size = zchunk_header(path)
            self.size_header = size if self.size_header == -1 else self.size_header

    def compress_and_fill(self, hashtype: int, compresstype: int) -> RepomdRecord:
        """Compresses the file beside itself; fills this record and returns the one of the compressed file."""
        path, kind, suffix = self._file(), checksum_kind(hashtype), compression_suffix(compresstype) or ""
        compressed = RepomdRecord(self.type)
        compressed.location_real = target = path + suffix
        compressed.location_href = f"{self.location_href or ''}{suffix}"
        # Whatever the file is, it is compressed as it is; but zchunk is made of texts.
        files.write_compressed(path, target, compresstype, hashtype, decompress=compresstype == ZCK)
        with translated():
            self.checksum_type, self.checksum, self.size = checksum_file(path, kind)
            compressed.checksum_type, compressed.checksum, compressed.size = checksum_file(target, kind)
            if compresstype == ZCK:
                compressed.checksum_header_type, compressed.checksum_header, compressed.size_header = zchunk_header(target)
        self.checksum_open = self.checksum_open_type = self.checksum_header = self.checksum_header_type = None
        self.size_open = self.size_header = -1
        compressed.checksum_open_type, compressed.checksum_open = self.checksum_type, self.checksum
        compressed.size_open = self.size
        self.timestamp, compressed.timestamp = os.stat(path).st_mtime, os.stat(target).st_mtime
        return compressed

    def rename_file(self) -> None:
        """Puts the checksum in front of the file's name, in place of an old one; replaces a file of that name."""
        path = self._file()
        folder, name = os.path.split(path)
        if not self.checksum:
            raise ValueError("Record doesn't contain checksum")
        if name.startswith(self.checksum):
            return
        name = f"{self.checksum}-{_OLD_CHECKSUM.sub('', name, count=1) if _OLD_CHECKSUM.match(name) else name}"
        os.replace(path, os.path.join(folder, name))
        self.location_real = os.path.join(folder, name)
        self.location_href = f"repodata/{name}"

    def set_timestamp(self, timestamp: int) -> None:
        """Sets the time here and, if that is possible, of the file."""
        self.timestamp = timestamp
        try:
            os.utime(self.location_real or "", (timestamp, timestamp))
        except OSError:
            pass

    def load_contentstat(self, contentstat: files.ContentStat) -> None:
        """Takes checksum and size of the decompressed text from what a writer counted."""
        self.checksum_open = contentstat.checksum
        self.checksum_open_type = checksum_name_str(contentstat.checksum_type)
        self.size_open = contentstat.size

    def _file(self) -> str:
        path = self.location_real
        if not path:
            raise ValueError("Empty locations in repomd record object.")
        if not os.path.isfile(path):
            raise FileNotFoundError(f"File {path} doesn't exist or not a regular file")
        return path

    def lines(self) -> Iterator[str]:
        """What stands in the record's element."""
        for name, value, kind in (
            ("checksum", self.checksum or "", self.checksum_type),
            ("open-checksum", self.checksum_open, self.checksum_open_type),
            ("header-checksum", self.checksum_header, self.checksum_header_type),
        ):
            if value is not None:
                yield _MARKUP.element(2, name, value, [("type", kind or "")])
        yield _MARKUP.empty(2, "location", [("href", self.location_href or ""), ("xml:base", self.location_base)])
        yield _MARKUP.element(2, "timestamp", str(self.timestamp))
        yield _MARKUP.element(2, "size", str(self.size))
        if self.size_open != -1:
            yield _MARKUP.element(2, "open-size", str(self.size_open))
        if self.checksum_header is not None and self.size_header != -1:
            yield _MARKUP.element(2, "header-size", str(self.size_header))
        if (self.type or "").endswith("_db"):
            yield _MARKUP.element(2, "database_version", str(self.db_ver))

    def __repr__(self) -> str:
        return f"<createrepo_c.RepomdRecord {self.type} object>" if self.type else "<createrepo_c.RepomdRecord object>"


class Repomd:
    """repomd.xml, read from ``path`` or empty. ``warnings`` is what was odd in it: number and sentence of each."""

    revision = Text()
    repoid = Text()
    repoid_type = Text()
    contenthash = Text()
    contenthash_type = Text()

    def __init__(self, path: Optional[str] = None) -> None:
        self.warnings: list[tuple[int, str]] = []
        self._tags: dict[str, list[Any]] = {"content": [], "repo": [], "distro": []}
        self._records: list[RepomdRecord] = []
        if path:
            xml_parse_repomd(path, self, lambda kind, message: self.warnings.append((kind, message)))

    @property
    def records(self) -> list[RepomdRecord]:
        """Copies of the records; what is changed in one counts once it is given to ``set_record``."""
        return [record.copy() for record in self._records]

    @property
    def repo_tags(self) -> list[str]:
        """Tags of the repository."""
        return list(self._tags["repo"])

    @repo_tags.setter
    def repo_tags(self, tags: list[str]) -> None:
        self._tags["repo"] = _texts(tags)

    @property
    def content_tags(self) -> list[str]:
        """Tags of the content."""
        return list(self._tags["content"])

    @content_tags.setter
    def content_tags(self, tags: list[str]) -> None:
        self._tags["content"] = _texts(tags)

    @property
    def distro_tags(self) -> list[tuple[Optional[str], str]]:
        """CPE identifier and name of distributions."""
        return list(self._tags["distro"])

    @distro_tags.setter
    def distro_tags(self, tags: list[tuple[Optional[str], str]]) -> None:
        if not isinstance(tags, list):
            raise TypeError("List expected!")
        if not all(isinstance(tag, tuple) and len(tag) == 2 for tag in tags):
            raise TypeError("Element of list has to be a tuple with 2 items.")
        self._tags["distro"] = [(text(cpeid), text(tag)) for cpeid, tag in tags]

    def set_record(self, record: RepomdRecord) -> None:
        """Puts a copy of a record behind the others, in place of one of the same type."""
        if not isinstance(record, RepomdRecord):
            raise TypeError(f"a RepomdRecord is expected, not {type(record).__name__}")
        self._records = [known for known in self._records if known.type != record.type]
        self._records.append(record.copy())

    def set_revision(self, revision: str) -> None:
        """Sets the revision."""
        self.revision = revision

    def set_repoid(self, repoid: Optional[str], repoid_type: Optional[str]) -> None:
        """Sets the repository's identifier and its type."""
        self.repoid, self.repoid_type = repoid, repoid_type

    def set_contenthash(self, contenthash: Optional[str], contenthash_type: Optional[str]) -> None:
        """Sets the hash of the content and its type."""
        self.contenthash, self.contenthash_type = contenthash, contenthash_type

    def add_distro_tag(self, tag: str, cpeid: Optional[str] = None) -> None:
        """Adds a distribution."""
        self.distro_tags = [*self.distro_tags, (cpeid, tag)]

    def add_repo_tag(self, tag: str) -> None:
        """Adds a tag of the repository."""
        self.repo_tags = [*self.repo_tags, tag]

    def add_content_tag(self, tag: str) -> None:
        """Adds a tag of the content."""
        self.content_tags = [*self.content_tags, tag]

    def sort_records(self) -> None:
        """Puts the records into createrepo_c's order: primary, filelists, other, their databases, then by type."""
        self._records.sort(key=_rank)

    def xml_dump(self) -> str:
        """The text of repomd.xml. Without a revision that is the time now, in seconds since 1970."""
        return HEAD + _MARKUP.parent(0, "repomd", self._lines(), [
            ("xmlns", "http://linux.duke.edu/metadata/repo"), ("xmlns:rpm", "http://linux.duke.edu/metadata/rpm"),
        ])

    def _lines(self) -> Iterator[str]:
        yield _MARKUP.element(1, "revision", str(int(time.time())) if self.revision is None else self.revision)
        if self.repoid is not None:
            yield _MARKUP.element(1, "repoid", self.repoid, [("type", self.repoid_type)])
        if self.contenthash is not None:
            yield _MARKUP.element(1, "contenthash", self.contenthash, [("type", self.contenthash_type)])
        tags = [
            *(_MARKUP.element(2, "content", tag) for tag in self.content_tags),
            *(_MARKUP.element(2, "repo", tag) for tag in self.repo_tags),
            *(_MARKUP.element(2, "distro", tag, [("cpeid", cpeid)]) for cpeid, tag in self.distro_tags),
        ]
        if tags:
            yield _MARKUP.parent(1, "tags", tags)
        for record in self._records:
            yield _MARKUP.parent(1, "data", record.lines(), [("type", record.type or "")])

    def __iter__(self) -> Iterator[RepomdRecord]:
        return iter(self.records)

    def __getitem__(self, kind: str) -> RepomdRecord:
        for record in self._records:
            if record.type == kind:
                found: RepomdRecord = record.copy()
                return found
        raise KeyError(f"Record with type '{kind}' doesn't exist")

    def __contains__(self, kind: str) -> bool:
        return any(record.type == kind for record in self._records)

    def __repr__(self) -> str:
        return "<createrepo_c.Repomd object>"


def _texts(tags: list[str]) -> list[str]:
    if not isinstance(tags, list):
        raise TypeError("List expected!")
    if not all(isinstance(tag, str) for tag in tags):
        raise TypeError("Element of list has to be a string")
    return list(tags)


def _rank(record: RepomdRecord) -> tuple[int, str, str, str]:
    kind = record.type or ""
    rank = _FIRST.index(kind) if kind in _FIRST else len(_FIRST)
    return rank, kind, record.location_href or "", record.location_base or ""


def xml_parse_repomd(path: str, repomdobj: Repomd, warningcb: _WarningCb = None) -> None:
    """Reads repomd.xml into ``repomdobj``. There is nothing to warn of: what is not as it should be is an error.

    Raises ``OSError`` for a file that cannot be opened, ``CreaterepoCError`` for what is no repomd.xml.
    """
    if not isinstance(repomdobj, Repomd):
        raise TypeError(f"a Repomd is expected, not {type(repomdobj).__name__}")
    with translated():
        read = _native.Repomd.read(path)
    if read.revision:
        repomdobj.revision = read.revision
    for name in ("repoid", "repoid_type", "contenthash", "contenthash_type"):
        value = getattr(read, name)
        if value is not None:
            setattr(repomdobj, name, value)
    repomdobj.repo_tags += read.repo_tags
    repomdobj.content_tags += read.content_tags
    repomdobj.distro_tags += [(cpeid, tag) for cpeid, tag in read.distro_tags]
    for known in read.records:
        repomdobj.set_record(_record(known))


def _record(known: _native.RepomdRecord) -> RepomdRecord:
    record = RepomdRecord(known.kind)
    record.location_href, record.location_base = known.location_href, known.location_base
    record.checksum_type, record.checksum = known.checksum
    if known.open_checksum is not None:
        record.checksum_open_type, record.checksum_open = known.open_checksum
    if known.header_checksum is not None:
        record.checksum_header_type, record.checksum_header = known.header_checksum
    record.timestamp, record.size, record.db_ver = known.timestamp or 0, known.size or 0, known.database_version or 0
    record.size_open = -1 if known.open_size is None else known.open_size
    record.size_header = -1 if known.header_size is None else known.header_size
    return record
