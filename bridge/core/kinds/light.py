"""Lights: Gen1 `lights[]` in both modes, Gen2+ `light`, `rgb`, `rgbw`, `rgbcct`, `cct`.

The keys are those of Home Assistant's JSON light, so that it needs no template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bridge.core.kinds.convert import number, on_off, percent, positive
from bridge.core.kinds.entity import POWER, detail, measured, told
from bridge.core.kinds.entity import on_off as shown_on_off
from bridge.core.kinds.fields import ABSENT, Field, Table, Values
from bridge.core.kinds.kind import Companion, Form, Kind, Origin
from bridge.core.kinds.meter import ERRORS, GEN1_METER, METERED, METERED_DROPPED
from bridge.core.kinds.relay import GEN1_ERRORS, SWITCHED_BY
from bridge.core.model import Json

COLOR_MODES = ("onoff", "brightness", "color_temp", "rgb", "rgbw")
"""Home Assistant's words for what a light shows now."""

_STATE = shown_on_off("light")
_BRIGHTNESS = measured(None, "Brightness")
_COLOR_TEMP = detail(None, "Color temperature")
_COLOR_MODE = told("Color mode", *COLOR_MODES)


def _byte(value: Json) -> int | float | None:
    level = number(value)
    return level if level is not None and 0 <= level <= 255 else None


def _has_color(component: Json) -> bool:
    rgb = component.get("rgb")
    return isinstance(rgb, list) and len(rgb) == 3


def _color(component: Json) -> object:
    if not _has_color(component):
        return ABSENT
    color: Values = dict(zip("rgb", map(_byte, component["rgb"]), strict=True))
    if "white" in component:
        color["w"] = _byte(component["white"])
    return color


def _color_mode(component: Json) -> str:
    mode = component.get("mode")
    if mode == "cct" or ("ct" in component and mode is None and "rgb" not in component):
        return "color_temp"
    if _has_color(component):
        return "rgbw" if "white" in component else "rgb"
    return "brightness" if "brightness" in component else "onoff"


GEN2_LIGHT = Table(
    fields=(
        Field("state", ("output",), on_off, "", _STATE),
        Field("brightness", ("brightness",), percent, "%", _BRIGHTNESS),
        Field("color_temp", ("ct",), positive, "K", _COLOR_TEMP),
        Field("color", (), _color, members=("rgb", "white")),
        Field("color_mode", (), _color_mode, entity=_COLOR_MODE, members=("mode",)),
        *METERED,
        SWITCHED_BY,
        ERRORS,
    ),
    dropped=METERED_DROPPED,
)
"""Shelly docs, Gen2 Light, RGB, RGBW, CCT."""


def _is_colored(light: Json) -> bool:
    return bool(light.get("mode") == "color")


def _gen1_brightness(light: Json) -> object:
    """In mode `color` the brightness is Shelly's `gain`, in mode `white` it is `brightness`."""
    level = light.get("gain" if _is_colored(light) else "brightness")
    return ABSENT if level is None else percent(level)


def _gen1_color(light: Json) -> object:
    if "red" not in light:
        return ABSENT
    color = {"r": light.get("red"), "g": light.get("green"), "b": light.get("blue")}
    if "white" in light:
        color["w"] = light["white"]
    return {key: _byte(value) for key, value in color.items()}


def _gen1_color_mode(light: Json) -> str:
    if _is_colored(light):
        return "rgbw" if "white" in light else "rgb"
    if "temp" in light:
        return "color_temp"
    return "onoff" if _gen1_brightness(light) is ABSENT else "brightness"


_BULB = (
    *("Off", "Meteor Shower", "Gradual Change", "Breath", "Flash", "On/Off Gradual"),
    "Red/Green Change",
)
_STRIP = ("Off", "Meteor Shower", "Gradual Change", "Flash")


def effects(values: Mapping[str, Json]) -> tuple[str, ...]:
    """The effects of a light that reports these values, in the order of Shelly's numbers.

    Bulbs, which have a colour temperature, know more than LED controllers (Shelly docs, Gen1
    Bulb, RGBW2).
    """
    if "effect" not in values:
        return ()
    return _BULB if "color_temp" in values else _STRIP


def effect_name(effect: float, names: Sequence[str]) -> str:
    """What Shelly calls the effect with a number; a number that is not known is told as such."""
    return names[int(effect)] if effect in range(len(names)) else str(effect)


def _gen1_effect(light: Json) -> object:
    if "effect" not in light:
        return ABSENT
    effect = number(light["effect"])
    return None if effect is None else effect_name(effect, _BULB if "temp" in light else _STRIP)


GEN1_LIGHT = Table(
    fields=(
        Field("state", ("ison",), on_off, "", _STATE),
        Field("brightness", (), _gen1_brightness, "%", _BRIGHTNESS, members=("brightness", "gain")),
        Field("color_temp", ("temp",), positive, "K", _COLOR_TEMP),
        # On bulbs without colours `white` is only another form of `temp`.
        Field("color", (), _gen1_color, members=("red", "green", "blue", "white")),
        Field("color_mode", (), _gen1_color_mode, entity=_COLOR_MODE, members=("mode",)),
        Field("effect", (), _gen1_effect, entity=told("Effect"), members=("effect",)),
        Field("power", ("power",), number, "W", POWER),
        SWITCHED_BY,
        GEN1_ERRORS,
    ),
    dropped={"is_valid": "whether its meter works, which the meter tells itself"},
)
"""Shelly docs, Gen1 bulbs, RGBW2, dimmers."""

_ORDER = ("rgb", "rgbw", "rgbcct", "light", "cct")
"""The order in which light components take the number they ask for."""

LIGHT = Kind(
    "light",
    "Light",
    "A light, in the words of Home Assistant's JSON light.",
    (
        Origin(
            "Gen1",
            "lights",
            Form.ARRAY,
            GEN1_LIGHT,
            (Companion("meters", GEN1_METER),),
            bare=True,
            decisive=("color_mode",),
        ),
        *(
            Origin(
                "Gen2",
                key,
                Form.COMPONENT,
                GEN2_LIGHT,
                rank=rank,
                bare=True,
                decisive=("color_mode",),
            )
            for rank, key in enumerate(_ORDER)
        ),
    ),
    acts=True,
)
