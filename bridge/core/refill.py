"""Everything again: after a broker connect, Home Assistant's start, or because somebody asks.

Neither the broker nor Home Assistant is trusted to have kept anything.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from bridge.core import documents
from bridge.core.connections import Connections
from bridge.core.device import Device
from bridge.core.effects import Effect, Lane, Publish
from bridge.core.events import MessageArrived
from bridge.core.homeassistant.discovery import Discovery
from bridge.core.model import DeviceId, Now
from bridge.core.presence import Presence
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.timers import Timers

BIRTH_FROM = 1.0
BIRTH_TO = 5.0
"""Seconds after Home Assistant's start in which several bridges spread themselves."""

STATES_AFTER = 6.0
"""Without retained messages: seconds that Home Assistant needs from a device to its topics."""

PORTION = 1_000
"""Devices at once: the engine is busy with them for a second. With smaller portions, what a device
says meanwhile would be published twice."""

PACE = 500.0
"""Publications a second, a little more than what leaves the lane."""

_BORN = b"online"


@dataclass(frozen=True, slots=True)
class BirthDue:
    """A timer's key: Home Assistant has started and is to be told everything."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """A timer's key: the next devices are to be told of."""


@dataclass(frozen=True, slots=True)
class StatesDue:
    """A timer's key: Home Assistant knows the device by now, and listens to its topics."""

    device: DeviceId


class Refill:
    """Builds the whole of what is published, at the pace of the REFILL lane."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        presence: Presence,
        connections: Connections,
        discovery: Discovery,
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._presence = presence
        self._connections = connections
        self._discovery = discovery
        self._protocol = ""
        self._left: deque[DeviceId] = deque()
        self._unheard: set[DeviceId] = set()
        """Those of them that had said nothing yet when it began."""

    def broker_up(self, protocol: str, now: Now) -> list[Effect]:
        """A broker took us, by this version of MQTT."""
        self._protocol = protocol
        self._timers.cancel(BirthDue())
        return self.everything(now)

    @property
    def protocol(self) -> str:
        """The version of MQTT; empty before a broker took us."""
        return self._protocol

    def born(self, message: MessageArrived, now: Now) -> list[Effect]:
        """Home Assistant says that it started; a stored message is from before we came."""
        if message.payload.strip() == _BORN and not message.stored:
            spread = sum(self._registry.settings.bridge_id.encode()) * 37 % 1_000 / 1_000
            pause = BIRTH_FROM + spread * (BIRTH_TO - BIRTH_FROM)
            self._timers.set_if_unset(BirthDue(), now.mono + pause)
        return []

    def everything(self, now: Now) -> list[Effect]:
        """The bridge, its connections and every device."""
        settings = self._registry.settings
        effects: list[Effect] = [Publish(settings.topics.state, "online", retain=settings.retain)]
        info = documents.bridge_info(self._registry, self._protocol)
        effects += self._publications.document(settings.topics.bridge("info"), info, Lane.REFILL)
        effects += self._discovery.again(DeviceId(settings.topics.hub))
        effects += self._connections.documents(Lane.REFILL)
        effects += self._presence.device_list(Lane.REFILL)
        devices = self._registry.devices
        self._left = deque(devices)
        self._unheard = {device.id for device in devices.values() if not device.channels}
        return [*effects, *self.go_on(now)]

    def go_on(self, now: Now) -> list[Effect]:
        """The next devices that are left, not faster than the lane takes them."""
        effects: list[Effect] = []
        for _ in range(min(PORTION, len(self._left))):
            device = self._registry.devices.get(self._left.popleft())
            # What was heard for the first time since, this connection was told all of.
            if device is None or (device.channels and device.id in self._unheard):
                continue
            effects += self._discovery.again(device.id)
            effects += self._states(device, now)
            if not self._registry.settings.retain:
                self.states_soon(device.id, now)
        if self._left:
            self._timers.set(GoOn(), now.mono + len(effects) / PACE)
        else:
            self._timers.cancel(GoOn())
            self._unheard.clear()
        return effects

    def states_soon(self, device: DeviceId, now: Now) -> None:
        """Publish a device's states once more when somebody listens to them."""
        self._timers.set(StatesDue(device), now.mono + STATES_AFTER)

    def states(self, device: DeviceId, now: Now) -> list[Effect]:
        """All of a device but its discovery."""
        known = self._registry.devices.get(device)
        return [] if known is None else self._states(known, now)

    def _states(self, device: Device, now: Now) -> list[Effect]:
        effects = self._publications.availability(device, Lane.REFILL)
        effects += self._presence.info(device, now, Lane.REFILL)
        effects += self._presence.update(device, Lane.REFILL)
        for state in device.channels.values():
            effects += self._publications.channel(device, state, Lane.REFILL)
        effects += self._publications.device_state(device, Lane.REFILL)
        return effects
