"""enable, disable, remove, list and search, without dnf: the caller gives a folder, a way to fetch and a way to ask."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any, Optional, Protocol, Union

from . import chroots, enabled, facts
from ._native import (
    Chain,
    ChainProblem,
    Error,
    External,
    NotFound,
    ProjectRef,
    RepoSection,
    Unreachable,
    render_repo_file,
    resolve_chain,
)
from .hubs import Hub, UsageError

Link = Union[ProjectRef, External]

WARNING = """\
Enabling a Copr repository. Please note that this repository is not part
of the main distribution, and quality may vary.

The packages in it are built by its owner and are not held to any quality
or security level of the distribution. Please do not file bug reports about
them in the distribution's bug tracker. In case of problems, contact the
owner of this repository."""

DEPENDENCIES = """\
Maintainer of the enabled Copr repository decided to make
it dependent on other repositories. Such repositories are
usually necessary for successful installation of RPMs from
the main Copr repository (they provide runtime dependencies).
These repositories are being enabled together with it:"""


class CommandError(Error):
    """A command cannot be carried out; the message is for the user."""


class Frontend(Protocol):
    """The user, as the commands see them."""

    def info(self, text: str) -> None:
        """A result."""

    def notice(self, text: str) -> None:
        """A warning or an explanation, not for scripts."""

    def confirm(self, question: str) -> bool:
        """Yes or no, as -y and --assumeno have it."""


class Copr:
    """The commands for one hub and one folder of .repo files."""

    def __init__(
        self,
        hub: Hub,
        folder: enabled.Folder,
        fetch: Callable[[str], bytes],
        frontend: Frontend,
    ) -> None:
        """``fetch`` gives the body of a URL, or raises ``NotFound`` or ``Unreachable``."""
        self._hub = hub
        self._folder = folder
        self._fetch = fetch
        self._frontend = frontend

    def enable(self, owner: str, dirname: str, releases: Sequence[str], arch: str, *, explicit: bool = False) -> None:
        """Enables a project and all that it needs, for the first of ``releases`` (``fedora-44``) that it has.

        ``explicit``: the user named the chroot, so it is written as it is, without dnf's variables.
        """
        root = ProjectRef(self._hub.hostname, owner, dirname)
        work = _Enable(self._hub, self._fetch, root, releases, arch, explicit)
        chain = work.resolve()
        text = WARNING
        for warning in [*work.warnings, *map(work.explained, chain.problems)]:
            text += f"\n\nWarning: {warning}."
        for cycle in chain.cycles:
            text += "\n\nNote: these projects need each other: " + ", ".join(map(str, cycle)) + "."
        if len(chain.repositories) > 1:
            text += f"\n\n{DEPENDENCIES}\n\n" + "\n".join(tree(chain, work.is_signed))
        self._frontend.notice(text)
        if not self._frontend.confirm(f"Do you really want to enable {root}?"):
            raise CommandError("Safe and good answer. Exiting.")
        self._folder.change(work.files(chain, self._folder.read()))
        self._frontend.info("Repository successfully enabled.")

    def disable(self, owner: str, dirname: str) -> None:
        """Disables a project and what only it needs."""
        files = self._folder.read()
        repo_id = self._installed(files, owner, dirname, "disable")
        brought = [file for file in enabled.needed_only_by(files, repo_id, among_enabled=True) if file.enabled]
        self._tell(files, repo_id, brought, "disabled")
        self._folder.change({file.name: enabled.disabled(file.text) for file in [files[repo_id], *brought]})
        self._frontend.info("Repository successfully disabled.")

    def remove(self, owner: str, dirname: str) -> None:
        """Removes the files of a project and of what only it needs."""
        files = self._folder.read()
        repo_id = self._installed(files, owner, dirname, "remove")
        brought = enabled.needed_only_by(files, repo_id, among_enabled=False)
        self._tell(files, repo_id, brought, "removed")
        self._folder.change({}, [file.name for file in [files[repo_id], *brought]])
        self._frontend.info("Repository successfully removed.")

    def _installed(self, files: dict[str, enabled.RepoFile], owner: str, dirname: str, verb: str) -> str:
        repo_id = enabled.project_id(self._hub.hostname, owner, dirname)
        if repo_id not in files:
            raise CommandError(f"Failed to {verb} copr repo {self._hub.hostname}/{owner}/{dirname}: it is not enabled here.")
        return repo_id

    def _tell(self, files: dict[str, enabled.RepoFile], repo_id: str, brought: list[enabled.RepoFile], done: str) -> None:
        for file in enabled.needing(files, repo_id):
            self._frontend.notice(f"Warning: {shown(file)} needs this repository; its packages may fail to install.")
        for file in brought:
            self._frontend.notice(f"Nothing else needs {shown(file)}: it is {done} as well.")

    def available_by_user(self, owner: str) -> None:
        """Lists the projects of a user on the hub."""
        items = self._items(f"list?ownername={urllib.parse.quote(owner)}")
        if not items:
            raise CommandError(f"No projects of {owner} on {self._hub.hostname}.")
        for item in items:
            self._frontend.info(_described(f"{owner}/{item.get('name')}", item))

    def search(self, words: str) -> None:
        """Lists the projects of the hub that match words."""
        items = self._items(f"search?query={urllib.parse.quote(words)}")
        if not items:
            raise CommandError("No matches found.")
        for item in items:
            self._frontend.info(_described(str(item.get("full_name")), item))

    def _items(self, query: str) -> list[dict[str, Any]]:
        try:
            answer = json.loads(self._fetch(f"{self._hub.url}/api_3/project/{query}"))
            return [dict(item) for item in answer["items"]]
        except NotFound as error:
            raise CommandError(f"{self._hub.hostname}: the hub knows no such user or cannot search.") from error
        except (ValueError, KeyError, TypeError, Unreachable) as error:
            raise CommandError(f"Can't parse repositories of {self._hub.hostname}: {error}") from error


def list_installed(folder: enabled.Folder, frontend: Frontend, *, only_enabled: bool, only_disabled: bool) -> None:
    """Lists the projects that have a .repo file here, as ``host/owner/dirname``."""
    files = folder.read()
    for _, file in sorted(files.items()):
        if file.project is None or (only_enabled and not file.enabled) or (only_disabled and file.enabled):
            continue
        line = shown(file)
        if not file.enabled:
            line += " (disabled)"
        if not file.requested:
            by = [shown(other) for other in files.values() if file.repo_id in other.needs]
            line += f" (needed by {', '.join(by)})" if by else " (not needed any more)"
        frontend.info(line)


def shown(file: enabled.RepoFile) -> str:
    """``host/owner/dirname``, or the id of another repository."""
    return "/".join(file.project) if file.project else file.repo_id


def _described(name: str, item: dict[str, Any]) -> str:
    first_line = (str(item.get("description") or "").strip().splitlines() or ["No description given."])[0]
    return "".join(c for c in f"{name} : {first_line}" if c.isprintable())


def tree(chain: Chain, is_signed: Callable[[Link], bool]) -> list[str]:
    """The chain as lines, the project first and what it needs below it."""
    below = {item.link: item.dependencies for item in chain.repositories}
    root = chain.repositories[-1].link
    lines = [_label(root, is_signed)]
    seen = {root}
    # Each entry: a link, and for each level whether more follow on it.
    waiting: list[tuple[Link, tuple[bool, ...]]] = [(link, (more,)) for link, more in _with_more(below[root])]
    while waiting:
        link, levels = waiting.pop()
        indent = "".join("|   " if more else "    " for more in levels[:-1]) + ("|-- " if levels[-1] else "`-- ")
        again = link in seen and bool(below.get(link))
        lines.append(indent + _label(link, is_signed) + (" (see above)" if again else ""))
        if link not in seen:
            seen.add(link)
            waiting += [(other, (*levels, more)) for other, more in _with_more(below.get(link, []))]
    return lines


def _with_more(links: Sequence[Link]) -> list[tuple[Link, bool]]:
    """Last first, for a stack: each link, and whether others follow it."""
    return [(link, number + 1 < len(links)) for number, link in reversed(list(enumerate(links)))]


def _label(link: Link, is_signed: Callable[[Link], bool]) -> str:
    notes = ["not a Copr project"] if isinstance(link, External) else []
    if not is_signed(link):
        notes.append("packages are not signed")
    text = "".join(c if c.isprintable() else "?" for c in str(link))[:300]
    return text + (f"  ({', '.join(notes)})" if notes else "")


class _Enable:
    """What is known while a project is being enabled."""

    def __init__(self, hub: Hub, fetch: Callable[[str], bytes], root: ProjectRef, releases: Sequence[str], arch: str,
                 explicit: bool) -> None:
        self._hub = hub
        self._fetch = fetch
        self._root = root
        self._releases = list(releases)
        self._arch = arch
        self._explicit = explicit
        self._release = releases[0] if releases else ""
        self._facts: dict[ProjectRef, facts.Facts] = {}
        self._reasons: dict[ProjectRef, str] = {}
        self.warnings: list[str] = []

    def resolve(self) -> Chain:
        """The whole chain; raises ``CommandError`` when the project or a hub cannot be had."""
        try:
            chain = resolve_chain(self._root, self._ask)
        except NotFound as error:
            raise CommandError(
                f"It wasn't possible to enable this project.\nProject {self._root.owner}/{self._root.dirname} does not exist."
            ) from error
        except Unreachable as error:
            raise CommandError(f"It wasn't possible to enable this project.\n{error}") from error
        unreachable = [problem for problem in chain.problems if not problem.not_found]
        if unreachable:
            raise CommandError("\n".join(["It wasn't possible to enable this project.", *map(str, unreachable)]))
        return chain

    def _ask(self, project: ProjectRef) -> Sequence[Link]:
        path = "/".join(urllib.parse.quote(part, safe="@:+") for part in (project.owner, project.dirname, self._release or "any"))
        found = facts.parse(project, self._fetch(f"{self._hub.url}/api_3/rpmrepo/{path}"))
        if project.dirname not in found.directories:
            if project == self._root and found.directories:
                raise CommandError(
                    f"Directory '{project.owner}/{project.dirname}' not found in '{project.owner}/"
                    f"{project.dirname.partition(':')[0]}' Copr project.\nAvailable directories: "
                    + ", ".join(f"'{name}'" for name in found.directories)
                )
            raise NotFound(str(project))
        if project == self._root:
            self._choose_release(found)
        elif self._chroot not in found.chroots:
            self._reasons[project] = f"it has no repository for {self._chroot}"
            raise NotFound(str(project))
        self._facts[project] = found
        self.warnings += found.warnings
        return [link for link in found.dependencies if self._usable(project, link)]

    def _usable(self, project: ProjectRef, link: Link) -> bool:
        """Whether an external repository may be enabled; a link of it to a file or with a password may not."""
        if isinstance(link, External):
            try:
                render_repo_file([self._external(link)])
            except Error as error:
                self.warnings.append(f"a dependency of {project} is left out: {error}")
                return False
        return True

    def _choose_release(self, found: facts.Facts) -> None:
        for release in self._releases:
            if f"{release}-{self._arch}" in found.chroots:
                self._release = release
                return
        wanted = f"{self._releases[0]}-{self._arch}" if self._releases else "this system"
        names = ", ".join(f"'{name}'" for name in sorted(found.chroots)) or "none"
        project = f"{self._root.owner}/{self._root.dirname}"
        raise CommandError(
            f"It wasn't possible to enable this project.\n"
            f"Repository '{wanted}' does not exist in project '{project}'.\n"
            f"Available repositories: {names}\n\n"
            f"If you want to enable a non-default repository, use the following command:\n"
            f"  'dnf copr enable {project} <repository>'\n"
            f"But note that the installed repo file will likely need a manual modification."
        )

    @property
    def _chroot(self) -> str:
        return f"{self._release}-{self._arch}"

    def is_signed(self, link: Link) -> bool:
        """Whether packages of a repository are checked against a key."""
        return isinstance(link, ProjectRef) and self._facts[link].signed

    def explained(self, problem: ChainProblem) -> str:
        """A problem of the chain with what is known here about its reason."""
        reason = self._reasons.get(problem.project)
        if reason is None:
            return str(problem)
        by = ", ".join(map(str, problem.needed_by))
        return f"{problem.project}, needed by {by}, is left out: {reason}"

    def files(self, chain: Chain, known: dict[str, enabled.RepoFile]) -> dict[str, str]:
        """File names to texts for the whole chain; what the user had enabled by name stays so marked."""
        texts = {}
        for item in chain.repositories:
            section = self._project(item.link) if isinstance(item.link, ProjectRef) else self._external(item.link)
            before = known.get(section.id)
            requested = item.link == self._root or (before is not None and before.requested)
            comments = [enabled.NOTICE, f"copr-requested: {'yes' if requested else 'no'}", f"copr-chroot: {self._chroot}"]
            needs = " ".join(self._id(link) for link in item.dependencies)
            comments += [f"copr-needs: {needs}"] if needs else []
            try:
                texts[before.name if before else enabled.file_name(section.id)] = render_repo_file([section], comments=comments)
            except Error as error:
                raise CommandError(f"It wasn't possible to enable this project.\n{item.link}: {error}") from error
        return texts

    def _id(self, link: Link) -> str:
        if isinstance(link, External):
            return self._external(link).id
        return enabled.project_id(link.hub, link.owner, link.dirname)

    def _project(self, project: ProjectRef) -> RepoSection:
        found = self._facts[project]
        options = found.chroots[self._chroot]
        base = f"{found.results_url}/{project.owner}"
        key = found.pubkey_url or f"{base}/{project.dirname.partition(':')[0]}/pubkey.gpg"
        return RepoSection(
            self._id(project),
            f"Copr repo for {project.dirname} owned by {project.owner}",
            f"{base}/{project.dirname}/{chroots.in_baseurl(self._release, self._arch, self._explicit)}/",
            gpgkey=key if found.signed else None,
            cost=_number(options.get("cost")),
            priority=_number(options.get("priority")),
            module_hotfixes=str(options.get("module_hotfixes", "")).lower() in ("1", "true"),
        )

    def _external(self, link: External) -> RepoSection:
        url = link.url.replace("$chroot", self._chroot).replace("$distname", chroots.distname(self._release) or "")
        return RepoSection(
            enabled.external_id(url), f"Copr {self._root} external runtime dependency", url
        )


def _number(value: Any) -> Optional[int]:
    """An option that is a number or a text of one; anything else is left out."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


__all__ = ["CommandError", "Copr", "Frontend", "UsageError", "list_installed", "shown", "tree"]
