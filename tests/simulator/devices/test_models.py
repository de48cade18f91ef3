"""Every model that can be simulated, as somebody who reads its status sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.kinds.catalog import layout
from bridge.core.learned import learn
from bridge.simulator.devices.base import Detail, Device
from bridge.simulator.devices.catalog import MODELS, find
from bridge.simulator.devices.private import CANARIES
from bridge.simulator.devices.things import Actuator, Input, Outlet
from tests.simulator.devices.room import Room

Json = Any

KEYS = [model.key for model in MODELS]
EVERY = pytest.mark.parametrize("key", KEYS)

CHANNELS = {
    "SHSW-1": {"relay": 1, "input": 1},
    "SHSW-PM": {"relay": 1, "input": 1},
    "SHSW-25:relay": {"relay": 2, "input": 2},
    "SHSW-25:roller": {"roller": 1, "input": 2},
    "SHEM-3": {"relay": 1, "emeters": 3},
    "SHRGBW2:color": {"light": 1, "input": 1},
    "SHRGBW2:white": {"light": 4, "input": 1},
    "SHBDUO-1": {"light": 1},
    "SHIX3-1": {"input": 3},
    "SHHT-1": {"tmp": 1, "hum": 1, "bat": 1},
    "SHDW-2": {"sensor": 1, "lux": 1, "bat": 1},
    "SNSW-001P16EU": {"relay": 1, "input": 1},
    "SNSW-102P16EU:switch": {"relay": 2, "input": 2},
    "SNSW-102P16EU:cover": {"roller": 1, "input": 2},
    "SNSN-0024X": {"input": 4},
    "S3DM-0A101WWL": {"light": 1, "input": 2},
    "SNDC-0D4P10WW:rgb": {"light": 1, "input": 4},
    "SNDC-0D4P10WW:rgbw": {"light": 1, "input": 4},
    "SNDC-0D4P10WW:light": {"light": 4, "input": 4},
    "S3BL-D010009AEU": {"light": 1},
    "SPEM-003CEBEU": {"em": 1, "emdata": 1},
    "SNSN-0013A": {"temperature": 1, "humidity": 1, "devicepower": 1},
    "SBHT-003C": {"temperature": 1, "humidity": 1, "devicepower": 1},
    "SBDW-002C": {"window": 1, "illuminance": 1, "devicepower": 1},
    "SBBT-002C": {"input": 1, "devicepower": 1},
}


@EVERY
def test_the_bridge_finds_the_channels_of_the_model(key: str) -> None:
    channels, refused = layout(Room().add(key).status())
    kinds = [channel.kind for channel in channels]
    assert {kind: kinds.count(kind) for kind in CHANNELS[key]} == CHANNELS[key]
    assert refused == []


@EVERY
def test_status_and_settings_are_json_and_only_settings_hold_secrets(key: str) -> None:
    device = Room().add(key)
    status = json.dumps(device.status(), allow_nan=False)
    settings_ = json.dumps(device.settings(), allow_nan=False)
    assert not [canary for canary in CANARIES if canary in status]
    assert [canary for canary in CANARIES if canary in settings_]
    assert learn(device.settings()).name == device.names[0]


@EVERY
def test_a_device_that_is_left_alone_reports_nothing(key: str) -> None:
    room = Room()
    device = room.add(key)
    room.pass_time(device, 30.0)
    device.publish()
    assert room.reports == []


@EVERY
def test_a_device_that_lives_by_itself_reports_in_its_rhythm(key: str) -> None:
    room = Room()
    device = room.add(key, report_every=10.0)
    if isinstance(device.channels[0].thing, Outlet):
        device.change(0, on=True)
    room.pass_time(device, 300.0)
    nothing_to_measure = isinstance(device.channels[0].thing, Input)
    least = 0 if nothing_to_measure else 25
    assert least <= len(room.reports) <= 32


def operations(device: Device) -> st.SearchStrategy[tuple[Any, ...]]:
    steps: list[st.SearchStrategy[tuple[Any, ...]]] = [
        st.just(("measure",)),
        st.tuples(st.just("pass"), st.floats(0.1, 20.0)),
    ]
    for channel in device.channels:
        number = channel.number
        if isinstance(channel.thing, Input):
            events = st.sampled_from(["S", "SS", "L"])
            steps.append(st.tuples(st.just("press"), st.just(number), events))
        elif isinstance(channel.thing, Actuator):
            steps.append(orders(channel.thing.takes, number))
    return st.one_of(steps)


def orders(kind: str, number: int) -> st.SearchStrategy[tuple[Any, ...]]:
    turn = st.sampled_from(["on", "off", "toggle"])
    timeout = st.integers(1, 20)
    plain: dict[str, st.SearchStrategy[Json]] = {"id": st.just(number)}
    if kind == "relay":
        made = st.fixed_dictionaries(plain | {"turn": turn}, optional={"timeout": timeout})
        return made.map(lambda params: ("order", "relay", params))
    if kind == "light":
        levels = st.integers(0, 100)
        optional = {
            **{"turn": turn, "timeout": timeout, "brightness": levels, "gain": levels},
            **{"red": st.integers(0, 255), "temp": st.integers(2700, 6500)},
        }
        made = st.fixed_dictionaries(plain, optional=optional)
        return made.map(lambda params: ("order", "light", params))
    go = st.sampled_from(["open", "close", "stop"])
    made = st.fixed_dictionaries(plain | {"go": go}, optional={"duration": st.integers(1, 5)})
    to_position = st.fixed_dictionaries(plain | {"pos": st.integers(0, 100)})
    return st.one_of(
        made.map(lambda params: ("order", "roller", params)),
        to_position.map(lambda params: ("order", "roller_to_pos", params)),
    )


def do(room: Room, device: Device, step: tuple[Any, ...]) -> None:
    match step:
        case ("measure",):
            device.measure()
        case ("pass", seconds):
            room.pass_time(device, seconds, step=seconds)
        case ("press", number, event):
            device.press(number, event)
        case ("order", cmd, params):
            room.order(device, cmd, **params)


def channels(device: Device, status: Json) -> Json:
    """The part of a status that events tell of, without members that have gone."""
    if device.generation == "G1":
        told = [key for key, value in status.items() if isinstance(value, list)]
        return {key: status[key] for key in told}
    return {key: present(value) for key, value in status.items() if ":" in key}


def present(component: Json) -> Json:
    return {member: value for member, value in component.items() if value is not None}


@settings(max_examples=200, deadline=None)
@given(
    data=st.data(),
    key=st.sampled_from(KEYS),
    detail=st.sampled_from(Detail),
)
def test_who_merges_every_report_knows_the_whole_status(
    data: st.DataObject, key: str, detail: Detail
) -> None:
    room = Room(detail)
    device = room.add(key)
    for step in data.draw(st.lists(operations(device), max_size=12)):
        do(room, device, step)
        assert channels(device, room.merged) == channels(device, device.status())


def test_a_model_is_found_by_code_and_profile() -> None:
    assert find("SHSW-25").profile == "relay"
    assert find("SHSW-25:roller").profile == "roller"
    with pytest.raises(ValueError, match="no model SHSW-26; there are SHSW-1, "):
        find("SHSW-26")


def test_a_single_name_is_spread_over_the_outputs() -> None:
    room = Room()
    assert room.add("SHSW-25:relay").names == ["Shelly 2.5 1, output 1", "Shelly 2.5 1, output 2"]
    assert room.add("SHSW-25:roller").names == ["Shelly 2.5 2"]


def test_ids_have_the_forms_that_the_cloud_uses() -> None:
    room = Room()
    short, long, ble = (room.add(key) for key in ("SHSW-25", "SNSW-001P16EU", "SBHT-003C"))
    assert len(short.hex_id) == 6
    assert len(long.hex_id) == 12
    assert long.id == str(int(long.hex_id, 16))
    assert ble.id == ble.hex_id
    assert ble.id.startswith("XB")
    assert len(ble.id) == 17
