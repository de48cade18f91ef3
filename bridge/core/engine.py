"""The one reducer: every event goes in here, and what is to be done comes out.

`handle(event, now)` and `tick(now)` return effects and do nothing else; all state is in the
`Registry`, which no other thread touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from types import MappingProxyType
from typing import Any

from bridge.core import abilities, topics
from bridge.core.calls import CallDue, Calls
from bridge.core.connections import Connections, GraceOver
from bridge.core.consents import ClearDue, Consents
from bridge.core.dispatch import AnswerDue, Dispatch, ReleaseDue
from bridge.core.effects import Effect, Lane
from bridge.core.events import (
    AccessReported,
    BadInput,
    BrokerDown,
    BrokerUp,
    CallAnswered,
    CommandAnswered,
    CommandNotSent,
    Delivered,
    DeviceArrived,
    DeviceLeft,
    DeviceMoved,
    DevicesListed,
    Event,
    GrantRevoked,
    GrantStored,
    LinkChanged,
    LinkRemoved,
    Looked,
    MessageArrived,
    OnlineReported,
    PressReported,
    RefreshAnswered,
    RetainedFound,
    SettingsReported,
    StatusReported,
    Vitals,
)
from bridge.core.grants import Grants
from bridge.core.homeassistant.discovery import Discovery, DiscoveryDue, StubsOver
from bridge.core.homes import Homes
from bridge.core.instructed import Instructed
from bridge.core.listings import LeftoversDue, Listings, ListsLate
from bridge.core.misconduct import Misconduct
from bridge.core.model import DeviceId, DeviceOptions, Grant, LinkId, Now, Published, Visitor
from bridge.core.ownership import Ownership
from bridge.core.presence import ListDue, Presence, ReportMissed
from bridge.core.publications import Publications
from bridge.core.refill import BirthDue, GoOn, Refill, StatesDue
from bridge.core.registry import Registry, Settings
from bridge.core.reports import Reports, ThrottleOver
from bridge.core.requests import Requests
from bridge.core.retained import AT_START, Retained
from bridge.core.timers import Timers
from bridge.core.views.courses import CoursesDue
from bridge.core.views.views import Views
from bridge.core.visitors import LINK, AwayTooLong, Visitors

MOST_DUE = 100
"""Timers that one `tick` looks after; events have their turn before the next one goes on."""


class Engine:
    """Events in, effects out."""

    def __init__(
        self,
        settings: Settings,
        known_topics: Mapping[DeviceId, Set[str]],
        published: Mapping[DeviceId, Published] = MappingProxyType({}),
    ) -> None:
        """`known_topics` and `published` are what former runs left on the broker."""
        self._settings = settings
        self._topics = settings.topics
        self._registry = Registry(settings)
        self._timers = Timers()
        self._publications = Publications(self._registry, known_topics)
        self._dispatch = Dispatch(settings.limits, self._timers)
        self._instructed = Instructed(self._registry, self._dispatch)
        self._dispatch.route_again = self._instructed.route_again
        self._misconduct = Misconduct()
        self._discovery = Discovery(self._registry, self._publications, self._timers, published)
        self._grants = Grants(self._registry, self._publications, self._dispatch, self._discovery)
        self._presence = Presence(self._registry, self._publications, self._timers, self._discovery)
        self._connections = Connections(
            self._registry, self._publications, self._timers, self._presence, self._discovery
        )
        self._refill = Refill(
            self._registry,
            self._publications,
            self._timers,
            self._presence,
            self._connections,
            self._discovery,
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
        self._listings = Listings(self._registry, self._grants, self._presence, self._timers)
        self._retained = Retained(self._registry, self._publications)
        self._visitors = Visitors(
            self._registry,
            self._publications,
            self._timers,
            self._presence,
            self._grants,
            self._misconduct,
        )
        self._calls = Calls(self._registry, self._timers)
        self._dispatch.route_besides = self._instructed.route_besides
        self._requests = Requests(
            self._registry,
            self._publications,
            self._instructed,
            self._grants,
            self._retained,
            self._misconduct,
            self._refill,
            self._visitors,
            self._presence,
        )
        self._consents = Consents(
            self._registry,
            self._publications,
            self._timers,
            self._presence,
            self._grants,
            self._visitors,
            self._requests,
        )
        self._ownership = self._make_ownership()
        self._events: Counter[type] = Counter()
        self._views = Views(
            self._registry,
            self._timers,
            self._requests,
            self._refill,
            self._misconduct,
            self._events,
            self._instructed.results,
        )
        self._handlers: dict[type, Callable[[Any, Now], Iterable[Effect]]] = {
            StatusReported: self._status_told,
            SettingsReported: self._settings_told,
            OnlineReported: self._reports.online,
            AccessReported: self._reports.access,
            DevicesListed: self._listed,
            DeviceMoved: self._reports.moved,
            RefreshAnswered: self._refreshed,
            CommandAnswered: self._answered,
            CommandNotSent: self._not_sent,
            CallAnswered: self._calls.answered,
            DeviceArrived: self._arrived,
            DeviceLeft: self._visitors.left,
            PressReported: self._visitors.pressed,
            LinkChanged: self._link,
            LinkRemoved: self._connections.removed,
            BadInput: self._bad_input,
            GrantStored: self._consents.granted,
            GrantRevoked: self._consents.revoked,
            BrokerUp: self._broker_up,
            BrokerDown: self._broker_down,
            MessageArrived: self._message,
            RetainedFound: self._retained_found,
            Delivered: self._discovery.delivered,
            Vitals: self._vitals,
            Looked: self._views.look,
        }
        self._due: dict[type, Callable[[Any, Now], Iterable[Effect]]] = {
            ReleaseDue: self._dispatch.release,
            AnswerDue: self._dispatch.timed_out,
            ListDue: lambda _, __: [
                *self._presence.device_list(),
                *self._connections.documents(),
            ],
            GraceOver: lambda key, now: self._connections.grace_over(key.link, now),
            ThrottleOver: lambda key, now: self._reports.throttled(key.device, key.channel, now),
            ReportMissed: lambda key, now: self._presence.report_missed(key.device, now),
            AwayTooLong: lambda key, now: self._visitors.away_too_long(key.device, now),
            CallDue: self._calls.timed_out,
            CoursesDue: self._views.tick,
            ListsLate: lambda _, __: self._listings.late(),
            LeftoversDue: lambda _, now: self._consents.hide_all(self._listings.doubted(), now),
            ClearDue: self._consents.cleared,
            DiscoveryDue: self._tell,
            StubsOver: self._tell,
            BirthDue: lambda _, now: self._refill.everything(now),
            GoOn: lambda _, now: self._refill.go_on(now),
            StatesDue: lambda key, now: self._refill.states(key.device, now),
        }
        if self._ownership is not None:
            self._handlers |= self._ownership.handlers(self._handlers)
            self._due |= self._ownership.due()

    def _make_ownership(self) -> Ownership | None:
        cluster = self._settings.cluster
        if cluster is None:
            return None
        return Ownership(
            cluster,
            self._registry,
            self._publications,
            self._timers,
            self._dispatch,
            self._discovery,
            self._presence,
            self._connections,
            self._reports,
            self._grants,
            self._consents,
            Homes(self._registry, self._timers, self._visitors, self._presence),
        )

    def restore(
        self,
        grants: Iterable[Grant],
        now: Now,
        visitors: Iterable[Visitor] = (),
        options: Iterable[DeviceOptions] = (),
        homes: Mapping[DeviceId, LinkId] = MappingProxyType({}),
    ) -> list[Effect]:
        """Take in what was stored, at the start; `homes` as in `ConsentsKnown`."""
        for each in options:
            self._registry.set_options(each)
        effects: list[Effect] = []
        if self._ownership is not None:
            effects, grants, visitors = self._ownership.restore(grants, visitors, homes)
        effects += self._publications.clear_former_roots()
        self._visitors.restore(visitors, now)
        for grant in grants:
            if not self._registry.override(grant.device).disabled:
                effects += self._grants.adopt(grant)
        for device in sorted(self._publications.known_devices() - self._registry.devices.keys()):
            if self._registry.unlisted and not self._registry.override(device).disabled:
                self._registry.awaited.add(device)
            else:
                # Disabled by now, or revoked just before the bridge was killed.
                effects += self._consents.hide(device, now)
        self._timers.set(ListDue(), now.mono)
        self._views.restore(now)
        if self._registry.awaited:
            self._timers.set(ListsLate(), now.mono + self._settings.grace)
        return effects + self._discovery.restore(now)

    def handle(self, event: Event, now: Now) -> list[Effect]:
        """What an event asks for."""
        kind = type(event)
        self._events[kind] += 1
        effects = list(self._handlers[kind](event, now))
        effects += self._publications.unsaved()
        return effects

    def overloaded(self, message: MessageArrived, now: Now) -> list[Effect]:
        """What to answer a message that the inbox had no room for."""
        return self._instructed.overloaded(message, now)

    def next_timer(self) -> float | None:
        """When `tick` should be called at the latest (monotonic s)."""
        return self._timers.next()

    def tick(self, now: Now) -> list[Effect]:
        """What has come due; with many timers only the first, so that no call takes long."""
        effects: list[Effect] = []
        for key in self._timers.due(now.mono, MOST_DUE):
            effects += self._due[type(key)](key, now)
        effects += self._publications.unsaved()
        return effects

    def summary(self) -> str:
        """How many connections and devices there are, in a few words; any thread may ask."""
        links = list(self._registry.links.values())
        up = sum(link.connected for link in links)
        return f"{up} of {len(links)} connections, {len(self._registry.devices)} devices"

    def stop(self, now: Now) -> list[Effect]:
        """The last effects: every command gets its result."""
        return self._dispatch.stop(now)

    # Commands and grants

    def _answered(self, event: CommandAnswered, now: Now) -> list[Effect]:
        order = self._dispatch.sent(event.request)
        device = self._registry.devices.get(order.route.device) if order else None
        state = device.channels.get(order.route.channel) if device and order else None
        limited = order is not None and abilities.shows_limit(order, event)
        effects = self._dispatch.answered(event, now, state.values if state else {})
        if limited and device is not None and state is not None and not state.limited:
            state.limited = True
            effects += self._presence.describe(device, now)
        return effects

    def _not_sent(self, event: CommandNotSent, now: Now) -> list[Effect]:
        return [*self._calls.not_sent(event, now), *self._dispatch.not_sent(event, now)]

    # Devices that connect to us

    def _arrived(self, event: DeviceArrived, now: Now) -> list[Effect]:
        effects = self._visitors.arrived(event, now)
        if event.device in self._registry.devices:
            self._timers.cancel(ClearDue(event.device))
        return effects

    def _status_told(self, event: StatusReported, now: Now) -> list[Effect]:
        if event.link == LINK and not self._visitors.has_room(event):
            return self._visitors.no_room(event.device)
        return self._reports.status(event, now)

    def _settings_told(self, event: SettingsReported, now: Now) -> list[Effect]:
        if event.link == LINK and not self._visitors.has_room(event):
            return self._visitors.no_room(event.device)
        return [*self._reports.settings(event, now), *self._visitors.told(event, now)]

    def _listed(self, event: DevicesListed, now: Now) -> list[Effect]:
        for device in event.devices:
            if not self._registry.override(device.device).disabled:
                self._timers.cancel(ClearDue(device.device))
        effects, gone = self._listings.listed(event, now)
        for device_id in gone:
            effects += self._consents.dropped(device_id, now)
        effects += self._consents.hide_all(self._listings.leftovers(now), now)
        return [*effects, *self._retained.link_up()]

    def _link(self, event: LinkChanged, now: Now) -> list[Effect]:
        return [*self._connections.changed(event, now), *self._retained.link_up()]

    def _refreshed(self, event: RefreshAnswered, now: Now) -> list[Effect]:
        return [*self._reports.refreshed(event, now), *self._requests.refreshed(event)]

    # The broker

    def _broker_up(self, event: BrokerUp, now: Now) -> list[Effect]:
        effects = self._refill.broker_up(event.protocol, now)
        effects += self._requests.health_again(Lane.REFILL)
        if self._ownership is not None:
            effects += self._ownership.instances.broker_up(now)
        return [*effects, *self._retained.broker_up(event)]

    def _tell(self, key: DiscoveryDue | StubsOver, now: Now) -> list[Effect]:
        """Tell Home Assistant; what is not retained follows when it listens."""
        effects = self._discovery.due(key, now)
        if effects and not self._settings.retain:
            self._refill.states_soon(key.owner, now)
        return effects

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
        if parsed.about is topics.Inbound.CALL:
            return self._calls.call(parsed.name, message, now)
        if parsed.about is topics.Inbound.HOME_ASSISTANT:
            return self._refill.born(message, now)
        if parsed.about is topics.Inbound.INSTANCE and self._ownership is not None:
            return self._ownership.instances.introduced(parsed.name, message.payload, now)
        effects = self._requests.request(parsed.name, message, now)
        for device in self._requests.taken_removed():
            effects += self._consents.dropped(device, now)
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
