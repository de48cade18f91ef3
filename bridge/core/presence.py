"""What is told of a device as a whole: `availability`, `info`, its entry in `bridge/devices`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.core import documents
from bridge.core.availability import judge, silent_from
from bridge.core.device import Device
from bridge.core.effects import Effect, Lane
from bridge.core.homeassistant.discovery import Discovery
from bridge.core.model import DeviceId, Now
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.timers import Timers

LIST_INTERVAL = 2.0
"""`bridge/devices` is published at most this often (s), and more rarely the longer it is."""

LIST_PACE = 500
"""Devices in the list for each second of that."""

SEEN_INTERVAL = 60.0
"""`last_seen` in `info` is brought up to date at most this often (s), and with very many devices
more rarely."""

SEEN_PACE = 100
"""Devices of which that is done in a second."""


@dataclass(frozen=True, slots=True)
class ListDue:
    """A timer's key: `bridge/devices` is to be published."""


@dataclass(frozen=True, slots=True)
class ReportMissed:
    """A timer's key: a device that sleeps may have missed two of its reports."""

    device: DeviceId


class Presence:
    """Keeps up what is told of devices as a whole."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        discovery: Discovery,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._discovery = discovery
        self._info_at: dict[DeviceId, float] = {}

    def judge(self, device: Device, now: Now) -> list[Effect]:
        """Decide anew whether the device is online; tells what changed."""
        grace = self._registry.settings.grace
        self._await_report(device, now)
        verdict = judge(device, self._registry.links, now.mono, grace)
        reason = verdict.reason.value if verdict.reason else None
        if verdict.online is None or (verdict.online, reason) == (
            device.online,
            device.offline_reason,
        ):
            return []
        changed = verdict.online != device.online
        if verdict.online and changed:
            device.available_since = now.wall
        device.online, device.offline_reason = verdict.online, reason
        effects: list[Effect] = []
        if changed:
            effects += self._publications.availability(device)
        return effects + self.info(device, now)

    def _await_report(self, device: Device, now: Now) -> None:
        if device.wake_period is None:
            return
        if device.heard_at is None:
            device.heard_at = now.mono
        limit = silent_from(device, self._registry.settings.grace)
        if limit is not None and limit > now.mono:
            self._timers.set(ReportMissed(device.id), limit)

    def report_missed(self, device: DeviceId, now: Now) -> list[Effect]:
        """A report of a device that sleeps is overdue."""
        known = self._registry.devices.get(device)
        return [] if known is None else self.judge(known, now)

    def judge_all(self, devices: Iterable[Device], now: Now) -> list[Effect]:
        """The same for several devices."""
        return [effect for device in list(devices) for effect in self.judge(device, now)]

    def describe(self, device: Device, now: Now) -> list[Effect]:
        """The device's description changed."""
        self.list_soon(now)
        self._discovery.soon(device, now)
        return [*self.info(device, now), *self.update(device)]

    def channels_gone(self, device: Device, now: Now) -> list[Effect]:
        """Home Assistant must know before their topics go."""
        return self._discovery.at_once(device, now)

    def update(self, device: Device, lane: Lane = Lane.STATE) -> list[Effect]:
        """Publish `<dev>/update`, or take it away if nothing is known of the firmware any more."""
        body = documents.update(device)
        if body is None:
            return self._publications.clear_document(device.id, "update")
        return self._publications.device_document(device.id, "update", body, lane)

    def info(self, device: Device, now: Now, lane: Lane = Lane.STATE) -> list[Effect]:
        """Publish `<dev>/info`."""
        self._info_at[device.id] = now.mono
        body = documents.device_info(self._registry, device)
        return self._publications.device_document(device.id, "info", body, lane)

    def seen(self, device: Device, now: Now) -> list[Effect]:
        """The device said something: bring `last_seen` up to date now and then."""
        last = self._info_at.get(device.id)
        pause = max(SEEN_INTERVAL, len(self._registry.devices) / SEEN_PACE)
        if last is not None and now.mono - last < pause:
            return []
        return self.info(device, now)

    def forget(self, device: DeviceId, now: Now) -> None:
        """The device is gone."""
        self._info_at.pop(device, None)
        self._timers.cancel(ReportMissed(device))
        self.list_soon(now)

    def list_soon(self, now: Now) -> None:
        """Publish `bridge/devices` before long."""
        pause = max(LIST_INTERVAL, len(self._registry.devices) / LIST_PACE)
        self._timers.set_if_unset(ListDue(), now.mono + pause)

    def device_list(self, lane: Lane = Lane.STATE) -> list[Effect]:
        """Publish `bridge/devices`."""
        topic = self._registry.settings.topics.bridge("devices")
        return self._publications.document(topic, documents.device_list(self._registry), lane)
