"""Copr servers as the plugin's configuration files name them, and how users write projects."""

from __future__ import annotations

import configparser
import glob
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Optional

from ._native import Error
from .messages import _

DEFAULT_HUB = "fedora"
DEFAULT_HOSTNAME = "copr.fedorainfracloud.org"
VENDOR_CONFIG = "/usr/share/dnf/plugins/copr.vendor.conf"

_OWNER = re.compile(r"@?[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}\Z")
_DIRNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}(:(custom:[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}|pr:[0-9]{1,18}))?\Z")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?\Z")


class UsageError(Error):
    """The command line makes no sense; the message says how it should look."""


@dataclass(frozen=True)
class Hub:
    """A Copr server."""

    hostname: str
    """Without port: what repository ids have."""
    url: str
    """Scheme, host, and port where it is not the usual one; no slash at the end."""


@dataclass(frozen=True)
class Spec:
    """A project as the user wrote it."""

    hub: Optional[str]
    owner: str
    dirname: str


def check_owner(text: str) -> str:
    """The owner's name, if it is well formed; raises ``UsageError``."""
    if not _OWNER.match(text):
        raise UsageError(
            _("{text!r} is no owner's name: use letters, digits and _.+-, with @ before a group").format(text=text[:100])
        )
    return text


def check_dirname(text: str) -> str:
    """The name of a project or of its side directory, if it is well formed; raises ``UsageError``."""
    if not _DIRNAME.match(text):
        raise UsageError(_("{text!r} is no project's name: use letters, digits and _.+-").format(text=text[:100]))
    return text


def parse_spec(text: str) -> Spec:
    """Reads ``[hub/]owner/project``; the hub may be a URL.

    >>> parse_spec("fedora/@python/ping:custom:x")
    Spec(hub='fedora', owner='@python', dirname='ping:custom:x')
    """
    if "://" in text:
        parts = text.rstrip("/").rsplit("/", 2)
    else:
        parts = text.split("/")
    if len(parts) not in (2, 3) or (len(parts) == 3 and not parts[0]):
        raise UsageError(_("use format `copr_username/copr_projectname` to reference copr project"))
    hub = parts[0] if len(parts) == 3 else None
    return Spec(hub, check_owner(parts[-2]), check_dirname(parts[-1]))


class Config:
    """The merged configuration files: hubs, and ``[main] distribution`` and ``releasever``."""

    def __init__(self, sections: Mapping[str, Mapping[str, str]], files: Iterable[str] = ()) -> None:
        self._sections = sections
        self.files = tuple(files)
        """The configuration files that were read, in their order."""
        main = sections.get("main", {})
        self.distribution: Optional[str] = main.get("distribution") or None
        self.releasever: Optional[str] = main.get("releasever") or None

    @classmethod
    def load(cls, folders: Iterable[str], vendor: str = VENDOR_CONFIG) -> Config:
        """Reads the vendor's file, then of each folder copr.vendor.conf, copr.conf and copr.d/*.conf; later ones win."""
        files = [vendor]
        for folder in folders:
            files += [os.path.join(folder, name) for name in ("copr.vendor.conf", "copr.conf")]
            files += sorted(glob.glob(os.path.join(glob.escape(folder), "copr.d", "*.conf")))
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        files = [file for file in files if os.path.isfile(file)]
        for file in files:
            try:
                with open(file, encoding="utf-8") as lines:
                    parser.read_file(lines)
            except (OSError, configparser.Error, UnicodeDecodeError) as error:
                raise UsageError(_("configuration file {file}: {reason}").format(file=file, reason=error)) from error
        return cls({name: dict(parser[name]) for name in parser.sections()}, files)

    @property
    def default_hub(self) -> str:
        """How the hub is called that is meant when the user names none."""
        return DEFAULT_HUB if DEFAULT_HUB in self._sections else DEFAULT_HOSTNAME

    def hub(self, name: Optional[str]) -> Hub:
        """The hub of a section's name, a host name (with a port), or a URL; the default hub for ``None``."""
        if name is None:
            name = self.default_hub
        section = self._sections.get(name, {}) if name != "main" else {}
        if section.get("hostname"):
            return _hub(section.get("protocol", "https"), section["hostname"], section.get("port"))
        scheme, separator, rest = name.partition("://")
        if not separator:
            scheme, rest = "https", name
        if "@" in rest:
            # Not shown: it may be one with a password.
            raise UsageError(_("a hub's URL may not have a user or a password in it"))
        host, _colon, port = rest.rstrip("/").partition(":")
        return _hub(scheme, host, port or None)

    def at(self, hostname: str) -> Hub:
        """The hub with this host name, as a section has it, or else over https."""
        for name, section in self._sections.items():
            if name != "main" and section.get("hostname") == hostname:
                return self.hub(name)
        return self.hub(hostname)


def _hub(scheme: str, host: str, port: Optional[str]) -> Hub:
    if scheme not in ("http", "https"):
        raise UsageError(_("hub {host!r}: protocol {scheme!r} is neither http nor https").format(host=host, scheme=scheme))
    if not _HOST.match(host):
        raise UsageError(_("{host!r} is neither a configured hub nor a host name").format(host=host[:100]))
    url = f"{scheme}://{host}"
    if port is not None:
        if not re.match(r"[0-9]{1,5}\Z", port):
            raise UsageError(_("hub {host}: {port!r} is no port").format(host=host, port=port[:20]))
        if int(port) != (443 if scheme == "https" else 80):
            url += f":{int(port)}"
    return Hub(host, url)
