"""The picture of a chain that the user sees before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Union

from . import drawing
from ._native import Chain, External, ProjectRef

Link = Union[ProjectRef, External]


def tree(chain: Chain, is_signed: Callable[[Link], bool]) -> list[str]:
    """The chain as lines, the project first and what it needs below it."""
    below = {item.link: item.dependencies for item in chain.repositories}
    return drawing.tree(
        chain.repositories[-1].link, lambda link: below.get(link, []), lambda link: _label(link, is_signed), " (see above)"
    )


def _label(link: Link, is_signed: Callable[[Link], bool]) -> str:
    notes = ["not a Copr project"] if isinstance(link, External) else []
    if not is_signed(link):
        notes.append("packages are not signed")
    text = "".join(c if c.isprintable() else "?" for c in str(link))[:300]
    return text + (f"  ({', '.join(notes)})" if notes else "")
