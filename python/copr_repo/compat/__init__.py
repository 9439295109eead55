"""createrepo_c's Python names on top of our library, for programs that were written for it.

``from copr_repo import compat as createrepo_c`` in place of ``import createrepo_c``. What is here and how it differs is in
docs/createrepo_c-python.md; a name of createrepo_c that is not here is an ``AttributeError`` that says so.

>>> from copr_repo import compat as cr
>>> repomd = cr.Repomd()
>>> repomd.set_revision("1")
>>> print(repomd.xml_dump().splitlines()[2])
  <revision>1</revision>
"""

from __future__ import annotations

from typing import NoReturn

from .constants import (
    AUTO_DETECT_COMPRESSION, BZ2, BZ2_COMPRESSION, CHANGELOG_ENTRY_AUTHOR, CHANGELOG_ENTRY_CHANGELOG, CHANGELOG_ENTRY_DATE,
    CHECKSUM_UNKNOWN, DB_FILELISTS, DB_FILELISTS_EXT, DB_OTHER, DB_PRIMARY, FILE_ENTRY_DIGEST, FILE_ENTRY_NAME,
    FILE_ENTRY_PATH, FILE_ENTRY_TYPE, GZ, GZ_COMPRESSION, HAS_ZCK, HDRR_LOADHDRID, HDRR_LOADSIGNATURES, HDRR_NOFILEDIGESTS,
    HDRR_NONE, HT_DUPACT_KEEPFIRST, HT_DUPACT_REMOVEALL, HT_KEY_DEFAULT, HT_KEY_FILENAME, HT_KEY_HASH, HT_KEY_NAME, MD5,
    MODE_READ, MODE_WRITE, NO_COMPRESSION, PCOR_ENTRY_EPOCH, PCOR_ENTRY_FLAGS, PCOR_ENTRY_NAME, PCOR_ENTRY_PRE,
    PCOR_ENTRY_RELEASE, PCOR_ENTRY_VERSION, SHA, SHA1, SHA224, SHA256, SHA384, SHA512, UNKNOWN_CHECKSUM, UNKNOWN_COMPRESSION,
    VERSION, VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH, XMLFILE_FILELISTS, XMLFILE_FILELISTS_EXT, XMLFILE_OTHER,
    XMLFILE_PRESTODELTA, XMLFILE_PRIMARY, XMLFILE_UPDATEINFO, XML_WARNING_BADATTRVAL, XML_WARNING_MISSINGATTR,
    XML_WARNING_UNKNOWNTAG, XML_WARNING_UNKNOWNVAL, XZ, XZ_COMPRESSION, ZCK, ZCK_COMPRESSION, ZSTD, ZSTD_COMPRESSION,
    checksum_name_str, checksum_type, compression_suffix, compression_type,
)
from .databases import FilelistsSqlite, OtherSqlite, PrimarySqlite, Sqlite
from .errors import CreaterepoCError
from .files import ContentStat, CrFile, compress_file, decompress_file, detect_compression
from .package import Package
from .parsing import (
    PackageIterator, PkgIterator, xml_parse_filelists, xml_parse_filelists_snippet, xml_parse_main_metadata_together,
    xml_parse_other, xml_parse_other_snippet, xml_parse_primary, xml_parse_primary_snippet,
)
from .repomd import Repomd, RepomdRecord, xml_parse_repomd
from .repository import Metadata, MetadataLocation, RepositoryReader, RepositoryWriter
from .updateinfo import (
    UpdateCollection, UpdateCollectionModule, UpdateCollectionPackage, UpdateInfo, UpdateRecord, UpdateReference,
    xml_dump_updaterecord, xml_parse_updateinfo,
)
from .writing import (
    FilelistsXmlFile, OtherXmlFile, PrimaryXmlFile, UpdateInfoXmlFile, XmlFile, package_from_rpm, xml_dump,
    xml_dump_filelists, xml_dump_filelists_ext, xml_dump_other, xml_dump_primary, xml_from_rpm,
)

__all__ = [
    "AUTO_DETECT_COMPRESSION", "BZ2", "BZ2_COMPRESSION", "CHANGELOG_ENTRY_AUTHOR", "CHANGELOG_ENTRY_CHANGELOG",
    "CHANGELOG_ENTRY_DATE", "checksum_name_str", "checksum_type", "CHECKSUM_UNKNOWN", "compress_file", "compression_suffix",
    "compression_type", "ContentStat", "CreaterepoCError", "CrFile", "DB_FILELISTS", "DB_FILELISTS_EXT", "DB_OTHER",
    "DB_PRIMARY", "decompress_file", "detect_compression", "FILE_ENTRY_DIGEST", "FILE_ENTRY_NAME", "FILE_ENTRY_PATH",
    "FILE_ENTRY_TYPE", "FilelistsSqlite", "FilelistsXmlFile", "GZ", "GZ_COMPRESSION", "HAS_ZCK", "HDRR_LOADHDRID",
    "HDRR_LOADSIGNATURES", "HDRR_NOFILEDIGESTS", "HDRR_NONE", "HT_DUPACT_KEEPFIRST", "HT_DUPACT_REMOVEALL", "HT_KEY_DEFAULT",
    "HT_KEY_FILENAME", "HT_KEY_HASH", "HT_KEY_NAME", "MD5", "Metadata", "MetadataLocation", "MODE_READ", "MODE_WRITE",
    "NO_COMPRESSION", "OtherSqlite", "OtherXmlFile", "Package", "package_from_rpm", "PackageIterator", "PCOR_ENTRY_EPOCH",
    "PCOR_ENTRY_FLAGS", "PCOR_ENTRY_NAME", "PCOR_ENTRY_PRE", "PCOR_ENTRY_RELEASE", "PCOR_ENTRY_VERSION", "PkgIterator",
    "PrimarySqlite", "PrimaryXmlFile", "Repomd", "RepomdRecord", "RepositoryReader", "RepositoryWriter", "SHA", "SHA1",
    "SHA224", "SHA256", "SHA384", "SHA512", "Sqlite", "UNKNOWN_CHECKSUM", "UNKNOWN_COMPRESSION", "UpdateCollection",
    "UpdateCollectionModule", "UpdateCollectionPackage", "UpdateInfo", "UpdateInfoXmlFile", "UpdateRecord",
    "UpdateReference", "VERSION", "VERSION_MAJOR", "VERSION_MINOR", "VERSION_PATCH", "xml_dump", "xml_dump_filelists",
    "xml_dump_filelists_ext", "xml_dump_other", "xml_dump_primary", "xml_dump_updaterecord", "xml_from_rpm",
    "xml_parse_filelists", "xml_parse_filelists_snippet", "xml_parse_main_metadata_together", "xml_parse_other",
    "xml_parse_other_snippet", "xml_parse_primary", "xml_parse_primary_snippet", "xml_parse_repomd", "xml_parse_updateinfo",
    "XML_WARNING_BADATTRVAL", "XML_WARNING_MISSINGATTR", "XML_WARNING_UNKNOWNTAG", "XML_WARNING_UNKNOWNVAL", "XmlFile",
    "XMLFILE_FILELISTS", "XMLFILE_FILELISTS_EXT", "XMLFILE_OTHER", "XMLFILE_PRESTODELTA", "XMLFILE_PRIMARY",
    "XMLFILE_UPDATEINFO", "XZ", "XZ_COMPRESSION", "ZCK", "ZCK_COMPRESSION", "ZSTD", "ZSTD_COMPRESSION",
]


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"copr_repo.compat has no {name}: see docs/createrepo_c-python.md for what it has of createrepo_c {VERSION}"
    )
