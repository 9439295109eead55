"""enable: a project and all that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from . import chroots, enabled, metadata, screen
from ._native import Unsolvable
from .frontend import CommandError
from .messages import N_, _
from .plan import Plan, resolve
from .system import Project, System

__all__ = ["Plan", "choose", "enable", "planned", "resolve", "show", "write"]

WARNING = N_("""\
Enabling a Copr repository. Please note that this repository is not part
of the main distribution, and quality may vary.

The packages in it are built by its owner and are not held to any quality
or security level of the distribution. Please do not file bug reports about
them in the distribution's bug tracker. In case of problems, contact the
owner of this repository.""")

DEPENDENCIES = N_("""\
Maintainer of the enabled Copr repository decided to make
it dependent on other repositories. Such repositories are
usually necessary for successful installation of RPMs from
the main Copr repository (they provide runtime dependencies).
These repositories are being enabled together with it:""")


def enable(
    system: System, project: Project, *, chroot: Optional[str] = None, wanted: Sequence[str] = (), deps: bool = True
) -> None:
    """Enables a project and all that it needs, for the first release of the system that it has.

    ``chroot`` (``fedora-44-x86_64``) is what the user named instead: it is written as it is, without dnf's variables. With
    ``wanted`` only the repositories that these packages need are enabled; without ``deps`` only the project's own.
    """
    plan = planned(system, project, chroot=chroot, deps=deps)
    show(system, plan, wanted)
    if not system.frontend.confirm(_("Do you really want to enable {project}?").format(project=project)):
        raise CommandError(_("Safe and good answer. Exiting."))
    write(system, plan)
    system.frontend.info(_("Repository successfully enabled."))


def planned(system: System, project: Project, *, chroot: Optional[str] = None, deps: bool = True) -> Plan:
    """What ``enable`` would do; raises ``CommandError`` when the hub cannot tell, or has no such project."""
    if chroot is not None:
        release, arch = chroots.split_chroot(chroot)
        return resolve(system, project, [release], arch, explicit=True, deps=deps)
    return resolve(system, project, system.releases, system.arch, explicit=False, deps=deps)


def show(system: System, plan: Plan, wanted: Sequence[str] = ()) -> None:
    """Shows the user a plan; with ``wanted`` it is cut to what these packages need, and that is told."""
    found = metadata.read(system, plan, whole=bool(wanted)) if system.packages is not None or wanted else None
    told = choose(plan, found, wanted) if found is not None and wanted else []
    parts = [_(WARNING)]
    parts += [_("Warning: {text}.").format(text=text) for text in plan.warnings]
    for cycle in plan.chain.cycles:
        names = ", ".join(map(screen.shown, cycle))
        parts.append(_("Note: these projects need each other: {projects}.").format(projects=names))
    if len(plan.links) > 1:
        parts.append(_(DEPENDENCIES))
    if len(plan.links) > 1 or found is not None:
        parts.append("\n".join(screen.chain(plan, found, system.width)))
    parts += ["\n".join(told)] if told else []
    if len(plan.links) > 1 and not wanted:
        hint = _("With --only-for PACKAGE only those are enabled that a package needs, with --no-deps none of them.")
        parts.append("\n".join(screen.wrapped(hint, system.width, "")))
    system.frontend.notice("\n\n".join(parts))


def choose(plan: Plan, found: metadata.Metadata, wanted: Sequence[str]) -> list[str]:
    """Cuts a plan to the repositories that packages need, and says of each why; raises ``CommandError`` when they cannot
    be installed, whatever is enabled.
    """
    links = {repository: link for link, repository in found.ids.items()}
    candidates = [repository for repository, link in links.items() if link != plan.root]
    try:
        needed = found.choice.needed(list(wanted), candidates)
    except Unsolvable as error:
        reasons = [f"  {reason}" for reason in error.reasons]
        reasons += [f"  {link}: {problem}" for link, problem in found.problems.items()]
        text = _("{packages} cannot be installed with these repositories:").format(packages=", ".join(wanted))
        raise CommandError("\n".join([text, *map(_harmless, reasons)])) from error
    lines = [f"{screen.shown(links[name])}: {reason}" for name, reason in needed.repositories]
    # What could not be read may be needed all the same.
    kept = [links[name] for name, _reason in needed.repositories] + list(found.problems)
    left = [link for link in plan.links if link not in kept and link != plan.root]
    plan.choose(kept, wanted)
    if left:
        names = ", ".join(map(screen.shown, left))
        lines.append(_("Not needed for {packages}: {projects}").format(packages=", ".join(wanted), projects=names))
    return [_harmless(line) for line in lines]


def write(system: System, plan: Plan) -> None:
    """Writes the files of a plan, all or none."""
    files = system.folder.read()
    texts = enabled.renewed(files, plan.files(files))
    # A file of an old version of the stock plugin is replaced, as that does it.
    project = plan.project
    old = enabled.find(files, project.hub.hostname, project.owner, project.dirname)
    system.folder.change(texts, [old.name] if old and old.name not in texts else [], since=files)


def _harmless(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
