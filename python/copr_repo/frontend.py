"""The user, as the commands see them: texts to show, questions to answer."""

from __future__ import annotations

from typing import Protocol

from ._native import Error


class CommandError(Error):
    """A command cannot be carried out; the message is for the user."""


class Frontend(Protocol):
    """The user, as the commands see them."""

    def info(self, text: str) -> None:
        """A result."""

    def notice(self, text: str) -> None:
        """A warning or an explanation, not for scripts."""

    def confirm(self, question: str) -> bool:
        """Yes or no, as -y and --assumeno have it."""
