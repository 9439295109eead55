"""`dnf copr`: the DNF 4 plugin. Only what dnf needs is here; the work is done by the package `copr_repo`.

It may be installed beside dnf's own plugin copr.py and then answers in its place, so this file has a name of its own:
no two packages can own one path, and of two plugins of one name dnf loads only that in the first folder.
"""

import os
import sys

import dnf
import dnf.cli
import dnf.exceptions

_HERE = os.path.dirname(os.path.abspath(__file__))
if os.path.isdir(os.path.join(_HERE, "copr_repo")):
    # Run from a tree: the package beside this file, not one that is installed.
    sys.path.insert(0, _HERE)
    try:
        import copr_repo
    finally:
        sys.path.remove(_HERE)
else:
    import copr_repo

from copr_repo import arguments, dnf4, enabling, hubs, leaving, looking  # noqa: E402
from copr_repo.system import named  # noqa: E402


class CoprCommand(dnf.cli.Command):
    """The command `dnf copr`."""

    aliases = ("copr",)
    summary = "Interact with Copr repositories."
    usage = """
  enable [hub/]name/project [chroot]
  disable [hub/]name/project
  remove [hub/]name/project
  list --installed/enabled/disabled
  list --available-by-user=NAME
  search project

  Examples:
  copr enable rhscl/perl516 epel-6-x86_64
  copr enable ignatenkobrain/ocltoys
  copr disable rhscl/perl516
  copr remove rhscl/perl516
  copr list --enabled
  copr list --available-by-user=ignatenkobrain
  copr search tests
    """

    @staticmethod
    def set_argparser(parser):
        arguments.add_to(parser)

    def run(self):
        subcommand = self.opts.subcommand[0]
        if subcommand == "help":
            self.cli.optparser.print_help(self)
            return
        try:
            getattr(self, "_" + subcommand)(dnf4.system(self.base))
        except hubs.UsageError as error:
            raise dnf.cli.CliError(str(error)) from error
        except copr_repo.Error as error:
            raise dnf.exceptions.Error(str(error)) from error

    def _enable(self, system):
        project = self._project(system, most=2)
        self._need_root()
        enabling.enable(system, project, chroot=self.opts.arg[1] if len(self.opts.arg) > 1 else None)

    def _disable(self, system):
        project = self._project(system)
        self._need_root()
        leaving.disable(system, project)

    def _remove(self, system):
        project = self._project(system)
        self._need_root()
        leaving.remove(system, project)

    def _list(self, system):
        if self.opts.available_by_user:
            owner = hubs.check_owner(self.opts.available_by_user)
            looking.available_by_user(system, system.config.hub(self.opts.hub), owner)
            return
        looking.list_installed(
            system.folder, system.frontend, only_enabled=self.opts.enabled, only_disabled=self.opts.disabled
        )

    def _search(self, system):
        if len(self.opts.arg) != 1:
            raise hubs.UsageError("search needs one word to look for")
        looking.search(system, system.config.hub(self.opts.hub), self.opts.arg[0])

    def _project(self, system, most=1):
        """The project in the arguments, of which there may be ``most``."""
        if not self.opts.arg:
            self.cli.optparser.print_help(self)
            raise hubs.UsageError("exactly two additional parameters to copr command are required")
        if len(self.opts.arg) > most:
            raise hubs.UsageError("Too many arguments.")
        return named(system.config, self.opts.arg[0], self.opts.hub)

    @staticmethod
    def _need_root():
        if os.geteuid() != 0:
            raise dnf.exceptions.Error("This command has to be run under the root user.")


class CoprPlugin(dnf.Plugin):
    """Makes `dnf copr` known to dnf."""

    name = "copr_chain"  # This file's, as for every plugin: --disableplugin and --enableplugin name it.
    config_name = "copr"  # `enabled = 0` in copr.conf means this plugin and the stock one.

    def __init__(self, base, cli):
        super().__init__(base, cli)
        if cli:
            # dnf refuses a second command of a name, and makes plugins in no particular order, but only after it has
            # read the files of all. So what another file calls `copr` loses that name, which it registers with: its turn
            # may be still to come, or over, and then it is taken out of dnf's table. Nothing of it is written anywhere.
            for command in dnf.cli.Command.__subclasses__():
                if command is not CoprCommand and "copr" in command.aliases:
                    command.aliases = [name for name in command.aliases if name != "copr"]
            cli.cli_commands.pop("copr", None)
            cli.register_command(CoprCommand)
