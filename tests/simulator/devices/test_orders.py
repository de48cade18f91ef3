"""Which commands devices understand."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.cloud import encode_command
from bridge.core.commands import (
    Command,
    Go,
    LightCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
    Target,
    Turn,
)
from bridge.core.effects import SendCommand
from bridge.core.jsontext import parse_object
from bridge.core.model import DeviceId, LinkId
from bridge.simulator.devices.orders import (
    LightOrder,
    PositionOrder,
    Refused,
    RelayOrder,
    RollerOrder,
    parse,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("id", "turn", "timeout", "mode", "brightness", "gain", "temp", "white", "red"),
        *("effect", "transition", "go", "duration", "pos", "rel", "slat_pos", "slat_rel"),
    ]
)


@pytest.mark.parametrize(
    ("cmd", "params", "order"),
    [
        ("relay", {"turn": "on"}, ("relay", 0, RelayOrder("on"))),
        ("relay", {"id": 1, "turn": "off", "timeout": 2.5}, ("relay", 1, RelayOrder("off", 2.5))),
        ("light", {"id": 0, "turn": "off"}, ("light", 0, LightOrder("off"))),
        ("light", {"brightness": 0}, ("light", 0, LightOrder(brightness=0))),
        ("roller", {"id": 0, "go": "stop"}, ("roller", 0, RollerOrder("stop"))),
        ("roller_to_pos", {"id": 0, "pos": 0}, ("roller", 0, PositionOrder(pos=0))),
        ("roller_to_pos", {"rel": -5, "slat_pos": 5}, ("roller", 0, PositionOrder(None, -5, 5))),
    ],
)
def test_documented_commands_are_understood(
    cmd: str, params: dict[str, Any], order: tuple[str, int, object]
) -> None:
    assert parse(cmd, params) == order


@pytest.mark.parametrize(
    ("cmd", "params", "text"),
    [
        ("relay", {}, "turn is missing"),
        ("relay", {"turn": "ON"}, "turn is none of"),
        ("relay", {"turn": ["on"]}, "turn is none of"),
        ("relay", {"turn": "on", "id": "0"}, "id is not a whole number"),
        ("relay", {"turn": "on", "id": True}, "id is not a whole number"),
        ("relay", {"turn": "on", "timer": 5}, "unknown parameter timer"),
        ("relay", {"turn": "on", "timeout": 0}, "timeout is out of range"),
        ("relay", {"turn": "on", "timeout": "5"}, "timeout is not a number"),
        ("relay", None, "params is not an object"),
        ("light", {"brightness": 101}, "brightness is not a whole number"),
        ("light", {"brightness": 50.0}, "brightness is not a whole number"),
        ("light", {"transition": 5001}, "transition is not"),
        ("roller", {"go": "up"}, "go is none of"),
        ("roller_to_pos", {}, "pos is missing"),
        ("roller_to_pos", {"pos": 5, "rel": 5}, "exclude each other"),
        ("roller_to_pos", {"slat_pos": 5, "slat_rel": 5}, "exclude each other"),
        ("dance", {}, "unknown command"),
        (None, {}, "unknown command"),
    ],
)
def test_anything_else_is_refused_with_a_reason(cmd: Any, params: Any, text: str) -> None:
    with pytest.raises(Refused, match=text):
        parse(cmd, params)


@given(
    cmd=JSON | st.sampled_from(["relay", "light", "roller", "roller_to_pos"]),
    params=JSON | st.dictionaries(KEYS, JSON | st.sampled_from(["on", "open"]), max_size=4),
)
def test_no_json_does_harm(cmd: Any, params: Any) -> None:
    with contextlib.suppress(Refused):
        parse(cmd, params)


@pytest.mark.parametrize(
    "command",
    [
        RelayCommand(Turn.TOGGLE, timer=1.5),
        LightCommand(turn=Turn.ON, brightness=30, transition=1.5, timer=60.0),
        LightCommand(turn=Turn.ON, color=(1, 2, 3), white=4, brightness=5, colored=True),
        LightCommand(color_temp=3000, effect=2),
        RollerCommand(Go.CLOSE, duration=2.0),
        RollerPosition(position=0),
        RollerPosition(relative=-5, slat_position=100),
    ],
)
def test_what_the_bridge_says_is_understood(command: Command) -> None:
    send = SendCommand(LinkId("h"), DeviceId("a8032a5b000b"), Target("x", 1), command, 7, 0.0)
    data = parse_object(encode_command(send).encode())["data"]
    assert parse(data["cmd"], data["params"])[1] == 1
