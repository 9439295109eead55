"""Reading primary, filelists and other: one at a time with callbacks, or together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Optional, Union

from .._native import Error, Record, Records, pkgid
from .errors import CreaterepoCError, interrupted, translated
from .package import Package, add_changes, add_files, add_primary, of_record

NewPkgCb = Optional[Callable[[Optional[str], Optional[str], Optional[str]], Optional[Package]]]
"""Given pkgid, name and architecture it returns the package to fill in, or ``None`` to pass over this one."""
PkgCb = Optional[Callable[[Package], Any]]
"""Gets each package once it is read."""
WarningCb = Optional[Callable[[int, str], Any]]
"""Gets a number and a sentence. What createrepo_c warns of in packages is read without a warning."""
_Source = Union[str, bytes]


def xml_parse_primary(
    path: str, newpkgcb: NewPkgCb = None, pkgcb: PkgCb = None, warningcb: WarningCb = None, do_files: int = 1
) -> None:
    """Reads primary.xml in any compression. ``newpkgcb`` gets ``"rpm"`` in place of the pkgid, which comes later.

    Raises ``OSError`` for a file that cannot be opened, ``CreaterepoCError`` for what is no primary.xml and for whatever a
    callback raises, ``ValueError`` and ``TypeError`` for callbacks that are none.
    """
    _check(newpkgcb, pkgcb, warningcb)
    _primary(_no_bytes(path), newpkgcb, pkgcb, bool(do_files))


def xml_parse_filelists(path: str, newpkgcb: NewPkgCb = None, pkgcb: PkgCb = None, warningcb: WarningCb = None) -> None:
    """Reads filelists.xml or filelists-ext.xml, as ``xml_parse_primary``."""
    _check(newpkgcb, pkgcb, warningcb)
    _other("filelists", _no_bytes(path), newpkgcb, pkgcb)


def xml_parse_other(path: str, newpkgcb: NewPkgCb = None, pkgcb: PkgCb = None, warningcb: WarningCb = None) -> None:
    """Reads other.xml, as ``xml_parse_primary``."""
    _check(newpkgcb, pkgcb, warningcb)
    _other("other", _no_bytes(path), newpkgcb, pkgcb)


def xml_parse_primary_snippet(
    xml_string: str, newpkgcb: NewPkgCb = None, pkgcb: PkgCb = None, warningcb: WarningCb = None, do_files: int = 1
) -> None:
    """Reads the ``<package>`` elements of a text, as they stand in primary.xml."""
    _check(newpkgcb, pkgcb, warningcb)
    _primary(_document("metadata", xml_string), newpkgcb, pkgcb, bool(do_files))


def xml_parse_filelists_snippet(
    xml_string: str, newpkgcb: NewPkgCb = None, pkgcb: PkgCb = None, warningcb: WarningCb = None
) -> None:
    """Reads the ``<package>`` elements of a text, as they stand in filelists.xml."""
    _check(newpkgcb, pkgcb, warningcb)
    _other("filelists", _document("filelists", xml_string), newpkgcb, pkgcb)


def xml_parse_other_snippet(
    xml_string: str, newpkgcb: NewPkgCb = None, pkgcb: PkgCb = None, warningcb: WarningCb = None
) -> None:
    """Reads the ``<package>`` elements of a text, as they stand in other.xml."""
    _check(newpkgcb, pkgcb, warningcb)
    _other("other", _document("otherdata", xml_string), newpkgcb, pkgcb)


def xml_parse_main_metadata_together(
    primary: str,
    filelists: Optional[str],
    other: Optional[str],
    newpkgcb: NewPkgCb = None,
    pkgcb: PkgCb = None,
    warningcb: WarningCb = None,
    allow_out_of_order: bool = True,
) -> None:
    """Reads all three and gives each package to ``pkgcb`` when it is whole, in the order of primary.xml.

    It is read whatever the order of the packages in filelists and other, so ``allow_out_of_order`` has no effect.
    """
    _check(newpkgcb, pkgcb, warningcb)
    for package in PackageIterator(primary, filelists, other, newpkgcb, warningcb):
        _done(pkgcb, package)


class PackageIterator:
    """The packages of a repository, whole, one at a time. Memory does not grow with the repository.

    Without filelists the files are those that primary.xml has. Raises what ``xml_parse_primary`` does, as soon as it is
    made or when the next package is asked for.
    """

    def __init__(
        self,
        primary_path: str,
        filelists_path: Optional[str],
        other_path: Optional[str],
        newpkgcb: NewPkgCb = None,
        warningcb: WarningCb = None,
    ) -> None:
        _check_callable(newpkgcb=newpkgcb, warningcb=warningcb)
        self._newpkgcb = newpkgcb
        self._finished = False
        with translated():
            self._records = Records(_no_bytes(primary_path), filelists=filelists_path, other=other_path)

    def is_finished(self) -> bool:
        """Whether there is no package left: true once the iteration has ended."""
        return self._finished

    def __iter__(self) -> PackageIterator:
        return self

    def __next__(self) -> Package:
        while True:
            # Without a context manager, which would take as long as the reading.
            try:
                record = next(self._records, None)
            except Error as error:
                raise CreaterepoCError(str(error)) from error
            if record is None:
                self._finished = True
                raise StopIteration
            if self._newpkgcb is None:
                return of_record(record)
            package = _asked(self._newpkgcb, pkgid(record), record.name, record.arch)
            if package is not None:
                whole = of_record(record)
                package._primary, package._files, package._changes = whole._primary, whole._files, whole._changes
                package._own = None
                return package


PkgIterator = PackageIterator


def _primary(source: _Source, newpkgcb: NewPkgCb, pkgcb: PkgCb, do_files: bool) -> None:
    with translated():
        records = Records(source)
    for record in _each(records):
        package = Package() if newpkgcb is None else _asked(newpkgcb, "rpm", None, None)
        if package is not None:
            add_primary(package, record, do_files)
            _done(pkgcb, package)


def _other(kind: str, source: _Source, newpkgcb: NewPkgCb, pkgcb: PkgCb) -> None:
    with translated():
        records = Records(filelists=source) if kind == "filelists" else Records(other=source)
    add = add_files if kind == "filelists" else add_changes
    for record in _each(records):
        package = Package()
        if newpkgcb is not None:
            asked = _asked(newpkgcb, pkgid(record), record.name or None, record.arch or None)
            if asked is None:
                continue
            package = asked
        add(package, record)
        _done(pkgcb, package)


def _each(records: Iterator[Record]) -> Iterator[Record]:
    """Translates the errors of reading; what is done with a record is not in here."""
    try:
        yield from records
    except Error as error:
        raise CreaterepoCError(str(error)) from error


def _asked(newpkgcb: Any, pkgid: Optional[str], name: Optional[str], arch: Optional[str]) -> Optional[Package]:
    try:
        package = newpkgcb(pkgid, name, arch)
    except Exception as error:
        raise interrupted(error) from error
    if package is None or isinstance(package, Package):
        return package
    raise CreaterepoCError("Parsing interrupted: newpkgcb returns neither a Package nor None")


def _done(pkgcb: PkgCb, package: Package) -> None:
    if pkgcb is not None:
        try:
            pkgcb(package)
        except Exception as error:
            raise interrupted(error) from error


def _check(newpkgcb: NewPkgCb, pkgcb: PkgCb, warningcb: WarningCb) -> None:
    _check_callable(newpkgcb=newpkgcb, pkgcb=pkgcb, warningcb=warningcb)
    if newpkgcb is None and pkgcb is None:
        raise ValueError("both pkgcb and newpkgcb cannot be None")


def _check_callable(**callbacks: Any) -> None:
    for name, callback in callbacks.items():
        if not (callback is None or callable(callback)):
            raise TypeError(f"{name} must be callable or None")


def _no_bytes(path: str) -> str:
    """A path: bytes would be taken for XML."""
    if not isinstance(path, str):
        raise TypeError(f"a path is expected, not {type(path).__name__}")
    return path


def _document(root: str, inside: str) -> bytes:
    return f"<{root}>{inside}</{root}>".encode()
