"""A package as createrepo_c's ``Package``: attributes that may be read and set, in its shapes."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar

from .._native import Record, pkgid, plain_changelogs, plain_dependencies, plain_files
from .fields import number, text

Dependency = tuple[Optional[str], Optional[str], Optional[str], Optional[str], Optional[str], bool]
"""Name; ``EQ``, ``GE``, ... or ``None``; epoch, version, release; whether it is needed before the package is installed."""
Changelog = tuple[Optional[str], int, Optional[str]]
"""Author, seconds since 1970, text."""

_TEXTS = {
    "summary": "summary", "description": "description", "url": "url", "rpm_license": "license", "rpm_vendor": "vendor",
    "rpm_group": "group", "rpm_buildhost": "buildhost", "rpm_sourcerpm": "sourcerpm", "rpm_packager": "packager",
    "location_href": "location_href", "location_base": "location_base",
}
_NUMBERS = {
    "time_file": "time_file", "time_build": "time_build", "rpm_header_start": "header_start", "rpm_header_end": "header_end",
    "size_package": "size_package", "size_installed": "size_installed", "size_archive": "size_archive",
}
DEPENDENCIES = ("requires", "provides", "conflicts", "obsoletes", "suggests", "enhances", "recommends", "supplements")
"""The names of the lists of dependencies."""

_T = TypeVar("_T")


class _Attribute(Generic[_T]):
    """The type of an attribute; what is there in its place is a property."""

    def __get__(self, package: Package, owner: type[Package]) -> _T:
        raise NotImplementedError

    def __set__(self, package: Package, value: _T) -> None:
        raise NotImplementedError


class Package:
    """A package. It keeps the record that it was read as, and makes of it what is read of it, each time anew.

    Empty texts of metadata are ``None``, as for createrepo_c. A list that is read is a copy: change it and set it.

    >>> package = Package()
    >>> package.name, package.epoch, package.version, package.release, package.arch = "tree", "0", "2.1", "1", "noarch"
    >>> package.nevra()
    'tree-0:2.1-1.noarch'
    """

    __slots__ = ("_changes", "_files", "_from_header", "_own", "_primary", "__weakref__")

    if TYPE_CHECKING:
        pkgId: _Attribute[Optional[str]]
        name: _Attribute[Optional[str]]
        arch: _Attribute[Optional[str]]
        epoch: _Attribute[Optional[str]]
        version: _Attribute[Optional[str]]
        release: _Attribute[Optional[str]]
        summary: _Attribute[Optional[str]]
        description: _Attribute[Optional[str]]
        url: _Attribute[Optional[str]]
        rpm_license: _Attribute[Optional[str]]
        rpm_vendor: _Attribute[Optional[str]]
        rpm_group: _Attribute[Optional[str]]
        rpm_buildhost: _Attribute[Optional[str]]
        rpm_sourcerpm: _Attribute[Optional[str]]
        rpm_packager: _Attribute[Optional[str]]
        location_href: _Attribute[Optional[str]]
        location_base: _Attribute[Optional[str]]
        checksum_type: _Attribute[Optional[str]]
        files_checksum_type: _Attribute[Optional[str]]
        time_file: _Attribute[int]
        time_build: _Attribute[int]
        rpm_header_start: _Attribute[int]
        rpm_header_end: _Attribute[int]
        size_package: _Attribute[int]
        size_installed: _Attribute[int]
        size_archive: _Attribute[int]
        requires: _Attribute[list[Dependency]]
        provides: _Attribute[list[Dependency]]
        conflicts: _Attribute[list[Dependency]]
        obsoletes: _Attribute[list[Dependency]]
        suggests: _Attribute[list[Dependency]]
        enhances: _Attribute[list[Dependency]]
        recommends: _Attribute[list[Dependency]]
        supplements: _Attribute[list[Dependency]]
        files: _Attribute[list[Any]]
        """Type, folder with ``/`` at its end, name and, where it is known, digest of each file."""
        changelogs: _Attribute[list[Changelog]]

    def __init__(self) -> None:
        # Where the attributes are read that primary, filelists and other know, and what was set instead.
        self._primary: Optional[Record] = None
        self._files: Optional[Record] = None
        self._changes: Optional[Record] = None
        self._own: Optional[dict[str, Any]] = None
        # Of files of a header createrepo_c tells other things: None, or whether they have digests.
        self._from_header: Optional[bool] = None

    def nvra(self) -> str:
        """``name-version-release.arch``."""
        name, version, release, arch = map(_printed, (self.name, self.version, self.release, self.arch))
        return f"{name}-{version}-{release}.{arch}"

    def nevra(self) -> str:
        """``name-epoch:version-release.arch``, with an epoch of 0, too."""
        name, version, release, arch = map(_printed, (self.name, self.version, self.release, self.arch))
        return f"{name}-{self.epoch or '0'}:{version}-{release}.{arch}"

    def copy(self) -> Package:
        """Another package with the same values."""
        other = Package()
        other._primary, other._files, other._changes = self._primary, self._files, self._changes
        other._own = None if self._own is None else dict(self._own)
        other._from_header = self._from_header
        return other

    def __copy__(self) -> Package:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Package:
        return self.copy()

    def __str__(self) -> str:
        return self.nvra()

    def __repr__(self) -> str:
        return f"<createrepo_c.Package object id {self.pkgId or '-'}, {self.name or '-'}>"


def of_record(record: Record, *, from_header: Optional[bool] = None) -> Package:
    """The package that a record with all its parts is."""
    # Without __init__, because a repository has many.
    package = Package.__new__(Package)
    package._primary = package._files = package._changes = record
    package._own, package._from_header = None, from_header
    return package


def add_primary(package: Package, record: Record, do_files: bool) -> None:
    """Adds what primary.xml says, as createrepo_c does: what identifies the package stays, the other texts and numbers are
    replaced, lists become longer."""
    own = package._own or {}
    for name in tuple(own):
        if name in DEPENDENCIES:
            own[name] = own[name][::-1] + plain_dependencies(record, name)
        elif name in _TEXTS or name in _NUMBERS or name == "checksum_type":
            del own[name]
    package._primary = record
    if do_files:
        add_files(package, record)


def add_files(package: Package, record: Record) -> None:
    """Adds what filelists.xml says. Where there are files already, all are there then."""
    before = package.files
    package._files = record
    if before:
        package.files = before[::-1] + plain_files(record)


def add_changes(package: Package, record: Record) -> None:
    """Adds what other.xml says. Where there are changes already, all are there then."""
    before = package.changelogs
    package._changes = record
    if before:
        package.changelogs = before[::-1] + plain_changelogs(record)


def to_record(package: Package) -> Record:
    """The record that is to be written; raises ``ValueError`` if metadata cannot say what was set."""
    primary, files, changes = package._primary, package._files, package._changes
    whole = not package._own and primary is not None and primary is files is changes
    record = primary if whole and primary is not None else _made_anew(package)
    base = record.location_base
    # A folder is written as a URL.
    return record.replace(location_base=f"file://{base}") if base and base.startswith("/") else record


def _made_anew(package: Package) -> Record:
    kind, pkgid = package.checksum_type, package.pkgId
    if kind is None or pkgid is None:
        raise ValueError("a package without pkgId and checksum_type cannot be written: metadata know packages by these")
    fields: dict[str, Any] = {ours: getattr(package, name) or "" for name, ours in _TEXTS.items()}
    fields.update({ours: getattr(package, name) for name, ours in _NUMBERS.items()})
    fields.update({name: getattr(package, name) or "" for name in ("name", "arch", "version", "release")})
    for name in DEPENDENCIES:
        # Empty texts say as little as None.
        fields[name] = [(*(part or None for part in entry[:5]), entry[5]) for entry in getattr(package, name) if entry[0]]
    fields.update(
        epoch=int(package.epoch or 0), checksum=(kind, pkgid), location_base=package.location_base or None,
        files=[_written(*file) for file in package.files], file_digest=package.files_checksum_type or None,
        changelogs=[(author or "", date, said or "") for author, date, said in package.changelogs],
    )
    return Record(**fields)


def _written(kind: Optional[str], folder: Optional[str], name: Optional[str], digest: Optional[str] = None) -> tuple[Any, ...]:
    return f"{folder or ''}{name or ''}", kind or "file", digest or None


def _printed(value: Optional[str]) -> str:
    """As C prints a text that is not there."""
    return "(null)" if value is None else value


def _scalar(name: str, read: Callable[[Record], Any], first: Any, check: Callable[[Any], Any]) -> property:
    """An attribute that primary.xml knows, until it is set."""

    def get(package: Package) -> Any:
        own, record = package._own, package._primary
        if own is not None and name in own:
            return own[name]
        return first if record is None else read(record)

    return property(get, _setter(name, check))


def _identity(name: str, read: Callable[[Record], Any]) -> property:
    """An attribute that every document knows."""

    def get(package: Package) -> Any:
        own, record = package._own, package._primary or package._files or package._changes
        if own is not None and name in own:
            return own[name]
        return None if record is None else read(record)

    return property(get, _setter(name, text))


def _list(name: str, read: Callable[[Package], list[Any]], check: Callable[[Any], Any], sizes: tuple[int, ...]) -> property:
    """A list, each time a new one."""
    said = f"Element of list has to be a tuple with {' or '.join(map(str, sizes))} items."

    def check_all(values: Any) -> list[Any]:
        if not isinstance(values, list):
            raise TypeError("List expected!")
        if not all(isinstance(value, tuple) and len(value) in sizes for value in values):
            raise TypeError(said)
        return [check(value) for value in values]

    def get(package: Package) -> list[Any]:
        own = package._own
        return list(own[name]) if own is not None and name in own else read(package)

    return property(get, _setter(name, check_all))


def _setter(name: str, check: Callable[[Any], Any]) -> Callable[[Package, Any], None]:
    def set(package: Package, value: Any) -> None:
        checked = check(value)
        package._own = {} if package._own is None else package._own
        package._own[name] = checked

    return set


def _text_of(attribute: str) -> Callable[[Record], Optional[str]]:
    get = attrgetter(attribute)
    return lambda record: get(record) or None


def _read_dependencies(name: str) -> Callable[[Package], list[Any]]:
    def read(package: Package) -> list[Any]:
        return [] if package._primary is None else plain_dependencies(package._primary, name)

    return read


def _read_changelogs(package: Package) -> list[Any]:
    return [] if package._changes is None else plain_changelogs(package._changes)


def _read_files(package: Package) -> list[Any]:
    if package._files is None:
        return []
    if package._from_header is None:
        return plain_files(package._files)
    return plain_files(package._files, plain="", digests=package._from_header)


def _read_digest_type(package: Package) -> Optional[str]:
    if package._own is not None and "files_checksum_type" in package._own:
        return text(package._own["files_checksum_type"])
    return None if package._files is None else package._files.file_digest


def _dependency(value: tuple[Any, ...]) -> Dependency:
    name, flags, epoch, version, release = map(text, value[:5])
    return name, flags, epoch, version, release, bool(value[5])


def _file(value: tuple[Any, ...]) -> tuple[Optional[str], ...]:
    return tuple(map(text, value))


def _change(value: tuple[Any, ...]) -> Changelog:
    date = int(value[1]) if isinstance(value[1], (int, float)) else 0
    return text(value[0]), date, text(value[2])


for _name, _attribute in _TEXTS.items():
    setattr(Package, _name, _scalar(_name, _text_of(_attribute), None, text))
for _name, _attribute in _NUMBERS.items():
    setattr(Package, _name, _scalar(_name, attrgetter(_attribute), 0, number))
for _name in ("name", "arch", "version", "release"):
    setattr(Package, _name, _identity(_name, attrgetter(_name)))
setattr(Package, "pkgId", _identity("pkgId", pkgid))
setattr(Package, "epoch", _identity("epoch", lambda record: str(record.epoch)))
setattr(Package, "checksum_type", _scalar("checksum_type", attrgetter("checksum.kind"), None, text))
setattr(Package, "files_checksum_type", property(_read_digest_type, _setter("files_checksum_type", text)))
for _name in DEPENDENCIES:
    setattr(Package, _name, _list(_name, _read_dependencies(_name), _dependency, (6,)))
setattr(Package, "files", _list("files", _read_files, _file, (3, 4)))
setattr(Package, "changelogs", _list("changelogs", _read_changelogs, _change, (3,)))
