"""Inputs: Gen1 `inputs[]`, Gen2+ `input`, and the button presses that the cloud hides in them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bridge.core.kinds.convert import number, on_off, one_of, percent, positive, text
from bridge.core.kinds.entity import Entity, measured, told
from bridge.core.kinds.entity import on_off as shown_on_off
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Facts, Form, Kind, Origin
from bridge.core.kinds.meter import COUNTERS, SOME_ERRORS
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

TYPES = ("switch", "button", "analog", "count")
"""What an input can be, in Shelly's words."""

_STATE = shown_on_off("power")
_known_type = one_of(*TYPES)


def _type(component: Json) -> str:
    """What an input looks like: a button has no state (Shelly docs, Gen2 Input)."""
    if "percent" in component:
        return "analog"
    if "counts" in component:
        return "count"
    return "button" if on_off(component.get("state")) is None else "switch"


def _state(component: Json) -> str | None:
    return on_off(component.get("state"))


@cache
def _input(told_type: str | None) -> Table:
    """How an input is read whose settings say that it is of this type."""
    return Table(
        fields=(
            Field(
                "state",
                (),
                _state,
                entity=_STATE if told_type in (None, "switch") else None,
                members=("state",),
            ),
            Field("type", (), lambda component: told_type or _type(component)),
            Field("percent", ("percent",), percent, "%", measured(None, "Level")),
            Field("value", ("xpercent",), number, "", measured(None, "Value")),
            Field(
                "count",
                ("counts", "total"),
                positive,
                "pulse",
                Entity(state_class="total", name="Count"),
            ),
            Field("count_value", ("counts", "xtotal"), number, "", measured(None, "Counted value")),
            Field("frequency", ("freq",), positive, "Hz", measured("frequency")),
            Field("frequency_value", ("xfreq",), number, "", measured(None, "Frequency value")),
            SOME_ERRORS,
        ),
        dropped={
            "counts.by_minute": "the pulses of the last three minutes, which the total holds",
            "counts.xby_minute": "the same in the user's unit",
            "counts.minute_ts": COUNTERS["aenergy.minute_ts"],
        },
    )


def _tailored(facts: Facts) -> Table:
    return _input(_known_type(facts.get("type")))


GEN2_INPUT = _input(None)
"""Shelly docs, Gen2 Input; what a settings object says of its type comes on top."""

_PRESSED = Table(
    fields=(
        Field("state", (), lambda _: None),
        Field("type", (), lambda _: "button"),
    ),
    dropped={
        "ev": "a press, which is told as an event",
        "ttl": "how long the cloud keeps the press",
    },
)
"""A button that shows only in its presses."""

GEN1_INPUT = Table(
    fields=(
        Field(
            "state",
            (),
            lambda component: on_off(component.get("input")),
            entity=_STATE,
            members=("input",),
        ),
        Field("type", (), lambda _: "switch"),
        Field(
            "last_event",
            ("event",),
            lambda value: GEN1_EVENTS.get(text(value) or ""),
            "",
            told("Last event", *GEN1_EVENTS.values()),
        ),
        Field("event_count", ("event_cnt",), positive),
    )
)
"""Shelly docs, Gen1 `/status` `inputs`; it has a state and tells presses."""

INPUT = Kind(
    "input",
    "Input",
    "A switch, button, counter or analog value at a terminal; presses are told as events.",
    (
        Origin("Gen1", "inputs", Form.ARRAY, GEN1_INPUT, bare=True, decisive=("type",)),
        Origin("Gen1", "ext_switch", Form.NUMBERED, GEN1_INPUT, offset=100),
        Origin(
            "Gen2",
            "input",
            Form.COMPONENT,
            GEN2_INPUT,
            bare=True,
            decisive=("type",),
            tailored=_tailored,
        ),
        Origin(
            "Gen2, BLU",
            "v_eve",
            Form.COMPONENT,
            _PRESSED,
            bare=True,
            decisive=("type",),
            instead_of="input",
        ),
    ),
    acts=True,
)


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
