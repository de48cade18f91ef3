"""Heating: Gen1's radiator valve, the Wall Display's thermostat, and radiator valves by radio."""

from __future__ import annotations

from bridge.core.kinds.convert import (
    boolean,
    celsius,
    gen1_celsius,
    moment,
    percent,
    positive,
    signal,
)
from bridge.core.kinds.entity import BATTERY, LAST_UPDATED, SIGNAL, flag, measured
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.kinds.meter import FAHRENHEIT, SOME_ERRORS

_TARGET = measured("temperature", "Target temperature")
_CURRENT = measured("temperature", "Current temperature")
_ENABLED = flag(None, "Enabled", diagnostic=True)
_SCHEDULE = flag(None, "Schedule", diagnostic=True, enabled=False)
_VALVE = measured(None, "Valve position")

_GEN1 = Table(
    fields=(
        Field("target_temperature", ("target_t",), gen1_celsius, "°C", _TARGET),
        Field("current_temperature", ("tmp",), gen1_celsius, "°C", _CURRENT),
        Field("enabled", ("target_t", "enabled"), boolean, "", _ENABLED),
        Field("valve_position", ("pos",), percent, "%", _VALVE),
        Field("window_open", ("window_open",), boolean, "", flag("window")),
        Field("schedule", ("schedule",), boolean, "", _SCHEDULE),
        Field("boost_minutes", ("boost_minutes",), positive, "min", measured("duration", "Boost")),
    ),
    dropped={
        "target_t.value_op": "the target of the device's own buttons, as a number of steps",
    },
)

_GEN2 = Table(
    fields=(
        Field("target_temperature", ("target_C",), celsius, "°C", _TARGET),
        Field("current_temperature", ("current_C",), celsius, "°C", _CURRENT),
        Field("enabled", ("enable",), boolean, "", _ENABLED),
        Field("heating", ("output",), boolean, "", flag("running", "Heating")),
        Field("schedule", ("schedules", "enable"), boolean, "", _SCHEDULE),
        SOME_ERRORS,
    ),
    dropped={"target_F": FAHRENHEIT, "current_F": FAHRENHEIT},
)

PACKETS = "counts radio packets, only to tell a repeated one"

_BLU = Table(
    fields=(
        Field("target_temperature", ("target_C",), celsius, "°C", _TARGET),
        Field("current_temperature", ("current_C",), celsius, "°C", _CURRENT),
        Field("valve_position", ("pos",), percent, "%", _VALVE),
        Field("battery", ("battery",), percent, "%", BATTERY),
        Field("rssi", ("rssi",), signal, "dBm", SIGNAL),
        Field("last_updated", ("last_updated_ts",), moment, "", LAST_UPDATED),
        SOME_ERRORS,
    ),
    dropped={"packet_id": PACKETS},
)

THERMOSTAT = Kind(
    "thermostat",
    "Thermostat",
    "A thermostat or radiator valve.",
    (
        Origin("Gen1", "thermostats", Form.ARRAY, _GEN1),
        Origin("Gen2", "thermostat", Form.COMPONENT, _GEN2),
        Origin("Gen2", "blutrv", Form.COMPONENT, _BLU),
    ),
    acts=True,
)
