"""The one reducer: every event goes in here, and what is to be done comes out.

`handle(event, now)` and `tick(now)` return effects and do nothing else; all state is in the
`Registry`, which no other thread touches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bridge.core import documents, topics
from bridge.core.connections import Connections, GraceOver
from bridge.core.dispatch import AnswerDue, Dispatch, ReleaseDue
from bridge.core.grants import Grants
from bridge.core.instructed import Instructed
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
    LinkRemoved,
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
from bridge.core.presence import ListDue, Presence
from bridge.core.publications import Publications
from bridge.core.registry import Registry, Settings
from bridge.core.reports import Reports, ThrottleOver
from bridge.core.requests import Requests
from bridge.core.retained import AT_START, Retained
from bridge.core.timers import Timers


@dataclass(frozen=True, slots=True)
class ClearDue:
    """A timer's key: the last topic of a device that is gone may be cleared."""

    device: DeviceId


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
        self._dispatch.route_again = self._instructed.route_again
        self._misconduct = Misconduct()
        self._grants = Grants(self._registry, self._publications, self._dispatch)
        self._presence = Presence(self._registry, self._publications, self._timers)
        self._connections = Connections(
            self._registry, self._publications, self._timers, self._presence
        )
        self._reports = Reports(
            self._registry,
            self._publications,
            self._timers,
            self._presence,
            self._dispatch,
            self._grants,
            self._misconduct,
        )
        self._retained = Retained(self._registry, self._publications)
        self._requests = Requests(
            self._registry,
            self._publications,
            self._instructed,
            self._grants,
            self._retained,
            self._misconduct,
        )
        self._handlers: dict[type, Callable[[Any, Now], Iterable[Effect]]] = {
            StatusReported: self._reports.status,
            SettingsReported: self._reports.settings,
            OnlineReported: self._reports.online,
            AccessReported: self._reports.access,
            DeviceMoved: self._reports.moved,
            RefreshAnswered: self._refreshed,
            CommandAnswered: self._answered,
            CommandNotSent: self._dispatch.not_sent,
            LinkChanged: self._link,
            LinkRemoved: self._connections.removed,
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
            if not self._registry.override(grant.device).disabled:
                effects += self._grants.adopt(grant)
        for device in sorted(self._publications.known_devices() - self._registry.devices.keys()):
            # Disabled by now, or revoked just before the bridge was killed.
            effects += self._grants.hide(device)
            self._clear_soon(device, now)
        self._timers.set(ListDue(), now.mono)
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
            case ListDue():
                return [*self._presence.device_list(), *self._connections.documents()]
            case GraceOver(link):
                return self._connections.grace_over(link, now)
            case ThrottleOver(device, channel):
                return self._reports.throttled(device, channel, now)
            case ClearDue(device):
                return self._publications.forgotten(device)
        raise AssertionError(f"a timer nobody set: {key!r}")

    # Commands and grants

    def _answered(self, event: CommandAnswered, now: Now) -> list[Effect]:
        route = self._dispatch.route_of(event.request)
        device = self._registry.devices.get(route[0]) if route else None
        state = device.channels.get(route[1]) if device and route else None
        return self._dispatch.answered(event, now, state.values if state else {})

    def _granted(self, event: GrantStored, now: Now) -> list[Effect]:
        device = event.grant.device
        self._timers.cancel(ClearDue(device))
        effects = self._grants.granted(event, now)
        known = self._registry.devices.get(device)
        if known is None:
            self._clear_soon(device, now)
            return effects
        return [*effects, *self._presence.describe(known, now)]

    def _revoked(self, event: GrantRevoked, now: Now) -> list[Effect]:
        effects = self._grants.revoked(event.device, now)
        return effects + self._dropped(event.device, now)

    def _dropped(self, device: DeviceId, now: Now) -> list[Effect]:
        self._presence.forget(device, now)
        self._clear_soon(device, now)
        return self._requests.gone(device)

    def _clear_soon(self, device: DeviceId, now: Now) -> None:
        """Give subscribers a moment to read the `offline` before it is taken away."""
        self._timers.set(ClearDue(device), now.mono + 1.0)

    def _link(self, event: LinkChanged, now: Now) -> list[Effect]:
        return [*self._connections.changed(event, now), *self._retained.link_up()]

    def _refreshed(self, event: RefreshAnswered, now: Now) -> list[Effect]:
        return [*self._reports.refreshed(event, now), *self._requests.refreshed(event)]

    # The broker

    def _broker_up(self, event: BrokerUp, now: Now) -> list[Effect]:
        effects: list[Effect] = [
            Publish(self._topics.state, "online", retain=self._settings.retain)
        ]
        info = documents.bridge_info(self._registry, event.protocol)
        effects += self._publications.document(self._topics.bridge("info"), info, Lane.REFILL)
        effects += self._connections.documents(Lane.REFILL)
        effects += self._presence.device_list(Lane.REFILL)
        for device in self._registry.devices.values():
            effects += self._publications.availability(device, Lane.REFILL)
            effects += self._presence.info(device, now, Lane.REFILL)
            for state in device.channels.values():
                effects += self._publications.channel(device, state, Lane.REFILL)
            effects += self._publications.device_state(device, Lane.REFILL)
        return [*effects, *self._retained.broker_up(event)]

    def _broker_down(self, _event: BrokerDown, _now: Now) -> list[Effect]:
        """Nothing: what is published meanwhile waits in the outbox."""
        return []

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
        return effects + self._connections.documents()
