"""A partial status laid over what is known."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import given

from bridge.core.merge import MOST_STATUS, grows, merged, weight, within_bounds
from bridge.core.model import Json
from tests.core.strategies import JSON, OBJECTS


def test_a_part_of_a_component_leaves_the_rest() -> None:
    known = {"switch:0": {"id": 0, "output": False, "apower": 12.5}}
    part = {"switch:0": {"id": 0, "output": True}}
    assert merged(known, part) == {"switch:0": {"id": 0, "output": True, "apower": 12.5}}


def test_arrays_are_replaced_as_a_whole() -> None:
    assert merged({"relays": [{"ison": True}, {"ison": True}]}, {"relays": [{"ison": False}]}) == {
        "relays": [{"ison": False}]
    }


def test_null_is_kept_as_unknown() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}) == {"a": {"b": None, "c": 2}}


def test_an_empty_array_stands_for_an_empty_object() -> None:
    assert merged({"ble": {"x": 1}}, {"ble": []}) == {"ble": {"x": 1}}


def test_an_object_can_replace_the_empty_array() -> None:
    assert merged({"ble": []}, {"ble": {"x": 1}}) == {"ble": {"x": 1}}


def test_an_array_that_is_not_empty_replaces_an_object() -> None:
    assert merged({"a": {"x": 1}}, {"a": [1]}) == {"a": [1]}


@given(OBJECTS, OBJECTS)
def test_merging_twice_equals_once(known: Json, part: Json) -> None:
    once = merged(known, part)
    assert merged(once, part) == once


@given(OBJECTS, OBJECTS)
def test_nothing_is_changed_in_place(known: Json, part: Json) -> None:
    before = copy.deepcopy(known), copy.deepcopy(part)
    merged(known, part)
    assert (known, part) == before


@given(JSON)
def test_the_same_again_gives_the_same_object(known: Json) -> None:
    assert merged(known, copy.deepcopy(known)) is known


@given(OBJECTS, OBJECTS)
def test_every_member_of_the_part_arrives(known: dict[str, Json], part: dict[str, Json]) -> None:
    result = merged(known, part)
    for key, value in part.items():
        if not isinstance(known.get(key), dict):
            assert result[key] == value
    assert result.keys() == known.keys() | part.keys()


@given(OBJECTS, OBJECTS, OBJECTS)
def test_parts_can_be_put_together_first_where_they_hold_no_arrays(
    known: Json, first: Json, second: Json
) -> None:
    one, two, three = (_without_arrays(value) for value in (known, first, second))
    if not _same_form(one, two, three):
        return
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


def _without_arrays(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_arrays(item) for key, item in value.items()}
    return None if isinstance(value, list) else value


def _same_form(*values: Json) -> bool:
    """Whether no member is an object in one and a plain value in another."""
    keys = {key for value in values for key in value}
    for key in keys:
        members = [value[key] for value in values if key in value]
        if len({isinstance(member, dict) for member in members}) > 1:
            return False
        if isinstance(members[0], dict) and not _same_form(*members):
            return False
    return True


def test_what_is_offered_is_always_told_whole() -> None:
    known = {"uptime": 1, "available_updates": {"stable": {"version": "1.7.1"}}}
    assert merged(known, {"available_updates": []})["available_updates"] == []
    beta = {"beta": {"version": "1.8.0-beta1"}}
    assert merged(known, {"available_updates": beta})["available_updates"] == beta
    assert merged(known, {"uptime": 2})["available_updates"] == known["available_updates"]


# How much room there is


@given(JSON, JSON)
def test_what_does_not_grow_takes_no_more_room(known: Json, part: Json) -> None:
    if not grows(known, part):
        assert weight(merged(known, part)) <= weight(known)
        assert weight(part) <= weight(known)


@pytest.mark.parametrize(
    ("part", "grown"),
    [
        ({"id": 1, "energy": {"total": 2.5}, "name": "x"}, False),
        ({"energy": []}, False),
        ({"new": None}, True),
        ({"energy": {"new": None}}, True),
        ({"id": [1]}, True),
        ({"energy": {"by_minute": [1, 2, 3]}}, True),
        ({"energy": {"by_minute": [[1], 2]}}, True),
        ({"name": "x" * 64}, True),
    ],
)
def test_only_a_part_with_something_new_grows(part: Json, grown: bool) -> None:
    known = {"id": 0, "energy": {"total": 1.5, "by_minute": [1, 2]}, "name": ""}
    assert grows(known, part) is grown


@pytest.mark.parametrize(
    "invent",
    [
        lambda number: {"thing:0": {"deep": {f"member{number}": number}}},
        lambda number: {f"thing:{number}": {"a": 1}},
        lambda number: {"thing:0": {f"x{number}": "x" * 1_000}},
        lambda number: {"thing:0": {f"{number:05}" * 100: 1}},
        lambda number: {"thing:0": {f"list{number}": [[0]] * 50}},
    ],
)
def test_a_status_stays_within_bounds(invent: Callable[[int], dict[str, Json]]) -> None:
    known: dict[str, Json] = {"switch:0": {"output": False}}
    for begin in range(0, 2 * MOST_STATUS, 256):
        part: dict[str, Json] = {}
        for number in range(begin, begin + 256):
            part = merged(part, invent(number))
        known = within_bounds(known, part)
    assert 0 < weight(known) <= MOST_STATUS
    assert within_bounds(known, {"switch:0": {"output": True}})["switch:0"] == {"output": True}
