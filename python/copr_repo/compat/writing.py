"""Packages of files and as XML, and the XML files that hold them."""

from __future__ import annotations

import os
from typing import Optional, Union

from .._native import Error, Record
from . import files
from .constants import (
    GZ_COMPRESSION,
    HDRR_LOADHDRID,
    HDRR_LOADSIGNATURES,
    HDRR_NOFILEDIGESTS,
    HDRR_NONE,
    SHA256,
    XMLFILE_FILELISTS,
    XMLFILE_FILELISTS_EXT,
    XMLFILE_OTHER,
    XMLFILE_PRESTODELTA,
    XMLFILE_PRIMARY,
    XMLFILE_UPDATEINFO,
    checksum_kind,
)
from .errors import CreaterepoCError
from .package import Package, of_record, to_record

_NAMESPACE = "http://linux.duke.edu/metadata"
# Start of the root, and its name; only documents of packages say how many they are.
_ROOTS = {
    XMLFILE_PRIMARY: (f'<metadata xmlns="{_NAMESPACE}/common" xmlns:rpm="{_NAMESPACE}/rpm"', "metadata"),
    XMLFILE_FILELISTS: (f'<filelists xmlns="{_NAMESPACE}/filelists"', "filelists"),
    XMLFILE_FILELISTS_EXT: (f'<filelists-ext xmlns="{_NAMESPACE}/filelists-ext"', "filelists-ext"),
    XMLFILE_OTHER: (f'<otherdata xmlns="{_NAMESPACE}/other"', "otherdata"),
    XMLFILE_PRESTODELTA: ("<prestodelta", "prestodelta"),
    XMLFILE_UPDATEINFO: ("<updates", "updates"),
}
_FLAGS = HDRR_NONE | HDRR_LOADHDRID | HDRR_LOADSIGNATURES | HDRR_NOFILEDIGESTS


def package_from_rpm(
    filename: Union[str, os.PathLike[str]],
    checksum_type: int = SHA256,
    location_href: Optional[str] = None,
    location_base: Optional[str] = None,
    changelog_limit: int = 10,
    header_reading_flags: int = HDRR_NONE,
) -> Package:
    """The package that a file is. A ``changelog_limit`` of -1 keeps all changes.

    Raises ``OSError`` if the file cannot be read or is no package.
    """
    if header_reading_flags & ~_FLAGS:
        raise ValueError("Unknown header reading flags.")
    record = _record(filename, checksum_type, location_href, location_base, changelog_limit)
    return of_record(record, from_header=not header_reading_flags & HDRR_NOFILEDIGESTS)


def xml_from_rpm(
    filename: Union[str, os.PathLike[str]],
    checksum_type: int = SHA256,
    location_href: Optional[str] = None,
    location_base: Optional[str] = None,
    changelog_limit: int = 10,
) -> tuple[str, str, str]:
    """What primary, filelists and other say of a package file. Raises as ``package_from_rpm``."""
    record = _record(filename, checksum_type, location_href, location_base, changelog_limit)
    primary, filelists, _, other = to_record(of_record(record)).render()
    return primary, filelists, other


def xml_dump(package: Package, filelists_ext: bool = False) -> tuple[str, ...]:
    """What primary, filelists, with ``filelists_ext`` filelists-ext, and other say of a package."""
    primary, filelists, extended, other = _to_record(package).render()
    return (primary, filelists, extended, other) if filelists_ext else (primary, filelists, other)


def xml_dump_primary(package: Package) -> str:
    """What primary.xml says of a package. Raises ``ValueError`` if metadata cannot say what was set."""
    return _to_record(package).render()[0]


def xml_dump_filelists(package: Package) -> str:
    """What filelists.xml says of a package."""
    return _to_record(package).render()[1]


def xml_dump_filelists_ext(package: Package) -> str:
    """What filelists-ext.xml says of a package."""
    return _to_record(package).render()[2]


def xml_dump_other(package: Package) -> str:
    """What other.xml says of a package."""
    return _to_record(package).render()[3]


class XmlFile:
    """An XML file that packages, or their XML, are added to. It is there once it is closed."""

    def __init__(
        self, path: Union[str, os.PathLike[str]], type: int, compressiontype: int, contentstat: Optional[files.ContentStat] = None
    ) -> None:
        """Raises ``OSError`` if there is a file already, or no such folder."""
        if type not in _ROOTS:
            raise ValueError("Unknown XML file type")
        path = os.fspath(path)
        if os.path.lexists(path):
            raise FileExistsError(f"File already exists: {path}")
        self._type, self._packages, self._begun = type, 0, False
        self._file = files.Spool(path, compressiontype, contentstat)

    def set_num_of_pkgs(self, num: int) -> None:
        """Says how many packages there will be; raises ``ValueError`` once there is one."""
        self._check_open()
        if self._begun:
            raise ValueError("Header was already written")
        if num < 0:
            raise ValueError("The number must be a positive integer number")
        self._packages = num

    def add_pkg(self, pkg: Package) -> None:
        """Adds what this file says of a package."""
        dump = {
            XMLFILE_PRIMARY: xml_dump_primary, XMLFILE_FILELISTS: xml_dump_filelists,
            XMLFILE_FILELISTS_EXT: xml_dump_filelists_ext, XMLFILE_OTHER: xml_dump_other,
        }.get(self._type)
        if dump is None:
            raise CreaterepoCError("there are no packages in files of this type")
        self.add_chunk(dump(pkg))

    def add_chunk(self, chunk: str) -> None:
        """Adds XML as it is."""
        self._check_open()
        if not self._begun:
            self._begun = True
            start, _ = _ROOTS[self._type]
            counted = "" if self._type in (XMLFILE_PRESTODELTA, XMLFILE_UPDATEINFO) else f' packages="{self._packages}"'
            self._file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n{start}{counted}>\n')
        self._file.write(chunk)

    def close(self) -> None:
        """Completes the file. A second time does nothing."""
        if not self._file.closed:
            self.add_chunk(f"</{_ROOTS[self._type][1]}>")
            self._file.close()

    def _check_open(self) -> None:
        if self._file.closed:
            raise CreaterepoCError("Improper createrepo_c XmlFile object (Already closed file?).")

    def __repr__(self) -> str:
        names = {XMLFILE_PRIMARY: "Primary", XMLFILE_FILELISTS: "Filelists", XMLFILE_OTHER: "Other"}
        return f"<createrepo_c.XmlFile {'Closed' if self._file.closed else names.get(self._type, 'Unknown')} object>"


class PrimaryXmlFile(XmlFile):
    """A new primary.xml."""

    def __init__(
        self, path: str, compressiontype: int = GZ_COMPRESSION, contentstat: Optional[files.ContentStat] = None
    ) -> None:
        super().__init__(path, XMLFILE_PRIMARY, compressiontype, contentstat)


class FilelistsXmlFile(XmlFile):
    """A new filelists.xml."""

    def __init__(
        self, path: str, compressiontype: int = GZ_COMPRESSION, contentstat: Optional[files.ContentStat] = None
    ) -> None:
        super().__init__(path, XMLFILE_FILELISTS, compressiontype, contentstat)


class OtherXmlFile(XmlFile):
    """A new other.xml."""

    def __init__(
        self, path: str, compressiontype: int = GZ_COMPRESSION, contentstat: Optional[files.ContentStat] = None
    ) -> None:
        super().__init__(path, XMLFILE_OTHER, compressiontype, contentstat)


class UpdateInfoXmlFile(XmlFile):
    """A new updateinfo.xml."""

    def __init__(
        self, path: str, compressiontype: int = GZ_COMPRESSION, contentstat: Optional[files.ContentStat] = None
    ) -> None:
        super().__init__(path, XMLFILE_UPDATEINFO, compressiontype, contentstat)


def _record(
    filename: Union[str, os.PathLike[str]], checksum: int, href: Optional[str], base: Optional[str], changes: int
) -> Record:
    try:
        return Record.from_rpm(
            filename,
            checksum=checksum_kind(checksum),
            location=href or "",
            base=base,
            changelogs=None if changes == -1 else max(changes, 0),
            file_digests=True,
        )
    except Error as error:
        raise OSError(f"Cannot load {os.fspath(filename)}: {error}") from error


def _to_record(package: Package) -> Record:
    if not isinstance(package, Package):
        raise TypeError(f"a Package is expected, not {type(package).__name__}")
    return to_record(package)
