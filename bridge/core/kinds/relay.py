"""Outputs that are on or off: Gen1 `relays[]` with their `meters[]`, Gen2+ `switch`."""

from __future__ import annotations

from bridge.core.kinds.convert import boolean, on_off, text
from bridge.core.kinds.entity import PROBLEM, SOURCE
from bridge.core.kinds.entity import on_off as shown_on_off
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Companion, Form, Kind, Origin
from bridge.core.kinds.meter import ERRORS, METERED, METERED_DROPPED, RELAY_METER
from bridge.core.model import Json

SWITCHED_BY = Field("source", ("source",), text, "", SOURCE)
"""Who or what switched an output last, in Shelly's words."""

SWITCH = Table(
    fields=(
        Field("state", ("output",), on_off, "", shown_on_off("power")),
        *METERED,
        SWITCHED_BY,
        ERRORS,
    ),
    dropped=METERED_DROPPED,
)
"""Shelly docs, Gen2 Switch."""


def gen1_errors(output: Json) -> list[str]:
    """Gen1's flags in the words that Gen2 uses for them."""
    named = (("overpower", "overpower"), ("overtemperature", "overtemp"))
    return [word for member, word in named if boolean(output.get(member))]


GEN1_ERRORS = Field(
    "errors", (), gen1_errors, entity=PROBLEM, members=("overpower", "overtemperature")
)

GEN1_RELAY = Table(
    fields=(
        Field("state", ("ison",), on_off, "", shown_on_off("power")),
        SWITCHED_BY,
        GEN1_ERRORS,
    ),
    dropped={"is_valid": "whether its meter works, which the meter tells itself"},
)
"""Shelly docs, Gen1 `/relay`."""

RELAY = Kind(
    "relay",
    "Relay",
    "An output that is on or off, with its meter if it has one.",
    (
        Origin(
            "Gen1", "relays", Form.ARRAY, GEN1_RELAY, (Companion("meters", RELAY_METER),), bare=True
        ),
        Origin("Gen2", "switch", Form.COMPONENT, SWITCH, bare=True),
    ),
    acts=True,
)
