"""Talking to the engine: an event in, its effects out, the next event. Time is only a number.

Every effect is held against the rules that all of them must keep, whatever the test is about.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from bridge.core import jsontext
from bridge.core.dispatch import Limits
from bridge.core.effects import Effect, Lane, Publish, SaveComponents, SaveTopics, SendCommand
from bridge.core.engine import Engine
from bridge.core.events import (
    CommandAnswered,
    Delivered,
    Event,
    LinkChanged,
    MessageArrived,
    StatusReported,
)
from bridge.core.homeassistant.hub import CLUSTER_EVENT_TYPES, EVENT_TYPES
from bridge.core.model import (
    DeviceId,
    Grant,
    Json,
    LinkId,
    LinkState,
    Now,
    Published,
    SourceKind,
    Visitor,
)
from bridge.core.registry import Override, Settings
from bridge.core.topics import Topics
from tests.core.homeassistant.guard import Guard

HOST = LinkId("shelly-7-eu.shelly.cloud")
OTHER_HOST = LinkId("shelly-8-eu.shelly.cloud")
DEVICE = DeviceId("a8032abe54dc")
OTHER = DeviceId("0cb815fd44e1")
ROOT = f"shelly/{DEVICE}"
WALL = 1_790_000_000.0
"""Unix s at the start of every dialogue."""

_Kind = TypeVar("_Kind")


def grant(device: DeviceId = DEVICE, **changes: Any) -> Grant:
    """A consent with control."""
    plain = Grant(device, HOST, "SNSW-002P16EU", "relay", ("Pump", "Valve"), control=True)
    return replace(plain, **changes)


def settings(**changes: Any) -> Settings:
    """What the engine is told, with short round numbers for the limits."""
    plain = Settings(
        topics=Topics("shelly", prefix="homeassistant", status="homeassistant/status"),
        bridge_id="0a1b2c3d",
        version="1.2.3",
        started=WALL - 5,
        limits=Limits(timeout=10.0, confirm_timeout=5.0, min_interval=0.5),
        grace=30.0,
    )
    return replace(plain, **changes)


def override(**changes: Any) -> dict[DeviceId, Override]:
    """The configuration's entry for the device."""
    return {DEVICE: Override(**changes)}


class Reply:
    """The effects of one event."""

    def __init__(self, effects: Iterable[Effect]) -> None:
        self.effects = list(effects)

    def all(self, kind: type[_Kind]) -> list[_Kind]:
        """The effects of a kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def one(self, kind: type[_Kind]) -> _Kind:
        """The only effect of a kind."""
        (effect,) = self.all(kind)
        return effect

    @property
    def published(self) -> dict[str, str]:
        """The last payload of every topic."""
        return {effect.topic: effect.payload for effect in self.all(Publish)}

    @property
    def topics(self) -> list[str]:
        """Every topic in the order of publication."""
        return [effect.topic for effect in self.all(Publish)]

    def on(self, topic: str) -> list[Publish]:
        """The publications of a topic."""
        return [effect for effect in self.all(Publish) if effect.topic == topic]

    def json(self, topic: str) -> Any:
        """The last payload of a topic, read."""
        return jsontext.parse(self.published[topic].encode())

    @property
    def results(self) -> list[tuple[str, str]]:
        """Status and stage of every command result, in order."""
        found = [publish for publish in self.all(Publish) if publish.topic.endswith("/result")]
        read = [jsontext.parse(publish.payload.encode()) for publish in found]
        return [(body["status"], body["stage"]) for body in read]

    def happened(self) -> list[str]:
        """The types of what `bridge/event` told."""
        told = [
            publish
            for publish in self.all(Publish)
            if publish.topic.startswith("shelly/bridge/") and publish.topic.endswith("/event")
        ]
        return [jsontext.parse(publish.payload.encode())["type"] for publish in told]


class Dialogue:
    """An engine, a clock that stands still until it is told to go on, a perfect broker and disk.

    `after` is the dialogue of the same bridge before its restart.
    """

    def __init__(
        self,
        *grants: Grant,
        known: Any = None,
        disk: Any = None,
        after: Dialogue | None = None,
        visitors: Iterable[Visitor] = (),
        homes: Mapping[DeviceId, LinkId] = MappingProxyType({}),
        **changes: Any,
    ) -> None:
        self.settings = settings(**changes)
        self.guard: Guard = after.guard if after else Guard()
        self.topics: dict[DeviceId, set[str]] = {**(after.topics if after else {}), **(known or {})}
        self.published: dict[DeviceId, Published] = {
            **(after.published if after else {}),
            **(disk or {}),
        }
        """What the disk holds of retained topics and of discovery."""
        self.engine = Engine(self.settings, copy.deepcopy(self.topics), dict(self.published))
        self.mono = 1_000.0
        self.broker: dict[str, str] = after.broker if after else {}
        """Every retained message, as a broker would hold it."""
        self.acknowledges = True
        """Whether the broker takes what it is sent."""
        self.first = self._heard(self.engine.restore(grants, self.now, visitors, homes=homes))

    @property
    def now(self) -> Now:
        """The time, by both clocks."""
        return Now(self.mono, WALL + self.mono - 1_000.0)

    def says(self, *events: Event) -> Reply:
        """Let events happen, at once one after the other."""
        effects: list[Effect] = []
        for event in events:
            effects += self._heard(self.engine.handle(event, self.now)).effects
        return Reply(effects)

    def waits(self, seconds: float) -> Reply:
        """Let time pass, and the engine wake up exactly when it asked for it."""
        end = self.mono + seconds
        effects: list[Effect] = []
        while (timer := self.engine.next_timer()) is not None and timer <= end:
            self.mono = max(self.mono, timer)
            effects += self._heard(self.engine.tick(self.now)).effects
        self.mono = end
        return Reply(effects)

    def stops(self) -> Reply:
        """Let the bridge stop."""
        return self._heard(self.engine.stop(self.now))

    # What often happens

    def connects(self, link: LinkId = HOST) -> Reply:
        """A cloud host's connection comes up."""
        return self.says(LinkChanged(link, SourceKind.INTEGRATOR, LinkState.CONNECTED))

    def loses(self, link: LinkId = HOST) -> Reply:
        """A cloud host's connection breaks."""
        return self.says(LinkChanged(link, SourceKind.INTEGRATOR, LinkState.BACKOFF, "reset"))

    def reports(
        self,
        status: dict[str, Json],
        *,
        full: bool = False,
        device: DeviceId = DEVICE,
        link: LinkId = HOST,
    ) -> Reply:
        """A device's status comes."""
        return self.says(StatusReported(link, device, status, full=full))

    def message(self, topic: str, payload: str | bytes, **changes: Any) -> MessageArrived:
        """An MQTT message that arrives now."""
        data = payload.encode() if isinstance(payload, str) else payload
        return MessageArrived(topic, data, **{"at": self.mono, **changes})

    def sets(self, channel: str, payload: str | bytes, **changes: Any) -> Reply:
        """Somebody publishes to a channel's `/set`; `channel` may go on after that."""
        head, _, key = channel.partition("/set")
        topic = f"{ROOT}/{head}/set{key}"
        return self.says(self.message(topic, payload, **changes))

    def asks(self, request: str, payload: str = "", **changes: Any) -> Reply:
        """Somebody publishes a request to the bridge."""
        return self.says(self.message(f"shelly/bridge/request/{request}", payload, **changes))

    def answers(self, sent: SendCommand, *, ok: bool = True, text: str | None = None) -> Reply:
        """The cloud answers a command."""
        return self.says(CommandAnswered(sent.link, sent.request, ok, text))

    def _heard(self, effects: Iterable[Effect]) -> Reply:
        reply = Reply(effects)
        for publish in reply.all(Publish):
            check(publish, self.settings)
            if is_discovery(publish.topic, self.settings):
                assert self.guard.check(publish.topic, publish.payload) == []
            if publish.retain:
                self.broker[publish.topic] = publish.payload
                if not publish.payload:
                    del self.broker[publish.topic]
        for topics in reply.all(SaveTopics):
            self.topics[topics.device] = set(topics.topics)
        for components in reply.all(SaveComponents):
            self.published[components.device] = components.published
        return Reply([*reply.effects, *self._receipts(reply)])

    def _receipts(self, reply: Reply) -> list[Effect]:
        """What the engine says to the receipts that it asked for."""
        effects: list[Effect] = []
        for publish in reply.all(Publish):
            if publish.receipt is not None and self.acknowledges:
                event = Delivered(publish.receipt)
                effects += self._heard(self.engine.handle(event, self.now)).effects
        return effects

    def holds(self, topic: str) -> Any:
        """What the broker holds on a topic, read as JSON."""
        return jsontext.parse(self.broker[topic].encode())


def online(*grants: Grant, status: dict[str, Json] | None = None, **changes: Any) -> Dialogue:
    """A dialogue with the device granted, connected, and known by its whole status."""
    dialogue = Dialogue(*(grants or (grant(),)), **changes)
    dialogue.connects()
    if status is not None:
        dialogue.reports(status, full=True)
    return dialogue


def is_discovery(topic: str, told: Settings) -> bool:
    """Whether a topic is, or was with other settings, one where Home Assistant looks."""
    return told.topics.was_discovery(topic) and not topic.startswith(f"{told.topics.base}/")


_PLAIN = frozenset({"availability", "state"})


def check(publish: Publish, told: Settings, boxes: Iterable[str] = ("answers/",)) -> None:
    """The rules for every publication (topic conventions)."""
    topic, payload = publish.topic, publish.payload
    base = told.topics.base
    if not is_discovery(topic, told):
        assert topic.startswith((f"{base}/", *boxes)), f"outside of the base topic: {topic!r}"
    assert not set(topic) & set("+#\x00"), f"not a topic: {topic!r}"
    assert len(topic.encode()) < 65_536
    if publish.retain:
        assert publish.lane is not Lane.EVENT
    if publish.lane is Lane.EVENT:
        assert not publish.retain
    size = len(payload.encode())
    assert size < 65_536 or topic == told.topics.bridge("devices"), f"{size} bytes on {topic}"
    if not payload:
        return
    if topic.rpartition("/")[2] in _PLAIN and payload in ("online", "offline"):
        return
    if told.values and publish.qos == 0 and publish.retain:
        return
    # Raises for NaN, Infinity, duplicate keys and half characters too.
    body = jsontext.parse(payload.encode())
    if topic == told.topics.bridge("event"):
        assert body["type"] in EVENT_TYPES + (CLUSTER_EVENT_TYPES if told.cluster else ())
