"""What devices report, by whatever source: status, settings, presence, access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from bridge.core.device import Changes, ChannelState, Device, Path
from bridge.core.dispatch import Dispatch
from bridge.core.effects import Effect, Lane
from bridge.core.events import (
    AccessReported,
    BadInput,
    DeviceMoved,
    OnlineReported,
    RefreshAnswered,
    SettingsReported,
    StatusReported,
)
from bridge.core.grants import Grants
from bridge.core.kinds.catalog import ChannelKey
from bridge.core.kinds.convert import number
from bridge.core.learned import firmware_in, learn
from bridge.core.misconduct import Misconduct
from bridge.core.model import DeviceId, Json, LinkId, Now, SourceKind
from bridge.core.presence import Presence
from bridge.core.presses import PRESS
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.results import iso
from bridge.core.sleep import reported_at, wake_period
from bridge.core.timers import Timers

_Told = TypeVar("_Told")


@dataclass(frozen=True, slots=True)
class ThrottleOver:
    """A timer's key: a channel that was held back may be published."""

    device: DeviceId
    channel: ChannelKey


_OF_ITSELF = frozenset({"sys", "update", "getinfo", "act_reasons", "_sleeping"})
"""Members of a status that tell of firmware and sleep."""

_JUMP = 5.0
"""A power that changes by more than this many watts, and percent, is never held back."""


class Reports:
    """Takes reports into the devices' state and tells what changed."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        presence: Presence,
        dispatch: Dispatch,
        grants: Grants,
        misconduct: Misconduct,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._presence = presence
        self._dispatch = dispatch
        self._grants = grants
        self._misconduct = misconduct

    def status(self, event: StatusReported, now: Now) -> list[Effect]:
        """A status came, whole or in part."""
        link = self._registry.links.get(event.link)
        if link is not None:
            link.last_message = now.wall
        device = self._known(event.device, event.link)
        if device is None:
            return self._unknown(event.device, event.link, now)
        status, full = event.status, event.full
        if full and self._is_behind(device, event):
            device.presses.snapshot(event.link, status, now.wall)
            status, full = _gaps(device, status), False
        self._heard(device, event, now)
        changes = device.apply(status, full=full, wall=now.wall, link=event.link)
        effects = self._publications.raw(device, status)
        if changes.layout or not _OF_ITSELF.isdisjoint(changes.components):
            device.firmware = firmware_in(device.status) or device.firmware
            effects += self._presence.update(device)
            self._take_period(device)
        effects += self._changed(device, changes, now)
        if full:
            effects += self._publications.prune(device)
        for press in changes.presses:
            topic = self._registry.settings.topics.channel(
                self._registry.root(device.id), "input", press.number
            )
            body = {"event_type": press.event_type, "id": press.number, "ts": iso(now.wall)}
            effects.append(self._publications.event(f"{topic}/event", body, expiry=30))
        path = device.paths[event.link]
        asleep = device.wake_period is not None
        news = path.online is not event.live or path.silent or device.online is not event.live
        if news or asleep:
            path.online, path.silent = event.live, False
            effects += self._presence.judge(device, now)
        effects += self._presence.seen(device, now)
        return effects

    def _is_behind(self, device: Device, event: StatusReported) -> bool:
        """Whether a whole status is older than what we know by another way.

        A device that is connected to us tells everything itself, and at once; of others it is the
        age that counts. What a cloud has of a device that it does not reach is old.
        """
        if device.paths[event.link].kind is SourceKind.OUTBOUND:
            return False
        others = [path for path in device.paths.values() if path.link != event.link]
        present = [path for path in others if self._is_present(path)]
        if any(path.kind is SourceKind.OUTBOUND for path in present):
            return True
        reached = any(path.online for path in present)
        if reached and not event.live:
            return True
        if not reached and (device.wake_period is None or not others):
            return False
        told = reported_at(event.status)
        return told is not None and device.last_seen is not None and told < device.last_seen

    def _is_present(self, path: Path) -> bool:
        """Whether the device is thought to be there, by a link that works."""
        link = self._registry.links.get(path.link)
        there = not (path.away or path.silent or path.online is False)
        return there and link is not None and link.connected

    def _heard(self, device: Device, event: StatusReported, now: Now) -> None:
        """Remember when the device spoke: now, or when the cloud got what it passes on."""
        told = reported_at(event.status) if event.full else None
        if told is None and not event.live:
            return
        age = 0.0 if told is None else max(0.0, now.wall - told)
        if device.last_seen is None or now.wall - age > device.last_seen:
            device.last_seen, device.heard_at = now.wall - age, now.mono - age

    def _take_period(self, device: Device) -> None:
        device.wake_period = wake_period(device.id, device.status, device.configured_period)

    def _changed(self, device: Device, changes: Changes, now: Now) -> list[Effect]:
        effects: list[Effect] = []
        if changes.removed:
            effects += self._presence.channels_gone(device, now)
        for key in changes.removed:
            effects += self._publications.clear_channel(device, key)
        for state in changes.changed:
            effects += self._channel_changed(device, state, now)
        if changes.removed or any(state.is_sent for state in changes.changed):
            effects += self._publications.device_state(device, Lane.STATE)
        if changes.layout:
            effects += self._presence.describe(device, now)
        for refused in changes.refused:
            text = f"a component's name or number is not fit for a topic: {refused[:40]!r}"
            effects += self._misconduct.record(
                BadInput("status", "component_name", text, device.id)
            )
        for component in changes.oversized:
            text = f"a component tells more than any device has: {component[:40]!r}"
            effects += self._misconduct.record(BadInput("status", "too_large", text, device.id))
        return effects

    def _channel_changed(self, device: Device, state: ChannelState, now: Now) -> list[Effect]:
        key = state.channel.key
        throttle = self._registry.override(device.id).throttle
        effects: list[Effect] = []
        if throttle and now.mono < state.sent_at + throttle and _is_measured(state):
            self._timers.set_if_unset(ThrottleOver(device.id, key), state.sent_at + throttle)
        else:
            effects += self._publish(device, state, now)
        if self._dispatch.awaits(device.id):
            effects += self._dispatch.seen(device.id, key, state.values, now)
        return effects

    def _publish(self, device: Device, state: ChannelState, now: Now) -> list[Effect]:
        effects = self._publications.channel(device, state, Lane.STATE)
        state.sent_at = now.mono
        if not effects:
            text = f"{state.channel.component} reports more than a message can hold"
            return [*self._misconduct.record(BadInput("status", "too_large", text, device.id))]
        return effects

    def throttled(self, device: DeviceId, channel: tuple[str, int], now: Now) -> list[Effect]:
        """A channel was held back long enough."""
        known = self._registry.devices.get(device)
        state = known.channels.get(channel) if known else None
        if known is None or state is None or state.is_sent:
            return []
        effects = self._publish(known, state, now)
        return [*effects, *self._publications.device_state(known, Lane.STATE)]

    def settings(self, event: SettingsReported, now: Now) -> list[Effect]:
        """Settings came: take the names, the mode and the firmware from them."""
        device = self._known(event.device, event.link)
        if device is None:
            return self._unknown(event.device, event.link, now)
        learned = learn(event.settings)
        device.name = learned.name if learned.tells_name else device.name
        device.firmware = learned.firmware or device.firmware
        device.code = device.code or learned.model or ""
        device.configured_period = learned.wake_period or device.configured_period
        self._take_period(device)
        device.channel_names = _renewed(device.channel_names, learned.channels, learned.told)
        facts = _renewed(device.facts, learned.facts, learned.told)
        changes = device.settle(learned.mode, facts, now.wall)
        effects = self._changed(device, changes, now) + self._presence.describe(device, now)
        return effects + self._presence.judge(device, now)

    def online(self, event: OnlineReported, now: Now) -> list[Effect]:
        """The cloud says that the device came or went."""
        device = self._known(event.device, event.link)
        if device is None:
            return self._unknown(event.device, event.link, now)
        path = device.paths[event.link]
        path.online, path.silent = event.online, False
        return self._presence.judge(device, now)

    def access(self, event: AccessReported, now: Now) -> list[Effect]:
        """The cloud told what we may do with the device."""
        device = self._known(event.device, event.link)
        if device is None:
            return []
        effects = self._grants.access(device, event)
        return [*effects, *self._presence.judge(device, now), *self._presence.describe(device, now)]

    def moved(self, event: DeviceMoved, now: Now) -> list[Effect]:
        """Another host serves the device."""
        device = self._known(event.device, event.link)
        if device is None:
            return []
        return [*self._grants.moved(device, event), *self._presence.describe(device, now)]

    def refreshed(self, event: RefreshAnswered, now: Now) -> list[Effect]:
        """A question about the device was answered, or not."""
        device = self._known(event.device, event.link)
        effects: list[Effect] = []
        if device is not None and event.outcome in ("offline", "timeout"):
            path = device.paths[event.link]
            path.online, path.silent = False, event.outcome == "timeout"
            effects += self._presence.judge(device, now)
        return effects

    def _known(self, device: DeviceId, link: LinkId) -> Device | None:
        known = self._registry.devices.get(device)
        return known if known is not None and link in known.paths else None

    def _unknown(self, device: DeviceId, link: LinkId, _: Now) -> list[Effect]:
        if self._registry.override(device).disabled or device in self._registry.pending:
            return []
        if self._registry.owned is not None and link not in self._registry.owned:
            # The rest of what came while another instance took the host.
            return []
        text = "something came of a device that was never granted to us by this connection"
        return [*self._misconduct.record(BadInput(link, "unknown_device", text, device))]


def _renewed(
    known: Mapping[str, _Told], learned: Mapping[str, _Told], told: frozenset[str]
) -> dict[str, _Told]:
    """What is known by component, once that which the settings are about was told anew."""
    kept = {component: each for component, each in known.items() if component not in told}
    return {**kept, **learned}


def _gaps(device: Device, status: Mapping[str, Json]) -> dict[str, Json]:
    """What an old status has to say: what nobody told before, as long as not all is known."""
    if device.is_whole:
        return {}
    return {
        key: value
        for key, value in status.items()
        if key not in device.status and not key.startswith(PRESS)
    }


def _is_measured(state: ChannelState) -> bool:
    """Whether only numbers changed since the channel was published, and no power jumped."""
    values, sent = state.values, state.sent
    if values.keys() != sent.keys():
        return False
    return all(
        value == sent[key] or _is_small(key, sent[key], value) for key, value in values.items()
    )


def _is_small(key: str, old: Json, new: Json) -> bool:
    before, after = number(old), number(new)
    if before is None or after is None:
        return False
    return not key.endswith("power") or abs(after - before) <= max(_JUMP, _JUMP / 100 * abs(before))
