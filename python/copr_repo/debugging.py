"""debug: what the commands work on, as they understand it; the place to look when a wrong chroot or hub is taken."""

from __future__ import annotations

import json

from .system import System


def debug(system: System, *, as_json: bool) -> None:
    """Shows the default hub, the chroots that fit the system, best first, and the configuration files that were read.

    The names are those of DNF 5's command where it has them. Nothing is asked of any hub.
    """
    hub = system.config.hub(None)
    facts: dict[str, object] = {
        "default_hubspec": system.config.default_hub,
        "default_hub_hostname": hub.hostname,
        "default_hub_url": hub.url,
        "name_version": system.releases[0] if system.releases else None,
        "arch": system.arch,
        "repo_fallback_priority": list(system.releases),
        "config_files": list(system.config.files),
        "reposdir": system.folder.path,
    }
    if as_json:
        system.frontend.info(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        system.frontend.info(f"{name}: {_shown(value)}")


def _shown(value: object) -> str:
    if isinstance(value, list):
        value = " ".join(value)
    return str(value or "(none)")
