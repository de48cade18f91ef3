"""What a device's settings tell us: names, mode, firmware, facts about components.

Settings hold Wi-Fi keys, logins, addresses and coordinates, so what is wanted is picked out here
and the rest is thrown away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bridge.core.kinds.convert import number, text
from bridge.core.kinds.input import TYPES
from bridge.core.model import Json

LONGEST_NAME = 128
"""Characters of a name that are kept."""

MOST_OPTIONS = 100
"""Options of a choice that are kept; Shelly allows fewer."""

_GEN1_ARRAYS = ("relays", "lights", "rollers", "inputs", "meters", "emeters")

_LONGEST_PERIOD = 31 * 86_400.0
"""More than any device can be told to sleep (s)."""

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
        channels=_channels(settings),
        facts=dict(_facts(settings)),
        wake_period=_wake_period(_mapping(settings.get("sleep_mode"))),
    )


def _channels(settings: Mapping[str, Json]) -> dict[str, str]:
    found = {}
    for key, value in settings.items():
        if ":" in key:
            name = clean(_mapping(value).get("name"))
            if name:
                found[key] = name
    for key in _GEN1_ARRAYS:
        array = settings.get(key)
        for index, item in enumerate(array if isinstance(array, list) else ()):
            name = clean(_mapping(item).get("name"))
            if name:
                found[f"{key}:{index}"] = name
    return found


def _facts(settings: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    devices = _devices(settings)
    for component, config in settings.items():
        pick = _PICKS.get(component.partition(":")[0]) if ":" in component else None
        if pick is None or not isinstance(config, Mapping):
            continue
        facts = pick(config)
        if component.startswith("bthomesensor:"):
            facts |= devices.get(text(config.get("addr")) or "", {})
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
        "titles": _titles(shown.get("titles")),
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


def _titles(value: Json) -> Json:
    """What a choice calls its options, or a switch its two states."""
    if isinstance(value, list):
        words = [clean(word) for word in value[:2]]
        return words if len(words) == 2 and all(words) else None
    titles = {
        option: title
        for option, word in list(_mapping(value).items())[:MOST_OPTIONS]
        if len(option) <= LONGEST_NAME and (title := clean(word))
    }
    return titles or None


def _bthome(config: Mapping[str, Json]) -> dict[str, Json]:
    return {"obj_id": _small(config.get("obj_id")), "idx": _small(config.get("idx"))}


_PICKS = {
    "input": _input,
    "cct": _color_temp,
    "rgbcct": _color_temp,
    **dict.fromkeys(("boolean", "number", "text", "enum", "button"), _virtual),
    "bthomesensor": _bthome,
}
"""What is picked from the settings of a component, by its type."""


def _devices(settings: Mapping[str, Json]) -> dict[str, dict[str, Json]]:
    """Name and model of the BLE devices, by the address that their sensors have too."""
    found = {}
    for component, config in settings.items():
        address = text(_mapping(config).get("addr"))
        if address and component.startswith("bthomedevice:"):
            attributes = _mapping(_mapping(config).get("attrs"))
            found[address] = {
                "device": clean(_mapping(config).get("name")),
                "model_id": _small(attributes.get("model_id")),
            }
    return found


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
    """A name fit to be shown: without control characters, not empty, not endless."""
    name = text(value)
    if name is None:
        return None
    printable = "".join(" " if ord(char) < 32 or ord(char) == 127 else char for char in name)
    return printable.strip()[:LONGEST_NAME] or None


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
