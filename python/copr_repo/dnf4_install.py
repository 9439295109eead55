"""install, which only dnf can do: what packages of a project need is enabled and they are installed, or neither."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import dnf.exceptions

from . import enabling
from .frontend import CommandError
from .messages import _
from .plan import Plan
from .system import Project, System


class Installation:
    """One `dnf copr install`. dnf calls ``prepared`` and ``commit`` in between what it does for every transaction."""

    def __init__(self, base: Any, system: System, project: Project, packages: Sequence[str]) -> None:
        self._base = base
        self._system = system
        self._packages = list(packages)
        self._plan = enabling.planned(system, project)
        self._written = False

    def mark(self) -> None:
        """Shows what would be enabled, and marks the packages for dnf's transaction; nothing is written yet."""
        for repo in list(self._base.repos.iter_enabled()):
            # What is needed is found out with the distribution's packages at hand. Where they cannot be had, dnf says so below.
            with contextlib.suppress(dnf.exceptions.RepoError):
                repo.load()
        enabling.show(self._system, self._plan, self._packages)
        _add(self._base, self._plan)
        self._base.fill_sack(load_system_repo="auto", load_available_repos=True)
        self._base.install_specs(self._packages, strict=self._base.conf.strict)

    def prepared(self) -> None:
        """dnf has solved the transaction. If nothing is to be installed, the user is asked for the repositories alone."""
        if not self._base.transaction:
            question = _("Do you really want to enable {project}?").format(project=self._plan.project)
            if not self._system.frontend.confirm(question):
                raise CommandError(_("Safe and good answer. Exiting."))
            self.commit()

    def commit(self) -> None:
        """Writes the .repo files: the user has said yes, packages are here, and nothing is installed yet."""
        if not self._written:
            enabling.write(self._system, self._plan)
            self._written = True
            self._system.frontend.info(_("Repository successfully enabled."))


def _add(base: Any, plan: Plan) -> None:
    """Lets dnf use the repositories of a plan, for this time."""
    for link in plan.links:
        for section in plan.sections(link):
            base.repos.pop(section.id, None)
            options = {"priority": section.priority, "cost": section.cost}
            base.repos.add_new_repo(
                section.id, base.conf, baseurl=[section.baseurl], name=section.name, gpgcheck=section.gpgkey is not None,
                gpgkey=[section.gpgkey] if section.gpgkey else [], skip_if_unavailable=True,
                module_hotfixes=section.module_hotfixes,
                **{name: value for name, value in options.items() if value is not None},
            )
