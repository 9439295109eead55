"""`dnf copr`: the DNF 4 plugin. Only what dnf needs is here; the work is done by the package `copr_repo`.

It may be installed beside dnf's own plugin copr.py and then answers in its place, so this file has a name of its own:
no two packages can own one path, and of two plugins of one name dnf loads only that in the first folder.
"""

import contextlib
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

from copr_repo import arguments, commands, dnf4, hubs  # noqa: E402


@contextlib.contextmanager
def _errors():
    """Errors of the package as dnf tells its own."""
    try:
        yield
    except hubs.UsageError as error:
        raise dnf.cli.CliError(str(error)) from error
    except copr_repo.Error as error:
        raise dnf.exceptions.Error(str(error)) from error


class CoprCommand(dnf.cli.Command):
    """The command `dnf copr`."""

    aliases = ("copr",)
    summary = "Interact with Copr repositories."
    usage = arguments.usage() + """

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

    def configure(self):
        self._installation = None
        if self.opts.subcommand == ["install"]:
            demands = self.cli.demands
            demands.root_user = demands.available_repos = demands.resolving = True

    def run(self):
        with _errors():
            if self.opts.subcommand == ["install"]:
                self._install()
            elif not self._commands().run():
                # All was told; what is left is the exit code.
                self.cli.demands.success_exit_status = 1

    def run_resolved(self):
        with _errors():
            if self._installation:
                self._installation.prepared()

    def commit(self):
        """dnf is about to install what it was told to."""
        with _errors():
            if self._installation:
                self._installation.commit()

    def _install(self):
        # Only dnf installs, so only here is the module of it needed.
        from copr_repo import dnf4_install

        asked = self._commands()
        project, packages = asked.project_and_packages()
        self._installation = dnf4_install.Installation(self.base, asked.system, project, packages)
        self._installation.mark()

    def _commands(self):
        return commands.Commands(
            dnf4.system(self.base), self.opts,
            show_help=lambda: self.cli.optparser.print_help(self), need_rights=self._need_root,
        )

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

    def pre_transaction(self):
        if self.cli and isinstance(self.cli.command, CoprCommand):
            self.cli.command.commit()
