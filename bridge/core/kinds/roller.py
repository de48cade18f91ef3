"""Rollers: Gen1 `rollers[]` and Gen2+ `cover`, in Home Assistant's words for covers."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.kinds.fields import Field, Table, Values, boolean, number, percent, text, words
from bridge.core.kinds.relay import METERED, gen1_errors
from bridge.core.model import Json

STATES = ("open", "opening", "closed", "closing", "stopped")
"""The states a roller can be in; one that is calibrating itself counts as `stopped`."""

_COVER = Table(
    fields=(
        *METERED,
        Field("position", ("current_pos",), percent, "%"),
        Field("target", ("target_pos",), percent, "%"),
        Field("slat_position", ("slat_pos",), percent, "%"),
        Field("calibrated", ("pos_control",), boolean),
        Field("last_direction", ("last_direction",), text),
        Field("source", ("source",), text),
    ),
    dropped=frozenset({"state", "errors"}),
)

_GEN1_ROLLER = Table(
    fields=(
        Field("power", ("power",), number, "W"),
        Field("calibrated", ("positioning",), boolean),
        Field("last_direction", ("last_direction",), text),
        Field("stop_reason", ("stop_reason",), text),
        Field("source", ("source",), text),
    ),
    dropped=frozenset({"state", "current_pos", "is_valid", "overtemperature"}),
)


def read_cover(component: Mapping[str, Json]) -> Values:
    """The values of a Gen2+ `cover` (Shelly docs, Gen2 Cover)."""
    values = _COVER.read(component)
    errors = words(component.get("errors"))
    state = component.get("state")
    values["calibrating"] = state == "calibrating"
    values["state"] = "stopped" if state == "calibrating" else _known(state)
    values["obstruction"] = "obstruction" in errors
    values["errors"] = errors
    if values.get("calibrated") is False:
        values["position"] = None
    else:
        values.setdefault("position", None)
    return values


def read_gen1_roller(roller: Mapping[str, Json]) -> Values:
    """The values of a Gen1 roller (Shelly docs, Gen1 Shelly 2.5).

    Its `state` is the direction of travel; at rest the position tells open from closed. An
    uncalibrated one says 101 or −1 for a position that it does not know.
    """
    values = _GEN1_ROLLER.read(roller)
    calibrated = values.get("calibrated") is not False
    position = percent(roller.get("current_pos")) if calibrated else None
    values["position"] = position
    values["state"] = _gen1_state(roller.get("state"), position)
    values["obstruction"] = values.get("stop_reason") == "obstacle"
    values["errors"] = gen1_errors(roller)
    return values


def _known(state: Json) -> str | None:
    return state if state in STATES else None


def _gen1_state(moving: Json, position: float | None) -> str | None:
    if moving == "stop":
        return "open" if position == 100 else "closed" if position == 0 else "stopped"
    return {"open": "opening", "close": "closing"}.get(moving) if isinstance(moving, str) else None
