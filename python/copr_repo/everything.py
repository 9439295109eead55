"""What the system's repositories have, for questions about dependencies."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, Protocol
from xml.sax.saxutils import escape, quoteattr

from ._native import Repository

INSTALLED = "@System"
"""The id of what is installed."""
_FLAGS = {"<": "LT", "<=": "LE", "=": "EQ", ">=": "GE", ">": "GT"}
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Everything(Protocol):
    """The enabled repositories, and what is installed."""

    def repositories(self, fresh: Collection[str], folder: str) -> tuple[list[Repository], dict[str, str]]:
        """For a ``Pool``: those with these ids as they are now, the others as they were last read, and ``INSTALLED``.

        ``folder`` is for files that have to be written for that. Of those that cannot be had the ids, and why.
        """


def write_installed(path: str, packages: Iterable[Any]) -> None:
    """Writes what installed packages (hawkey's) provide as a primary.xml.

    What they need is not written: an installed system is taken to be whole.
    """
    with open(path, "w", encoding="utf-8", errors="replace") as file:
        # The count is a hint only, and is not known before.
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns="http://linux.duke.edu/metadata/common" '
            'xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="0">\n'
        )
        for number, package in enumerate(packages):
            provides = "".join(_entry(str(provided)) for provided in package.provides)
            paths = "".join(f"<file>{_text(path)}</file>" for path in package.files)
            file.write(
                f'<package type="rpm"><name>{_text(package.name)}</name><arch>{_text(package.arch)}</arch>'
                f"<version epoch={_quoted(package.epoch)} ver={_quoted(package.version)} rel={_quoted(package.release)}/>"
                f'<checksum type="sha256" pkgid="YES">{number:064x}</checksum>'
                '<summary/><description/><packager/><url/><time file="0" build="0"/>'
                f'<size package="0" installed="0" archive="0"/><location href="{number}.rpm"/>'
                f"<format><rpm:provides>{provides}</rpm:provides>{paths}</format></package>\n"
            )
        file.write("</metadata>\n")


def _entry(text: str) -> str:
    """``name`` or ``name = 1:2-3``."""
    name, *rest = text.split()
    if len(rest) != 2 or rest[0] not in _FLAGS:
        return f"<rpm:entry name={_quoted(text)}/>"
    epoch, _colon, evr = rest[1].rpartition(":")
    version, dash, release = evr.partition("-")
    of_release = f" rel={_quoted(release)}" if dash else ""
    return (
        f'<rpm:entry name={_quoted(name)} flags="{_FLAGS[rest[0]]}" epoch={_quoted(epoch or "0")} '
        f"ver={_quoted(version)}{of_release}/>"
    )


def _text(value: Any) -> str:
    return escape(_NO_XML.sub("?", str(value)))


def _quoted(value: Any) -> str:
    return quoteattr(_NO_XML.sub("?", str(value)))
