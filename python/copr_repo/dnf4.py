"""dnf 4 as the commands see it: its user, its downloader, its folders. Nothing else imports dnf."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Optional, Union

import dnf.callback
import dnf.conf
import dnf.exceptions
import libdnf.repo

from . import chroots, enabled, hubs, metadata
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
    return System(config, folder(conf), Fetcher(base), Frontend(base), conf.substitutions["basearch"], releases, Metadata(base))


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
    """dnf's own downloader, with its proxy and TLS settings, time limits and retries."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def fetch_all(self, urls: Sequence[str], *, most: int) -> list[Union[bytes, NotFound, Unreachable]]:
        """See ``fetching.Fetcher``."""
        with tempfile.TemporaryDirectory(prefix="dnf-copr-") as folder:
            wanted = [_Wanted(url, os.path.join(folder, str(number)), most) for number, url in enumerate(urls)]
            self._transfer(wanted)
            return [self._body(one) for one in wanted]

    def download(self, wanted: Sequence[Download]) -> list[Optional[Error]]:
        """See ``fetching.Fetcher``."""
        return self._transfer([_Wanted(one.url, one.path, one.size, one.checksum) for one in wanted])

    @staticmethod
    def _body(one: _Wanted) -> Union[bytes, NotFound, Unreachable]:
        if one.error is not None:
            return one.error
        try:
            with open(one.path, "rb") as file:
                return file.read()
        except OSError as error:
            return Unreachable(f"{one.url}: {error.strerror}")

    def _transfer(self, wanted: Sequence[_Wanted]) -> list[Optional[Error]]:
        targets = [one.target(self._base.conf) for one in wanted]
        try:
            libdnf.repo.PackageTarget.downloadPackages(libdnf.repo.VectorPPackageTarget(targets), False)
        except RuntimeError as error:
            for one in wanted:
                one.error = one.error or Unreachable(f"{one.url}: {error}")
        for one, target in zip(wanted, targets):
            one.settle(target.getErr())
        return [one.error for one in wanted]


class _Wanted(libdnf.repo.PackageTargetCB):  # type: ignore[misc]  # libdnf has no types.
    """One file, while libdnf gets it; its callbacks say with 1 that this file is to be given up, and only this one."""

    def __init__(self, url: str, path: str, most: Optional[int], checksum: str = "") -> None:
        super().__init__()
        self.url = url
        self.path = path
        self.error: Union[NotFound, Unreachable, None] = None
        self._most = most
        self._checksum = checksum

    def target(self, conf: Any) -> Any:
        """What libdnf is to get."""
        kind, _colon, digest = self._checksum.partition(":")
        number = libdnf.repo.PackageTarget.checksumType(kind) if kind else libdnf.repo.PackageTarget.ChecksumType_UNKNOWN
        # A whole URL in place of a path is taken as it is, also its "?".
        return libdnf.repo.PackageTarget(conf._config, self.url, self.path, number, digest or None, 0, "", False, 0, 0, self)

    def settle(self, error: Optional[str]) -> None:
        """Keeps why there is no file, if the callbacks have not said so already."""
        if error and self.error is None:
            self.error = Unreachable(f"{self.url}: {error}")

    def end(self, _status: int, _message: Optional[str]) -> int:
        """Nothing: ``settle`` is told."""
        return 0

    def progress(self, _total: float, done: float) -> int:
        """Ends a file that is larger than it may be."""
        if self._most is None or done <= self._most:
            return 0
        self.error = Unreachable(f"{self.url}: the answer is larger than {self._most} bytes")
        return 1

    def mirrorFailure(self, message: str, _url: str) -> int:
        """Does not ask again for what does not exist."""
        if "Status code: 404" not in message:
            return 0
        self.error = NotFound(self.url)
        return 1



class Metadata:
    """dnf's repositories, its cache, and the installed packages."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def repositories(self, fresh: Collection[str], folder: str) -> tuple[list[Repository], dict[str, str]]:
        """See ``metadata.Metadata``."""
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
            found.append(
                Repository(repo.id, path, priority=repo.priority, cost=repo.cost, module_hotfixes=bool(repo.module_hotfixes))
            )
        self._base.fill_sack(load_system_repo=True, load_available_repos=False)
        path = os.path.join(folder, "primary.xml")
        metadata.write_installed(path, self._base.sack.query().installed())
        return [*found, Repository(metadata.INSTALLED, path)], failed
