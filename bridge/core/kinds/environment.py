"""What is measured of the surroundings: temperature, humidity, light, and any voltage.

Gen1 `tmp`, `hum`, `lux`, `adcs[]` and the probes of its add-on; Gen2+ and BLU `temperature`,
`humidity`, `illuminance`, `voltmeter`.
"""

from __future__ import annotations

from bridge.core.kinds.convert import celsius, gen1_celsius, number, one_of, percent, positive
from bridge.core.kinds.entity import TEMPERATURE, choice, measured
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.kinds.meter import FAHRENHEIT, SOME_ERRORS

_ADD_ON = 100
"""Where the numbers of Gen2+'s add-on begin; Gen1's get the same."""

GEN1_CELSIUS = {
    "tmp.tF": FAHRENHEIT,
    "tmp.value": "the same temperature in the unit that the user chose",
    "tmp.units": "the unit that the user chose; ours is °C",
}
"""What is left of Gen1's `tmp` once there are °C."""

LIGHT_LEVELS = ("dark", "twilight", "bright")

_HUMIDITY = measured("humidity")
_ILLUMINANCE = measured("illuminance")
_ILLUMINATION = choice(*LIGHT_LEVELS, name="Illumination")
_VOLTAGE = measured("voltage")
_illumination = one_of(*LIGHT_LEVELS)

_TEMPERATURE = Table(
    fields=(Field("temperature", ("tC",), celsius, "°C", TEMPERATURE), SOME_ERRORS),
    dropped={"tF": FAHRENHEIT},
)

TEMPERATURE_KIND = Kind(
    "temperature",
    "Temperature",
    "A thermometer.",
    (
        Origin(
            "Gen1",
            "tmp",
            Form.FLAT,
            Table(
                fields=(Field("temperature", ("tmp",), gen1_celsius, "°C", TEMPERATURE),),
                dropped=GEN1_CELSIUS,
            ),
            flat=("tmp",),
            having=("tmp", "value"),
        ),
        Origin("Gen1", "ext_temperature", Form.NUMBERED, _TEMPERATURE, offset=_ADD_ON),
        Origin("Gen2, BLU", "temperature", Form.COMPONENT, _TEMPERATURE),
    ),
)

HUMIDITY_KIND = Kind(
    "humidity",
    "Humidity",
    "A hygrometer.",
    (
        Origin(
            "Gen1",
            "hum",
            Form.FLAT,
            Table(
                fields=(Field("humidity", ("hum", "value"), percent, "%", _HUMIDITY),),
                checked=True,
            ),
            flat=("hum",),
        ),
        Origin(
            "Gen1",
            "ext_humidity",
            Form.NUMBERED,
            Table(fields=(Field("humidity", ("hum",), percent, "%", _HUMIDITY),)),
            offset=_ADD_ON,
        ),
        Origin(
            "Gen2, BLU",
            "humidity",
            Form.COMPONENT,
            Table(fields=(Field("humidity", ("rh",), percent, "%", _HUMIDITY), SOME_ERRORS)),
        ),
    ),
)

ILLUMINANCE_KIND = Kind(
    "illuminance",
    "Illuminance",
    "A light sensor.",
    (
        Origin(
            "Gen1",
            "lux",
            Form.FLAT,
            Table(
                fields=(
                    Field("illuminance", ("lux", "value"), positive, "lx", _ILLUMINANCE),
                    Field(
                        "illumination", ("lux", "illumination"), _illumination, "", _ILLUMINATION
                    ),
                ),
                checked=True,
            ),
            flat=("lux",),
        ),
        Origin(
            "Gen2, BLU",
            "illuminance",
            Form.COMPONENT,
            Table(
                fields=(
                    Field("illuminance", ("lux",), positive, "lx", _ILLUMINANCE),
                    Field("illumination", ("illumination",), _illumination, "", _ILLUMINATION),
                    SOME_ERRORS,
                )
            ),
        ),
    ),
)

_VOLTMETER = Table(
    fields=(
        Field("voltage", ("voltage",), number, "V", _VOLTAGE),
        Field("value", ("xvoltage",), number, "", measured(None, "Value")),
        SOME_ERRORS,
    )
)

VOLTMETER_KIND = Kind(
    "voltmeter",
    "Voltmeter",
    "A voltage that is measured for its own sake; `value` is what the user made of it.",
    (
        Origin("Gen1", "adcs", Form.ARRAY, _VOLTMETER),
        Origin("Gen2", "voltmeter", Form.COMPONENT, _VOLTMETER),
    ),
)

KINDS = (TEMPERATURE_KIND, HUMIDITY_KIND, ILLUMINANCE_KIND, VOLTMETER_KIND)
