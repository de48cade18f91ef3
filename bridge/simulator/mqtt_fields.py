"""The pieces that MQTT packets are made of: numbers, texts, topics and MQTT 5 properties.

Owns the rules of MQTT 5.0, chapters 1.5, 2.2.2 and 4.7 (MQTT 3.1.1 has the same without the
properties). Knows no packet types.
"""

from __future__ import annotations

import struct
from enum import IntEnum

V311 = 4
V5 = 5

PropertyValue = int | str | bytes | tuple[str, str]
Properties = tuple[tuple[int, PropertyValue], ...]
"""Property identifiers and values in the order of the wire; user properties may repeat."""


class MalformedPacket(ValueError):
    """The bytes are not what MQTT allows; `reason` is the MQTT 5 code for it."""

    def __init__(self, text: str, reason: int = 0x81) -> None:
        super().__init__(text)
        self.reason = reason


class Property(IntEnum):
    """The property identifiers that a broker has to name (MQTT 5.0, 2.2.2.2)."""

    MESSAGE_EXPIRY = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_IDENTIFIER = 0x0B
    SESSION_EXPIRY = 0x11
    ASSIGNED_CLIENT_ID = 0x12
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS = 0x23
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    SUBSCRIPTION_IDENTIFIERS_AVAILABLE = 0x29
    SHARED_SUBSCRIPTIONS_AVAILABLE = 0x2A


_BYTES = {0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A}
_SHORTS = {0x13, 0x21, 0x22, 0x23}
_LONGS = {0x02, 0x11, 0x18, 0x27}
_TEXTS = {0x03, 0x08, 0x12, 0x15, 0x1A, 0x1C, 0x1F}
_BINARIES = {0x09, 0x16}

PUBLISH_PROPERTIES = {0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26}
WILL_PROPERTIES = {0x01, 0x02, 0x03, 0x08, 0x09, 0x18, 0x26}


class Reader:
    """Takes fields off a packet's body; each method is one wire type, or `MalformedPacket`."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0

    def take(self, length: int) -> bytes:
        end = self._position + length
        if end > len(self._body):
            raise MalformedPacket("packet ends too early")
        data = self._body[self._position : end]
        self._position = end
        return data

    @property
    def left(self) -> int:
        return len(self._body) - self._position

    def byte(self) -> int:
        return self.take(1)[0]

    def short(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def long(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def variable(self) -> int:
        value = 0
        for shift in range(0, 28, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise MalformedPacket("variable byte integer has more than four bytes")

    def binary(self) -> bytes:
        return self.take(self.short())

    def text(self) -> str:
        try:
            text = self.binary().decode()
        except UnicodeDecodeError:
            raise MalformedPacket("text is not UTF-8") from None
        if "\0" in text:
            raise MalformedPacket("text holds a NUL")
        return text

    def packet_id(self) -> int:
        number = self.short()
        if number == 0:
            raise MalformedPacket("packet identifier 0")
        return number

    def properties(self, level: int, allowed: set[int] | None = None) -> Properties:
        if level != V5:
            return ()
        part = Reader(self.take(self.variable()))
        found: list[tuple[int, PropertyValue]] = []
        while part.left:
            identifier = part.variable()
            if allowed is not None and identifier not in allowed:
                raise MalformedPacket(f"property {identifier:#x} is not allowed here", 0x82)
            found.append((identifier, part.value(identifier)))
        once = [identifier for identifier, _ in found if identifier != Property.USER_PROPERTY]
        if len(once) != len(set(once)):
            raise MalformedPacket("property given twice", 0x82)
        return tuple(found)

    def value(self, identifier: int) -> PropertyValue:
        if identifier in _BYTES:
            return self.byte()
        if identifier in _SHORTS:
            return self.short()
        if identifier in _LONGS:
            return self.long()
        if identifier in _TEXTS:
            return self.text()
        if identifier in _BINARIES:
            return self.binary()
        if identifier == Property.USER_PROPERTY:
            return self.text(), self.text()
        if identifier == Property.SUBSCRIPTION_IDENTIFIER:
            return self.variable()
        raise MalformedPacket(f"unknown property {identifier:#x}")


def check_topic(topic: str) -> str:
    """The topic itself, if something can be published to it."""
    if not topic or "+" in topic or "#" in topic:
        raise MalformedPacket("not a topic to publish to", 0x90)
    return topic


def check_filter(text: str) -> str:
    """The topic filter itself, if its wildcards stand where they may (MQTT 5.0, 4.7.1)."""
    levels = text.split("/")
    if not text or any(len(part) > 1 and ("+" in part or "#" in part) for part in levels):
        raise MalformedPacket("not a topic filter", 0x8F)
    if "#" in levels[:-1]:
        raise MalformedPacket("# is not the last level", 0x8F)
    return text


def encode_variable(value: int) -> bytes:
    """A variable byte integer, up to 268,435,455."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_text(text: str) -> bytes:
    """A UTF-8 string with its length, up to 65,535 bytes."""
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def _property(identifier: int, value: PropertyValue) -> bytes:
    head = bytes([identifier])
    if isinstance(value, tuple):
        return head + encode_text(value[0]) + encode_text(value[1])
    if isinstance(value, str):
        return head + encode_text(value)
    if isinstance(value, bytes):
        return head + struct.pack("!H", len(value)) + value
    if identifier in _BYTES:
        return head + bytes([value])
    return head + value.to_bytes(2 if identifier in _SHORTS else 4, "big")


def encode_properties(level: int, properties: Properties = ()) -> bytes:
    """The property block of a packet; MQTT 3.1.1 has none."""
    if level != V5:
        return b""
    if not properties:
        return b"\0"
    body = b"".join(_property(identifier, value) for identifier, value in properties)
    return encode_variable(len(body)) + body
