"""updateinfo.xml: the advisories of a repository."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any, Optional, Union

from .._native import read_updateinfo
from .constants import UNKNOWN_CHECKSUM, XML_WARNING_UNKNOWNVAL, checksum_name_str, checksum_type
from .errors import CreaterepoCError, interrupted, translated
from .fields import Fields, Number, Text
from .markup import HEAD, Markup

_WarningCb = Optional[Callable[[int, str], Any]]
_Date = Union[datetime.datetime, int, None]


class UpdateReference(Fields):
    """A bug, a CVE, a page."""

    href = Text()
    id = Text()
    type = Text()
    title = Text()

    def __repr__(self) -> str:
        return f"<createrepo_c.UpdateReference {self.type} object>" if self.type else "<createrepo_c.UpdateReference object>"


class UpdateCollectionModule(Fields):
    """A build of a module's stream."""

    name = Text()
    stream = Text()
    version = Number()
    context = Text()
    arch = Text()

    def __repr__(self) -> str:
        return "<createrepo_c.UpdateCollectionModule object>"


class UpdateCollectionPackage(Fields):
    """A package that fixes something."""

    name = Text()
    version = Text()
    release = Text()
    epoch = Text()
    arch = Text()
    src = Text()
    filename = Text()
    sum = Text()
    sum_type = Number()
    reboot_suggested = Number()
    restart_suggested = Number()
    relogin_suggested = Number()

    def lines(self, markup: Markup) -> Iterator[str]:
        """What stands in the package's element."""
        if self.filename is not None:
            yield markup.element(5, "filename", self.filename)
        if self.sum is not None:
            yield markup.element(5, "sum", self.sum, [("type", checksum_name_str(self.sum_type))])
        for flag in ("reboot_suggested", "restart_suggested", "relogin_suggested"):
            if getattr(self, flag):
                yield markup.element(5, flag, "True")

    def __repr__(self) -> str:
        return "<createrepo_c.UpdateCollectionPackage object>"


class UpdateCollection(Fields):
    """Packages of one product, or of one module's stream."""

    shortname = Text()
    name = Text()

    def __init__(self) -> None:
        self._module: Optional[UpdateCollectionModule] = None
        self._packages: list[UpdateCollectionPackage] = []

    @property
    def module(self) -> Optional[UpdateCollectionModule]:
        """A copy of the module."""
        return self._module and self._module.copy()

    @module.setter
    def module(self, module: Optional[UpdateCollectionModule]) -> None:
        if not (module is None or isinstance(module, UpdateCollectionModule)):
            raise TypeError("Module or None expected!")
        self._module = module and module.copy()

    @property
    def packages(self) -> list[UpdateCollectionPackage]:
        """Copies of the packages."""
        return [package.copy() for package in self._packages]

    def append(self, package: UpdateCollectionPackage) -> None:
        """Adds a copy of a package."""
        self._packages.append(_copy_of(UpdateCollectionPackage, package))

    def lines(self, markup: Markup) -> Iterator[str]:
        """What stands in the collection's element."""
        if self.name is not None:
            yield markup.element(4, "name", self.name)
        if self._module is not None:
            module = self._module
            yield markup.empty(4, "module", [
                ("name", module.name), ("stream", module.stream), ("version", str(module.version)),
                ("context", module.context), ("arch", module.arch),
            ])
        for package in self._packages:
            names = ("name", "version", "release", "epoch", "arch", "src")
            yield markup.parent(4, "package", package.lines(markup), [(name, getattr(package, name)) for name in names])

    def __repr__(self) -> str:
        return "<createrepo_c.UpdateCollection object>"


class UpdateRecord(Fields):
    """An advisory: what is fixed, by which packages."""

    fromstr = Text()
    status = Text()
    type = Text()
    version = Text()
    id = Text()
    title = Text()
    rights = Text()
    release = Text()
    pushcount = Text()
    severity = Text()
    summary = Text()
    description = Text()
    solution = Text()
    reboot_suggested = Number()
    _issued = Text()
    _updated = Text()

    def __init__(self) -> None:
        self._references: list[UpdateReference] = []
        self._collections: list[UpdateCollection] = []

    @property
    def issued_date(self) -> _Date:
        """When it was published first; a number is seconds since 1970. Raises ``CreaterepoCError`` if it is neither."""
        return _date(self._issued)

    @issued_date.setter
    def issued_date(self, date: _Date) -> None:
        self._issued = _written(date) if date is not None else self._issued

    @property
    def updated_date(self) -> _Date:
        """When it was changed last, as ``issued_date``."""
        return _date(self._updated)

    @updated_date.setter
    def updated_date(self, date: _Date) -> None:
        self._updated = _written(date) if date is not None else self._updated

    @property
    def references(self) -> list[UpdateReference]:
        """Copies of the references."""
        return [reference.copy() for reference in self._references]

    @property
    def collections(self) -> list[UpdateCollection]:
        """Copies of the collections."""
        return [collection.copy() for collection in self._collections]

    def append_reference(self, reference: UpdateReference) -> None:
        """Adds a copy of a reference."""
        self._references.append(_copy_of(UpdateReference, reference))

    def append_collection(self, collection: UpdateCollection) -> None:
        """Adds a copy of a collection."""
        self._collections.append(_copy_of(UpdateCollection, collection))

    def element(self, markup: Markup) -> str:
        """The record's element."""
        attributes = [("from", self.fromstr), ("status", self.status), ("type", self.type), ("version", self.version)]
        return markup.parent(1, "update", self._lines(markup), attributes)

    def _lines(self, markup: Markup) -> Iterator[str]:
        for name in ("id", "title"):
            yield from _told(markup, name, getattr(self, name))
        for name, date in (("issued", self._issued), ("updated", self._updated)):
            if date is not None:
                yield markup.empty(2, name, [("date", date)])
        for name in ("rights", "release", "pushcount", "severity", "summary", "description", "solution"):
            yield from _told(markup, name, getattr(self, name))
        if self.reboot_suggested:
            yield markup.element(2, "reboot_suggested", "True")
        yield markup.parent(2, "references", [
            markup.empty(3, "reference", [(name, getattr(reference, name)) for name in ("href", "id", "type", "title")])
            for reference in self._references
        ])
        yield markup.parent(2, "pkglist", [
            markup.parent(3, "collection", collection.lines(markup), [("short", collection.shortname)])
            for collection in self._collections
        ])

    def __repr__(self) -> str:
        return "<createrepo_c.UpdateRecord object>"


class UpdateInfo:
    """updateinfo.xml, read from ``path`` or empty. ``warnings`` is what was odd in it: number and sentence of each."""

    def __init__(self, path: Optional[str] = None) -> None:
        self.warnings: list[tuple[int, str]] = []
        self._updates: list[UpdateRecord] = []
        if path:
            xml_parse_updateinfo(path, self, lambda kind, message: self.warnings.append((kind, message)))

    @property
    def updates(self) -> list[UpdateRecord]:
        """Copies of the records."""
        return [record.copy() for record in self._updates]

    @updates.setter
    def updates(self, records: list[UpdateRecord]) -> None:
        if not isinstance(records, list):
            raise TypeError("List expected!")
        self._updates = [_copy_of(UpdateRecord, record) for record in records]

    def append(self, record: UpdateRecord) -> None:
        """Adds a copy of a record."""
        self._updates.append(_copy_of(UpdateRecord, record))

    def xml_dump(self) -> str:
        """The text of updateinfo.xml."""
        markup = Markup()
        return HEAD + markup.parent(0, "updates", (record.element(markup) for record in self._updates))

    def __repr__(self) -> str:
        return "<createrepo_c.UpdateInfo object>"


def xml_dump_updaterecord(record: UpdateRecord) -> str:
    """The element of an advisory, as it stands in updateinfo.xml."""
    if not isinstance(record, UpdateRecord):
        raise TypeError(f"an UpdateRecord is expected, not {type(record).__name__}")
    return record.element(Markup(document=False))


def xml_parse_updateinfo(path: str, updateinfoobj: UpdateInfo, warningcb: _WarningCb = None) -> None:
    """Reads updateinfo.xml in any compression and adds its advisories. ``warningcb`` gets a number and a sentence."""
    if not isinstance(updateinfoobj, UpdateInfo):
        raise TypeError("Expected a createrepo_c.UpdateInfo object.")
    with translated():
        advisories, warnings = read_updateinfo(path)
    for warning in warnings if warningcb is not None else ():
        try:
            warningcb(XML_WARNING_UNKNOWNVAL, warning)  # type: ignore[misc]
        except Exception as error:
            raise interrupted(error) from error
    for advisory in advisories:
        updateinfoobj.append(_record(advisory))


def _record(advisory: dict[str, Any]) -> UpdateRecord:
    record = UpdateRecord()
    record._issued, record._updated = advisory.pop("issued"), advisory.pop("updated")
    for reference in advisory.pop("references"):
        record._references.append(_filled_in(UpdateReference(), reference))
    for collection in advisory.pop("collections"):
        made = UpdateCollection()
        module, packages = collection.pop("module"), collection.pop("packages")
        made._module = module and _filled_in(UpdateCollectionModule(), module)
        for package in packages:
            kind, hex = (package.pop("sums") or [(None, None)])[-1]
            made._packages.append(_filled_in(UpdateCollectionPackage(), package))
            made._packages[-1].sum = hex
            made._packages[-1].sum_type = checksum_type(kind) if kind else UNKNOWN_CHECKSUM
        record._collections.append(_filled_in(made, collection))
    filled: UpdateRecord = _filled_in(record, advisory)
    return filled


def _filled_in(to: Any, values: dict[str, Any]) -> Any:
    for name, value in values.items():
        setattr(to, name, value)
    return to


def _told(markup: Markup, name: str, text: Optional[str]) -> Iterator[str]:
    if text is not None:
        yield markup.element(2, name, text)


def _copy_of(kind: type[Any], value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__} is expected, not {type(value).__name__}")
    return value.copy()


def _date(written: Optional[str]) -> _Date:
    if written is None:
        return None
    for length, layout in ((19, "%Y-%m-%d %H:%M:%S"), (10, "%Y-%m-%d")):
        try:
            return datetime.datetime.strptime(written[:length], layout)
        except ValueError:
            continue
    try:
        return int(written)
    except ValueError:
        raise CreaterepoCError(f"Unable to parse updateinfo record date: {written[:40]}") from None


def _written(date: Union[datetime.datetime, int]) -> str:
    if isinstance(date, datetime.datetime):
        return date.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(date, int):
        return str(date)
    raise TypeError("DateTime, integer epoch or None expected!")
