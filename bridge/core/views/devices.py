"""Devices as a table shows them, and one with everything that is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bridge.core import abilities, documents
from bridge.core.device import Device
from bridge.core.model import Access
from bridge.core.registry import Registry
from bridge.core.views import shown
from bridge.core.views.asked import Only, Sort, Table
from bridge.core.views.readings import ABOUT_ITSELF, readings, telling

_ORDERS: dict[Sort, Callable[[Registry, Device], str | float | None]] = {
    Sort.NAME: lambda registry, device: registry.name(device).casefold(),
    Sort.MODEL: lambda _, device: device.code or None,
    Sort.SOURCE: lambda _, device: min(device.paths, default=None),
    Sort.AVAILABILITY: lambda _, device: None if device.online is None else float(device.online),
    Sort.LAST_SEEN: lambda _, device: device.last_seen,
}

_FILTERS: dict[Only, Callable[[Device], bool]] = {
    Only.ALL: lambda _: True,
    Only.ONLINE: lambda device: device.online is True,
    Only.OFFLINE: lambda device: device.online is not True,
    Only.CONTROLLED: lambda device: abilities.access(device) is Access.CONTROL,
}


def table(registry: Registry, asked: Table) -> shown.Rows:
    """The part of the table that was asked for."""
    found = _found(registry, asked)
    part = _sorted(registry, asked, found)[asked.first : asked.first + asked.count]
    rows = tuple(row(registry, device) for device in part)
    return shown.Rows(rows, len(found), len(registry.devices))


def _found(registry: Registry, asked: Table) -> list[Device]:
    wanted = _FILTERS[asked.only]
    words = set(asked.search.casefold().split())
    return [
        device
        for device in registry.devices.values()
        if wanted(device) and (not words or _has_all(_words(registry, device), words))
    ]


def _has_all(text: str, words: Iterable[str]) -> bool:
    return all(word in text for word in words)


def _words(registry: Registry, device: Device) -> str:
    """All that a search may find a device by."""
    override = registry.override(device.id)
    texts = (registry.name(device), device.id, device.code, override.topic, override.area)
    return " ".join([*filter(None, texts), *device.paths]).casefold()


def _sorted(registry: Registry, asked: Table, devices: Iterable[Device]) -> list[Device]:
    """By what was asked for, then by id; what is not known comes last in either direction."""
    order = _ORDERS[asked.sort]
    known, unknown = [], []
    for device in devices:
        key = order(registry, device)
        if key is None:
            unknown.append(device)
        else:
            known.append((key, device.id, device))
    # All keys of one order are of the same type.
    known.sort(key=lambda each: each[:2], reverse=asked.descending)
    unknown.sort(key=lambda device: device.id)
    return [device for _, _, device in known] + unknown


def row(registry: Registry, device: Device) -> shown.Row:
    """A device in a few words."""
    return shown.Row(
        id=device.id,
        root=registry.root(device.id),
        name=registry.name(device),
        model=device.code or None,
        generation=documents.generation(device),
        area=registry.override(device.id).area,
        sources=tuple((path.kind, path.link) for path in device.paths.values()),
        access=abilities.access(device),
        online=device.online,
        reason=device.offline_reason,
        last_seen=device.last_seen,
        sleeper=device.wake_period is not None,
        readings=telling(device),
    )


def one(registry: Registry, device: Device) -> shown.Device:
    """Everything that is known of a device."""
    root = registry.root(device.id)
    names = documents.channel_names(device)
    versions = documents.update(device) or {}
    latest = versions.get("latest_version")
    channels = [
        shown.Channel(
            kind=kind,
            number=number,
            name=names.get((kind, number)),
            component=state.channel.component,
            topic=registry.settings.topics.channel(root, kind, number),
            changed_at=state.changed_at,
            readings=readings(state),
            commands=tuple(abilities.commands(registry, device, state)),
            facts=state.channel.facts,
            is_own=kind in ABOUT_ITSELF,
        )
        for (kind, number), state in sorted(device.channels.items())
    ]
    return shown.Device(
        row=row(registry, device),
        firmware=device.firmware,
        newer=latest if latest != versions.get("installed_version") else None,
        mode=device.mode,
        wake_period=device.wake_period,
        topic=registry.settings.topics.device(root, "")[:-1],
        channels=tuple(sorted(channels, key=lambda channel: not channel.commands)),
    )
