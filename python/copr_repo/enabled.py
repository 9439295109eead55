"""The .repo files of a folder: which ones are Copr's, and what they need.

Files that this package writes begin with comment lines that dnf ignores::

    # Written by dnf copr. Do not edit the lines that begin with "copr-".
    # copr-requested: yes
    # copr-chroot: fedora-44-x86_64
    # copr-needs: copr:HOST:OWNER:DIRNAME coprdep:SOME_ID
    # copr-hub: https://HOST:PORT
    # copr-for: PACKAGE ...
    # copr-deps: none

``copr-requested`` tells what a user enabled by name from what came with it; ``copr-needs`` has the ids of the
repositories that the project declares: of those that the packages of ``copr-for`` need, or none where the user wants none.
Files without these lines (the stock plugin's) count as requested, and need the other sections that they have.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Optional, Union

from . import editing, replacing
from ._native import Error
from .hubs import DEFAULT_HOSTNAME
from .messages import _

NOTICE = 'Written by dnf copr. Do not edit the lines that begin with "copr-".'
_LARGEST_FILE = 1 << 20
_YES = ("1", "yes", "true", "on")


class FileError(Error):
    """A .repo file or its folder cannot be read or written."""


@dataclass(frozen=True)
class Section:
    """One repository of a .repo file."""

    id: str
    baseurl: str
    """The first one, with dnf's variables; empty where there is none."""
    enabled: bool
    signed: bool
    """Whether packages are checked against a key."""
    gpgkeys: tuple[str, ...]


@dataclass(frozen=True)
class RepoFile:
    """One .repo file of Copr."""

    name: str
    """File name in the folder."""
    parts: tuple[Section, ...]
    """Its sections, the one that it is about first."""
    requested: bool
    needs: tuple[str, ...]
    """The ids that it declares, and those of its other sections."""
    text: str
    chroot: Optional[str] = None
    """``fedora-44-x86_64``; ``None`` where the file does not tell."""
    hub_url: Optional[str] = None
    wanted: tuple[str, ...] = ()
    """The packages whose needs alone are enabled."""
    takes_deps: bool = True
    """Whether the user wants what the project needs."""
    ours: bool = True
    """Whether this package wrote it; the stock plugin did otherwise."""

    @property
    def repo_id(self) -> str:
        """``copr:HOST:OWNER:DIRNAME`` or ``coprdep:...``; ``OWNER-NAME`` in files of old versions of the stock plugin."""
        return self.parts[0].id

    @property
    def enabled(self) -> bool:
        """Whether dnf uses it."""
        return self.parts[0].enabled

    @property
    def sections(self) -> tuple[str, ...]:
        """The ids of its sections."""
        return tuple(part.id for part in self.parts)

    @property
    def project(self) -> Optional[tuple[str, str, str]]:
        """Host, owner (``@group``) and directory; ``None`` for a repository that is no project."""
        kind, *rest = self.repo_id.split(":", 3)
        if kind == "copr" and len(rest) == 3:
            host, owner, dirname = rest
        elif kind in ("copr", "coprdep") or "-" not in self.repo_id:
            return None
        else:
            host = DEFAULT_HOSTNAME if self.guesses_hub else self.name.rsplit(":", 2)[0].partition(":")[2]
            owner, _dash, dirname = self.repo_id.partition("-")
        return host, ("@" + owner[len("group_"):] if owner.startswith("group_") else owner), dirname

    @property
    def guesses_hub(self) -> bool:
        """Whether it is so old that it does not tell its hub: it counts as the default one's."""
        return self.name.startswith("_copr_") and not self.repo_id.startswith(("copr:", "coprdep:"))


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
    """Reads a .repo file of Copr; ``None`` when it has no repository."""
    parts = [_section(section, options) for section, options in editing.sections(text)]
    # What a file is about stands first, unless the user has put something before it.
    parts.sort(key=lambda part: (not part.id.startswith("copr:") or is_multilib(part.id), not part.id.startswith("coprdep:")))
    if not parts or not (parts[0].id.startswith(("copr:", "coprdep:")) or name.startswith(("_copr_", "_copr:"))):
        return None
    tags = _tags(text)
    others = [part.id for part in parts[1:] if not is_multilib(part.id)]
    return RepoFile(
        name=name,
        parts=tuple(parts),
        requested=tags.get("requested", "yes") != "no",
        needs=tuple(dict.fromkeys([*tags.get("needs", "").split(), *others])),
        text=text,
        chroot=tags.get("chroot") or None,
        hub_url=tags.get("hub") or None,
        wanted=tuple(tags.get("for", "").split()),
        takes_deps=tags.get("deps") != "none",
        ours="requested" in tags,
    )


def is_multilib(repo_id: str) -> bool:
    """Whether a section has the packages of a project for a second architecture."""
    return re.match(r"copr:.*:.*:.*:ml\Z", repo_id) is not None


def _tags(text: str) -> dict[str, str]:
    """The lines ``# copr-KEY: VALUE`` before the first section."""
    tags = {}
    for line in text.split("\n"):
        if line.startswith("["):
            break
        key, colon, value = line.lstrip("#").strip().partition(":")
        if line.startswith("#") and colon and key.startswith("copr-"):
            tags[key[len("copr-"):]] = value.strip()
    return tags


def _section(name: str, options: Mapping[str, str]) -> Section:
    return Section(
        id=name,
        baseurl=(options.get("baseurl", "").replace(",", " ").split() or [""])[0],
        enabled=options.get("enabled", "1").strip().lower() in _YES,
        signed=options.get("gpgcheck", "0").strip().lower() in _YES,
        gpgkeys=tuple(options.get("gpgkey", "").replace(",", " ").split()),
    )


class Folder:
    """A folder of .repo files."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> dict[str, RepoFile]:
        """Copr's files by their repository's id; a folder that does not exist has none. Raises ``FileError``."""
        found: dict[str, RepoFile] = {}
        for file in self.scan():
            if isinstance(file, FileError):
                raise file
            found.setdefault(file.repo_id, file)
        return found

    def scan(self) -> Iterator[Union[RepoFile, FileError]]:
        """Copr's files by name, with an error for each that cannot be read; raises ``FileError`` for the folder."""
        try:
            replacing.recover(self.path)
            names = sorted(os.listdir(self.path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError(_("folder of .repo files {path}: {why}").format(path=self.path, why=error.strerror)) from error
        for name in names:
            if not (name.startswith("_copr") and name.endswith(".repo")):
                continue
            path = os.path.join(self.path, name)
            try:
                with open(path, "rb", opener=_not_blocked) as opened:
                    data = opened.read(_LARGEST_FILE + 1)
            except OSError as error:
                yield FileError(f"{path}: {error.strerror}")
                continue
            if len(data) > _LARGEST_FILE:
                yield FileError(_("{path}: larger than {most} bytes").format(path=path, most=_LARGEST_FILE))
                continue
            # Bytes that are no text are written as they were read.
            file = parse(name, data.decode("utf-8", "surrogateescape"))
            if file is not None:
                yield file

    def change(
        self, write: Mapping[str, str], remove: Iterable[str] = (), *, since: Optional[Mapping[str, RepoFile]] = None
    ) -> None:
        """Writes and removes files, all or nothing; raises ``FileError`` and leaves the folder as it was.

        Readers see each file whole, old or new. Signals wait until it is done; what a killed process leaves half done is
        taken back by the next one that reads or changes the folder. ``since`` is what was read when the change was
        decided on: if another process has changed the files meanwhile, that is an error.
        """
        gone = list(remove)
        for name in [*write, *gone]:
            if os.path.basename(name) != name or not name.endswith(".repo") or "\0" in name or len(os.fsencode(name)) > 255:
                raise FileError(_("{name!r} is no name for a .repo file").format(name=name[:300]))
        try:
            os.makedirs(self.path, exist_ok=True)
            with replacing.alone(self.path):
                if since is not None and self.read() != dict(since):
                    raise FileError(
                        _("{path}: another program has changed the files meanwhile; nothing was changed, try again")
                        .format(path=self.path)
                    )
                data = {name: text.encode("utf-8", "surrogateescape") for name, text in write.items()}
                replacing.replace(self.path, data, gone)
        except replacing.HalfDone as error:
            raise FileError(f"{self.path}: {error.strerror}") from error
        except OSError as error:
            raise FileError(
                _("{path}: {why}; nothing was changed").format(path=self.path, why=error.strerror or error)
            ) from error


def _not_blocked(path: str, flags: int) -> int:
    """Opens what may be no file at all."""
    return os.open(path, flags | os.O_NONBLOCK)


def find(files: Mapping[str, RepoFile], host: str, owner: str, dirname: str) -> Optional[RepoFile]:
    """The file of a project, also one of an old version of the stock plugin."""
    old = files.get(f"{owner_in_id(owner)}-{dirname}")
    if old is not None and not old.guesses_hub and (old.project is None or old.project[0].partition(":")[0] != host):
        old = None
    return files.get(project_id(host, owner, dirname), old)


def renewed(files: Mapping[str, RepoFile], texts: Mapping[str, str]) -> dict[str, str]:
    """Texts of files that are to be enabled, with what the user has written in those that are there already."""
    by_name = {file.name: file for file in files.values()}
    own = {file.repo_id for name, text in texts.items() for file in [parse(name, text)] if file}
    return {
        name: editing.merged(by_name[name].text, text, elsewhere=own, turn_on=True) if name in by_name else text
        for name, text in texts.items()
    }


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


def orphans(files: Mapping[str, RepoFile]) -> list[RepoFile]:
    """What came with projects of which none needs it any more, sorted by id."""
    kept = reachable(files, (repo_id for repo_id, file in files.items() if file.requested))
    return [file for repo_id, file in sorted(files.items()) if repo_id not in kept]


def path_to(files: Mapping[str, RepoFile], root: str, repo_id: str) -> Optional[list[str]]:
    """The shortest way on which a repository needs another, both included; ``None`` when it does not."""
    came_from: dict[str, Optional[str]] = {root: None}
    waiting = deque([root])
    while waiting:
        place = waiting.popleft()
        if place == repo_id:
            way: list[str] = []
            step: Optional[str] = place
            while step is not None:
                way.append(step)
                step = came_from[step]
            return way[::-1]
        for need in files[place].needs if place in files else ():
            if need not in came_from:
                came_from[need] = place
                waiting.append(need)
    return None
