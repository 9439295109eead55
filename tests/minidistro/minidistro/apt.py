"""apt with a state folder, sources list and configuration of its own, so that nothing of the machine's is changed.

The sources are derived at run time from the machine's own: its entries for Debian 12, components `main`.
"""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional

from . import Trouble

CODENAME = "bookworm"
# By codename only: "stable" may be another Debian by now, or someone else's.
SUITES = (CODENAME, f"{CODENAME}-updates", f"{CODENAME}-security")
INSTALL_HINT = "run `tests/deps demo`, which installs what is needed"


class Source(NamedTuple):
    """One archive: options as apt writes them (`signed-by=...`), URI, suite."""
    options: str
    uri: str
    suite: str

    def line(self, kind: str) -> str:
        """The one-line form; kind is `deb` or `deb-src`."""
        options = f"[{self.options}] " if self.options else ""
        return f"{kind} {options}{self.uri} {self.suite} main"


def fields(text: str) -> List[Dict[str, str]]:
    """Splits deb822 text into its paragraphs; names in lower case, continuation lines kept with their line breaks."""
    paragraphs: List[Dict[str, str]] = [{}]
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            if paragraphs[-1]:
                paragraphs.append({})
            name = ""
        elif line[0] in " \t":
            if name:
                paragraphs[-1][name] += "\n" + line
        elif ":" in line:
            name, value = line.split(":", 1)
            name = name.strip().lower()
            paragraphs[-1][name] = value.strip()
    return [paragraph for paragraph in paragraphs if paragraph]


def _signed_by_debian(value: str) -> bool:
    return not value or "debian-archive" in value


def _one_line(text: str) -> Iterable[Source]:
    for line in text.splitlines():
        match = re.match(r"\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line)
        if match and "main" in match[4].split():
            options = dict(word.split("=", 1) for word in (match[1] or "").split() if "=" in word)
            if match[3] in SUITES and _signed_by_debian(options.get("signed-by", "")):
                kept = [f"{name}={value}" for name, value in options.items() if name in ("signed-by", "trusted")]
                yield Source(" ".join(kept), match[2], match[3])


def _deb822(text: str) -> Iterable[Source]:
    for entry in fields(text):
        signed = entry.get("signed-by", "")
        if entry.get("enabled", "yes").lower() in ("no", "false", "0") or "main" not in entry.get("components", "").split():
            continue
        # A key that stands in the entry itself cannot be written on one line; apt then uses its trusted keys.
        options = f"signed-by={signed}" if signed.startswith("/") else ""
        if signed and not (signed.startswith("/") and _signed_by_debian(signed)) and "BEGIN PGP" not in signed:
            continue
        for uri in entry.get("uris", "").split():
            for suite in entry.get("suites", "").split():
                if suite in SUITES:
                    yield Source(options, uri, suite)


def machine_sources(etc: Path = Path("/etc/apt")) -> List[Source]:
    """Debian 12's own archives among the machine's apt sources, both `.list` and `.sources` files, without doubles."""
    found: List[Source] = []
    parts = etc / "sources.list.d"
    files = [etc / "sources.list"] + (sorted(parts.iterdir()) if parts.is_dir() else [])
    for file in files:
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found += _deb822(text) if file.suffix == ".sources" else _one_line(text)
    unique = {(source.uri.rstrip("/"), source.suite): source for source in reversed(found)}
    return sorted(unique.values())


class Apt:
    """apt on a folder of its own."""

    def __init__(self, folder: Path, kinds: Iterable[str], status: str = "") -> None:
        """Prepares the folder. `kinds` are `deb`, `deb-src`; `status` is what dpkg's database shall say."""
        self.folder = folder
        sources = machine_sources()
        if not sources:
            raise Trouble(f"no entry for Debian's suite {CODENAME} (component main) among the machine's apt sources "
                          "(/etc/apt/sources.list, /etc/apt/sources.list.d): add one, the packages come from there")
        for part in ("lists/partial", "cache/archives/partial", "etc/empty", "log"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "sources.list").write_text("".join(s.line(k) + "\n" for k in kinds for s in sources))
        (folder / "status").write_text(status)
        (folder / "apt.conf").write_text(self._configuration())

    def _configuration(self) -> str:
        # The machine's proxies and timeouts are kept, its hooks (which clean the machine's cache) are not.
        kept = [line for line in _run(["apt-config", "dump", "Acquire"], os.environ).splitlines()
                if re.match(r"Acquire::(http|https|ftp|Retries|ForceIPv)", line)]
        own = {
            "Dir::Etc::parts": "etc/empty", "Dir::Etc::main": "etc/none", "Dir::Etc::sourcelist": "sources.list",
            "Dir::Etc::sourceparts": "etc/empty", "Dir::Etc::preferences": "etc/none",
            "Dir::Etc::preferencesparts": "etc/empty", "Dir::State": ".", "Dir::State::lists": "lists",
            "Dir::State::status": "status", "Dir::State::extended_states": "extended_states", "Dir::Cache": "cache",
            "Dir::Cache::archives": "cache/archives", "Dir::Log": "log",
        }
        lines = [f'{name} "{self.folder / value}";' for name, value in own.items()]
        plain = {"APT::Architecture": "amd64", "APT::Architectures::": "amd64", "APT::Install-Recommends": "0",
                 "APT::Install-Suggests": "0", "Acquire::Languages": "none", "Debug::NoLocking": "1",
                 "APT::Sandbox::User": "", "APT::Get::Assume-Yes": "1", "Acquire::Retries": "3"}
        lines += [f'{name} "{value}";' for name, value in plain.items()]
        return "\n".join(kept + lines) + "\n"

    def run(self, *command: str, cwd: Optional[Path] = None) -> str:
        """Runs an apt program; gives its standard output."""
        env = dict(os.environ, APT_CONFIG=str(self.folder / "apt.conf"), LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
        return _run(list(command), env, cwd)

    def update(self) -> None:
        """Fetches the package lists."""
        self.run("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update")

    def plan(self, wanted: Iterable[str]) -> List[str]:
        """The file names of the packages that apt would install, dependencies and all."""
        # What is downloaded already is not printed: an empty archive folder is looked at.
        empty = self.folder / "cache/empty"
        (empty / "partial").mkdir(parents=True, exist_ok=True)
        printed = self.run("apt-get", "-qq", "-o", f"Dir::Cache::archives={empty}", "--print-uris", "install", *wanted)
        files = sorted(shlex.split(line)[1] for line in printed.splitlines() if line.startswith("'"))
        if not files:
            raise Trouble("apt chose no packages at all; its lists are in " + str(self.folder / "lists"))
        return files

    def download(self, wanted: Iterable[str]) -> Path:
        """Downloads them, verified by apt, into the cache; gives the folder of the .deb files."""
        self.run("apt-get", "-qq", "--download-only", "install", *wanted)
        return self.folder / "cache/archives"


def _run(command: List[str], env, cwd: Optional[Path] = None) -> str:
    try:
        done = subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Trouble(f"{command[0]} is missing: minidistro is made of Debian's packages with Debian's own tools") from None
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-6:])
        network = re.search(r"resolv|connect|timed out|unreachable|Failed to fetch", said)
        hint = "\nIs there a network, and a proxy in apt's configuration if one is needed?" if network else ""
        raise Trouble(f"`{' '.join(command[:3])} ...` failed:\n{said}{hint}")
    return done.stdout
