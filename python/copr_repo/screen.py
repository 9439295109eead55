"""What the user sees before anything is changed: the chain as a tree, and what its repositories would replace."""

from __future__ import annotations

import textwrap
import urllib.parse
from collections.abc import Iterator
from typing import Optional, Union

from . import drawing
from ._native import External, Overlaps, ProjectRef
from .messages import P_, _
from .metadata import Metadata
from .plan import Plan

Link = Union[ProjectRef, External]

_LONGEST = 300
"""Characters of a repository's name that are shown."""


def chain(plan: Plan, metadata: Optional[Metadata], width: int) -> list[str]:
    """The lines for all that is to be enabled; ``metadata`` tell what is in it, where they could be read."""
    lines = tree(plan, metadata)
    if metadata is not None:
        lines += ["", *_replacements(plan, metadata, width), *_unread(metadata, width), "", _total(plan, metadata)]
    return lines


def tree(plan: Plan, metadata: Optional[Metadata] = None) -> list[str]:
    """The chain as lines, the project first and what it needs below it."""
    below = {link: plan.needs(link) for link in plan.links}
    return drawing.tree(
        plan.links[-1], lambda link: below.get(link, []), lambda link: _label(plan, metadata, link), _(" (see above)")
    )


def _label(plan: Plan, metadata: Optional[Metadata], link: Link) -> str:
    notes = []
    if metadata is not None and link in metadata.counts:
        notes.append(P_("{number} package", "{number} packages", metadata.counts[link]).format(number=metadata.counts[link]))
    if isinstance(link, External):
        notes.append(_("not a Copr project"))
        if _host(link.url) not in plan.hosts:
            notes.append(_("at another host"))
    if not plan.is_signed(link):
        notes.append(_("packages are not signed"))
    if plan.project.hub.url.startswith("https:") and plan.section(link).baseurl.startswith("http:"):
        notes.append(_("without TLS"))
    return shown(link) + (f"  ({', '.join(notes)})" if notes else "")


def shown(link: Link) -> str:
    """A repository's name, harmless on a terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(link))[:_LONGEST]


def _host(url: str) -> Optional[str]:
    try:
        return urllib.parse.urlsplit(url).hostname
    except ValueError:
        return None


def _replacements(plan: Plan, metadata: Metadata, width: int) -> Iterator[str]:
    if not metadata.system:
        yield from wrapped(_("What is on this system is not known here, so neither is what they would replace."), width, "")
        return
    begun = False
    for link in reversed(plan.links):
        found = metadata.pool.overlaps(metadata.ids[link], metadata.system) if link in metadata.ids else []
        for overlaps in found:
            if not begun:
                yield _("Compared with this system:")
                begun = True
            yield from wrapped(f"{shown(link)}: {_sentence(overlaps)}", width, "  ")
    if not begun and metadata.ids:
        yield _("They replace no package of this system.")


def _sentence(overlaps: Overlaps) -> str:
    kinds = [
        (overlaps.newer, _("{number} newer")),
        (overlaps.same, _("{number} of the same version")),
        (overlaps.older, _("{number} older")),
        (overlaps.obsoleted, _("{number} obsoleted")),
        (overlaps.vendor_changes, _("{number} of another vendor")),
    ]
    values = {
        "number": overlaps.replaced,
        "other": overlaps.other,
        "kinds": ", ".join(text.format(number=number) for number, text in kinds if number),
    }
    if not overlaps.replaced:
        return _("replaces nothing of {other}, but has packages of the same names ({kinds})").format(**values)
    text = P_("replaces {number} package of {other} ({kinds})", "replaces {number} packages of {other} ({kinds})", overlaps.replaced)
    names = ", ".join(overlaps.names) + (", ..." if overlaps.more else "")
    return f"{text.format(**values)}: {names}"


def _unread(metadata: Metadata, width: int) -> Iterator[str]:
    for link, problem in metadata.problems.items():
        reason = "".join(c if c.isprintable() else " " for c in problem)[:_LONGEST]
        text = _("The packages of {repository} are not known: {reason}").format(repository=shown(link), reason=reason)
        yield from wrapped(text, width, "")


def _total(plan: Plan, metadata: Metadata) -> str:
    count, packages = len(plan.links), sum(metadata.counts.get(link, 0) for link in plan.links)
    parts = [
        P_("{number} repository", "{number} repositories", count).format(number=count),
        P_("{number} package", "{number} packages", packages).format(number=packages),
    ]
    return _("{parts}; {size} read.").format(parts=", ".join(parts), size=_size(metadata.fetched))


def _size(number: int) -> str:
    """Bytes, for people."""
    size = float(number)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024 or unit == "MiB":
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def wrapped(text: str, width: int, indent: str) -> list[str]:
    """A text as lines of at most ``width`` columns where its words allow it."""
    return textwrap.wrap(
        text, max(width, 40), initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False,
        break_on_hyphens=False,
    )


