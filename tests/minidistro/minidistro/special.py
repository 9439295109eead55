"""The two packages that no .deb stands for: `filesystem` and `minidistro-release`."""

import os
from pathlib import Path
from typing import Dict, List, Set

from .convert import MERGED
from .spec import Entry, Package

RELEASE = "12"
# Fixed, so that the same sources give the same packages: the day of Debian 12's release.
TIME = 1686355200
BUILDER = 1000
"""User and group id of `mockbuild`, who runs rpmbuild. /builddir is root's: rpm does not know the user before his line is there,
so who starts builds hands it over."""

FOLDERS = """boot builddir dev etc etc/alternatives etc/ld.so.conf.d etc/profile.d etc/rpm etc/security etc/skel home media mnt opt
proc root run srv sys tmp usr usr/bin usr/games usr/include usr/include/x86_64-linux-gnu usr/lib usr/lib/rpm
usr/lib/rpm/macros.d usr/lib/x86_64-linux-gnu usr/lib32 usr/lib64 usr/libexec usr/libx32 usr/local usr/local/bin
usr/local/include usr/local/lib usr/local/sbin usr/local/share usr/sbin usr/share usr/share/info usr/share/man
usr/share/man/man1 usr/src var var/cache var/lib var/lib/rpm var/log var/mail var/opt var/spool var/tmp""".split()
MODES = {"proc": 0o555, "sys": 0o555, "root": 0o700, "tmp": 0o1777, "var/tmp": 0o1777}

PASSWD = f"""root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
mockbuild:x:{BUILDER}:{BUILDER}::/builddir:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = f"""root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
tty:x:5:
mail:x:8:
utmp:x:43:
shadow:x:42:
mock:x:{BUILDER}:
nogroup:x:65534:
"""
OS_RELEASE = f"""NAME="Minidistro"
PRETTY_NAME="Minidistro {RELEASE}"
ID=minidistro
VERSION="{RELEASE}"
VERSION_ID={RELEASE}
"""
RPM_MACROS = """# Debian's rpm keeps its database in the home folder and runs bash to find it.
%_dbpath /var/lib/rpm
%dist .md12
%minidistro 12
"""


def owned_folders() -> Set[str]:
    """Absolute paths of the folders that `filesystem` owns."""
    return {"/" + folder for folder in FOLDERS}


def filesystem(root: Path) -> Package:
    """Folders, the links into /usr, and the users; writes its files below `root`."""
    entries: List[Entry] = []
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
        entries.append(Entry("/" + folder, MODES.get(folder, 0o755), directory=True))
    links = {name: f"usr/{name}" for name in MERGED}
    links.update({"var/run": "../run", "var/lock": "../run/lock"})
    for place, target in links.items():
        os.symlink(target, root / place)
        entries.append(Entry("/" + place, None))
    files = {"etc/passwd": PASSWD, "etc/group": GROUP, "etc/shells": "/bin/sh\n/bin/bash\n",
             "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
             "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
             "etc/profile": "export PATH=/usr/bin:/bin:/usr/sbin:/sbin\n"}
    entries += _write(root, files)
    return _package("filesystem", "The folders, links and users that every other package builds on", entries, [])


def release(root: Path) -> Package:
    """What the distribution is, rpm's macros and the loader's folders; writes its files below `root`."""
    files = {"usr/lib/os-release": OS_RELEASE, "usr/lib/rpm/macros.d/macros.minidistro": RPM_MACROS,
             "etc/ld.so.conf.d/lib64.conf": "# %_libdir of rpm packages\n/usr/lib64\n",
             "etc/minidistro-release": f"Minidistro release {RELEASE}\n"}
    entries = _write(root, files)
    os.symlink("../usr/lib/os-release", root / "etc/os-release")
    entries.append(Entry("/etc/os-release", None))
    provides = [f"system-release = {RELEASE}", f"system-release({RELEASE})", f"base-files = {RELEASE}"]
    return _package("minidistro-release", "What this distribution is called, and its settings for rpm and the loader",
                    entries, provides)


def _write(root: Path, files: Dict[str, str]) -> List[Entry]:
    for place, text in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)
        os.utime(root / place, (TIME, TIME))
    return [Entry("/" + place, 0o644, config=place.startswith("etc/")) for place in files]


def _package(name: str, summary: str, entries: List[Entry], provides: List[str]) -> Package:
    return Package(name=name, epoch=None, version=RELEASE, release="1", arch="x86_64", summary=summary,
                   description=summary + ".", licence="Apache-2.0 OR MIT", url="", requires=[], provides=provides,
                   scriptlets="", entries=sorted(entries), time=TIME, elf=False)
