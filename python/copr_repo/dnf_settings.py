"""dnf's own configuration, read without dnf: ``[main]`` of dnf.conf, with DNF 5's files beside it, and the variables."""

from __future__ import annotations

import configparser
import os
import platform
import re
from collections.abc import Iterable, Mapping
from typing import Optional

from .chroots import read_os_release
from .hubs import UsageError
from .messages import _

CONFIG = "/etc/dnf/dnf.conf"
_DROP_INS = ("/usr/share/dnf5/libdnf.conf.d", "/etc/dnf/libdnf5.conf.d")
_VARIABLES = ("/etc/yum/vars", "/etc/dnf/vars", "/usr/share/dnf5/vars.d")
TRUE, FALSE = ("1", "yes", "true", "on", "enabled"), ("0", "no", "false", "off", "disabled")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NAME = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")

BASE_ARCHITECTURES: Mapping[str, str] = {
    arch: base
    for base, archs in {
        "aarch64": "aarch64",
        "alpha": "alpha alphaev4 alphaev45 alphaev5 alphaev56 alphaev6 alphaev67 alphaev68 alphaev7 alphapca56",
        "arm": "armv5tejl armv5tel armv5tl armv6l armv7l armv8l",
        "armhfp": "armhfp armv6hl armv7hl armv7hnl armv8hl",
        "i386": "i386 athlon geode i486 i586 i686",
        "ia64": "ia64",
        "loongarch64": "loongarch64",
        "mips": "mips",
        "mips64": "mips64",
        "mips64el": "mips64el",
        "mipsel": "mipsel",
        "ppc": "ppc",
        "ppc64": "ppc64 ppc64iseries ppc64p7 ppc64pseries",
        "ppc64le": "ppc64le",
        "riscv32": "riscv32",
        "riscv64": "riscv64",
        "riscv128": "riscv128",
        "s390": "s390",
        "s390x": "s390x",
        "sh3": "sh3",
        "sh4": "sh4 sh4a",
        "sparc": "sparc sparc64 sparc64v sparcv8 sparcv9 sparcv9v",
        "x86_64": "x86_64 amd64 ia32e",
    }.items()
    for arch in archs.split()
}
"""dnf's table: the base architecture of each architecture."""


class Settings:
    """The options of ``[main]``, and dnf's variables."""

    def __init__(self, values: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._values = {name: substituted(value, variables) for name, value in values.items()}
        self.variables = variables
        """``arch``, ``basearch``, ``releasever`` if it is known, and those of files and of the environment."""

    @classmethod
    def read(cls, root: str = "/", arch: Optional[str] = None, releasever: Optional[str] = None) -> Settings:
        """The settings of the system in ``root``; files that it lacks are taken from the host.

        Raises ``UsageError`` for a file that cannot be understood.
        """
        values: dict[str, str] = {}
        drop_ins = {
            name: os.path.join(folder, name)
            for folder in (_inside(root, folder) for folder in _DROP_INS)
            for name in _names(folder) if name.endswith(".conf")
        }
        for file in [*(drop_ins[name] for name in sorted(drop_ins)), _inside(root, CONFIG)]:
            values.update(_main(file))
        folders = _list(values["varsdir"]) if values.get("varsdir") else _VARIABLES
        return cls(values, _variables(root, [_inside(root, folder) for folder in folders], arch, releasever))

    def text(self, name: str) -> Optional[str]:
        """An option; ``None`` when it is not set or empty."""
        return self._values.get(name) or None

    def flag(self, name: str, default: bool) -> bool:
        """A yes or no; raises ``UsageError`` when it is neither, because it may be one about security."""
        value = self._values.get(name, "").lower()
        if not value:
            return default
        if value not in TRUE + FALSE:
            raise UsageError(
                _("dnf's configuration: {name} = {value!r} is neither yes nor no").format(name=name, value=value[:100])
            )
        return value in TRUE

    def seconds(self, name: str, default: float) -> float:
        """A time, ``30`` or ``2m``; raises ``UsageError``."""
        match = re.match(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd]?)\Z", self._values.get(name, "").lower() or str(default))
        if match is None:
            raise UsageError(
                _("dnf's configuration: {name} = {value!r} is no time").format(name=name, value=self._values[name][:100])
            )
        return float(match[1]) * _SECONDS[match[2]]

    def number(self, name: str, default: int) -> int:
        """A whole number; raises ``UsageError``."""
        value = self._values.get(name) or str(default)
        if not re.match(r"[0-9]{1,9}\Z", value):
            raise UsageError(_("dnf's configuration: {name} = {value!r} is no number").format(name=name, value=value[:100]))
        return int(value)

    def items(self, name: str, default: Iterable[str]) -> list[str]:
        """A list."""
        return _list(self._values[name]) if self._values.get(name) else list(default)


def substituted(text: str, variables: Mapping[str, str]) -> str:
    """A text with dnf's variables in it replaced; those that are not known stay.

    >>> substituted("https://x/$releasever/${basearch}/$no", {"releasever": "44", "basearch": "x86_64"})
    'https://x/44/x86_64/$no'
    """
    return _NAME.sub(lambda match: variables.get(match[1] or match[2], match[0]), text)


def base_architecture(arch: str) -> str:
    """``x86_64`` of ``amd64``; raises ``UsageError``."""
    try:
        return BASE_ARCHITECTURES[arch]
    except KeyError:
        raise UsageError(_("{arch!r} is no architecture that dnf knows").format(arch=arch[:100])) from None


def _machine(root: str) -> str:
    machine = platform.machine()
    # The kernel does not tell whether programs pass floating point numbers in registers; the loader of those that do does.
    if machine in ("armv6l", "armv7l", "armv8l") and os.path.exists(os.path.join(root, "lib/ld-linux-armhf.so.3")):
        return machine[:-1] + "hl"
    return machine


def _variables(root: str, folders: Iterable[str], arch: Optional[str], releasever: Optional[str]) -> dict[str, str]:
    arch = arch or _machine(root)
    found = {"arch": arch, "basearch": base_architecture(arch)}
    release = (read_os_release(root) or read_os_release()).get("VERSION_ID")
    if release:
        found["releasever"] = release
    for folder in folders:
        for name in _names(folder):
            try:
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    found[name] = file.readline(4096).strip()
            except OSError:
                continue
    found.update({name[len("DNF_VAR_"):]: value for name, value in os.environ.items() if name.startswith("DNF_VAR_")})
    if releasever:
        found["releasever"] = releasever
    return found


def _inside(root: str, path: str) -> str:
    """A path in ``root``, or the host's where there is none: dnf's rule for an installroot."""
    inside = os.path.join(root, path.lstrip("/"))
    return inside if os.path.exists(inside) else path


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _list(text: str) -> list[str]:
    return [item for item in re.split(r"[\s,]+", text) if item]


def _main(path: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return {}
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        raise UsageError(_("configuration file {path}: {reason}").format(path=path, reason=error)) from error
    return dict(parser["main"]) if parser.has_section("main") else {}
