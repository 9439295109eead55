"""From apt's lists to a finished repository folder, each stage once."""

import concurrent.futures
import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Set

from . import Trouble, convert, debian, licence, special, spec
from .apt import INSTALL_HINT, Apt
from .tools import run

WORKERS = 2
# After any transaction that touches these folders. In Lua, as rpm hands a program of its own (-p /sbin/ldconfig) an argument.
LDCONFIG = """%{name} -P 2000000 -p <lua> -- /usr/lib /usr/lib64 /lib /lib64
rpm.execute("/sbin/ldconfig")

"""
SCRIPTLETS = {"libc-bin": "".join(LDCONFIG.replace("%{name}", name) for name in ("%transfiletriggerin", "%transfiletriggerpostun"))}


class Progress:
    """One line a stage, with its time, on standard output."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def say(self, text: str) -> None:
        """Prints a finished stage."""
        now = time.monotonic()
        print(f"minidistro: {text} ({now - self.started:.1f} s)", flush=True)
        self.started = now


def cache_folder(tree: Path) -> Path:
    """Where everything is kept: COPR_CACHE, else XDG_CACHE_HOME, else the source tree's own target/."""
    if os.environ.get("COPR_CACHE"):
        return Path(os.environ["COPR_CACHE"]).absolute() / "minidistro"
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]).absolute() / "copr/minidistro"
    return tree / "target/minidistro"


def make(cache: Path, copr_repo: Path, refresh: bool) -> Path:
    """Makes or finds the distribution; gives the folder that has its packages and repodata/.

    Its name is a hash of these sources and of the .deb files' names and versions. Without `refresh`, what these sources made
    before is taken as it is, with no look at the network.
    """
    if not os.access(copr_repo, os.X_OK):
        raise Trouble(f"{copr_repo} is missing: `cargo build --release -p copr-cli` makes it, or name it with --copr-repo")
    cache.mkdir(parents=True, exist_ok=True)
    progress = Progress()
    with locked(cache / "lock"):
        sources = _sources_digest()
        pointer = cache / f"made-by-{sources[:16]}"
        folder = cache / pointer.read_text().strip() if pointer.is_file() and not refresh else None
        if folder is None or not folder.is_dir():
            folder = _packages(cache, sources, progress)
        else:
            progress.say(f"found {len(list(folder.glob('*.rpm')))} packages in the cache")
        _repodata(folder, copr_repo, progress)
        _replace(pointer, folder.name + "\n")
    return folder


def _packages(cache: Path, sources: str, progress: Progress) -> Path:
    for tool in ("rpmbuild", "rpm", "dpkg-deb", "apt-get"):
        if not shutil.which(tool):
            raise Trouble(f"{tool} is missing: {INSTALL_HINT}")
    apt = Apt(cache / "apt", ["deb"], debian.status())
    apt.update()
    progress.say("package lists fetched")
    files = apt.plan(debian.WANTED)
    key = hashlib.sha256("\n".join([sources, *files]).encode()).hexdigest()[:24]
    folder = cache / key
    progress.say(f"apt chose {len(files)} packages for the {len(debian.WANTED)} wanted")
    if folder.is_dir():
        return folder
    archives = apt.download(debian.WANTED)
    progress.say(f"{len(files)} .deb files downloaded and verified")
    for left in cache.glob(".making-*"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=".making-", dir=cache))
    try:
        out = temporary / "repository"
        out.mkdir()
        debs = [debian.Deb(archives / file) for file in files]
        _convert_all([deb for deb in debs if deb.name not in debian.LEFT_OUT], temporary, out)
        made = sorted(out.glob("*.rpm"))
        size = sum(file.stat().st_size for file in made)
        progress.say(f"{len(made)} RPMs made, {size / 1e6:.0f} MB")
        installed = _check(made, temporary)
        progress.say(f"rpm finds every requirement provided; {installed / 1e6:.0f} MB when installed")
        os.rename(out, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _convert_all(debs: List[debian.Deb], work: Path, out: Path) -> None:
    names = debian.known_names(debs) | {"minidistro-release"}
    files = {deb.name: deb.file for deb in debs}
    jobs: List[Callable[[], None]] = []
    for own in (special.filesystem, special.release):
        jobs.append(lambda own=own: _built(own, work, out))
    # The large ones first, so that no worker ends alone with one.
    for deb in sorted(debs, key=lambda deb: -deb.file.stat().st_size):
        jobs.append(lambda deb=deb: _built(lambda root: _converted(deb, names, files, root), work, out))
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        running = [pool.submit(job) for job in jobs]
        try:
            for done in concurrent.futures.as_completed(running):
                done.result()
        except BaseException:
            for job in running:
                job.cancel()
            raise


def _built(fill: Callable[[Path], spec.Package], work: Path, out: Path) -> None:
    """One RPM: `fill` writes its files below a folder and describes it."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        root = Path(scratch, "root")
        root.mkdir()
        spec.build(fill(root), root, Path(scratch), out)


def _converted(deb: debian.Deb, names: Set[str], files: Dict[str, Path], root: Path) -> spec.Package:
    tree = convert.unpack(deb.name, deb.file, root, _conffiles(deb.file), special.owned_folders())
    text = tree.copyright
    if text.startswith("see ") and text[4:] in files:
        text = _copyright(text[4:], files[text[4:]])
    return spec.Package(
        name=deb.name, epoch=deb.version.epoch, version=deb.version.version, release=deb.version.release or "1", arch=deb.arch,
        summary=deb.summary, description=deb.description, licence=licence.from_copyright(text),
        url=deb.control.get("homepage", ""), requires=deb.required(names), provides=deb.provided() + tree.provides,
        scriptlets=SCRIPTLETS.get(deb.name, ""), entries=tree.entries, time=tree.time)


def _conffiles(deb: Path) -> Set[str]:
    listed = run("dpkg-deb", "--info", str(deb)).split()
    return set(run("dpkg-deb", "--info", str(deb), "conffiles").split()) if "conffiles" in listed else set()


def _copyright(name: str, deb: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        return convert.unpack(name, deb, Path(scratch), set(), set()).copyright


def _check(rpms: List[Path], work: Path) -> int:
    """Refuses a distribution that rpm would not install as a whole; gives its installed size in bytes."""
    names = [str(file) for file in rpms]
    run("rpm", "--dbpath", str(work / "rpmdb"), "--force-debian", "--nosignature", "--ignoresize", "--ignorearch", "--test", "-i",
        *names)
    return sum(map(int, run("rpm", "-qp", "--nosignature", "--qf", "%{SIZE}\n", *names).split()))


def _repodata(folder: Path, copr_repo: Path, progress: Progress) -> None:
    """Writes the repodata, unless this very copr-repo has done it."""
    with open(copr_repo, "rb") as program:
        writer = hashlib.sha256(program.read()).hexdigest() + "\n"
    stamp = folder.with_name(folder.name + ".repodata-by")
    if stamp.is_file() and stamp.read_text() == writer and (folder / "repodata/repomd.xml").is_file():
        return
    run(str(copr_repo), "create", "--compress", "gz", str(folder))
    if not (folder / "repodata/repomd.xml").is_file():
        raise Trouble(f"{copr_repo} create ended well but left no repodata in {folder}")
    _replace(stamp, writer)
    progress.say("repodata written by copr-repo")


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _replace(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.rename(temporary, file)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Holds an advisory lock; says so when another run has it and waits."""
    with open(file, "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("minidistro: another run is at work; waiting for it", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
