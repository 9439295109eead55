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


def interrupted(error: Exception) -> CreaterepoCError:
    """What a callback raised, as it ends the parsing. Raise it from the callback's."""
    return CreaterepoCError(f"Parsing interrupted: {error}")
