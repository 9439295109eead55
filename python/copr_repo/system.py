"""What the commands work on: a system's configuration, .repo files and network, and the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from .enabled import Folder
from .fetching import Fetcher
from .frontend import Frontend
from .hubs import Config, Hub, Spec, UsageError, parse_spec
from .messages import _
from .packages import Packages


@dataclass(frozen=True)
class System:
    """One system, which may be an installroot."""

    config: Config
    folder: Folder
    fetcher: Fetcher
    frontend: Frontend
    arch: str
    """The base architecture, ``x86_64``."""
    releases: Sequence[str]
    """Name and release of the chroots that fit, best first: ``fedora-44``."""
    packages: Optional[Packages] = None
    """What is on the system; where that can be told."""
    cache: Optional[str] = None
    """A folder for metadata of repositories, for the next time."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """dnf's, without the dollar sign: ``releasever``, ``basearch`` and those of its ``vars`` folder."""
    width: int = 80
    """Columns of the user's terminal."""


@dataclass(frozen=True)
class Project:
    """A project on its hub."""

    hub: Hub
    owner: str
    dirname: str

    def __str__(self) -> str:
        return f"{self.hub.hostname}/{self.owner}/{self.dirname}"


def named(config: Config, text: str, hub: Optional[str]) -> Project:
    """The project that the user wrote, ``[hub/]owner/project``, with or without ``--hub``; raises ``UsageError``."""
    spec: Spec = parse_spec(text)
    if spec.hub is not None and hub:
        raise UsageError(
            _("specify Copr hub either with `--hub` or using `copr_hub/copr_username/copr_projectname` format")
        )
    return Project(config.hub(spec.hub or hub), spec.owner, spec.dirname)
