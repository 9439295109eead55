"""Whole repositories on disk: reading and writing them, and finding their files."""

from __future__ import annotations

import os
import shutil
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional, Union

from .constants import (
    HT_DUPACT_KEEPFIRST,
    HT_DUPACT_REMOVEALL,
    HT_KEY_DEFAULT,
    HT_KEY_FILENAME,
    HT_KEY_HASH,
    HT_KEY_NAME,
    SHA256,
    ZSTD_COMPRESSION,
    compression_suffix,
)
from .errors import CreaterepoCError
from .files import compress_file
from .package import Package
from .parsing import PackageIterator, WarningCb, xml_parse_filelists, xml_parse_other, xml_parse_primary
from .repomd import Repomd, RepomdRecord, xml_parse_repomd
from .updateinfo import UpdateInfo, UpdateRecord, xml_dump_updaterecord
from .writing import FilelistsXmlFile, OtherXmlFile, PrimaryXmlFile, UpdateInfoXmlFile, XmlFile, package_from_rpm

_Path = Union[str, os.PathLike[str]]
_MAIN = ("primary", "filelists", "other")


class RepositoryReader:
    """A repository's packages and advisories. Made by ``from_path`` or ``from_metadata_files``."""

    def __init__(self) -> None:
        self._paths: dict[str, Optional[str]] = {}
        self.repomd: Optional[Repomd] = None

    @staticmethod
    def from_path(path: _Path, warningcb: WarningCb = None) -> RepositoryReader:
        """The repository in a folder; raises ``FileNotFoundError`` if there is none, ``KeyError`` if it has no primary."""
        repomd_path = os.path.join(path, "repodata", "repomd.xml")
        if not os.path.exists(repomd_path):
            raise FileNotFoundError(f"No repository found at the provided path: {os.fspath(path)}")
        reader = RepositoryReader()
        reader.repomd = Repomd()
        xml_parse_repomd(repomd_path, reader.repomd, warningcb)
        for kind in (*_MAIN, "updateinfo"):
            if kind in reader.repomd or kind == "primary":
                reader._paths[kind] = _inside(path, reader.repomd[kind])
        return reader

    @staticmethod
    def from_metadata_files(
        primary_xml_path: str,
        filelists_xml_path: Optional[str],
        other_xml_path: Optional[str],
        updateinfo_xml_path: Optional[str] = None,
    ) -> RepositoryReader:
        """The repository that some files are, in any compression. Only the first is needed."""
        reader = RepositoryReader()
        reader._paths = {
            "primary": primary_xml_path, "filelists": filelists_xml_path, "other": other_xml_path,
            "updateinfo": updateinfo_xml_path,
        }
        return reader

    def advisories(self) -> list[UpdateRecord]:
        """The advisories; none if there is no updateinfo."""
        path = self._paths.get("updateinfo")
        return UpdateInfo(path).updates if path else []

    def package_count(self) -> int:
        """How many different packages there are; they are read for that."""
        return len(self.parse_packages(only_primary=True)[0])

    def iter_packages(self, warningcb: WarningCb = None) -> PackageIterator:
        """The packages, one at a time; one that is listed twice comes twice."""
        primary, filelists, other = (self._paths.get(kind) for kind in _MAIN)
        return PackageIterator(primary or "", filelists, other, warningcb=warningcb)

    def parse_packages(self, only_primary: bool = False) -> tuple[dict[str, Package], list[tuple[int, str]]]:
        """All packages by pkgid, and what was odd."""
        packages: dict[str, Package] = {}
        warnings: list[tuple[int, str]] = []

        def odd(kind: int, message: str) -> None:
            warnings.append((kind, message))

        def keep(package: Package) -> None:
            packages[package.pkgId or ""] = package

        def known(pkgid: Optional[str], name: Optional[str], arch: Optional[str]) -> Optional[Package]:
            return packages.get(pkgid or "")

        primary, filelists, other = (self._paths.get(kind) for kind in _MAIN)
        xml_parse_primary(primary or "", pkgcb=keep, warningcb=odd, do_files=0)
        for path, parse in ((filelists, xml_parse_filelists), (other, xml_parse_other)):
            if path and not only_primary:
                parse(path, newpkgcb=known, warningcb=odd)
        return packages, warnings


class RepositoryWriter:
    """Writes a repository: packages, advisories, other metadata files, and repomd.xml at the end.

    Used in a ``with``, or ended by ``finish``.
    """

    def __init__(
        self,
        destination: _Path,
        num_packages: Optional[int] = None,
        unique_md_filenames: bool = True,
        changelog_limit: Optional[int] = 10,
        compression: int = ZSTD_COMPRESSION,
        checksum_type: int = SHA256,
    ) -> None:
        self.repomd = Repomd()
        self._path = Path(destination)
        self._unique, self._compression, self._checksum = unique_md_filenames, compression, checksum_type
        self._changelog_limit = 10 if changelog_limit is None else changelog_limit
        self._suffix = compression_suffix(compression) or ""
        self._counted = self._finished = False
        self._updates: list[UpdateRecord] = []
        self.additional_metadata_files: dict[str, Path] = {}
        self.repodata_dir.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, XmlFile] = {
            "primary": PrimaryXmlFile(self._of("primary"), compression),
            "filelists": FilelistsXmlFile(self._of("filelists"), compression),
            "other": OtherXmlFile(self._of("other"), compression),
        }
        if num_packages is not None:
            self.set_num_of_pkgs(num_packages)

    @property
    def path(self) -> Path:
        """The repository."""
        return self._path

    @property
    def repodata_dir(self) -> Path:
        """The folder of its metadata."""
        return self._path / "repodata"

    def set_num_of_pkgs(self, num: int) -> None:
        """Says how many packages there will be, before the first is added."""
        assert not self._counted, "The number of packages has already been set"
        self._counted = True
        for file in self._files.values():
            file.set_num_of_pkgs(num)

    def add_pkg_from_file(self, path: _Path, output_dir: Optional[str] = None) -> Package:
        """Adds a package file. One that is not in the repository is copied there, to ``output_dir`` or its root."""
        self._check_adding()
        try:
            href = Path(path).relative_to(self._path)
        except ValueError:
            href = Path(output_dir or "") / Path(path).name
            (self._path / href).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, self._path / href)
        package = package_from_rpm(path, self._checksum, str(href), None, self._changelog_limit)
        self.add_pkg(package)
        return package

    def add_pkg(self, pkg: Package) -> None:
        """Adds a package."""
        self._check_adding()
        for file in self._files.values():
            file.add_pkg(pkg)

    def add_repomd_metadata(self, name: str, path: _Path, use_compression: bool = True) -> None:
        """Adds any file under a type of its own, compressed or as it is."""
        self._check_unfinished()
        target = self.repodata_dir / Path(path).name
        if use_compression:
            target = target.with_name(target.name + self._suffix)
            compress_file(os.fspath(path), str(target), self._compression)
        elif not (target.exists() and os.path.samefile(path, target)):
            shutil.copy2(path, target)
        self.additional_metadata_files[name] = target

    def add_update_record(self, rec: UpdateRecord) -> None:
        """Adds an advisory."""
        self._check_unfinished()
        self._updates.append(rec)

    def finish(self) -> None:
        """Writes what is left, repomd.xml last."""
        self._check_unfinished()
        if not self._counted:
            self.set_num_of_pkgs(0)
        self._finished = True
        if self._updates:
            self._files["updateinfo"] = updates = UpdateInfoXmlFile(self._of("updateinfo"), self._compression)
            for update in self._updates:
                updates.add_chunk(xml_dump_updaterecord(update))
        twice = self._files.keys() & self.additional_metadata_files.keys()
        assert not twice, f"Added repomd metadata {twice} conflicts with created metadata"
        for file in self._files.values():
            file.close()
        paths = {**{kind: self._of(kind) for kind in self._files}, **self.additional_metadata_files}
        for kind, path in paths.items():
            record = RepomdRecord(kind, str(path))
            record.fill(self._checksum)
            if self._unique:
                record.rename_file()
            self.repomd.set_record(record)
        self._write_repomd()

    def _write_repomd(self) -> None:
        target = self.repodata_dir / "repomd.xml"
        temporary = target.with_name(".repomd.xml.new")
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(self.repomd.xml_dump())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)

    def _of(self, kind: str) -> str:
        return str(self.repodata_dir / f"{kind}.xml{self._suffix}")

    def _check_adding(self) -> None:
        assert self._counted, "Must set the number of packages before adding packages"
        self._check_unfinished()

    def _check_unfinished(self) -> None:
        assert not self._finished, "Cannot perform action after the repository has already finished being written"

    def __enter__(self) -> RepositoryWriter:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[types.TracebackType]
    ) -> None:
        if kind is None:
            self.finish()


class MetadataLocation:
    """Where the metadata files of a repository are, by type. Only of a folder: what is remote is not fetched."""

    def __init__(self, path: str, ignore_db: object) -> None:
        """Raises ``OSError`` if there is no repository."""
        folder = path[len("file://"):] if path.startswith("file:///") else path
        repomd = os.path.join(folder, "repodata", "repomd.xml")
        if not os.path.exists(repomd):
            raise FileNotFoundError(f"Metadata not found at {path}.")
        self._found: dict[str, str] = {}
        self._additional: list[str] = []
        for record in Repomd(repomd):
            kind, place = record.type or "", _inside(folder, record)
            main = kind.split("_")[0] in (*_MAIN, "filelists-ext")
            if not (ignore_db and kind.endswith("_db")):
                self._found[kind] = place
            if not main:
                self._additional.insert(0, place)

    def __getitem__(self, kind: str) -> Union[str, list[str], None]:
        """The path of a type, ``None`` if there is none; all but the main ones as a list for ``additional_metadata``."""
        known = (*_MAIN, "primary_db", "filelists_db", "other_db", "group", "group_gz", "updateinfo")
        if kind == "additional_metadata":
            return list(self._additional) or None
        return self._found.get(kind) if kind in known else None

    def __len__(self) -> int:
        return 9

    def __repr__(self) -> str:
        return "<createrepo_c.MetadataLocation object>"


_KEYS: dict[int, Callable[[Package], str]] = {
    HT_KEY_HASH: lambda package: package.pkgId or "",
    HT_KEY_NAME: lambda package: package.name or "",
    HT_KEY_FILENAME: lambda package: os.path.basename(package.location_href or ""),
}


class Metadata:
    """All packages of repositories, by pkgid, name or file name."""

    def __init__(self, key: int = HT_KEY_DEFAULT, use_single_chunk: object = False, pkglist: Optional[list[str]] = None) -> None:
        """``pkglist`` are the names of the files that count; without it all do."""
        if key not in _KEYS:
            raise ValueError("Unknown key: use one of the HT_KEY_ constants")
        self._key, self._wanted = key, None if not pkglist else set(pkglist)
        self._duplicates = HT_DUPACT_KEEPFIRST
        self._packages: dict[str, Package] = {}

    @property
    def key(self) -> int:
        """What packages are kept by."""
        return self._key

    def dupaction(self, dupaction: int) -> None:
        """What becomes of packages with the same key: the first is kept, or none."""
        if dupaction not in (HT_DUPACT_KEEPFIRST, HT_DUPACT_REMOVEALL):
            raise CreaterepoCError("Cannot set specified action")
        self._duplicates = dupaction

    def load_xml(self, location: MetadataLocation) -> None:
        """Reads what is at a location."""
        self._load(*(location[kind] for kind in _MAIN))

    def locate_and_load_xml(self, path: str) -> None:
        """Reads a repository; raises ``OSError`` if there is none."""
        self.load_xml(MetadataLocation(path, True))

    def _load(self, primary: Any, filelists: Any, other: Any) -> None:
        loaded: dict[str, Package] = {}
        apart: set[str] = set()
        for package in PackageIterator(primary, filelists, other):
            pkgid, known = package.pkgId or "", loaded.get(package.pkgId or "")
            if pkgid in apart or (self._wanted is not None and _KEYS[HT_KEY_FILENAME](package) not in self._wanted):
                continue
            # Different packages under the same checksum: none of them can be told from the others.
            if known is not None and _file_of(known) != _file_of(package):
                apart.add(pkgid)
                del loaded[pkgid]
            elif known is None:
                loaded[pkgid] = package
        ambiguous: set[str] = set()
        for package in loaded.values():
            key = _KEYS[self._key](package)
            kept = self._packages.setdefault(key, package)
            if self._duplicates == HT_DUPACT_REMOVEALL and _file_of(kept) != _file_of(package):
                ambiguous.add(key)
        for key in ambiguous:
            del self._packages[key]

    def len(self) -> int:
        """How many packages there are."""
        return len(self._packages)

    def keys(self) -> list[str]:
        """The keys, in the order of the repository."""
        return list(self._packages)

    def has_key(self, key: str) -> bool:
        """Whether there is a package of that key."""
        return key in self._packages

    def get(self, key: str) -> Optional[Package]:
        """The package of a key."""
        return self._packages.get(key)

    def remove(self, key: str) -> bool:
        """Removes a package; returns whether there was one."""
        return self._packages.pop(key, None) is not None

    def __repr__(self) -> str:
        return "<createrepo_c.Metadata object>"


def _file_of(package: Package) -> tuple[Optional[str], int, int, str]:
    return package.pkgId, package.time_file, package.size_package, _KEYS[HT_KEY_FILENAME](package)


def _inside(folder: _Path, record: RepomdRecord) -> str:
    """Where a metadata file is, which a hostile repomd.xml may name; raises ``CreaterepoCError`` if it leads out."""
    href = record.location_href or ""
    if os.path.isabs(href) or ".." in href.split("/") or "\0" in href:
        raise CreaterepoCError(f"unsafe path `{href[:200]}` in repomd.xml: it must be relative and without `..`")
    return os.path.join(folder, href)
