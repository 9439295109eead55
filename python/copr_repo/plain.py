"""A system without dnf: its settings are read from dnf's files, its user sits at the terminal."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Optional

from . import chroots, enabled, hubs
from ._native import Error
from .arguments import Option
from .dnf_settings import Settings
from .frontend import CommandError
from .messages import N_, _
from .plain_fetching import Fetcher, Network
from .plain_packages import Packages
from .system import System

PLUGIN_CONFIG = "/etc/dnf/plugins"
CACHE = "var/cache/copr-repo"
"""Below the system's root: metadata of repositories, for the next time."""
_REPOSITORIES = ("/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d")

OPTIONS = (
    Option("--assumeyes", N_("answer yes to all questions"), short="-y"),
    Option("--assumeno", N_("answer no to all questions")),
    Option("--installroot", N_("work on the system in this folder"), value="DIR"),
    Option("--reposdir", N_("the folder of .repo files"), value="DIR"),
    Option("--config-dir", N_("the folder of copr.conf and copr.d, instead of /etc/dnf/plugins"), value="DIR"),
    Option("--arch", N_("the architecture, instead of the machine's"), value="ARCH"),
    Option("--releasever", N_("the release of the distribution, instead of the one in os-release"), value="RELEASE"),
)
"""What dnf would know; the rest is in the files that it reads."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the options to a parser."""
    for option in OPTIONS:
        option.add_to(parser)
    parser.add_argument("--version", action="version", version=f"copr-repo {version()}", help=_("show the version and exit"))


def version() -> str:
    """The version of this package, as it was installed."""
    try:
        return metadata.version("copr-repo")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def system(options: argparse.Namespace) -> System:
    """The system that the options name."""
    root = os.path.abspath(options.installroot or "/")
    settings = Settings.read(root, options.arch, options.releasever)
    folders = [options.config_dir] if options.config_dir else settings.items("pluginconfpath", [PLUGIN_CONFIG])
    config = hubs.Config.load(folders)
    if config.distribution and config.releasever:
        releases = [f"{config.distribution}-{config.releasever}"]
    else:
        os_release = chroots.read_os_release(root) or chroots.read_os_release()
        if options.releasever:
            os_release = {**os_release, "VERSION_ID": options.releasever}
        releases = chroots.candidates(os_release)
    return System(
        config,
        folder(root, settings, options.reposdir),
        Fetcher(Network.of(settings)),
        Frontend(
            yes=options.assumeyes or settings.flag("assumeyes", False),
            no=options.assumeno or settings.flag("assumeno", False),
        ),
        settings.variables["basearch"],
        releases,
        packages=Packages(root, [options.reposdir] if options.reposdir else _folders(root, settings), settings.variables),
        cache=os.path.join(root, CACHE),
        variables=settings.variables,
        width=shutil.get_terminal_size().columns,
    )


def folder(root: str, settings: Settings, given: Optional[str]) -> enabled.Folder:
    """Where dnf would read .repo files; for an installroot never the host's folder unless the user names it."""
    if given:
        return enabled.Folder(os.path.abspath(given))
    folders = _folders(root, settings)
    return enabled.Folder(next(filter(os.path.isdir, folders), folders[0]))


def _folders(root: str, settings: Settings) -> list[str]:
    return [os.path.join(root, path.lstrip("/")) for path in settings.items("reposdir", _REPOSITORIES)]


def need_rights(system: System) -> None:
    """Raises ``CommandError`` when the user may not change the .repo files, before any question is asked."""
    path = system.folder.path
    while not os.path.exists(path):
        path = os.path.dirname(path)
    if not os.access(path, os.W_OK):
        raise CommandError(_("This command has to be run under the root user."))


class Frontend:
    """The user, at the terminal."""

    def __init__(self, *, yes: bool = False, no: bool = False) -> None:
        self._yes, self._no = yes, no

    def info(self, text: str) -> None:
        """On standard output."""
        print(text)

    def notice(self, text: str) -> None:
        """On standard error."""
        print(text, file=sys.stderr)

    def confirm(self, question: str) -> bool:
        """Asks until there is an answer; none (the end of the input, or only Enter) is no."""
        if self._yes or self._no:
            return not self._no
        while True:
            # Given to input(), the question would go to standard error.
            print(f"\n{question} [y/N]: ", end="", flush=True)
            try:
                answer = input().strip().lower()
            except EOFError:
                return False
            if answer in ("y", "yes", _("y"), _("yes")):
                return True
            if answer in ("", "n", "no", _("n"), _("no")):
                return False


def run(work: Callable[[], bool]) -> int:
    """Does the work of a program, which says whether nothing is amiss, and returns its exit code.

    It is 0 or 1, with a message on standard error for an error.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Whatever is being written is then taken back, as for Ctrl-C.
        signal.signal(number, signal.default_int_handler)
    try:
        well = work()
        sys.stdout.flush()
    except Error as error:
        print(_("Error: {error}").format(error=error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n" + _("Terminated."), file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Nobody reads any more; the interpreter would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0 if well else 1
