"""The picture of a chain that the user sees before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Union

from ._native import Chain, External, ProjectRef

Link = Union[ProjectRef, External]


def tree(chain: Chain, is_signed: Callable[[Link], bool]) -> list[str]:
    """The chain as lines, the project first and what it needs below it."""
    below = {item.link: item.dependencies for item in chain.repositories}
    root = chain.repositories[-1].link
    lines = [_label(root, is_signed)]
    seen = {root}
    # Each entry: a link, and for each level whether more follow on it.
    waiting: list[tuple[Link, tuple[bool, ...]]] = [(link, (more,)) for link, more in _with_more(below[root])]
    while waiting:
        link, levels = waiting.pop()
        indent = "".join("|   " if more else "    " for more in levels[:-1]) + ("|-- " if levels[-1] else "`-- ")
        again = link in seen and bool(below.get(link))
        lines.append(indent + _label(link, is_signed) + (" (see above)" if again else ""))
        if link not in seen:
            seen.add(link)
            waiting += [(other, (*levels, more)) for other, more in _with_more(below.get(link, []))]
    return lines


def _with_more(links: Sequence[Link]) -> list[tuple[Link, bool]]:
    """Last first, for a stack: each link, and whether others follow it."""
    return [(link, number + 1 < len(links)) for number, link in reversed(list(enumerate(links)))]


def _label(link: Link, is_signed: Callable[[Link], bool]) -> str:
    notes = ["not a Copr project"] if isinstance(link, External) else []
    if not is_signed(link):
        notes.append("packages are not signed")
    text = "".join(c if c.isprintable() else "?" for c in str(link))[:300]
    return text + (f"  ({', '.join(notes)})" if notes else "")
