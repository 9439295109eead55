"""enable: a project and all that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from . import chroots
from .frontend import CommandError
from .messages import _
from .plan import Plan, resolve
from .screen import tree
from .system import Project, System

__all__ = ["Plan", "enable", "resolve"]

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


def enable(
    system: System, project: Project, *, chroot: Optional[str] = None, wanted: Sequence[str] = (), deps: bool = True
) -> None:
    """Enables a project and all that it needs, for the first release of the system that it has.

    ``chroot`` (``fedora-44-x86_64``) is what the user named instead: it is written as it is, without dnf's variables. With
    ``wanted`` only the repositories that these packages need are enabled; without ``deps`` only the project's own.
    """
    if chroot is not None:
        release, arch = chroots.split_chroot(chroot)
        plan = resolve(system, project, [release], arch, explicit=True, deps=deps)
    else:
        plan = resolve(system, project, system.releases, system.arch, explicit=False, deps=deps)
    text = WARNING
    for warning in plan.warnings:
        text += f"\n\nWarning: {warning}."
    for cycle in plan.chain.cycles:
        text += "\n\nNote: these projects need each other: " + ", ".join(map(str, cycle)) + "."
    if len(plan.chain.repositories) > 1:
        text += f"\n\n{DEPENDENCIES}\n\n" + "\n".join(tree(plan.chain, plan.is_signed))
    system.frontend.notice(text)
    if not system.frontend.confirm(_("Do you really want to enable {project}?").format(project=project)):
        raise CommandError(_("Safe and good answer. Exiting."))
    system.folder.change(plan.files(system.folder.read()))
    system.frontend.info(_("Repository successfully enabled."))
