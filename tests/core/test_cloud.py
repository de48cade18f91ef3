"""Shelly's cloud frames (Shelly docs: Integrator API, Communication; Real Time Events)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.cloud import (
    HIGHEST_REQUEST,
    ActionAnswered,
    CloudError,
    decode,
    encode_action,
    encode_command,
    grants_control,
    rpc_error,
)
from bridge.core.commands import (
    Command,
    Go,
    LightCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
    SetValue,
    Target,
    Turn,
)
from bridge.core.effects import SendCommand
from bridge.core.events import CommandAnswered, OnlineReported, SettingsReported, StatusReported
from bridge.core.ids import cloud_id
from bridge.core.model import DeviceId, Json
from bridge.errors import FrameError
from tests.core.dialogue import DEVICE, HOST
from tests.core.strategies import JSON, OBJECTS

ID = cloud_id(DEVICE)


def read(frame: Json) -> Any:
    return decode(json.dumps(frame).encode(), HOST)


def refused(frame: Json) -> str:
    with pytest.raises(FrameError) as error:
        read(frame)
    return error.value.kind


def test_a_status() -> None:
    frame = {"event": "Shelly:StatusOnChange", "deviceId": ID, "status": {"a": 1}}
    assert read(frame) == StatusReported(HOST, DEVICE, {"a": 1})


def test_a_status_names_the_device_as_a_number_in_older_versions() -> None:
    frame = {"event": "Shelly:StatusOnChange", "deviceId": int(ID), "status": {}}
    assert read(frame) == StatusReported(HOST, DEVICE, {})


def test_a_status_of_the_account_socket_names_the_device_and_its_model() -> None:
    frame = {
        "event": "Shelly:StatusOnChange",
        "device": {"id": ID, "code": "SNSW-002P16EU", "gen": "G2"},
        "status": {"a": 1},
    }
    assert read(frame) == StatusReported(HOST, DEVICE, {"a": 1}, code="SNSW-002P16EU")


def test_an_empty_status_may_come_as_an_array() -> None:
    frame = {"event": "Shelly:StatusOnChange", "deviceId": ID, "status": []}
    assert read(frame) == StatusReported(HOST, DEVICE, {})


def test_settings() -> None:
    frame = {"event": "Shelly:Settings", "deviceId": ID, "settings": {"name": "x"}}
    assert read(frame) == SettingsReported(HOST, DEVICE, {"name": "x"})


@pytest.mark.parametrize(
    ("value", "online"), [(1, True), (0, False), (True, True), (False, False), (1.0, True)]
)
def test_online_is_a_number_or_a_flag(value: Json, online: bool) -> None:
    frame = {"event": "Shelly:Online", "deviceId": "XB1", "online": value}
    assert read(frame) == OnlineReported(HOST, DeviceId("XB1"), online)


@pytest.mark.parametrize("value", [None, 2, "1", [], {}])
def test_anything_else_is_not_online_nor_offline(value: Json) -> None:
    assert refused({"event": "Shelly:Online", "deviceId": ID, "online": value}) == "online_missing"


@pytest.mark.parametrize(
    ("data", "ok", "text"),
    [
        ({"isok": True}, True, None),
        ({"isok": True, "res": "done"}, True, "done"),
        ({"isok": False, "res": "DEVICE_OFFLINE"}, False, "DEVICE_OFFLINE"),
        ({"isok": False, "res": {"code": 5}}, False, None),
        ({"isok": "true"}, False, None),
        ({"isok": 1}, False, None),
        ({}, False, None),
        ({"isok": False, "res": "x" * 5_000}, False, "x" * 300),
    ],
)
def test_a_command_s_answer(data: Json, ok: bool, text: str | None) -> None:
    frame = {"event": "Shelly:CommandResponse", "trid": 17, "deviceId": ID, "user": 1, "data": data}
    assert read(frame) == CommandAnswered(HOST, 17, ok, text)


@pytest.mark.parametrize(
    ("trid", "data"), [(None, {}), ("17", {}), (1.5, {}), (True, {}), ([], {}), (17, None), (1, [])]
)
def test_a_command_s_answer_without_number_or_data(trid: Json, data: Json) -> None:
    assert refused({"event": "Shelly:CommandResponse", "trid": trid, "data": data}) == "bad_answer"


@pytest.mark.parametrize(
    ("response", "ok", "text"),
    [
        ({"result": {"was_on": False}}, True, None),
        ({"result": None}, True, None),
        ({"result": None, "error": None}, True, None),
        ({"error": "WRONG_ID"}, False, "WRONG_ID"),
        ({"error": {"code": -103, "message": "Invalid value"}}, False, "-103: Invalid value"),
        ({"error": {"message": "Invalid value"}}, False, "Invalid value"),
        ({"error": {"code": 500, "message": None}}, False, "500"),
        ({"error": {}}, False, None),
        ({"error": 5}, False, None),
        ({"error": "x" * 5_000}, False, "x" * 300),
    ],
)
def test_the_answer_to_a_native_call(response: Json, ok: bool, text: str | None) -> None:
    frame = {"event": "Shelly:JrpcResponse", "trid": 17, "deviceId": ID, "response": response}
    assert read(frame) == CommandAnswered(HOST, 17, ok, text)


@pytest.mark.parametrize(
    ("trid", "response"),
    [(None, {"result": 1}), ("17", {"result": 1}), (True, {"result": 1}), (17, None), (17, {})],
)
def test_an_answer_to_a_native_call_that_says_nothing(trid: Json, response: Json) -> None:
    assert refused({"event": "Shelly:JrpcResponse", "trid": trid, "response": response}) == (
        "bad_answer"
    )


@given(JSON)
def test_any_error_of_a_call_is_a_short_text_or_none(error: Json) -> None:
    text = rpc_error(error)
    assert text is None or len(text) <= 300


def test_a_verified_device() -> None:
    data = {
        "result": "OK",
        "deviceId": ID,
        "deviceType": "relay",
        "deviceCode": "SNSW-002P16EU",
        "accessGroups": "01",
        "deviceStatus": {"switch:0": {"output": True}},
    }
    answer = read({"event": "Integrator:ActionResponse", "trid": 19, "user": "T", "data": data})
    assert answer == ActionAnswered(
        DEVICE, 19, "OK", True, "SNSW-002P16EU", {"switch:0": {"output": True}}
    )


def test_settings_that_were_asked_for() -> None:
    data = {"result": "OK", "deviceId": ID, "deviceSettings": {"name": "x"}}
    answer = read({"event": "Integrator:ActionResponse", "trid": 20, "data": data})
    assert answer == ActionAnswered(DEVICE, 20, "OK", settings={"name": "x"})


def test_a_device_that_moved() -> None:
    data = {"result": "WRONG_HOST", "deviceId": ID, "host": "shelly-9-eu.shelly.cloud"}
    answer = read({"event": "Integrator:ActionResponse", "data": data})
    assert answer == ActionAnswered(DEVICE, None, "WRONG_HOST", host="shelly-9-eu.shelly.cloud")


def test_an_offline_device_has_no_status() -> None:
    data = {"result": "OK", "deviceId": ID, "accessGroups": "00", "deviceStatus": []}
    answer = read({"event": "Integrator:ActionResponse", "trid": 1, "data": data})
    assert answer == ActionAnswered(DEVICE, 1, "OK", control=False)


@pytest.mark.parametrize("data", [None, [], {}, {"result": 5, "deviceId": ID}, {"result": "OK"}])
def test_an_action_s_answer_that_says_nothing(data: Json) -> None:
    refused({"event": "Integrator:ActionResponse", "trid": 19, "data": data})


def test_a_complaint() -> None:
    assert read({"event": "Error", "message": "bad"}) == CloudError("bad")
    assert read({"event": "Error"}) == CloudError("no text")


def test_frames_that_say_nothing() -> None:
    assert refused({"event": "Shelly:New", "x": 1}) == "unknown_event"
    assert refused({}) == "no_event"
    assert refused({"event": ["Shelly:Online"]}) == "no_event"
    assert refused([]) == "not_object"
    assert refused({"event": "Shelly:StatusOnChange", "deviceId": ID}) == "status_missing"
    assert refused({"event": "Shelly:Settings", "deviceId": ID, "settings": 1}) == (
        "settings_missing"
    )
    assert refused({"event": "Shelly:StatusOnChange", "status": {}}) == "device_id"


@pytest.mark.parametrize(
    ("groups", "control"),
    [("00", False), ("01", True), ("1", True), ("fE", False), ("FF", True), ("03", True)],
)
def test_bit_zero_of_the_access_groups_is_control(groups: str, control: bool) -> None:
    assert grants_control(groups) is control


@pytest.mark.parametrize("groups", ["", "xx", "0x1", "+1", " 1", "1_0", "00001", 1, None, ["01"]])
def test_what_is_no_hex_byte_is_refused(groups: Json) -> None:
    with pytest.raises(FrameError):
        grants_control(groups)


EVENTS = st.sampled_from(
    [
        *("Shelly:StatusOnChange", "Shelly:Online", "Shelly:Settings", "Shelly:CommandResponse"),
        *("Integrator:ActionResponse", "Shelly:JrpcResponse", "Error", "Shelly:Other"),
    ]
)
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "event": EVENTS | JSON,
        "deviceId": st.just(ID) | JSON,
        "device": st.fixed_dictionaries({}, optional={"id": st.just(ID) | JSON, "code": JSON})
        | JSON,
        "status": OBJECTS | JSON,
        "settings": OBJECTS | JSON,
        "online": JSON,
        "trid": JSON,
        "message": JSON,
        "response": JSON | st.fixed_dictionaries({}, optional={"result": JSON, "error": JSON}),
        "data": OBJECTS
        | JSON
        | st.fixed_dictionaries(
            {"result": st.just("OK") | JSON, "deviceId": st.just(ID)},
            optional={"accessGroups": JSON, "deviceStatus": JSON, "host": JSON},
        ),
    },
)


@given(FRAMES | JSON)
def test_any_json_is_an_event_or_a_frame_error(frame: Json) -> None:
    try:
        event = read(frame)
    except FrameError:
        return
    assert event is not None


# Commands


def sent(command: Command, component: str = "switch", number: int = 0) -> Any:
    send = SendCommand(HOST, DEVICE, Target(component, number), command, 18, 99.0)
    return json.loads(encode_command(send))


def parameters(command: Command, component: str = "switch") -> tuple[str, Any]:
    data = sent(command, component)["data"]
    return data["cmd"], data["params"]


def test_a_command_s_frame() -> None:
    assert sent(RelayCommand(Turn.TOGGLE), number=3) == {
        "event": "Shelly:CommandRequest",
        "trid": 18,
        "deviceId": ID,
        "data": {"cmd": "relay", "params": {"id": 3, "turn": "toggle"}},
    }


def test_a_relay_that_flips_back() -> None:
    assert parameters(RelayCommand(Turn.ON, 30.0)) == (
        "relay",
        {"id": 0, "turn": "on", "timeout": 30},
    )
    assert parameters(RelayCommand(Turn.OFF, 0.5))[1]["timeout"] == 0.5


def test_a_roller() -> None:
    assert parameters(RollerCommand(Go.CLOSE, 4.0), "cover") == (
        "roller",
        {"id": 0, "go": "close", "duration": 4},
    )
    assert parameters(RollerPosition(40), "cover") == ("roller_to_pos", {"id": 0, "pos": 40})
    assert parameters(RollerPosition(relative=-5, slat_position=0), "cover") == (
        "roller_to_pos",
        {"id": 0, "rel": -5, "slat_pos": 0},
    )
    assert parameters(RollerPosition(slat_relative=7), "cover")[1] == {"id": 0, "slat_rel": 7}


def test_a_white_light() -> None:
    command = LightCommand(Turn.ON, brightness=50, color_temp=3000, transition=1.5, timer=5.0)
    assert parameters(command, "lights") == (
        "light",
        {
            "id": 0,
            "turn": "on",
            "mode": "white",
            "brightness": 50,
            "temp": 3000,
            "transition": 1500,
            "timeout": 5,
        },
    )


def test_a_coloured_light() -> None:
    command = LightCommand(brightness=50, color=(1, 2, 3), white=4, effect=2, colored=True)
    words = {"id": 0, "mode": "color", "gain": 50, "red": 1, "green": 2, "blue": 3, "white": 4}
    assert parameters(command, "lights") == ("light", {**words, "effect": 2})
    # Gen2+ knows no gain.
    assert parameters(command, "rgbw") == ("light", {**words, "effect": 2, "brightness": 50})


def test_an_effect_is_one_of_colours() -> None:
    assert parameters(LightCommand(effect=3, brightness=40, colored=True), "lights")[1] == {
        "id": 0,
        "mode": "color",
        "gain": 40,
        "effect": 3,
    }
    # The end of an effect, and a white light, need no colour.
    assert "mode" not in parameters(LightCommand(effect=0), "lights")[1]
    assert parameters(LightCommand(effect=3, color_temp=3000), "lights")[1]["mode"] == "white"


def test_a_light_s_brightness_alone() -> None:
    assert parameters(LightCommand(brightness=0), "light") == ("light", {"id": 0, "brightness": 0})


def test_a_question_about_a_device() -> None:
    number = HIGHEST_REQUEST + 1
    assert json.loads(encode_action("DeviceVerify", DEVICE, number)) == {
        "event": "Integrator:ActionRequest",
        "trid": number,
        "data": {"action": "DeviceVerify", "deviceId": ID},
    }
    assert number < 2**31


def test_a_native_call_s_frame() -> None:
    command = SetValue(21.0)
    send = SendCommand(HOST, DEVICE, Target("number", 201), command, 18, 99.0, native=True)
    assert json.loads(encode_command(send)) == {
        "event": "Shelly:JrpcRequest",
        "trid": 18,
        "deviceId": ID,
        "method": "Number.Set",
        "params": {"id": 201, "value": 21},
    }


def test_the_cloud_has_no_words_for_the_rest() -> None:
    with pytest.raises(ValueError, match="SetValue"):
        sent(SetValue(5), "number")
