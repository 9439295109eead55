"""The numbers that createrepo_c's functions take, with its values, and their names."""

from __future__ import annotations

from typing import Literal, Optional

from .errors import CreaterepoCError

VERSION_MAJOR = 1
VERSION_MINOR = 2
VERSION_PATCH = 5
VERSION = "1.2.5"
"""The createrepo_c whose names these are."""

CHECKSUM_UNKNOWN = UNKNOWN_CHECKSUM = 0
MD5 = 1
SHA = 2
SHA1 = 3
SHA224 = 4
SHA256 = 5
SHA384 = 6
SHA512 = 7
_CHECKSUMS: dict[int, Literal["md5", "sha", "sha1", "sha224", "sha256", "sha384", "sha512"]] = {
    MD5: "md5", SHA: "sha", SHA1: "sha1", SHA224: "sha224", SHA256: "sha256", SHA384: "sha384", SHA512: "sha512",
}

AUTO_DETECT_COMPRESSION = 0
UNKNOWN_COMPRESSION = 1
NO_COMPRESSION = 2
GZ = GZ_COMPRESSION = 3
BZ2 = BZ2_COMPRESSION = 4
XZ = XZ_COMPRESSION = 5
ZCK = ZCK_COMPRESSION = 6
ZSTD = ZSTD_COMPRESSION = 7
HAS_ZCK = 1
_SUFFIXES = {GZ: ".gz", BZ2: ".bz2", XZ: ".xz", ZCK: ".zck", ZSTD: ".zst"}
_COMPRESSIONS = {"gz": GZ, "gzip": GZ, "bz2": BZ2, "bzip2": BZ2, "xz": XZ, "zck": ZCK, "zstd": ZSTD}
_COMPRESSION_NAMES = {NO_COMPRESSION: "none", GZ: "gz", BZ2: "bz2", XZ: "xz", ZCK: "zck", ZSTD: "zstd"}

MODE_READ = 0
MODE_WRITE = 1

HT_KEY_DEFAULT = HT_KEY_HASH = 0
HT_KEY_NAME = 1
HT_KEY_FILENAME = 2
HT_DUPACT_KEEPFIRST = 0
HT_DUPACT_REMOVEALL = 1

DB_PRIMARY = 0
DB_FILELISTS = 1
DB_FILELISTS_EXT = 2
DB_OTHER = 3

XMLFILE_PRIMARY = 0
XMLFILE_FILELISTS = 1
XMLFILE_FILELISTS_EXT = 2
XMLFILE_OTHER = 3
XMLFILE_PRESTODELTA = 4
XMLFILE_UPDATEINFO = 5

HDRR_NONE = 1
HDRR_LOADHDRID = 2
HDRR_LOADSIGNATURES = 4
HDRR_NOFILEDIGESTS = 8

XML_WARNING_UNKNOWNTAG = 0
XML_WARNING_MISSINGATTR = 1
XML_WARNING_UNKNOWNVAL = 2
XML_WARNING_BADATTRVAL = 3

PCOR_ENTRY_NAME = 0
PCOR_ENTRY_FLAGS = 1
PCOR_ENTRY_EPOCH = 2
PCOR_ENTRY_VERSION = 3
PCOR_ENTRY_RELEASE = 4
PCOR_ENTRY_PRE = 5

FILE_ENTRY_TYPE = 0
FILE_ENTRY_PATH = 1
FILE_ENTRY_NAME = 2
FILE_ENTRY_DIGEST = 3

CHANGELOG_ENTRY_AUTHOR = 0
CHANGELOG_ENTRY_DATE = 1
CHANGELOG_ENTRY_CHANGELOG = 2


def checksum_name_str(checksum: int) -> Optional[str]:
    """``"sha256"`` of ``SHA256``, ``"Unknown checksum"`` of ``UNKNOWN_CHECKSUM``; ``None`` of any other number.

    >>> checksum_name_str(SHA256)
    'sha256'
    """
    return "Unknown checksum" if checksum == UNKNOWN_CHECKSUM else _CHECKSUMS.get(checksum)


def checksum_type(name: str) -> int:
    """``SHA256`` of ``"sha256"``, in any case; ``UNKNOWN_CHECKSUM`` of any other name.

    >>> checksum_type("SHA256") == SHA256
    True
    """
    return next((number for number, known in _CHECKSUMS.items() if known == name.lower()), UNKNOWN_CHECKSUM)


def compression_suffix(compression: int) -> Optional[str]:
    """``".gz"`` of ``GZ``; ``None`` of what has no suffix.

    >>> compression_suffix(ZSTD)
    '.zst'
    """
    return _SUFFIXES.get(compression)


def compression_type(name: Optional[str]) -> int:
    """``GZ`` of ``"gz"``, in any case; ``UNKNOWN_COMPRESSION`` of any other name.

    >>> compression_type("zstd") == ZSTD
    True
    """
    return _COMPRESSIONS.get((name or "").lower(), UNKNOWN_COMPRESSION)


def checksum_kind(checksum: int) -> Literal["md5", "sha", "sha1", "sha224", "sha256", "sha384", "sha512"]:
    """The name of a kind of checksum that is to be made; raises ``CreaterepoCError`` of a number that is none."""
    name = _CHECKSUMS.get(checksum)
    if name is None:
        raise CreaterepoCError(f"{checksum} is no kind of checksum: use SHA256, SHA512, ...")
    return name


def compression_kind(compression: int) -> str:
    """The name of a kind of compression that is to be written; raises ``ValueError`` of a number that is none."""
    name = _COMPRESSION_NAMES.get(compression)
    if name is None:
        raise ValueError(f"{compression} is no compression to write: use GZ, ZSTD, NO_COMPRESSION, ...")
    return name
