"""Changing several files all or nothing, with disks that are full, and processes that are killed."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest
from copr_repo import enabled, replacing
from fakehub import PLUGIN

A, B, NEW, OTHER = (f"_copr:h:o:{name}.repo" for name in ("a", "b", "new", "other"))
BEFORE = {A: "old a\n", B: "old b\n"}
AFTER = {A: "new a\n", NEW: "new\n"}
CALLS = ("mkdir", "link", "rename", "replace", "unlink", "rmdir", "fsync", "open")


def fill(path):
    for name, text in BEFORE.items():
        (path / name).write_text(text)


def change(path):
    enabled.Folder(str(path)).change(AFTER, [B])


def state(path):
    return {name: (path / name).read_text() for name in sorted(os.listdir(path)) if not name.startswith(".")}


def leftovers(path):
    return [name for name in os.listdir(path) if name.startswith(".")]


def in_child(work):
    """Runs in another process; returns how that ended, as of os.waitstatus_to_exitcode."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            with contextlib.redirect_stderr(None):
                work()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def at_call(number, what):
    """From now on, the call of this number to the system's file functions comes after ``what``."""
    calls = 0

    def watched(function):
        def call(*arguments, **more):
            nonlocal calls
            calls += 1
            if calls == number:
                what()
            return function(*arguments, **more)

        return call

    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))


def test_a_process_that_is_killed_at_any_step_leaves_all_or_nothing(tmp_path):
    seen, number = [], 0
    while True:
        number += 1
        path = tmp_path / str(number)
        path.mkdir()
        fill(path)

        def work(path=path, number=number):
            at_call(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            change(path)

        ended = in_child(work)
        assert ended in (0, -signal.SIGKILL)
        enabled.Folder(str(path)).read()
        assert state(path) in (BEFORE, AFTER), f"killed at step {number}"
        assert ".copr-undo" not in leftovers(path)
        seen.append(state(path) == AFTER)
        change(path)
        assert state(path) == AFTER and leftovers(path) == []
        if ended == 0:
            break
    assert seen[0] is False and seen[-1] is True and seen == sorted(seen)
    assert number > 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_any_step_waits_until_the_change_is_whole(tmp_path, number):
    step = 0
    while True:
        step += 1
        path = tmp_path / str(step)
        path.mkdir()
        fill(path)

        def work(path=path, step=step):
            signal.signal(signal.SIGINT, signal.default_int_handler)
            at_call(step, lambda: os.kill(os.getpid(), number))
            change(path)

        ended = in_child(work)
        assert ended in (0, 1 if number == signal.SIGINT else -number)
        assert state(path) in (BEFORE, AFTER), f"signal at step {step}"
        assert set(leftovers(path)) <= {".copr-lock"}
        if ended == 0:
            break
    assert state(path) == AFTER and step > 20


def test_an_error_at_any_step_is_told_and_takes_everything_back(tmp_path):
    step, failed = 0, 0
    while True:
        step += 1
        path = tmp_path / str(step)
        path.mkdir()
        fill(path)

        def work(path=path, step=step):
            def fail():
                raise OSError(5, "Input/output error")

            at_call(step, fail)
            change(path)

        if in_child(work) == 0:
            assert state(path) == AFTER
        else:
            failed += 1
            assert state(path) == BEFORE, f"error at step {step}"
            assert ".copr-undo" not in leftovers(path)
        calls = []

        def count(path=path):
            at_call(step, lambda: calls.append(1))
            change(path)
            os._exit(0 if calls else 2)

        fill(path)
        if in_child(count) == 2:
            break
    assert failed > 15


def test_who_may_not_take_back_sees_the_files_as_they_are(tmp_path, monkeypatch):
    fill(tmp_path)
    (tmp_path / ".copr-undo").mkdir()
    monkeypatch.setattr(replacing, "_lock", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    enabled.Folder(str(tmp_path)).read()
    assert state(tmp_path) == BEFORE and leftovers(tmp_path) == [".copr-undo"]


def test_leftovers_of_killed_processes_are_swept_by_the_next(tmp_path):
    fill(tmp_path)
    (tmp_path / ".copr-abc.tmp").write_text("x")
    (tmp_path / ".copr-xyz" / "new").mkdir(parents=True)
    (tmp_path / ".other").write_text("not ours")
    change(tmp_path)
    assert leftovers(tmp_path) == [".other"]


def held(path):
    """Another process at work in a folder: its id, and what ends it."""
    ready, release = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(release[1])
        with replacing.alone(str(path)):
            os.write(ready[1], b"x")
            os.read(release[0], 1)
        os._exit(0)
    os.close(release[0])
    os.read(ready[0], 1)
    for end in ready:
        os.close(end)

    def end():
        os.close(release[1])
        os.waitpid(child, 0)

    return child, end


def test_while_another_is_at_work_a_change_waits(tmp_path):
    fill(tmp_path)
    _child, end = held(tmp_path)
    worker = threading.Thread(target=change, args=(tmp_path,))
    worker.start()
    assert state(tmp_path) == BEFORE
    end()
    worker.join(30)
    assert state(tmp_path) == AFTER and leftovers(tmp_path) == []


def test_one_that_does_not_end_is_told(tmp_path, monkeypatch):
    fill(tmp_path)
    monkeypatch.setattr(replacing, "_LONGEST_WAIT", 0.05)
    _child, end = held(tmp_path)
    with pytest.raises(enabled.FileError, match="another dnf copr is changing these files; try again; nothing was changed"):
        change(tmp_path)
    end()
    assert state(tmp_path) == BEFORE


def test_one_that_is_killed_stops_nobody(tmp_path):
    fill(tmp_path)
    child, end = held(tmp_path)
    os.kill(child, signal.SIGKILL)
    end()
    change(tmp_path)
    assert state(tmp_path) == AFTER and leftovers(tmp_path) == []


def test_many_at_once_lose_nothing(tmp_path):
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                for turn in range(8):
                    enabled.Folder(str(tmp_path)).change({f"_copr:h:o:{number}-{turn}.repo": "x", OTHER: str(number)})
                os._exit(0)
            os._exit(1)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert len(state(tmp_path)) == 33 and leftovers(tmp_path) == []


def test_a_file_that_is_replaced_keeps_its_mode_owner_and_attributes(tmp_path):
    fill(tmp_path)
    os.chmod(tmp_path / A, 0o640)
    os.chown(tmp_path / A, 1, 2)
    try:
        os.setxattr(tmp_path / A, "user.mine", b"x")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    change(tmp_path)
    status = os.stat(tmp_path / A)
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, 1, 2)
    assert os.getxattr(tmp_path / A, "user.mine") == b"x"
    assert os.stat(tmp_path / NEW).st_mode & 0o7777 == 0o644


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "elsewhere").write_text("mine\n")
    (folder / A).symlink_to(tmp_path / "elsewhere")
    change(folder)
    assert state(folder) == AFTER and (tmp_path / "elsewhere").read_text() == "mine\n"


def mounted(path, options, script):
    """Runs Python in a mount namespace of its own, where ``path`` is a small tmpfs with the files of BEFORE."""
    prelude = f"""
import os, pathlib, subprocess, sys
sys.path[:0] = [{str(PLUGIN / "plugins")!r}, {str(pathlib.Path(__file__).parent)!r}]
path = pathlib.Path({str(path)!r})
subprocess.run(["mount", "-t", "tmpfs", "-o", {options!r}, "none", path], check=True)
from copr_repo import enabled
from test_replacing import *
fill(path)
def refused(why):
    try:
        change(path)
    except enabled.FileError as error:
        assert why in str(error) and "nothing was changed" in str(error), error
    else:
        raise AssertionError("it was changed")
    assert state(path) == BEFORE, state(path)
    assert leftovers(path) == [], leftovers(path)
"""
    command = ["unshare", "-m", sys.executable, "-c", prelude + script]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stderr


def test_a_disk_that_is_full_changes_nothing(tmp_path):
    mounted(tmp_path, "size=64k", """
with open(path / "filler", "wb", buffering=0) as file:
    try:
        while True:
            file.write(b"x" * 4096)
    except OSError:
        pass
(path / "filler").rename(path / ".filler")
try:
    enabled.Folder(str(path)).change({A: "a" * 9000})
    raise AssertionError("it was changed")
except enabled.FileError as error:
    assert "No space left on device; nothing was changed" in str(error), error
assert state(path) == BEFORE and leftovers(path) == [".filler"]
enabled.Folder(str(path)).change({}, [A])
assert state(path) == {B: BEFORE[B]}
(path / ".filler").unlink()
change(path)
assert state(path) == AFTER
""")


@pytest.mark.parametrize("inodes", range(4, 16))
def test_a_disk_without_room_for_another_file_changes_nothing(tmp_path, inodes):
    mounted(tmp_path, f"size=1m,nr_inodes={inodes}", """
try:
    change(path)
except enabled.FileError as error:
    assert "No space left on device; nothing was changed" in str(error), error
    assert state(path) == BEFORE
else:
    assert state(path) == AFTER
assert leftovers(path) == [], leftovers(path)
""")


def test_a_folder_that_is_read_only_changes_nothing(tmp_path):
    mounted(tmp_path, "size=64k", """
subprocess.run(["mount", "-o", "remount,ro", path], check=True)
refused("Read-only file system")
""")


@pytest.mark.parametrize("name", [A, B])
def test_a_file_that_cannot_be_replaced_or_removed_takes_everything_back(tmp_path, name):
    mounted(tmp_path, "size=64k", f"""
subprocess.run(["mount", "--bind", path / {name!r}, path / {name!r}], check=True)
refused("busy")
subprocess.run(["umount", path / {name!r}], check=True)
change(path)
assert state(path) == AFTER
""")
