"""Several files of a folder replaced and removed: all or nothing, whatever happens in the middle.

While a change is made, the folder ``.copr-undo`` lies beside the files and has what takes it back::

    .copr-undo/old/NAME     what NAME was, as a hard link
    .copr-undo/none/NAME    NAME was not there
    .copr-undo/new/NAME     what NAME becomes; here until it is
    .copr-undo/gone/NAME    NAME, removed

It appears whole, by one rename, before the first file is touched, and goes by one rename, which is the moment at which
the change is done. Who finds it without anybody at work takes back what a killed process left half done.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from .messages import _

_PREFIX = ".copr-"
_UNDO = ".copr-undo"
_LOCK = ".copr-lock"
_LONGEST_WAIT = 10.0
"""Seconds for another process to be done; a change takes milliseconds."""


class HalfDone(OSError):
    """A change failed, and so did taking it back; the next one tries again."""


@contextlib.contextmanager
def alone(folder: str) -> Iterator[None]:
    """Nobody else changes the folder meanwhile, and what a killed process left is gone. Raises ``OSError``.

    Signals that end a process wait until this is over.
    """
    path = os.path.join(folder, _LOCK)
    handle = _lock(path)
    try:
        with _signals_wait():
            failed = _take_back(folder)
            if failed:
                raise HalfDone(errno.EIO, f"{', '.join(failed)} of a change that was not finished cannot be taken back")
            _sweep(folder)
            yield
    finally:
        # Gone before it is unlocked: who waits for it sees that, and locks a new one.
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(handle)


def recover(folder: str) -> None:
    """Takes back what a killed process left half done, if there is such a thing and this user may."""
    if os.path.isdir(os.path.join(folder, _UNDO)):
        with contextlib.suppress(OSError), alone(folder):
            pass


def replace(folder: str, write: Mapping[str, bytes], remove: Iterable[str]) -> None:
    """Writes and removes files of a folder that ``alone`` holds; raises ``OSError`` and leaves all as it was.

    A file that is replaced keeps its mode, owner, and extended attributes (SELinux label, ACL); a new one is readable for
    all. A symbolic link is replaced, not what it leads to.
    """
    gone = [name for name in remove if name not in write]
    undo, prepared = os.path.join(folder, _UNDO), tempfile.mkdtemp(prefix=_PREFIX, dir=folder)
    try:
        _prepare(folder, prepared, write)
        os.rename(prepared, undo)
        _sync(folder)
        for name in write:
            os.replace(os.path.join(undo, "new", name), os.path.join(folder, name))
        for name in gone:
            with contextlib.suppress(FileNotFoundError):
                os.rename(os.path.join(folder, name), os.path.join(undo, "gone", name))
        _sync(folder)
        os.rename(undo, prepared)
    except BaseException as error:
        failed = _take_back(folder)
        shutil.rmtree(prepared, ignore_errors=True)
        if failed and isinstance(error, OSError):
            raise HalfDone(error.errno, f"{error.strerror}; {', '.join(failed)} cannot be taken back") from error
        raise
    # It is done: what fails now is swept by the next change.
    with contextlib.suppress(OSError):
        _sync(folder)
    shutil.rmtree(prepared, ignore_errors=True)


def _prepare(folder: str, prepared: str, write: Mapping[str, bytes]) -> None:
    """All that takes room on the disk."""
    parts = {part: os.path.join(prepared, part) for part in ("old", "none", "new", "gone")}
    for part in parts.values():
        os.mkdir(part)
    for name in write:
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            _write(os.path.join(parts["none"], name), b"", None)
            continue
        try:
            os.link(path, os.path.join(parts["old"], name), follow_symlinks=False)
        except OSError:
            # Not every file system has hard links, and not every file may have one.
            with open(path, "rb") as file:
                _write(os.path.join(parts["old"], name), file.read(), path)
    for name, data in write.items():
        _write(os.path.join(parts["new"], name), data, os.path.join(folder, name))
    for part in parts.values():
        _sync(part)
    _sync(prepared)


def _write(path: str, data: bytes, like: Optional[str]) -> None:
    """A new file, on the disk, with what is not content taken from another if that exists."""
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        handle = file.fileno()
        try:
            other = os.stat(like) if like is not None else None
        except FileNotFoundError:
            other = None
        if like is None or other is None:
            os.fchmod(handle, 0o644)
        else:
            with contextlib.suppress(PermissionError):
                os.fchown(handle, other.st_uid, other.st_gid)
            os.fchmod(handle, stat.S_IMODE(other.st_mode))
            # Not every file system has them, and not every user may set them.
            with contextlib.suppress(OSError):
                for attribute in os.listxattr(like):
                    with contextlib.suppress(OSError):
                        os.setxattr(handle, attribute, os.getxattr(like, attribute))
        os.fsync(handle)


def _take_back(folder: str) -> list[str]:
    """Undoes a change that is not done, if there is one; returns the files that cannot be had back."""
    undo, failed = os.path.join(folder, _UNDO), []
    for part in ("gone", "old", "none"):
        for name in _names(os.path.join(undo, part)):
            if os.path.lexists(os.path.join(undo, "new", name)):
                continue
            try:
                if part == "none":
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(os.path.join(folder, name))
                else:
                    os.replace(os.path.join(undo, part, name), os.path.join(folder, name))
            except OSError:
                failed.append(name)
    if not failed:
        with contextlib.suppress(OSError):
            _sync(folder)
        shutil.rmtree(undo, ignore_errors=True)
    return failed


def _sweep(folder: str) -> None:
    """Removes what processes that were killed have left."""
    for name in _names(folder):
        if name.startswith(_PREFIX) and name != _LOCK:
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(path)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def _lock(path: str) -> int:
    """Opens and locks a file, waiting for who has it. Only its owner may open it, so nobody else can keep it locked."""
    latest = time.monotonic() + _LONGEST_WAIT
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path):
                return handle
        except BlockingIOError:
            if time.monotonic() > latest:
                os.close(handle)
                raise BlockingIOError(errno.EAGAIN, _("another dnf copr is changing these files; try again")) from None
            time.sleep(0.02)
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_at(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Signals that end a process are delivered afterwards."""
    if threading.current_thread() is not threading.main_thread():
        # Python's handlers run in the main thread only.
        yield
        return
    came: list[int] = []

    def later(number: int, _frame: Any) -> None:
        came.append(number)

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handler = signal.getsignal(number)
            if handler not in (None, signal.SIG_IGN):
                before[number] = handler
                signal.signal(number, later)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for waiting in dict.fromkeys(came):
            signal.raise_signal(waiting)


def _sync(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
