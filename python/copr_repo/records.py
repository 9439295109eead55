"""What the lists of a package hold: named tuples, which may be given as plain tuples wherever one is asked for.

>>> Dependency("bash", "GE", "0", "5.2", None).name
'bash'
>>> File("/usr/bin/bash") == ("/usr/bin/bash", "file", None)
True
"""

from __future__ import annotations

from typing import NamedTuple, Optional


class Checksum(NamedTuple):
    """A checksum and its algorithm."""

    kind: str
    """``md5``, ``sha`` (SHA-1 under its oldest name), ``sha1``, ``sha224``, ``sha256``, ``sha384`` or ``sha512``."""
    hex: str
    """The sum, in lower-case hexadecimal."""


class Dependency(NamedTuple):
    """What a package requires, provides, ...: a name with an optional range of versions."""

    name: str
    """The capability: a package's name, a path, ``libc.so.6()(64bit)``, a rich dependency in brackets."""
    flags: Optional[str] = None
    """``LT``, ``LE``, ``EQ``, ``GE`` or ``GT``; ``None`` for any version."""
    epoch: Optional[str] = None
    """A number as text, as metadata have it; ``None`` where no version is written."""
    version: Optional[str] = None
    release: Optional[str] = None
    pre: bool = False
    """Whether it is needed before the package is installed."""


class File(NamedTuple):
    """A file of a package, as filelists name it."""

    path: str
    """The whole path."""
    kind: str = "file"
    """``file`` (also links, devices, ...), ``dir`` or ``ghost``."""
    digest: Optional[str] = None
    """Digest of its content in hexadecimal, where it is known: only filelists-ext and packages tell it."""


class Changelog(NamedTuple):
    """One change of a package."""

    author: str
    """Usually with mail address and version: ``A B <a@b> - 1.0-1``."""
    time: int
    """Seconds since 1970."""
    text: str


class HeaderFile(NamedTuple):
    """A file of a package, as its header lists it."""

    path: str
    """Absolute in binary packages, a bare name in source packages."""
    mode: int
    """Type and permissions, as ``os.stat_result.st_mode``."""
    flags: int
    """rpm's file flags: 1 config, 2 documentation, 64 ghost, ..."""
    digest: str
    """Digest in hexadecimal, empty for what is no regular file."""
    size: int
    """Bytes."""
    mtime: int
    """Seconds since 1970."""
    user: str
    group: str
    link: str
    """Target of a symbolic link, else empty."""
