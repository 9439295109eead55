"""dnf 4 as the commands see it: its user, its downloader, its folders. Nothing else imports dnf."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

import dnf.conf
import libdnf.repo

from . import chroots, enabled, hubs, packages
from ._native import Error, NotFound, Repository, Unreachable
from .fetching import Download
from .system import System

_LARGEST_DOWNLOAD = 1 << 30


def system(base: Any) -> System:
    """The system that dnf works on, with the settings that it has read."""
    conf = base.conf
    config = hubs.Config.load(conf.pluginconfpath)
    if config.distribution and config.releasever:
        releases = [f"{config.distribution}-{config.releasever}"]
    else:
        releases = chroots.candidates(chroots.read_os_release(conf.installroot) or chroots.read_os_release())
    return System(
        config,
        folder(conf),
        Fetcher(base),
        Frontend(base),
        conf.substitutions["basearch"],
        releases,
        packages=Packages(base),
        cache=os.path.join(conf.cachedir, "copr"),
        variables=dict(conf.substitutions),
        width=shutil.get_terminal_size().columns,
    )


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
    """dnf's own downloader, several files at once, with its proxy, TLS settings, timeouts and retries."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def fetch_all(self, urls: Sequence[str], *, most: int) -> list[Union[bytes, NotFound, Unreachable]]:
        """See ``fetching.Fetcher``."""
        with tempfile.TemporaryDirectory(prefix="copr-") as folder:
            paths = [os.path.join(folder, str(number)) for number in range(len(urls))]
            # One byte more than allowed tells what is too large, and no more than that reaches the disk.
            errors = self._get([self._target(url, path, end=most) for url, path in zip(urls, paths)])
            return [self._body(url, path, error, most) for url, path, error in zip(urls, paths, errors)]

    def download(self, wanted: Sequence[Download]) -> list[Optional[Error]]:
        """See ``fetching.Fetcher``."""
        targets = []
        for file in wanted:
            kind, _, value = file.checksum.partition(":")
            code = libdnf.repo.PackageTarget.checksumType(kind)
            if code == libdnf.repo.PackageTarget.ChecksumType_UNKNOWN:
                raise ValueError(f"{kind} is no checksum that dnf knows")
            end = 0 if file.size else _LARGEST_DOWNLOAD
            targets.append(self._target(file.url, file.path + ".part", code, value, file.size or 0, end))
        errors = self._get(targets)
        for file, error in zip(wanted, errors):
            if error is None:
                os.replace(file.path + ".part", file.path)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file.path + ".part")
        return [None if error is None else _error(file.url, error) for file, error in zip(wanted, errors)]

    def _target(self, url: str, path: str, code: int = 0, checksum: Optional[str] = None, size: int = 0, end: int = 0) -> Any:
        callbacks = libdnf.repo.PackageTargetCB()
        # A whole URL in the place of a relative one is taken as it is, question marks too.
        target = libdnf.repo.PackageTarget(
            self._base.conf._config, url, path, code, checksum, size, None, False, 0, end, callbacks
        )
        target.kept = callbacks  # The target does not keep it alive itself.
        return target

    def _get(self, targets: list[Any]) -> list[Optional[str]]:
        """Gets all targets; for each ``None`` or dnf's error."""
        failed = ""
        if targets:
            try:
                libdnf.repo.PackageTarget.downloadPackages(libdnf.repo.VectorPPackageTarget(targets), False)
            except RuntimeError as error:
                failed = str(error)
        errors = [target.getErr() for target in targets]
        return [None if error == "Already downloaded" else error or failed or None for error in errors]

    @staticmethod
    def _body(url: str, path: str, error: Optional[str], most: int) -> Union[bytes, NotFound, Unreachable]:
        if error is not None:
            return _error(url, error)
        try:
            with open(path, "rb") as file:
                body = file.read(most + 1)
        except FileNotFoundError:
            body = b""  # dnf makes no file for an empty answer.
        return body if len(body) <= most else Unreachable(f"{url}: the answer is larger than {most} bytes")


def _error(url: str, error: str) -> Union[NotFound, Unreachable]:
    return NotFound(url) if "Status code: 404" in error else Unreachable(f"{url}: {error}")


class Packages:
    """What dnf knows of the system without asking anybody: its cache, and the rpm database."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def repositories(self) -> list[Repository]:
        """See ``packages.Packages``."""
        found = []
        for repo in self._base.repos.iter_enabled():
            folder = repo._repo.getCachedir()
            if os.path.isfile(os.path.join(folder, "repodata", "repomd.xml")):
                excludes = [*self._base.conf.excludepkgs, *repo.excludepkgs]
                found.append(Repository(
                    repo.id, folder, priority=repo.priority, cost=repo.cost, module_hotfixes=repo.module_hotfixes,
                    exclude=excludes,
                ))
        return found

    def installed(self, *, whole: bool) -> Optional[Repository]:
        """See ``packages.Packages``."""
        return packages.installed(self._base.conf.installroot, whole=whole)
