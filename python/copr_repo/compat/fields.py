"""Attributes that take what createrepo_c's take, and nothing else."""

from __future__ import annotations

from typing import Any, Optional, Union, overload

_Text = Union[str, bytes, None]


def text(value: object) -> Optional[str]:
    """A text or ``None``; raises ``TypeError`` of anything else."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError("Unicode, bytes, or None expected!")


def number(value: object) -> int:
    """A number without its fraction; raises ``TypeError`` of what is none."""
    if isinstance(value, (int, float)):
        return int(value)
    raise TypeError("Number expected!")


class Text:
    """An attribute that is a text or ``None``, which it is at first."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Text: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Optional[str]: ...
    def __get__(self, instance: Optional[object], owner: type) -> Union[Text, Optional[str]]:
        if instance is None:
            return self
        found: Optional[str] = instance.__dict__.get(self._name)
        return found

    def __set__(self, instance: object, value: _Text) -> None:
        instance.__dict__[self._name] = text(value)


class Number:
    """An attribute that is a whole number."""

    def __init__(self, first: int = 0) -> None:
        self._first = first

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Number: ...
    @overload
    def __get__(self, instance: object, owner: type) -> int: ...
    def __get__(self, instance: Optional[object], owner: type) -> Union[Number, int]:
        if instance is None:
            return self
        found: int = instance.__dict__.get(self._name, self._first)
        return found

    def __set__(self, instance: object, value: float) -> None:
        instance.__dict__[self._name] = number(value)


class Fields:
    """What has such attributes. A copy is independent of the first."""

    def copy(self) -> Any:
        """Another object with the same values."""
        other = type(self).__new__(type(self))
        other.__dict__.update({name: list(value) if isinstance(value, list) else value for name, value in self.__dict__.items()})
        return other

    def __copy__(self) -> Any:
        return self.copy()
