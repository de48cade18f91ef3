"""One client of the embedded broker: its packets, its subscriptions and what waits for it.

Owns one TCP connection and everything that is bound to it. Knows of the other clients only what
`Hub` offers. Runs in the broker's event loop and nowhere else.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from typing import Protocol

from bridge.simulator.mqtt_fields import V5, MalformedPacket, Properties, Property
from bridge.simulator.mqtt_packets import (
    PINGRESP,
    Acknowledge,
    Connect,
    Disconnect,
    Filter,
    Kind,
    Message,
    Packet,
    Ping,
    Publish,
    Splitter,
    Subscribe,
    Unsubscribe,
    acknowledge,
    decode,
    disconnect,
    publish,
    suback,
    unsuback,
)

QUEUE_LIMIT = 1_000
"""Live messages that wait for a slow client; further ones are dropped, as Mosquitto does."""

IN_FLIGHT = 20
"""QoS 1 messages sent to a client and not acknowledged yet."""

ANSWERS_LIMIT = 2**22
"""Bytes that may wait for a client that sends and never reads; then its connection is dropped."""

CONNECT_TIME = 10.0
"""Seconds that a client has for its CONNECT."""

DISCONNECT_WITH_WILL = 0x04
NO_SUBSCRIPTION = 0x11
KEEPALIVE_TIMEOUT = 0x8D
SESSION_TAKEN_OVER = 0x8E
SHARED_NOT_SUPPORTED = 0x9E


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to a subscriber; `expires` is in the loop's time."""

    message: Message
    expires: float | None = None


class Hub(Protocol):
    """What a session needs from the broker around it."""

    max_packet_size: int
    refuse: bool

    def opened(self, session: Session) -> None:
        """A TCP connection came."""

    def closed(self, session: Session) -> None:
        """A TCP connection ended."""

    def admit(self, session: Session, connect: Connect) -> tuple[bytes, bool]:
        """The answer to a CONNECT, and whether the client may stay."""

    def route(self, sender: Session, message: Message) -> None:
        """Hand a message to everybody who subscribed to it."""

    def withholds(self, sender: Session, message: Message) -> bool:
        """Whether a message was taken and is not to be acknowledged."""

    def stored(self, text: str) -> list[Delivery]:
        """The retained messages that match a filter."""

    def record(
        self,
        session: Session,
        direction: str,
        kind: Kind,
        message: Message | None = None,
        duplicate: bool = False,
    ) -> None:
        """Note a packet in the wire log."""


def matches(levels: list[str], topic: list[str]) -> bool:
    """Whether a filter, split at its slashes, takes a topic split likewise (MQTT 5.0, 4.7)."""
    if topic[0].startswith("$") and levels[0] in ("+", "#"):
        return False
    for index, level in enumerate(levels):
        if level == "#":
            return True
        if index == len(topic) or level not in ("+", topic[index]):
            return False
    return len(levels) == len(topic)


class Session(asyncio.Protocol):
    """A client from its TCP connection to its end; nothing of it survives."""

    def __init__(self, hub: Hub, loop: asyncio.AbstractEventLoop) -> None:
        self._hub = hub
        self._loop = loop
        self._splitter = Splitter(hub.max_packet_size)
        self._transport: asyncio.Transport
        self._writable = True
        self._waiting: deque[tuple[Delivery, bool]] = deque()
        self._live_waiting = 0
        self._in_flight: OrderedDict[int, Delivery] = OrderedDict()
        self._window = IN_FLIGHT
        self._peer_limit: int | None = None
        self._last_id = 0
        self._unreleased: set[int] = set()
        self._filters: dict[str, tuple[list[str], Filter]] = {}
        self.level = 0
        self.client_id = ""
        self.will: Message | None = None
        self.dropped = 0
        self.closes_at: float | None = loop.time() + CONNECT_TIME
        self._silence: float | None = None

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport
        self._hub.opened(self)
        if self._hub.refuse:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Called by asyncio, however the connection ended."""
        self._hub.closed(self)

    def pause_writing(self) -> None:
        """Called by asyncio when the peer reads too slowly."""
        self._writable = False

    def resume_writing(self) -> None:
        """Called by asyncio when the peer has caught up."""
        self._writable = True
        self._send_waiting()

    def data_received(self, data: bytes) -> None:
        """Called by asyncio; a malformed packet ends this connection only."""
        if self._silence is not None:
            self.closes_at = self._loop.time() + self._silence
        try:
            for first, body in self._splitter.feed(data):
                if self._transport.is_closing():
                    return
                self._handle(decode(first, body, self.level))
        except MalformedPacket as error:
            self.close(error.reason, str(error))

    def close(self, reason: int, text: str) -> None:
        """End the connection; MQTT 5 clients are told the reason. The second call is harsher."""
        if self._transport.is_closing():
            self._transport.abort()
            return
        if self.level == V5:
            self._write(Kind.DISCONNECT, disconnect(reason, text))
        self._transport.close()

    def abort(self) -> None:
        """End the connection without a word, dropping what is not sent yet."""
        self._transport.abort()

    # Packets that came.

    def _handle(self, packet: Packet) -> None:
        if isinstance(packet, Connect):
            self._connect(packet)
            return
        if self.level == 0:
            raise MalformedPacket("the first packet is not CONNECT", 0x82)
        match packet:
            case Publish():
                self._published(packet)
            case Acknowledge():
                self._acknowledged(packet)
            case Subscribe():
                self._subscribe(packet)
            case Unsubscribe():
                self._unsubscribe(packet)
            case Ping():
                self._hub.record(self, "in", Kind.PINGREQ)
                self._write(Kind.PINGRESP, PINGRESP)
            case Disconnect():
                self._hub.record(self, "in", Kind.DISCONNECT)
                if packet.reason != DISCONNECT_WITH_WILL:
                    self.will = None
                self._transport.close()

    def _connect(self, packet: Connect) -> None:
        if self.level:
            raise MalformedPacket("a second CONNECT", 0x82)
        self.client_id = packet.client_id
        self._hub.record(self, "in", Kind.CONNECT)
        answer, welcome = self._hub.admit(self, packet)
        if answer:
            self._write(Kind.CONNACK, answer)
        if not welcome:
            self._transport.close()
            return
        self.level = packet.level
        self.will = packet.will
        self._silence = packet.keepalive * 1.5 or None
        self.closes_at = self._silence and self._loop.time() + self._silence
        limits = dict(packet.properties)
        maximum = limits.get(Property.RECEIVE_MAXIMUM)
        size = limits.get(Property.MAXIMUM_PACKET_SIZE)
        if isinstance(maximum, int):
            self._window = min(IN_FLIGHT, maximum)
        if isinstance(size, int):
            self._peer_limit = size

    def _published(self, packet: Publish) -> None:
        message = packet.message
        self._hub.record(self, "in", Kind.PUBLISH, message, packet.duplicate)
        if message.qos < 2:
            self._hub.route(self, message)
        elif packet.packet_id not in self._unreleased:
            self._unreleased.add(packet.packet_id)
            self._hub.route(self, message)
        if message.qos == 2:
            self._write(Kind.PUBREC, acknowledge(Kind.PUBREC, packet.packet_id))
        elif message.qos == 1 and not self._hub.withholds(self, message):
            self._write(Kind.PUBACK, acknowledge(Kind.PUBACK, packet.packet_id))

    def _acknowledged(self, packet: Acknowledge) -> None:
        self._hub.record(self, "in", packet.kind)
        if packet.kind is Kind.PUBREL:
            self._unreleased.discard(packet.packet_id)
            self._write(Kind.PUBCOMP, acknowledge(Kind.PUBCOMP, packet.packet_id))
        elif packet.kind is Kind.PUBACK:
            self._in_flight.pop(packet.packet_id, None)
            self._send_waiting()

    def _subscribe(self, packet: Subscribe) -> None:
        self._hub.record(self, "in", Kind.SUBSCRIBE)
        codes = bytearray()
        stored: list[tuple[Filter, Delivery]] = []
        for wanted in packet.filters:
            if wanted.text.startswith("$share/"):
                codes.append(SHARED_NOT_SUPPORTED if self.level == V5 else 0x80)
                continue
            known = wanted.text in self._filters
            granted = replace(wanted, qos=min(wanted.qos, 1))
            self._filters[wanted.text] = (wanted.text.split("/"), granted)
            codes.append(granted.qos)
            if wanted.retain_handling == 0 or (wanted.retain_handling == 1 and not known):
                stored += [(granted, item) for item in self._hub.stored(wanted.text)]
        self._write(Kind.SUBACK, suback(self.level, packet.packet_id, bytes(codes)))
        for granted, item in stored:
            qos = min(item.message.qos, granted.qos)
            self._deliver(replace(item, message=replace(item.message, qos=qos)), live=False)

    def _unsubscribe(self, packet: Unsubscribe) -> None:
        self._hub.record(self, "in", Kind.UNSUBSCRIBE)
        found = [self._filters.pop(text, None) is not None for text in packet.filters]
        codes = bytes(0 if each else NO_SUBSCRIPTION for each in found)
        self._write(Kind.UNSUBACK, unsuback(self.level, packet.packet_id, codes))

    # Messages for this client.

    def offer(self, sender: Session | None, delivery: Delivery, topic: list[str]) -> None:
        """Deliver a live message once if any subscription takes it."""
        taken = [
            wanted
            for levels, wanted in self._filters.values()
            if not (wanted.no_local and sender is self) and matches(levels, topic)
        ]
        if not taken:
            return
        message = delivery.message
        qos = min(message.qos, max(wanted.qos for wanted in taken))
        retain = message.retain and any(wanted.retain_as_published for wanted in taken)
        if (qos, retain) != (message.qos, message.retain):
            delivery = replace(delivery, message=replace(message, qos=qos, retain=retain))
        self._deliver(delivery, live=True)

    def _deliver(self, delivery: Delivery, live: bool) -> None:
        """Stored messages do not count against the queue: their number is bounded already."""
        if live and self._live_waiting >= QUEUE_LIMIT:
            self.dropped += 1
            return
        self._waiting.append((delivery, live))
        self._live_waiting += live
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting and self._writable and not self._transport.is_closing():
            delivery, live = self._waiting[0]
            if delivery.message.qos and len(self._in_flight) >= self._window:
                return
            self._waiting.popleft()
            self._live_waiting -= live
            self._send(delivery)

    def _send(self, delivery: Delivery) -> None:
        message = delivery.message
        if delivery.expires is not None:
            left = int(delivery.expires - self._loop.time())
            if left <= 0:
                return
            message = replace(message, properties=_with_expiry(message.properties, left))
        number = self._next_id() if message.qos else 0
        data = publish(self.level, message, number)
        if self._peer_limit is not None and len(data) > self._peer_limit:
            self.dropped += 1
            return
        if message.qos:
            self._in_flight[number] = delivery
        self._hub.record(self, "out", Kind.PUBLISH, message)
        self._transport.write(data)

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65_535 + 1
            if self._last_id not in self._in_flight:
                return self._last_id

    def _write(self, kind: Kind, data: bytes) -> None:
        self._hub.record(self, "out", kind)
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > ANSWERS_LIMIT:
            self._transport.abort()


def _with_expiry(properties: Properties, left: int) -> Properties:
    return tuple(
        (identifier, left if identifier == Property.MESSAGE_EXPIRY else value)
        for identifier, value in properties
    )
