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
- ``dnf4``: dnf 4 as these see it.

From Rust come the chain of repositories, the text of .repo files, the order of versions, and the packages of any set of
repositories with all that can be asked of their dependencies (``Pool``):

>>> from copr_repo import compare_evr
>>> compare_evr("1.0~rc1-1", "1.0-1")
-1
"""

from ._native import (
    Chain,
    ChainError,
    ChainItem,
    ChainProblem,
    Chosen,
    Error,
    External,
    InvalidRepoError,
    LoadError,
    Needed,
    NotFound,
    Overlaps,
    Package,
    ParseError,
    Pool,
    ProjectRef,
    RepoSection,
    Repository,
    Solution,
    Unreachable,
    Unsatisfied,
    Unsolvable,
    compare_evr,
    compare_versions,
    render_repo_file,
    resolve_chain,
)

__all__ = [
    "Chain",
    "ChainError",
    "ChainItem",
    "ChainProblem",
    "Chosen",
    "Error",
    "External",
    "InvalidRepoError",
    "LoadError",
    "Needed",
    "NotFound",
    "Overlaps",
    "Package",
    "ParseError",
    "Pool",
    "ProjectRef",
    "RepoSection",
    "Repository",
    "Solution",
    "Unreachable",
    "Unsatisfied",
    "Unsolvable",
    "compare_evr",
    "compare_versions",
    "render_repo_file",
    "resolve_chain",
]
