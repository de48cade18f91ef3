"""What devices report, by whatever source: status, settings, presence, access."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.device import Changes, ChannelKey, ChannelState, Device
from bridge.core.dispatch import Dispatch
from bridge.core.grants import Grants
from bridge.core.learned import firmware_in, learn
from bridge.core.misconduct import Misconduct
from bridge.core.model import (
    AccessReported,
    BadInput,
    DeviceId,
    DeviceMoved,
    Effect,
    Lane,
    LinkId,
    Now,
    OnlineReported,
    RefreshAnswered,
    SettingsReported,
    StatusReported,
)
from bridge.core.presence import Presence
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.results import iso
from bridge.core.timers import Timers


@dataclass(frozen=True, slots=True)
class ThrottleOver:
    """A timer's key: a channel that was held back may be published."""

    device: DeviceId
    channel: ChannelKey


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
        device.last_seen = now.wall
        changes = device.apply(event.status, full=event.full, wall=now.wall)
        effects = self._publications.raw(device, event.status)
        if changes.layout:
            device.firmware = firmware_in(device.status) or device.firmware
        effects += self._changed(device, changes, now)
        if event.full:
            effects += self._publications.prune(device)
        for press in changes.presses:
            topic = self._registry.settings.topics.channel(
                self._registry.root(device.id), "input", press.number
            )
            body = {"event_type": press.event_type, "id": press.number, "ts": iso(now.wall)}
            effects.append(self._publications.event(f"{topic}/event", body, expiry=30))
        path = device.paths[event.link]
        if path.online is not True or path.silent or device.online is not True:
            path.online, path.silent = True, False
            effects += self._presence.judge(device, now)
        effects += self._presence.seen(device, now)
        return effects

    def _changed(self, device: Device, changes: Changes, now: Now) -> list[Effect]:
        effects: list[Effect] = []
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
        return effects

    def _channel_changed(self, device: Device, state: ChannelState, now: Now) -> list[Effect]:
        key = (state.channel.kind, state.channel.number)
        throttle = self._registry.override(device.id).throttle
        effects: list[Effect] = []
        if throttle and now.mono < state.sent_at + throttle and _is_measured(state):
            self._timers.set_if_unset(ThrottleOver(device.id, key), state.sent_at + throttle)
        else:
            effects += self._publish(device, state, now)
        return effects + self._dispatch.seen(device.id, key, state.values, now)

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
        device.name = learned.name or device.name
        device.firmware = learned.firmware or device.firmware
        device.code = device.code or learned.model or ""
        device.channel_names = {**device.channel_names, **learned.channels}
        changes = device.set_mode(learned.mode, now.wall)
        return self._changed(device, changes, now) + self._presence.describe(device, now)

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
        if self._registry.override(device).disabled:
            return []
        text = "something came of a device that was never granted to us by this connection"
        return [*self._misconduct.record(BadInput(link, "unknown_device", text, device))]


def _is_measured(state: ChannelState) -> bool:
    """Whether only numbers changed since the channel was published."""
    if state.values.keys() != state.sent.keys():
        return False
    return all(
        value == state.sent[key] or (isinstance(value, int | float) and not isinstance(value, bool))
        for key, value in state.values.items()
    )
