"""Inputs and button presses."""

from __future__ import annotations

import pytest
from hypothesis import given

from bridge.core.kinds.input import GEN1_INPUT, GEN2_INPUT, gen1_presses, press
from bridge.core.model import Json
from tests.core.kinds.reads import channels, only, values
from tests.core.strategies import JSON


@pytest.mark.parametrize(("state", "shown"), [(True, "ON"), (False, "OFF")])
def test_an_input_of_gen2(state: Json, shown: str) -> None:
    assert GEN2_INPUT.read({"id": 0, "state": state}) == {"state": shown, "type": "switch"}


@pytest.mark.parametrize("component", [{"id": 0}, {"id": 0, "state": None}])
def test_a_button_has_no_state(component: dict[str, Json]) -> None:
    assert GEN2_INPUT.read(component) == {"state": None, "type": "button"}


def test_an_analog_input() -> None:
    assert GEN2_INPUT.read({"id": 2, "percent": 42.5, "xpercent": 8.5}) == {
        "state": None,
        "type": "analog",
        "percent": 42.5,
        "value": 8.5,
    }


def test_a_counter() -> None:
    counts = {"total": 7, "xtotal": 0.7, "by_minute": [1, 2, 3], "minute_ts": 1_790_000_000}
    assert GEN2_INPUT.read({"id": 2, "counts": counts, "freq": 12, "xfreq": 1.2}) == {
        "state": None,
        "type": "count",
        "count": 7,
        "count_value": 0.7,
        "frequency": 12,
        "frequency_value": 1.2,
    }


@pytest.mark.parametrize("told", ["switch", "button", "analog", "count"])
def test_the_settings_know_the_type_best(told: str) -> None:
    status = {"input:0": {"id": 0, "state": None}}
    assert values(status, "input/0", type=told)["type"] == told
    assert values(status, "input/0", type="lever")["type"] == "button"


def test_a_button_has_no_state_to_show() -> None:
    for told, platform in (("switch", "binary_sensor"), ("button", None), ("count", None)):
        found = channels({"input:0": {}}, facts={"input:0": {"type": told}})["input/0"]
        (state,) = (field for field in found.fields if field.key == "state")
        assert (state.entity.platform if state.entity else None) == platform


def test_an_input_of_gen1() -> None:
    assert GEN1_INPUT.read({"input": 1, "event": "SS", "event_cnt": 4, "last_sequence": ""}) == {
        "state": "ON",
        "type": "switch",
        "last_event": "double",
        "event_count": 4,
        "last_sequence": "",
    }
    assert GEN1_INPUT.read({"event": ""}) == {
        "state": None,
        "type": "switch",
        "last_event": None,
    }


def test_a_switch_on_gen1_s_add_on_has_the_number_that_gen2_would_give_it() -> None:
    status = {"ext_switch": {"0": {"input": 1}}}
    assert only(status) == ("input/100", {"state": "ON", "type": "switch"})


def test_a_button_that_only_shows_in_its_presses_is_an_input() -> None:
    assert only({"v_eve:2": {"id": 2, "ev": "S", "ttl": 1}}) == (
        "input/2",
        {"state": None, "type": "button"},
    )
    found = channels({"v_eve:2": {}}, facts={"input:2": {"type": "button"}})
    assert found["input/2"].facts == {"type": "button"}


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
