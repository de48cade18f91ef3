"""A partial status laid over what is known.

Objects are merged member by member, arrays are replaced as a whole, `null` is kept as a value
that is unknown, and the cloud's `[]` stands for an empty object where an object is known.
(Shelly docs, Gen2 notifications; Shelly's own servers merge the same way.)

Nothing is changed in place: what was read from an old value stays true.
"""

from __future__ import annotations

from bridge.core.model import Json

_WHOLE = frozenset({"available_updates"})
"""Objects that are always told whole: what is no longer in them is no longer so."""


def merged(known: Json, part: Json) -> Json:
    """`part` laid over `known`; the very same object as `known` if that changes nothing."""
    if isinstance(known, dict):
        if isinstance(part, dict):
            return _overlay(known, part)
        if part == []:
            return known
    if known == part and type(known) is type(part):
        return known
    return part


def _overlay(known: dict[str, Json], part: dict[str, Json]) -> dict[str, Json]:
    result = known
    for key, value in part.items():
        old = known.get(key, _MISSING)
        if old == value and type(old) is type(value):
            continue
        new = value if key in _WHOLE else merged(old, value)
        if new is not old:
            if result is known:
                result = known.copy()
            result[key] = new
    return result


class _Missing:
    __slots__ = ()


_MISSING = _Missing()
