"""Lights, in the words of Home Assistant's JSON light."""

from __future__ import annotations

import pytest

from bridge.core.kinds.light import read_gen1_light, read_light
from bridge.core.model import Json
from tests.core import payloads


def test_a_dimmer_of_gen2() -> None:
    component = {"id": 0, "output": True, "brightness": 55, "source": "init", "apower": 3.0}
    assert read_light(component) == {
        "state": "ON",
        "brightness": 55,
        "power": 3.0,
        "source": "init",
        "color_mode": "brightness",
        "errors": [],
    }


def test_a_colour_strip() -> None:
    values = read_light(payloads.rgbw())
    assert values["color"] == {"r": 255, "g": 120, "b": 0, "w": 10}
    assert values["color_mode"] == "rgbw"
    assert "rgb" not in values
    assert "white" not in values


@pytest.mark.parametrize(
    ("component", "mode"),
    [
        ({"output": True}, "onoff"),
        ({"output": True, "brightness": 5}, "brightness"),
        ({"brightness": 5, "ct": 3000}, "color_temp"),
        ({"brightness": 5, "rgb": [1, 2, 3]}, "rgb"),
        ({"brightness": 5, "rgb": [1, 2, 3], "white": 0}, "rgbw"),
        ({"mode": "cct", "ct": 3000, "rgb": [1, 2, 3]}, "color_temp"),
        ({"mode": "rgb", "ct": 3000, "rgb": [1, 2, 3]}, "rgb"),
        ({"ct": 3000, "rgb": [1, 2, 3]}, "rgb"),
    ],
)
def test_the_color_mode(component: dict[str, Json], mode: str) -> None:
    assert read_light(component)["color_mode"] == mode


@pytest.mark.parametrize("rgb", [None, [], [1, 2], [1, 2, 3, 4], "red", {"r": 1}])
def test_what_is_no_colour_gives_none(rgb: Json) -> None:
    assert "color" not in read_light({"output": True, "rgb": rgb, "brightness": 5})


def test_parts_of_a_colour_out_of_range_are_unknown() -> None:
    values = read_light({"rgb": [256, -1, "x"], "white": None})
    assert values["color"] == {"r": None, "g": None, "b": None, "w": None}


def test_a_bulb_of_gen1_that_shows_a_colour() -> None:
    status = payloads.gen1_bulb()
    assert read_gen1_light(status["lights"][0], status["meters"][0]) == {
        "state": "ON",
        "power": 4.2,
        "energy": 0.002,
        "source": "cloud",
        "has_timer": False,
        "transition": 500,
        "brightness": 55,
        "color": {"r": 10, "g": 20, "b": 30, "w": 40},
        "color_temp": 4000,
        "effect": "2",
        "color_mode": "rgbw",
        "errors": [],
    }


def test_the_same_bulb_in_white() -> None:
    light = payloads.gen1_bulb(mode="white")["lights"][0]
    values = read_gen1_light(light, None)
    assert (values["brightness"], values["color_mode"]) == (80, "color_temp")


@pytest.mark.parametrize(
    ("light", "mode"),
    [
        ({"ison": True}, "onoff"),
        ({"ison": True, "brightness": 5}, "brightness"),
        ({"mode": "white", "temp": 3000}, "color_temp"),
        ({"mode": "color", "red": 1, "gain": 5}, "rgb"),
    ],
)
def test_the_color_mode_of_gen1(light: dict[str, Json], mode: str) -> None:
    assert read_gen1_light(light, None)["color_mode"] == mode


def test_an_effect_that_is_no_number_is_unknown() -> None:
    assert read_gen1_light({"effect": "fire"}, None)["effect"] is None


def test_a_meter_never_speaks_for_the_light() -> None:
    meter = {"power": 1, "color": 5, "state": "x"}
    values = read_gen1_light({"ison": True, "power": 3.0, "red": 1, "green": 2, "blue": 3}, meter)
    assert (values["state"], values["color"]) == ("ON", {"r": 1, "g": 2, "b": 3})
