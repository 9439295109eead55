"""``python -m copr_repo``: the commands of `dnf copr` without dnf, its manual page, and what shells complete it with."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Optional

from . import arguments, completions, manual, plain
from .commands import Commands
from .frontend import CommandError
from .messages import _

PAGE = "dnf-copr.8"
_ONLY_DNF = ("install",)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the program with the arguments of the command line; returns its exit code."""
    # As dnf does it: arguments of a subcommand may stand behind options.
    options = _parser().parse_intermixed_args(argv)
    return plain.run(lambda: _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m copr_repo",
        usage=f"python -m copr_repo [options] subcommand ...{arguments.usage(_ONLY_DNF)}\n  man [folder]\n"
        f"  completions {'|'.join(completions.SHELLS)}",
        description=_("The commands of `dnf copr` without dnf, its manual page, and what shells complete it with."),
    )
    arguments.add_to(parser, leave_out=_ONLY_DNF, more=("man", "completions"))
    plain.add_to(parser)
    parser.set_defaults(show_help=parser.print_help)
    return parser


def _run(options: argparse.Namespace) -> bool:
    name = options.subcommand[0]
    if name == "man":
        return _man(options.arg)
    if name == "completions":
        return _completions(options.arg)
    system = plain.system(options)
    return Commands(
        system, options, show_help=options.show_help, need_rights=lambda: plain.need_rights(system)
    ).run()


def _man(folder: Sequence[str]) -> bool:
    """The page on standard output, or in a folder."""
    if not folder:
        print(manual.page(), end="")
        return True
    try:
        os.makedirs(folder[0], exist_ok=True)
        with open(os.path.join(folder[0], PAGE), "w", encoding="utf-8") as file:
            file.write(manual.page())
    except OSError as error:
        raise CommandError(f"{folder[0]}: {error.strerror or error}") from error
    return True


def _completions(shell: Sequence[str]) -> bool:
    """A shell's script on standard output."""
    if len(shell) != 1 or shell[0] not in completions.SHELLS:
        raise CommandError(_("completions needs the name of a shell: {shells}").format(shells=", ".join(completions.SHELLS)))
    print(completions.SHELLS[shell[0]](), end="")
    return True


if __name__ == "__main__":
    sys.exit(main())
