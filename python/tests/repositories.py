"""Small repositories, written without the package under test."""

import hashlib
import re
from xml.sax.saxutils import quoteattr

COMPARISONS = {"<": "LT", "<=": "LE", "=": "EQ", ">=": "GE", ">": "GT"}


def _evr(text):
    epoch, _, rest = text.rpartition(":")
    version, _, release = rest.partition("-")
    return f'epoch="{epoch or 0}" ver={quoteattr(version)}' + (f" rel={quoteattr(release)}" if release else "")


def _entry(text):
    words = text.split()
    if text.startswith("(") or len(words) != 3:
        return f"<rpm:entry name={quoteattr(text)}/>"
    return f'<rpm:entry name={quoteattr(words[0])} flags="{COMPARISONS[words[1]]}" {_evr(words[2])}/>'


def _package(line):
    """``name-version-release.arch; requires a >= 1, b; provides c; files /bin/x``."""
    nevra, *lists = [part.strip() for part in line.split(";")]
    name, evr, arch = re.fullmatch(r"(.+)-([^-]+-[^-]+)\.(\w+)", nevra).groups()
    kinds = {"provides": [f"{name} = {evr}"]}
    for part in lists:
        kind, _, words = part.partition(" ")
        kinds.setdefault(kind, []).extend(word.strip() for word in words.split(","))
    files = "".join(f"<file>{path}</file>" for path in kinds.pop("files", []))
    entries = "".join(
        f"<rpm:{kind}>{''.join(map(_entry, words))}</rpm:{kind}>" for kind, words in kinds.items()
    )
    return (
        f'<package type="rpm"><name>{name}</name><arch>{arch}</arch><version {_evr(evr)}/>'
        f'<checksum type="sha256" pkgid="YES">{hashlib.sha256(nevra.encode()).hexdigest()}</checksum>'
        f'<summary/><description/><packager/><url/><time file="1" build="1700000000"/>'
        f'<size package="1000" installed="2000" archive="3000"/><location href="{nevra}.rpm"/>'
        f"<format><rpm:license/><rpm:vendor>ACME</rpm:vendor><rpm:group/><rpm:buildhost/>"
        f"<rpm:sourcerpm>{name}-{evr}.src.rpm</rpm:sourcerpm>"
        f'<rpm:header-range start="1" end="2"/>{entries}{files}</format></package>'
    )


def primary(path, *lines):
    """Writes a primary.xml of these packages and returns its path."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns="http://linux.duke.edu/metadata/common" '
        f'xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="{len(lines)}">\n'
        + "\n".join(map(_package, lines))
        + "\n</metadata>\n"
    )
    path.write_text(text)
    return path


def _filelists(listed):
    packages = "".join(
        f'<package pkgid="{hashlib.sha256(nevra.encode()).hexdigest()}" name="x" arch="noarch">'
        f'<version epoch="0" ver="1" rel="1"/>{"".join(f"<file>{path}</file>" for path in paths)}</package>\n'
        for nevra, paths in listed.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<filelists xmlns="http://linux.duke.edu/metadata/filelists" '
        f'packages="{len(listed)}">\n{packages}</filelists>\n'
    )


def folder(path, *lines, listed=None):
    """Writes a repository and returns its path; ``listed`` has files, by NEVRA, that only filelists.xml has."""
    repodata = path / "repodata"
    repodata.mkdir(parents=True, exist_ok=True)
    primary(repodata / "primary.xml", *lines)
    if listed:
        (repodata / "filelists.xml").write_text(_filelists(listed))
    data = ""
    for kind in ("primary", "filelists") if listed else ("primary",):
        content = (repodata / f"{kind}.xml").read_bytes()
        data += (
            f'<data type="{kind}"><checksum type="sha256">{hashlib.sha256(content).hexdigest()}</checksum>'
            f'<location href="repodata/{kind}.xml"/><timestamp>1</timestamp><size>{len(content)}</size></data>'
        )
    (repodata / "repomd.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo">'
        f"<revision>1</revision>{data}</repomd>\n"
    )
    return path
