"""Rollers, in the words of Home Assistant's covers."""

from __future__ import annotations

import pytest

from bridge.core.kinds.roller import read_cover, read_gen1_roller
from bridge.core.model import Json
from tests.core import payloads


def test_a_cover_of_gen2() -> None:
    values = read_cover(payloads.cover(slat_pos=30))
    expected = {
        "state": "stopped",
        "position": 40,
        "target": None,
        "slat_position": 30,
        "calibrated": True,
        "calibrating": False,
        "obstruction": False,
        "last_direction": "open",
        "energy": 0.088,
        "errors": [],
    }
    assert expected.items() <= values.items()
    assert not {"current_pos", "target_pos", "pos_control"} & values.keys()


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("open", "open"),
        ("opening", "opening"),
        ("closed", "closed"),
        ("closing", "closing"),
        ("stopped", "stopped"),
        ("calibrating", "stopped"),
        ("flying", None),
        (None, None),
        (5, None),
        (["open"], None),
    ],
)
def test_the_state_of_a_cover(state: Json, shown: str | None) -> None:
    values = read_cover(payloads.cover(state=state))
    assert values["state"] == shown
    assert values["calibrating"] is (state == "calibrating")


@pytest.mark.parametrize("current", [101, -1, 50, None])
def test_an_uncalibrated_cover_has_no_position(current: Json) -> None:
    values = read_cover(payloads.cover(pos_control=False, current_pos=current))
    assert values["position"] is None
    assert values["calibrated"] is False


def test_a_cover_without_a_position_says_null() -> None:
    component = payloads.cover()
    del component["current_pos"]
    assert read_cover(component)["position"] is None


def test_an_obstruction_of_a_cover() -> None:
    values = read_cover(payloads.cover(errors=["obstruction", "overpower"]))
    assert values["obstruction"] is True
    assert values["errors"] == ["obstruction", "overpower"]


def gen1(**members: Json) -> dict[str, Json]:
    return read_gen1_roller(payloads.gen1_roller(**members)["rollers"][0])


@pytest.mark.parametrize(
    ("moving", "position", "state"),
    [
        ("stop", 100, "open"),
        ("stop", 0, "closed"),
        ("stop", 33, "stopped"),
        ("stop", 101, "stopped"),
        ("open", 33, "opening"),
        ("close", 33, "closing"),
        ("fly", 33, None),
        (None, 33, None),
        ([], 0, None),
    ],
)
def test_the_state_of_gen1_is_the_direction_of_travel(
    moving: Json, position: Json, state: str | None
) -> None:
    assert gen1(state=moving, current_pos=position)["state"] == state


def test_a_roller_of_gen1() -> None:
    values = gen1()
    expected = {"position": 100, "calibrated": True, "obstruction": False, "power": 0.0}
    assert expected.items() <= values.items()
    assert values["errors"] == []


@pytest.mark.parametrize("position", [101, -1, 50])
def test_an_uncalibrated_roller_has_no_position(position: Json) -> None:
    values = gen1(positioning=False, current_pos=position)
    assert (values["position"], values["calibrated"]) == (None, False)
    assert values["state"] == "stopped"


def test_a_position_that_is_not_known_is_null_even_if_it_calls_itself_calibrated() -> None:
    assert gen1(current_pos=101)["position"] is None
    assert gen1(current_pos=-1)["position"] is None


def test_an_obstruction_of_gen1() -> None:
    values = gen1(stop_reason="obstacle", overtemperature=True)
    assert values["obstruction"] is True
    assert values["errors"] == ["overtemp"]
