"""Inputs: Gen1 `inputs[]`, Gen2+ `input`, and the button presses that the cloud hides in them."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.core.kinds.fields import Field, Table, Values, number, on_off, text
from bridge.core.model import Json

GEN1_EVENTS = {
    "S": "single",
    "SS": "double",
    "SSS": "triple",
    "L": "long",
    "SL": "single_long",
    "LS": "long_single",
}
"""Event types of Gen1 buttons, in Home Assistant's words for them."""

EVENTS = {
    "S": "single_push",
    "SS": "double_push",
    "SSS": "triple_push",
    "L": "long_push",
    "SL": "single_long_push",
    "LS": "long_single_push",
}
"""Event types of Gen2+ and BLU buttons as the cloud abbreviates them, in Shelly's RPC words."""

_INPUT = Table(
    fields=(
        Field("state", ("state",), on_off),
        Field("percent", ("percent",), number, "%"),
        Field("frequency", ("freq",), number, "Hz"),
    )
)

_GEN1_INPUT = Table(
    fields=(
        Field("state", ("input",), on_off),
        Field("last_event", ("event",), lambda value: GEN1_EVENTS.get(text(value) or "")),
        Field("event_count", ("event_cnt",), number),
    )
)


def read_input(component: Mapping[str, Json]) -> Values:
    """The values of a Gen2+ `input`; a button has no state (Shelly docs, Gen2 Input)."""
    values = _INPUT.read(component)
    values.setdefault("state", None)
    return values


def read_gen1_input(component: Mapping[str, Json]) -> Values:
    """The values of a Gen1 input (Shelly docs, Gen1 `/status`)."""
    values = _GEN1_INPUT.read(component)
    values.setdefault("state", None)
    return values


def gen1_presses(old: Json, new: Json) -> list[tuple[int, str]]:
    """Which Gen1 inputs were pressed between two `inputs` arrays: (number, event type).

    A press is a change of `event_cnt`, so nothing can be told from the first array alone.
    """
    if not isinstance(old, list) or not isinstance(new, list):
        return []
    presses = []
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            continue
        counts = number(before.get("event_cnt")), number(after.get("event_cnt"))
        event = GEN1_EVENTS.get(text(after.get("event")) or "")
        if None not in counts and counts[0] != counts[1] and event is not None:
            presses.append((index, event))
    return presses


def press(component: Json) -> str | None:
    """The event type of a `v_eve` pseudo component, if it says that a button was pressed."""
    return EVENTS.get(text(component.get("ev")) or "") if isinstance(component, Mapping) else None
