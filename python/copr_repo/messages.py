"""Texts for the user, in the user's language."""

from __future__ import annotations

import gettext

_translations = gettext.translation("dnf-plugin-copr", fallback=True)


def _(text: str) -> str:
    """The translation of an English text, or the text."""
    return _translations.gettext(text)
