"""What a gateway hears of BLE devices: `bthomedevice`, `bthomesensor`, and the cloud's `reporter`.

What a sensor's value is, is said by the object id in its settings (BTHome, format v2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from bridge.core.ids import device_from_cloud
from bridge.core.kinds.convert import (
    boolean,
    celsius,
    moment,
    number,
    percent,
    positive,
    signal,
    text,
    unchanged,
    words,
)
from bridge.core.kinds.entity import (
    BATTERY,
    CURRENT,
    ENERGY,
    LAST_UPDATED,
    POWER,
    PROBLEM,
    SIGNAL,
    TEMPERATURE,
    VOLTAGE,
    Entity,
    flag,
    measured,
)
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Facts, Form, Kind, Origin
from bridge.core.kinds.thermostat import PACKETS
from bridge.core.kinds.virtual import MOST_TABLES
from bridge.core.kinds.weather import WIND_DIRECTION, WIND_GUST
from bridge.core.model import Json
from bridge.errors import FrameError


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the value of a BTHome object is."""

    convert: Callable[[Json], Json]
    unit: str
    entity: Entity | None


def _is(device_class: str | None, name: str | None = None, *, inverted: bool = False) -> Meaning:
    """A flag; Home Assistant's `lock` and `safety` are on when BTHome's are off."""
    words = ("False", "True") if inverted else ("True", "False")
    return Meaning(boolean, "", Entity("binary_sensor", device_class, name=name, words=words))


def _measures(unit: str, device_class: str | None, name: str | None = None) -> Meaning:
    return Meaning(number, unit, measured(device_class, name))


def _sum(device_class: str) -> Entity:
    return Entity(device_class=device_class, state_class="total")


_COUNT = Meaning(positive, "", Entity(state_class="total", name="Count"))
_TEMPERATURE = Meaning(celsius, "°C", TEMPERATURE)
_HUMIDITY = Meaning(percent, "%", measured("humidity"))
_MOISTURE = Meaning(percent, "%", measured("moisture"))
_ENERGY = Meaning(number, "kWh", ENERGY)
_POWER = Meaning(number, "W", POWER)
_VOLTAGE = Meaning(number, "V", VOLTAGE)
_CURRENT = Meaning(number, "A", CURRENT)
_SPEED = _measures("m/s", "speed")
_ACCELERATION = _measures("m/s²", None, "Acceleration")

# One may tell what it has counted since ever, another what came out this time.
_GAS = Meaning(positive, "m³", _sum("gas"))
_VOLUME = Meaning(positive, "L", _sum("volume"))
_FIRMWARE = Meaning(unchanged, "", Entity(name="Firmware", diagnostic=True, enabled=False))
_DUST = "\u03bcg/m³"
"""Home Assistant writes micro as the Greek letter, U+03BC."""

OBJECTS: dict[int, Meaning] = {
    0: Meaning(number, "", None),
    1: Meaning(percent, "%", BATTERY),
    2: _TEMPERATURE,
    3: _HUMIDITY,
    4: _measures("hPa", "atmospheric_pressure"),
    5: Meaning(positive, "lx", measured("illuminance")),
    6: _measures("kg", "weight"),
    7: _measures("lb", "weight"),
    8: Meaning(celsius, "°C", measured("temperature", "Dew point")),
    9: _COUNT,
    10: _ENERGY,
    11: _POWER,
    12: _VOLTAGE,
    13: _measures(_DUST, "pm25"),
    14: _measures(_DUST, "pm10"),
    15: _is(None, "State"),
    16: _is("power"),
    17: _is("opening"),
    18: _measures("ppm", "carbon_dioxide"),
    19: _measures(_DUST, "volatile_organic_compounds"),
    20: _MOISTURE,
    21: _is("battery"),
    22: _is("battery_charging"),
    23: _is("carbon_monoxide"),
    24: _is("cold"),
    25: _is("connectivity"),
    26: _is("door"),
    27: _is("garage_door"),
    28: _is("gas"),
    29: _is("heat"),
    30: _is("light"),
    31: _is("lock", inverted=True),
    32: _is("moisture"),
    33: _is("motion"),
    34: _is("moving"),
    35: _is("occupancy"),
    36: _is("plug"),
    37: _is("presence"),
    38: _is("problem"),
    39: _is("running"),
    40: _is("safety", inverted=True),
    41: _is("smoke"),
    42: _is("sound"),
    43: _is("tamper"),
    44: _is("vibration"),
    45: _is("window"),
    46: _HUMIDITY,
    47: _MOISTURE,
    61: _COUNT,
    62: _COUNT,
    63: _measures("°", None, "Rotation"),
    64: _measures("mm", "distance"),
    65: _measures("m", "distance"),
    66: _measures("s", "duration"),
    67: _CURRENT,
    68: _SPEED,
    69: _TEMPERATURE,
    70: _measures("", None, "UV index"),
    71: _VOLUME,
    72: Meaning(positive, "mL", _sum("volume")),
    73: _measures("m³/h", "volume_flow_rate"),
    74: _VOLTAGE,
    75: _GAS,
    76: _GAS,
    77: _ENERGY,
    78: _VOLUME,
    79: Meaning(positive, "L", _sum("water")),
    80: Meaning(moment, "", Entity(device_class="timestamp")),
    81: _ACCELERATION,
    82: _measures("°/s", None, "Gyroscope"),
    83: Meaning(text, "", Entity(name="Text")),
    84: Meaning(text, "", Entity(name="Data", enabled=False)),
    85: _measures("L", "volume_storage"),
    86: _measures("\u03bcS/cm", "conductivity"),
    87: _TEMPERATURE,
    88: _TEMPERATURE,
    89: _COUNT,
    90: _COUNT,
    91: _COUNT,
    92: _POWER,
    93: _CURRENT,
    94: Meaning(number, "°", WIND_DIRECTION),
    95: _measures("mm", "precipitation"),
    96: Meaning(number, "", Entity(name="Channel", enabled=False)),
    97: _measures("rpm", None, "Rotational speed"),
    98: _SPEED,
    99: _ACCELERATION,
    100: Meaning(number, "", Entity(name="Light level")),
    240: Meaning(number, "", Entity(name="Device type", diagnostic=True, enabled=False)),
    241: _FIRMWARE,
    242: _FIRMWARE,
}
"""By `obj_id`; 58 (button) and 60 (dimmer) have no value, they tell events."""

_TRV, _WEATHER_STATION = 8, 11

OF_MODELS: dict[tuple[int, int, int], Meaning] = {
    (_TRV, 69, 0): Meaning(celsius, "°C", measured("temperature", "Target temperature")),
    (_TRV, 69, 1): Meaning(celsius, "°C", measured("temperature", "Current temperature")),
    (_TRV, 69, 2): Meaning(celsius, "°C", measured("temperature", "External temperature")),
    (_WEATHER_STATION, 12, 0): Meaning(
        number,
        "V",
        Entity(
            device_class="voltage",
            state_class="measurement",
            name="Capacitor voltage",
            diagnostic=True,
            enabled=False,
        ),
    ),
    (_WEATHER_STATION, 32, 0): _is("moisture", "Rain"),
    (_WEATHER_STATION, 68, 0): _measures("m/s", "wind_speed"),
    (_WEATHER_STATION, 68, 1): Meaning(number, "m/s", WIND_GUST),
}
"""By model, `obj_id` and `idx`, where a model means something else (Shelly's fleet manager)."""

_UNKNOWN = Meaning(unchanged, "", None)

_BATTERY = 1
_ANOTHER_BATTERY = replace(BATTERY, enabled=False)
"""That of a device which tells it itself."""


@lru_cache(MOST_TABLES)
def _sensor(object_id: int, index: int, model: int, *, owned: bool = False) -> Table:
    """How a value is read; `owned` by a device, which tells the battery and the time as well."""
    known = OF_MODELS.get((model, object_id, index)) or OBJECTS.get(object_id, _UNKNOWN)
    entity = _ANOTHER_BATTERY if owned and object_id == _BATTERY else known.entity
    value = Field("value", ("value",), known.convert, known.unit, entity)
    return Table(fields=(value, Field("last_updated", ("last_updated_ts",), moment)))


def _whole(value: Json) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value <= 0xFFFF else -1


def _sensor_by(facts: Facts) -> Table:
    return _sensor(
        _whole(facts.get("obj_id")),
        _whole(facts.get("idx")),
        _whole(facts.get("model_id")),
        owned=facts.get("owner") is not None,
    )


BTHOME_SENSOR = Kind(
    "bthomesensor",
    "Sensor",
    "One value of a BLE device; what it means is in the settings.",
    (Origin("Gen2", "bthomesensor", Form.COMPONENT, _sensor(-1, 0, 0), tailored=_sensor_by),),
)

BTHOME_DEVICE = Kind(
    "bthomedevice",
    "BLE device",
    "A BLE device that a gateway hears.",
    (
        Origin(
            "Gen2",
            "bthomedevice",
            Form.COMPONENT,
            Table(
                fields=(
                    Field("battery", ("battery",), percent, "%", BATTERY),
                    Field("rssi", ("rssi",), signal, "dBm", SIGNAL),
                    Field("last_updated", ("last_updated_ts",), moment, "", LAST_UPDATED),
                    Field("errors", ("errors",), words, "", PROBLEM),
                ),
                dropped={"packet_id": PACKETS},
            ),
        ),
    ),
)


def _gateway(value: Json) -> str | None:
    try:
        return device_from_cloud(value)
    except FrameError:
        return None


REPORTER = Kind(
    "reporter",
    "Gateway",
    "The gateway that hears a BLE device at present.",
    (
        Origin(
            "BLU",
            "reporter",
            Form.SINGLE,
            Table(
                fields=(
                    Field("gateway", ("id",), _gateway, "", Entity(name="Gateway", enabled=False)),
                    Field("rssi", ("rssi",), signal, "dBm", SIGNAL),
                    Field(
                        "in_range",
                        ("inrange",),
                        boolean,
                        "",
                        flag("connectivity", "In range", diagnostic=True),
                    ),
                ),
                numbered=False,
            ),
        ),
    ),
)

KINDS = (BTHOME_DEVICE, BTHOME_SENSOR, REPORTER)
