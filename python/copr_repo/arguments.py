"""The command line of `dnf copr`, in one place: what parses it, the manual and the completions are made of this."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Subcommand:
    """One subcommand."""

    name: str
    arguments: str
    """As the usage has them."""
    summary: str


SUBCOMMANDS = (
    Subcommand("enable", "[hub/]owner/project [chroot]", "enable a project and the repositories that it needs"),
    Subcommand("disable", "[hub/]owner/project", "disable a project and what only it needs"),
    Subcommand("remove", "[hub/]owner/project", "remove a project and what only it needs"),
    Subcommand("install", "[hub/]owner/project package...", "enable what packages of a project need, and install them"),
    Subcommand("list", "", "list projects that are enabled here, or those of a user on the hub"),
    Subcommand("tree", "[[hub/]owner/project]", "show what the enabled projects need, as a tree"),
    Subcommand("why", "repository-id", "tell which projects need a repository"),
    Subcommand("check", "", "find what does not work (any more) in the enabled projects"),
    Subcommand("refresh", "[[hub/]owner/project]", "ask the hubs what the enabled projects need now; show and apply it"),
    Subcommand("search", "word", "search a hub for projects"),
    Subcommand("debug", "", "show hub, chroot and configuration as they are understood"),
    Subcommand("help", "", "show this text"),
)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds all arguments to a parser."""
    parser.add_argument("subcommand", nargs=1, choices=[subcommand.name for subcommand in SUBCOMMANDS])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--installed", action="store_true", help="List all installed Copr repositories (default)")
    which.add_argument("--enabled", action="store_true", help="List enabled Copr repositories")
    which.add_argument("--disabled", action="store_true", help="List disabled Copr repositories")
    which.add_argument("--available-by-user", metavar="NAME", help="List available Copr repositories by user NAME")
    parser.add_argument("--hub", help="Specify an instance of Copr to work with")
    parser.add_argument(
        "--for", dest="wanted", metavar="PACKAGE", nargs="+", default=[],
        help="enable, refresh: only the repositories that these packages need",
    )
    parser.add_argument("--no-deps", action="store_true", help="enable: only the project, not what it needs")
    parser.add_argument("--keep-deps", action="store_true", help="disable, remove: only the project, not what it needs")
    parser.add_argument("--json", action="store_true", help="list, tree, why, check, refresh, debug: for programs")
    parser.add_argument("arg", nargs="*")
