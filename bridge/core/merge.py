"""A partial status laid over what is known.

Objects are merged member by member, arrays are replaced as a whole, `null` is kept as a value
that is unknown, and the cloud's `[]` stands for an empty object where an object is known.
(Shelly docs, Gen2 notifications; Shelly's own servers merge the same way.)

Nothing is changed in place: what was read from an old value stays true.
"""

from __future__ import annotations

from bridge.core.model import Json

MOST_MEMBERS = 512
"""More members, at whatever depth, than any component has."""

MOST_STATUS = 16 * MOST_MEMBERS
"""More members than any status has."""

_LONG_TEXT = 64
"""Characters of a text that count as a member."""

_HEAVY = frozenset({dict, list, str})
"""All that JSON has whose values take more or less room."""

_WHOLE = frozenset({"available_updates"})
"""Objects that are always told whole: what is no longer in them is no longer so."""


_MISSING = object()


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


def within_bounds(known: dict[str, Json], part: dict[str, Json]) -> dict[str, Json]:
    """`part` laid over a `known` status; `known` itself if that were more than any status has."""
    result: dict[str, Json] = merged(known, part)
    return known if grows(known, part) and weight(result) > MOST_STATUS else result


def grows(known: Json, new: Json) -> bool:
    """Whether `new`, laid over `known` or put in its place, could weigh more than `known` does.

    What is the very same in both is not looked into, so that few new values cost nearly nothing.
    """
    if isinstance(known, dict) and isinstance(new, dict):
        for key, value in new.items():
            old = known.get(key, _MISSING)
            if old is value:
                continue
            if old is _MISSING or (type(value) in _HEAVY and grows(old, value)):
                return True
        return False
    return type(new) in _HEAVY and weight(new) > weight(known)


def weight(value: Json) -> int:
    """How much room a value takes: its members at every depth, long texts count for several."""
    if isinstance(value, dict):
        own = 0
        for key, item in value.items():
            own += member_weight(key)
            if type(item) in _HEAVY:
                own += weight(item)
        return own
    if isinstance(value, list):
        if _HEAVY.isdisjoint(map(type, value)):
            return len(value)
        return len(value) + sum([weight(item) for item in value])
    return len(value) // _LONG_TEXT if isinstance(value, str) else 0


def member_weight(key: str) -> int:
    """What a member of an object weighs without its value."""
    return 1 + len(key) // _LONG_TEXT


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
