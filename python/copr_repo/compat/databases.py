"""The SQLite databases that repeat the XML files for yum."""

from __future__ import annotations

import os
import tempfile
from typing import Optional

from .._native import Database
from .constants import DB_FILELISTS, DB_FILELISTS_EXT, DB_OTHER, DB_PRIMARY
from .errors import CreaterepoCError, translated
from .package import Package, to_record

_KINDS = {DB_PRIMARY: "primary", DB_FILELISTS: "filelists", DB_FILELISTS_EXT: "filelists-ext", DB_OTHER: "other"}


class Sqlite:
    """A database that packages are added to. It is there once it is closed."""

    def __init__(self, path: str, db_type: int) -> None:
        """Raises ``OSError`` if there is a file already, or no such folder."""
        if db_type not in _KINDS:
            raise ValueError("Unknown DB type")
        if os.path.lexists(path):
            raise FileExistsError(f"File already exists: {path}")
        self._path, self._checksum = path, ""
        self._folder: Optional[tempfile.TemporaryDirectory[str]] = tempfile.TemporaryDirectory(
            prefix=".compat-", dir=os.path.dirname(path) or "."
        )
        self._made = os.path.join(self._folder.name, "database")
        with translated():
            self._database = Database(self._made, _KINDS[db_type])

    def add_pkg(self, pkg: Package) -> None:
        """Adds what this database holds of a package."""
        self._check_open()
        if not isinstance(pkg, Package):
            raise TypeError(f"a Package is expected, not {type(pkg).__name__}")
        record = to_record(pkg)
        with translated():
            self._database.add(record)

    def dbinfo_update(self, checksum: str) -> None:
        """Notes the checksum of the XML file, which yum compares."""
        self._check_open()
        self._checksum = checksum

    def close(self) -> None:
        """Completes the database. A second time does nothing."""
        if self._folder is None:
            return
        folder, self._folder = self._folder, None
        with folder:
            with translated():
                self._database.finish(self._checksum)
            os.replace(self._made, self._path)

    def _check_open(self) -> None:
        if self._folder is None:
            raise CreaterepoCError("Improper createrepo_c Sqlite object (Already closed db?)")

    def __repr__(self) -> str:
        return "<createrepo_c.Sqlite object>"


class PrimarySqlite(Sqlite):
    """A new primary.sqlite."""

    def __init__(self, path: str) -> None:
        super().__init__(path, DB_PRIMARY)


class FilelistsSqlite(Sqlite):
    """A new filelists.sqlite."""

    def __init__(self, path: str) -> None:
        super().__init__(path, DB_FILELISTS)


class OtherSqlite(Sqlite):
    """A new other.sqlite."""

    def __init__(self, path: str) -> None:
        super().__init__(path, DB_OTHER)
