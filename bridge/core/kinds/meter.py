"""What measures electricity, as a part of an output or alone.

Gen1 `meters[]` and `emeters[]`; Gen2+ `em`, `em1` and `pm1`, with what `emdata` and `em1data`
counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.kinds.convert import (
    boolean,
    celsius,
    kwh_from_watt_minutes,
    kwh_from_wh,
    number,
    words,
)
from bridge.core.kinds.entity import (
    APPARENT_POWER,
    CURRENT,
    ENERGY,
    FREQUENCY,
    INTERNAL_TEMPERATURE,
    POWER,
    POWER_FACTOR,
    PROBLEM,
    REACTIVE_POWER,
    RETURNED_ENERGY,
    VOLTAGE,
    Entity,
    counted,
    detail,
    flag,
    measured,
)
from bridge.core.kinds.fields import ABSENT, Field, Table
from bridge.core.kinds.kind import Companion, Form, Kind, Origin
from bridge.core.model import Json

FAHRENHEIT = "the same temperature in °F"
_MINUTES = "the energy of the last three minutes, which the total holds as well"
_MINUTE = "the device's clock at the last full minute"

COUNTERS = {
    "aenergy.by_minute": _MINUTES,
    "aenergy.minute_ts": _MINUTE,
    "ret_aenergy.by_minute": _MINUTES,
    "ret_aenergy.minute_ts": _MINUTE,
}
"""What is left out of every counter of energy."""

METERED_DROPPED = {**COUNTERS, "temperature.tF": FAHRENHEIT}
"""What is left out of every metered output."""

_POWER = Field("power", ("apower",), number, "W", POWER)

_MEASURED = (
    Field("energy", ("aenergy", "total"), kwh_from_wh, "kWh", ENERGY),
    Field("returned_energy", ("ret_aenergy", "total"), kwh_from_wh, "kWh", RETURNED_ENERGY),
    Field("voltage", ("voltage",), number, "V", VOLTAGE),
    Field("current", ("current",), number, "A", CURRENT),
    Field("pf", ("pf",), number, "", POWER_FACTOR),
    Field("frequency", ("freq",), number, "Hz", FREQUENCY),
)

METERED = (
    _POWER,
    *_MEASURED,
    Field("temperature", ("temperature", "tC"), celsius, "°C", INTERNAL_TEMPERATURE),
)
"""What every metered output of Gen2+ reports (Shelly docs, Gen2 Switch, Light, Cover)."""


def _errors(component: Json) -> list[str]:
    return words(component.get("errors"))


ERRORS = Field("errors", (), _errors, entity=PROBLEM, members=("errors",))
"""Shelly tells errors only while there are any; the key is always there."""

SOME_ERRORS = Field("errors", ("errors",), words, "", PROBLEM)
"""For what seldom has any: the key is there once there was an error."""

_GEN1_ENERGY = Field("energy", ("total",), kwh_from_watt_minutes, "kWh", ENERGY)
_GEN1_DROPPED = {
    "timestamp": "the device's clock, in local time",
    "counters": _MINUTES,
    "overpower": "the limit or flag of the output, which tells it among its errors",
}

GEN1_METER = Table(
    fields=(Field("power", ("power",), number, "W", POWER), _GEN1_ENERGY),
    dropped=_GEN1_DROPPED,
    checked=True,
)
"""Gen1's simple meters count watt-minutes (Shelly docs, Gen1 `/meter`)."""


def _power_of_relay(meter: Json) -> object:
    """A meter that counts nothing is none: its power is 0, or what the user said the load takes."""
    if "power" not in meter or meter.keys().isdisjoint(("total", "counters", "timestamp")):
        return ABSENT
    return number(meter["power"])


RELAY_METER = Table(
    fields=(
        Field("power", (), _power_of_relay, "W", POWER, members=("power",)),
        _GEN1_ENERGY,
    ),
    dropped=_GEN1_DROPPED,
    checked=True,
)
"""The same beside a relay, where Gen1 also tells meters that are not there."""


def _energy_of_all(meters: Json) -> float | None:
    """A motor's two directions are metered apart; one that is not known spoils the sum."""
    if not isinstance(meters, list):
        return None
    totals = []
    for meter in meters:
        known = isinstance(meter, Mapping) and boolean(meter.get("is_valid")) is not False
        total = number(meter.get("total")) if known else None
        if total is None:
            return None
        totals.append(total)
    return kwh_from_watt_minutes(sum(totals)) if totals else None


MOTOR_METERS = Table(
    fields=(Field("energy", ("meters",), _energy_of_all, "kWh", ENERGY),),
)
"""All `meters[]` of a Gen1 device in roller mode, which has one motor."""

_GEN1_EMETER = Table(
    fields=(
        Field("power", ("power",), number, "W", POWER),
        Field("reactive_power", ("reactive",), number, "var", REACTIVE_POWER),
        Field("energy", ("total",), kwh_from_wh, "kWh", ENERGY),
        Field("returned_energy", ("total_returned",), kwh_from_wh, "kWh", RETURNED_ENERGY),
        Field("voltage", ("voltage",), number, "V", VOLTAGE),
        Field("current", ("current",), number, "A", CURRENT),
        Field("pf", ("pf",), number, "", POWER_FACTOR),
    ),
    checked=True,
)

_NEUTRAL_CURRENT = detail("current", "Neutral current")

_GEN1_SUM = Table(
    fields=(
        Field("power", ("total_power",), number, "W", measured("power", "Total power")),
        Field("neutral_current", ("emeter_n", "current"), number, "A", _NEUTRAL_CURRENT),
        Field(
            "neutral_sum",
            ("emeter_n", "ixsum"),
            number,
            "A",
            detail("current", "Sum of phase currents"),
        ),
        Field(
            "neutral_mismatch",
            ("emeter_n", "mismatch"),
            boolean,
            "",
            flag("problem", "Neutral mismatch", diagnostic=True, enabled=False),
        ),
    ),
    checked=True,
)


def _phase(phase: str) -> tuple[Field, ...]:
    name = f"Phase {phase.upper()}"
    wanted: tuple[tuple[str, str, str, Entity], ...] = (
        ("power", "act_power", "W", measured("power", f"{name} power")),
        (
            "apparent_power",
            "aprt_power",
            "VA",
            measured("apparent_power", f"{name} apparent power"),
        ),
        ("voltage", "voltage", "V", detail("voltage", f"{name} voltage")),
        ("current", "current", "A", detail("current", f"{name} current")),
        ("pf", "pf", "", measured("power_factor", f"{name} power factor")),
        ("frequency", "freq", "Hz", detail("frequency", f"{name} frequency")),
    )
    return tuple(
        Field(f"{phase}_{key}", (f"{phase}_{member}",), number, unit, entity)
        for key, member, unit, entity in wanted
    )


def _phase_energy(phase: str) -> tuple[Field, Field]:
    used = counted("energy", f"Phase {phase.upper()} energy", enabled=False)
    returned = counted("energy", f"Phase {phase.upper()} returned energy", enabled=False)
    member = f"{phase}_total_act"
    return (
        Field(f"{phase}_energy", (f"{member}_energy",), kwh_from_wh, "kWh", used),
        Field(f"{phase}_returned_energy", (f"{member}_ret_energy",), kwh_from_wh, "kWh", returned),
    )


_ALL_ERRORS = ("errors", "a_errors", "b_errors", "c_errors", "n_errors")


def _em_errors(component: Json) -> list[str]:
    """Those of the whole, then those of a phase as `a:…`."""
    found = []
    for member in _ALL_ERRORS:
        prefix = member.removesuffix("errors").replace("_", ":")
        found += [f"{prefix}{word}" for word in words(component.get(member))]
    return found


_EM = Table(
    fields=(
        Field("power", ("total_act_power",), number, "W", POWER),
        Field("apparent_power", ("total_aprt_power",), number, "VA", APPARENT_POWER),
        Field("current", ("total_current",), number, "A", CURRENT),
        *_phase("a"),
        *_phase("b"),
        *_phase("c"),
        Field("neutral_current", ("n_current",), number, "A", _NEUTRAL_CURRENT),
        Field("errors", (), _em_errors, entity=PROBLEM, members=_ALL_ERRORS),
    )
)

_DATA_ERRORS = Field("data_errors", ("errors",), words)

_EM_DATA = Table(
    fields=(
        Field("energy", ("total_act",), kwh_from_wh, "kWh", ENERGY),
        Field("returned_energy", ("total_act_ret",), kwh_from_wh, "kWh", RETURNED_ENERGY),
        *_phase_energy("a"),
        *_phase_energy("b"),
        *_phase_energy("c"),
        _DATA_ERRORS,
    )
)

_EM1 = Table(
    fields=(
        Field("power", ("act_power",), number, "W", POWER),
        Field("apparent_power", ("aprt_power",), number, "VA", APPARENT_POWER),
        Field("voltage", ("voltage",), number, "V", VOLTAGE),
        Field("current", ("current",), number, "A", CURRENT),
        Field("pf", ("pf",), number, "", POWER_FACTOR),
        Field("frequency", ("freq",), number, "Hz", FREQUENCY),
        ERRORS,
    )
)

_EM1_DATA = Table(
    fields=(
        Field("energy", ("total_act_energy",), kwh_from_wh, "kWh", ENERGY),
        Field("returned_energy", ("total_act_ret_energy",), kwh_from_wh, "kWh", RETURNED_ENERGY),
        _DATA_ERRORS,
    )
)

_PM1 = Table(
    fields=(
        _POWER,
        Field("apparent_power", ("aprtpower",), number, "VA", APPARENT_POWER),
        *_MEASURED,
        ERRORS,
    ),
    dropped=COUNTERS,
)

METER = Kind(
    "meter",
    "Meter",
    "A meter that belongs to no output; three-phase ones tell the sum and every phase.",
    (
        Origin("Gen1", "meters", Form.ARRAY, GEN1_METER),
        Origin("Gen1", "emeters", Form.ARRAY, _GEN1_EMETER),
        Origin(
            "Gen1",
            "total_power",
            Form.FLAT,
            _GEN1_SUM,
            flat=("total_power", "emeter_n"),
            after="emeters",
        ),
        Origin("Gen2", "em", Form.COMPONENT, _EM, (Companion("emdata", _EM_DATA),)),
        Origin("Gen2", "emdata", Form.COMPONENT, _EM_DATA),
        Origin("Gen2", "em1", Form.COMPONENT, _EM1, (Companion("em1data", _EM1_DATA),)),
        Origin("Gen2", "em1data", Form.COMPONENT, _EM1_DATA),
        Origin("Gen2", "pm1", Form.COMPONENT, _PM1),
    ),
)
