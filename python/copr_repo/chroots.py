"""Which of Copr's chroots fits a system, and how its name stands in a base URL."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple, Optional

from .hubs import UsageError
from .messages import _


class _Known(NamedTuple):
    """A distribution whose chroots are not simply called by its ID and VERSION_ID."""

    id: str
    """ID in os-release."""
    named: str
    """A word of NAME or VERSION that tells it from others with this ID; empty for all others."""
    chroots: tuple[str, ...]
    """Best first. ``{version}`` is VERSION_ID, ``{major}`` what stands before its first dot."""


_KNOWN = (
    _Known("rhel", "", ("rhel-{major}", "rhel+epel-{major}", "epel-{major}")),
    _Known("centos", "stream", ("centos-stream-{major}", "centos-stream+epel-{major}", "epel-{major}")),
    _Known("centos", "", ("centos-{major}", "centos+epel-{major}", "epel-{major}")),
    _Known("rocky", "", ("rocky-{major}", "rocky+epel-{major}", "epel-{major}")),
    _Known("almalinux", "kitten", ("almalinux-kitten-{major}", "alma-kitten+epel-{major}", "epel-{major}")),
    _Known("almalinux", "", ("almalinux-{major}", "alma+epel-{major}", "epel-{major}")),
    _Known("ol", "", ("oraclelinux-{major}", "oraclelinux+epel-{major}", "epel-{major}")),
    _Known("amzn", "", ("amazonlinux-{version}",)),
    # Rolling: VERSION_ID is a date.
    _Known("opensuse-tumbleweed", "", ("opensuse-tumbleweed",)),
    _Known("opensuse-slowroll", "", ("opensuse-slowroll", "opensuse-tumbleweed")),
    _Known("opensuse-microos", "", ("opensuse-tumbleweed",)),
    # Leap is made of SLE's packages of the same version.
    _Known("sles", "", ("sles-{version}", "opensuse-leap-{version}")),
    _Known("sled", "", ("sles-{version}", "opensuse-leap-{version}")),
    _Known("mageia", "cauldron", ("mageia-cauldron",)),
    _Known("mageia", "", ("mageia-{version}",)),
    # Its $releasever is no Fedora's, so the chroot of the Fedora that it is made of would get a wrong address.
    _Known("qubes", "", ()),
)
"""What is not here is what PLATFORM_ID and ID_LIKE say: a Fedora, an Enterprise Linux, or something of its own."""

_PLATFORM = re.compile(r"(f|el)([0-9]+)")
_TELLING = ("NAME", "VERSION", "VERSION_ID", "VERSION_CODENAME", "PRETTY_NAME", "REDHAT_SUPPORT_PRODUCT_VERSION")


def read_os_release(root: str = "/") -> dict[str, str]:
    """The variables of a system's os-release; empty when it has none."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
                lines = [line.strip().partition("=") for line in file if "=" in line and not line.startswith("#")]
        except OSError:
            continue
        return {key: value.strip().strip("\"'") for key, _equals, value in lines}
    return {}


def candidates(os_release: Mapping[str, str]) -> list[str]:
    """Name and release of the chroots that fit a system, best first; those that a project has not are passed over.

    >>> candidates({"ID": "rocky", "VERSION_ID": "9.4", "ID_LIKE": "rhel centos fedora"})
    ['rocky-9', 'rocky+epel-9', 'epel-9']
    >>> candidates({"ID": "fedora", "VERSION_ID": "45", "REDHAT_SUPPORT_PRODUCT_VERSION": "rawhide"})
    ['fedora-rawhide', 'fedora-45']
    """
    values = {key: value.lower() for key, value in os_release.items()}
    name, version = values.get("ID", ""), values.get("VERSION_ID", "")
    major = version.partition(".")[0]
    like = values.get("ID_LIKE", "").split()
    platform = values.get("PLATFORM_ID", "").partition(":")[2]
    words = " ".join(values.get(key, "") for key in _TELLING)
    if not name:
        return []
    for known in _KNOWN:
        if known.id == name and known.named in words:
            return [text.format(version=version, major=major) for text in known.chroots if version]
    if "eln" in (name, values.get("VARIANT_ID"), platform):
        return ["fedora-eln"]
    made_of = _PLATFORM.fullmatch(platform)
    if made_of and made_of[1] == "el" or not made_of and {"rhel", "centos"} & set(like):
        major = made_of[2] if made_of else major
        return [f"{name}-{major}", f"epel-{major}"]
    if made_of or name == "fedora" or "fedora" in like:
        number = made_of[2] if made_of else version
        rawhide = ["fedora-rawhide"] if "rawhide" in words else []
        return rawhide + ([f"fedora-{number}"] if number.isdigit() else [])
    return [f"{name}-{version}"] if version else [name]


def split_chroot(chroot: str) -> tuple[str, str]:
    """``fedora-44`` and ``x86_64`` of ``fedora-44-x86_64``; raises ``UsageError``."""
    parts = chroot.rsplit("-", 2)
    if len(parts) != 3 or not all(parts) or not all(c.isalnum() or c in "_.+-" for c in chroot):
        raise UsageError(_("Bad format of optional chroot. The format is distribution-version-architecture."))
    return f"{parts[0]}-{parts[1]}", parts[2]


def in_baseurl(name_release: str, arch: str, explicit: bool) -> str:
    """How a chroot stands in a base URL: with dnf's variables where it should follow an upgrade of the system.

    >>> in_baseurl("fedora-44", "x86_64", explicit=False)
    'fedora-$releasever-$basearch'
    """
    if explicit:
        return f"{name_release}-{arch}"
    distribution, _dash, release = name_release.rpartition("-")
    follows = distribution in ("fedora", "centos-stream", "opensuse-leap", "mageia") and release[:1].isdigit()
    return f"{distribution}-$releasever-$basearch" if follows else f"{name_release}-$basearch"


def distname(name_release: str) -> Optional[str]:
    """``fedora`` of ``fedora-44``."""
    return name_release.rpartition("-")[0] or None
