"""Channels to be told something, and payloads made into commands for them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import strategies as st

from bridge.core.commands import Command
from bridge.core.device import ChannelState
from bridge.core.instructions.builders import to_command
from bridge.core.instructions.payload import read
from bridge.core.instructions.wanted import RefusedError
from bridge.core.kinds.catalog import layout
from bridge.core.model import Json
from tests.core import payloads


def channel(
    status: dict[str, Json], kind: str, number: int = 0, facts: Mapping[str, Json] | None = None
) -> ChannelState:
    """A channel of a status, read; `facts` are about whatever component it is."""
    told = dict.fromkeys(status, facts) if facts else {}
    channels, _ = layout(status, None, told)
    (found,) = (each for each in channels if (each.kind, each.number) == (kind, number))
    state = ChannelState(found)
    state.update(status, 0.0)
    return state


def virtual(kind: str, value: Json = None, **facts: Json) -> ChannelState:
    """A virtual component with its value and what its settings say."""
    return channel({f"{kind}:200": {"value": value}}, kind, 200, facts)


RELAY = channel(payloads.two_switches(), "relay")
INPUT = channel(payloads.two_switches(), "input")
ROLLER = channel(payloads.shutter(), "roller")
SLATS = channel({"cover:0": payloads.cover(slat_pos=5)}, "roller")
UNCALIBRATED = channel({"cover:0": payloads.cover(pos_control=False)}, "roller")
BULB = channel(payloads.gen1_bulb(), "light")
DIMMER = channel({"light:0": {"output": True, "brightness": 5}}, "light")
PLAIN = channel({"light:0": {"output": True}}, "light")
STRIP = channel(payloads.strip(), "light")
BOOLEAN = virtual("boolean", True)
NUMBER = virtual("number", 3.5, min=-10, max=50, step=0.5)
FREE_NUMBER = virtual("number", 0)
TEXT = virtual("text", "", max_len=12)
FREE_TEXT = virtual("text", "")
ENUM = virtual("enum", "eco", options=["eco", "5", " odd", "Full power"])
FREE_ENUM = virtual("enum", "eco")
BUTTON = channel({"button:200": {"id": 200}}, "button", 200)
BREAKER = channel({"cb:0": {"id": 0, "output": False}}, "cb")
THERMOSTAT = channel(
    {"thermostat:0": {"id": 0, "enable": True, "target_C": 21, "current_C": 20.1}}, "thermostat"
)
RADIATOR = channel({"blutrv:200": {"id": 200, "target_C": 19}}, "thermostat", 200)
SMOKE = channel({"smoke:0": {"id": 0, "alarm": True, "mute": False}}, "smoke")
CURY = channel(
    {
        "cury:0": {
            "id": 0,
            "mode": None,
            "away_mode": False,
            "slots": {"left": {"on": True, "intensity": 40}, "right": {"on": False}},
        }
    },
    "cury",
)

ALL = (
    *(RELAY, INPUT, ROLLER, SLATS, UNCALIBRATED, BULB, DIMMER, PLAIN, STRIP, BOOLEAN, NUMBER),
    *(FREE_NUMBER, TEXT, FREE_TEXT, ENUM, FREE_ENUM, BUTTON, BREAKER, THERMOSTAT, RADIATOR),
    *(SMOKE, CURY),
)

EVERY = st.sampled_from(ALL)
"""Any of them."""

KEYS = st.sampled_from(
    [
        *("state", "timer", "brightness", "color_temp", "color", "white", "effect", "transition"),
        *("duration", "position", "relative", "slat_position", "slat_relative", "id", "ttl"),
        *("value", "event", "target_temperature", "enabled", "mode", "mute", "left_on"),
        *("right_intensity", "left_boost", "away_mode"),
    ]
)


def command(payload: str | bytes | Json, state: ChannelState, key: str | None = None) -> Command:
    """The command of a payload that can be read."""
    data = payload.encode() if isinstance(payload, str) else payload
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    instruction = read(data, key, state.channel.kind)
    assert instruction.problem is None
    return to_command(instruction.wanted, state)


def refused(payload: str | Json, state: ChannelState, key: str | None = None) -> tuple[str, str]:
    """Why a payload gives no command."""
    with pytest.raises(RefusedError) as error:
        command(payload, state, key)
    return error.value.status, str(error.value)
