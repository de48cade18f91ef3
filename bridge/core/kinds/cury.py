"""Shelly's scent diffuser: Gen4 `cury`, with its two vials."""

from __future__ import annotations

from bridge.core.kinds.convert import boolean, percent, text, unchanged
from bridge.core.kinds.entity import flag, measured, told
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.kinds.meter import SOME_ERRORS


def _slot(side: str) -> tuple[Field, ...]:
    slot = ("slots", side)
    name = side.capitalize()
    return (
        Field(f"{side}_on", (*slot, "on"), boolean, "", flag("running", name)),
        Field(
            f"{side}_intensity",
            (*slot, "intensity"),
            percent,
            "%",
            measured(None, f"{name} intensity"),
        ),
        Field(
            f"{side}_level", (*slot, "vial", "level"), percent, "%", measured(None, f"{name} vial")
        ),
        Field(f"{side}_scent", (*slot, "vial", "name"), text, "", told(f"{name} scent")),
        Field(f"{side}_vial_serial", (*slot, "vial", "serial"), text),
        Field(f"{side}_boost", (*slot, "boost"), unchanged),
        Field(f"{side}_timer", (*slot, "timer"), unchanged),
    )


CURY = Kind(
    "cury",
    "Diffuser",
    "A scent diffuser with a vial on either side.",
    (
        Origin(
            "Gen4",
            "cury",
            Form.COMPONENT,
            Table(
                fields=(
                    Field("mode", ("mode",), text, "", told("Mode", enabled=True)),
                    Field("away_mode", ("away_mode",), boolean, "", flag(None, "Away mode")),
                    *_slot("left"),
                    *_slot("right"),
                    SOME_ERRORS,
                )
            ),
        ),
    ),
    acts=True,
)
