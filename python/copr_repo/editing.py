"""The text of .repo files changed so that what the user wrote in them stays."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Optional

_HEADER = re.compile(r"\[([^\]\n]*)\]")
_OF_THE_HUB = frozenset({"baseurl", "gpgkey", "gpgcheck", "cost", "priority", "module_hotfixes"})
"""Options that a project decides. All others are the user's as soon as they stand in a file."""


@dataclass
class _Entry:
    """A comment, an empty line, or an option with the lines that go on with it."""

    key: Optional[str]
    value: str
    text: str


@dataclass
class _Part:
    """A section, or what stands before the first one (``name`` is ``None``)."""

    name: Optional[str]
    header: str
    entries: list[_Entry] = field(default_factory=list)

    def set(self, key: str, value: str) -> None:
        """Gives an option a value: where it stands, or behind the last option."""
        new = _Entry(key, value, f"{key}={value}\n")
        places = [place for place, entry in enumerate(self.entries) if entry.key == key]
        if places:
            self.entries[places[0]] = new
            self.entries = [entry for place, entry in enumerate(self.entries) if place not in places[1:]]
            return
        last = max((place for place, entry in enumerate(self.entries) if entry.key is not None), default=-1)
        self.entries.insert(last + 1, new)

    def options(self) -> dict[str, _Entry]:
        """By name; of an option that stands there twice the last one, as dnf takes it."""
        return {entry.key: entry for entry in self.entries if entry.key is not None}


def sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """Name and options of each section, as dnf takes them; what stands before the first one is none."""
    return [
        (part.name, {key: entry.value for key, entry in part.options().items()})
        for part in _parts(text) if part.name is not None
    ]


def disabled(text: str) -> str:
    """The same file with ``enabled=0`` in every section; all else stays."""
    parts = _parts(text)
    for part in parts[1:]:
        part.set("enabled", "0")
    return _text(parts)


def merged(old: str, new: str, *, elsewhere: Container[str] = (), turn_on: bool = False) -> str:
    """The new text of a file with what the user has changed in the old one.

    Of the new text are the lines ``# copr-...:`` and what a project decides: where its packages are, their key, priority
    and cost. Of the old text stay the user's comments, his own options (``exclude=``) and values (``enabled=0``, unless the
    repository is to be turned on), and sections that the new one lacks, but not those of repositories that have a file of
    their own (``elsewhere``, ids), nor of packages for a second architecture that a project has no more.
    """
    before, parts = {part.name: part for part in _parts(old)}, _parts(new)
    for part in parts:
        known = before.pop(part.name, None)
        if known is None:
            continue
        if part.name is None:
            part.entries += [entry for entry in known.entries if entry.text.strip() and not _is_ours(entry.text)]
            continue
        part.entries = _merged(known, part)
        if turn_on:
            part.set("enabled", "1")
    gone = {f"{part.name}:ml" for part in parts}
    parts += [
        part for part in before.values()
        if part.name is not None and part.name not in gone and own_id(part.name) not in elsewhere
    ]
    return _text(parts)


def own_id(section: str) -> str:
    """The id that a repository has in a file of its own; the stock server's ``coprdep:HOST:OWNER:PROJECT`` is a project.

    >>> own_id("coprdep:h:alice:libs"), own_id("coprdep:https_x_example")
    ('copr:h:alice:libs', 'coprdep:https_x_example')
    """
    kind, *rest = section.split(":", 3)
    return ":".join(["copr", *rest]) if kind == "coprdep" and len(rest) == 3 else section


def differences(old: str, new: str) -> list[tuple[str, str, Optional[str], Optional[str]]]:
    """Section, option, old and new value (``None`` where there is none) of all that differs for dnf."""
    before, after = (
        {(name, key): value for name, options in sections(text) for key, value in options.items()} for text in (old, new)
    )
    found = []
    for place in [*before, *(place for place in after if place not in before)]:
        if before.get(place) != after.get(place):
            found.append((*place, before.get(place), after.get(place)))
    return found


def _merged(old: _Part, new: _Part) -> list[_Entry]:
    """The old section's lines with what the project decides in them, so that the user finds them in his order."""
    part = _Part(new.name, new.header, list(old.entries))
    wanted, present = new.options(), old.options()
    for key, entry in wanted.items():
        known = present.get(key)
        if known is None or (key in _OF_THE_HUB and known.value != entry.value):
            part.set(key, entry.value)
    if "gpgkey" not in wanted:
        part.entries = [entry for entry in part.entries if entry.key != "gpgkey"]
    return part.entries


def _is_ours(line: str) -> bool:
    return re.match(r"#\s*(copr-[a-z]+:|Written by dnf copr)", line) is not None


def _parts(text: str) -> list[_Part]:
    """What stands before the first section, and the sections."""
    parts = [_Part(None, "")]
    for line in text.removesuffix("\n").split("\n") if text else ():
        line = line.rstrip("\r") + "\n"
        header = _HEADER.match(line)
        end = min((place for place in map(line.find, "=:") if place > 0), default=-1)
        entries = parts[-1].entries
        if header:
            parts.append(_Part(header[1], line))
        elif line[0] in " \t" and line.strip() and entries and entries[-1].key is not None:
            entries[-1].text += line
            entries[-1].value += "\n" + line.strip()
        elif end > 0 and line[0] not in "#; \t":
            entries.append(_Entry(line[:end].strip().lower(), line[end + 1:].strip(), line))
        else:
            entries.append(_Entry(None, "", line))
    return parts


def _text(parts: list[_Part]) -> str:
    return "".join(part.header + "".join(entry.text for entry in part.entries) for part in parts)
