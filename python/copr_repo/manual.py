"""The manual page dnf-copr(8), made of the one definition of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from . import arguments, plain

DESCRIPTIONS = {
    "enable": """\
Asks the hub for the project and for all that it needs, shows the repositories as a tree, says of each whether its packages are
signed, whether it is a Copr project at all, and how many packages of the system it would replace, and asks. Then it writes one
file for each repository, all of them or none. With a chroot, \\fBfedora-44-x86_64\\fR, the repository is that of this chroot,
whatever the system is. A project that is enabled already is brought up to date.""",
    "disable": """\
Disables the project, and after asking also what came with it and is needed by no other enabled project. The files stay; the hub
is not asked.""",
    "remove": "Like \\fBdisable\\fR, but removes the files.",
    "install": """\
Enables the repositories of the project's chain that the packages need, and installs the packages, in one transaction and with one
question.""",
    "list": """\
Lists the projects that have a file here, with those that need them; with \\fB\\-\\-available\\-by\\-user\\fR the projects of a
user or \\fB@group\\fR on the hub.""",
    "tree": "Shows the enabled projects, or one of them, with all that they need, from the files alone.",
    "why": "Tells which projects need a repository, and by which way. Ids are those of \\fBdnf repolist\\fR.",
    "check": """\
Looks for hubs that do not answer, projects that were deleted, moved, or changed what they need, keys that expired, and packages
of enabled projects whose requirements nothing satisfies. Exits with 1 when there is any.""",
    "refresh": """\
Asks the hubs what the enabled projects need now, shows what is different from the files, asks, and changes them.""",
    "search": "Searches the names and descriptions of a hub's projects.",
    "debug": "Shows which hub, chroot, folders and files are used.",
    "help": "Shows a summary of this page.",
}
"""What each subcommand does, as roff."""

_HEAD = r""".\" Made by `python -m copr_repo man`.
.TH DNF\-COPR 8 "" "copr-repo" "DNF plugins"
.SH NAME
dnf\-copr \- enable projects of Copr with the repositories that they need
.SH SYNOPSIS
.B dnf copr
.I subcommand
.RI [ options ]
.RI [ arguments ]
.br
.B python3 \-m copr_repo
.I subcommand
.RI [ options ]
.RI [ arguments ]
.SH DESCRIPTION
Copr servers, hubs, build packages and publish each project as a repository of its own. A project may need others, and
repositories that are no projects; those may need others again. All of them together are the project's chain.
\fBdnf copr\fR shows a chain before anything is changed, enables it, and takes it away again.
.PP
A project is written \fIowner\fB/\fIproject\fR, where an owner that is a group begins with \fB@\fR. Before that may stand a
hub: the name of a section of the configuration, a host name, or a URL. Without one it is the section \fBfedora\fR.
.SH SUBCOMMANDS
"""

_TAIL = r""".SH WITHOUT DNF 4
DNF 5 has no plugins in Python, and brings a command \fBcopr\fR of its own. \fBpython3 \-m copr_repo\fR does all of the above but
\fBinstall\fR, reads the same files, and writes the same ones. It knows what dnf knows (proxy, certificates, folders) from the
configuration of DNF 4 or DNF 5. \fBpython3 \-m copr_repo.enable\fR is short for \fBpython3 \-m copr_repo enable\fR.
Options of dnf that it has too:
"""

_END = r""".SH FILES
.TP
.I /etc/dnf/plugins/copr.conf
Sections are hubs, with \fBhostname\fR, \fBprotocol\fR (https) and \fBport\fR (443). \fBdistribution\fR and \fBreleasever\fR in
\fB[main]\fR say which chroot fits, when os-release does not. \fBenabled = 0\fR in \fB[main]\fR switches the plugin off.
.TP
.I /etc/dnf/plugins/copr.d/*.conf
The same, for packages that set up a hub. Later files win; \fI/usr/share/dnf/plugins/copr.vendor.conf\fR is the first of all.
.TP
.I /etc/yum.repos.d/_copr*.repo
What is enabled: one file for each repository. Lines that begin with \fB# copr\-\fR say what came with what.
.SH EXIT STATUS
0 when all was done, 1 otherwise, also when a question was answered with no.
.SH EXAMPLES
.TP
.B dnf copr enable copr.example.org/bob/app
All that bob/app needs.
.TP
.B dnf copr enable bob/app \-\-for app app\-doc
Only the repositories that these two packages need.
.TP
.B dnf copr remove bob/app
And what only it needed.
.TP
.B python3 \-m copr_repo.enable \-\-installroot=/mnt bob/app
Without dnf, for the system under /mnt.
.SH SEE ALSO
.BR dnf (8),
.BR dnf.conf (5)
"""


def page() -> str:
    """The page as roff."""
    subcommands = "".join(
        f".TP\n{_synopsis(known)}\n{DESCRIPTIONS[known.name]}\n" for known in arguments.SUBCOMMANDS
    )
    options = ".SH OPTIONS\n" + _options(arguments.OPTIONS)
    return _HEAD + subcommands + options + _TAIL + _options(plain.OPTIONS) + _END


def _synopsis(known: arguments.Subcommand) -> str:
    words = [rf"\fB{known.name}\fR"]
    for word in known.arguments.split():
        words.append(re.sub(r"[a-z-]+", lambda match: rf"\fI{_escaped(match[0])}\fR", word))
    return " ".join(words)


def _options(options: Iterable[arguments.Option]) -> str:
    return "".join(
        ".TP\n"
        + ", ".join(rf"\fB{_escaped(name)}\fR" for name in (option.short, option.name) if name)
        + (rf" \fI{option.value}\fR" + ("..." if option.many else "") if option.value else "")
        + f"\n{_escaped(option.told(option.summary))}.\n"
        for option in options
    )


def _escaped(text: str) -> str:
    """What roff shows as this text, also at the beginning of a line."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text
