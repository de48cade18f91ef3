"""The JSON documents about devices and the bridge: `info`, `bridge/devices`, `bridge/info`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

from bridge.core import abilities, jsontext
from bridge.core.device import Device
from bridge.core.kinds.catalog import ChannelKey
from bridge.core.kinds.convert import text
from bridge.core.kinds.fields import Values
from bridge.core.model import SourceKind
from bridge.core.registry import Registry
from bridge.core.results import iso

LONGEST = 60_000
"""Bytes of a device's message; a component that reports more is left out."""

_FEW = 32
"""So many channels always fit into a message, whatever they are called."""

_GEN1_VERSION = re.compile(r"^[0-9]+-[0-9]+/v?([0-9][^-@]*)(?:[-@].*)?$", re.ASCII)

_GENERATIONS = {"SH": 1, "S3": 3, "S4": 4}
"""By the first two characters of Shelly's model code; all others are Gen2."""

_MAIN_KINDS = ("relay", "light", "roller", "input", "meter")
"""The kinds that the names of a consent are about: a name for each channel of the first found."""


def device_info(registry: Registry, device: Device) -> Values:
    """What `<dev>/info` says; of channels that are too many not all."""
    return _fitting(
        {
            **_identity(registry, device),
            "firmware": device.firmware,
            "mode": device.mode,
            "area": registry.override(device.id).area,
            "channels": _channels(registry, device),
            "sources": [
                {"kind": path.kind.value, "link": path.link, "access": path.access.value}
                for path in device.paths.values()
            ],
            "last_seen": _time(device.last_seen),
            "available_since": _time(device.available_since),
            "offline_reason": device.offline_reason,
            "sleeper": device.wake_period is not None,
            "wake_period": device.wake_period,
        }
    )


def _fitting(info: Values) -> Values:
    """The same within a message: without names, then without commands, then without the rest."""
    channels = info["channels"]
    if len(channels) <= _FEW or jsontext.size(info) <= LONGEST:
        return info
    for key in ("name", "commands"):
        channels = [
            {name: value for name, value in each.items() if name != key} for each in channels
        ]
        if jsontext.size({**info, "channels": channels}) <= LONGEST:
            break
    left = LONGEST - jsontext.size({**info, "channels": []})
    return {**info, "channels": jsontext.first(channels, left)}


def update(device: Device) -> Values | None:
    """What `<dev>/update` says, in Home Assistant's words; None while too little is known.

    (Shelly docs, Gen1 `/status` `update`, Gen2 Sys `available_updates`.)
    """
    gen1 = device.status.get("update")
    if isinstance(gen1, Mapping):
        installed, latest = text(gen1.get("old_version")), text(gen1.get("new_version"))
        if installed is None:
            return None
        if latest is None or gen1.get("has_update") is not True:
            latest = installed
        return _versions(installed, latest)
    system = device.status.get("sys")
    if device.firmware is None or not isinstance(system, Mapping):
        return None
    offered = system.get("available_updates")
    stable = offered.get("stable") if isinstance(offered, Mapping) else None
    latest = text(stable.get("version")) if isinstance(stable, Mapping) else None
    return _versions(device.firmware, latest or device.firmware)


def _versions(installed: str, latest: str) -> Values:
    """Gen1's `20230913-112003/v1.14.0-gcb84623` is shown as 1.14.0, unless that tells nothing."""
    short = [_GEN1_VERSION.sub(r"\1", version) for version in (installed, latest)]
    if installed != latest and short[0] == short[1]:
        short = [installed, latest]
    return {"installed_version": short[0][:64], "latest_version": short[1][:64]}


def device_list(registry: Registry) -> str:
    """What `bridge/devices` says, as JSON: enough to subscribe to every channel.

    Written device by device, as the objects of all at once take more room than the devices.
    """
    entries = itertools.chain(_listed(registry), _pending(registry))
    return f"[{','.join(map(jsontext.dump, entries))}]"


def _listed(registry: Registry) -> Iterator[Values]:
    for device in registry.devices.values():
        yield {
            **_identity(registry, device),
            "sources": [path.kind.value for path in device.paths.values()],
            "channels": _channels(registry, device),
        }


def _pending(registry: Registry) -> Iterator[Values]:
    for visitor in registry.waiting():
        yield {
            "id": visitor.device,
            "name": visitor.name or visitor.device,
            "model": visitor.code or None,
            "pending": True,
            "sources": [SourceKind.OUTBOUND.value],
            "channels": [],
        }


def bridge_info(registry: Registry, protocol: str) -> Values:
    """What `bridge/info` says; of the configuration only what is no secret."""
    settings = registry.settings
    cluster = settings.cluster
    shared: Values = {}
    if cluster is not None:
        shared["cluster"] = {
            "instance": cluster.instance,
            "hosts": list(cluster.patterns),
            "shared": cluster.shared,
        }
    return {
        "version": settings.version,
        "bridge_id": settings.bridge_id,
        "started": iso(settings.started),
        "mqtt_version": protocol,
        "config": {
            "base_topic": settings.topics.base,
            "retain": settings.retain,
            "values": settings.values,
            "device_state": settings.device_state,
            "raw": settings.raw,
            "availability_grace": settings.grace,
            "command_timeout": settings.limits.timeout,
        },
        "homeassistant": settings.topics.prefix is not None,
        "restart_required": False,
        **shared,
    }


def _identity(registry: Registry, device: Device) -> Values:
    return {
        "id": device.id,
        "name": registry.name(device),
        "model": device.code or None,
        "gen": generation(device),
        "access": abilities.access(device).value,
        "topic": registry.settings.topics.device(registry.root(device.id), "")[:-1],
    }


def generation(device: Device) -> int | str | None:
    """1 to 4, or `ble`; None for what is not known or no device of Shelly's."""
    if device.id.startswith("X"):
        return "ble" if device.id.startswith("XB") else None
    return _GENERATIONS.get(device.code[:2], 2) if device.code else None


def channel_names(device: Device) -> dict[ChannelKey, str]:
    """What people call the channels: by the settings, or by the consent, which names only some.

    The only name of a consent is the device's.
    """
    main = next((kind for kind in _MAIN_KINDS if (kind, 0) in device.channels), None)
    found = {}
    for (kind, number), state in device.channels.items():
        name = device.channel_names.get(state.channel.component)
        if name is None and kind == main and 1 < len(device.names) > number:
            name = device.names[number]
        if name:
            found[kind, number] = name
    return found


def _channels(registry: Registry, device: Device) -> list[Values]:
    root = registry.root(device.id)
    names = channel_names(device)
    return [
        {
            "kind": kind,
            "number": number,
            "name": names.get((kind, number)),
            "component": state.channel.component,
            "topic": registry.settings.topics.channel(root, kind, number),
            "commands": abilities.commands(registry, device, state),
        }
        for (kind, number), state in sorted(device.channels.items())
    ]


def _time(wall: float | None) -> str | None:
    return None if wall is None else iso(wall)
