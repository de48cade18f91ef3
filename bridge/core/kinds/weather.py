"""What BLU devices tell through the cloud besides, one component a reading: weather, distance.

The member with the reading is called `value` or as its component (no page of Shelly's says).
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.core.kinds.convert import boolean, celsius, number, positive
from bridge.core.kinds.entity import VIBRATION, Entity, flag, measured
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.model import Json

WIND_DIRECTION = Entity(device_class="wind_direction", state_class="measurement_angle")
WIND_GUST = measured("wind_speed", "Wind gust")


def _reading(
    names: tuple[str, str, str],
    text: str,
    convert: Callable[[Json], Json],
    unit: str,
    entity: Entity,
    *,
    second: Entity | None = None,
) -> Kind:
    """`names` are Shelly's, ours, and the title; `second` is what number 1 is instead."""
    wire, name, title = names

    def table(shown: Entity) -> Table:
        members = (wire, "value")
        return Table(tuple(Field(name, (member,), convert, unit, shown) for member in members))

    others = {} if second is None else {1: table(second)}
    origin = Origin("BLU", wire, Form.COMPONENT, table(entity), others=others)
    return Kind(name, title, text, (origin,))


KINDS = (
    _reading(
        ("pressure", "pressure", "Air pressure"),
        "The air pressure.",
        positive,
        "hPa",
        measured("atmospheric_pressure"),
    ),
    _reading(
        ("dewpoint", "dewpoint", "Dew point"),
        "The temperature at which there is dew.",
        celsius,
        "°C",
        measured("temperature", "Dew point"),
    ),
    _reading(
        ("UV", "uv", "UV index"),
        "How strong the ultraviolet light is.",
        positive,
        "",
        measured(None, "UV index"),
    ),
    _reading(
        ("precipitation", "precipitation", "Precipitation"),
        "The rain that fell.",
        positive,
        "mm",
        measured("precipitation"),
    ),
    _reading(
        ("speed", "speed", "Wind speed"),
        "How fast the wind is; number 1 is that of its gusts.",
        positive,
        "m/s",
        measured("wind_speed"),
        second=WIND_GUST,
    ),
    _reading(
        ("direction", "direction", "Wind direction"),
        "Where the wind comes from.",
        number,
        "°",
        WIND_DIRECTION,
    ),
    _reading(
        ("moisture_alarm", "moisture_alarm", "Rain"),
        "Whether it rains.",
        boolean,
        "",
        flag("moisture", "Rain"),
    ),
    _reading(
        ("distance", "distance", "Distance"),
        "How far away the next thing is.",
        positive,
        "mm",
        measured("distance"),
    ),
    _reading(
        ("vibration", "vibration", "Vibration"),
        "Whether it shakes.",
        boolean,
        "",
        VIBRATION,
    ),
)
