"""The subcommands as a command line names them: the same for the plugin under dnf and for ``python -m copr_repo`` without."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Optional

from . import checking, debugging, enabling, leaving, looking, refreshing
from .hubs import UsageError, check_owner
from .messages import _
from .system import Project, System, named


class Commands:
    """The subcommands, with the arguments that ``arguments.add_to`` made a parser read."""

    def __init__(
        self, system: System, options: argparse.Namespace, *, show_help: Callable[[], None], need_rights: Callable[[], None]
    ) -> None:
        self.system = system
        self._options = options
        self._show_help = show_help
        self._need_rights = need_rights
        """Raises an error when the user may not change .repo files."""

    def run(self) -> bool:
        """Does what is asked for; returns whether nothing is amiss. Raises ``UsageError`` and other ``Error``."""
        work: Callable[[], Optional[bool]] = getattr(self, self._options.subcommand[0])
        return work() is not False

    def enable(self) -> None:
        """See ``enabling.enable``."""
        project = self._project(most=2)
        self._need_rights()
        chroot = self._options.arg[1] if len(self._options.arg) > 1 else None
        enabling.enable(
            self.system, project, chroot=chroot, wanted=self._options.wanted, deps=not self._options.no_deps
        )

    def project_and_packages(self) -> tuple[Project, Sequence[str]]:
        """What ``install`` is told, which dnf does itself."""
        if len(self._options.arg) < 2:
            raise UsageError(_("install needs a project and one or more packages"))
        return named(self.system.config, self._options.arg[0], self._options.hub), self._options.arg[1:]

    def disable(self) -> None:
        """See ``leaving.disable``."""
        project = self._project()
        self._need_rights()
        leaving.disable(self.system, project, keep_deps=self._options.keep_deps)

    def remove(self) -> None:
        """See ``leaving.remove``."""
        project = self._project()
        self._need_rights()
        leaving.remove(self.system, project, keep_deps=self._options.keep_deps)

    def list(self) -> None:
        """See ``looking``."""
        if self._options.available_by_user:
            owner = check_owner(self._options.available_by_user)
            looking.available_by_user(self.system, self.system.config.hub(self._options.hub), owner)
            return
        looking.list_installed(
            self.system, only_enabled=self._options.enabled, only_disabled=self._options.disabled,
            hub=self.system.config.hub(self._options.hub) if self._options.hub else None, as_json=self._options.json,
        )

    def tree(self) -> None:
        """See ``looking.tree``."""
        looking.tree(self.system, self._project() if self._options.arg else None, as_json=self._options.json)

    def why(self) -> None:
        """See ``looking.why``."""
        if len(self._options.arg) != 1:
            raise UsageError(_("why needs the id of one repository"))
        looking.why(self.system, self._options.arg[0], as_json=self._options.json)

    def check(self) -> bool:
        """See ``checking.check``."""
        if self._options.arg:
            raise UsageError(_("Too many arguments."))
        return checking.check(self.system, as_json=self._options.json)

    def refresh(self) -> bool:
        """See ``refreshing.refresh``."""
        project = self._project() if self._options.arg else None
        self._need_rights()
        return refreshing.refresh(self.system, project, as_json=self._options.json)

    def search(self) -> None:
        """See ``looking.search``."""
        self._need_arguments(most=1)
        looking.search(self.system, self.system.config.hub(self._options.hub), self._options.arg[0])

    def debug(self) -> None:
        """See ``debugging.debug``."""
        debugging.debug(self.system, as_json=self._options.json)

    def help(self) -> None:
        """Shows how the command is used."""
        self._show_help()

    def _project(self, most: int = 1) -> Project:
        """The project in the arguments, of which there may be ``most``."""
        self._need_arguments(most)
        return named(self.system.config, self._options.arg[0], self._options.hub)

    def _need_arguments(self, most: int) -> None:
        if not self._options.arg:
            self._show_help()
            raise UsageError(_("exactly two additional parameters to copr command are required"))
        if len(self._options.arg) > most:
            raise UsageError(_("Too many arguments."))
