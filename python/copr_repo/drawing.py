"""Trees of text."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
_DEEPEST = 100
"""Levels that are drawn; no chain that a hub is asked for has as many."""


def tree(root: Node, below: Callable[[Node], Sequence[Node]], label: Callable[[Node], str], again: str) -> list[str]:
    """The lines of a tree, the root first; what stands in it twice has its branches once, then ``again`` behind it."""
    lines, seen = [label(root)], {root}
    # Each entry: a node, and for each level whether more follow on it.
    waiting: list[tuple[Node, tuple[bool, ...]]] = _branches(below(root), ())
    while waiting:
        node, levels = waiting.pop()
        indent = "".join("|   " if more else "    " for more in levels[:-1]) + ("|-- " if levels[-1] else "`-- ")
        if len(levels) > _DEEPEST:
            lines.append(indent + "...")
            continue
        branches = below(node)
        lines.append(indent + label(node) + (again if node in seen and branches else ""))
        if node not in seen:
            seen.add(node)
            waiting += _branches(branches, levels)
    return lines


def _branches(nodes: Sequence[Node], levels: tuple[bool, ...]) -> list[tuple[Node, tuple[bool, ...]]]:
    """Last first, for a stack: each node, and whether others follow it."""
    return [(node, (*levels, place + 1 < len(nodes))) for place, node in reversed(list(enumerate(nodes)))]
