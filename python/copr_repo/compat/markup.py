"""XML as libxml2 writes it for createrepo_c: an element a line, two blanks a level."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_ASCII = re.compile("[^\0-\x7f]")
_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
Attributes = Iterable[tuple[str, Optional[str]]]
"""Names and values; those that are ``None`` are left out."""


class Markup:
    """Writes elements. In a whole document attributes are UTF-8; in one that is by itself they are ASCII."""

    def __init__(self, *, document: bool = True) -> None:
        self._document = document

    def element(self, level: int, name: str, text: str, attributes: Attributes = ()) -> str:
        """The line of an element that holds a text, which may be empty."""
        return f"{'  ' * level}{self._start(name, attributes)}>{_valid(text).translate(_TEXT)}</{name}>\n"

    def empty(self, level: int, name: str, attributes: Attributes = ()) -> str:
        """The line of an element that holds nothing."""
        return f"{'  ' * level}{self._start(name, attributes)}/>\n"

    def parent(self, level: int, name: str, children: Iterable[str], attributes: Attributes = ()) -> str:
        """The lines of an element and its children; without children it is one line."""
        inside = "".join(children)
        if not inside:
            return self.empty(level, name, attributes)
        blanks = "  " * level
        return f"{blanks}{self._start(name, attributes)}>\n{inside}{blanks}</{name}>\n"

    def _start(self, name: str, attributes: Attributes) -> str:
        return f"<{name}{''.join(self._attribute(key, value) for key, value in attributes if value is not None)}"

    def _attribute(self, name: str, value: str) -> str:
        written = _valid(value).translate(_ATTRIBUTE)
        if not self._document:
            written = _NOT_ASCII.sub(lambda found: f"&#x{ord(found[0]):X};", written)
        return f' {name}="{written}"'


def _valid(text: str) -> str:
    """Text with U+FFFD for what XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
