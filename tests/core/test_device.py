"""One device: its merged status and what of it changed."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.device import MOST_KEYS, Changes, Device
from bridge.core.merge import MOST_MEMBERS, MOST_STATUS, weight
from bridge.core.model import Json
from bridge.core.presses import Press
from tests.core import payloads
from tests.core.dialogue import DEVICE, WALL
from tests.core.strategies import statuses


def known(status: dict[str, Json]) -> Device:
    device = Device(DEVICE)
    device.apply(status, full=True, wall=WALL)
    return device


def changed(changes: Changes) -> list[str]:
    return [f"{state.channel.kind}/{state.channel.number}" for state in changes.changed]


def values(device: Device, kind: str, number: int = 0) -> dict[str, Json]:
    return device.channels[kind, number].values


def test_a_first_status_brings_every_channel() -> None:
    device = Device(DEVICE)
    changes = device.apply(payloads.shutter(), full=True, wall=WALL)
    assert sorted(changed(changes)) == [
        *("cloud/0", "input/0", "input/1", "mqtt/0", "roller/0", "sys/0", "wifi/0")
    ]
    assert changes.layout
    assert not changes.presses


def test_a_part_changes_only_what_it_holds() -> None:
    device = known(payloads.two_switches())
    part: dict[str, Json] = {"switch:0": {"id": 0, "output": True}, "serial": 2}
    changes = device.apply(part, full=False, wall=WALL + 5)
    assert changed(changes) == ["relay/0"]
    assert not changes.layout
    assert values(device, "relay")["state"] == "ON"
    assert values(device, "relay")["voltage"] == 231.4
    assert device.channels["relay", 0].changed_at == WALL + 5
    assert device.channels["relay", 1].changed_at == WALL


def test_the_same_again_changes_nothing() -> None:
    device = known(payloads.two_switches())
    for full in (True, False):
        changes = device.apply(payloads.two_switches(), full=full, wall=WALL + 5)
        assert changes == Changes()


def test_a_key_that_was_reported_once_stays_as_null() -> None:
    device = known({"switch:0": payloads.switch(apower=5.0)})
    changes = device.apply({"switch:0": {"id": 0, "output": True}}, full=True, wall=WALL)
    assert changed(changes) == ["relay/0"]
    relay = values(device, "relay")
    assert relay["state"] == "ON"
    assert {key for key, value in relay.items() if value is None} == {
        *("power", "energy", "voltage", "current", "pf", "frequency", "temperature", "source")
    }


def test_a_component_that_invents_keys_without_end_is_not_followed() -> None:
    device = known({"foo:0": {"a": 1}})
    for number in range(5 * MOST_KEYS):
        device.apply({"foo:0": {f"key{number}": 1}}, full=True, wall=WALL)
    assert len(values(device, "foo")) <= MOST_KEYS + 1


def test_a_whole_status_takes_components_away() -> None:
    device = known(payloads.two_switches())
    changes = device.apply(payloads.shutter(), full=True, wall=WALL)
    assert sorted(changes.removed) == [("relay", 0), ("relay", 1)]
    assert changed(changes) == ["roller/0"]
    assert changes.layout


def test_a_part_takes_nothing_away() -> None:
    device = known(payloads.two_switches())
    changes = device.apply({"cover:0": payloads.cover()}, full=False, wall=WALL)
    assert changes.removed == []
    assert ("relay", 0) in device.channels
    assert ("roller", 0) in device.channels


@pytest.mark.parametrize("value", [None, [], {}, 5])
def test_a_component_that_empties_itself_in_a_whole_status(value: Json) -> None:
    device = known(payloads.two_switches())
    status = payloads.two_switches()
    status["switch:0"] = value
    device.apply(status, full=True, wall=WALL)
    assert values(device, "relay")["state"] is None


def test_a_light_that_comes_later_takes_its_place() -> None:
    device = known({"light:0": {"output": True}})
    changes = device.apply({"rgb:0": {"rgb": [1, 2, 3]}}, full=False, wall=WALL)
    assert device.channels["light", 0].channel.component == "rgb:0"
    assert device.channels["light", 1].channel.component == "light:0"
    assert sorted(changed(changes)) == ["light/0", "light/1"]
    assert "state" not in values(device, "light", 0)


def test_the_mode_decides_between_relays_and_rollers() -> None:
    device = known(payloads.gen1_roller())
    changes = device.settle("relay", {}, WALL)
    assert sorted(changed(changes)) == ["relay/0", "relay/1"]
    assert changes.removed == [("roller", 0)]
    assert device.settle("relay", {}, WALL) == Changes()
    assert device.settle(None, {}, WALL) == Changes()


def test_what_has_no_topic_is_told() -> None:
    device = Device(DEVICE)
    assert device.apply({"a/b:0": {"x": 1}}, full=False, wall=WALL).refused == ["a/b:0"]


@given(statuses(), statuses())
def test_a_part_never_changes_what_it_came_in(one: dict[str, Json], two: dict[str, Json]) -> None:
    before = copy.deepcopy((one, two))
    device = Device(DEVICE)
    device.apply(one, full=False, wall=WALL)
    device.apply(two, full=False, wall=WALL)
    device.apply(one, full=True, wall=WALL)
    assert (one, two) == before


@given(statuses(), statuses())
def test_what_is_read_is_what_the_whole_status_says(
    before: dict[str, Json], status: dict[str, Json]
) -> None:
    device, fresh = known(before), known(status)
    device.apply(status, full=True, wall=WALL)
    assert device.channels.keys() == fresh.channels.keys()
    for key, state in fresh.channels.items():
        said = {name: value for name, value in state.values.items() if value is not None}
        assert said.items() <= device.channels[key].values.items()


@given(statuses(), st.booleans())
def test_twice_is_once(status: dict[str, Json], full: bool) -> None:
    device = Device(DEVICE)
    device.apply(status, full=full, wall=WALL)
    again = device.apply(copy.deepcopy(status), full=full, wall=WALL + 1)
    assert again.changed == []
    assert again.removed == []
    assert again.presses == []
    assert not again.layout


# Button presses


def pressed(serial: Json = None, event: str = "S", number: int = 0) -> dict[str, Json]:
    status: dict[str, Json] = {f"v_eve:{number}": {"id": number, "ev": event, "ttl": 1}}
    return status if serial is None else {**status, "serial": serial}


def presses(device: Device, status: dict[str, Json], *, full: bool = False) -> list[Press]:
    return device.apply(status, full=full, wall=WALL).presses


def test_a_press_of_gen2() -> None:
    device = known(payloads.two_switches())
    assert presses(device, pressed(7)) == [Press(0, "single_push")]
    assert presses(device, pressed(8, "")) == []
    assert presses(device, pressed(9)) == [Press(0, "single_push")]


def test_the_same_serial_again_is_no_second_press() -> None:
    device = known(payloads.two_switches())
    assert presses(device, pressed(7)) == [Press(0, "single_push")]
    assert presses(device, pressed(7)) == []


def test_the_time_stands_in_for_a_missing_serial() -> None:
    device = known(payloads.two_switches())
    assert presses(device, {**pressed(), "ts": 5.5}) == [Press(0, "single_push")]
    assert presses(device, {**pressed(), "ts": 5.5}) == []
    assert presses(device, {**pressed(), "ts": 6.5}) == [Press(0, "single_push")]


def test_without_both_every_frame_counts() -> None:
    device = known(payloads.two_switches())
    assert presses(device, pressed()) == presses(device, pressed()) == [Press(0, "single_push")]


def test_a_whole_status_is_no_press() -> None:
    device = Device(DEVICE)
    assert presses(device, {**payloads.two_switches(), **pressed(7)}, full=True) == []
    assert presses(device, {**payloads.two_switches(), **pressed(8)}, full=True) == []


@pytest.mark.parametrize("key", ["v_eve:", "v_eve:x", "v_eve:-1", "v_eve:²", "v_eve:1234567"])
def test_a_press_of_no_button_is_none(key: str) -> None:
    device = known(payloads.two_switches())
    assert presses(device, {key: {"ev": "S"}}) == []


def test_a_press_of_gen1_counts_from_the_second_status() -> None:
    device = Device(DEVICE)
    assert presses(device, payloads.gen1_relay(serial=1)) == []
    button = [{"input": 0, "event": "L", "event_cnt": 4}]
    assert presses(device, payloads.gen1_relay(serial=2, inputs=button)) == [Press(0, "long")]
    assert presses(device, payloads.gen1_relay(serial=3, inputs=button)) == []


def test_a_press_of_gen1_that_a_snapshot_showed_is_not_told_late() -> None:
    device = known(payloads.gen1_relay(serial=1))
    button = [{"input": 0, "event": "L", "event_cnt": 4}]
    assert presses(device, payloads.gen1_relay(serial=2, inputs=button), full=True) == []
    assert presses(device, payloads.gen1_relay(serial=3, inputs=button)) == []


def test_a_device_that_invents_members_without_end_is_not_followed() -> None:
    device = Device(DEVICE)
    for number in range(2_000):
        device.apply({f"thing{number}": {"a": 1}}, full=False, wall=1.0)
        device.apply({"one": {f"member{number}": 1}}, full=False, wall=1.0)
    assert len(device.status) <= 513
    assert len(device.status.get("one", {})) <= 512
    changes = device.apply({"more": {"a": 1}}, full=False, wall=1.0)
    assert changes.oversized == ["more"]


@pytest.mark.parametrize(
    "member",
    [
        lambda number: {f"member{number}": number},
        lambda number: {f"member{number // 8}": {f"deeper{number % 8}": None}},
        lambda number: {f"member{number}": "x" * 10_000},
        lambda number: {"list": [[number]] * number},
    ],
)
def test_nor_is_one_that_invents_them_deep_inside(member: Callable[[int], Json]) -> None:
    device = known(payloads.two_switches())
    refused = 0
    for number in range(2 * MOST_MEMBERS):
        part: dict[str, Json] = {"switch:0": {"aenergy": member(number)}}
        refused += device.apply(part, full=False, wall=WALL).oversized == ["switch:0"]
    assert refused
    assert weight(device.status["switch:0"]) <= MOST_MEMBERS
    device.apply({"switch:0": {"id": 0, "output": True}}, full=False, wall=WALL)
    assert values(device, "relay")["state"] == "ON", "what it had before is followed"


@pytest.mark.parametrize("full", [True, False])
def test_all_components_together_are_bounded_too(full: bool) -> None:
    device = Device(DEVICE)
    inside = {f"member{number}": number for number in range(MOST_MEMBERS - 100)}
    status: dict[str, Json] = {f"thing:{number}": dict(inside) for number in range(100)}
    changes = device.apply(status, full=full, wall=WALL)
    assert len(changes.oversized) > 50
    assert MOST_STATUS // 2 < weight(device.status) <= MOST_STATUS
    first = next(iter(status))
    device.apply({first: {"member0": 5}}, full=False, wall=WALL)
    assert device.status[first]["member0"] == 5


def test_a_whole_status_makes_room_again() -> None:
    device = Device(DEVICE)
    inside = {f"member{number}": number for number in range(MOST_MEMBERS - 100)}
    device.apply({f"thing:{number}": inside for number in range(100)}, full=True, wall=WALL)
    changes = device.apply(payloads.two_switches(), full=True, wall=WALL)
    assert not changes.oversized
    assert values(device, "relay")["state"] == "OFF"
