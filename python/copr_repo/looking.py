"""list and search: what is enabled here, and what a hub has."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

from . import enabled
from ._native import NotFound, Unreachable
from .facts import LARGEST_ANSWER
from .fetching import fetch
from .frontend import CommandError, Frontend
from .hubs import Hub
from .system import System


def available_by_user(system: System, hub: Hub, owner: str) -> None:
    """Lists the projects of a user on a hub."""
    items = _items(system, hub, f"list?ownername={urllib.parse.quote(owner)}")
    if not items:
        raise CommandError(f"No projects of {owner} on {hub.hostname}.")
    for item in items:
        system.frontend.info(_described(f"{owner}/{item.get('name')}", item))


def search(system: System, hub: Hub, words: str) -> None:
    """Lists the projects of a hub that match words."""
    items = _items(system, hub, f"search?query={urllib.parse.quote(words)}")
    if not items:
        raise CommandError("No matches found.")
    for item in items:
        system.frontend.info(_described(str(item.get("full_name")), item))


def _items(system: System, hub: Hub, query: str) -> list[dict[str, Any]]:
    try:
        answer = json.loads(fetch(system.fetcher, f"{hub.url}/api_3/project/{query}", most=LARGEST_ANSWER))
        return [dict(item) for item in answer["items"]]
    except NotFound as error:
        raise CommandError(f"{hub.hostname}: the hub knows no such user or cannot search.") from error
    except (ValueError, KeyError, TypeError, Unreachable) as error:
        raise CommandError(f"Can't parse repositories of {hub.hostname}: {error}") from error


def list_installed(folder: enabled.Folder, frontend: Frontend, *, only_enabled: bool, only_disabled: bool) -> None:
    """Lists the projects that have a .repo file here, as ``host/owner/dirname``."""
    files = folder.read()
    for _, file in sorted(files.items()):
        if file.project is None or (only_enabled and not file.enabled) or (only_disabled and file.enabled):
            continue
        line = shown(file)
        if not file.enabled:
            line += " (disabled)"
        if not file.requested:
            by = [shown(other) for other in files.values() if file.repo_id in other.needs]
            line += f" (needed by {', '.join(by)})" if by else " (not needed any more)"
        frontend.info(line)


def shown(file: enabled.RepoFile) -> str:
    """``host/owner/dirname``, or the id of another repository."""
    return "/".join(file.project) if file.project else file.repo_id


def _described(name: str, item: dict[str, Any]) -> str:
    first_line = (str(item.get("description") or "").strip().splitlines() or ["No description given."])[0]
    return "".join(c for c in f"{name} : {first_line}" if c.isprintable())
