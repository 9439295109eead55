"""Copr repositories on a system: which ones a project needs, and the .repo files that enable them.

The parts, each usable by itself:

- ``hubs``: Copr servers as the plugin's configuration files name them, and ``hub/owner/project``;
- ``chroots``: which of Copr's chroots fits this system;
- ``facts``: what a hub says of one project, checked;
- ``enabled``: the .repo files of a folder and what they need; ``editing``: their text, changed so that the user's stays;
  ``replacing``: several files changed all together or not at all;
- ``system``, ``frontend``, ``fetching``: what the commands are given to work on;
- ``enabling``, ``leaving``, ``looking``, ``refreshing``, ``checking``: the commands; ``plan``: what is to be enabled;
  ``drawing``: trees; ``keys``: whether a key is still good;
- ``dnf4``: dnf 4 as these see it;
- ``compat``: createrepo_c's Python names for reading and writing repositories.

From Rust come the chain of repositories, the text of .repo files, the order of versions, and the packages of any set of
repositories with all that can be asked of their dependencies (``Pool``):

>>> from copr_repo import compare_evr
>>> compare_evr("1.0~rc1-1", "1.0-1")
-1

and, with the named tuples of ``records``, reading packages (``Record``, ``Header``), and reading (``Records``, ``Repomd``),
writing (``Writer``, ``Publisher``, ``create``) and combining (``merge``, ``subset``, ``modify``) the metadata of repositories:

>>> from copr_repo import Record
>>> bash = Record(
...     name="bash", version="5.2", release="1", arch="x86_64", checksum=("sha256", "ab" * 32),
...     location_href="bash-5.2-1.x86_64.rpm", requires=[("glibc", "GE", "0", "2.39", None, False)],
... )
>>> bash.nevra, bash.requires[0].version
('bash-5.2-1.x86_64', '2.39')
"""

from ._native import (
    Chain,
    ChainError,
    ChainItem,
    ChainProblem,
    ChecksumError,
    Chosen,
    Created,
    Error,
    External,
    Header,
    InvalidRepoError,
    LoadError,
    LockedError,
    Merged,
    MetadataError,
    Needed,
    NotFound,
    Output,
    Overlaps,
    Package,
    PackageError,
    ParseError,
    Pool,
    ProjectRef,
    Published,
    Publisher,
    Record,
    Records,
    RepoSection,
    Repomd,
    RepomdRecord,
    Repository,
    Solution,
    Subset,
    Unreachable,
    Unsatisfied,
    Unsolvable,
    Writer,
    compare_evr,
    compare_versions,
    create,
    merge,
    modify,
    render_repo_file,
    resolve_chain,
    subset,
)

__all__ = [
    "Chain",
    "ChainError",
    "ChainItem",
    "ChainProblem",
    "ChecksumError",
    "Chosen",
    "Created",
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
    "compare_evr",
    "compare_versions",
    "create",
    "merge",
    "modify",
    "render_repo_file",
    "resolve_chain",
    "subset",
]
