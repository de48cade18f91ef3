"""Lights: Gen1 `lights[]` in both modes, Gen2+ `light`, `rgb`, `rgbw`, `rgbcct`, `cct`.

The keys are those of Home Assistant's JSON light, so that it needs no template.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.kinds.fields import Field, Table, Values, number, on_off, percent, text, words
from bridge.core.kinds.relay import GEN1_METER, METERED, gen1_errors
from bridge.core.model import Json

_OURS = frozenset({"color", "color_mode", "color_temp", "errors"})
"""Keys that are worked out from several members; a member of such a name is not passed on."""

_LIGHT = Table(
    fields=(
        Field("state", ("output",), on_off),
        Field("brightness", ("brightness",), percent, "%"),
        Field("color_temp", ("ct",), number, "K"),
        *METERED,
        Field("source", ("source",), text),
    ),
    dropped=_OURS | {"rgb", "white", "mode"},
)

_GEN1_LIGHT = Table(
    fields=(
        Field("state", ("ison",), on_off),
        Field("power", ("power",), number, "W"),
        Field("source", ("source",), text),
    ),
    dropped=_OURS
    | {
        *("mode", "red", "green", "blue", "white", "gain", "temp", "brightness", "effect"),
        *("is_valid", "overpower", "overtemperature"),
    },
)


def read_light(component: Mapping[str, Json]) -> Values:
    """The values of a Gen2+ light of any type (Shelly docs, Gen2 Light, RGB, RGBW, CCT)."""
    values = _LIGHT.read(component)
    color = _rgb(component.get("rgb"))
    if color is not None and "white" in component:
        color["w"] = _byte(component["white"])
    if color is not None:
        values["color"] = color
    values["color_mode"] = _color_mode(component, values)
    values["errors"] = words(component.get("errors"))
    return values


def _color_mode(component: Mapping[str, Json], values: Values) -> str:
    mode = component.get("mode")
    if mode == "cct" or ("ct" in component and mode is None and "rgb" not in component):
        return "color_temp"
    if "color" in values:
        return "rgbw" if "w" in values["color"] else "rgb"
    return "brightness" if "brightness" in values else "onoff"


def read_gen1_light(light: Mapping[str, Json], meter: Mapping[str, Json] | None) -> Values:
    """The values of a Gen1 light (Shelly docs, Gen1 bulbs, RGBW2, dimmers).

    In mode `color` the brightness is Shelly's `gain`, in mode `white` it is `brightness`.
    """
    values = {**GEN1_METER.read(meter or {}), **_GEN1_LIGHT.read(light)}
    colored = light.get("mode") == "color"
    level = light.get("gain" if colored else "brightness")
    if level is not None:
        values["brightness"] = percent(level)
    if "red" in light:
        values["color"] = _gen1_color(light)
    if "temp" in light:
        values["color_temp"] = number(light["temp"])
    if "effect" in light:
        effect = number(light["effect"])
        values["effect"] = None if effect is None else str(effect)
    values["color_mode"] = _gen1_color_mode(light, values, colored=colored)
    values["errors"] = gen1_errors(light)
    return values


def _gen1_color_mode(light: Mapping[str, Json], values: Values, *, colored: bool) -> str:
    if colored:
        return "rgbw" if "white" in light else "rgb"
    if "temp" in light:
        return "color_temp"
    return "brightness" if "brightness" in values else "onoff"


def _gen1_color(light: Mapping[str, Json]) -> Values:
    color = {"r": light.get("red"), "g": light.get("green"), "b": light.get("blue")}
    if "white" in light:
        color["w"] = light["white"]
    return {key: _byte(value) for key, value in color.items()}


def _rgb(value: Json) -> Values | None:
    if not isinstance(value, list) or len(value) != 3:
        return None
    return dict(zip("rgb", map(_byte, value), strict=True))


def _byte(value: Json) -> int | float | None:
    level = number(value)
    return level if level is not None and 0 <= level <= 255 else None
