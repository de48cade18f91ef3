"""When Home Assistant is told of devices, and how it is made to forget what is no more.

A component that goes is first published once as a stub, reduced to its platform; leaving it out
at once would not remove it. Only when the broker has had the stub for a while comes the message
without it. What was published is remembered in the registry, so that all this also works for what
former runs published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bridge.core import documents, jsontext
from bridge.core.device import Device
from bridge.core.effects import Effect, Lane, SaveComponents
from bridge.core.events import Delivered
from bridge.core.homeassistant import devices, hub
from bridge.core.homeassistant.devices import Message
from bridge.core.model import DeviceId, Now, Published
from bridge.core.publications import Publications
from bridge.core.registry import Registry
from bridge.core.sharing import same
from bridge.core.timers import Timers

SOON = 1.0
"""Seconds in which what changes at once is gathered into one message."""

STUBS_FOR = 60.0
"""Seconds for which the broker keeps a stub before it is left out.

Home Assistant may be starting anew just then.
"""

SETTINGS_WAIT = 3.0
"""Seconds for which a device's first message waits for its settings, which hold the names."""

REMOVAL_WAIT = 60.0
"""The same where something of a former run would be removed; settings may bring it back."""

LINKS_WAIT = 30.0
"""Seconds after the start in which a missing connection is only late."""


@dataclass(frozen=True, slots=True)
class DiscoveryDue:
    """A timer's key: a device, or the bridge, may have to be published."""

    owner: DeviceId


@dataclass(frozen=True, slots=True)
class StubsOver:
    """A timer's key: stubs were on the broker for long enough."""

    owner: DeviceId


@dataclass(slots=True)
class _Removal:
    """What is being taken away: by which receipts it is known to be so, and which stubs."""

    receipts: dict[str, str] = field(default_factory=dict)
    """Topic → the receipt that is awaited."""
    stubs: frozenset[tuple[str, str]] = frozenset()


class Discovery:
    """Keeps Home Assistant's picture of the devices and of the bridge."""

    def __init__(
        self,
        registry: Registry,
        publications: Publications,
        timers: Timers,
        published: Mapping[DeviceId, Published],
    ) -> None:
        self._registry = registry
        self._publications = publications
        self._timers = timers
        self._hub = DeviceId(registry.settings.topics.hub)
        self._published = {owner: same(told) for owner, told in published.items()}
        self._told: set[DeviceId] = set()
        """Whoever was published since the start."""
        self._since: dict[DeviceId, float] = {}
        """Since when somebody waits for the first message (monotonic s)."""
        self._removals: dict[DeviceId, _Removal] = {}
        self._receipts = 0

    @property
    def is_wanted(self) -> bool:
        """Whether Home Assistant is to be told anything."""
        return self._registry.settings.topics.prefix is not None

    @property
    def owners(self) -> set[DeviceId]:
        """Whoever Home Assistant was told of, as far as we know."""
        return set(self._published)

    def restore(self, now: Now) -> list[Effect]:
        """Begin: what is no longer served, or wanted at all, is forgotten."""
        served = self._registry.devices.keys() | self._registry.awaited
        wanted = {*served, self._hub} if self.is_wanted else set()
        effects: list[Effect] = []
        for owner in sorted(self._published.keys() - wanted):
            effects += self.forget(owner)
        for former in self._publications.former_hubs():
            effects += self._publications.forgotten(former)
        self.bridge_soon(now)
        return effects

    def soon(self, device: Device, now: Now) -> None:
        """Something about the device may be different; tell it before long."""
        if self.is_wanted:
            self._since.setdefault(device.id, now.mono)
            self._timers.set_if_unset(DiscoveryDue(device.id), now.mono + SOON)

    def bridge_soon(self, now: Now) -> None:
        """Connections came or went."""
        if self.is_wanted:
            self._since.setdefault(self._hub, now.mono)
            self._timers.set_if_unset(DiscoveryDue(self._hub), now.mono + SOON)

    def at_once(self, device: Device, now: Now) -> list[Effect]:
        """Channels went: their entities must not see their topics go."""
        if device.id not in self._told:
            return []
        self._timers.cancel(DiscoveryDue(device.id))
        return self.due(DiscoveryDue(device.id), now)

    def due(self, key: DiscoveryDue | StubsOver, now: Now) -> list[Effect]:
        """The time to tell has come."""
        if isinstance(key, StubsOver):
            return self._without_stubs(key.owner)
        messages = self._messages(key.owner)
        if messages is None or self._waits(key.owner, messages, now):
            return []
        return self._publish(key.owner, messages, Lane.STATE)

    def delivered(self, event: Delivered, now: Now) -> list[Effect]:
        """The broker has a message with stubs."""
        for_whom = DeviceId(event.receipt.partition(" ")[0])
        removal = self._removals.get(for_whom)
        if removal is None or event.receipt not in removal.receipts.values():
            return []
        removal.receipts = {
            topic: receipt
            for topic, receipt in removal.receipts.items()
            if receipt != event.receipt
        }
        if not removal.receipts:
            self._timers.set(StubsOver(for_whom), now.mono + STUBS_FOR)
        return []

    def again(self, owner: DeviceId) -> list[Effect]:
        """The same once more, as Home Assistant or the broker may have lost it."""
        if owner not in self._told:
            return []
        messages = self._messages(owner)
        return [] if messages is None else self._publish(owner, messages, Lane.REFILL)

    def forget(self, owner: DeviceId) -> list[Effect]:
        """A device is gone; its retained topics are taken away elsewhere."""
        self._timers.cancel(DiscoveryDue(owner))
        self._timers.cancel(StubsOver(owner))
        self._removals.pop(owner, None)
        self._since.pop(owner, None)
        self._told.discard(owner)
        if self._published.pop(owner, None) is None:
            return []
        return [SaveComponents(owner, ())]

    def take_over(self, owner: DeviceId, published: Published) -> None:
        """Somebody else told Home Assistant of a device, and from now on we do."""
        if published:
            self._published[owner] = same(published)

    def leave(self, owner: DeviceId) -> None:
        """Somebody else tells of a device from now on: nothing is taken back."""
        self._published.pop(owner, None)
        self.forget(owner)

    # What there is to tell

    def _messages(self, owner: DeviceId) -> list[Message] | None:
        """What Home Assistant should know now; None while nothing is known here."""
        if owner == self._hub:
            return [hub.message(self._registry)]
        device = self._registry.devices.get(owner)
        if device is None or not device.channels:
            return None
        return devices.messages(self._registry, device)

    def _waits(self, owner: DeviceId, messages: list[Message], now: Now) -> bool:
        """Whether it is better to tell nothing yet; then the timer is set for the next look."""
        if owner == self._hub:
            patience = LINKS_WAIT if self._gone(owner, messages) else 0.0
            return owner not in self._told and self._is_early(owner, patience, now)
        device = self._registry.devices[owner]
        if owner in self._told:
            return False
        removes = bool(self._gone(owner, messages))
        if removes and not device.is_whole:
            return True
        patience = REMOVAL_WAIT if removes else SETTINGS_WAIT
        return not device.is_settled and self._is_early(owner, patience, now)

    def _is_early(self, owner: DeviceId, patience: float, now: Now) -> bool:
        end = self._since[owner] + patience
        if now.mono >= end:
            return False
        self._timers.set(DiscoveryDue(owner), min(end, now.mono + SETTINGS_WAIT))
        return True

    def _gone(self, owner: DeviceId, messages: Iterable[Message]) -> frozenset[tuple[str, str]]:
        """What Home Assistant knows, and is no more: (part, component)."""
        now = {(each.part, component) for each in messages for component in each.components}
        known = {
            (part, component)
            for part, told in self._published.get(owner, ())
            for component, _ in told
        }
        return frozenset(known - now)

    # Telling it

    def _publish(self, owner: DeviceId, messages: list[Message], lane: Lane) -> list[Effect]:
        """Publish what is new, and stubs of what is gone: as many as the message has room for.

        The others follow when these have done their work. A component that goes from one message
        to another is in the old one as a stub first.
        """
        self._told.add(owner)
        self._since.pop(owner, None)
        before = {part: dict(told) for part, told in self._published.get(owner, ())}
        holder = {component: part for part, told in before.items() for component in told}
        gone = self._gone(owner, messages)
        stubs = {each for each in gone if each[0] not in {message.part for message in messages}}
        record: dict[str, dict[str, str]] = {}
        texts: dict[str, tuple[str, bool]] = {}
        for message in messages:
            ready = {
                component: options
                for component, options in message.components.items()
                if holder.get(component, message.part) == message.part
            }
            left = {
                component: platform
                for component, platform in before.get(message.part, {}).items()
                if (message.part, component) in gone
            }
            if not ready and not left:
                continue
            record[message.part] = left | {key: options["p"] for key, options in ready.items()}
            body = {**message.frame, "cmps": ready}
            fitting = _stubs(left, documents.LONGEST - jsontext.size(body))
            text = jsontext.dump({**body, "cmps": ready | fitting})
            texts[message.part] = text, bool(fitting)
            stubs |= {(message.part, component) for component in fitting}
        for part, told in before.items():
            if part not in {message.part for message in messages}:
                record[part] = told
                texts[part] = "", True
        removal = self._removal(owner, frozenset(stubs))
        effects: list[Effect] = []
        for part, (text, removes) in texts.items():
            effects += self._tell(owner, part, text, lane, removal if removes else None)
        return [*effects, *self._recorded(owner, record)]

    def _removal(self, owner: DeviceId, stubs: frozenset[tuple[str, str]]) -> _Removal | None:
        """What is being taken away now; what came back meanwhile stays."""
        if not stubs:
            self._removals.pop(owner, None)
            self._timers.cancel(StubsOver(owner))
            return None
        removal = self._removals.setdefault(owner, _Removal())
        removal.stubs = stubs
        return removal

    def _without_stubs(self, owner: DeviceId) -> list[Effect]:
        """Stubs have done their work."""
        removal = self._removals.pop(owner, None)
        if removal is None:
            return []
        self._remember(
            owner,
            (
                (part, (entry for entry in told if (part, entry[0]) not in removal.stubs))
                for part, told in self._published.get(owner, ())
            ),
        )
        messages = self._messages(owner)
        effects = [] if messages is None else self._publish(owner, messages, Lane.STATE)
        if not any(isinstance(effect, SaveComponents) for effect in effects):
            effects.append(self._save(owner))
        return effects

    def _tell(
        self, owner: DeviceId, part: str, text: str, lane: Lane, removal: _Removal | None
    ) -> list[Effect]:
        topic = self._registry.settings.topics.discovery(f"{owner}_{part}" if part else owner)
        receipt = removal.receipts.get(topic) if removal is not None else None
        if removal is not None and (receipt is None or lane is not Lane.REFILL):
            self._receipts += 1
            receipt = f"{owner} {self._receipts}"
        if text or receipt is None:
            effects = self._publications.discovery(owner, topic, text, lane, receipt)
        else:
            effects = self._publications.clear_discovery(owner, topic, receipt)
        if effects and removal is not None and receipt is not None:
            removal.receipts[topic] = receipt
            self._timers.cancel(StubsOver(owner))
        return effects

    # What was told

    def _recorded(self, owner: DeviceId, record: Mapping[str, Mapping[str, str]]) -> list[Effect]:
        known = self._published.get(owner)
        self._remember(owner, ((part, told.items()) for part, told in record.items()))
        return [] if self._published.get(owner) == known else [self._save(owner)]

    def _remember(
        self, owner: DeviceId, record: Iterable[tuple[str, Iterable[tuple[str, str]]]]
    ) -> None:
        told = ((part, tuple(sorted(components))) for part, components in record)
        published = same(tuple(sorted(entry for entry in told if entry[1])))
        if published:
            self._published[owner] = published
        else:
            self._published.pop(owner, None)

    def _save(self, owner: DeviceId) -> Effect:
        return SaveComponents(owner, self._published.get(owner, ()))


def _stubs(left: Mapping[str, str], room: int) -> dict[str, dict[str, str]]:
    """The first of the components that are left over, as stubs of at most so many bytes."""
    found: dict[str, dict[str, str]] = {}
    for component, platform in sorted(left.items()):
        stub = {component: {"p": platform}}
        room -= jsontext.size(stub) - 1  # a comma instead of its braces
        if room < 0:
            break
        found |= stub
    return found
