"""The repositories that dnf knows, read from its files: what is enabled, and the metadata that it has fetched before."""

from __future__ import annotations

import configparser
import glob
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Optional

from . import packages
from ._native import Repository
from .dnf_settings import TRUE, substituted
from .messages import _

CACHES = ("/var/cache/libdnf5", "/var/cache/dnf")
"""Where DNF 5 and DNF 4 keep metadata: a folder for each repository, named by its id and a checksum of its address."""
_LARGEST_FILE = 1 << 20


class Packages:
    """What dnf has fetched before, and the rpm database where Python can read it."""

    def __init__(self, root: str, folders: Sequence[str], variables: Mapping[str, str]) -> None:
        self._root = root
        self._folders = folders
        self._variables = variables

    def repositories(self, fresh: Collection[str] = ()) -> tuple[list[Repository], dict[str, str]]:
        """See ``packages.Packages``; here nothing is downloaded, so those with the ids ``fresh`` cannot be had."""
        caches = [os.path.join(self._root, cache.lstrip("/")) for cache in CACHES]
        found = at_hand(self._folders, caches, self._variables)
        failed = {repo_id: _("without dnf its metadata are not fetched") for repo_id in fresh}
        here = {repository.id for repository in found}
        for repo_id, _options in _enabled(self._folders, self._variables):
            if repo_id not in here:
                failed.setdefault(repo_id, _("it is not in dnf's cache"))
        return [repository for repository in found if repository.id not in failed], failed

    def installed(self, *, whole: bool) -> Optional[Repository]:
        """See ``packages.Packages``."""
        return packages.installed(self._root, whole=whole)


def at_hand(folders: Iterable[str], caches: Iterable[str], variables: Mapping[str, str]) -> list[Repository]:
    """The enabled repositories of folders of .repo files whose metadata lie in dnf's caches, by their ids.

    What cannot be read counts as not there: dnf itself is who complains of it.
    """
    cached = _newest(caches)
    found: dict[str, Repository] = {}
    for repo_id, options in _enabled(folders, variables):
        path = cached.get(repo_id)
        if path is not None and repo_id not in found:
            found[repo_id] = Repository(
                repo_id,
                path,
                priority=_number(options, "priority", 99),
                cost=_number(options, "cost", 1000),
                module_hotfixes=options.get("module_hotfixes", "").lower() in TRUE,
            )
    return [found[repo_id] for repo_id in sorted(found)]


def _newest(caches: Iterable[str]) -> dict[str, str]:
    """Ids of repositories to the folder that has their newest metadata."""
    found: dict[str, tuple[float, str]] = {}
    for cache in caches:
        for path in glob.glob(os.path.join(glob.escape(cache), "*-*", "repodata", "repomd.xml")):
            folder = os.path.dirname(os.path.dirname(path))
            match = re.match(r"(.+)-[0-9a-f]{16}\Z", os.path.basename(folder))
            try:
                age = os.stat(path).st_mtime
            except OSError:
                continue
            if match:
                found[match[1]] = max(found.get(match[1], (0.0, "")), (age, folder))
    return {repo_id: folder for repo_id, (_age, folder) in found.items()}


def _enabled(folders: Iterable[str], variables: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.repo"))):
            parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    parser.read_string(file.read(_LARGEST_FILE))
            except (OSError, configparser.Error):
                continue
            for section in parser.sections():
                options = {name: substituted(value, variables) for name, value in parser[section].items()}
                if section != "main" and options.get("enabled", "1").lower() in TRUE:
                    yield substituted(section, variables), options


def _number(options: Mapping[str, str], name: str, default: int) -> int:
    value = options.get(name, "")
    return int(value) if re.match(r"[0-9]{1,9}\Z", value) else default
