"""Reading packages; reading, writing and combining the metadata of repositories.

>>> from copr_repo.repodata import Output
>>> Output(compression="rar")
Traceback (most recent call last):
    ...
ValueError: compression: unknown type `rar`, use gz, bz2, xz, zstd, zck or none
"""

from ._native import (
    Created,
    Header,
    Merged,
    Output,
    Published,
    Publisher,
    Record,
    Records,
    Repomd,
    RepomdRecord,
    Subset,
    Writer,
    create,
    merge,
    modify,
    subset,
)

__all__ = [
    "Created",
    "Header",
    "Merged",
    "Output",
    "Published",
    "Publisher",
    "Record",
    "Records",
    "Repomd",
    "RepomdRecord",
    "Subset",
    "Writer",
    "create",
    "merge",
    "modify",
    "subset",
]
