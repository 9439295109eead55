"""What comes from Rust."""

from collections.abc import Callable, Sequence
from typing import Optional, Union, final

__all__ = [
    "Chain",
    "ChainError",
    "ChainItem",
    "ChainProblem",
    "Error",
    "External",
    "InvalidRepoError",
    "NotFound",
    "ParseError",
    "ProjectRef",
    "RepoSection",
    "Unreachable",
    "compare_evr",
    "compare_versions",
    "render_repo_file",
    "resolve_chain",
]

class Error(Exception):
    """Base class of all errors of this package."""

class ParseError(Error):
    """A text is no version, name or dependency."""

class ChainError(Error):
    """There is no chain: too deep, or too many repositories."""

class NotFound(Error):
    """The hub has no such project; a fetch callback raises it."""

class Unreachable(Error):
    """The hub gave no usable answer; a fetch callback raises it."""

class InvalidRepoError(Error):
    """A value may not stand in a .repo file."""

@final
class ProjectRef:
    """A project's directory on a hub; ``str()`` is ``hub/owner/dirname``."""

    def __new__(cls, hub: str, owner: str, dirname: str) -> ProjectRef: ...
    @property
    def hub(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def dirname(self) -> str: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __lt__(self, value: ProjectRef, /) -> bool: ...
    def __le__(self, value: ProjectRef, /) -> bool: ...
    def __gt__(self, value: ProjectRef, /) -> bool: ...
    def __ge__(self, value: ProjectRef, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class External:
    """A repository that is no project, by its URL."""

    def __new__(cls, url: str) -> External: ...
    @property
    def url(self) -> str: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...

_Link = Union[ProjectRef, External]

@final
class ChainItem:
    """One repository of a chain."""

    @property
    def link(self) -> _Link: ...
    @property
    def depth(self) -> int: ...
    @property
    def needed_by(self) -> list[ProjectRef]: ...
    @property
    def dependencies(self) -> list[_Link]: ...

@final
class ChainProblem:
    """A declared dependency that is left out of a chain; ``str()`` is a sentence."""

    @property
    def project(self) -> ProjectRef: ...
    @property
    def needed_by(self) -> list[ProjectRef]: ...
    @property
    def not_found(self) -> bool: ...

@final
class Chain:
    """The repositories that a project needs: dependencies first, the project last."""

    @property
    def repositories(self) -> list[ChainItem]: ...
    @property
    def cycles(self) -> list[list[ProjectRef]]: ...
    @property
    def problems(self) -> list[ChainProblem]: ...

@final
class RepoSection:
    """One section of a .repo file; without ``gpgkey`` it has ``gpgcheck=0``."""

    def __new__(
        cls,
        id: str,
        name: str,
        baseurl: str,
        *,
        gpgkey: Optional[str] = None,
        enabled: bool = True,
        cost: Optional[int] = None,
        priority: Optional[int] = None,
        module_hotfixes: bool = False,
    ) -> RepoSection: ...
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def baseurl(self) -> str: ...
    @property
    def gpgkey(self) -> Optional[str]: ...
    @property
    def enabled(self) -> bool: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

def compare_evr(a: str, b: str, /) -> int:
    """Compares two ``[epoch:]version[-release]`` as rpm does: -1, 0 or 1. Raises ``ParseError``."""

def compare_versions(a: str, b: str, /) -> int:
    """Compares two versions (or two releases) alone, as rpm does: -1, 0 or 1."""

def render_repo_file(sections: Sequence[RepoSection], *, comments: Sequence[str] = ...) -> str:
    """The text of a .repo file. Raises ``InvalidRepoError`` for a value that would break it."""

def resolve_chain(
    root: ProjectRef,
    fetch: Callable[[ProjectRef], Sequence[_Link]],
    *,
    max_depth: int = 16,
    max_size: int = 200,
) -> Chain:
    """Resolves the chain of ``root``, asking ``fetch`` once for each project.

    ``fetch`` raises ``NotFound`` or ``Unreachable``: for ``root`` that is raised again, for others it becomes a
    problem of the chain. Any other exception ends the search. Raises ``ChainError`` beyond the limits.
    """
