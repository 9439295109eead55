"""dnf 4 as the commands see it: its user, its downloader, its folders. Nothing else imports dnf."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

import dnf.conf

from . import chroots, enabled, hubs
from ._native import Error, NotFound, Unreachable
from .fetching import Download
from .system import System


def system(base: Any) -> System:
    """The system that dnf works on, with the settings that it has read."""
    conf = base.conf
    config = hubs.Config.load(conf.pluginconfpath)
    if config.distribution and config.releasever:
        releases = [f"{config.distribution}-{config.releasever}"]
    else:
        releases = chroots.candidates(chroots.read_os_release(conf.installroot) or chroots.read_os_release())
    return System(config, folder(conf), Fetcher(base), Frontend(base), conf.substitutions["basearch"], releases)


def folder(conf: Any) -> enabled.Folder:
    """Where dnf reads .repo files; for an installroot never the host's folder unless the user names it."""
    folders = list(conf.reposdir)
    root = conf.installroot.rstrip("/")
    given = conf._get_priority("reposdir") >= dnf.conf.PRIO_COMMANDLINE
    if root and not given and not any((folder + "/").startswith(root + "/") for folder in folders):
        folders = [root + folder for folder in folders]
    existing = [folder for folder in folders if os.path.isdir(folder)]
    return enabled.Folder((existing or folders)[0])


class Frontend:
    """The user, through dnf."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def info(self, text: str) -> None:
        """On standard output."""
        print(text)

    def notice(self, text: str) -> None:
        """On standard error."""
        print(text, file=sys.stderr)

    def confirm(self, question: str) -> bool:
        """Asks as dnf does; ``-y`` and ``--assumeno`` answer."""
        conf = self._base.conf
        if conf.assumeyes and not conf.assumeno:
            return True
        if conf.assumeno:
            return False
        with _interruptible():
            answer: bool = self._base.output.userconfirm(
                msg=f"\n{question} [y/N]: ", defaultyes_msg=f"\n{question} [Y/n]: "
            )
        return answer


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C at a question of dnf's ends the command; dnf takes it for a "no", with which a command may go on."""
    interrupted = False

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)
    if interrupted:
        raise KeyboardInterrupt


class Fetcher:
    """dnf's own downloader, with its proxy and TLS settings."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def fetch_all(self, urls: Sequence[str], *, most: int) -> list[Union[bytes, NotFound, Unreachable]]:
        """See ``fetching.Fetcher``."""
        return [self._fetch(url, most) for url in urls]

    def download(self, wanted: Sequence[Download]) -> list[Optional[Error]]:
        """See ``fetching.Fetcher``."""
        raise NotImplementedError

    def _fetch(self, url: str, most: int) -> Union[bytes, NotFound, Unreachable]:
        try:
            with self._base.urlopen(url) as answer:
                body: bytes = answer.read(most + 1)
        except OSError as error:
            if "Status code: 404" in str(error):
                return NotFound(url)
            return Unreachable(f"{url}: {error}")
        return body if len(body) <= most else Unreachable(f"{url}: the answer is larger than {most} bytes")
