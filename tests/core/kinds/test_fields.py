"""Conversions between what Shelly writes and what the bridge publishes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.kinds import fields
from bridge.core.kinds.fields import GENERIC, Field, Table, whole
from bridge.core.model import Json
from tests.core.strategies import JSON


@pytest.mark.parametrize(("value", "flag"), [(True, True), (0, False), (1.0, True), ("true", True)])
def test_shelly_writes_flags_in_many_ways(value: Json, flag: bool) -> None:
    assert fields.boolean(value) is flag


@pytest.mark.parametrize("value", [None, "yes", 2, [], {}])
def test_anything_else_is_no_flag(value: Json) -> None:
    assert fields.boolean(value) is None
    assert fields.on_off(value) is None


def test_on_and_off_are_upper_case() -> None:
    assert [fields.on_off(value) for value in (True, False, 1, "false")] == [
        *("ON", "OFF", "ON", "OFF")
    ]


@pytest.mark.parametrize("value", [None, "5", True, [], {}])
def test_only_numbers_are_measured(value: Json) -> None:
    assert fields.number(value) is None
    assert fields.kwh_from_wh(value) is None
    assert fields.kwh_from_watt_minutes(value) is None


@pytest.mark.parametrize(("value", "share"), [(0, 0), (100, 100), (42.5, 42.5)])
def test_a_share_is_0_to_100(value: Json, share: float) -> None:
    assert fields.percent(value) == share


@pytest.mark.parametrize("value", [-1, 101, 100.1, None, "50", True])
def test_outside_of_that_it_is_unknown(value: Json) -> None:
    assert fields.percent(value) is None


@pytest.mark.parametrize(
    ("energy", "kwh"), [(0, 0.0), (999.999, 0.999), (1234.567, 1.234), (1_000_000, 1000.0)]
)
def test_energy_of_gen2_is_in_watt_hours(energy: float, kwh: float) -> None:
    assert fields.kwh_from_wh(energy) == kwh


@pytest.mark.parametrize(
    ("energy", "kwh"), [(0, 0.0), (59, 0.0), (60, 0.001), (90_059, 1.5), (90_060, 1.501)]
)
def test_energy_of_gen1_is_in_watt_minutes(energy: float, kwh: float) -> None:
    assert fields.kwh_from_watt_minutes(energy) == kwh


@given(st.floats(0, 1e12) | st.integers(0, 10**15))
def test_energy_is_floored_to_a_watt_hour(energy: float) -> None:
    shown = fields.kwh_from_wh(energy)
    assert shown is not None
    assert 0 <= energy - shown * 1000 < 1.001 or math.isclose(energy, shown * 1000)
    assert round(shown, 3) == shown


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_more_energy_never_looks_like_less(one: float, two: float) -> None:
    less, more = sorted((one, two))
    for convert in (fields.kwh_from_wh, fields.kwh_from_watt_minutes):
        before, after = convert(less), convert(more)
        assert before is not None
        assert after is not None
        assert before <= after


def test_errors_are_words() -> None:
    assert fields.words(["overtemp", 5, None, "overpower"]) == ["overtemp", "overpower"]
    assert fields.words("overtemp") == []
    assert fields.words(None) == []


TABLE = Table(
    fields=(
        Field("state", ("output",), fields.on_off),
        Field("energy", ("aenergy", "total"), fields.kwh_from_wh, "kWh"),
    ),
    dropped=frozenset({"errors"}),
)


def test_a_table_renames_converts_and_passes_on() -> None:
    component = {"id": 0, "output": True, "aenergy": {"total": 5000}, "tag": "x", "errors": ["e"]}
    assert TABLE.read(component) == {"state": "ON", "energy": 5.0, "tag": "x"}


def test_what_is_absent_gives_no_key() -> None:
    assert TABLE.read({"aenergy": {"by_minute": []}}) == {}
    assert TABLE.read({"aenergy": None, "output": None}) == {"state": None}


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_an_unknown_kind_keeps_its_members(component: dict[str, Json]) -> None:
    expected = {key: value for key, value in component.items() if key not in ("id", "_attrs")}
    assert GENERIC.read({**component, "id": 3, "_attrs": {}}) == expected


def test_a_component_without_a_number_keeps_its_id() -> None:
    assert whole({"id": "x", "_attrs": 1, "uptime": 5}) == {"id": "x", "uptime": 5}
