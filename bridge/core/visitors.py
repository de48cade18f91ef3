"""Devices that connect to us: who may come in, who waits for that, who is here just now."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from bridge.core.device import Device, Path
from bridge.core.effects import DropGrant, Effect, Log, Refresh, Release, SaveVisitor
from bridge.core.events import (
    BadInput,
    DeviceArrived,
    DeviceLeft,
    PressReported,
    SettingsReported,
    StatusReported,
)
from bridge.core.grants import Grants
from bridge.core.learned import learn
from bridge.core.merge import grows
from bridge.core.misconduct import Misconduct
from bridge.core.model import Access, DeviceId, Json, LinkId, Now, SourceKind, Visitor
from bridge.core.presence import Presence
from bridge.core.presses import Press
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.results import iso
from bridge.core.room import Room, load
from bridge.core.timers import Timers

LINK = LinkId("outbound")
"""The listener that devices connect to."""

MOST_VISITORS = 1_000
"""Devices that may be taken in without being asked about; who knows the secret invents any."""

MOST_PENDING = 100
"""Devices that may wait for approval."""


@dataclass(frozen=True, slots=True)
class AwayTooLong:
    """A timer's key: a device that left has not come back."""

    device: DeviceId


class Visitors:
    """Lets devices in, and keeps up which are here."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        presence: Presence,
        grants: Grants,
        misconduct: Misconduct,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._presence = presence
        self._grants = grants
        self._misconduct = misconduct
        self._room = Room()
        self._saved: dict[DeviceId, Visitor] = {}
        self._absent: dict[DeviceId, None] = {}
        """Those that wait for approval and have left, the first that did so first."""

    def restore(self, stored: Iterable[Visitor], now: Now) -> None:
        """Take in those that were let in before; they are expected back."""
        for visitor in stored:
            if self._registry.override(visitor.device).disabled:
                continue
            device, _ = self._registry.meet(visitor.device)
            device.code = device.code or visitor.code
            device.name = device.name or visitor.name or None
            device.configured_period = visitor.wake_period
            device.wake_period = visitor.wake_period or device.wake_period
            device.paths[LINK] = _path(away=True)
            self._saved[visitor.device] = visitor
            self._await(device, now)

    def arrived(self, event: DeviceArrived, now: Now) -> list[Effect]:
        """A device connected: it is let in, or has to wait."""
        registry = self._registry
        if registry.override(event.device).disabled:
            return []
        known = registry.devices.get(event.device)
        if known is not None and event.link in known.paths:
            known.paths[event.link].away = False
            self._timers.cancel(AwayTooLong(event.device))
            return []
        if registry.settings.approve_visitors:
            return self._let_wait(event.device, now)
        if sum(1 for _ in registry.on_link(event.link)) >= MOST_VISITORS:
            return self._too_many(event.device, f"more than {MOST_VISITORS} devices connect")
        return self._let_in(event.device, now)

    def _let_wait(self, device: DeviceId, now: Now) -> list[Effect]:
        pending = self._registry.pending
        if device in pending:
            self._absent.pop(device, None)
            return []
        effects: list[Effect] = []
        if len(pending) >= MOST_PENDING:
            if not self._absent:
                return self._too_many(device, f"more than {MOST_PENDING} devices wait for approval")
            effects = self.dismiss(next(iter(self._absent)), now)
        pending[device] = Visitor(device)
        self._presence.list_soon(now)
        place = self._registry.settings.topics.request("device/approve")
        text = f"device {device} wants to connect to the bridge; publish its id to {place}"
        return [*effects, self._event("device_pending", device, now), Log(logging.INFO, text)]

    def _too_many(self, device: DeviceId, text: str) -> list[Effect]:
        return [*self._misconduct.record(BadInput(LINK, "too_many_devices", text, device))]

    def approve(self, device: DeviceId, now: Now) -> list[Effect]:
        """Let a device in that waits, and ask it for everything."""
        return [*self._let_in(device, now), Refresh(LINK, device)]

    def dismiss(self, device: DeviceId, now: Now) -> list[Effect]:
        """Forget a device that waits, until it comes again."""
        del self._registry.pending[device]
        self._absent.pop(device, None)
        self._presence.list_soon(now)
        return [Release(device, SourceKind.OUTBOUND)]

    def _let_in(self, device_id: DeviceId, now: Now) -> list[Effect]:
        waited = self._registry.pending.pop(device_id, None)
        device, new = self._registry.meet(device_id)
        away = device_id in self._absent
        self._absent.pop(device_id, None)
        device.paths[LINK] = _path(away=away)
        if away:
            self._await(device, now)
        if waited is not None:
            device.code = device.code or waited.code
            device.name = device.name or waited.name or None
        effects = self._grants.added(device_id, now) if new else []
        effects += [*self._presence.describe(device, now), *self._presence.judge(device, now)]
        return effects + self.saved(device_id)

    def left(self, event: DeviceLeft, now: Now) -> list[Effect]:
        """A device is gone; one that sleeps is only asleep, any other may be back in a moment."""
        if event.device in self._registry.pending:
            self._absent[event.device] = None
            return []
        device = self._registry.devices.get(event.device)
        path = device.paths.get(event.link) if device is not None else None
        if device is None or path is None:
            return []
        path.away = True
        self._await(device, now)
        return []

    def _await(self, device: Device, now: Now) -> None:
        self._timers.set(AwayTooLong(device.id), now.mono + self._registry.settings.grace)

    def away_too_long(self, device_id: DeviceId, now: Now) -> list[Effect]:
        """A device has been away for a while."""
        device = self._registry.devices.get(device_id)
        path = device.paths.get(LINK) if device is not None else None
        if device is None or path is None or not path.away:
            return []
        if device.wake_period is None:
            path.online, path.silent = False, False
        return self._presence.judge(device, now)

    def told(self, event: SettingsReported, now: Now) -> list[Effect]:
        """The settings of a device came: those that wait get a name and a model by them."""
        if event.device not in self._registry.pending:
            return self.saved(event.device)
        learned = learn(event.settings)
        self._registry.pending[event.device] = Visitor(
            event.device, learned.model or "", learned.name or ""
        )
        self._presence.list_soon(now)
        return []

    def has_room(self, event: StatusReported | SettingsReported) -> bool:
        """Whether what a device tells can be remembered beside what all others told."""
        device = self._registry.devices.get(event.device)
        if device is None or event.link not in device.paths:
            return True
        if isinstance(event, SettingsReported):
            components = {key: part for key, part in event.settings.items() if ":" in key}
            return self._room.take(event.device, "settings", load(components))
        if event.full:
            return self._room.take(event.device, "status", load(event.status))
        if not grows(device.status, event.status):
            return True
        # Both together is more than what results, and the next whole status sets it right.
        return self._room.take(event.device, "status", load(device.status) + load(event.status))

    def no_room(self, device: DeviceId) -> list[Effect]:
        """Count that something of a device was thrown away."""
        text = "all devices that connect to the bridge tell more than it can remember"
        return [*self._misconduct.record(BadInput(LINK, "no_room", text, device))]

    def saved(self, device_id: DeviceId) -> list[Effect]:
        """Remember what is known of a device, if that has changed."""
        device = self._registry.devices.get(device_id)
        if device is None or LINK not in device.paths:
            return []
        visitor = Visitor(device_id, device.code, device.name or "", device.wake_period)
        if self._saved.get(device_id) == visitor:
            return []
        self._saved[device_id] = visitor
        return [SaveVisitor(visitor)]

    def detach(self, device: Device, now: Now) -> list[Effect]:
        """Somebody wants a device gone that an account keeps: only its other ways here end."""
        effects: list[Effect] = [DropGrant(device.id, device.revision, kept=True)]
        if LINK in device.paths:
            effects.append(SaveVisitor(Visitor(device.id), gone=True))
        for path in list(device.paths.values()):
            if path.kind is not SourceKind.ACCOUNT:
                effects += self._grants.leave(device, path.link, now)
                effects.append(Release(device.id, path.kind))
        self.forget(device.id)
        effects += self._presence.describe(device, now)
        return effects + self._presence.judge(device, now)

    def part(self, device: Device, now: Now) -> list[Effect]:
        """Somebody wants a device to connect no more, and it has other ways here; they stay."""
        if LINK not in device.paths:
            return []
        effects = self._grants.leave(device, LINK, now)
        effects += [
            Release(device.id, SourceKind.OUTBOUND),
            SaveVisitor(Visitor(device.id), gone=True),
        ]
        self.forget(device.id)
        effects += self._presence.describe(device, now)
        return effects + self._presence.judge(device, now)

    def give_up(self, device: DeviceId, now: Now) -> Visitor | None:
        """Somebody else serves a device from now on; gives what it can be restored by."""
        if self._registry.pending.pop(device, None) is not None:
            self._absent.pop(device, None)
            self._presence.list_soon(now)
        return self._saved.get(device)

    def forget(self, device: DeviceId) -> None:
        """A device was taken away."""
        self._saved.pop(device, None)
        self._room.leave(device)
        self._timers.cancel(AwayTooLong(device))

    def pressed(self, event: PressReported, now: Now) -> list[Effect]:
        """Somebody pressed something; the cloud may tell the same press."""
        device = self._registry.devices.get(event.device)
        if device is None or event.link not in device.paths:
            return []
        kind, number = _channel(device, event.component)
        press = Press(number, event.event_type)
        if kind == "input" and not device.presses.is_new(event.link, press, None, now.wall):
            return []
        topics = self._registry.settings.topics
        topic = topics.channel(self._registry.root(device.id), kind, number)
        body: dict[str, Json] = {"event_type": event.event_type, "id": number, "ts": iso(now.wall)}
        if event.button is not None:
            body["button"] = event.button
        return [
            self._publications.event(f"{topic}/event", body, expiry=30),
            *self._presence.seen(device, now),
        ]

    def _event(self, what: str, device: DeviceId, now: Now) -> Effect:
        body: dict[str, Json] = {"type": what, "device": device, "ts": iso(now.wall)}
        return self._publications.event(self._registry.settings.topics.bridge("event"), body)


def _path(*, away: bool = False) -> Path:
    return Path(LINK, SourceKind.OUTBOUND, access=Access.CONTROL, away=away)


def _channel(device: Device, component: str) -> tuple[str, int]:
    """The channel of a component; of one that has none what it would be."""
    for key, state in device.channels.items():
        if state.channel.component == component:
            return key
    kind, _, number = component.partition(":")
    return kind, int(number)
