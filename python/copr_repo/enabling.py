"""enable: a project and all that it needs."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from typing import Any, Optional

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
from .fetching import fetch
from .frontend import CommandError
from .screen import Link, tree
from .system import Project, System

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


def enable(system: System, project: Project, *, chroot: Optional[str] = None) -> None:
    """Enables a project and all that it needs, for the first release of the system that it has.

    ``chroot`` (``fedora-44-x86_64``) is what the user named instead: it is written as it is, without dnf's variables.
    """
    if chroot is not None:
        release, arch = chroots.split_chroot(chroot)
        work = _Enable(system, project, [release], arch, explicit=True)
    else:
        work = _Enable(system, project, system.releases, system.arch, explicit=False)
    chain = work.resolve()
    text = WARNING
    for warning in [*work.warnings, *map(work.explained, chain.problems)]:
        text += f"\n\nWarning: {warning}."
    for cycle in chain.cycles:
        text += "\n\nNote: these projects need each other: " + ", ".join(map(str, cycle)) + "."
    if len(chain.repositories) > 1:
        text += f"\n\n{DEPENDENCIES}\n\n" + "\n".join(tree(chain, work.is_signed))
    system.frontend.notice(text)
    if not system.frontend.confirm(f"Do you really want to enable {project}?"):
        raise CommandError("Safe and good answer. Exiting.")
    system.folder.change(work.files(chain, system.folder.read()))
    system.frontend.info("Repository successfully enabled.")


class _Enable:
    """What is known while a project is being enabled."""

    def __init__(self, system: System, project: Project, releases: Sequence[str], arch: str, explicit: bool) -> None:
        self._hub = project.hub
        self._fetcher = system.fetcher
        self._root = ProjectRef(project.hub.hostname, project.owner, project.dirname)
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
        url = f"{self._hub.url}/api_3/rpmrepo/{path}"
        found = facts.parse(project, fetch(self._fetcher, url, most=facts.LARGEST_ANSWER))
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
