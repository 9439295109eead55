"""What a hub says of one project (``GET /api_3/rpmrepo/OWNER/DIRNAME/NAME-RELEASE``), checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from ._native import External, ProjectRef, Unreachable
from .hubs import UsageError, check_dirname, check_owner

LARGEST_ANSWER = 4 << 20
"""Most bytes of an answer that are read."""
_MOST_DEPENDENCIES = 1000
# Names reach the screen: those that are not well formed are no chroots and no directories.
_CHROOT = re.compile(r"[A-Za-z0-9_.+-]{1,200}\Z")


@dataclass(frozen=True)
class Facts:
    """One project."""

    results_url: str
    chroots: Mapping[str, Mapping[str, Any]]
    """``name-release-arch`` to the options of its repository."""
    directories: tuple[str, ...]
    dependencies: tuple[Union[ProjectRef, External], ...]
    signed: bool = True
    pubkey_url: Optional[str] = None
    warnings: tuple[str, ...] = field(default=())
    """Declared dependencies that are left out, as sentences."""


def parse(project: ProjectRef, answer: bytes) -> Facts:
    """Reads the answer for ``project``; raises ``Unreachable`` when it is not what a Copr hub answers."""
    if len(answer) > LARGEST_ANSWER:
        raise Unreachable(f"the hub's answer is larger than {LARGEST_ANSWER >> 20} MiB")
    try:
        data = json.loads(answer)
    except (ValueError, RecursionError) as error:
        what = "empty" if not answer.strip() else "not JSON"
        raise Unreachable(f"the hub's answer is {what}; is there a Copr server at this address?") from error
    try:
        return _facts(project, data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreachable(f"the hub's answer is not what a Copr hub answers: {error!r}") from error


def _facts(project: ProjectRef, data: Any) -> Facts:
    results = data["results_url"]
    if not isinstance(results, str) or not re.match(r"https?://[^\s@/]+(/\S*)?\Z", results):
        raise ValueError(f"results_url {str(results)[:200]!r} is no http(s) URL")
    chroots = {
        f"{release}-{arch}": dict(values.get("opts") or {})
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
                warnings.append(f"a dependency of {project} is left out: {error}")
                continue
            dependencies.append(ProjectRef(project.hub, owner, name))
        elif kind == "external_baseurl":
            dependencies.append(External(str(values["pattern"])))
        else:
            warnings.append(f"a dependency of {project} is left out: its type {str(kind)[:50]!r} is not known")
    # Our hub tells which declared projects are gone; others leave them out.
    missing = data.get("missing") or []
    if not isinstance(missing, list):
        raise TypeError("missing is no list")
    for name in missing[:_MOST_DEPENDENCIES]:
        warnings.append(f"{str(name)[:200]!r}, needed by {project}, is left out: it does not exist any more")
    pubkey = data.get("pubkey_url")
    return Facts(
        results_url=results.rstrip("/"),
        chroots=chroots,
        directories=tuple(name for name in data["directories"] if _is_dirname(name)),
        dependencies=tuple(dependencies),
        signed=data.get("gpgcheck") is not False,
        pubkey_url=str(pubkey) if pubkey else None,
        warnings=tuple(warnings),
    )


def _is_dirname(name: str) -> bool:
    try:
        check_dirname(name)
    except UsageError:
        return False
    return True
