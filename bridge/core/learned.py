"""What a device's settings tell us: names, mode and firmware, and nothing else.

Settings hold Wi-Fi keys, logins and coordinates, so what is wanted is picked out here and the
rest is thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.kinds.fields import text
from bridge.core.model import Json

LONGEST_NAME = 128
"""Characters of a name that are kept."""

_GEN1_ARRAYS = ("relays", "lights", "rollers", "inputs", "meters", "emeters")


@dataclass(frozen=True, slots=True)
class Learned:
    """The useful part of a settings object; `channels` maps Shelly's component key to a name."""

    name: str | None = None
    mode: str | None = None
    firmware: str | None = None
    model: str | None = None
    channels: Mapping[str, str] = field(default_factory=dict)


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
        for number, item in enumerate(array if isinstance(array, list) else ()):
            name = clean(_mapping(item).get("name"))
            if name:
                found[f"{key}:{number}"] = name
    return found


def firmware_in(status: Mapping[str, Json]) -> str | None:
    """The firmware that a Gen1 status mentions."""
    update = _mapping(status.get("update"))
    info = _mapping(_mapping(status.get("getinfo")).get("fw_info"))
    return clean(update.get("old_version")) or clean(info.get("fw"))


def clean(value: Json) -> str | None:
    """A name fit to be shown: without control characters, not empty, not endless."""
    name = text(value)
    if name is None:
        return None
    printable = "".join(" " if ord(char) < 32 or ord(char) == 127 else char for char in name)
    return printable.strip()[:LONGEST_NAME] or None


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}
