"""`dnf copr`: the DNF 4 plugin. Only what dnf needs is here; the work is done by the package `copr_repo`."""

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

from copr_repo import chroots, commands, enabled, hubs  # noqa: E402


class _Frontend:
    """The user, through dnf."""

    def __init__(self, base):
        self._base = base

    def info(self, text):
        print(text)

    def notice(self, text):
        print(text, file=sys.stderr)

    def confirm(self, question):
        conf = self._base.conf
        if conf.assumeyes and not conf.assumeno:
            return True
        if conf.assumeno:
            return False
        return self._base.output.userconfirm(
            msg="\n{} [y/N]: ".format(question), defaultyes_msg="\n{} [Y/n]: ".format(question)
        )


@dnf.plugin.register_command
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
        parser.add_argument("subcommand", nargs=1, choices=["help", "enable", "disable", "remove", "list", "search"])
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--installed", action="store_true", help="List all installed Copr repositories (default)")
        which.add_argument("--enabled", action="store_true", help="List enabled Copr repositories")
        which.add_argument("--disabled", action="store_true", help="List disabled Copr repositories")
        which.add_argument(
            "--available-by-user", metavar="NAME", help="List available Copr repositories by user NAME"
        )
        parser.add_argument("--hub", help="Specify an instance of Copr to work with")
        parser.add_argument("arg", nargs="*")

    def run(self):
        subcommand = self.opts.subcommand[0]
        if subcommand == "help":
            self.cli.optparser.print_help(self)
            return
        try:
            getattr(self, "_" + subcommand)()
        except hubs.UsageError as error:
            raise dnf.cli.CliError(str(error)) from error
        except copr_repo.Error as error:
            raise dnf.exceptions.Error(str(error)) from error

    def _enable(self):
        copr, spec = self._named()
        self._need_root()
        if len(self.opts.arg) > 1:
            release, arch = chroots.split_chroot(self.opts.arg[1])
            copr.enable(spec.owner, spec.dirname, [release], arch, explicit=True)
            return
        arch = self.base.conf.substitutions["basearch"]
        config = self._config()
        if config.distribution and config.releasever:
            releases = ["{}-{}".format(config.distribution, config.releasever)]
        else:
            root = self.base.conf.installroot
            releases = chroots.candidates(chroots.read_os_release(root) or chroots.read_os_release())
        copr.enable(spec.owner, spec.dirname, releases, arch)

    def _disable(self):
        copr, spec = self._named()
        self._need_root()
        copr.disable(spec.owner, spec.dirname)

    def _remove(self):
        copr, spec = self._named()
        self._need_root()
        copr.remove(spec.owner, spec.dirname)

    def _list(self):
        if self.opts.available_by_user:
            self._copr(self.opts.hub).available_by_user(hubs.check_owner(self.opts.available_by_user))
            return
        commands.list_installed(
            self._folder(),
            _Frontend(self.base),
            only_enabled=self.opts.enabled,
            only_disabled=self.opts.disabled,
        )

    def _search(self):
        if len(self.opts.arg) != 1:
            raise hubs.UsageError("search needs one word to look for")
        self._copr(self.opts.hub).search(self.opts.arg[0])

    def _named(self):
        """The commands for the hub of the project in the arguments, and the project."""
        if not self.opts.arg:
            self.cli.optparser.print_help(self)
            raise hubs.UsageError("exactly two additional parameters to copr command are required")
        if len(self.opts.arg) > 2:
            raise hubs.UsageError("Too many arguments.")
        spec = hubs.parse_spec(self.opts.arg[0])
        if spec.hub is not None and self.opts.hub:
            raise hubs.UsageError(
                "specify Copr hub either with `--hub` or using `copr_hub/copr_username/copr_projectname` format"
            )
        return self._copr(spec.hub or self.opts.hub), spec

    def _copr(self, hub):
        return commands.Copr(self._config().hub(hub), self._folder(), self._fetch, _Frontend(self.base))

    def _config(self):
        return hubs.Config.load(self.base.conf.pluginconfpath)

    def _folder(self):
        """Where dnf reads .repo files; for an installroot never the host's folder unless the user names it."""
        conf = self.base.conf
        folders = list(conf.reposdir)
        root = conf.installroot.rstrip("/")
        given = conf._get_priority("reposdir") >= dnf.conf.PRIO_COMMANDLINE
        if root and not given and not any((folder + "/").startswith(root + "/") for folder in folders):
            folders = [root + folder for folder in folders]
        existing = [folder for folder in folders if os.path.isdir(folder)]
        return enabled.Folder((existing or folders)[0])

    def _fetch(self, url):
        """The body of a URL by dnf's own downloader, with its proxy and TLS settings."""
        try:
            with self.base.urlopen(url) as answer:
                return answer.read(commands.facts.LARGEST_ANSWER + 1)
        except OSError as error:
            if "Status code: 404" in str(error):
                raise copr_repo.NotFound(url) from error
            raise copr_repo.Unreachable("{}: {}".format(url, error)) from error

    @staticmethod
    def _need_root():
        if os.geteuid() != 0:
            raise dnf.exceptions.Error("This command has to be run under the root user.")
