"""The command line of `dnf copr`, in one place: what parses it, the manual and the completions are made of this."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .messages import N_, _


@dataclass(frozen=True)
class Subcommand:
    """One subcommand."""

    name: str
    arguments: str
    """As the usage has them."""
    summary: str
    completed: str = ""
    """What its arguments are chosen from: ``hubs``, ``projects`` or ``repositories`` that are known here, or nothing."""


@dataclass(frozen=True)
class Option:
    """One option."""

    name: str
    summary: str
    subcommands: tuple[str, ...] = ()
    """Those of `dnf copr` that heed it; the others ignore it."""
    value: Optional[str] = None
    """What stands behind it; ``None`` for a switch."""
    many: bool = False
    """Whether several values may stand behind it."""
    attribute: Optional[str] = None
    """Its name in the parsed arguments, where that is not the option's."""
    short: Optional[str] = None
    """``-y``"""

    def add_to(self, parser: argparse._ActionsContainer, *, told: bool = True) -> None:
        """Adds it to a parser, ``told`` with the subcommands that heed it."""
        more: dict[str, Any] = {"action": "store_true"} if self.value is None else {"metavar": self.value}
        if self.many:
            more.update(nargs="+", default=[])
        if self.attribute is not None:
            more["dest"] = self.attribute
        summary = _(self.summary)
        parser.add_argument(*filter(None, (self.short, self.name)), help=self.told(summary) if told else summary, **more)

    def told(self, summary: str) -> str:
        """The summary with the subcommands before it, where only some heed the option."""
        return f"{', '.join(self.subcommands)}: {summary}" if self.subcommands and self not in COMMON else summary


PROJECT = "[hub/]owner/project"

SUBCOMMANDS = (
    Subcommand("enable", f"{PROJECT} [chroot]", N_("enable a project and the repositories that it needs"), "hubs"),
    Subcommand("disable", PROJECT, N_("disable a project and what only it needs"), "projects"),
    Subcommand("remove", PROJECT, N_("remove a project and what only it needs"), "projects"),
    Subcommand("install", f"{PROJECT} package...", N_("enable what packages of a project need, and install them"), "hubs"),
    Subcommand("list", "", N_("list projects that are enabled here, or those of a user on the hub")),
    Subcommand("tree", f"[{PROJECT}]", N_("show what the enabled projects need, as a tree"), "projects"),
    Subcommand("why", "repository-id", N_("tell which projects need a repository"), "repositories"),
    Subcommand("check", "", N_("find what does not work (any more) in the enabled projects")),
    Subcommand(
        "refresh", f"[{PROJECT}]", N_("ask the hubs what the enabled projects need now; show and apply it"), "projects"
    ),
    Subcommand("search", "word", N_("search a hub for projects")),
    Subcommand("debug", "", N_("show hub, chroot and configuration as they are understood")),
    Subcommand("help", "", N_("show this text")),
)

LISTED = (
    Option("--installed", N_("List all installed Copr repositories (default)"), ("list",)),
    Option("--enabled", N_("List enabled Copr repositories"), ("list",)),
    Option("--disabled", N_("List disabled Copr repositories"), ("list",)),
    Option("--available-by-user", N_("List available Copr repositories by user NAME"), ("list",), "NAME"),
)
"""One of them at most may be given."""

HUB = Option(
    "--hub", N_("Specify an instance of Copr to work with"),
    ("enable", "disable", "remove", "install", "list", "tree", "refresh", "search", "debug"), "HUB",
)

COMMON = (*LISTED, HUB)
"""What the stock plugin has too, and the texts of it."""

OPTIONS = (
    *COMMON,
    # Not --for: dnf's own parser, which comes first, takes that for the beginning of --forcearch.
    Option(
        "--only-for", N_("only the repositories that these packages need"), ("enable",),
        "PACKAGE", many=True, attribute="wanted",
    ),
    Option("--no-deps", N_("only the project, not what it needs"), ("enable",)),
    Option("--keep-deps", N_("only the project, not what it needs"), ("disable", "remove")),
    Option(
        "--json", N_("output for programs"),
        ("list", "tree", "why", "check", "refresh", "debug"),
    ),
)


def subcommand(name: str) -> Subcommand:
    """The subcommand of a name."""
    return next(known for known in SUBCOMMANDS if known.name == name)


def options_of(name: str) -> Sequence[Option]:
    """The options that a subcommand heeds."""
    return [option for option in OPTIONS if name in option.subcommands]


def usage(leave_out: Sequence[str] = ()) -> str:
    """One line for each subcommand."""
    return "".join(
        f"\n  {known.name} {known.arguments}".rstrip() for known in SUBCOMMANDS if known.name not in leave_out
    )


def add_to(parser: argparse.ArgumentParser, *, leave_out: Sequence[str] = (), more: Sequence[str] = ()) -> None:
    """Adds all arguments to a parser; but for some subcommands, and with some more."""
    names = [known.name for known in SUBCOMMANDS if known.name not in leave_out]
    parser.add_argument("subcommand", nargs=1, choices=[*names, *more])
    which = parser.add_mutually_exclusive_group()
    for option in OPTIONS:
        option.add_to(which if option in LISTED else parser)
    parser.add_argument("arg", nargs="*")
