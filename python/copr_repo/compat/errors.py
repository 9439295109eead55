"""createrepo_c's exceptions, and ours as those."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .._native import Error


class CreaterepoCError(Exception):
    """Metadata that is not what it should be, or a callback that failed."""


@contextmanager
def translated() -> Iterator[None]:
    """Our errors as createrepo_c's. An ``OSError``, of a file that cannot be opened, is the same there."""
    try:
        yield
    except Error as error:
        raise CreaterepoCError(str(error)) from error


@contextmanager
def interrupting() -> Iterator[None]:
    """What a callback raises ends the parsing, as a ``CreaterepoCError`` with the callback's message."""
    try:
        yield
    except Exception as error:
        raise CreaterepoCError(f"Parsing interrupted: {error}") from error
