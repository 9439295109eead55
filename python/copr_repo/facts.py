"""What a hub says of one project (``GET /api_3/rpmrepo/OWNER/DIRNAME/NAME-RELEASE``), checked."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from ._native import External, ProjectRef, Unreachable
from .hubs import UsageError, check_dirname, check_owner
from .messages import _

LARGEST_ANSWER = 4 << 20
"""Most bytes of an answer that are read."""
_MOST_DEPENDENCIES = 1000
# Names reach the screen: those that are not well formed are no chroots and no directories.
_CHROOT = re.compile(r"[A-Za-z0-9_.+-]{1,200}\Z")
_ADDRESS = re.compile(r"https?://[^\s@/]+(/\S*)?\Z")
_ARCH = re.compile(r"[A-Za-z0-9_]{1,50}\Z")


@dataclass(frozen=True)
class Facts:
    """One project."""

    results_url: str
    chroots: Mapping[str, Mapping[str, Any]]
    """``name-release-arch`` to the options of its repository."""
    directories: tuple[str, ...]
    dependencies: tuple[Union[ProjectRef, External], ...]
    multilib: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Chroots that offer another architecture's packages as well: ``fedora-44-x86_64`` to ``i386`` to its options."""
    signed: bool = True
    pubkey_url: Optional[str] = None
    warnings: tuple[str, ...] = field(default=())
    """Declared dependencies that are left out, as sentences."""


def url(hub: str, owner: str, dirname: str, release: str) -> str:
    """Where the hub at a URL tells of a project; ``release`` (``fedora-44``, or empty) is for its statistics only."""
    path = "/".join(urllib.parse.quote(part, safe="@:+") for part in (owner, dirname, release or "any"))
    return f"{hub}/api_3/rpmrepo/{path}"


def repo_file_url(hub: str, owner: str, dirname: str, release: str, arch: str) -> str:
    """Where each Copr, also one from before /api_3/rpmrepo, has the .repo file of a project."""
    path = "/".join(urllib.parse.quote(part, safe="@:+") for part in (owner, dirname))
    return f"{hub}/coprs/{path}/repo/{release}/dnf.repo?arch={arch}"


def parse(project: ProjectRef, answer: bytes) -> Facts:
    """Reads the answer for ``project``; raises ``Unreachable`` when it is not what a Copr hub answers."""
    if len(answer) > LARGEST_ANSWER:
        raise Unreachable(_("the hub's answer is larger than {most} MiB").format(most=LARGEST_ANSWER >> 20))
    try:
        data = json.loads(answer)
    except (ValueError, RecursionError) as error:
        if not answer.strip():
            raise Unreachable(_("the hub's answer is empty; is there a Copr server at this address?")) from error
        raise Unreachable(_("the hub's answer is not JSON; is there a Copr server at this address?")) from error
    try:
        return _facts(project, data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreachable(_("the hub's answer is not what a Copr hub answers: {reason!r}").format(reason=error)) from error


def _facts(project: ProjectRef, data: Any) -> Facts:
    results = _address("results_url", data["results_url"])
    pubkey = _address("pubkey_url", data["pubkey_url"]) if data.get("pubkey_url") else None
    offered = {
        f"{release}-{arch}": values
        for release, of_release in data["repos"].items()
        for arch, values in of_release["arch"].items()
        if _CHROOT.match(f"{release}-{arch}")
    }
    dependencies: list[Union[ProjectRef, External]] = []
    warnings = []
    if len(data["dependencies"]) > _MOST_DEPENDENCIES:
        raise ValueError(f"more than {_MOST_DEPENDENCIES} dependencies")
    for dependency in data["dependencies"]:
        kind, values = dependency["type"], dependency["data"]
        if kind == "copr":
            try:
                owner, name = check_owner(values["owner"]), check_dirname(values["projectname"])
            except UsageError as error:
                warnings.append(_("a dependency of {project} is left out: {reason}").format(project=project, reason=error))
                continue
            dependencies.append(ProjectRef(project.hub, owner, name))
        elif kind == "external_baseurl":
            dependencies.append(External(str(values["pattern"])))
        else:
            warnings.append(
                _("a dependency of {project} is left out: its type {kind!r} is not known")
                .format(project=project, kind=str(kind)[:50])
            )
    # Our hub tells which declared projects are gone; others leave them out.
    missing = data.get("missing") or []
    if not isinstance(missing, list):
        raise TypeError("missing is no list")
    for name in missing[:_MOST_DEPENDENCIES]:
        warnings.append(
            _("{name!r}, needed by {project}, is left out: it does not exist any more")
            .format(name=str(name)[:200], project=project)
        )
    return Facts(
        results_url=results.rstrip("/"),
        chroots={chroot: dict(values.get("opts") or {}) for chroot, values in offered.items()},
        multilib={
            chroot: {
                arch: dict(other.get("opts") or {})
                for arch, other in values["multilib"].items()
                if _ARCH.match(arch)
            }
            for chroot, values in offered.items()
            if values.get("multilib")
        },
        directories=tuple(name for name in data["directories"] if _is_dirname(name)),
        dependencies=tuple(dependencies),
        signed=data.get("gpgcheck") is not False,
        pubkey_url=pubkey,
        warnings=tuple(warnings),
    )


def _address(what: str, value: Any) -> str:
    """A URL that the hub gives out; one that is refused is not shown, as it may have a password."""
    if not isinstance(value, str) or not _ADDRESS.match(value):
        raise ValueError(f"{what} is no http(s) URL, or has a user or a password in it")
    return value


def _is_dirname(name: str) -> bool:
    try:
        check_dirname(name)
    except UsageError:
        return False
    return True
