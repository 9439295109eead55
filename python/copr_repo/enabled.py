"""The .repo files of a folder: which ones are Copr's, what they need, and changing several all or nothing.

Files that this package writes begin with comment lines that dnf ignores::

    # Written by dnf copr. Do not edit the lines that begin with "copr-".
    # copr-requested: yes
    # copr-chroot: fedora-44-x86_64
    # copr-needs: copr:HOST:OWNER:DIRNAME coprdep:SOME_ID

``copr-requested`` tells what a user enabled by name from what came with it; ``copr-needs`` has the ids of the
repositories that the project declares. Files without these lines (the stock plugin's) count as requested.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Optional

from ._native import Error

NOTICE = 'Written by dnf copr. Do not edit the lines that begin with "copr-".'
_TAG = re.compile(r"#\s*copr-(requested|chroot|needs):\s*(.*?)\s*\Z")
_LARGEST_FILE = 1 << 20
_ENABLED = re.compile(r"\s*enabled\s*[=:]", re.IGNORECASE)


class FileError(Error):
    """A .repo file or its folder cannot be read or written."""


@dataclass(frozen=True)
class RepoFile:
    """One .repo file of Copr."""

    name: str
    """File name in the folder."""
    repo_id: str
    """Id of its first section, ``copr:HOST:OWNER:DIRNAME`` or ``coprdep:...``."""
    enabled: bool
    requested: bool
    needs: tuple[str, ...]
    text: str
    sections: tuple[str, ...] = ()

    @property
    def project(self) -> Optional[tuple[str, str, str]]:
        """Host, owner (``@group``) and directory; ``None`` for a repository that is no project."""
        parts = self.repo_id.split(":", 3)
        if len(parts) != 4 or parts[0] != "copr":
            return None
        _, host, owner, dirname = parts
        return host, ("@" + owner[len("group_"):] if owner.startswith("group_") else owner), dirname


def owner_in_id(owner: str) -> str:
    """``group_x`` for ``@x``."""
    return "group_" + owner[1:] if owner.startswith("@") else owner


def project_id(host: str, owner: str, dirname: str) -> str:
    """The id of a project's repository.

    >>> project_id("copr.example.org", "@g", "p")
    'copr:copr.example.org:group_g:p'
    """
    return f"copr:{host}:{owner_in_id(owner)}:{dirname}"


def external_id(url: str) -> str:
    """The id of a repository that is no project, as the stock server makes it.

    >>> external_id("https://example.org/$releasever//x/")
    'coprdep:https_example_org_releasever_x'
    """
    return "coprdep:" + re.sub(r"[^A-Za-z0-9]+", "_", url).strip("_")[:180]


def file_name(repo_id: str) -> str:
    """The file of a repository: the stock plugin's name."""
    return f"_{repo_id}.repo"


def parse(name: str, text: str) -> Optional[RepoFile]:
    """Reads a .repo file of Copr; ``None`` when it is another's."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    sections = parser.sections()
    if not sections or not sections[0].startswith(("copr:", "coprdep:")):
        return None
    tags: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("["):
            break
        match = _TAG.match(line)
        if match:
            tags[match[1]] = match[2]
    return RepoFile(
        name=name,
        repo_id=sections[0],
        enabled=parser.get(sections[0], "enabled", fallback="1").strip().lower() in ("1", "yes", "true", "on"),
        requested=tags.get("requested", "yes") != "no",
        needs=tuple(tags.get("needs", "").split()),
        text=text,
        sections=tuple(sections),
    )


def disabled(text: str) -> str:
    """The same file with ``enabled=0`` in every section; all else stays."""
    result: list[str] = []
    in_section = done = False
    for line in text.splitlines():
        if line.startswith("["):
            if in_section and not done:
                result.append("enabled=0")
            in_section, done = True, False
        elif in_section and _ENABLED.match(line):
            if done:
                continue
            line, done = "enabled=0", True
        result.append(line)
    if in_section and not done:
        result.append("enabled=0")
    return "\n".join(result) + "\n"


class Folder:
    """A folder of .repo files."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> dict[str, RepoFile]:
        """Copr's files by the id of their first section; a folder that does not exist has none."""
        found: dict[str, RepoFile] = {}
        try:
            names = sorted(os.listdir(self.path))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise FileError(f"folder of .repo files {self.path}: {error.strerror}") from error
        for name in names:
            if not (name.startswith("_copr") and name.endswith(".repo")):
                continue
            try:
                with open(os.path.join(self.path, name), "rb") as file:
                    data = file.read(_LARGEST_FILE)
            except OSError as error:
                raise FileError(f"{os.path.join(self.path, name)}: {error.strerror}") from error
            repo = parse(name, data.decode("utf-8", "replace"))
            if repo is not None:
                found.setdefault(repo.repo_id, repo)
        return found

    def change(self, write: Mapping[str, str], remove: Iterable[str] = ()) -> None:
        """Writes and removes files, all or nothing; raises ``FileError`` and leaves the folder as it was.

        Readers see each file whole, old or new. An exception in the middle (also Ctrl-C) takes everything back.
        """
        for name in [*write, *remove]:
            if os.path.basename(name) != name or not name.endswith(".repo") or "\0" in name or len(os.fsencode(name)) > 255:
                raise FileError(f"{name[:300]!r} is no name for a .repo file")
        try:
            os.makedirs(self.path, exist_ok=True)
            with contextlib.ExitStack() as temporary:
                self._change(write, list(remove), temporary)
        except OSError as error:
            raise FileError(f"{self.path}: {error.strerror or error}; nothing was changed") from error

    def _change(self, write: Mapping[str, str], remove: list[str], temporary: contextlib.ExitStack) -> None:
        new = {name: self._temporary(text.encode(), temporary) for name, text in write.items()}
        old: dict[str, Optional[str]] = {}
        for name in [*write, *remove]:
            try:
                with open(os.path.join(self.path, name), "rb") as file:
                    old[name] = self._temporary(file.read(), temporary)
            except FileNotFoundError:
                old[name] = None
        begun: list[str] = []
        try:
            for name, path in new.items():
                begun.append(name)
                os.replace(path, os.path.join(self.path, name))
            for name in remove:
                begun.append(name)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.path, name))
            self._sync()
        except BaseException:
            for name in reversed(begun):
                backup = old[name]
                # The first error is the one to tell.
                with contextlib.suppress(OSError):
                    if backup is None:
                        os.unlink(os.path.join(self.path, name))
                    elif os.path.exists(backup):
                        os.replace(backup, os.path.join(self.path, name))
            raise

    def _temporary(self, data: bytes, temporary: contextlib.ExitStack) -> str:
        """A synced file that dnf does not read, gone at the end unless it was renamed."""
        handle, path = tempfile.mkstemp(prefix=".copr-", suffix=".tmp", dir=self.path)
        temporary.callback(_unlink, path)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        return path

    def _sync(self) -> None:
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def reachable(files: Mapping[str, RepoFile], roots: Iterable[str]) -> set[str]:
    """The ids that ``roots`` need, themselves included, as far as there are files."""
    found: set[str] = set()
    waiting = [root for root in roots if root in files]
    while waiting:
        repo_id = waiting.pop()
        if repo_id not in found:
            found.add(repo_id)
            waiting += [need for need in files[repo_id].needs if need in files]
    return found


def needed_only_by(files: Mapping[str, RepoFile], repo_id: str, *, among_enabled: bool) -> list[RepoFile]:
    """What came with a project and is needed by no other requested one, sorted by id.

    With ``among_enabled`` only projects that are enabled count as needing something.
    """
    others = (
        other for other, file in files.items()
        if other != repo_id and file.requested and (file.enabled or not among_enabled)
    )
    kept = reachable(files, others)
    brought = reachable(files, [repo_id]) - {repo_id}
    return [files[other] for other in sorted(brought - kept) if not files[other].requested]


def needing(files: Mapping[str, RepoFile], repo_id: str) -> Iterator[RepoFile]:
    """Enabled files that declare that they need a repository."""
    return (file for other, file in sorted(files.items()) if other != repo_id and file.enabled and repo_id in file.needs)
