"""What a BLU weather station tells through the cloud, one component a reading.

The member with the reading is called `value` or as its component (no page of Shelly's says).
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.core.kinds.convert import boolean, celsius, number, positive
from bridge.core.kinds.entity import Entity, flag, measured
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.model import Json

WIND_DIRECTION = Entity(device_class="wind_direction", state_class="measurement_angle")


def _weather(
    names: tuple[str, str, str],
    text: str,
    convert: Callable[[Json], Json],
    unit: str,
    entity: Entity,
) -> Kind:
    """`names` are Shelly's, ours, and the title."""
    wire, name, title = names
    fields = tuple(Field(name, (member,), convert, unit, entity) for member in (wire, "value"))
    return Kind(name, title, text, (Origin("BLU", wire, Form.COMPONENT, Table(fields)),))


KINDS = (
    _weather(
        ("pressure", "pressure", "Air pressure"),
        "The air pressure.",
        positive,
        "hPa",
        measured("atmospheric_pressure"),
    ),
    _weather(
        ("dewpoint", "dewpoint", "Dew point"),
        "The temperature at which there is dew.",
        celsius,
        "°C",
        measured("temperature", "Dew point"),
    ),
    _weather(
        ("UV", "uv", "UV index"),
        "How strong the ultraviolet light is.",
        positive,
        "",
        measured(None, "UV index"),
    ),
    _weather(
        ("precipitation", "precipitation", "Precipitation"),
        "The rain that fell.",
        positive,
        "mm",
        measured("precipitation"),
    ),
    _weather(
        ("speed", "speed", "Wind speed"),
        "How fast the wind is, or its gusts.",
        positive,
        "m/s",
        measured("wind_speed"),
    ),
    _weather(
        ("direction", "direction", "Wind direction"),
        "Where the wind comes from.",
        number,
        "°",
        WIND_DIRECTION,
    ),
    _weather(
        ("moisture_alarm", "moisture_alarm", "Rain"),
        "Whether it rains.",
        boolean,
        "",
        flag("moisture", "Rain"),
    ),
)
