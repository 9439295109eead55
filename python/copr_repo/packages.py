"""What is on a system already: the installed packages, and the repositories whose metadata are at hand."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Any, Optional, Protocol

from ._native import Repository
from .messages import N_, _

INSTALLED = N_("the installed system")
"""The id of the installed packages in a pool, before it is translated: it stands in sentences."""

_KINDS = {"provides": "PROVIDE", "requires": "REQUIRE", "conflicts": "CONFLICT", "obsoletes": "OBSOLETE"}
_OPERATORS = {2: "<", 4: ">", 8: "=", 10: "<=", 12: ">="}
_LAST = 1000
"""The priority of what is installed where packages are chosen: what can be had is chosen rather than what is there."""


class Packages(Protocol):
    """What is on a system."""

    def repositories(self, fresh: Collection[str] = ()) -> tuple[list[Repository], dict[str, str]]:
        """The enabled repositories: those with the ids ``fresh`` as they are now, the others as they were last read.

        Nothing is downloaded for the others. Of those that cannot be had the ids, and why.
        """

    def installed(self, *, whole: bool) -> Optional[Repository]:
        """The installed packages, with what they depend on if ``whole``; ``None`` where that cannot be told."""


def installed(root: str, *, whole: bool) -> Optional[Repository]:
    """The packages in the rpm database of ``root``; ``whole`` ones rank behind those of every repository."""
    try:
        import rpm
    except ImportError:
        return None
    if not os.path.isdir(os.path.join(root, rpm.expandMacro("%{_dbpath}").lstrip("/"))):
        return None
    transaction = rpm.TransactionSet(root)
    # The database is the system's own: its signatures were checked when it was written.
    transaction.setVSFlags(-1)
    try:
        packages = [_package(rpm, header, whole) for header in transaction.dbMatch()]
    except rpm.error:
        return None
    finally:
        transaction.closeDB()
    # Keys stand in the database as packages.
    known = [package for package in packages if package[0] != "gpg-pubkey"]
    return Repository.of_packages(_(INSTALLED), known, priority=_LAST if whole else 99)


def _package(rpm: Any, header: Any, whole: bool) -> tuple[str, str, str, str, dict[str, list[str]]]:
    epoch, version, release = header["epoch"], header["version"], header["release"]
    evr = f"{epoch}:{version}-{release}" if epoch else f"{version}-{release}"
    lists = {kind: list(_dependencies(rpm, header, tag)) for kind, tag in _KINDS.items()} if whole else {}
    if whole:
        lists["files"] = header["filenames"]
    return header["name"], evr, header["arch"] or "noarch", header["vendor"] or "", lists


def _dependencies(rpm: Any, header: Any, tag: str) -> Iterator[str]:
    of = [header[getattr(rpm, f"RPMTAG_{tag}{part}")] for part in ("NAME", "FLAGS", "VERSION")]
    for name, flags, version in zip(*of):
        operator = _OPERATORS.get(flags & 14)
        yield f"{name} {operator} {version}" if operator and version else name
