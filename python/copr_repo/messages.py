"""Texts for the user, in the user's language.

As in dnf the environment says which: the first of ``LANGUAGE`` (a list), ``LC_ALL``, ``LC_MESSAGES`` and ``LANG`` that is set.
The catalogue is that of the package, else the system's; without one, texts stay English.
"""

from __future__ import annotations

import gettext
import itertools
import os
import re

DOMAIN = "dnf-plugin-copr"
_OWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "locale")
_ENGLISH = re.compile(r"(en|C|POSIX)([_.@]|\Z)")


def languages() -> list[str]:
    """The user's languages, best first, up to English, which needs no catalogue."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    wanted = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return list(itertools.takewhile(lambda name: not _ENGLISH.match(name), filter(None, wanted.split(":"))))


def load() -> gettext.NullTranslations:
    """The catalogue for the environment as it is now."""
    wanted = languages()
    if not wanted:
        return gettext.NullTranslations()
    found = gettext.translation(DOMAIN, _OWN, wanted, fallback=True)
    found.add_fallback(gettext.translation(DOMAIN, None, wanted, fallback=True))
    return found


_translations = load()


def _(text: str) -> str:
    """The translation of an English text, or the text."""
    return _translations.gettext(text)


def P_(one: str, many: str, number: int) -> str:
    """The translation of an English text for a number of things."""
    return _translations.ngettext(one, many, number)


def N_(text: str) -> str:
    """The text as it is; marks it for those who collect texts. ``_`` translates it where it is shown."""
    return text
