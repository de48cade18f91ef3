"""Outputs that are on or off: Gen1 `relays[]` with their `meters[]`, Gen2+ `switch`."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.kinds.fields import (
    Field,
    Table,
    Values,
    boolean,
    kwh_from_watt_minutes,
    kwh_from_wh,
    number,
    on_off,
    text,
    words,
)
from bridge.core.model import Json

METERED = (
    Field("power", ("apower",), number, "W"),
    Field("energy", ("aenergy", "total"), kwh_from_wh, "kWh"),
    Field("returned_energy", ("ret_aenergy", "total"), kwh_from_wh, "kWh"),
    Field("voltage", ("voltage",), number, "V"),
    Field("current", ("current",), number, "A"),
    Field("pf", ("pf",), number),
    Field("frequency", ("freq",), number, "Hz"),
    Field("temperature", ("temperature", "tC"), number, "°C"),
)
"""What every metered output of Gen2+ reports, with Shelly's units made ours."""

_SWITCH = Table(
    fields=(
        Field("state", ("output",), on_off),
        *METERED,
        Field("source", ("source",), text),
    ),
    dropped=frozenset({"errors"}),
)

_GEN1_RELAY = Table(
    fields=(Field("state", ("ison",), on_off), Field("source", ("source",), text)),
    dropped=frozenset({"is_valid", "overpower", "overtemperature"}),
)

GEN1_METER = Table(
    fields=(
        Field("power", ("power",), number, "W"),
        Field("energy", ("total",), kwh_from_watt_minutes, "kWh"),
    ),
    # The device's local clock, the last minutes in watt-minutes, and the limit that tripped.
    dropped=frozenset({"timestamp", "counters", "is_valid", "overpower"}),
)


def read_switch(component: Mapping[str, Json]) -> Values:
    """The values of a Gen2+ `switch` (Shelly docs, Gen2 Switch)."""
    values = _SWITCH.read(component)
    values["errors"] = words(component.get("errors"))
    return values


def read_gen1_relay(relay: Mapping[str, Json], meter: Mapping[str, Json] | None) -> Values:
    """The values of a Gen1 relay and the meter of the same number, if there is one."""
    values = {**GEN1_METER.read(meter or {}), **_GEN1_RELAY.read(relay)}
    values["errors"] = gen1_errors(relay)
    return values


def gen1_errors(output: Mapping[str, Json]) -> list[str]:
    """Gen1's flags in the words that Gen2 uses for them."""
    named = (("overpower", "overpower"), ("overtemperature", "overtemp"))
    return [word for member, word in named if boolean(output.get(member))]
