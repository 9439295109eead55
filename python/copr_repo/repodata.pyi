"""Reading packages; reading, writing and combining the metadata of repositories."""

import os
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Literal, Optional, TypedDict, Union, final

from typing_extensions import Self, Unpack

from .records import Changelog, Checksum, Dependency, File, HeaderFile

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

_Path = Union[str, os.PathLike[str]]
_Sum = tuple[str, str]
_Dependency = tuple[str, Optional[str], Optional[str], Optional[str], Optional[str], bool]
_File = tuple[str, str, Optional[str]]
_Changelog = tuple[str, int, str]
_ChecksumKind = Literal["md5", "sha", "sha1", "sha224", "sha256", "sha384", "sha512"]
_Compression = Literal["none", "gz", "bz2", "xz", "zstd", "zck"]
_Document = Union[_Path, bytes]

class _Fields(TypedDict, total=False):
    name: str
    epoch: int
    version: str
    release: str
    arch: str
    checksum: _Sum
    summary: str
    description: str
    packager: str
    url: str
    time_file: int
    time_build: int
    size_package: int
    size_installed: int
    size_archive: int
    location_href: str
    location_base: Optional[str]
    license: str
    vendor: str
    group: str
    buildhost: str
    sourcerpm: str
    header_start: int
    header_end: int
    provides: Sequence[_Dependency]
    requires: Sequence[_Dependency]
    conflicts: Sequence[_Dependency]
    obsoletes: Sequence[_Dependency]
    suggests: Sequence[_Dependency]
    enhances: Sequence[_Dependency]
    recommends: Sequence[_Dependency]
    supplements: Sequence[_Dependency]
    files: Sequence[_File]
    file_digest: Optional[_ChecksumKind]
    changelogs: Sequence[_Changelog]

@final
class Record:
    """Everything that repodata says about one package. It does not change; ``replace`` gives another one.

    Each attribute is made a Python object when it is asked for, lists anew each time: keep what you look at repeatedly.
    """

    def __new__(cls, **fields: Unpack[_Fields]) -> Self:
        """``name``, ``version``, ``release``, ``arch``, ``checksum`` and ``location_href`` are needed; what is left out is empty or 0.

        Raises ``TypeError`` and ``ValueError``, naming the field.
        """
    @staticmethod
    def from_rpm(
        path: _Path,
        *,
        location: Optional[str] = None,
        base: Optional[str] = None,
        checksum: _ChecksumKind = "sha256",
        changelogs: Optional[int] = ...,
        file_digests: bool = False,
    ) -> Record:
        """The record of a package's file, which is read once, and whole.

        ``location`` is its path relative to the repository (else its file's name), ``base`` what that is relative to if not to
        the repository. ``changelogs`` is how many of the newest changes to keep, ``None`` for all. Raises ``PackageError`` if
        it is no package, ``MetadataError`` if it changes meanwhile, and ``OSError``.
        """
    def replace(self, **fields: Unpack[_Fields]) -> Record:
        """The same record but for these fields. Raises ``TypeError`` and ``ValueError``, naming the field."""
    def render(self, *, pretty: bool = True) -> tuple[str, str, str, str]:
        """Its ``<package>`` elements in primary, filelists, filelists-ext and other, as createrepo_c writes them."""
    @property
    def nevra(self) -> str:
        """``name-[epoch:]version-release.arch``; an epoch of 0 is left out."""
    @property
    def evr(self) -> str:
        """``[epoch:]version-release``; an epoch of 0 is left out."""
    @property
    def name(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def arch(self) -> str:
        """``src`` for source packages."""
    @property
    def checksum(self) -> Checksum:
        """Of the whole file; its ``hex`` is the ``pkgid`` that ties the metadata files together."""
    @property
    def summary(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def packager(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def time_file(self) -> int:
        """When the file was modified, seconds since 1970."""
    @property
    def time_build(self) -> int:
        """When it was built, seconds since 1970."""
    @property
    def size_package(self) -> int:
        """Bytes of the file."""
    @property
    def size_installed(self) -> int:
        """Bytes of its files when installed."""
    @property
    def size_archive(self) -> int:
        """Bytes of the uncompressed payload."""
    @property
    def location_href(self) -> str:
        """Where the file is, relative to the repository or to ``location_base``."""
    @property
    def location_base(self) -> Optional[str]: ...
    @property
    def license(self) -> str: ...
    @property
    def vendor(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def buildhost(self) -> str: ...
    @property
    def sourcerpm(self) -> str:
        """File name of the source package; empty for source packages."""
    @property
    def header_start(self) -> int:
        """Where in the file the header starts."""
    @property
    def header_end(self) -> int:
        """Where in the file the payload starts."""
    @property
    def provides(self) -> list[Dependency]: ...
    @property
    def requires(self) -> list[Dependency]: ...
    @property
    def conflicts(self) -> list[Dependency]: ...
    @property
    def obsoletes(self) -> list[Dependency]: ...
    @property
    def suggests(self) -> list[Dependency]: ...
    @property
    def enhances(self) -> list[Dependency]: ...
    @property
    def recommends(self) -> list[Dependency]: ...
    @property
    def supplements(self) -> list[Dependency]: ...
    @property
    def files(self) -> list[File]:
        """Read from primary alone: only those that it has (``/etc/``, ``bin/``)."""
    @property
    def file_digest(self) -> Optional[_ChecksumKind]:
        """Algorithm of the digests of files."""
    @property
    def changelogs(self) -> list[Changelog]:
        """Oldest first."""
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

@final
class Records:
    """Reads the packages of metadata files, one at a time, in the order of the file: an iterator over ``Record``.

    Each document is a path, in any compression, or bytes of XML. With ``primary``, what the two others say of a package is
    joined to its record by checksum, even if they are in another order; what they lack is left as it is. Without it give one
    of them: its records have checksum, name, version and architecture, and their files or changes. Other threads run while it
    reads. Raises ``OSError``, and ``MetadataError`` where a file is malformed, also while it is iterated over.
    """

    def __new__(
        cls,
        primary: Optional[_Document] = None,
        *,
        filelists: Optional[_Document] = None,
        other: Optional[_Document] = None,
    ) -> Self: ...
    @staticmethod
    def of_repository(folder: _Path, *, filelists: bool = True, other: bool = True, verify: bool = True) -> Records:
        """The packages of the repository in a folder, without its filelists or changes where they are not needed.

        With ``verify`` each file is checked against repomd.xml first. Raises ``ChecksumError`` as well.
        """
    def __iter__(self) -> Self: ...
    def __next__(self) -> Record: ...

@final
class RepomdRecord:
    """One metadata file, as repomd.xml names it."""

    def __new__(
        cls,
        kind: str,
        location_href: str,
        checksum: _Sum,
        *,
        location_base: Optional[str] = None,
        open_checksum: Optional[_Sum] = None,
        header_checksum: Optional[_Sum] = None,
        timestamp: Optional[int] = None,
        size: Optional[int] = None,
        open_size: Optional[int] = None,
        header_size: Optional[int] = None,
        database_version: Optional[int] = None,
    ) -> Self: ...
    @property
    def kind(self) -> str:
        """``primary``, ``filelists``, ``other``, ``group``, ``updateinfo``, ..."""
    @property
    def location_href(self) -> str:
        """Path relative to the repository: ``repodata/SUM-primary.xml.gz``."""
    @property
    def location_base(self) -> Optional[str]: ...
    @property
    def checksum(self) -> Checksum:
        """Of the file as it lies there."""
    @property
    def open_checksum(self) -> Optional[Checksum]:
        """Of the decompressed content."""
    @property
    def header_checksum(self) -> Optional[Checksum]:
        """Of a zchunk header."""
    @property
    def timestamp(self) -> Optional[int]:
        """Seconds since 1970."""
    @property
    def size(self) -> Optional[int]:
        """Bytes of the file."""
    @property
    def open_size(self) -> Optional[int]:
        """Bytes of the decompressed content."""
    @property
    def header_size(self) -> Optional[int]:
        """Bytes of a zchunk header."""
    @property
    def database_version(self) -> Optional[int]: ...
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

@final
class Repomd:
    """The index of a repository's metadata: repomd.xml."""

    def __new__(
        cls,
        *,
        revision: str = ...,
        records: Sequence[RepomdRecord] = ...,
        repoid: Optional[str] = None,
        repoid_type: Optional[str] = None,
        contenthash: Optional[str] = None,
        contenthash_type: Optional[str] = None,
        content_tags: Sequence[str] = ...,
        repo_tags: Sequence[str] = ...,
        distro_tags: Sequence[tuple[Optional[str], str]] = ...,
    ) -> Self: ...
    @staticmethod
    def read(source: _Document) -> Repomd:
        """Reads a repomd.xml, or bytes of one. Raises ``OSError`` and ``MetadataError``."""
    def render(self, *, pretty: bool = True) -> str:
        """The XML: primary, filelists and other first, then by kind."""
    def record(self, kind: str) -> Optional[RepomdRecord]:
        """The first record of a kind."""
    @property
    def revision(self) -> str:
        """Usually seconds since 1970."""
    @property
    def records(self) -> list[RepomdRecord]: ...
    @property
    def repoid(self) -> Optional[str]: ...
    @property
    def repoid_type(self) -> Optional[str]: ...
    @property
    def contenthash(self) -> Optional[str]: ...
    @property
    def contenthash_type(self) -> Optional[str]: ...
    @property
    def content_tags(self) -> list[str]: ...
    @property
    def repo_tags(self) -> list[str]: ...
    @property
    def distro_tags(self) -> list[tuple[Optional[str], str]]:
        """CPE identifier and text."""
    def __eq__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...

_Value = Union[str, int, bytes, list[str], list[int]]

@final
class Header:
    """What an RPM package says of itself, by tag as with ``rpm``'s own module; the payload is not read."""

    @staticmethod
    def read(path: _Path) -> Header:
        """Raises ``PackageError`` if it is no package, and ``OSError``."""
    @staticmethod
    def tags() -> dict[str, int]:
        """All tags by name, in lower case."""
    def __getitem__(self, tag: Union[str, int], /) -> _Value:
        """A value by its tag's name (``"buildtime"``) or number. Raises ``KeyError`` if the package has none."""
    def get(self, tag: Union[str, int], default: Optional[_Value] = None) -> Optional[_Value]: ...
    def __contains__(self, tag: Union[str, int], /) -> bool: ...
    def __len__(self) -> int: ...
    def keys(self) -> list[int]:
        """The numbers of the tags that it has."""
    def signature(self, tag: int) -> Optional[_Value]:
        """A value of the signature header: sizes, digests and signatures over the rest of the file."""
    @property
    def nevra(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def version(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def arch(self) -> str:
        """``src`` for source packages."""
    @property
    def is_source(self) -> bool: ...
    @property
    def provides(self) -> list[Dependency]:
        """As the header has them, in its order and unfiltered; likewise the other lists."""
    @property
    def requires(self) -> list[Dependency]: ...
    @property
    def conflicts(self) -> list[Dependency]: ...
    @property
    def obsoletes(self) -> list[Dependency]: ...
    @property
    def suggests(self) -> list[Dependency]: ...
    @property
    def enhances(self) -> list[Dependency]: ...
    @property
    def recommends(self) -> list[Dependency]: ...
    @property
    def supplements(self) -> list[Dependency]: ...
    @property
    def files(self) -> list[HeaderFile]: ...
    @property
    def changelogs(self) -> list[Changelog]:
        """Newest first."""
    @property
    def header_start(self) -> int: ...
    @property
    def header_end(self) -> int: ...
    @property
    def payload_compressor(self) -> str:
        """``gzip``, ``zstd``, ..."""

@final
class Output:
    """How metadata are written. The defaults are those of ``copr-repo create``, which all clients read.

    ``level`` is the compression's own default where it is ``None``; ``revision``, ``timestamp`` and tags those of the time
    and of the metadata before. ``retain`` is for how many seconds files stay that are superseded, ``None`` for ever.
    ``workers`` is the number of threads, 0 for one a processor.
    """

    def __new__(
        cls,
        *,
        compression: _Compression = "gz",
        extra_compression: Optional[_Compression] = None,
        level: Optional[int] = None,
        databases: Optional[_Compression] = None,
        checksum: _ChecksumKind = "sha256",
        open_checksums: bool = True,
        unique_names: bool = True,
        pretty: bool = True,
        filelists_ext: bool = False,
        zchunk: bool = False,
        changelogs: Optional[int] = ...,
        revision: Optional[str] = None,
        timestamp: Optional[int] = None,
        content_tags: Optional[Sequence[str]] = None,
        repo_tags: Optional[Sequence[str]] = None,
        distro_tags: Optional[Sequence[tuple[Optional[str], str]]] = None,
        workers: int = 0,
        retain: Optional[float] = ...,
    ) -> Self: ...

@final
class Published:
    """What a publish did."""

    @property
    def packages(self) -> int:
        """Packages in the repository now."""
    @property
    def revision(self) -> str: ...
    @property
    def added(self) -> int: ...
    @property
    def replaced(self) -> int: ...
    @property
    def removed(self) -> int: ...
    @property
    def changed(self) -> bool:
        """False if the metadata were already as asked, and nothing was written."""

@final
class Publisher:
    """Publishes to the repository in a folder, which need not exist yet: from any number of threads and processes.

    What is in force changes at once: who reads sees the metadata before or after. ``gather`` is the least number of seconds
    between two publishes; what comes meanwhile is published together.
    """

    def __new__(cls, folder: _Path, *, output: Optional[Output] = None, gather: float = 0.0) -> Self: ...
    def publish(
        self, add: Optional[Iterable[Union[Record, _Path]]] = None, remove: Optional[Iterable[str]] = None
    ) -> Published:
        """Adds packages and removes others, by their ``location_href``; removing is done first.

        A package is a record, or the path of an RPM inside the repository's folder. One that is there already under the same
        location is replaced; a location to remove that is not there is no error. While another of us publishes it waits.
        Raises ``LockedError`` if createrepo_c is at work, ``PackageError``, ``MetadataError`` and ``OSError``: the repository
        then stays as it was.
        """
    def replace(self, records: Iterable[Record]) -> Published:
        """Makes the repository hold exactly these packages, whatever it held; metadata of other kinds stay."""

@final
class Writer:
    """Writes the metadata of a repository record by record; nothing is in force before ``finish``.

    As a context manager it finishes at the end of the block, unless that raised something.
    """

    def __new__(cls, folder: _Path, *, output: Optional[Output] = None) -> Self: ...
    def add(self, record: Record) -> None:
        """Adds a package. Of several with the same location the last one counts."""
    def finish(self) -> Published:
        """Puts everything in force. Raises as ``Publisher.publish``; ``ValueError`` if it is finished already."""
    def __len__(self) -> int:
        """How many records were added."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
        /,
    ) -> None: ...

@final
class Created:
    """What ``create`` made."""

    @property
    def published(self) -> Published: ...
    @property
    def read(self) -> list[str]:
        """Locations of the packages that were read, not taken over."""
    @property
    def skipped(self) -> list[tuple[str, str]]:
        """Packages that could not be read, and why."""
    @property
    def warnings(self) -> list[str]: ...

@final
class Merged:
    """What ``merge`` made."""

    @property
    def published(self) -> Published: ...
    @property
    def inputs(self) -> list[tuple[int, int]]:
        """Packages of each input, and how many were taken because none before had their like; not what took another's place."""
    @property
    def warnings(self) -> list[str]: ...

@final
class Subset:
    """What ``subset`` made."""

    @property
    def published(self) -> Published: ...
    @property
    def of(self) -> int:
        """Packages in the repository that they were taken from."""
    @property
    def size(self) -> int:
        """Bytes of the packages taken."""
    @property
    def unmatched(self) -> list[str]:
        """Patterns that no package of the repository matches."""

def create(
    folder: _Path,
    *,
    output: Optional[Output] = None,
    output_dir: Optional[_Path] = None,
    checksum: _ChecksumKind = "sha256",
    update: bool = True,
    packages: Optional[Sequence[str]] = None,
    exclude: Sequence[str] = ...,
    location_base: Optional[str] = None,
    location_prefix: Optional[str] = None,
    groupfile: Optional[_Path] = None,
) -> Created:
    """Writes the metadata of all packages in a folder, in place of any that are there.

    With ``update`` what is known of files that did not change is taken over. ``packages`` are paths in the folder instead of
    all, ``exclude`` patterns to leave out. A package that cannot be read is skipped, not an error. Raises ``LockedError``,
    ``MetadataError`` and ``OSError``.
    """

def merge(
    repositories: Sequence[Union[_Path, tuple[_Path, str]]],
    folder: _Path,
    *,
    output: Optional[Output] = None,
    method: Literal["repository", "newest", "version", "all", "everything"] = "repository",
    arches: Sequence[str] = ...,
    omit_base: bool = False,
    groupfile: Optional[_Path] = None,
    groups: bool = True,
    updateinfo: bool = True,
) -> Merged:
    """Merges repositories into one; packages are not copied but get the URL of their repository as ``location_base``.

    A repository is a folder, or a folder and its URL. Of packages with one name and architecture ``method`` keeps that of the
    first repository, the one whose file is newest, the highest version, all versions, or everything. Raises as ``create``.
    """

def modify(
    folder: _Path,
    *,
    add: Sequence[tuple[str, _Path]] = ...,
    remove: Sequence[str] = ...,
    output: Optional[Output] = None,
) -> None:
    """Adds files about other things than packages (``("updateinfo", path)``) to a repository, in place of those of the same
    kind, and removes the files of other kinds, if there are any; all at once. Raises as ``create``.
    """

def subset(
    folder: _Path,
    to: _Path,
    *,
    output: Optional[Output] = None,
    packages: Sequence[str] = ...,
    sources: Sequence[str] = ...,
    arches: Sequence[str] = ...,
    newest_only: bool = False,
    location_base: Optional[str] = None,
    packages_only: bool = False,
) -> Subset:
    """Writes to a folder the metadata of some packages of a repository; packages are not copied.

    A package has to match one of ``packages`` (``bash*``, ``*.x86_64``, NEVRAs), be of one of ``sources`` and of one of
    ``arches``, where any are given. Raises as ``create``.
    """
