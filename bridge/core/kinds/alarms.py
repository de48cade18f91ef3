"""What warns: smoke, water and gas, with the valve of Gen1's gas sensor."""

from __future__ import annotations

from bridge.core.kinds.convert import boolean, one_of, positive
from bridge.core.kinds.entity import Entity, choice, flag, measured
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.kinds.meter import SOME_ERRORS
from bridge.core.model import Json

ALARMS = ("none", "mild", "heavy", "test", "unknown")
SENSOR_STATES = ("normal", "not_calibrated", "fault", "warmup")
SELF_TESTS = ("not_completed", "completed", "running", "pending", "unknown")
VALVE_STATES = (
    *("closed", "opened", "opening", "closing"),
    *("not_connected", "failure", "checking", "unknown"),
)

_MUTE = Field("mute", ("mute",), boolean, "", flag(None, "Muted", diagnostic=True))
_SMOKE = flag("smoke")
_FLOOD = flag("moisture")

SMOKE = Kind(
    "smoke",
    "Smoke",
    "A smoke alarm.",
    (
        Origin(
            "Gen1",
            "smoke",
            Form.FLAT,
            Table(fields=(Field("smoke", ("smoke",), boolean, "", _SMOKE),)),
            flat=("smoke",),
        ),
        Origin(
            "Gen2",
            "smoke",
            Form.COMPONENT,
            Table(fields=(Field("smoke", ("alarm",), boolean, "", _SMOKE), _MUTE, SOME_ERRORS)),
        ),
    ),
    acts=True,
)

FLOOD = Kind(
    "flood",
    "Flood",
    "A water leak sensor.",
    (
        Origin(
            "Gen1",
            "flood",
            Form.FLAT,
            Table(
                fields=(
                    Field("flood", ("flood",), boolean, "", _FLOOD),
                    Field(
                        "rain_mode",
                        ("rain_sensor",),
                        boolean,
                        "",
                        flag(None, "Rain mode", diagnostic=True, enabled=False),
                    ),
                )
            ),
            flat=("flood", "rain_sensor"),
            # A smoke alarm tells of the rain mode too, though it knows no water.
            needs="flood",
        ),
        Origin(
            "Gen2",
            "flood",
            Form.COMPONENT,
            Table(fields=(Field("flood", ("alarm",), boolean, "", _FLOOD), _MUTE, SOME_ERRORS)),
        ),
    ),
    acts=True,
)


def _is_gas(value: Json) -> bool | None:
    """Whether there is gas; a test of the alarm is none."""
    return {"none": False, "mild": True, "heavy": True, "test": False}.get(
        value if isinstance(value, str) else "unknown"
    )


_GAS = Table(
    fields=(
        Field("gas", ("gas_sensor", "alarm_state"), _is_gas, "", flag("gas")),
        Field(
            "alarm",
            ("gas_sensor", "alarm_state"),
            one_of(*ALARMS),
            "",
            choice(*ALARMS, name="Alarm"),
        ),
        Field(
            "sensor_state",
            ("gas_sensor", "sensor_state"),
            one_of(*SENSOR_STATES),
            "",
            Entity(
                device_class="enum",
                name="Sensor state",
                options=SENSOR_STATES,
                diagnostic=True,
            ),
        ),
        Field(
            "self_test",
            ("gas_sensor", "self_test_state"),
            one_of(*SELF_TESTS),
            "",
            Entity(
                device_class="enum",
                name="Self test",
                options=SELF_TESTS,
                diagnostic=True,
                enabled=False,
            ),
        ),
        Field(
            "concentration",
            ("concentration", "ppm"),
            positive,
            "ppm",
            measured(None, "Gas concentration"),
        ),
    ),
    checked=True,
)

GAS = Kind(
    "gas",
    "Gas",
    "A gas alarm.",
    (Origin("Gen1", "gas_sensor", Form.FLAT, _GAS, flat=("gas_sensor", "concentration")),),
    acts=True,
)

VALVE = Kind(
    "valve",
    "Valve",
    "The valve of a gas alarm.",
    (
        Origin(
            "Gen1",
            "valves",
            Form.ARRAY,
            Table(
                fields=(
                    Field("state", ("state",), one_of(*VALVE_STATES), "", choice(*VALVE_STATES)),
                )
            ),
        ),
    ),
    acts=True,
)

KINDS = (SMOKE, FLOOD, GAS, VALVE)
