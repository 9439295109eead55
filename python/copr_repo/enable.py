"""``python -m copr_repo.enable [hub/]owner/project [chroot]``: what `dnf copr enable` does, without dnf.

For users of DNF 5 and of systems that have no dnf: the same chain, questions and files. The other commands are under
``python -m copr_repo``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Optional

from . import arguments, plain
from .commands import Commands
from .messages import _


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the program with the arguments of the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m copr_repo.enable", description=_(arguments.subcommand("enable").summary))
    parser.add_argument("project", metavar=arguments.PROJECT)
    parser.add_argument("chroot", nargs="?", help=_("another chroot than that of this system, fedora-44-x86_64"))
    for option in arguments.options_of("enable"):
        option.add_to(parser, told=False)
    plain.add_to(parser)
    options = parser.parse_args(argv)
    options.subcommand = ["enable"]
    options.arg = [options.project, *filter(None, [options.chroot])]

    def work() -> bool:
        system = plain.system(options)
        return Commands(system, options, show_help=parser.print_help, need_rights=lambda: plain.need_rights(system)).run()

    return plain.run(work)


if __name__ == "__main__":
    sys.exit(main())
