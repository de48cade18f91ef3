"""MQTT 3.1.1 and 5 packets as a broker sees them: bytes in, values out, and back.

Owns the wire format of both versions (OASIS MQTT 3.1.1 and MQTT 5.0, the sections are named where
they matter). Knows no sockets, sessions or subscriptions. Whatever a peer sends either decodes or
raises `MalformedPacket`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from bridge.simulator.mqtt_fields import (
    PUBLISH_PROPERTIES,
    V5,
    V311,
    WILL_PROPERTIES,
    MalformedPacket,
    Properties,
    Property,
    Reader,
    check_filter,
    check_topic,
    encode_properties,
    encode_text,
    encode_variable,
)


class Kind(IntEnum):
    """Control packet types (MQTT 5.0, 2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


_FLAGS: dict[int, int] = {Kind.PUBREL: 2, Kind.SUBSCRIBE: 2, Kind.UNSUBSCRIBE: 2}

PINGRESP = bytes([Kind.PINGRESP << 4, 0])


@dataclass(frozen=True, slots=True)
class Message:
    """What is published: topic, payload, the publisher's QoS and retain flag, properties."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Connect:
    """CONNECT; `level` 4 is MQTT 3.1.1, 5 is MQTT 5, and others carry nothing else."""

    level: int
    client_id: str = ""
    clean: bool = True
    keepalive: int = 0
    will: Message | None = None
    username: str | None = None
    password: bytes | None = None
    properties: Properties = ()


@dataclass(frozen=True, slots=True)
class Publish:
    """PUBLISH; `packet_id` is 0 at QoS 0."""

    message: Message
    packet_id: int = 0
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""

    kind: Kind
    packet_id: int
    reason: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """One subscription of a SUBSCRIBE with its MQTT 5 options (3.8.3.1)."""

    text: str
    qos: int = 0
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE."""

    packet_id: int
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """UNSUBSCRIBE."""

    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """PINGREQ."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """DISCONNECT; reason 0x04 asks for the will to be sent all the same."""

    reason: int = 0


Packet = Connect | Publish | Acknowledge | Subscribe | Unsubscribe | Ping | Disconnect


class Splitter:
    """Cuts a byte stream into packets of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """First byte and body of every packet that is complete now."""
        self._buffer += data
        while (head := self._head()) is not None:
            start, length = head
            if len(self._buffer) < start + length:
                return
            first, body = self._buffer[0], bytes(self._buffer[start : start + length])
            del self._buffer[: start + length]
            yield first, body

    def _head(self) -> tuple[int, int] | None:
        """Where the body of the first packet starts and how long it is, once that is known."""
        length = 0
        for index in range(1, 5):
            if len(self._buffer) <= index:
                return None
            byte = self._buffer[index]
            length |= (byte & 0x7F) << 7 * (index - 1)
            if byte < 0x80:
                if index + 1 + length > self._limit:
                    raise MalformedPacket(f"packet of {length} bytes is too large", 0x95)
                return index + 1, length
        raise MalformedPacket("remaining length has more than four bytes")


def decode(first: int, body: bytes, level: int) -> Packet:
    """The packet whose first byte and body these are; `level` is what CONNECT asked for."""
    kind, flags = first >> 4, first & 0x0F
    reader = Reader(body)
    if kind == Kind.PUBLISH:
        return _publish(reader, flags, level)
    if flags != _FLAGS.get(kind, 0):
        raise MalformedPacket("reserved flags are set")
    if kind in (Kind.PUBACK, Kind.PUBREC, Kind.PUBREL, Kind.PUBCOMP):
        number = reader.packet_id()
        return Acknowledge(Kind(kind), number, reader.byte() if reader.left else 0)
    if kind == Kind.CONNECT:
        return _connect(reader)
    if kind == Kind.SUBSCRIBE:
        return _subscribe(reader, level)
    if kind == Kind.UNSUBSCRIBE:
        return _unsubscribe(reader, level)
    if kind == Kind.PINGREQ:
        return Ping()
    if kind == Kind.DISCONNECT:
        return Disconnect(reader.byte() if level == V5 and reader.left else 0)
    raise MalformedPacket(f"packet type {kind} is not for a broker", 0x82)


def _connect(reader: Reader) -> Connect:
    name = reader.text()
    level = reader.byte()
    if name not in ("MQTT", "MQIsdp"):
        raise MalformedPacket("not the MQTT protocol", 0x84)
    if name != "MQTT" or level not in (V311, V5):
        return Connect(level=level if name == "MQTT" else 3)
    flags = reader.byte()
    keepalive = reader.short()
    properties = reader.properties(level)
    client_id = reader.text()
    if flags & 0x01 or (flags >> 3 & 3) == 3 or (not flags & 0x04 and flags & 0x38):
        raise MalformedPacket("impossible connect flags")
    will = None
    if flags & 0x04:
        will_properties = reader.properties(level, WILL_PROPERTIES)
        topic, payload = check_topic(reader.text()), reader.binary()
        kept = tuple(entry for entry in will_properties if entry[0] != 0x18)
        will = Message(topic, payload, flags >> 3 & 3, bool(flags & 0x20), kept)
    username = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    return Connect(
        level, client_id, bool(flags & 0x02), keepalive, will, username, password, properties
    )


def _publish(reader: Reader, flags: int, level: int) -> Publish:
    qos = flags >> 1 & 3
    if qos == 3:
        raise MalformedPacket("QoS 3")
    topic = reader.text()
    packet_id = reader.packet_id() if qos else 0
    properties = reader.properties(level, PUBLISH_PROPERTIES)
    if any(identifier == Property.TOPIC_ALIAS for identifier, _ in properties):
        raise MalformedPacket("topic alias although none is allowed", 0x94)
    message = Message(
        check_topic(topic), reader.take(reader.left), qos, bool(flags & 1), properties
    )
    return Publish(message, packet_id, bool(flags & 8))


def _subscribe(reader: Reader, level: int) -> Subscribe:
    packet_id = reader.packet_id()
    reader.properties(level)
    filters = []
    while reader.left:
        text, options = check_filter(reader.text()), reader.byte()
        handling = options >> 4 & 3
        if options & 3 == 3 or handling == 3 or options & (0xC0 if level == V5 else 0xFC):
            raise MalformedPacket("impossible subscription options")
        filters.append(Filter(text, options & 3, bool(options & 4), bool(options & 8), handling))
    if not filters:
        raise MalformedPacket("SUBSCRIBE without a filter", 0x82)
    return Subscribe(packet_id, tuple(filters))


def _unsubscribe(reader: Reader, level: int) -> Unsubscribe:
    packet_id = reader.packet_id()
    reader.properties(level)
    filters = []
    while reader.left:
        filters.append(check_filter(reader.text()))
    if not filters:
        raise MalformedPacket("UNSUBSCRIBE without a filter", 0x82)
    return Unsubscribe(packet_id, tuple(filters))


def _packet(first: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([first]) + encode_variable(len(body)) + body


def connack(level: int, code: int, properties: Properties = ()) -> bytes:
    """CONNACK without a session; `code` is a return code (3.1.1) or a reason code (5)."""
    return _packet(Kind.CONNACK << 4, bytes([0, code]), encode_properties(level, properties))


def publish(level: int, message: Message, packet_id: int = 0, duplicate: bool = False) -> bytes:
    """PUBLISH with the QoS, retain flag and properties of `message`."""
    flags = duplicate << 3 | message.qos << 1 | message.retain
    return _packet(
        Kind.PUBLISH << 4 | flags,
        encode_text(message.topic),
        struct.pack("!H", packet_id) if message.qos else b"",
        encode_properties(level, message.properties),
        message.payload,
    )


def acknowledge(kind: Kind, packet_id: int) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP that says yes; alike in both versions."""
    return _packet(kind << 4 | _FLAGS.get(kind, 0), struct.pack("!H", packet_id))


def suback(level: int, packet_id: int, codes: bytes) -> bytes:
    """SUBACK: one granted QoS or failure per filter."""
    return _packet(Kind.SUBACK << 4, struct.pack("!H", packet_id), encode_properties(level), codes)


def unsuback(level: int, packet_id: int, codes: bytes) -> bytes:
    """UNSUBACK; MQTT 3.1.1 has no codes in it."""
    codes = codes if level == V5 else b""
    return _packet(
        Kind.UNSUBACK << 4, struct.pack("!H", packet_id), encode_properties(level), codes
    )


def disconnect(reason: int, text: str) -> bytes:
    """DISCONNECT by the broker, MQTT 5 only; `text` explains the reason."""
    explained = encode_properties(V5, ((Property.REASON_STRING, text),))
    return _packet(Kind.DISCONNECT << 4, bytes([reason]), explained)
