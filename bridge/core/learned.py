"""What a device's settings tell us: names, mode, firmware, facts about components.

Settings hold Wi-Fi keys, logins, addresses and coordinates, so what is wanted is picked out here
and the rest is thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.core.kinds.convert import number, text
from bridge.core.kinds.input import TYPES
from bridge.core.model import Json

LONGEST_NAME = 128
"""Characters of a name that are kept."""

MOST_OPTIONS = 100
"""Options of a choice that are kept; Shelly allows fewer."""

_GEN1_ARRAYS = ("relays", "lights", "rollers", "inputs", "meters", "emeters")

_BLE_DEVICE = re.compile(r"bthomedevice:([0-9]{1,6})", re.ASCII)

_LONGEST_PERIOD = 31 * 86_400.0
"""More than any device can be told to sleep (s)."""

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Controls of terminals and of the direction of a text; joiners are needed by some scripts."""

_UNITS = {"s": 1, "m": 60, "h": 3_600}
"""Seconds in the units of Gen1's `sleep_mode`."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The useful part of a settings object; `channels` maps Shelly's component key to a name.

    `facts` maps it to what its channel needs to know: ranges, options, the type of an input.
    """

    name: str | None = None
    mode: str | None = None
    firmware: str | None = None
    model: str | None = None
    channels: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    wake_period: float | None = None
    """Seconds between the reports of a Gen1 device that sleeps."""
    told: frozenset[str] = frozenset()
    """The components that the settings are about: what they have no name of has none any more."""
    tells_name: bool = False
    """The settings are about the device's own name, too."""


def learn(settings: Mapping[str, Json]) -> Learned:
    """Pick from Gen1 `/settings` or Gen2+ `Shelly.GetConfig` (with the cloud's `DeviceInfo`)."""
    info = _mapping(settings.get("DeviceInfo"))
    gen1 = _mapping(settings.get("device"))
    system = _mapping(_mapping(settings.get("sys")).get("device"))
    return Learned(
        name=clean(settings.get("name")) or clean(system.get("name")) or clean(info.get("name")),
        mode=clean(settings.get("mode")),
        firmware=clean(info.get("ver")) or clean(settings.get("fw")) or clean(system.get("fw_id")),
        model=clean(info.get("model")) or clean(gen1.get("type")),
        channels={
            component: name
            for component, config in _components(settings)
            if (name := clean(config.get("name")))
        },
        facts=dict(_facts(settings)),
        wake_period=_wake_period(_mapping(settings.get("sleep_mode"))),
        told=frozenset(component for component, _ in _components(settings)),
        tells_name="name" in settings or "name" in system or "name" in info,
    )


def _components(settings: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for key, value in settings.items():
        if ":" in key and isinstance(value, Mapping):
            yield key, value
    for key in _GEN1_ARRAYS:
        array = settings.get(key)
        for index, item in enumerate(array if isinstance(array, list) else ()):
            if isinstance(item, Mapping):
                yield f"{key}:{index}", item


def _facts(settings: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    devices, pressed = _devices(settings), _pressed(settings)
    for component, config in settings.items():
        pick = _PICKS.get(component.partition(":")[0]) if ":" in component else None
        if pick is None or not isinstance(config, Mapping):
            continue
        facts = pick(config)
        address = text(config.get("addr")) or ""
        if component.startswith("bthomesensor:"):
            facts |= devices.get(address, {})
        elif component.startswith("bthomedevice:"):
            facts["presses"] = address in pressed or None
        known = {key: value for key, value in facts.items() if value is not None}
        if known:
            yield component, known


def _input(config: Mapping[str, Json]) -> dict[str, Json]:
    told = config.get("type")
    return {"type": told if told in TYPES else None}


def _color_temp(config: Mapping[str, Json]) -> dict[str, Json]:
    ends = config.get("ct_range")
    coldest, warmest = map(number, ends) if isinstance(ends, list) and len(ends) == 2 else (0, 0)
    if not coldest or not warmest or not 0 < coldest < warmest:
        return {}
    return {"ct_min": coldest, "ct_max": warmest}


def _virtual(config: Mapping[str, Json]) -> dict[str, Json]:
    """Shelly docs, Gen2 Virtual: range, unit, options, and whether it may be written."""
    shown = _mapping(_mapping(config.get("meta")).get("ui"))
    return {
        "min": number(config.get("min")),
        "max": number(config.get("max")),
        "step": number(shown.get("step")) or None,
        "max_len": number(config.get("max_len")),
        "unit": clean(shown.get("unit")),
        "view": clean(shown.get("view")),
        "options": _options(config.get("options")),
        "access": clean(config.get("access")),
        "role": clean(_mapping(config.get("attrs")).get("role")),
    }


def _options(value: Json) -> list[Json] | None:
    """As they are, because a command must say them so; none that is too long to be shown."""
    if not isinstance(value, list):
        return None
    fit = (word for word in map(text, value[:MOST_OPTIONS]) if word and len(word) <= LONGEST_NAME)
    return list(dict.fromkeys(fit)) or None


def _bthome(config: Mapping[str, Json]) -> dict[str, Json]:
    return {"obj_id": _small(config.get("obj_id")), "idx": _small(config.get("idx"))}


_PICKS: dict[str, Callable[[Mapping[str, Json]], dict[str, Json]]] = {
    "input": _input,
    "cct": _color_temp,
    "rgbcct": _color_temp,
    **dict.fromkeys(("boolean", "number", "text", "enum", "button"), _virtual),
    "bthomesensor": _bthome,
    "bthomedevice": lambda _: {},
    "blutrv": lambda config: {"owner": _ble_device(config.get("trv"))},
}
"""What is picked from the settings of a component, by its type."""


def _devices(settings: Mapping[str, Json]) -> dict[str, dict[str, Json]]:
    """Number, name and model of the BLE devices, by the address that their sensors have too."""
    found = {}
    for component, config in settings.items():
        address = text(_mapping(config).get("addr"))
        owner = _ble_device(component)
        if address and owner is not None:
            attributes = _mapping(_mapping(config).get("attrs"))
            found[address] = {
                "owner": owner,
                "device": clean(_mapping(config).get("name")),
                "model_id": _small(attributes.get("model_id")),
            }
    return found


def _ble_device(component: Json) -> int | None:
    """The number of a BLE device's component."""
    found = _BLE_DEVICE.fullmatch(component) if isinstance(component, str) else None
    return None if found is None else int(found[1])


def _pressed(settings: Mapping[str, Json]) -> set[str]:
    """Addresses of the BLE devices that have a button or a dimmer: BTHome objects 58 and 60."""
    return {
        text(_mapping(config).get("addr")) or ""
        for component, config in settings.items()
        if component.startswith("bthomesensor:") and _mapping(config).get("obj_id") in (58, 60)
    } - {""}


def _small(value: Json) -> int | None:
    """A number that Shelly keeps in a byte or two."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and 0 <= value <= 0xFFFF else None


def _wake_period(sleep_mode: Mapping[str, Json]) -> float | None:
    """Gen1's `{"period": 6, "unit": "h"}` in seconds (Shelly docs, Gen1 H&T `/settings`)."""
    period = number(sleep_mode.get("period"))
    unit = _UNITS.get(text(sleep_mode.get("unit")) or "")
    if period is None or unit is None or not 0 < period * unit <= _LONGEST_PERIOD:
        return None
    return float(period * unit)


def firmware_in(status: Mapping[str, Json]) -> str | None:
    """The firmware that a Gen1 status mentions."""
    update = _mapping(status.get("update"))
    info = _mapping(_mapping(status.get("getinfo")).get("fw_info"))
    own = _mapping(status.get("fw_info"))
    return clean(update.get("old_version")) or clean(info.get("fw")) or clean(own.get("fw"))


def clean(value: Json) -> str | None:
    """A name fit to be shown: without what cannot be seen, not empty, not endless."""
    name = text(value)
    if name is None:
        return None
    return _UNSEEN.sub(" ", name.strip()[:LONGEST_NAME]).strip() or None


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
