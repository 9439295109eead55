"""What comes from Rust; the part about repodata is described in ``repodata.pyi``."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Optional, Union, final

from typing_extensions import Self

from .repodata import (
    Created as Created,
    Header as Header,
    Merged as Merged,
    Output as Output,
    Published as Published,
    Publisher as Publisher,
    Record as Record,
    Records as Records,
    Repomd as Repomd,
    RepomdRecord as RepomdRecord,
    Subset as Subset,
    Writer as Writer,
    create as create,
    merge as merge,
    modify as modify,
    subset as subset,
)

__all__ = [
    "Chain",
    "ChainError",
    "ChainItem",
    "ChainProblem",
    "ChecksumError",
    "Chosen",
    "Created",
    "Database",
    "Error",
    "External",
    "Header",
    "InvalidRepoError",
    "LoadError",
    "LockedError",
    "Merged",
    "MetadataError",
    "Needed",
    "NotFound",
    "Output",
    "Overlaps",
    "Package",
    "PackageError",
    "ParseError",
    "Pool",
    "ProjectRef",
    "Published",
    "Publisher",
    "Record",
    "Records",
    "RepoSection",
    "Repomd",
    "RepomdRecord",
    "Repository",
    "Solution",
    "Subset",
    "Unreachable",
    "Unsatisfied",
    "Unsolvable",
    "Writer",
    "checksum_file",
    "compare_evr",
    "compare_versions",
    "compress_file",
    "create",
    "merge",
    "modify",
    "pkgid",
    "plain_changelogs",
    "plain_dependencies",
    "plain_files",
    "read_updateinfo",
    "render_repo_file",
    "resolve_chain",
    "subset",
    "zchunk_header",
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

class PackageError(Error):
    """A file is no RPM package, or a damaged one."""

    path: str
    """The file."""

class MetadataError(Error):
    """Metadata of a repository are not what they should be."""

    path: str
    """The file, or else what is wrong: ``primary`` of bytes, a path in it, a value."""

class ChecksumError(MetadataError):
    """A file does not have the checksum or size that repomd.xml says."""

class LockedError(Error):
    """Another process is writing the repository."""

    path: str
    """The lock."""

class LoadError(MetadataError):
    """A repository's metadata cannot be read into a ``Pool``."""

class Unsolvable(Error):
    """There is no way to install what is asked for."""

    reasons: list[str]
    """One sentence each, the most telling first."""

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
    def direct(self) -> Chain:
        """The same chain, but what a dependency of a project needs is not told of that project too: hubs tell both in one
        list."""
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
    def cost(self) -> Optional[int]: ...
    @property
    def priority(self) -> Optional[int]: ...
    @property
    def module_hotfixes(self) -> bool: ...
    @property
    def enabled(self) -> bool: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

_Path = Union[str, os.PathLike[str]]

@final
class Repository:
    """Where a repository is and how it ranks. Nothing is read before a ``Pool`` is made of it.

    ``path`` is a folder that has ``repodata/``, or a primary.xml in any compression. ``exclude`` are specs, as of ``Pool.packages``, of packages that are not to be seen.
    """

    def __new__(
        cls,
        id: str,
        path: _Path,
        *,
        baseurl: str = ...,
        priority: int = 99,
        cost: int = 1000,
        module_hotfixes: bool = False,
        exclude: Sequence[str] = ...,
    ) -> Repository: ...
    @property
    def id(self) -> str: ...
    @property
    def path(self) -> str: ...
    @staticmethod
    def of_packages(
        id: str, packages: Sequence[tuple[str, str, str, str, Mapping[str, Sequence[str]]]], *, priority: int = 99
    ) -> Repository:
        """A repository of packages that no metadata tell of: name, ``[epoch:]version-release``, architecture, vendor, and
        dependencies by kind, and files (``{"provides": ["a = 1-1"], "files": ["/a"]}``). Raises ``ParseError``."""
    @property
    def baseurl(self) -> str: ...
    @property
    def priority(self) -> int:
        """dnf's ``priority``: the smaller number wins."""
    @property
    def cost(self) -> int:
        """dnf's ``cost``: decides between equal packages, the smaller wins."""
    @property
    def module_hotfixes(self) -> bool: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

@final
class Package:
    """A package of a pool; ``str()`` is its NEVRA. Packages are equal when they are the same of the same pool."""

    @property
    def name(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def arch(self) -> str: ...
    @property
    def evr(self) -> str:
        """``[epoch:]version-release``; an epoch of 0 is left out."""
    @property
    def nevra(self) -> str:
        """``name-[epoch:]version-release.arch``; an epoch of 0 is left out."""
    @property
    def repository(self) -> str:
        """The id of the repository that has it."""
    @property
    def installable(self) -> bool:
        """Whether it fits the machine's architecture and is not excluded."""
    @property
    def location(self) -> str:
        """Where the file is, relative to ``location_base``, or else to the repository."""
    @property
    def location_base(self) -> str:
        """A URL, or empty."""
    @property
    def checksum(self) -> str:
        """The kind of checksum and the file's, ``sha256:9f86...``."""
    @property
    def size(self) -> int:
        """Bytes of the file."""
    @property
    def installed_size(self) -> int:
        """Bytes of its files when installed."""
    @property
    def build_time(self) -> int:
        """Seconds since 1970."""
    @property
    def source_rpm(self) -> str: ...
    @property
    def vendor(self) -> str: ...
    @property
    def provides(self) -> list[str]: ...
    @property
    def requires(self) -> list[str]: ...
    @property
    def conflicts(self) -> list[str]: ...
    @property
    def obsoletes(self) -> list[str]: ...
    @property
    def recommends(self) -> list[str]: ...
    @property
    def suggests(self) -> list[str]: ...
    @property
    def supplements(self) -> list[str]: ...
    @property
    def enhances(self) -> list[str]: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Chosen:
    """A package of a solution, and why it is there."""

    @property
    def package(self) -> Package: ...
    @property
    def why(self) -> Literal["asked", "required", "recommended", "replaces"]: ...
    @property
    def by(self) -> Optional[Package]:
        """The package that requires, recommends or supplements it, or that it replaces."""

@final
class Solution:
    """What is to be done so that everything asked for is installed."""

    @property
    def install(self) -> list[Chosen]:
        """By name, architecture and version."""
    @property
    def erase(self) -> list[Package]:
        """Installed packages that must go, or are replaced."""

@final
class Unsatisfied:
    """A package that cannot be installed with what the repositories have."""

    @property
    def package(self) -> Package: ...
    @property
    def requirements(self) -> list[str]:
        """What it requires and nothing provides."""

@final
class Overlaps:
    """What a repository has in common with one other, in numbers; ``str()`` is a sentence."""

    @property
    def other(self) -> str:
        """The id of the other repository."""
    @property
    def replaced(self) -> int:
        """Packages of the other that dnf would replace."""
    @property
    def newer(self) -> int:
        """Packages that have a newer version here."""
    @property
    def same(self) -> int:
        """Packages that have the same version here."""
    @property
    def older(self) -> int:
        """Packages that have an older version here."""
    @property
    def obsoleted(self) -> int:
        """Packages that those of another name obsolete."""
    @property
    def vendor_changes(self) -> int:
        """Packages that would be replaced by those of another vendor."""
    @property
    def names(self) -> list[str]:
        """The first names of packages that would be replaced, sorted."""
    @property
    def more(self) -> int:
        """How many names more there are."""
    @property
    def text(self) -> str: ...

@final
class Needed:
    """Which repositories some packages really pull from."""

    @property
    def repositories(self) -> list[tuple[str, str]]:
        """Ids, each with what it is needed for."""
    @property
    def unneeded(self) -> list[str]: ...
    @property
    def is_smallest(self) -> bool:
        """Whether certainly no smaller set will do."""

_Kind = Literal[
    "requires", "provides", "conflicts", "obsoletes", "recommends", "suggests", "supplements", "enhances"
]

@final
class Pool:
    """The packages of several repositories, for machines of one architecture.

    A pool does not change, so threads may share it. Making one and all of its methods let other threads run meanwhile.
    """

    def __new__(
        cls,
        arch: str,
        repositories: Sequence[Repository],
        *,
        cache: Optional[_Path] = None,
        paths: Sequence[str] = ...,
    ) -> Pool:
        """Reads the repositories. Raises ``LoadError``.

        ``cache`` is a folder that keeps what was read of repositories with repomd.xml, for the next time; it is made, what
        has changed is read anew, and ``copr-repo --cache`` may use the same.

        The owner of a file is known where primary.xml has the file or some package depends on its path; of other files
        name those in ``paths`` that will be asked about.
        """
    @property
    def arch(self) -> str: ...
    @property
    def repositories(self) -> list[Repository]: ...
    def __len__(self) -> int:
        """How many packages the repositories have, for whatever architecture."""
    def packages(self, spec: Optional[str] = None, *, any_arch: bool = False) -> list[Package]:
        """The packages that ``spec`` means, or all; with ``any_arch`` also those that are not ``installable``.

        A spec is what one writes behind ``dnf install``: a name, ``name.arch``, ``name-version``, a NEVRA, with ``*``,
        ``?`` and ``[...]``; a file path; or a capability.
        """
    def what_provides(self, dependency: str) -> list[Package]:
        """The packages that satisfy a dependency. Raises ``ParseError``."""
    def what_requires(
        self, dependency: str, *, kinds: Sequence[_Kind] = ..., of_packages: bool = False
    ) -> list[Package]:
        """The packages that require a capability of that name, in a range of versions that overlaps.

        Other ``kinds`` of dependencies may be looked at, too. With ``of_packages`` so are those on anything that the
        packages of that name provide. Raises ``ParseError``.
        """
    def solve(
        self,
        install: Sequence[str],
        *,
        locked: Sequence[str] = ...,
        weak: bool = True,
        policy: Literal["newest", "oldest", "best"] = "newest",
        installed: Optional[str] = None,
        not_enabled: Sequence[str] = ...,
    ) -> Solution:
        """Chooses packages so that every spec of ``install`` is installed, with all that these require.

        ``locked`` are NEVRAs that must be part of the answer; ``weak`` takes in what packages recommend, where that can be
        had; ``installed`` is the id of the repository that is the installed system; ``not_enabled`` are ids of repositories
        that nothing is taken from, but explanations tell where they would help. Raises ``Unsolvable``.
        """
    def overlaps(self, repository: str, others: Sequence[str], *, most_names: int = 5) -> list[Overlaps]:
        """What a repository (an id) has in common with each of ``others``; those without anything are left out.

        ``most_names`` bounds the names that each tells.
        """
    def needed(
        self,
        install: Sequence[str],
        candidates: Sequence[str],
        *,
        weak: bool = True,
        installed: Optional[str] = None,
    ) -> Needed:
        """The smallest set of ``candidates`` (ids) with which every spec of ``install`` can be installed.

        All other repositories of the pool are used as well; ``installed`` is the id of the installed system. Raises
        ``Unsolvable`` when all candidates together do not suffice.
        """
    def closure(self, check: Optional[Sequence[str]] = None, *, newest: bool = False) -> list[Unsatisfied]:
        """Every package with a requirement that nothing provides, of the repositories ``check`` (ids), or of all.

        With ``newest`` only the newest version of each name and architecture is looked at, and counts as a provider.
        """

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

@final
class Database:
    """A SQLite database that repeats a document for yum, while it is written. What is not finished is none."""

    def __new__(cls, path: _Path, document: str) -> Self:
        """Starts it in a new file; the document is ``primary``, ``filelists``, ... Raises ``OSError`` and ``MetadataError``."""
    def add(self, record: Record) -> None:
        """Adds what this database holds of a package."""
    def finish(self, checksum: str) -> None:
        """Completes it. ``checksum`` is that of the XML file it repeats, in hexadecimal."""

def checksum_file(path: _Path, kind: str, *, decompressed: bool = False) -> tuple[str, str, int]:
    """Kind, checksum in hexadecimal and bytes of a file, or of what it holds when decompressed."""

def zchunk_header(path: _Path) -> tuple[str, str, int]:
    """Kind, checksum in hexadecimal and bytes of the header of a zchunk file, all of which is checked."""

def compress_file(
    source: _Path, target: _Path, compression: str, checksum: str, *, decompress: bool = True
) -> tuple[str, str, int]:
    """Compresses a file into a new one, which is on the disk then; returns kind, checksum and bytes of the text.

    If ``source`` is compressed, it is decompressed first, unless ``decompress`` is false.
    """

def read_updateinfo(path: _Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The advisories of an updateinfo.xml in any compression as dicts, and what is odd in it."""

def pkgid(record: Record, /) -> str:
    """The checksum of a package, in hexadecimal."""

def plain_dependencies(record: Record, kind: str, /) -> list[tuple[Any, ...]]:
    """A list of dependencies as createrepo_c has it: name, comparison, epoch, version, release, and whether it is needed first."""

def plain_changelogs(record: Record, /) -> list[tuple[Any, ...]]:
    """The changes as createrepo_c has them: author, seconds since 1970, text."""

def plain_files(record: Record, /, *, plain: Optional[str] = None, digests: Optional[bool] = None) -> list[tuple[Any, ...]]:
    """The files as createrepo_c has them: type, folder with its slash, name and, where it is known, digest.

    ``plain`` is the type of what is neither folder nor ghost. With ``digests`` each file has one, if only an empty one; if it is
    false none has.
    """
