"""Short connections beside the lasting one: what is retained, who was here, may we come in.

Owns no thread. None of these connections has a will, so none can leave an `offline` behind.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bridge.core import jsontext
from bridge.core.topics import Topics
from bridge.errors import FrameError
from bridge.mqtt.connection import (
    CONNECT_TIME,
    V5,
    V311,
    ConnectFailed,
    Connection,
    ConnectionSettings,
    tls_context,
)
from bridge.mqtt.dial import Dialer
from bridge.mqtt.retry import Retry
from bridge.mqtt.wakeup import Wakeup
from bridge.threads import Deadline

TOPIC_LIMIT = 200_000
BYTE_LIMIT = 64 * 1024 * 1024

SILENCE = 1.0
"""A scan is complete when no other retained topic came for so long (s)."""

OWNER_TIME = 1.5
"""Seconds to wait for two retained messages, once it is clear that there is something."""

OWNER_SILENCE = 0.1
"""Retained messages follow SUBACK directly; seconds to wait, and four times what SUBACK took."""

_STEP = 0.25


@dataclass(frozen=True, slots=True)
class Scan:
    """Retained topics with their payloads; `complete` is False when the scan was cut short."""

    topics: tuple[tuple[str, bytes], ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose topics these are; `online` says that this bridge is running now."""

    bridge_id: str | None
    online: bool


def scan_retained(
    settings: ConnectionSettings,
    filters: Sequence[str],
    *,
    timeout: float = 10.0,
    limit: int = TOPIC_LIMIT,
    wakeup: Wakeup | None = None,
) -> Scan:
    """What is retained under `filters`; takes at least a second of silence.

    Raises ConnectFailed. `wakeup` lets another thread stop the scan.
    """
    with waiting(wakeup) as own, connected(settings, "-scan", own, CONNECT_TIME) as connection:
        return _collect(connection, filters, Deadline(timeout), limit, own)


def try_login(settings: ConnectionSettings, timeout: float = CONNECT_TIME) -> str:
    """Connect once and leave again; the protocol version. Raises ConnectFailed."""
    with waiting(None) as own, connected(settings, "-check", own, timeout) as connection:
        return connection.protocol


def find_owner(connection: Connection, topics: Topics, wakeup: Wakeup) -> Owner:
    """Which bridge published below our base topic, as far as the broker kept it."""
    info, state = topics.bridge("info"), topics.state
    connection.subscribe([state, info], stored=True)
    begin, deadline = time.monotonic(), Deadline(OWNER_TIME)
    silence: Deadline | None = None
    found: dict[str, bytes] = {}
    while not (deadline.passed or connection.lost is not None or wakeup.stopped):
        if len(found) == 2 or (silence and silence.passed and found.get(state) != b"online"):
            break
        limit = silence.remaining() if silence and not silence.passed else _STEP
        connection.step(min(deadline.remaining(), limit), wakeup)
        if connection.subscribed and silence is None:
            silence = Deadline(OWNER_SILENCE + 4 * (time.monotonic() - begin))
        while connection.messages:
            message = connection.messages.popleft()
            found[message.topic] = bytes(message.payload)
    return Owner(_bridge_id(found.get(info, b"")), found.get(state) == b"online")


def _bridge_id(info: bytes) -> str | None:
    try:
        document = jsontext.parse(info)
    except FrameError:
        return None
    name = document.get("bridge_id") if isinstance(document, dict) else None
    return name if isinstance(name, str) else None


@contextmanager
def waiting(wakeup: Wakeup | None) -> Iterator[Wakeup]:
    """The given wake-up, or one for the time being."""
    if wakeup is not None:
        yield wakeup
        return
    own = Wakeup()
    try:
        yield own
    finally:
        own.close()


@contextmanager
def connected(
    settings: ConnectionSettings, suffix: str, wakeup: Wakeup, limit: float
) -> Iterator[Connection]:
    """A connection for the time being; raises ConnectFailed."""
    dialer = Dialer(settings.host, settings.port, tls_context(settings))
    retry = Retry(settings.protocol)
    while True:
        version = retry.version
        connection = Connection(settings, version, dialer, suffix=suffix)
        try:
            connection.open(wakeup, limit)
        except ConnectFailed as error:
            retry.failed(error.failure)
            if (version, retry.version) != (V5, V311):
                raise
        else:
            break
    try:
        yield connection
    finally:
        connection.disconnect(Deadline(1.0), wakeup)


def _collect(
    connection: Connection,
    filters: Sequence[str],
    deadline: Deadline,
    limit: int,
    wakeup: Wakeup,
) -> Scan:
    connection.subscribe(filters, qos=0, stored=True)
    found: dict[str, bytes] = {}
    size = 0
    silence = Deadline(SILENCE)
    while not (connection.subscribed and silence.passed):
        if deadline.passed or wakeup.stopped or connection.lost is not None:
            return Scan(tuple(found.items()), complete=False)
        connection.step(min(deadline.remaining(), _STEP), wakeup)
        if not connection.subscribed:
            silence = Deadline(SILENCE)
        while connection.messages:
            message = connection.messages.popleft()
            if not message.retain:
                continue
            # What is published anew meanwhile may never end.
            if message.topic not in found:
                silence = Deadline(SILENCE)
            found[message.topic] = bytes(message.payload)
            size += len(message.payload)
            if len(found) > limit or size > BYTE_LIMIT:
                return Scan(tuple(found.items())[:limit], complete=False)
    kept = tuple((topic, payload) for topic, payload in found.items() if payload)
    return Scan(kept, complete=not connection.refused_filters)
