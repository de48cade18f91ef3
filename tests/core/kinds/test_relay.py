"""Outputs: the same words for every generation."""

from __future__ import annotations

import pytest

from bridge.core.kinds.relay import gen1_errors, read_gen1_relay, read_switch
from bridge.core.model import Json
from tests.core import payloads


def test_a_switch_of_gen2() -> None:
    component = payloads.switch(0, output=True, apower=61.3, ret_aenergy={"total": 2000.9})
    assert read_switch(component) == {
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
    values = read_switch({"id": 0, "output": False, "source": "init"})
    assert values == {"state": "OFF", "source": "init", "errors": []}


def test_errors_of_a_switch() -> None:
    assert read_switch({"output": False, "errors": ["overtemp"]})["errors"] == ["overtemp"]


def test_a_value_that_could_not_be_measured_is_null() -> None:
    assert read_switch({"output": None, "temperature": {"tC": None}}) == {
        "state": None,
        "temperature": None,
        "errors": [],
    }


def test_members_that_are_new_come_through() -> None:
    component = {"output": True, "timer_started_at": 1790000000, "timer_duration": 60}
    assert read_switch(component)["timer_duration"] == 60


def test_a_relay_of_gen1_with_its_meter() -> None:
    status = payloads.gen1_relay()
    assert read_gen1_relay(status["relays"][0], status["meters"][0]) == {
        "state": "OFF",
        "source": "http",
        "power": 12.5,
        "energy": 1.5,
        "has_timer": False,
        "errors": [],
    }


def test_a_relay_of_gen1_without_one() -> None:
    assert read_gen1_relay({"ison": True}, None) == {"state": "ON", "errors": []}


def test_a_meter_never_speaks_for_the_relay() -> None:
    values = read_gen1_relay({"ison": True, "source": "http"}, {"state": 5, "source": 1})
    assert (values["state"], values["source"]) == ("ON", "http")


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
