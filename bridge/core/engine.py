"""The one reducer: every event goes in here, and what is to be done comes out.

`handle(event, now)` and `tick(now)` return effects and do nothing else; all state is in the
`Registry`, which no other thread touches.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from bridge.core import documents, topics
from bridge.core.availability import judge
from bridge.core.device import Changes, ChannelState, Device
from bridge.core.dispatch import AnswerDue, Dispatch, ReleaseDue
from bridge.core.grants import Grants
from bridge.core.instructed import Instructed
from bridge.core.learned import firmware_in, learn
from bridge.core.links import Link
from bridge.core.misconduct import Misconduct
from bridge.core.model import (
    AccessReported,
    BadInput,
    BrokerDown,
    BrokerUp,
    CommandAnswered,
    CommandNotSent,
    DeviceId,
    DeviceMoved,
    Effect,
    Event,
    Grant,
    GrantRevoked,
    GrantStored,
    Lane,
    LinkChanged,
    LinkId,
    LinkRemoved,
    LinkState,
    Log,
    MessageArrived,
    Now,
    OnlineReported,
    Publish,
    RefreshAnswered,
    RetainedFound,
    SettingsReported,
    StatusReported,
    Vitals,
)
from bridge.core.publications import Publications
from bridge.core.registry import Registry, Settings
from bridge.core.requests import Requests
from bridge.core.results import iso
from bridge.core.retained import AT_START, Retained
from bridge.core.timers import Timers

LIST_INTERVAL = 2.0
"""`bridge/devices` is published at most this often (s), and more rarely the longer it is."""

LIST_PACE = 500
"""Devices in the list for each second of that."""

SEEN_INTERVAL = 60.0
"""`last_seen` in `info` is brought up to date at most this often (s)."""

_ALARMING = {
    LinkState.DISPLACED: "host_displaced",
    LinkState.AUTH_REQUIRED: "login_required",
}
"""States of a connection that `bridge/event` tells of."""

_LIST_DUE = "device list"
"""A timer's key, as are the tuples that begin with the words below."""
_GRACE, _THROTTLE, _CLEAR = "grace", "throttle", "clear"


class Engine:
    """Events in, effects out."""

    def __init__(self, settings: Settings, known_topics: dict[DeviceId, set[str]]) -> None:
        self._settings = settings
        self._topics = settings.topics
        self._registry = Registry(settings)
        self._timers = Timers()
        self._publications = Publications(self._registry, known_topics)
        self._dispatch = Dispatch(settings.limits, self._timers)
        self._instructed = Instructed(self._registry, self._dispatch)
        self._misconduct = Misconduct()
        self._grants = Grants(self._registry, self._publications, self._dispatch)
        self._retained = Retained(self._registry, self._publications)
        self._requests = Requests(
            self._registry,
            self._publications,
            self._instructed,
            self._grants,
            self._retained,
            self._misconduct,
        )
        self._broker: str | None = None
        self._seen_published: dict[DeviceId, float] = {}
        self._handlers: dict[type, Callable[[Any, Now], Iterable[Effect]]] = {
            StatusReported: self._status,
            SettingsReported: self._settings_reported,
            OnlineReported: self._online,
            AccessReported: self._access,
            DeviceMoved: self._moved,
            RefreshAnswered: self._refreshed,
            CommandAnswered: self._answered,
            CommandNotSent: self._dispatch.not_sent,
            LinkChanged: self._link,
            LinkRemoved: self._link_removed,
            BadInput: self._bad_input,
            GrantStored: self._granted,
            GrantRevoked: self._revoked,
            BrokerUp: self._broker_up,
            BrokerDown: self._broker_down,
            MessageArrived: self._message,
            RetainedFound: self._retained_found,
            Vitals: self._vitals,
        }

    def restore(self, grants: Iterable[Grant], now: Now) -> list[Effect]:
        """Take in what was stored, at the start."""
        effects: list[Effect] = []
        for grant in grants:
            effects += self._grants.adopt(grant)
            if grant.device not in self._registry.devices:
                self._clear_soon(grant.device, now)
        self._timers.set(_LIST_DUE, now.mono)
        return effects

    def handle(self, event: Event, now: Now) -> list[Effect]:
        """What an event asks for."""
        effects = list(self._handlers[type(event)](event, now))
        effects += self._publications.unsaved()
        return effects

    def overloaded(self, message: MessageArrived, now: Now) -> list[Effect]:
        """What to answer a message that the inbox had no room for."""
        return self._instructed.overloaded(message, now)

    def next_timer(self) -> float | None:
        """When `tick` should be called at the latest (monotonic s)."""
        return self._timers.next()

    def tick(self, now: Now) -> list[Effect]:
        """What has come due."""
        effects: list[Effect] = []
        for key in self._timers.due(now.mono):
            effects += self._due(key, now)
        effects += self._publications.unsaved()
        return effects

    def stop(self, now: Now) -> list[Effect]:
        """The last effects: every command gets its result."""
        return self._dispatch.stop(now)

    def _due(self, key: Any, now: Now) -> list[Effect]:
        if isinstance(key, ReleaseDue):
            return self._dispatch.release(key, now)
        if isinstance(key, AnswerDue):
            return self._dispatch.timed_out(key, now)
        match key:
            case "device list":
                return self._device_list(Lane.STATE)
            case ("grace", link):
                return self._judge_all(self._registry.on_link(link), now)
            case ("throttle", device, channel):
                return self._throttled(device, channel, now)
            case ("clear", device):
                return self._publications.forgotten(device)
        raise AssertionError(f"a timer nobody set: {key!r}")

    # Devices

    def _status(self, event: StatusReported, now: Now) -> list[Effect]:
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
            topic = self._topics.channel(self._registry.root(device.id), "input", press.number)
            body = {"event_type": press.event_type, "id": press.number, "ts": iso(now.wall)}
            effects.append(self._publications.event(f"{topic}/event", body, expiry=30))
        path = device.paths[event.link]
        if path.online is not True or path.silent or device.online is not True:
            path.online, path.silent = True, False
            effects += self._judge(device, now)
        effects += self._seen(device, now)
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
            effects += self._describe(device, now)
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
            self._timers.set_if_unset((_THROTTLE, device.id, key), state.sent_at + throttle)
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

    def _throttled(self, device: DeviceId, channel: tuple[str, int], now: Now) -> list[Effect]:
        known = self._registry.devices.get(device)
        state = known.channels.get(channel) if known else None
        if known is None or state is None or state.is_sent:
            return []
        effects = self._publish(known, state, now)
        return [*effects, *self._publications.device_state(known, Lane.STATE)]

    def _settings_reported(self, event: SettingsReported, now: Now) -> list[Effect]:
        device = self._known(event.device, event.link)
        if device is None:
            return self._unknown(event.device, event.link, now)
        learned = learn(event.settings)
        device.name = learned.name or device.name
        device.firmware = learned.firmware or device.firmware
        device.code = device.code or learned.model or ""
        device.channel_names = {**device.channel_names, **learned.channels}
        changes = device.set_mode(learned.mode, now.wall)
        return self._changed(device, changes, now) + self._describe(device, now)

    def _online(self, event: OnlineReported, now: Now) -> list[Effect]:
        device = self._known(event.device, event.link)
        if device is None:
            return self._unknown(event.device, event.link, now)
        path = device.paths[event.link]
        path.online, path.silent = event.online, False
        return self._judge(device, now)

    def _access(self, event: AccessReported, now: Now) -> list[Effect]:
        device = self._known(event.device, event.link)
        if device is None:
            return []
        effects = self._grants.access(device, event)
        return [*effects, *self._judge(device, now), *self._describe(device, now)]

    def _moved(self, event: DeviceMoved, now: Now) -> list[Effect]:
        device = self._known(event.device, event.link)
        if device is None:
            return []
        return [*self._grants.moved(device, event), *self._describe(device, now)]

    def _refreshed(self, event: RefreshAnswered, now: Now) -> list[Effect]:
        device = self._known(event.device, event.link)
        effects: list[Effect] = []
        if device is not None and event.outcome in ("offline", "timeout"):
            path = device.paths[event.link]
            path.online, path.silent = False, event.outcome == "timeout"
            effects += self._judge(device, now)
        return [*effects, *self._requests.refreshed(event)]

    def _known(self, device: DeviceId, link: LinkId) -> Device | None:
        known = self._registry.devices.get(device)
        return known if known is not None and link in known.paths else None

    def _unknown(self, device: DeviceId, link: LinkId, _: Now) -> list[Effect]:
        if self._registry.override(device).disabled:
            return []
        text = "something came of a device that was never granted to us by this connection"
        return [*self._misconduct.record(BadInput(link, "unknown_device", text, device))]

    def _judge(self, device: Device, now: Now) -> list[Effect]:
        verdict = judge(device, self._registry.links, now.mono, self._settings.grace)
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
        return effects + self._info(device, now)

    def _judge_all(self, devices: Iterable[Device], now: Now) -> list[Effect]:
        return [effect for device in list(devices) for effect in self._judge(device, now)]

    def _describe(self, device: Device, now: Now) -> list[Effect]:
        """A device's description changed."""
        self._list_soon(now)
        return self._info(device, now)

    def _info(self, device: Device, now: Now, lane: Lane = Lane.STATE) -> list[Effect]:
        self._seen_published[device.id] = now.mono
        body = documents.device_info(self._registry, device)
        return self._publications.device_document(device.id, "info", body, lane)

    def _seen(self, device: Device, now: Now) -> list[Effect]:
        if now.mono - self._seen_published.get(device.id, -SEEN_INTERVAL) < SEEN_INTERVAL:
            return []
        return self._info(device, now)

    def _list_soon(self, now: Now) -> None:
        pause = max(LIST_INTERVAL, len(self._registry.devices) / LIST_PACE)
        self._timers.set_if_unset(_LIST_DUE, now.mono + pause)

    def _device_list(self, lane: Lane) -> list[Effect]:
        body = documents.device_list(self._registry)
        return self._publications.document(self._topics.bridge("devices"), body, lane)

    # Commands and grants

    def _answered(self, event: CommandAnswered, now: Now) -> list[Effect]:
        route = self._dispatch.route_of(event.request)
        device = self._registry.devices.get(route[0]) if route else None
        state = device.channels.get(route[1]) if device and route else None
        return self._dispatch.answered(event, now, state.values if state else {})

    def _granted(self, event: GrantStored, now: Now) -> list[Effect]:
        device = event.grant.device
        self._timers.cancel((_CLEAR, device))
        effects = self._grants.granted(event.grant, now)
        known = self._registry.devices.get(device)
        if known is None:
            self._clear_soon(device, now)
            return effects
        return [*effects, *self._describe(known, now)]

    def _revoked(self, event: GrantRevoked, now: Now) -> list[Effect]:
        effects = self._grants.revoked(event.device, now)
        return effects + self._dropped(event.device, now)

    def _dropped(self, device: DeviceId, now: Now) -> list[Effect]:
        self._seen_published.pop(device, None)
        self._clear_soon(device, now)
        self._list_soon(now)
        return []

    def _clear_soon(self, device: DeviceId, now: Now) -> None:
        """Give subscribers a moment to read the `offline` before it is taken away."""
        self._timers.set((_CLEAR, device), now.mono + 1.0)

    # Links

    def _link(self, event: LinkChanged, now: Now) -> list[Effect]:
        link = self._registry.links.get(event.link)
        new = link is None
        if link is None:
            link = Link(event.link, event.kind, event.state, now.wall, now.mono)
            self._registry.links[event.link] = link
            self._timers.set((_GRACE, event.link), now.mono + self._settings.grace)
        was = link.state
        if was is not event.state:
            link.state, link.since = event.state, now.wall
        link.error, link.token_expires = event.error, event.token_expires or link.token_expires
        if event.state is LinkState.CONNECTED:
            link.connects += not link.connected
            link.down_mono = None
            self._timers.cancel((_GRACE, event.link))
        elif link.down_mono is None:
            link.down_mono = now.mono
            self._timers.set((_GRACE, event.link), now.mono + self._settings.grace)
        effects = self._host(link, Lane.STATE)
        if event.state in _ALARMING and (new or was is not event.state):
            body = {"type": _ALARMING[event.state], "host": link.id, "ts": iso(now.wall)}
            effects.append(self._publications.event(self._topics.bridge("event"), body))
        effects += self._retained.link_up()
        return effects + self._judge_all(self._registry.on_link(event.link), now)

    def _link_removed(self, event: LinkRemoved, now: Now) -> list[Effect]:
        self._registry.links.pop(event.link, None)
        self._timers.cancel((_GRACE, event.link))
        return [
            *self._publications.clear(self._topics.host(event.link)),
            *self._judge_all(self._registry.on_link(event.link), now),
        ]

    def _host(self, link: Link, lane: Lane) -> list[Effect]:
        body = link.document(sum(1 for _ in self._registry.on_link(link.id)))
        return self._publications.document(self._topics.host(link.id), body, lane)

    # The broker

    def _broker_up(self, event: BrokerUp, now: Now) -> list[Effect]:
        self._broker = event.protocol
        effects: list[Effect] = [
            Publish(self._topics.state, "online", retain=self._settings.retain)
        ]
        info = documents.bridge_info(self._registry, event.protocol)
        effects += self._publications.document(self._topics.bridge("info"), info, Lane.REFILL)
        for link in self._registry.links.values():
            effects += self._host(link, Lane.REFILL)
        effects += self._device_list(Lane.REFILL)
        for device in self._registry.devices.values():
            effects += self._publications.availability(device, Lane.REFILL)
            effects += self._info(device, now, Lane.REFILL)
            for state in device.channels.values():
                effects += self._publications.channel(device, state, Lane.REFILL)
            effects += self._publications.device_state(device, Lane.REFILL)
        return [*effects, *self._retained.broker_up(event)]

    def _broker_down(self, event: BrokerDown, _: Now) -> list[Effect]:
        self._broker = None
        return [Log(logging.WARNING, f"the MQTT broker is gone: {event.text}")]

    def _message(self, message: MessageArrived, now: Now) -> list[Effect]:
        parsed = self._topics.parse(message.topic)
        if parsed is None:
            return []
        if parsed.about is topics.Inbound.GET:
            return self._instructed.get(parsed, message)
        if parsed.about is topics.Inbound.SET:
            return self._instructed.set(parsed, message, now)
        effects = self._requests.request(parsed.name, message, now)
        for device in self._requests.taken_removed():
            effects += self._dropped(device, now)
        return effects

    def _retained_found(self, event: RetainedFound, now: Now) -> list[Effect]:
        if event.token == AT_START:
            return self._retained.found(event, now)
        return self._requests.scanned(event)

    def _bad_input(self, event: BadInput, _: Now) -> list[Effect]:
        return [*self._misconduct.record(event)]

    def _vitals(self, event: Vitals, now: Now) -> list[Effect]:
        """Once a minute: health, link documents, and what was repeated since."""
        effects: list[Effect] = [*self._misconduct.summary()]
        effects += self._requests.health(event, now)
        for link in self._registry.links.values():
            effects += self._host(link, Lane.STATE)
        return effects


def _is_measured(state: ChannelState) -> bool:
    """Whether only numbers changed since the channel was published."""
    if state.values.keys() != state.sent.keys():
        return False
    return all(
        value == state.sent[key] or (isinstance(value, int | float) and not isinstance(value, bool))
        for key, value in state.values.items()
    )
