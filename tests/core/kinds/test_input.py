"""Inputs and button presses."""

from __future__ import annotations

import pytest
from hypothesis import given

from bridge.core.kinds.input import gen1_presses, press, read_gen1_input, read_input
from bridge.core.model import Json
from tests.core.strategies import JSON


@pytest.mark.parametrize(("state", "shown"), [(True, "ON"), (False, "OFF"), (None, None)])
def test_an_input_of_gen2(state: Json, shown: str | None) -> None:
    assert read_input({"id": 0, "state": state}) == {"state": shown}


def test_a_button_has_no_state() -> None:
    assert read_input({"id": 0}) == {"state": None}


def test_an_analog_input_and_a_counter() -> None:
    component = {"id": 2, "percent": 42.5, "freq": 12, "counts": {"total": 7}}
    assert read_input(component) == {
        "state": None,
        "percent": 42.5,
        "frequency": 12,
        "counts": {"total": 7},
    }


def test_an_input_of_gen1() -> None:
    assert read_gen1_input({"input": 1, "event": "SS", "event_cnt": 4, "last_sequence": ""}) == {
        "state": "ON",
        "last_event": "double",
        "event_count": 4,
        "last_sequence": "",
    }
    assert read_gen1_input({"event": ""}) == {"state": None, "last_event": None}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("S", "single"),
        ("SS", "double"),
        ("SSS", "triple"),
        ("L", "long"),
        ("SL", "single_long"),
        ("LS", "long_single"),
    ],
)
def test_a_press_of_gen1_is_a_change_of_its_counter(event: str, told: str) -> None:
    before = [{"event": "", "event_cnt": 3}, {"event": "S", "event_cnt": 9}]
    after = [{"event": event, "event_cnt": 4}, {"event": "S", "event_cnt": 9}]
    assert gen1_presses(before, after) == [(0, told)]


def test_a_counter_that_starts_anew_is_a_press_too() -> None:
    old, new = [{"event": "S", "event_cnt": 900}], [{"event": "S", "event_cnt": 1}]
    assert gen1_presses(old, new) == [(0, "single")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, [{"event": "S", "event_cnt": 1}]),
        ([{"event": "S", "event_cnt": 1}], None),
        ([{"event": "S", "event_cnt": 1}], [{"event": "S", "event_cnt": 1}]),
        ([{"event": "", "event_cnt": 1}], [{"event": "", "event_cnt": 2}]),
        ([{"event": "S"}], [{"event": "S", "event_cnt": 2}]),
        ([{"event_cnt": 1}], [{"event": 5, "event_cnt": 2}]),
        ([5], [{"event": "S", "event_cnt": 2}]),
        ([], [{"event": "S", "event_cnt": 2}]),
    ],
)
def test_anything_else_is_no_press(old: Json, new: Json) -> None:
    assert gen1_presses(old, new) == []


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("S", "single_push"),
        ("SS", "double_push"),
        ("SSS", "triple_push"),
        ("L", "long_push"),
        ("SL", "single_long_push"),
        ("LS", "long_single_push"),
        ("", None),
        ("X", None),
        (None, None),
        (1, None),
    ],
)
def test_a_press_of_gen2_as_the_cloud_writes_it(event: Json, told: str | None) -> None:
    assert press({"id": 0, "ev": event, "ttl": 1}) == told


@given(JSON, JSON)
def test_nothing_makes_them_stumble(old: Json, new: Json) -> None:
    gen1_presses(old, new)
    press(new)
