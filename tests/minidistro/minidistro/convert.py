"""A .deb's files as the tree of an RPM: moved into /usr, thinned, with the links that Debian's alternatives would make."""

import os
import posixpath
import py_compile
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Dict, List, NamedTuple, Set, Tuple

from . import Trouble
from .spec import Entry

# Folders that are symbolic links into /usr; the package `filesystem` owns them.
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

# Nobody reads these in a throw-away machine.
DROPPED_FOLDERS = tuple(f"/usr/share/{name}/" for name in (
    "applications", "apport", "bash-completion", "binfmts", "bug", "doc", "doc-base", "gcc", "gdb", "gitweb", "info", "lintian",
    "locale", "man", "menu", "perl5", "pixmaps", "polkit-1", "zsh")) + (
    "/usr/lib/binfmt.d/", "/usr/lib/systemd/", "/usr/lib/udev/", "/usr/lib/mime/", "/usr/lib/valgrind/", "/etc/cron.daily/",
    "/etc/cron.d/", "/etc/default/", "/etc/init.d/", "/etc/logrotate.d/", "/etc/pam.d/")

_LIB = "/usr/lib/x86_64-linux-gnu/"
_GCC = "/usr/lib/gcc/x86_64-linux-gnu/12/"
_PYTHON = "/usr/lib/python3.11/"
DROPPED_FILES = {
    # link-time optimisation and coverage
    "gcc-12": rf"{_GCC}(lto1$|plugin/)|/usr/bin/.*(gcov|lto-dump)",
    "libgcc-12-dev": rf"{_GCC}(lib[alt]san|libubsan|libitm|libquadmath|libgcov|libcaf|.*_preinit\.o)",
    # the second linker and the profiler
    "binutils-x86-64-linux-gnu": r"/usr/bin/.*(gold|dwp|gprof|gp-)|/usr/lib/.*gprofng",
    "binutils": r"/usr/bin/(gold|ld\.gold|dwp|gprof.*|gp-.*)$",
    "binutils-common": r"/usr/lib/.*/ldscripts/(?!elf_x86_64\.)|/etc/gprofng",
    # character sets besides those that are built in; static linking (the empty stand-ins for -lpthread and so on stay)
    "libc6": rf"{_LIB}gconv/.*\.so$",
    "libc6-dev": rf"{_LIB}lib(c|m|m-[\d.]+|mvec|mcheck|g|resolv|anl|BrokenLocale|thread_db|c_malloc_debug)\.a$",
    "libcrypt-dev": rf"{_LIB}.*\.a$",
    "libc-dev-bin": r"/usr/bin/(gencat|sotruss|sprof)$",
    # headers of devices, which C programs for the shell do not include
    "linux-libc-dev": r"/usr/include/(drm|misc|mtd|rdma|scsi|sound|video|xen|linux/(netfilter|tc_act|dvb|usb|iio|can|"
                      r"bcache|hdlc|hsi|isdn|raid|sched/|sunrpc|surface|caif|nfsd|byteorder/big|android|cifs|mmc|spi|genwqe))",
    "rpm2cpio": r"/usr/bin/rpm2archive$",
    "rpm-common": r"/usr/lib/.*/rpm-plugins/|/etc/dbus-1/",
    "rpm": r"/usr/bin/rpmsign$",
    # programs whose libraries are left out
    "util-linux": r"/usr/s?bin/(su|runuser|lsblk|logger|setpriv)$",
    "bash": r"/usr/bin/(bashbug|clear_console)$|/etc/skel/",
    # what serves, what mails, what needs Perl
    "git": r"/usr/lib/git-core/(git-(add--interactive|archimport|cvs|daemon|filter-branch|http-(backend|fetch|push)|imap-send|"
           r"instaweb|mergetool|p4|quiltimport|send-email|shell|subtree|svn|web--browse)|mergetools/|scalar)|"
           r"/usr/bin/(git-shell|scalar)$|/usr/share/git-core/contrib/|/etc/bash_completion",
    # modules whose libraries are left out; what teaches, tests and shows
    "libpython3.11-stdlib": rf"{_PYTHON}(lib-dynload/(_codecs_|_ctypes_test|_curses|_dbm|_test|_xx|nis|xx)|"
                            r"(idlelib|lib2to3|pydoc_data|test|turtledemo)/|turtle\.py|curses/)",
    "python3.11": r"/usr/bin/",
    "python3": r"/usr/bin/|/usr/share/python3/",
    "python3-minimal": r"/usr/bin/py3|/usr/share/python3/",
}

# Links that a package's scripts would make.
LINKS: Dict[str, Tuple[Tuple[str, str], ...]] = {
    # dash, not bash: configure scripts are markedly faster with it
    "dash": (("/usr/bin/sh", "dash"),),
    "gcc": (("/usr/bin/cc", "gcc"), ("/usr/bin/c99", "gcc")),
    "mawk": (("/usr/bin/awk", "mawk"),),
    "debianutils": (("/usr/bin/which", "which.debianutils"),),
    # where OpenSSL looks
    "ca-certificates": (("/usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt"),),
    # Debian has a second copy of it there
    "git": (("/usr/lib/git-core/git", "../../bin/git"),),
}

# Files that a package's scripts would make by joining others, which nothing here reads afterwards.
JOINED = {"ca-certificates": ("/etc/ssl/certs/ca-certificates.crt", "/usr/share/ca-certificates/")}
_PERMISSIONS = 0o7777


class Tree(NamedTuple):
    """What a .deb became."""
    entries: List[Entry]
    provides: List[str]
    """Paths below /bin, /sbin by which others may ask for what now is in /usr."""
    copyright: str
    """Debian's copyright file; when it is another package's, that package's name after `see `."""
    time: int
    """The newest file's modification time."""


def merged(path: str) -> str:
    """The place of an absolute path after the merge into /usr."""
    first = path.split("/", 2)[1]
    return "/usr" + path if first in MERGED else path


def unpack(name: str, deb: Path, root: Path, conffiles: Set[str], owned: Set[str]) -> Tree:
    """Writes the files of a .deb that stay below `root`. `owned` are the folders of the package `filesystem`.

    Everything belongs to root: of Debian's other owners there are none here, and the bits that run a program as one are cleared.
    """
    found: Dict[str, Entry] = {}
    folders: Dict[str, int] = {}
    provides: List[str] = []
    copyright_text, newest = "", 0
    unwanted = re.compile(DROPPED_FILES.get(name, r"(?!)"))
    dump = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    with tarfile.open(fileobj=dump.stdout, mode="r|") as archive:
        for member in archive:
            old = posixpath.normpath("/" + member.name)
            path = merged(old)
            if member.isdir():
                folders[path] = member.mode & 0o1777
                continue
            newest = max(newest, int(member.mtime))
            if path == f"/usr/share/doc/{name}/copyright" and member.isreg():
                copyright_text = archive.extractfile(member).read().decode("utf-8", "replace")
            elif path == f"/usr/share/doc/{name}" and member.issym():
                copyright_text = "see " + posixpath.basename(member.linkname)
            if (path + "/").startswith(DROPPED_FOLDERS) or unwanted.search(path) or path in MERGED_LINKS:
                continue
            target = root / path[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            if member.issym():
                link = _link(old, path, member.linkname)
                if posixpath.normpath(posixpath.join(posixpath.dirname(path), link)) == path:
                    continue
                if not os.path.lexists(target):
                    os.symlink(link, target)
                found[path] = Entry(path, None)
            elif member.islnk():
                original = merged(posixpath.normpath("/" + member.linkname))
                if original not in found:
                    raise Trouble(f"{name}: {path} is a hard link to {original}, which is left out: leave out both (DROPPED_FILES)")
                target.unlink(missing_ok=True)
                os.link(root / original[1:], target)
                found[path] = found[original]._replace(path=path)
            elif member.isreg():
                target.unlink(missing_ok=True)
                with open(target, "wb") as file:
                    shutil.copyfileobj(archive.extractfile(member), file, 1 << 20)
                found[path] = Entry(path, _mode(member), config=old in conffiles)
                os.utime(target, (member.mtime, member.mtime))
            if old != path and old.startswith(("/bin/", "/sbin/")) and path in found:
                provides.append(old)
    if dump.wait():
        raise Trouble(f"{deb} cannot be unpacked: delete it and try again")
    for path, link in LINKS.get(name, ()):
        target = root / path[1:]
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(link, target)
        found[path] = Entry(path, None)
        if path == "/usr/bin/sh":
            provides.append("/bin/sh")
    if name in JOINED:
        _join(root, found, *JOINED[name], newest)
    _compile(root, found, newest)
    entries = list(found.values()) + _folders(root, found, folders, owned)
    return Tree(sorted(entries), sorted(set(provides)), copyright_text, newest)


def _join(root: Path, found: Dict[str, Entry], path: str, folder: str, time: int) -> None:
    """Makes one file of all below a folder, in the order of their names."""
    target = root / path[1:]
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "wb") as out:
        for part in sorted(other for other in found if other.startswith(folder)):
            out.write((root / part[1:]).read_bytes())
            (root / part[1:]).unlink()
            del found[part]
    os.utime(target, (time, time))
    found[path] = Entry(path, 0o644)


def _compile(root: Path, found: Dict[str, Entry], time: int) -> None:
    """Compiles Python's modules, as RPM distributions do: an emulated machine would spend its time on that at every start.

    Only Python 3.11 writes what Python 3.11 reads; a machine that has another makes a distribution that starts Python slowly.
    """
    if sys.version_info[:2] != (3, 11):
        return
    module = re.compile(r"/usr/lib/python3.*\.py$")
    for path in [entry.path for entry in found.values() if entry.mode is not None and module.match(entry.path)]:
        name = posixpath.basename(path)[:-3]
        compiled = posixpath.join(posixpath.dirname(path), "__pycache__", f"{name}.cpython-311.pyc")
        # The sources do not change: no look at their times.
        py_compile.compile(str(root / path[1:]), str(root / compiled[1:]), dfile=path, doraise=True,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        os.utime(root / compiled[1:], (time, time))
        found[compiled] = Entry(compiled, 0o644)


MERGED_LINKS = frozenset("/usr/" + name for name in MERGED) | frozenset("/" + name for name in MERGED)


def _link(old: str, path: str, target: str) -> str:
    """A moved link's target: one that climbs is counted again from the new place."""
    if old == path or target.startswith("/") or ".." not in target.split("/"):
        return target
    absolute = merged(posixpath.normpath(posixpath.join(posixpath.dirname(old), target)))
    return posixpath.relpath(absolute, posixpath.dirname(path))


def _mode(member: tarfile.TarInfo) -> int:
    mode = member.mode & _PERMISSIONS & ~0o2000
    return mode & ~0o4000 if member.uid else mode


def _folders(root: Path, found: Dict[str, Entry], folders: Dict[str, int], owned: Set[str]) -> List[Entry]:
    """The folders that the package owns: parents of what it has, and those that it has for their own sake."""
    kept: Set[str] = set()
    for path in found:
        while path != "/":
            path = posixpath.dirname(path)
            kept.add(path)
    for path in folders:
        alone = not any(other.startswith(path + "/") for other in folders) and not (path + "/").startswith(DROPPED_FOLDERS)
        if alone and path.startswith(("/var/", "/etc/", "/usr/lib/rpm")):
            kept.add(path)
            (root / path[1:]).mkdir(parents=True, exist_ok=True)
    return [Entry(path, folders.get(path, 0o755), directory=True) for path in sorted(kept - owned - {"/"})]
