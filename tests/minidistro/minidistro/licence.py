"""A package's licence, from Debian's machine-readable copyright file."""

import re

from .apt import fields

UNKNOWN = "Unknown"
_FAMILY = re.compile(r"^(?P<name>L?GPL|AGPL|GFDL)-?v?(?P<version>\d(?:\.\d)?)(?P<later>\+?)$", re.I)
_PLAIN = {"expat": "MIT", "mit": "MIT", "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "zlib": "Zlib",
          "apache-2.0": "Apache-2.0", "public-domain": "LicenseRef-Public-Domain", "pd": "LicenseRef-Public-Domain"}


def from_copyright(text: str) -> str:
    """The SPDX expression of the paragraph for all files (`Files: *`), or `Unknown` when it does not say."""
    if "Format:" not in text[:2000]:
        return UNKNOWN
    for paragraph in fields(text):
        if "*" in paragraph.get("files", "").split():
            short = paragraph.get("license", "").splitlines()[:1]
            return _expression(short[0]) if short else UNKNOWN
    return UNKNOWN


def _expression(short: str) -> str:
    words = re.split(r"\s+(and|or)\s+", short.strip().replace(",", ""))
    return " ".join(word.upper() if word in ("and", "or") else _one(word) for word in words) or UNKNOWN


def _one(short: str) -> str:
    match = _FAMILY.match(short.strip())
    if match:
        version = match["version"] if "." in match["version"] else match["version"] + ".0"
        return f"{match['name'].upper()}-{version}-{'or-later' if match['later'] else 'only'}"
    return _PLAIN.get(short.lower(), re.sub(r"[^A-Za-z0-9.+-]+", "-", short.strip()) or UNKNOWN)
