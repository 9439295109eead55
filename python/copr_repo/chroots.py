"""Which of Copr's chroots fits a system, and how its name stands in a base URL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional

from .hubs import UsageError

_ENTERPRISE = ("rhel", "centos", "almalinux", "rocky", "ol", "eurolinux", "circle", "virtuozzo")


def read_os_release(root: str = "/") -> dict[str, str]:
    """The variables of a system's os-release; empty when it has none."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
                lines = [line.strip().partition("=") for line in file if "=" in line and not line.startswith("#")]
        except OSError:
            continue
        return {key: value.strip().strip("\"'") for key, _, value in lines}
    return {}


def candidates(os_release: Mapping[str, str]) -> list[str]:
    """Name and release of the chroots that fit a system, best first.

    >>> candidates({"ID": "rocky", "VERSION_ID": "9.4", "ID_LIKE": "rhel centos fedora"})
    ['rocky-9', 'epel-9']
    >>> candidates({"ID": "fedora", "VERSION_ID": "45", "REDHAT_SUPPORT_PRODUCT_VERSION": "rawhide"})
    ['fedora-rawhide', 'fedora-45']
    """
    name, version = os_release.get("ID", "").lower(), os_release.get("VERSION_ID", "").lower()
    like = os_release.get("ID_LIKE", "").lower().split()
    major = version.partition(".")[0]
    if not name:
        return []
    if name == "eln" or os_release.get("VARIANT_ID", "").lower() == "eln" or "eln" in version:
        return ["fedora-eln"]
    if name == "fedora" or (like == ["fedora"] and name not in (*_ENTERPRISE, "amzn")):
        words = " ".join(os_release.get(key, "") for key in ("VERSION", "REDHAT_SUPPORT_PRODUCT_VERSION", "VERSION_CODENAME"))
        found = ["fedora-rawhide"] if "rawhide" in f"{words} {version}".lower() else []
        return found + ([f"fedora-{version}"] if version.isdigit() else [])
    if name == "centos" and major:
        return [f"epel-{major}", f"centos-stream-{major}"]
    if (name in _ENTERPRISE or {"rhel", "centos"} & set(like)) and major and name != "amzn":
        return [f"{name}-{major}", f"epel-{major}"]
    if name == "amzn" and version:
        return [f"amazonlinux-{version}"]
    if name == "opensuse-tumbleweed":
        return ["opensuse-tumbleweed"]
    if name == "mageia" and version:
        return [f"mageia-{version}", "mageia-cauldron"] if "cauldron" not in version else ["mageia-cauldron"]
    return [f"{name}-{version}"] if version else [name]


def split_chroot(chroot: str) -> tuple[str, str]:
    """``fedora-44`` and ``x86_64`` of ``fedora-44-x86_64``; raises ``UsageError``."""
    parts = chroot.rsplit("-", 2)
    if len(parts) != 3 or not all(parts) or not all(c.isalnum() or c in "_.+-" for c in chroot):
        raise UsageError("Bad format of optional chroot. The format is distribution-version-architecture.")
    return f"{parts[0]}-{parts[1]}", parts[2]


def in_baseurl(name_release: str, arch: str, explicit: bool) -> str:
    """How a chroot stands in a base URL: with dnf's variables where it should follow an upgrade of the system.

    >>> in_baseurl("fedora-44", "x86_64", explicit=False)
    'fedora-$releasever-$basearch'
    """
    if explicit:
        return f"{name_release}-{arch}"
    distribution, _, release = name_release.rpartition("-")
    follows = distribution in ("fedora", "centos-stream", "opensuse-leap", "mageia") and release[:1].isdigit()
    return f"{distribution}-$releasever-$basearch" if follows else f"{name_release}-$basearch"


def distname(name_release: str) -> Optional[str]:
    """``fedora`` of ``fedora-44``."""
    return name_release.rpartition("-")[0] or None
