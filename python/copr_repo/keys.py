"""Whether a key file still vouches for packages, as gpg sees it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from typing import Optional

from ._native import Error
from .messages import _

LARGEST_KEY = 256 << 10
"""Most bytes of a key file that are read."""
_LONGEST = 20
"""Seconds that gpg may take."""


class CannotCheck(Error):
    """There is no gpg here, or it does not end."""


def problem(data: bytes) -> Optional[str]:
    """What is wrong with the keys of a file, as a part of a sentence, or ``None``; raises ``CannotCheck``.

    One key that is good is enough: a project that has changed its key offers the old one as well.
    """
    program = shutil.which("gpg") or shutil.which("gpg2")
    if program is None:
        raise CannotCheck(_("gpg is not installed"))
    with tempfile.TemporaryDirectory(prefix="copr-keys-") as home:
        command = [
            program, "--batch", "--no-options", "--homedir", home, "--no-autostart", "--with-colons", "--fixed-list-mode",
            "--show-keys",
        ]
        try:
            done = subprocess.run(
                command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_LONGEST, check=False,
                env={**os.environ, "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired as error:
            raise CannotCheck(_("gpg does not end")) from error
        except OSError as error:
            raise CannotCheck(f"gpg: {error.strerror}") from error
    found = [line.split(":") for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith("pub:")]
    if not found:
        return _("is no OpenPGP key")
    problems = [_problem(fields) for fields in found]
    return None if None in problems else problems[0]


def _problem(fields: list[str]) -> Optional[str]:
    """Of one primary key (fields as in GnuPG's doc/DETAILS)."""
    validity, expires = fields[1], fields[6] if len(fields) > 6 else ""
    if validity == "r":
        return _("is revoked")
    if expires.isdigit() and int(expires) <= time.time():
        return _("expired on {day}").format(day=time.strftime("%Y-%m-%d", time.gmtime(min(int(expires), 1 << 40))))
    return _("expired") if validity == "e" else None
