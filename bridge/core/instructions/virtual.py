"""Commands for virtual components: what their settings allow, and nothing else.

(Shelly docs, Gen2 Boolean, Number, Text, Enum, Button.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from bridge.core.commands import ButtonCommand, Command, Push, RelayCommand, SetValue, Turn
from bridge.core.device import ChannelState
from bridge.core.instructions.wanted import FLAGS, TURNS, RefusedError, Wanted, missing
from bridge.core.kinds.convert import number as as_number
from bridge.core.kinds.convert import words
from bridge.core.model import Json

_EXACT = 1e-6
"""Numbers that differ by less are the same."""

_LONGEST_TEXT = 8_192
"""Characters of a text whose settings are not known; no message holds more."""

_PUSHES = {"press": Push.SINGLE, **{push.value: push for push in Push}}


def is_writable(facts: Mapping[str, Json]) -> bool:
    """Whether the settings let a component be set; unless they say otherwise they do."""
    access = facts.get("access")
    return not isinstance(access, str) or access == "*" or "w" in access


def boolean(wanted: Wanted, state: ChannelState) -> Command:
    """Set a flag."""
    turn = wanted.choice("state", TURNS)
    wanted.end()
    if turn is None:
        raise missing("state")
    _check_access(state)
    if turn is Turn.TOGGLE and state.values.get("state") not in ("ON", "OFF"):
        raise RefusedError("unsupported", "state: nothing is known that could be toggled")
    return RelayCommand(turn)


def breaker(wanted: Wanted, _: ChannelState) -> Command:
    """Switch a circuit breaker; nobody should do that without knowing which way."""
    turn = wanted.choice("state", FLAGS)
    wanted.end()
    if turn is None:
        raise missing("state")
    return RelayCommand(turn)


def number(wanted: Wanted, state: ChannelState) -> Command:
    """Set a number within its range; its step is the device's own business."""
    facts = state.channel.facts
    lowest, highest = as_number(facts.get("min")), as_number(facts.get("max"))
    value = wanted.decimal(
        "value",
        -math.inf if lowest is None else lowest,
        math.inf if highest is None else highest,
    )
    wanted.end()
    if value is None:
        raise missing("value")
    _check_access(state)
    step = as_number(facts.get("step")) or 0.0
    return SetValue(value, max(abs(step) / 2, _EXACT * max(1.0, abs(value))))


def text(wanted: Wanted, state: ChannelState) -> Command:
    """Set a text."""
    longest = as_number(state.channel.facts.get("max_len"))
    value = wanted.text("value", _LONGEST_TEXT if longest is None else round(longest))
    wanted.end()
    if value is None:
        raise missing("value")
    _check_access(state)
    return SetValue(value)


def enum(wanted: Wanted, state: ChannelState) -> Command:
    """Choose an option."""
    value = wanted.text("value", _LONGEST_TEXT)
    wanted.end()
    if value is None:
        raise missing("value")
    options = words(state.channel.facts.get("options"))
    if value not in options:
        # Home Assistant shows options without the blanks at their ends.
        plain = value.strip()
        value = next((option for option in options if option.strip() == plain), plain)
    if not value or (options and value not in options):
        known = ", ".join(options)[:200] or "a text"
        raise RefusedError("invalid", f"value: must be one of {known}")
    _check_access(state)
    return SetValue(value)


def button(wanted: Wanted, state: ChannelState) -> Command:
    """Push a button."""
    push = wanted.choice("event", _PUSHES)
    wanted.end()
    if push is None:
        raise missing("event")
    _check_access(state)
    return ButtonCommand(push)


def _check_access(state: ChannelState) -> None:
    if not is_writable(state.channel.facts):
        raise RefusedError("read_only", "the settings of the device do not let it be set")
