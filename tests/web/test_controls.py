"""A control for whatever a hand can set of a channel, and what each tells it."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.effects import Show
from bridge.core.events import Looked
from bridge.core.model import Json
from bridge.core.views.asked import OneDevice
from bridge.core.views.shown import Channel, Device, Reading
from bridge.web.controls import (
    LONGEST_TEXT,
    Buttons,
    Choice,
    Color,
    Control,
    Slider,
    Text,
    WrongValueError,
    controls,
    wanted,
)
from tests.core import payloads
from tests.core.dialogue import DEVICE, online


def channel(
    kind: str, *commands: str, facts: dict[str, Json] | None = None, **values: Json
) -> Channel:
    readings = tuple(Reading(key, value) for key, value in values.items())
    return Channel(kind, 0, None, f"{kind}:0", "topic", 0.0, readings, commands, facts or {})


def one(made: Channel) -> Control:
    (control,) = controls(made)
    return control


def words(control: Control) -> list[str]:
    assert isinstance(control, Buttons)
    return [told for told, _ in control.words]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("relay", ["ON", "OFF", "TOGGLE"]),
        ("light", ["ON", "OFF", "TOGGLE"]),
        ("boolean", ["ON", "OFF", "TOGGLE"]),
        ("roller", ["OPEN", "STOP", "CLOSE"]),
        ("cb", ["ON", "OFF"]),
    ],
)
def test_states_have_buttons(kind: str, told: list[str]) -> None:
    made = channel(kind, "state", state="ON")
    assert words(one(made)) == told
    assert wanted(made, "state", told[0]) == {"state": told[0]}


def test_what_cannot_be_told_has_no_control() -> None:
    assert controls(channel("relay", state="ON", power=1.0)) == ()
    assert controls(channel("light", "transition", "timer", "duration", "relative")) == ()


@pytest.mark.parametrize(
    ("made", "control"),
    [
        (
            channel("light", "brightness", brightness=30),
            Slider("brightness", "Brightness", 0, 100, 1, "%", 30),
        ),
        (
            channel("roller", "position", position=None),
            Slider("position", "Position", 0, 100, 1, "%", None),
        ),
        (
            channel("light", "color_temp", facts={"ct_min": 3000, "ct_max": 6000}, color_temp=4000),
            Slider("color_temp", "Color temperature", 3000, 6000, 50, "K", 4000),
        ),
        (
            channel("light", "color", color={"r": 255, "g": 0, "b": 16}),
            Color("color", "Color", "#ff0010"),
        ),
        (channel("light", "color", color=None), Color("color", "Color", "#000000")),
        (
            channel("light", "white", color={"r": 1, "g": 1, "b": 1, "w": 9}),
            Slider("white", "White", 0, 255, 1, "", 9),
        ),
        (
            channel("number", "value", facts={"min": -5, "max": 5, "step": 0.5}, value=1.5),
            Slider("value", "Value", -5, 5, 0.5, "", 1.5),
        ),
        (
            channel("enum", "value", facts={"options": ["a", "b"]}, value="b"),
            Choice("value", "Value", ("a", "b"), "b"),
        ),
        (
            channel("text", "value", facts={"max_len": 9}, value="hi"),
            Text("value", "Value", "hi", 9),
        ),
        (
            channel("thermostat", "target_temperature", target_temperature=21),
            Slider("target_temperature", "Target temperature", 5, 30, 0.5, "°C", 21),
        ),
    ],
    ids=lambda value: value.key if not isinstance(value, Channel) else value.kind,
)
def test_controls(made: Channel, control: Control) -> None:
    assert one(made) == control


@pytest.mark.parametrize(
    ("made", "key", "given", "told"),
    [
        (channel("light", "brightness"), "brightness", "50", {"brightness": 50}),
        (channel("number", "value"), "value", "1.5", {"value": 1.5}),
        (channel("light", "color"), "color", "#ff0010", {"color": {"r": 255, "g": 0, "b": 16}}),
        (channel("thermostat", "enabled"), "enabled", "true", {"enabled": True}),
        (channel("thermostat", "enabled"), "enabled", "false", {"enabled": False}),
        (channel("text", "value"), "value", "", {"value": ""}),
        (channel("button", "event"), "event", "press", {"event": "press"}),
    ],
)
def test_what_is_told(made: Channel, key: str, given: str, told: dict[str, Json]) -> None:
    assert wanted(made, key, given) == told


@pytest.mark.parametrize(
    ("made", "key", "given"),
    [
        (channel("light", "brightness"), "brightness", "much"),
        (channel("light", "brightness"), "brightness", "nan"),
        (channel("light", "brightness"), "brightness", "inf"),
        (channel("light", "brightness"), "brightness", ""),
        (channel("light", "color"), "color", "red"),
        (channel("light", "color"), "color", "#ff00"),
        (channel("text", "value"), "value", "x" * (LONGEST_TEXT + 1)),
        (channel("relay", "state"), "timer", "5"),
        (channel("relay"), "state", "ON"),
    ],
)
def test_what_makes_no_sense_is_not_told(made: Channel, key: str, given: str) -> None:
    with pytest.raises(WrongValueError):
        wanted(made, key, given)


def test_a_hand_can_set_all_that_real_channels_offer() -> None:
    """Only times and relative moves have no control."""
    status: dict[str, Any] = {
        "switch:0": payloads.switch(),
        "cover:0": payloads.cover(),
        "rgbw:0": payloads.rgbw(),
    }
    dialogue = online(status=status)
    device = dialogue.says(Looked(1, OneDevice(DEVICE))).one(Show).document
    assert isinstance(device, Device)
    without = {"timer", "duration", "relative", "transition"}
    seen: set[str] = set()
    for each in device.channels:
        offered = set(each.commands) - without
        assert {control.key for control in controls(each)} == offered
        seen |= offered
    assert {"state", "brightness", "color", "white", "position"} <= seen
