"""Who may come in: the request with which a device asks for its WebSocket, judged before that.

Getting the address right is the step at which people fail, so every refusal says in plain words
what is wrong with it; never the secret, nor what was sent in its place.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

LONGEST_HEAD = 8_192
"""Bytes of a request."""

PREFIX = "/shelly/"
"""What stands before the secret."""

_TLS_HELLO = 0x16


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody was not let in; `kind` is one word for it."""

    kind: str
    text: str


TLS = Refusal(
    "tls",
    "it speaks TLS, and this port does not: the device's address must begin with ws://, "
    "or outbound.tls be set",
)
PLAIN = Refusal(
    "plain",
    "it speaks without TLS, and this port wants it: the device's address must begin with wss://",
)
NOT_HTTP = Refusal("not_http", "what it sends is not HTTP")
TOO_LONG = Refusal("too_long", f"its request is longer than {LONGEST_HEAD} bytes")
PATH = Refusal("path", f"the path is wrong: the device's address must end with {PREFIX}<secret>")
SECRET = Refusal("secret", "the secret is wrong; `shelly-bridge enroll` sets the right address")
METHOD = Refusal("method", "it sends something by HTTP, and here is only a WebSocket for devices")
PAGE = Refusal(
    "page",
    "it asks for a page by HTTP, and here is only a WebSocket for devices; Gen1 devices, whose "
    "actions are such requests, cannot connect at all",
)
HANDSHAKE = Refusal("handshake", "its request for a WebSocket is not as RFC 6455 wants it")
SLOW = Refusal("slow", "it opened a connection and did not say in time what it wants")
NAMELESS = Refusal("nameless", "it never said which device it is")
CROWD = Refusal("crowd", "too many connections from its address wait to be let in")
FULL = Refusal("full", "too many connections are open")
FLOOD = Refusal("flood", "the device sent far too much a moment ago")
NEWCOMERS = Refusal("newcomers", "too many different devices have come from its address")
UNSECURED = Refusal("unsecured", "the TLS handshake failed; perhaps it does not trust us")

Judged = Refusal | None


class Door:
    """Knows the secret, and looks at it in the same time whatever comes."""

    def __init__(self, secret: str) -> None:
        self._key = _digest(PREFIX.encode() + secret.encode())

    def judge(self, head: bytes) -> Judged:
        """Why the request of `head`, which ends with an empty line, is refused; None if not."""
        method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
        target, _, version = rest.partition(b" ")
        right = hmac.compare_digest(_digest(target.partition(b"?")[0]), self._key)
        if not version.startswith(b"HTTP/1."):
            return NOT_HTTP
        websocket = _wants_websocket(head)
        if method != b"GET":
            return METHOD
        if right:
            return None if websocket else PAGE
        if not websocket:
            return PAGE
        return SECRET if target.startswith(PREFIX.encode()) else PATH


def begins_tls(data: bytes | bytearray) -> bool:
    """Whether the first bytes of a connection are a TLS hello."""
    return data[:1] == bytes((_TLS_HELLO,))


def _wants_websocket(head: bytes) -> bool:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"upgrade":
            return value.strip().lower() == b"websocket"
    return False


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
