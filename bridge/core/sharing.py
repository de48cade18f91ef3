"""Equal values as one object, so that a thousand devices of a model cost little more than one.

Right only since nothing in the core is changed in place.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from functools import lru_cache
from sys import intern
from typing import Any, TypeVar

from bridge.core import jsontext
from bridge.core.model import Json

_Texts = TypeVar("_Texts", bound=Hashable)

_MOST = 8_192
"""Texts that are remembered; the least used are forgotten first."""

_MOST_VALUES = 1_024
"""The same of single values and small objects; many of them are no other device's."""

_FEW = 2
"""Members of an object that is likely to be the same for many devices."""

_LONGEST = 64
"""Characters of a word that is likely to be the same for many devices."""

_NO_TEXT = frozenset({type(None), bool, int, float})

_ZERO = 0.0


def alike(value: Json) -> Json:
    """The same value; all that are equal, and of equal types, are one object."""
    return _read(jsontext.dump(value))


def compact(value: Json) -> Json:
    """The same value; what many devices have in common is one object.

    That is names of members, flags, and numbers, words and small objects that came before.
    """
    if isinstance(value, dict):
        if len(value) <= _FEW and _NO_TEXT.issuperset(map(type, value.values())):
            return alike(value)
        return {intern(key): compact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [compact(item) for item in value] if value else alike(value)
    if value == 0 and type(value) is float:
        return value if str(value)[0] == "-" else _ZERO
    return value if isinstance(value, str) and len(value) > _LONGEST else _single(value)


def same(texts: _Texts) -> _Texts:
    """The same tuple or set of texts, however deep; all that are equal are one object."""
    found: _Texts = _same(texts)
    return found


@lru_cache(_MOST)
def _same(texts: Hashable) -> Any:
    return texts


@lru_cache(_MOST_VALUES, typed=True)
def _single(value: Json) -> Json:
    return value


@lru_cache(_MOST_VALUES)
def _read(text: str) -> Json:
    return json.loads(text, object_pairs_hook=_named)


def _named(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    return {intern(key): value for key, value in pairs}
