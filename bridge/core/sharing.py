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
"""Values that are remembered; the least used are forgotten first."""

_FEW = 2
"""Members of a component that is likely to be the same for many devices."""


def alike(value: Json) -> Json:
    """The same value; all that are equal, and of equal types, are one object."""
    return _read(jsontext.dump(value))


def compact(value: Json) -> Json:
    """The same value; what many devices have in common is one object: names of members, flags."""
    if isinstance(value, dict):
        if len(value) <= _FEW and all(
            item is None or type(item) is bool for item in value.values()
        ):
            return alike(value)
        return {intern(key): compact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [compact(item) for item in value] if value else alike(value)
    return value


def same(texts: _Texts) -> _Texts:
    """The same tuple or set of texts, however deep; all that are equal are one object."""
    found: _Texts = _same(texts)
    return found


@lru_cache(_MOST)
def _same(texts: Hashable) -> Any:
    return texts


@lru_cache(_MOST)
def _read(text: str) -> Json:
    return json.loads(text, object_pairs_hook=_named)


def _named(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    return {intern(key): value for key, value in pairs}
