"""The wanted keys of a command, taken one by one and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from bridge.core.commands import Turn
from bridge.core.model import Json

_WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)

_Word = TypeVar("_Word", bound=StrEnum)

TURNS = {
    "on": Turn.ON,
    "off": Turn.OFF,
    "toggle": Turn.TOGGLE,
    "true": Turn.ON,
    "false": Turn.OFF,
    "1": Turn.ON,
    "0": Turn.OFF,
}
"""Words for an output, in lower case."""

FLAGS = {word: turn for word, turn in TURNS.items() if turn is not Turn.TOGGLE}
"""The same for what is only switched on or off."""


class RefusedError(Exception):
    """The instruction cannot be followed; `status` is the result word, the text says why."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status


class Wanted:
    """Takes the wanted keys one by one, and knows at the end which were not understood.

    A key that is not there gives None; a value that does not fit raises `RefusedError`.
    """

    def __init__(self, wanted: Mapping[str, Json]) -> None:
        self._left = dict(wanted)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def choice(self, key: str, words: Mapping[str, _Word]) -> _Word | None:
        """One of some words, in any case."""
        if key not in self._left:
            return None
        value = self._left.pop(key)
        if isinstance(value, bool | int | float):
            value = str(value)
        word = words.get(value.strip().lower()) if isinstance(value, str) else None
        if word is None:
            known = ", ".join(sorted({str(item) for item in words.values()}))
            raise RefusedError("invalid", f"{key}: must be one of {known}")
        return word

    def flag(self, key: str) -> bool | None:
        """On or off, in all the words for it."""
        turn = self.choice(key, FLAGS)
        return None if turn is None else turn is Turn.ON

    def number(self, key: str, lowest: float, highest: float) -> float | None:
        """A JSON number within limits, both included."""
        if key not in self._left:
            return None
        value = self._left.pop(key)
        if not is_number(value) or not lowest <= value <= highest:
            raise RefusedError("invalid", f"{key}: must be a number{_range(lowest, highest)}")
        return float(value)

    def decimal(self, key: str, lowest: float, highest: float) -> float | None:
        """The same, and a text that is a number is one."""
        self._read(key, _DECIMAL)
        return self.number(key, lowest, highest)

    def whole(self, key: str, lowest: float, highest: float) -> int | None:
        """The same, rounded to a whole number."""
        self._read(key, _WHOLE)
        found = self.number(key, lowest, highest)
        return None if found is None else round(found)

    def place(self, key: str, words: Sequence[str]) -> int | None:
        """The place of one of some words, in any case; or the place itself, from 0."""
        value = self._left.get(key)
        places = {word.lower(): place for place, word in enumerate(words)}
        if isinstance(value, str) and value.strip().lower() in places:
            self._left[key] = places[value.strip().lower()]
        try:
            return self.whole(key, 0, len(words) - 1)
        except RefusedError:
            known = ", ".join(words)
            raise RefusedError("invalid", f"{key}: must be one of {known}, or its number") from None

    def _read(self, key: str, form: re.Pattern[str]) -> None:
        value = self._left.get(key)
        if isinstance(value, str) and form.fullmatch(value):
            self._left[key] = float(value)

    def mapping(self, key: str) -> dict[str, Json] | None:
        """An object."""
        if key not in self._left:
            return None
        value = self._left.pop(key)
        if not isinstance(value, dict):
            raise RefusedError("invalid", f"{key}: must be an object")
        return value

    def text(self, key: str, longest: int) -> str | None:
        """A text of at most so many characters."""
        if key not in self._left:
            return None
        value = self._left.pop(key)
        if not isinstance(value, str) or len(value) > longest:
            raise RefusedError("invalid", f"{key}: must be a text of at most {longest} characters")
        return value

    def take_null(self, key: str) -> bool:
        """Whether null is wanted; then that is all that is wanted of it."""
        if self._left.get(key, "") is not None:
            return False
        del self._left[key]
        return True

    def end(self) -> None:
        """Refuse what was not understood."""
        for key in self._left:
            raise RefusedError("invalid", f"{key[:64]}: not known here")


def missing(key: str) -> RefusedError:
    """What to raise when there is nothing to do."""
    return RefusedError("invalid", f"{key}: missing")


def is_number(value: Json) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range(lowest: float, highest: float) -> str:
    above = "" if math.isinf(lowest) else f" from {lowest:g}"
    below = "" if math.isinf(highest) else f" up to {highest:g}"
    return above + below.replace(" up", "") if above else below
