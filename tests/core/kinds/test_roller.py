"""Rollers, in the words of Home Assistant's covers."""

from __future__ import annotations

import pytest

from bridge.core.kinds.roller import COVER, GEN1_ROLLER
from bridge.core.model import Json
from tests.core import payloads
from tests.core.kinds.reads import Status, channels, values


def test_a_cover_of_gen2() -> None:
    read = COVER.read(payloads.cover(slat_pos=30))
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
    assert expected.items() <= read.items()
    assert not {"current_pos", "target_pos", "pos_control"} & read.keys()


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
    read = COVER.read(payloads.cover(state=state))
    assert read["state"] == shown
    assert read["calibrating"] is (state == "calibrating")


@pytest.mark.parametrize("current", [101, -1, 50, None])
def test_an_uncalibrated_cover_has_no_position(current: Json) -> None:
    read = COVER.read(payloads.cover(pos_control=False, current_pos=current))
    assert read["position"] is None
    assert read["calibrated"] is False


def test_a_cover_without_a_position_says_null() -> None:
    component = payloads.cover()
    del component["current_pos"]
    assert COVER.read(component)["position"] is None


def test_an_obstruction_of_a_cover() -> None:
    read = COVER.read(payloads.cover(errors=["obstruction", "overpower"]))
    assert read["obstruction"] is True
    assert read["errors"] == ["obstruction", "overpower"]


def gen1(**members: Json) -> dict[str, Json]:
    return GEN1_ROLLER.read(payloads.gen1_roller(**members)["rollers"][0])


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
    read = gen1()
    expected = {"position": 100, "calibrated": True, "obstruction": False, "power": 0.0}
    assert expected.items() <= read.items()
    assert read["errors"] == []


@pytest.mark.parametrize("position", [101, -1, 50])
def test_an_uncalibrated_roller_has_no_position(position: Json) -> None:
    read = gen1(positioning=False, current_pos=position)
    assert (read["position"], read["calibrated"]) == (None, False)
    assert read["state"] == "stopped"


def test_a_position_that_is_not_known_is_null_even_if_it_calls_itself_calibrated() -> None:
    assert gen1(current_pos=101)["position"] is None
    assert gen1(current_pos=-1)["position"] is None


def test_an_obstruction_of_gen1() -> None:
    read = gen1(stop_reason="obstacle", overtemperature=True)
    assert read["obstruction"] is True
    assert read["errors"] == ["overtemp"]


def test_a_direction_that_is_none_is_unknown() -> None:
    assert COVER.read(payloads.cover(last_direction="sideways"))["last_direction"] is None


def test_a_roller_of_gen1_whose_meter_fails() -> None:
    assert gen1(power=0, is_valid=False)["power"] is None
    assert gen1(power=0, is_valid=False)["state"] == "open"


def test_both_directions_of_a_motor_are_metered_for_the_roller() -> None:
    # 600 + 2,460 watt-minutes = 51 Wh.
    status = payloads.gen1_roller()
    status["meters"] = [{"total": 600, "is_valid": True}, {"total": 2_460, "is_valid": "true"}]
    assert values(status, "roller/0")["energy"] == 0.051


@pytest.mark.parametrize("meter", [{"total": 5, "is_valid": False}, {"total": None}, {}, 5])
def test_a_meter_that_is_not_known_makes_no_smaller_sum(meter: Json) -> None:
    status = payloads.gen1_roller()
    status["meters"] = [{"total": 600}, meter]
    assert values(status, "roller/0")["energy"] is None


@pytest.mark.parametrize("status", [payloads.shutter(), payloads.gen1_roller()])
def test_a_roller_that_is_calibrated_can_do_more(status: Status) -> None:
    assert channels(status)["roller/0"].decisive == ("calibrated",)


@pytest.mark.parametrize(
    ("told", "current", "calibrated"),
    [
        ({}, 40, True),
        ({"pos_control": None}, 40, True),
        ({"pos_control": None}, None, None),
        ({"pos_control": False}, 40, False),
        ({"pos_control": True}, None, True),
    ],
)
def test_who_knows_its_position_is_calibrated(
    told: Status, current: Json, calibrated: Json
) -> None:
    component: Status = {"state": "open", "current_pos": current, **told}
    assert COVER.read(component)["calibrated"] is calibrated
    gen1 = {"positioning": told["pos_control"]} if told else {}
    roller: Status = {"state": "stop", "current_pos": current, **gen1}
    assert GEN1_ROLLER.read(roller)["calibrated"] is calibrated


@pytest.mark.parametrize("current", [None, 101, -1])
def test_of_others_it_is_not_known(current: Json) -> None:
    assert "calibrated" not in COVER.read({"state": "open", "current_pos": current})
    assert "calibrated" not in GEN1_ROLLER.read({"state": "stop", "current_pos": current})
