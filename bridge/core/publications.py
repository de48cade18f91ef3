"""What goes to the broker, and the record of every retained topic, so that it can be cleared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from bridge.core import documents, jsontext, topics
from bridge.core.device import ChannelState, Device
from bridge.core.effects import Effect, Lane, Publish, SaveTopics
from bridge.core.kinds.catalog import ChannelKey
from bridge.core.kinds.fields import Values
from bridge.core.model import DeviceId, Json
from bridge.core.record import Fingerprints, TopicRecord
from bridge.core.registry import Registry
from bridge.core.results import iso

THE_BRIDGE = DeviceId(topics.HUB)
"""Stands for a bridge where retained topics are recorded by device; no device is called so.

Each of several is called by its `topics.hub`.
"""

_TAKEN = frozenset({"set", "result", "event"})
"""Last levels below a channel that are not values."""


class Publications:
    """Builds publications; only changed documents are published again."""

    def __init__(self, registry: Registry, known: Mapping[DeviceId, Set[str]]) -> None:
        self._registry = registry
        self._topics = registry.settings.topics
        self._record = TopicRecord(known)
        self._unsaved: set[DeviceId] = set()
        self._documents = Fingerprints()

    def channel(self, device: Device, state: ChannelState, lane: Lane) -> list[Effect]:
        """A channel's retained JSON, with the plain values where they are wanted.

        An endless one gives nothing.
        """
        settings = self._registry.settings
        channel = state.channel
        topic = self._topics.channel(self._registry.root(device.id), channel.kind, channel.number)
        values = state.values
        values["ts"] = iso(state.changed_at)
        body = jsontext.dump(values)
        if not _fits(body):
            return []
        effects: list[Effect] = [self._retained(device.id, topic, body, lane)]
        if settings.values:
            effects += self._plain_values(device.id, topic, state, lane)
        state.mark_sent()
        return effects

    def _plain_values(
        self, device: DeviceId, topic: str, state: ChannelState, lane: Lane
    ) -> Iterable[Effect]:
        sent = {} if lane is Lane.REFILL else state.sent
        for key, value in state.values.items():
            if not topics.is_part(key) or key in _TAKEN:
                continue
            if key not in sent or sent[key] != value:
                yield self._retained(device, f"{topic}/{key}", _plain(value), lane, qos=0)

    def device_state(self, device: Device, lane: Lane) -> list[Effect]:
        """All channels of a device in one retained JSON, where that is wanted.

        A device that nothing is known of yet keeps what former runs published.
        """
        if not self._registry.settings.device_state:
            return []
        if lane is Lane.REFILL and not device.channels:
            return []
        body: dict[str, dict[str, Values]] = {}
        for (kind, number), state in sorted(device.channels.items()):
            body.setdefault(kind, {})[str(number)] = state.values
        topic = self._topics.device(self._registry.root(device.id), "state")
        text = jsontext.dump(body)
        return [self._retained(device.id, topic, text, lane)] if _fits(text) else []

    def raw(self, device: Device, status: dict[str, Json]) -> list[Effect]:
        """The components of a status as they came, where that is wanted."""
        if not self._registry.settings.raw:
            return []
        root = self._registry.root(device.id)
        return [
            Publish(self._topics.raw(root, key), text, retain=False, qos=0)
            for key, value in status.items()
            if topics.is_part(key.replace(":", ".")) and _fits(text := jsontext.dump(value))
        ]

    def clear_channel(self, device: Device, key: ChannelKey) -> list[Effect]:
        """Take away what was retained for a channel that is no more, or another component's now.

        The topic of the latter stays, as its new JSON follows.
        """
        base = self._topics.channel(self._registry.root(device.id), *key)
        known = self._record.topics(device.id)
        gone = {topic for topic in known if topic.startswith(f"{base}/")}
        if key not in device.channels:
            gone |= known & {base}
        self._record.remove(device.id, gone)
        self._unsaved.add(device.id)
        return [Publish(topic, "") for topic in sorted(gone)]

    def availability(self, device: Device, lane: Lane = Lane.STATE) -> list[Effect]:
        """`online` or `offline`; nothing before the first verdict."""
        if device.online is None:
            return []
        topic = self.availability_topic(device.id)
        return [self._retained(device.id, topic, "online" if device.online else "offline", lane)]

    def availability_topic(self, device: DeviceId) -> str:
        """Where a device's availability is."""
        return self._topics.device(self._registry.root(device), "availability")

    def device_document(
        self, device: DeviceId, name: str, body: Json, lane: Lane = Lane.STATE
    ) -> list[Effect]:
        """A document of a device, such as `info`, unless it is the one published last."""
        topic = self._topics.device(self._registry.root(device), name)
        text = jsontext.dump(body)
        if not self._is_due(device, topic, text, lane):
            return []
        return [self._retained(device, topic, text, lane)]

    def discovery(
        self, owner: DeviceId, topic: str, text: str, lane: Lane, receipt: str | None
    ) -> list[Effect]:
        """A discovery message, unless it is the one published last."""
        if not self._is_due(owner, topic, text, lane):
            return []
        return [self._retained(owner, topic, text, lane, receipt=receipt)]

    def clear_discovery(self, owner: DeviceId, topic: str, receipt: str) -> list[Effect]:
        """Take a device away from Home Assistant."""
        self._documents.forget(owner, topic)
        self._record.remove(owner, {topic})
        self._unsaved.add(owner)
        return [Publish(topic, "", receipt=receipt)]

    def clear_document(self, device: DeviceId, name: str) -> list[Effect]:
        """Take a document of a device away, if this run published it."""
        topic = self._topics.device(self._registry.root(device), name)
        if not self._documents.forget(device, topic):
            return []
        self._record.remove(device, {topic})
        self._unsaved.add(device)
        return [Publish(topic, "")]

    def document(self, topic: str, body: Json, lane: Lane = Lane.STATE) -> list[Effect]:
        """A retained document of the bridge, unless it is the one published last."""
        text = body if isinstance(body, str) else jsontext.dump(body)
        if not self._is_due(THE_BRIDGE, topic, text, lane):
            return []
        return [Publish(topic, text, retain=self._registry.settings.retain, lane=lane)]

    def clear(self, topic: str) -> list[Effect]:
        """Take a retained document of the bridge away."""
        self._documents.forget(THE_BRIDGE, topic)
        return [Publish(topic, "")]

    def event(self, topic: str, body: Json, *, qos: int = 1, expiry: int | None = 60) -> Effect:
        """A message that is never retained."""
        return Publish(
            topic, jsontext.dump(body), retain=False, qos=qos, lane=Lane.EVENT, expiry=expiry
        )

    def prune(self, device: Device) -> list[Effect]:
        """Take away what former runs left: of channels, values or aliases that are no more.

        Only for a device whose whole status is known.
        """
        settings = self._registry.settings
        root = self._registry.root(device.id)
        names = {"availability", "info"}
        names |= {"state"} if settings.device_state else set()
        names |= {"update"} if documents.update(device) is not None else set()
        keep = {self._topics.device(root, name) for name in names}
        for (kind, number), state in device.channels.items():
            topic = self._topics.channel(root, kind, number)
            keep.add(topic)
            if settings.values:
                keep.update(f"{topic}/{key}" for key in state.values)
        known = self._record.topics(device.id)
        gone = {topic for topic in known - keep if not self._topics.is_discovery(topic)}
        if gone:
            self._record.remove(device.id, gone)
            self._unsaved.add(device.id)
        for topic in gone:
            self._documents.forget(device.id, topic)
        return [Publish(topic, "") for topic in sorted(gone)]

    def clear_former_roots(self, devices: Iterable[DeviceId] | None = None) -> list[Effect]:
        """Take away what former runs published under another alias or discovery prefix.

        That comes before anything is published under the new one. Of these `devices`, else of all.
        """
        effects: list[Effect] = []
        base = f"{self._topics.base}/"
        for device in list(self._record.devices() if devices is None else devices):
            known = self._record.topics(device)
            root = self._topics.device(self._registry.root(device), "")
            gone = {
                topic
                for topic in known
                if (
                    not topic.startswith(root) if topic.startswith(base) else self._is_former(topic)
                )
            }
            if gone:
                self._record.remove(device, gone)
                self._unsaved.add(device)
            effects += [Publish(topic, "") for topic in sorted(gone)]
        return effects

    def _is_former(self, topic: str) -> bool:
        """Whether Home Assistant was told of a device where it need not look any more."""
        return self._topics.was_discovery(topic) and not self._topics.is_discovery(topic)

    def known_devices(self) -> set[DeviceId]:
        """Every device that has, or had in former runs, retained topics."""
        return {device for device in self._record.devices() if not device.startswith(THE_BRIDGE)}

    def knows(self, device: DeviceId) -> bool:
        """Whether a device has, or had in former runs, retained topics."""
        return device in self._record.devices()

    def former_hubs(self) -> list[DeviceId]:
        """The names of the bridge that Home Assistant knew by former runs, but for the present."""
        own = self._topics.hub
        known = self._record.devices()
        return sorted(each for each in known if each.startswith(THE_BRIDGE) and each != own)

    def take_over(self, device: DeviceId, known: Iterable[str]) -> None:
        """Somebody else published these topics of a device, and from now on we do."""
        self._record.set(device, self._record.topics(device) | set(known))

    def leave(self, device: DeviceId) -> frozenset[str]:
        """Somebody else publishes a device from now on, on these topics; what is retained stays."""
        topics = frozenset(self._record.topics(device))
        for topic in topics:
            self._documents.forget(device, topic)
        self._record.drop(device)
        self._unsaved.discard(device)
        return topics

    def forget(self, device: DeviceId) -> list[Effect]:
        """Take away everything retained for a device but its availability.

        That must say `offline` first, and be read, before `forgotten` takes it away too.
        """
        keep = self.availability_topic(device)
        known = self._record.topics(device) - {keep}
        # Home Assistant forgets the device first, and so never sees it without its state.
        gone = sorted(known, key=lambda topic: (not self._topics.is_discovery(topic), topic))
        for topic in gone:
            self._documents.forget(device, topic)
        self._record.set(device, {keep})
        self._unsaved.add(device)
        return [Publish(topic, "") for topic in gone]

    def forgotten(self, device: DeviceId) -> list[Effect]:
        """Take the last topic of a forgotten device away, and the record of it."""
        topics_left = self._record.topics(device)
        self._record.drop(device)
        self._unsaved.add(device)
        return [Publish(topic, "") for topic in sorted(topics_left)]

    def unsaved(self) -> list[Effect]:
        """The records that changed since the last call, to be written down."""
        effects: list[Effect] = [
            SaveTopics(device, frozenset(self._record.topics(device))) for device in self._unsaved
        ]
        self._unsaved.clear()
        return effects

    def _is_due(self, owner: DeviceId, topic: str, text: str, lane: Lane) -> bool:
        return self._documents.is_new(owner, topic, text) or lane is Lane.REFILL

    def _retained(
        self,
        device: DeviceId,
        topic: str,
        text: str,
        lane: Lane,
        qos: int = 1,
        receipt: str | None = None,
    ) -> Effect:
        if self._record.add(device, topic):
            self._unsaved.add(device)
        retain = self._registry.settings.retain
        return Publish(topic, text, retain=retain, qos=qos, lane=lane, receipt=receipt)


def _fits(body: str) -> bool:
    return 4 * len(body) <= documents.LONGEST or len(body.encode()) <= documents.LONGEST


def _plain(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else jsontext.dump(value)
