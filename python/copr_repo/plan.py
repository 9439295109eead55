"""What is to be enabled: the chain of a project, the hub's facts of each member, and the .repo files of them."""

from __future__ import annotations

import urllib.parse
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Optional, Union

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
from .frontend import CommandError
from .looking import without_password
from .messages import _
from .system import Project, System

Link = Union[ProjectRef, External]

MOST_DEPTH = 16
"""Steps from the project to what is farthest away."""
MOST_REPOSITORIES = 200
"""Repositories of one chain, the project's own included."""
_AT_ONCE = 16
"""Answers of hubs that are held in memory at the same time."""


def resolve(
    system: System, project: Project, releases: Sequence[str], arch: str, explicit: bool, *, deps: bool = True
) -> Plan:
    """Asks the hub for a project and all that it needs, for the first of ``releases`` that the project has.

    ``explicit`` says that the user named the chroot: then base URLs have it as it is, without dnf's variables. Without
    ``deps`` the chain is the project alone, and nothing else is asked for. Raises ``CommandError`` when the project, or
    the hub, cannot be had, and ``ChainError`` for a chain that is too long.
    """
    asked = _Asked(system, project, releases, arch)
    asked.gather(deps)
    return asked.plan(explicit, deps)


class Impossible(CommandError):
    """A project cannot be had from its hub as it is wanted."""

    def __init__(self, reason: str) -> None:
        super().__init__(_("It wasn't possible to enable this project.\n{reason}").format(reason=reason))
        self.reason = reason
        """Sentences; after an empty line, what the user may do."""


class Plan:
    """A project and what it needs, as its hub tells it now."""

    def __init__(
        self, project: Project, chain: Chain, found: Mapping[ProjectRef, facts.Facts], release: str, arch: str,
        explicit: bool, deps: bool, warnings: list[str],
    ) -> None:
        self.project = project
        self.root = _ref(project)
        self.chain = chain
        """As the hub declares it; what ``choose`` left out is still in it."""
        self.facts = found
        self.release = release
        """``fedora-44``."""
        self.arch = arch
        self.warnings = warnings
        """Declared dependencies that are left out, as sentences without a full stop."""
        self.wanted: tuple[str, ...] = ()
        """The packages that ``choose`` was told of; empty when all that is declared is to be enabled."""
        self._explicit = explicit
        self._deps = deps
        self._chosen: Optional[frozenset[Link]] = None

    @property
    def chroot(self) -> str:
        """``fedora-44-x86_64``."""
        return f"{self.release}-{self.arch}"

    @property
    def links(self) -> list[Link]:
        """The repositories that are to be enabled: dependencies first, the project last."""
        return [item.link for item in self.chain.repositories if self._chosen is None or item.link in self._chosen]

    def choose(self, needed: Collection[Link], wanted: Sequence[str]) -> None:
        """Enables only these repositories and the project itself, because the user wants only these packages."""
        self._chosen = frozenset([*needed, self.root])
        self.wanted = tuple(wanted)

    def is_signed(self, link: Link) -> bool:
        """Whether packages of a repository are checked against a key."""
        return isinstance(link, ProjectRef) and self.facts[link].signed

    def id(self, link: Link) -> str:
        """The id of a repository in .repo files."""
        if isinstance(link, External):
            return enabled.external_id(_external_url(link, self.release, self.arch))
        return enabled.project_id(link.hub, link.owner, link.dirname)

    @property
    def hosts(self) -> set[Optional[str]]:
        """Where the hub and its results are."""
        urls = [self.project.hub.url, *(found.results_url for found in self.facts.values())]
        return {urllib.parse.urlsplit(url).hostname for url in urls}

    def section(self, link: Link) -> RepoSection:
        """The section of a repository's own packages."""
        return self.sections(link)[0]

    def sections(self, link: Link) -> list[RepoSection]:
        """A repository as it stands in its .repo file: its own section first, then that of its multilib packages."""
        if isinstance(link, External):
            return [_external(link, self.release, self.arch)]
        found = self.facts[link]
        own = self._section(link, self.arch, found.chroots[self.chroot])
        # A chroot that the user named is written as it is, and alone, as DNF 5 does.
        others = {} if self._explicit else found.multilib.get(self.chroot, {})
        return [own] + [self._section(link, arch, options) for arch, options in list(others.items())[:1]]

    def _section(self, link: ProjectRef, arch: str, options: Mapping[str, Any]) -> RepoSection:
        found = self.facts[link]
        base = f"{found.results_url}/{link.owner}"
        key = found.pubkey_url or f"{base}/{link.dirname.partition(':')[0]}/pubkey.gpg"
        own = arch == self.arch
        chroot = chroots.in_baseurl(self.release, arch, self._explicit)
        return RepoSection(
            self.id(link) + ("" if own else ":ml"),
            f"Copr repo for {link.dirname} owned by {link.owner}" + ("" if own else f" ({arch})"),
            f"{base}/{link.dirname}/{chroot if own else chroot.replace('$basearch', arch)}/",
            gpgkey=key if found.signed else None,
            cost=_number(options.get("cost")),
            priority=_number(options.get("priority")),
            module_hotfixes=str(options.get("module_hotfixes", "")).lower() in ("1", "true"),
        )

    def files(self, known: Mapping[str, enabled.RepoFile]) -> dict[str, str]:
        """File names to texts for all that is to be enabled; what the user had enabled by name stays so marked.

        ``known`` are the files that are there, as ``Folder.read`` has them.
        """
        return {name: text for _link, name, text in self._rendered(known)}

    def _rendered(self, known: Mapping[str, enabled.RepoFile]) -> Iterator[tuple[Link, str, str]]:
        for link in self.links:
            repo_id = self.id(link)
            before = known.get(repo_id)
            requested = link == self.root or (before is not None and before.requested)
            comments = [enabled.NOTICE, f"copr-requested: {'yes' if requested else 'no'}", f"copr-chroot: {self.chroot}"]
            if isinstance(link, ProjectRef):
                comments.append(f"copr-hub: {self.project.hub.url}")
            if link == self.root and self.wanted:
                comments.append("copr-for: " + " ".join(self.wanted))
            if link == self.root and not self._deps:
                comments.append("copr-deps: none")
            needs = " ".join(map(self.id, self.needs(link)))
            comments += [f"copr-needs: {needs}"] if needs else []
            try:
                text = render_repo_file(self.sections(link), comments=comments)
            except Error as error:
                raise CommandError(
                    _("It wasn't possible to enable this project.\n{reason}").format(reason=f"{link}: {error}")
                ) from error
            yield link, before.name if before else enabled.file_name(repo_id), text

    def needs(self, link: Link) -> list[Link]:
        """What a repository needs of what is to be enabled; what it reaches through one that is left out is its own need."""
        declared = {item.link: item.dependencies for item in self.chain.repositories}
        chosen = set(self.links)
        found: dict[Link, None] = {}
        seen = {link}
        waiting = list(reversed(declared[link]))
        while waiting:
            other = waiting.pop()
            if other in seen:
                continue
            seen.add(other)
            if other in chosen:
                found[other] = None
            else:
                waiting += reversed(declared[other])
        return list(found)


class _Asked:
    """What the hub said so far."""

    def __init__(self, system: System, project: Project, releases: Sequence[str], arch: str) -> None:
        self._fetcher = system.fetcher
        self._project = project
        self._root = _ref(project)
        self._releases = list(releases)
        self._release = releases[0] if releases else ""
        self._arch = arch
        self._links: dict[ProjectRef, list[Link]] = {}
        self._facts: dict[ProjectRef, facts.Facts] = {}
        self._failed: dict[ProjectRef, Union[NotFound, Unreachable]] = {}
        self._reasons: dict[ProjectRef, str] = {}
        self._warnings: list[str] = []

    def gather(self, deps: bool) -> None:
        """Asks for the project, then for all that it needs, then for all that these need: each level at once."""
        level: list[ProjectRef] = [self._root]
        met: set[Link] = {self._root}
        depth = 0
        # Beyond the bounds nothing is asked for: the chain is refused anyway.
        while level and depth <= MOST_DEPTH and len(met) <= MOST_REPOSITORIES:
            for start in range(0, len(level), _AT_ONCE):
                self._ask(level[start:start + _AT_ONCE])
            found = [link for project in level for link in self._links.get(project, []) if deps]
            new = [link for link in dict.fromkeys(found) if link not in met]
            met.update(new)
            level = [link for link in new if isinstance(link, ProjectRef)]
            depth += 1

    def plan(self, explicit: bool, deps: bool) -> Plan:
        """The chain of what was said."""
        chain = resolve_chain(
            self._root, self._said if deps else lambda _project: [], max_depth=MOST_DEPTH, max_size=MOST_REPOSITORIES
        ).direct()
        unreachable = [str(problem) for problem in chain.problems if not problem.not_found]
        if unreachable:
            raise Impossible("\n".join(unreachable))
        warnings = self._warnings + [self._explained(problem) for problem in chain.problems]
        return Plan(self._project, chain, self._facts, self._release, self._arch, explicit, deps, warnings)

    def _said(self, project: ProjectRef) -> Sequence[Link]:
        if project in self._failed:
            raise self._failed[project]
        return self._links.get(project, [])

    def _ask(self, projects: Sequence[ProjectRef]) -> None:
        answers = self._fetcher.fetch_all([self._url(project) for project in projects], most=facts.LARGEST_ANSWER)
        for project, answer in zip(projects, answers):
            try:
                if isinstance(answer, Error):
                    raise answer
                self._take(project, facts.parse(project, answer))
            except (NotFound, Unreachable) as error:
                if project == self._root:
                    raise self._no_root(error) from error
                self._failed[project] = error

    def _url(self, project: ProjectRef) -> str:
        return facts.url(self._project.hub.url, project.owner, project.dirname, self._release)

    def _take(self, project: ProjectRef, found: facts.Facts) -> None:
        is_root = project == self._root
        if project.dirname not in found.directories:
            if is_root and found.directories:
                raise CommandError(
                    _(
                        "Directory '{owner}/{dirname}' not found in '{owner}/{name}' Copr project.\n"
                        "Available directories: {names}"
                    ).format(
                        owner=project.owner, dirname=project.dirname, name=project.dirname.partition(":")[0],
                        names=", ".join(f"'{name}'" for name in found.directories),
                    )
                )
            raise NotFound(str(project))
        if is_root:
            self._choose_release(found)
        elif f"{self._release}-{self._arch}" not in found.chroots:
            self._reasons[project] = _("it has no repository for {chroot}").format(chroot=f"{self._release}-{self._arch}")
            raise NotFound(str(project))
        self._facts[project] = found
        self._warnings += found.warnings
        self._links[project] = [link for link in found.dependencies if self._usable(project, link)]

    def _usable(self, project: ProjectRef, link: Link) -> bool:
        """Whether an external repository may be enabled; a link of it to a file or with a password may not."""
        if isinstance(link, External):
            try:
                render_repo_file([_external(link, self._release, self._arch)])
            except Error as error:
                reason = without_password(str(error))
                self._warnings.append(
                    _("a dependency of {project} is left out: {reason}").format(project=project, reason=reason)
                )
                return False
        return True

    def _choose_release(self, found: facts.Facts) -> None:
        for release in self._releases:
            if f"{release}-{self._arch}" in found.chroots:
                self._release = release
                return
        wanted = f"{self._releases[0]}-{self._arch}" if self._releases else _("this system")
        names = ", ".join(f"'{name}'" for name in sorted(found.chroots)) or _("none")
        project = f"{self._root.owner}/{self._root.dirname}"
        raise Impossible(
            _(
                "Repository '{wanted}' does not exist in project '{project}'.\n"
                "Available repositories: {names}\n\n"
                "If you want to enable a non-default repository, use the following command:\n"
                "  'dnf copr enable {project} <repository>'\n"
                "But note that the installed repo file will likely need a manual modification."
            ).format(wanted=wanted, project=project, names=names)
        )

    def _explained(self, problem: ChainProblem) -> str:
        """A problem of the chain with what is known here about its reason."""
        reason = self._reasons.get(problem.project)
        if reason is None:
            return str(problem)
        by = ", ".join(map(str, problem.needed_by))
        return _("{project}, needed by {names}, is left out: {reason}").format(project=problem.project, names=by, reason=reason)

    def _no_root(self, error: Union[NotFound, Unreachable]) -> CommandError:
        if isinstance(error, NotFound):
            if self._has_repo_file():
                return Impossible(
                    _("{hub} is too old: it has this project, but cannot tell what it needs. Its .repo file is at\n  {url}")
                    .format(hub=self._project.hub.hostname, url=self._repo_file)
                )
            return Impossible(
                _("Project {project} does not exist.").format(project=f"{self._root.owner}/{self._root.dirname}")
            )
        return Impossible(_("project {project}: {reason}").format(project=self._root, reason=error))

    @property
    def _repo_file(self) -> str:
        return facts.repo_file_url(self._project.hub.url, self._root.owner, self._root.dirname, self._release, self._arch)

    def _has_repo_file(self) -> bool:
        return not isinstance(self._fetcher.fetch_all([self._repo_file], most=facts.LARGEST_ANSWER)[0], Error)


def _ref(project: Project) -> ProjectRef:
    return ProjectRef(project.hub.hostname, project.owner, project.dirname)


def _external_url(link: External, release: str, arch: str) -> str:
    return link.url.replace("$chroot", f"{release}-{arch}").replace("$distname", chroots.distname(release) or "")


def _external(link: External, release: str, arch: str) -> RepoSection:
    url = _external_url(link, release, arch)
    return RepoSection(enabled.external_id(url), f"Copr {release}-{arch} external runtime dependency", url)


def _number(value: Any) -> Optional[int]:
    """An option that is a number or a text of one; anything else, and what dnf has no room for, is left out."""
    try:
        number = int(str(value)[:20])
    except ValueError:
        return None
    return number if 0 <= number < 1 << 31 else None
