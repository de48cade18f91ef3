"""The values of channels as people read them: each with its unit, the telling ones first."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.core.device import ChannelState, Device
from bridge.core.kinds import convert
from bridge.core.kinds.fields import Field
from bridge.core.model import Json
from bridge.core.views.shown import Reading

MOST_IN_A_ROW = 6
"""Readings that stand for a device in a table."""

_TELLING = (
    "state",
    "position",
    "brightness",
    "open",
    "motion",
    "presence",
    "flood",
    "smoke",
    "gas",
    "current_temperature",
    "target_temperature",
    "temperature",
    "humidity",
    "illuminance",
    "power",
    "value",
    "battery",
)
"""The keys that say most of a device, the most telling first."""

_RANKS = {key: rank for rank, key in enumerate(_TELLING)}

ABOUT_ITSELF = frozenset({"sys", "wifi", "cloud", "eth", "ble", "mqtt", "ws"})
"""Kinds that tell of the device as a machine, not of what it is there for."""


_LESS = frozenset({"input"})
"""Kinds that say less than all others."""


def readings(state: ChannelState) -> tuple[Reading, ...]:
    """All values of a channel, in the order of its kind; what only others know comes last."""
    units = {field.key: field.unit for field in state.channel.fields}
    values = state.values
    known = [key for key in units if key in values]
    rest = sorted(values.keys() - units.keys())
    return tuple(Reading(key, values[key], units.get(key, "")) for key in [*known, *rest])


def telling(device: Device) -> tuple[Reading, ...]:
    """The few values that say most of a device; a key with several channels is numbered."""
    found: list[tuple[bool, int, str, int, str, Json]] = []
    for (kind, number), state in device.channels.items():
        if kind in ABOUT_ITSELF:
            continue
        less = kind in _LESS
        for key, value in state.values.items():
            rank = _RANKS.get(key)
            if rank is None or value is None or isinstance(value, dict | list):
                continue
            found.append((less, rank, kind, number, key, value))
    found.sort(key=lambda each: each[:4])
    return tuple(
        Reading(_label(device, kind, number, key), value, _unit(device.channels[kind, number], key))
        for _, _, kind, number, key, value in found[:MOST_IN_A_ROW]
    )


def _label(device: Device, kind: str, number: int, key: str) -> str:
    several = sum(kind == other for other, _ in device.channels) > 1
    word = kind if key in {"state", "value"} else key
    return f"{word} {number}" if several else word


def _unit(state: ChannelState, key: str) -> str:
    return next((field.unit for field in state.channel.fields if field.key == key), "")


def measured(state: ChannelState) -> Iterator[tuple[Field, float]]:
    """The numbers of a channel whose course is worth a look, as far as they are known."""
    values = state.values
    for field in state.channel.fields:
        entity = field.entity
        if entity is None or entity.state_class != "measurement" or not entity.enabled:
            continue
        value = convert.number(values.get(field.key))
        if value is not None:
            yield field, value
