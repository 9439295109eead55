"""dnf 4 as the commands see it: its user, its downloader, its folders. Nothing else imports dnf."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import urllib.parse
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Optional, Union

import dnf.callback
import dnf.conf
import dnf.exceptions
import libdnf.repo

from . import chroots, enabled, hubs, packages
from ._native import Error, NotFound, Repository, Unreachable
from .fetching import Download
from .messages import _
from .system import System


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


_LARGEST_DOWNLOAD = 1 << 30
"""Bytes of a file whose size nobody told."""


class Fetcher:
    """dnf's own downloader, with its proxy, TLS, timeouts and retries; several files at the same time."""

    def __init__(self, base: Any) -> None:
        self._config = base.conf._config

    def fetch_all(self, urls: Sequence[str], *, most: int) -> list[Union[bytes, NotFound, Unreachable]]:
        """See ``fetching.Fetcher``."""
        with tempfile.TemporaryDirectory(prefix="copr-") as folder:
            paths = [os.path.join(folder, str(number)) for number in range(len(urls))]
            transfers = [_Transfer(url, path, most) for url, path in zip(urls, paths)]
            self._run(transfers)
            return [transfer.error or _content(transfer.path) for transfer in transfers]

    def download(self, wanted: Sequence[Download]) -> list[Optional[Error]]:
        """See ``fetching.Fetcher``."""
        transfers = []
        for one in wanted:
            most = _LARGEST_DOWNLOAD if one.size is None else one.size
            transfers.append(_Transfer(one.url, f"{one.path}.{os.getpid()}.part", most, one.checksum))
        try:
            self._run(transfers)
            for one, transfer in zip(wanted, transfers):
                if transfer.error is None:
                    try:
                        os.replace(transfer.path, one.path)
                    except OSError as error:
                        transfer.error = Unreachable(f"{one.path}: {error.strerror}")
            return [transfer.error for transfer in transfers]
        finally:
            for transfer in transfers:
                with contextlib.suppress(OSError):
                    os.unlink(transfer.path)

    def _run(self, transfers: Sequence[_Transfer]) -> None:
        targets = []
        for transfer in transfers:
            try:
                targets.append(transfer.target(self._config))
            except (RuntimeError, ValueError) as error:
                transfer.error = Unreachable(f"{transfer.url}: {error}")
        try:
            libdnf.repo.PackageTarget.downloadPackages(libdnf.repo.VectorPPackageTarget(targets), False)
        except RuntimeError as error:
            for transfer in transfers:
                if not transfer.ended and transfer.error is None:
                    transfer.error = Unreachable(f"{transfer.url}: {error}")


class _Transfer(libdnf.repo.PackageTargetCB):  # type: ignore[misc]
    """One file on its way, as libdnf calls back about it."""

    def __init__(self, url: str, path: str, most: int, checksum: Optional[str] = None) -> None:
        super().__init__()
        self.url, self.path = url, path
        self.error: Union[NotFound, Unreachable, None] = None
        self.ended = False
        self._most, self._checksum = most, checksum

    def target(self, config: Any) -> Any:
        """What libdnf is to fetch."""
        kind, _, value = (self._checksum or "").partition(":")
        kind_code = libdnf.repo.PackageTarget.checksumType(kind) if kind else 0
        if kind and kind_code == libdnf.repo.PackageTarget.ChecksumType_UNKNOWN:
            raise ValueError(f"checksums of kind {kind!r} are not known")
        # libdnf wants a folder and a name, which it quotes itself; the query belongs to the folder.
        parts = urllib.parse.urlsplit(self.url)
        folder, _, name = parts.path.rpartition("/")
        base = urllib.parse.urlunsplit((parts.scheme, parts.netloc, folder, parts.query, ""))
        return libdnf.repo.PackageTarget(
            config, urllib.parse.unquote(name), self.path, kind_code, value or None, 0, base, False, 0, 0, self
        )

    def end(self, status: int, message: Optional[str]) -> int:
        """It has ended; anything but success has a message."""
        self.ended = True
        if status == self.TransferStatus_ERROR and self.error is None:
            if "Status code: 404" in (message or ""):
                self.error = NotFound(self.url)
            else:
                self.error = Unreachable(f"{self.url}: {message}")
        return 0

    def progress(self, total: float, done: float) -> int:
        """What is larger than it may be is given up, before it fills the disk. Called again after a failure."""
        if max(total, done) > self._most and self.error is None:
            self.error = Unreachable(f"{self.url}: the answer is larger than {self._most} bytes")
        return 1 if self.error else 0

    def mirrorFailure(self, message: str, url: str) -> int:
        """What does not exist will not exist in the next try either."""
        return 1 if "Status code: 404" in message or self.error else 0


def _content(path: str) -> Union[bytes, Unreachable]:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        return Unreachable(f"{path}: {error.strerror}")


class Packages:
    """What dnf knows of the system: its repositories, its cache, and the rpm database."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def repositories(self, fresh: Collection[str] = ()) -> tuple[list[Repository], dict[str, str]]:
        """See ``packages.Packages``."""
        found, failed = [], {}
        for repo in self._base.repos.iter_enabled():
            # dnf draws its progress on standard output, where the report is.
            repo.set_progress_bar(dnf.callback.NullDownloadProgress())
            try:
                if repo.id in fresh:
                    repo.load()
                elif not repo._repo.loadCache(throwExcept=False, ignoreMissing=True):
                    failed[repo.id] = _("it is not in dnf's cache")
                    continue
                path = os.path.dirname(os.path.dirname(repo.get_metadata_path("primary")))
            except (dnf.exceptions.RepoError, RuntimeError) as error:
                failed[repo.id] = str(error)
                continue
            found.append(Repository(
                repo.id, path, priority=repo.priority, cost=repo.cost, module_hotfixes=bool(repo.module_hotfixes),
                exclude=[*self._base.conf.excludepkgs, *repo.excludepkgs],
            ))
        return found, failed

    def installed(self, *, whole: bool) -> Optional[Repository]:
        """See ``packages.Packages``."""
        return packages.installed(self._base.conf.installroot, whole=whole)
