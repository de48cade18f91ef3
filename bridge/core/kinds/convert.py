"""Conversions of what Shelly writes to what the bridge publishes; `None` is unknown.

Each takes any JSON value and never raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bridge.core.model import Json

LARGEST = 1e15
"""More than anything measured or counted; beyond it a JSON number loses digits on its way."""

_COLDEST, _HOTTEST = -100, 900
"""Temperatures (°C) beyond these are error values, as are 999 and −127 (1-Wire without answer)."""
_NO_PROBE = -127
_FAILED = 999
_LATEST = 253_402_300_799
"""The last second (unix) of the year 9999."""


def number(value: Json) -> float | int | None:
    """A measured value; anything but a finite number of a sensible size is unknown."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if -LARGEST <= value <= LARGEST else None
    return None


def boolean(value: Json) -> bool | None:
    """A flag; Shelly also writes 0 and 1, and Gen1 `"true"`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def text(value: Json) -> str | None:
    """A word; anything but text is unknown."""
    return value if isinstance(value, str) else None


def on_off(value: Json) -> str | None:
    """A flag as `ON` or `OFF`."""
    flag = boolean(value)
    return None if flag is None else "ON" if flag else "OFF"


def percent(value: Json) -> int | float | None:
    """A share of 0–100; outside of it the device means that it does not know."""
    share = number(value)
    return share if share is not None and 0 <= share <= 100 else None


def positive(value: Json) -> int | float | None:
    """A measurement that is never below 0; below it the device means that it does not know."""
    measured = number(value)
    return measured if measured is not None and measured >= 0 else None


def celsius(value: Json) -> float | int | None:
    """A temperature in °C; the error values 999 and −127 are unknown."""
    degrees = number(value)
    if degrees is None or not _COLDEST <= degrees <= _HOTTEST:
        return None
    return degrees


def gen1_celsius(value: Json) -> float | int | None:
    """°C from Gen1's `{value, units, tC, is_valid}`, in any of its three shapes.

    `value` is in the unit that the user chose, so that `tC` is better where there is one; the
    error values are the same in both units.
    """
    if not isinstance(value, Mapping) or boolean(value.get("is_valid")) is False:
        return None
    degrees = number(value.get("value"))
    if degrees in (_FAILED, _NO_PROBE):
        return None
    if "tC" in value:
        return celsius(value["tC"])
    if degrees is not None and value.get("units") == "F":
        degrees = round((degrees - 32) / 1.8, 1)
    return celsius(degrees)


def signal(value: Json) -> float | int | None:
    """A signal strength in dBm; 0 means that it was not measured."""
    strength = number(value)
    return strength if strength is not None and strength < 0 else None


def kwh_from_wh(value: Json) -> float | None:
    """Energy in kWh from Wh, floored to 0.001 so that a restart never looks like a drop."""
    energy = number(value)
    return None if energy is None else math.floor(energy) / 1000


def kwh_from_watt_minutes(value: Json) -> float | None:
    """Energy in kWh from the watt-minutes of Gen1 meters (Shelly docs, Gen1 `/meter`)."""
    energy = number(value)
    return None if energy is None else math.floor(energy / 60) / 1000


def words(value: Json) -> list[str]:
    """A list of words, such as `errors`; what is not a word is left out."""
    return [word for word in value if isinstance(word, str)] if isinstance(value, list) else []


def one_of(*choices: str) -> Callable[[Json], str | None]:
    """A conversion that takes these words only; all others are unknown."""
    known = dict(zip(choices, choices, strict=True))
    return lambda value: known.get(value) if isinstance(value, str) else None


def moment(value: Json) -> str | None:
    """A unix time (s) as ISO 8601 in UTC; 0 means never."""
    seconds = number(value)
    if seconds is None or not 0 < seconds <= _LATEST:
        return None
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


def unchanged(value: Json) -> Json:
    """The value as Shelly writes it."""
    return value
