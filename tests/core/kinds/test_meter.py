"""Meters, and energy against sums made by hand."""

from __future__ import annotations

import pytest

from bridge.core.model import Json
from tests.core import payloads
from tests.core.kinds.reads import channels, only, values

Status = dict[str, Json]

AENERGY = {"total": 73_112.963, "by_minute": [0, 0, 213.298], "minute_ts": 1_790_000_000}


def test_the_energy_of_a_gen1_relay() -> None:
    # 6,472,513 watt-minutes / 60 = 107,875.216 Wh.
    meter = {"power": 81.5, "is_valid": True, "total": 6_472_513, "counters": [1, 2, 3]}
    read = values({"relays": [{"ison": True}], "meters": [meter]}, "relay/0")
    assert (read["power"], read["energy"]) == (81.5, 107.875)


def test_the_energy_of_a_gen1_meter_that_stands_alone() -> None:
    # 1,186 watt-minutes / 60 = 19.77 Wh.
    meter = {"power": 4.2, "is_valid": "true", "total": 1_186, "timestamp": 1, "overpower": 0}
    assert only({"meters": [meter]}) == ("meter/0", {"power": 4.2, "energy": 0.019})


def emeter(**members: Json) -> Status:
    """A phase of a Gen1 meter; its totals are Wh."""
    return {
        "power": 27.71,
        "reactive": -3.5,
        "pf": 0.56,
        "current": 0.21,
        "voltage": 231.34,
        "is_valid": True,
        "total": 26_936.3,
        "total_returned": 1_003.9,
        **members,
    }


def test_the_energy_of_a_gen1_em() -> None:
    status: Status = {"relays": [{"ison": False}], "emeters": [emeter(), emeter(total=0.9)]}
    assert values(status, "meter/0") == {
        "power": 27.71,
        "reactive_power": -3.5,
        "energy": 26.936,
        "returned_energy": 1.003,
        "voltage": 231.34,
        "current": 0.21,
        "pf": 0.56,
    }
    assert values(status, "meter/1")["energy"] == 0.0
    assert values(status, "relay/0") == {"state": "OFF", "errors": []}


def test_the_three_phases_of_a_gen1_3em_and_their_sum() -> None:
    neutral = {"current": 1.5, "ixsum": 0.25, "mismatch": False, "is_valid": True}
    status: Status = {
        "relays": [{"ison": False}],
        "emeters": [emeter(), emeter(power=1), emeter(power=2)],
        "total_power": 30.71,
        "emeter_n": neutral,
    }
    assert sorted(channels(status)) == ["meter/0", "meter/1", "meter/2", "meter/3", "relay/0"]
    assert values(status, "meter/3") == {
        "power": 30.71,
        "neutral_current": 1.5,
        "neutral_sum": 0.25,
        "neutral_mismatch": False,
    }
    status["emeter_n"] = {**neutral, "is_valid": False}
    assert values(status, "meter/3") == {
        "power": 30.71,
        "neutral_current": None,
        "neutral_sum": None,
        "neutral_mismatch": None,
    }


def test_a_phase_that_is_not_measured_is_unknown() -> None:
    _, read = only({"emeters": [emeter(is_valid=False)]})
    assert set(read.values()) == {None}


def test_the_energy_of_a_gen2_output() -> None:
    status: Status = {
        "switch:0": payloads.switch(aenergy={"total": 110.046}, ret_aenergy={"total": 45.999})
    }
    read = values(status, "relay/0")
    assert (read["energy"], read["returned_energy"]) == (0.11, 0.045)


def test_a_gen2_meter_of_one_phase() -> None:
    component = {
        "id": 0,
        "voltage": 234.5,
        "current": 0.043,
        "apower": 4.4,
        "aprtpower": 10.1,
        "pf": 0.44,
        "freq": 50.1,
        "aenergy": AENERGY,
        "ret_aenergy": {"total": 4.126},
    }
    assert only({"pm1:0": component}) == (
        "meter/0",
        {
            "power": 4.4,
            "apparent_power": 10.1,
            "energy": 73.112,
            "returned_energy": 0.004,
            "voltage": 234.5,
            "current": 0.043,
            "pf": 0.44,
            "frequency": 50.1,
            "errors": [],
        },
    )


def phase(letter: str, power: Json) -> Status:
    """One phase of an `em`."""
    return {
        f"{letter}_act_power": power,
        f"{letter}_aprt_power": 547.4,
        f"{letter}_voltage": 229.0,
        f"{letter}_current": 2.392,
        f"{letter}_pf": 0.76,
        f"{letter}_freq": 50.0,
    }


EM: Status = {
    "id": 0,
    **phase("a", 375.5),
    **phase("b", -3.0),
    **phase("c", None),
    "n_current": None,
    "total_current": 3.856,
    "total_act_power": 372.5,
    "total_aprt_power": 882.413,
    "user_calibrated_phase": [],
}

EM_DATA: Status = {
    "id": 0,
    "a_total_act_energy": 2_034_616.71,
    "a_total_act_ret_energy": 0.0,
    "b_total_act_energy": 185_686.89,
    "b_total_act_ret_energy": 40.7,
    "c_total_act_energy": 369_469.8,
    "c_total_act_ret_energy": 985.91,
    "total_act": 2_589_773.39,
    "total_act_ret": 1_026.61,
}


def test_a_gen2_meter_of_three_phases_and_what_it_counted() -> None:
    name, read = only({"em:0": EM, "emdata:0": EM_DATA})
    expected: Status = {
        "power": 372.5,
        "apparent_power": 882.413,
        "current": 3.856,
        "energy": 2_589.773,
        "returned_energy": 1.026,
        "a_power": 375.5,
        "a_apparent_power": 547.4,
        "a_voltage": 229.0,
        "a_current": 2.392,
        "a_pf": 0.76,
        "a_frequency": 50.0,
        "a_energy": 2_034.616,
        "b_power": -3.0,
        "b_energy": 185.686,
        "b_returned_energy": 0.04,
        "c_power": None,
        "c_returned_energy": 0.985,
        "neutral_current": None,
        "user_calibrated_phase": [],
        "errors": [],
    }
    assert name == "meter/0"
    assert expected.items() <= read.items()


def test_what_was_counted_comes_alone_too() -> None:
    name, read = only({"emdata:0": EM_DATA})
    assert (name, read["energy"], read["c_energy"]) == ("meter/0", 2_589.773, 369.469)


def test_errors_of_a_phase_name_it() -> None:
    errors: Status = {
        "errors": ["phase_sequence"],
        "a_errors": ["out_of_range:voltage"],
        "n_errors": ["out_of_range:current"],
    }
    data: Status = {"emdata:0": {"total_act": 1, "errors": ["database_error"]}}
    _, read = only({"em:0": {**EM, **errors}, **data})
    assert read["errors"] == ["phase_sequence", "a:out_of_range:voltage", "n:out_of_range:current"]
    assert read["data_errors"] == ["database_error"]


def test_a_clamp_and_what_it_counted() -> None:
    status: Status = {
        "em1:0": {
            "id": 0,
            "current": 1.904,
            "voltage": 232.9,
            "act_power": 231.9,
            "aprt_power": 444.5,
            "pf": 0.68,
            "freq": 50.0,
            "calibration": "factory",
            "flags": ["count_disabled"],
        },
        "em1data:0": {
            "id": 0,
            "total_act_energy": 8_797_809.13,
            "total_act_ret_energy": 999.9,
        },
        "em1:1": {"id": 1, "act_power": 5, "errors": ["out_of_range:current"]},
    }
    assert values(status, "meter/0") == {
        "power": 231.9,
        "apparent_power": 444.5,
        "voltage": 232.9,
        "current": 1.904,
        "pf": 0.68,
        "frequency": 50.0,
        "energy": 8_797.809,
        "returned_energy": 0.999,
        "calibration": "factory",
        "flags": ["count_disabled"],
        "errors": [],
    }
    assert values(status, "meter/1") == {"power": 5, "errors": ["out_of_range:current"]}


@pytest.mark.parametrize(
    "energy", [None, "5", {"total": None}, {"total": "5"}, {"total": 1e300}, {}]
)
def test_energy_that_is_no_number_is_never_zero(energy: Json) -> None:
    _, read = only({"pm1:0": {"id": 0, "apower": 5, "aenergy": energy}})
    assert read.get("energy") is None


def test_the_sum_of_gen1_s_meters_is_called_so() -> None:
    neutral = {"current": 1.5, "ixsum": 0.25, "mismatch": False}
    found = channels({"emeters": [{"power": 1}], "total_power": 5, "emeter_n": neutral})
    entities = {each.key: each.entity for each in found["meter/1"].fields if each.entity}
    assert entities["power"].name == "Total power"
    shown = [key for key, entity in entities.items() if entity.enabled]
    assert shown == ["power"]
