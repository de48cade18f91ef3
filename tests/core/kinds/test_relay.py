"""Outputs: the same words for every generation."""

from __future__ import annotations

import pytest

from bridge.core.kinds.relay import SWITCH, gen1_errors
from bridge.core.model import Json
from tests.core import payloads
from tests.core.kinds.reads import Status, values


def test_a_switch_of_gen2() -> None:
    component = payloads.switch(0, output=True, apower=61.3, ret_aenergy={"total": 2000.9})
    assert SWITCH.read(component) == {
        "state": "ON",
        "power": 61.3,
        "energy": 1.234,
        "returned_energy": 2.0,
        "voltage": 231.4,
        "current": 0.0,
        "pf": 0.0,
        "frequency": 50.0,
        "temperature": 41.2,
        "source": "init",
        "errors": [],
    }


def test_a_switch_without_a_meter_has_no_power() -> None:
    read = SWITCH.read({"id": 0, "output": False, "source": "init"})
    assert read == {"state": "OFF", "source": "init", "errors": []}


def test_errors_of_a_switch() -> None:
    assert SWITCH.read({"output": False, "errors": ["overtemp"]})["errors"] == ["overtemp"]


def test_a_value_that_could_not_be_measured_is_null() -> None:
    assert SWITCH.read({"output": None, "temperature": {"tC": None}}) == {
        "state": None,
        "temperature": None,
        "errors": [],
    }


def test_members_that_are_new_come_through() -> None:
    component = {"output": True, "timer_started_at": 1790000000, "timer_duration": 60}
    assert SWITCH.read(component)["timer_duration"] == 60


def test_a_relay_of_gen1_with_its_meter() -> None:
    assert values(payloads.gen1_relay(), "relay/0") == {
        "state": "OFF",
        "source": "http",
        "power": 12.5,
        "energy": 1.5,
        "has_timer": False,
        "errors": [],
    }


def test_a_relay_of_gen1_without_one() -> None:
    assert values({"relays": [{"ison": True, "is_valid": True}]}, "relay/0") == {
        "state": "ON",
        "errors": [],
    }


@pytest.mark.parametrize("power", [0, 81.5])
def test_a_relay_of_gen1_whose_meter_is_made_up_has_no_power(power: float) -> None:
    status: Status = {
        "relays": [{"ison": False}],
        "meters": [{"power": power, "is_valid": True}],
    }
    assert values(status, "relay/0") == {"state": "OFF", "errors": []}


@pytest.mark.parametrize("member", [{"total": 0}, {"counters": [0]}, {"timestamp": 5}])
def test_a_meter_that_counts_is_a_real_one(member: Status) -> None:
    status: Status = {"relays": [{}], "meters": [{"power": 5, "is_valid": True, **member}]}
    assert values(status, "relay/0")["power"] == 5


def test_a_relay_of_gen1_whose_meter_fails_still_has_a_state() -> None:
    status = payloads.gen1_relay(meters=[{"power": 0, "total": 0, "is_valid": False}])
    read = values(status, "relay/0")
    assert (read["state"], read["power"], read["energy"]) == ("OFF", None, None)


def test_a_meter_never_speaks_for_the_relay() -> None:
    relay, meter = {"ison": True, "source": "http"}, {"state": 5, "source": 1, "errors": ["x"]}
    read = values({"relays": [relay], "meters": [meter]}, "relay/0")
    assert (read["state"], read["source"], read["errors"]) == ("ON", "http", [])


def test_a_relay_that_is_too_hot_to_be_true() -> None:
    assert SWITCH.read({"output": True, "temperature": {"tC": 999}})["temperature"] is None


@pytest.mark.parametrize(
    ("output", "errors"),
    [
        ({"overpower": True, "overtemperature": True}, ["overpower", "overtemp"]),
        ({"overpower": False}, []),
        ({"overpower": "true"}, ["overpower"]),
        ({"overpower": 0.0}, []),
        # The limit that would trip, in W: not a flag.
        ({"overpower": 2300}, []),
    ],
)
def test_gen1_s_flags_become_gen2_s_words(output: dict[str, Json], errors: list[str]) -> None:
    assert gen1_errors(output) == errors
