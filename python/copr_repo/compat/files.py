"""Files in any compression: which one it is, and making one of another. What is made is there whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from typing import IO, Optional

from .. import _native
from .constants import (
    AUTO_DETECT_COMPRESSION,
    BZ2,
    GZ,
    MODE_READ,
    MODE_WRITE,
    NO_COMPRESSION,
    SHA256,
    UNKNOWN_COMPRESSION,
    XZ,
    ZCK,
    ZSTD,
    checksum_kind,
    compression_kind,
    compression_suffix,
)
from .errors import CreaterepoCError, translated
from .fields import Number, Text

_BY_SUFFIX = {
    ".gz": GZ, ".gzip": GZ, ".gunzip": GZ, ".bz2": BZ2, ".bzip2": BZ2, ".xz": XZ, ".zck": ZCK, ".zst": ZSTD,
    ".xml": NO_COMPRESSION, ".tar": NO_COMPRESSION, ".yaml": NO_COMPRESSION, ".sqlite": NO_COMPRESSION, ".txt": NO_COMPRESSION,
}
_BY_MAGIC = {b"\x1f\x8b": GZ, b"\x28\xb5\x2f\xfd": ZSTD, b"BZ": BZ2, b"\xfd7zXZ": XZ, b"\0ZCK1": ZCK}


class ContentStat:
    """Checksum and size of a text, before it is compressed; known once its file is closed."""

    size = Number()
    checksum_type = Number()
    checksum = Text()

    def __init__(self, checksum_type: int) -> None:
        self.checksum_type = checksum_type

    def __repr__(self) -> str:
        return "<createrepo_c.ContentStat object>"


def detect_compression(filename: str) -> int:
    """The compression of a file, by its suffix or else by its first bytes; raises ``OSError`` if there is no file."""
    _check_regular(filename, "File {} doesn't exist or not a regular file")
    suffix = os.path.splitext(filename)[1]
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    with open(filename, "rb") as file:
        start = file.read(5)
    if len(start) < 5:
        return NO_COMPRESSION
    for magic, compression in _BY_MAGIC.items():
        if start.startswith(magic):
            return compression
    return UNKNOWN_COMPRESSION if os.path.basename(filename).count(".") > 1 else NO_COMPRESSION


def compress_file(src: str, dst: Optional[str], comtype: int, stat: Optional[ContentStat] = None) -> None:
    """Compresses a file, decompressing it first if it is compressed.

    Without ``dst``, or where that is a folder with ``/`` at its end, the name is that of ``src`` with another suffix behind
    it. A file ``dst`` that is there with another suffix stays; the new one has its name with the right suffix.
    """
    _check_regular(src, "Not a regular file: {}")
    suffix = compression_suffix(comtype) or ""
    if not dst or dst.endswith("/"):
        dst = (os.path.join(dst, os.path.basename(src)) if dst else src) + suffix
    elif suffix and not dst.endswith(suffix) and os.path.isfile(dst):
        dst = dst.removesuffix(compression_suffix(detect_compression(dst)) or "") + suffix
    _note(stat, write_compressed(src, dst, comtype, stat.checksum_type if stat else SHA256))


def decompress_file(src: str, dst: Optional[str], comtype: int, stat: Optional[ContentStat] = None) -> None:
    """Decompresses a file. Without ``dst``, or in a folder with ``/`` at its end, the name is that of ``src`` without its
    suffix, or else with ``.decompressed`` behind it."""
    _check_regular(src, "Not a regular file: {}")
    if comtype in (AUTO_DETECT_COMPRESSION, UNKNOWN_COMPRESSION):
        comtype = detect_compression(src)
    if comtype == UNKNOWN_COMPRESSION:
        raise CreaterepoCError(f"Cannot detect compression type of {src}")
    if not dst or dst.endswith("/"):
        folder, name = os.path.split(src)
        suffix = compression_suffix(comtype)
        name = name.removesuffix(suffix) if suffix and name.endswith(suffix) else f"{name}.decompressed"
        dst = os.path.join(dst or folder, name)
    _note(stat, write_compressed(src, dst, NO_COMPRESSION, stat.checksum_type if stat else SHA256))


def write_compressed(source: str, target: str, compression: int, checksum: int, *, decompress: bool = True) -> tuple[str, int]:
    """Makes the file ``target`` of ``source``, whole; returns checksum and size of the text."""
    kind, to = checksum_kind(checksum), compression_kind(compression)
    temporary = tempfile.mkdtemp(prefix=".compat-", dir=os.path.dirname(target) or ".")
    made = os.path.join(temporary, "file")
    try:
        with translated():
            _, text_checksum, size = _native.compress_file(source, made, to, kind, decompress=decompress)
        os.replace(made, target)
    finally:
        if os.path.exists(made):
            os.unlink(made)
        os.rmdir(temporary)
    return text_checksum, size


def _note(stat: Optional[ContentStat], text: tuple[str, int]) -> None:
    if stat is not None:
        stat.checksum, stat.size = text


def _check_regular(path: str, message: str) -> None:
    if not os.path.isfile(path):
        raise FileNotFoundError(message.format(path))


class Spool:
    """A text that becomes a compressed file when it is closed. Until then nothing is at its path."""

    def __init__(self, path: str, compression: int, stat: Optional[ContentStat]) -> None:
        if stat is not None and not isinstance(stat, ContentStat):
            raise TypeError("Use ContentStat or None")
        if compression not in (NO_COMPRESSION, GZ, BZ2, XZ, ZCK, ZSTD):
            raise ValueError("Unknown compression type")
        self._path, self._compression, self._stat = path, compression, stat
        self._text: Optional[IO[bytes]] = tempfile.NamedTemporaryFile(prefix=".compat-", dir=os.path.dirname(path) or ".")

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._text is None

    def write(self, text: str) -> None:
        """Adds text; raises ``CreaterepoCError`` once it is closed."""
        if self._text is None:
            raise CreaterepoCError(f"The file {self._path} is closed already")
        self._text.write(text.encode())

    def close(self) -> None:
        """Compresses the text into the file. A second time does nothing."""
        if self._text is None:
            return
        file, self._text = self._text, None
        with file:
            file.flush()
            checksum = self._stat.checksum_type if self._stat else SHA256
            _note(self._stat, write_compressed(file.name, self._path, self._compression, checksum, decompress=False))


class CrFile:
    """A file that is written with compression. createrepo_c can open one for reading, too, but not read from it."""

    def __init__(
        self, filename: str, mode: int = MODE_READ, comtype: int = NO_COMPRESSION, stat: Optional[ContentStat] = None
    ) -> None:
        if mode not in (MODE_READ, MODE_WRITE):
            raise ValueError("Bad open mode")
        self._mode = mode
        self._spool: Optional[Spool] = None
        if mode == MODE_WRITE:
            self._spool = Spool(filename, comtype, stat)
        else:
            _check_regular(filename, "CrFile {} init failed: there is no such file")

    def write(self, text: str) -> None:
        """Adds text; raises ``CreaterepoCError`` if the file is closed or is not for writing."""
        if self._spool is None:
            raise CreaterepoCError("The file is not open for writing")
        self._spool.write(text)

    def close(self) -> None:
        """Completes the file."""
        if self._spool is not None:
            self._spool.close()

    def __repr__(self) -> str:
        return f"<createrepo_c.CrFile {'Write' if self._mode == MODE_WRITE else 'Read'} mode object>"
