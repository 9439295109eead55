"""A spec file for a tree of files that is already there, and rpmbuild's call for it."""

from pathlib import Path
from typing import List, NamedTuple, Optional

from .tools import run

# Only ELF dependencies are generated: this file alone makes up the folder that rpmbuild takes its generators from.
ELF_GENERATOR = """%__elf_provides %{_rpmconfigdir}/elfdeps --provides
%__elf_requires %{_rpmconfigdir}/elfdeps --requires
%__elf_magic ^(setuid,? )?(setgid,? )?(sticky )?ELF (32|64)-bit.*$
"""
MACROS = {
    "__os_install_post": "%{nil}", "__spec_install_pre": "%{nil}", "_build_id_links": "none", "debug_package": "%{nil}",
    "_binary_payload": "w3.zstdio", "_unpackaged_files_terminate_build": "0", "_buildhost": "minidistro",
    "use_source_date_epoch_as_buildtime": "1", "clamp_mtime_to_source_date_epoch": "1",
    "_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
}


class Entry(NamedTuple):
    """One path of a package."""
    path: str
    """Absolute."""
    mode: Optional[int]
    """Permission bits; None for a symbolic link."""
    directory: bool = False
    config: bool = False

    def line(self) -> str:
        """Its line in the list of files; quoted, so that neither blanks nor `[` mean anything."""
        attr = f"%attr({f'{self.mode:04o}' if self.mode is not None else '-'}, root, root) "
        kind = "%dir " if self.directory else "%config(noreplace) " if self.config else ""
        return attr + kind + '"' + self.path.replace("%", "%%") + '"'


class Package(NamedTuple):
    """All that goes into a spec file."""
    name: str
    epoch: Optional[str]
    version: str
    release: str
    arch: str
    summary: str
    description: str
    licence: str
    url: str
    requires: List[str]
    provides: List[str]
    scriptlets: str
    entries: List[Entry]
    time: int
    """Seconds since 1970: the build time, and the latest that a file's may be."""
    elf: bool = True
    """Whether ELF files are looked at for dependencies."""


def render(package: Package, file_list: Path) -> str:
    """The spec file's text."""
    tags = [("Name", package.name), ("Epoch", package.epoch), ("Version", package.version), ("Release", package.release),
            ("Summary", _text(package.summary)), ("License", _text(package.licence)), ("URL", _text(package.url)),
            ("Vendor", "minidistro"), ("AutoReqProv", "yes" if package.elf else "no")]
    if package.arch == "noarch":
        tags.append(("BuildArch", "noarch"))
    if package.name != "filesystem":
        # It owns /bin -> usr/bin and the like: rpm would make real folders of them if another came first.
        tags.append(("Requires(pre)", "filesystem"))
    tags += [("Requires", text) for text in package.requires] + [("Provides", text) for text in package.provides]
    head = "\n".join(f"{tag}: {value}" for tag, value in tags if value)
    files = f"%files -f {file_list}" if package.entries else "%files"
    return f"{head}\n\n%description\n{_text(package.description)}\n\n{package.scriptlets}\n{files}\n"


def build(package: Package, root: Path, work: Path, out: Path) -> None:
    """Makes the RPM of `root`'s files in `out`; `work` is scratch space."""
    attributes = work / "fileattrs"
    attributes.mkdir()
    (attributes / "elf.attr").write_text(ELF_GENERATOR)
    listed = work / "files"
    listed.write_text("".join(entry.line() + "\n" for entry in package.entries))
    spec = work / f"{package.name}.spec"
    spec.write_text(render(package, listed))
    macros = dict(MACROS, _topdir=str(work), _rpmdir=str(out), _fileattrsdir=str(attributes), _tmppath=str(work))
    defines = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    # HOME: the user's own macros are not the distribution's.
    run("env", f"HOME={work}", f"SOURCE_DATE_EPOCH={package.time}", "LC_ALL=C.UTF-8", "rpmbuild", "-bb", "--quiet", "--noclean",
        "--nodeps", "--target", package.arch, "--buildroot", str(root), *defines, str(spec))


def _text(text: str) -> str:
    return text.replace("%", "%%")
