"""Lights, in the words of Home Assistant's JSON light."""

from __future__ import annotations

import pytest

from bridge.core.kinds.light import GEN1_LIGHT, GEN2_LIGHT, effects
from bridge.core.model import Json
from tests.core import payloads
from tests.core.kinds.reads import channels, values


def test_a_dimmer_of_gen2() -> None:
    component = {"id": 0, "output": True, "brightness": 55, "source": "init", "apower": 3.0}
    assert GEN2_LIGHT.read(component) == {
        "state": "ON",
        "brightness": 55,
        "power": 3.0,
        "source": "init",
        "color_mode": "brightness",
        "errors": [],
    }


def test_a_colour_strip() -> None:
    read = GEN2_LIGHT.read(payloads.rgbw())
    assert read["color"] == {"r": 255, "g": 120, "b": 0, "w": 10}
    assert read["color_mode"] == "rgbw"
    assert "rgb" not in read
    assert "white" not in read


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
    assert GEN2_LIGHT.read(component)["color_mode"] == mode


@pytest.mark.parametrize("rgb", [None, [], [1, 2], [1, 2, 3, 4], "red", {"r": 1}])
def test_what_is_no_colour_gives_none(rgb: Json) -> None:
    assert "color" not in GEN2_LIGHT.read({"output": True, "rgb": rgb, "brightness": 5})


def test_parts_of_a_colour_out_of_range_are_unknown() -> None:
    read = GEN2_LIGHT.read({"rgb": [256, -1, "x"], "white": None})
    assert read["color"] == {"r": None, "g": None, "b": None, "w": None}


def test_a_bulb_of_gen1_that_shows_a_colour() -> None:
    assert values(payloads.gen1_bulb(), "light/0") == {
        "state": "ON",
        "power": 4.2,
        "energy": 0.002,
        "source": "cloud",
        "has_timer": False,
        "transition": 500,
        "brightness": 55,
        "color": {"r": 10, "g": 20, "b": 30, "w": 40},
        "color_temp": 4000,
        "effect": "Gradual Change",
        "color_mode": "rgbw",
        "errors": [],
    }


def test_the_same_bulb_in_white() -> None:
    light = payloads.gen1_bulb(mode="white")["lights"][0]
    read = GEN1_LIGHT.read(light)
    assert (read["brightness"], read["color_mode"]) == (80, "color_temp")


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
    assert GEN1_LIGHT.read(light)["color_mode"] == mode


@pytest.mark.parametrize(
    ("effect", "bulb", "strip"),
    [
        (0, "Off", "Off"),
        (1, "Meteor Shower", "Meteor Shower"),
        (3, "Breath", "Flash"),
        (4, "Flash", "4"),
        (6, "Red/Green Change", "6"),
        (7, "7", "7"),
        (-1, "-1", "-1"),
        (1.5, "1.5", "1.5"),
        ("fire", None, None),
        (None, None, None),
    ],
)
def test_an_effect_is_called_as_shelly_calls_it(effect: Json, bulb: Json, strip: Json) -> None:
    assert GEN1_LIGHT.read({"effect": effect, "temp": 3000})["effect"] == bulb
    assert GEN1_LIGHT.read({"effect": effect})["effect"] == strip


def test_the_effects_that_a_light_knows() -> None:
    assert effects(values(payloads.gen1_bulb(), "light/0")) == (
        *("Off", "Meteor Shower", "Gradual Change", "Breath", "Flash", "On/Off Gradual"),
        "Red/Green Change",
    )
    strip = GEN1_LIGHT.read({"mode": "color", "red": 1, "effect": 0})
    assert effects(strip) == ("Off", "Meteor Shower", "Gradual Change", "Flash")
    assert effects(GEN1_LIGHT.read({"ison": True})) == ()


def test_a_meter_never_speaks_for_the_light() -> None:
    light = {"ison": True, "power": 3.0, "red": 1, "green": 2, "blue": 3}
    meter = {"power": 1, "color": 5, "state": "x"}
    read = values({"lights": [light], "meters": [meter]}, "light/0")
    assert (read["state"], read["color"]) == ("ON", {"r": 1, "g": 2, "b": 3})
    assert read["power"] == 3.0


def test_a_light_that_has_another_colour_mode_may_do_other_things() -> None:
    for status in (payloads.gen1_bulb(), payloads.strip()):
        assert channels(status)["light/0"].decisive == ("color_mode",)


def test_the_range_of_the_colour_temperature_is_told() -> None:
    range_ = {"ct_min": 2700, "ct_max": 6500}
    found = channels({"cct:0": {"ct": 3000}}, facts={"cct:0": range_})
    assert found["light/0"].facts == range_
    assert found["light/0"].read({"cct:0": {"ct": 3000}})["color_temp"] == 3000


def test_what_is_new_comes_through() -> None:
    component = {"output": True, "flags": ["no_load"], "calibration": {"progress": 5}}
    read = GEN2_LIGHT.read(component)
    assert (read["flags"], read["calibration"]) == (["no_load"], {"progress": 5})
