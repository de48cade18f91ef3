"""A small MQTT broker inside this process, for the demo and for tests.

MQTT 3.1.1 and 5, QoS 0 and 1 (QoS 2 is taken and passed on as 1), retained messages, wills,
wildcards, takeover by client id. It keeps no sessions and stores nothing on disk. Tests can make
it misbehave: withhold acknowledgements, freeze, cut, refuse, forget. It is not meant to serve
people: no access control, no limit on the number of clients or retained topics.

Owns the listening socket, the event loop's thread, the retained messages and the list of clients.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self, TypeVar

from bridge.simulator.broker_session import (
    KEEPALIVE_TIMEOUT,
    SESSION_TAKEN_OVER,
    Delivery,
    Session,
    matches,
)
from bridge.simulator.mqtt_fields import V5, V311, Property
from bridge.simulator.mqtt_packets import Connect, Kind, Message, connack
from bridge.threads import CrashHook, spawn

_Result = TypeVar("_Result")

BOTH = frozenset({V311, V5})

_SWEEP = 0.25
"""Seconds between two looks at the clients' keepalive."""

_OPENING = 0.5
"""Seconds that a connection which was just accepted has to be opened, when the broker stops."""

_CALL_TIME = 5.0
"""Seconds that a call into the loop's thread may take."""


class WireEntry(NamedTuple):
    """One packet as it passed; `direction` is `in` (to the broker) or `out`."""

    client_id: str
    direction: str
    packet: str
    topic: str
    payload: bytes
    retain: bool
    duplicate: bool


def _ignore(_name: str, _error: BaseException) -> None:
    """The crash was logged already; tests see it by the connections that break."""


class Broker:
    """The broker. `start` returns once it listens, `port` is then known; `stop` ends everything.

    Use it as a context manager where that is handy. Attributes without an underscore may be
    changed at any time by any thread:

    `withhold_puback` publications are taken but not acknowledged; `refuse` connections are closed
    at once; `silent_refusal` an unsupported protocol version is answered by closing instead of by
    CONNACK; `credentials` user names and passwords, None lets everybody in; `max_packet_size`
    larger packets close the connection (MQTT 5 clients are told beforehand), in force for
    connections made after the change; `connections` how many were made so far.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        protocols: frozenset[int] | set[int] = BOTH,
        credentials: Mapping[str, str] | None = None,
        max_packet_size: int = 2**20,
        tls: ssl.SSLContext | None = None,
        on_crash: CrashHook = _ignore,
    ) -> None:
        self.host = host
        self.port = port
        self.protocols = protocols
        self.credentials = credentials
        self.max_packet_size = max_packet_size
        self.withhold_puback = False
        self.refuse = False
        self.silent_refusal = False
        self.connections = 0
        self._wire: deque[WireEntry] = deque(maxlen=20_000)
        self._tls = tls
        self._on_crash = on_crash
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._thawed = threading.Event()
        self._retained: dict[str, Delivery] = {}
        self._sessions: set[Session] = set()
        self._names = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Life.

    def start(self) -> None:
        """Listen; raises OSError when the port is taken. `port` 0 becomes the real one.

        A stopped broker can be started again on its port; it then has no retained messages.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.create_server((self.host, self.port), family=family)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._retained.clear()
        self._thawed.set()
        ready = threading.Event()

        def run() -> None:
            with listener:
                asyncio.run(self._serve(listener, ready))

        self._thread = spawn("mqtt-broker", run, self._on_crash)
        ready.wait(_CALL_TIME)

    def stop(self) -> None:
        """Close every connection and the thread; safe twice and safe while frozen."""
        thread, loop, stop = self._thread, self._loop, self._stop
        self._thread = None
        if thread is None or loop is None or stop is None:
            return
        self._thawed.set()
        loop.call_soon_threadsafe(stop.set)
        thread.join(_CALL_TIME)

    async def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        loop = self._loop = asyncio.get_running_loop()
        stop = self._stop = asyncio.Event()
        loop.add_reader(listener, self._accept, listener)
        sweeper = loop.create_task(self._sweep())
        ready.set()
        await stop.wait()
        loop.remove_reader(listener)
        sweeper.cancel()
        if self._opening:
            await asyncio.wait(self._opening, timeout=_OPENING)
        for session in self._sessions:
            session.will = None
        self._abort_all()
        await asyncio.sleep(0)

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        sock.setblocking(False)
        task = self._running().create_task(self._open(sock))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, sock: socket.socket) -> None:
        loop = self._running()
        with contextlib.suppress(OSError):  # a TLS handshake that failed is the peer's business
            await loop.connect_accepted_socket(lambda: Session(self, loop), sock, ssl=self._tls)

    def _abort_all(self) -> None:
        for session in list(self._sessions):
            session.abort()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            now = loop.time()
            for session in list(self._sessions):
                if session.closes_at is not None and session.closes_at <= now:
                    session.close(KEEPALIVE_TIMEOUT, "nothing heard for too long")

    def _call(self, work: Callable[[], _Result]) -> _Result:
        """Run `work` in the loop's thread and wait for it."""
        done: concurrent.futures.Future[_Result] = concurrent.futures.Future()
        self._running().call_soon_threadsafe(lambda: done.set_result(work()))
        return done.result(_CALL_TIME)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the broker was not started")
        return self._loop

    # What tests can look at and do.

    @property
    def retained(self) -> dict[str, bytes]:
        """What the broker keeps now: topic and payload."""
        return {topic: kept.message.payload for topic, kept in list(self._retained.items())}

    @property
    def wire_log(self) -> list[WireEntry]:
        """The last 20,000 packets in the order they passed."""
        return list(self._wire)

    @property
    def clients(self) -> set[str]:
        """The ids of the clients that are connected now."""
        return {session.client_id for session in list(self._sessions) if session.level}

    @property
    def dropped(self) -> int:
        """Messages that clients connected now did not get since they read too slowly."""
        return sum(session.dropped for session in list(self._sessions))

    def freeze(self) -> None:
        """Do nothing at all any more, like a stopped process; the kernel still takes bytes."""
        frozen = threading.Event()

        def hold() -> None:
            frozen.set()
            self._thawed.wait()

        self._thawed.clear()
        self._running().call_soon_threadsafe(hold)
        frozen.wait(_CALL_TIME)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._thawed.set()

    def cut(self) -> None:
        """Drop every connection now, without a word; wills are sent."""
        self._call(self._abort_all)

    def forget(self) -> None:
        """Lose every retained message, as a broker does that restarts without its store."""
        self._call(self._retained.clear)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Publish as if a client had done it."""
        self._call(lambda: self.route(None, Message(topic, payload, qos, retain)))

    # What sessions ask for; in the loop's thread only.

    def opened(self, session: Session) -> None:
        """See `Hub`."""
        self.connections += 1
        self._sessions.add(session)

    def closed(self, session: Session) -> None:
        """See `Hub`."""
        self._sessions.discard(session)
        if session.will is not None:
            self.route(session, session.will)

    def admit(self, session: Session, connect: Connect) -> tuple[bytes, bool]:
        """See `Hub`."""
        if connect.level not in self.protocols:
            # MQTT 5.0, 3.1.2.2: a server may answer in the form of 3.1.1, which all understand.
            return b"" if self.silent_refusal else connack(V311, 1), False
        if not self._knows(connect):
            return connack(connect.level, 0x87 if connect.level == V5 else 5), False
        properties: list[tuple[int, int | str]] = []
        if connect.level == V5:
            properties = [
                (Property.SESSION_EXPIRY, 0),
                (Property.MAXIMUM_PACKET_SIZE, self.max_packet_size),
                (Property.SUBSCRIPTION_IDENTIFIERS_AVAILABLE, 0),
                (Property.SHARED_SUBSCRIPTIONS_AVAILABLE, 0),
            ]
        if not connect.client_id:
            self._names += 1
            session.client_id = f"anonymous-{self._names}"
            if connect.level == V5:
                properties.append((Property.ASSIGNED_CLIENT_ID, session.client_id))
        for other in list(self._sessions):
            if other is not session and other.level and other.client_id == session.client_id:
                other.close(SESSION_TAKEN_OVER, "another client has the same id")
                self.closed(other)
                other.will = None
        return connack(connect.level, 0, tuple(properties)), True

    def _knows(self, connect: Connect) -> bool:
        if self.credentials is None:
            return True
        password = (connect.password or b"").decode(errors="replace")
        return self.credentials.get(connect.username or "") == password

    def route(self, sender: Session | None, message: Message) -> None:
        """See `Hub`."""
        delivery = Delivery(message, self._expires(message))
        if message.retain:
            if message.payload:
                self._retained[message.topic] = delivery
            else:
                self._retained.pop(message.topic, None)
        levels = message.topic.split("/")
        for session in list(self._sessions):
            session.offer(sender, delivery, levels)

    def withholds(self, sender: Session, message: Message) -> bool:  # noqa: ARG002 - Hub's signature
        """See `Hub`; a broker of tests may choose by sender and message."""
        return self.withhold_puback

    def _expires(self, message: Message) -> float | None:
        seconds = dict(message.properties).get(Property.MESSAGE_EXPIRY)
        return self._running().time() + seconds if isinstance(seconds, int) else None

    def stored(self, text: str) -> list[Delivery]:
        """See `Hub`."""
        wanted = text.split("/")
        if "+" not in text and "#" not in text:
            exact = self._retained.get(text)
            return [exact] if exact else []
        return [kept for topic, kept in self._retained.items() if matches(wanted, topic.split("/"))]

    def record(
        self,
        session: Session,
        direction: str,
        kind: Kind,
        message: Message | None = None,
        duplicate: bool = False,
    ) -> None:
        """See `Hub`."""
        topic, payload, retain = (
            (message.topic, message.payload, message.retain) if message else ("", b"", False)
        )
        self._wire.append(
            WireEntry(session.client_id, direction, kind.name, topic, payload, retain, duplicate)
        )
