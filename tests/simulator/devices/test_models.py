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
QUIET = {"S4PB-00CU000002"}
"""Models whose readings do not wander."""

EVERY = pytest.mark.parametrize("key", KEYS)

COMMANDED = {
    "SHSW-1": {"relay": 1, "input": 1},
    "SHSW-PM": {"relay": 1, "input": 1},
    "SHSW-25:relay": {"relay": 2, "input": 2},
    "SHSW-25:roller": {"roller": 1, "input": 2},
    "SHEM-3": {"relay": 1},
    "SHRGBW2:color": {"light": 1, "input": 1},
    "SHRGBW2:white": {"light": 4, "input": 1},
    "SHBDUO-1": {"light": 1},
    "SHIX3-1": {"input": 3},
    "SNSW-001P16EU": {"relay": 1, "input": 1},
    "SNSW-102P16EU:switch": {"relay": 2, "input": 2},
    "SNSW-102P16EU:cover": {"roller": 1, "input": 2},
    "SNSN-0024X": {"input": 4},
    "S3DM-0A101WWL": {"light": 1, "input": 2},
    "SNDC-0D4P10WW:rgb": {"light": 1, "input": 4},
    "SNDC-0D4P10WW:rgbw": {"light": 1, "input": 4},
    "SNDC-0D4P10WW:light": {"light": 4, "input": 4},
    "S3BL-D010009AEU": {"light": 1},
    "SBBT-002C": {"input": 1},
    "SBBT-004CUS": {"input": 4},
    "S3EM-002CXCEU": {"relay": 1},
    "SNSN-0043X": {"relay": 2, "input": 4},
    "SAWD-0A1XX10EU1": {"relay": 1, "input": 1},
    "S3SW-001P16EU": {"relay": 1, "input": 1},
}
"""How many channels of the kinds that are commanded or pressed; the other models have none."""

TOLD = {
    "SHEM-3": "emeters emeter_n total_power",
    "SHHT-1": "tmp hum bat",
    "SHDW-2": "sensor lux accel bat",
    "SHSM-01": "smoke tmp bat",
    "SHWT-1": "flood rain_sensor tmp bat",
    "SHGS-1": "gas_sensor concentration valves",
    "SHMOS-01": "sensor lux bat charger",
    "SHTRV-01": "thermostats bat charger",
    "SPEM-003CEBEU": "em:0 emdata:0 temperature:0",
    "SNSN-0013A": "temperature:0 humidity:0 devicepower:0",
    "SNSN-0031Z": "smoke:0 devicepower:0",
    "S4SN-0071A": "flood:0 devicepower:0",
    "S4SN-0U61X": "illuminance:0 presencezone:200",
    "S3PM-001PCEU16": "pm1:0",
    "S3EM-002CXCEU": "em1:0 em1:1 em1data:0 em1data:1",
    "SPCB-01VENEU": "cb:0 voltmeter:0",
    "S4PB-00CU000002": "cury:0",
    "SNSN-0043X": "input:2 input:100 temperature:100 humidity:100 voltmeter:100",
    "SAWD-0A1XX10EU1": "thermostat:0 temperature:0 humidity:0 illuminance:0",
    "S3SW-001P16EU": "boolean:200 number:200 text:200 enum:200 button:200 group:200",
    "S3XT-0S": "number:200 number:201 number:202 boolean:202 service:0",
    "S3GW-1DBT001": "blutrv:200 bthomedevice:200 bthomesensor:200 bthomesensor:202",
    "SBHT-003C": "temperature:0 humidity:0 devicepower:0 reporter",
    "SBDW-002C": "window:0 tilt:0 illuminance:0 devicepower:0 reporter",
    "SBBT-002C": "v_eve:0 devicepower:0 reporter",
    "SBMO-003Z": "motion:0 illuminance:0 devicepower:0 reporter",
    "SBWS-90CM": "temperature:0 humidity:0 pressure:0 dewpoint:0 UV:0 precipitation:0 speed:0 "
    "speed:1 direction:0 moisture_alarm:0 illuminance:0 devicepower:0 reporter",
}
"""Members of the status that are read."""


@EVERY
def test_the_bridge_finds_the_channels_of_the_model(key: str) -> None:
    channels, refused = layout(Room().add(key).status())
    kinds = [channel.kind for channel in channels]
    commanded = ("relay", "light", "roller", "input")
    found = {kind: kinds.count(kind) for kind in commanded if kind in kinds}
    assert found == COMMANDED.get(key, {})
    assert refused == []


@EVERY
def test_a_model_tells_what_it_is_for(key: str) -> None:
    told = Room().add(key).status().keys()
    assert not set(TOLD.get(key, "").split()) - told
    assert key in TOLD or key in COMMANDED


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
    nothing_to_measure = isinstance(device.channels[0].thing, Input) or key in QUIET
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
    # The cloud writes {} as [].
    return {member: value for member, value in dict(component).items() if value is not None}


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
