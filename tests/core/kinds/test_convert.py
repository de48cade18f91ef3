"""Conversions between what Shelly writes and what the bridge publishes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.core import jsontext
from bridge.core.kinds import convert
from bridge.core.model import Json
from tests.core.strategies import JSON

HUGE = 10**400
ENDLESS = (math.nan, math.inf, -math.inf, HUGE, -HUGE, 1e300)

CONVERSIONS: list[Callable[[Json], Json]] = [
    convert.number,
    convert.boolean,
    convert.text,
    convert.on_off,
    convert.percent,
    convert.positive,
    convert.celsius,
    convert.gen1_celsius,
    convert.signal,
    convert.kwh_from_wh,
    convert.kwh_from_watt_minutes,
    convert.words,
    convert.one_of("open", "close"),
    convert.moment,
]


@pytest.mark.parametrize("conversion", CONVERSIONS)
@given(value=JSON | st.floats() | st.just(HUGE) | st.just(-HUGE))
@example(value=math.nan)
@example(value={"value": math.inf, "units": "F"})
@example(value={"value": HUGE, "units": "F"})
def test_anything_gives_a_value_that_can_be_published(
    conversion: Callable[[Json], Json], value: Json
) -> None:
    jsontext.dump(conversion(value))


@pytest.mark.parametrize(("value", "flag"), [(True, True), (0, False), (1.0, True), ("true", True)])
def test_shelly_writes_flags_in_many_ways(value: Json, flag: bool) -> None:
    assert convert.boolean(value) is flag


@pytest.mark.parametrize("value", [None, "yes", 2, [], {}])
def test_anything_else_is_no_flag(value: Json) -> None:
    assert convert.boolean(value) is None
    assert convert.on_off(value) is None


def test_on_and_off_are_upper_case() -> None:
    assert [convert.on_off(value) for value in (True, False, 1, "false")] == [
        *("ON", "OFF", "ON", "OFF")
    ]


@pytest.mark.parametrize("value", [None, "5", True, [], {}, *ENDLESS])
def test_only_numbers_are_measured(value: Json) -> None:
    assert convert.number(value) is None
    assert convert.positive(value) is None
    assert convert.celsius(value) is None
    assert convert.kwh_from_wh(value) is None
    assert convert.kwh_from_watt_minutes(value) is None


@pytest.mark.parametrize(("value", "share"), [(0, 0), (100, 100), (42.5, 42.5)])
def test_a_share_is_0_to_100(value: Json, share: float) -> None:
    assert convert.percent(value) == share


@pytest.mark.parametrize("value", [-1, 101, 100.1, None, "50", True])
def test_outside_of_that_it_is_unknown(value: Json) -> None:
    assert convert.percent(value) is None


def test_below_zero_is_unknown_where_nothing_can_be() -> None:
    assert [convert.positive(value) for value in (0, 12.5, -1)] == [0, 12.5, None]


@pytest.mark.parametrize(
    ("value", "degrees"),
    [
        (21.4, 21.4),
        (0, 0),
        (-40, -40),
        (-100, -100),
        # A 1-Wire probe that does not answer, and Shelly's error value.
        (-127, None),
        (999, None),
        (-101, None),
        (5_000, None),
    ],
)
def test_a_temperature_that_cannot_be_is_unknown(value: Json, degrees: float | None) -> None:
    assert convert.celsius(value) == degrees


@pytest.mark.parametrize(
    ("value", "degrees"),
    [
        ({"value": 20.5, "units": "C", "tC": 20.5, "tF": 68.9, "is_valid": True}, 20.5),
        ({"value": 68.9, "units": "F", "tC": 20.5, "tF": 68.9, "is_valid": True}, 20.5),
        ({"value": 68.9, "units": "F", "is_valid": True}, 20.5),
        ({"value": 20.5, "units": "C"}, 20.5),
        ({"tC": 41.0, "tF": 105.8, "is_valid": "true"}, 41.0),
        ({"tC": 0, "tF": 32, "is_valid": False}, None),
        ({"tC": 999.0, "is_valid": True}, None),
        # The error values are the same in °F, where they would be bearable as °C.
        ({"value": 999, "units": "F", "is_valid": True}, None),
        ({"value": -127, "units": "F", "is_valid": True}, None),
        ({"value": 999, "units": "F", "tC": 537.2, "tF": 999, "is_valid": True}, None),
        ({"value": 210.2, "units": "F", "is_valid": True}, 99.0),
        ({"value": None, "units": "F"}, None),
        ({}, None),
        (None, None),
        (20.5, None),
    ],
)
def test_gen1_writes_temperatures_in_three_shapes(value: Json, degrees: float | None) -> None:
    assert convert.gen1_celsius(value) == degrees


def test_a_signal_of_0_was_not_measured() -> None:
    assert [convert.signal(value) for value in (-63, 0, 5, None)] == [-63, None, None, None]


@pytest.mark.parametrize(
    ("energy", "kwh"), [(0, 0.0), (999.999, 0.999), (1234.567, 1.234), (1_000_000, 1000.0)]
)
def test_energy_of_gen2_is_in_watt_hours(energy: float, kwh: float) -> None:
    assert convert.kwh_from_wh(energy) == kwh


@pytest.mark.parametrize(
    ("energy", "kwh"), [(0, 0.0), (59, 0.0), (60, 0.001), (90_059, 1.5), (90_060, 1.501)]
)
def test_energy_of_gen1_is_in_watt_minutes(energy: float, kwh: float) -> None:
    assert convert.kwh_from_watt_minutes(energy) == kwh


@given(st.floats(0, 1e12) | st.integers(0, 10**15))
def test_energy_is_floored_to_a_watt_hour(energy: float) -> None:
    shown = convert.kwh_from_wh(energy)
    assert shown is not None
    assert 0 <= energy - shown * 1000 < 1.001 or math.isclose(energy, shown * 1000)
    assert round(shown, 3) == shown


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_more_energy_never_looks_like_less(one: float, two: float) -> None:
    less, more = sorted((one, two))
    for conversion in (convert.kwh_from_wh, convert.kwh_from_watt_minutes):
        before, after = conversion(less), conversion(more)
        assert before is not None
        assert after is not None
        assert before <= after


def test_errors_are_words() -> None:
    assert convert.words(["overtemp", 5, None, "overpower"]) == ["overtemp", "overpower"]
    assert convert.words("overtemp") == []
    assert convert.words(None) == []


def test_of_a_few_words_all_others_are_unknown() -> None:
    known = convert.one_of("open", "close")
    assert [known(value) for value in ("open", "unknown", 5, None, ["open"])] == [
        *("open", None, None, None, None)
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1_790_000_000, "2026-09-21T14:13:20Z"),
        (1_790_000_000.9, "2026-09-21T14:13:20Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
        (253_402_300_800, None),
        (0, None),
        (-5, None),
        ("1790000000", None),
    ],
)
def test_a_moment_is_iso_8601_in_utc(value: Json, shown: str | None) -> None:
    assert convert.moment(value) == shown
