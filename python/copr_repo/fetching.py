"""How the package gets at hubs and repositories: the caller says, so that dnf's proxy and TLS settings hold for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Protocol, Union

from ._native import Error, NotFound, Unreachable


@dataclass(frozen=True)
class Download:
    """A file that is wanted whole, or not at all."""

    url: str
    path: str
    """Where it is to be; what is there is replaced."""
    checksum: str
    """``sha256:9f86...``; what differs is an error."""
    size: Optional[int] = None
    """Bytes, where they are known."""


class Fetcher(Protocol):
    """Gets what URLs name."""

    def fetch_all(self, urls: Sequence[str], *, most: int) -> list[Union[bytes, NotFound, Unreachable]]:
        """The bodies of URLs in their order, got at the same time, each of ``most`` bytes at most, or why there is none."""

    def download(self, wanted: Sequence[Download]) -> list[Optional[Error]]:
        """Files, at the same time; for each ``None`` or why it is not there."""


def fetch(fetcher: Fetcher, url: str, *, most: int) -> bytes:
    """The body of one URL; raises ``NotFound`` or ``Unreachable``."""
    (answer,) = fetcher.fetch_all([url], most=most)
    if isinstance(answer, Error):
        raise answer
    return answer
