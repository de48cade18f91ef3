"""The bridge's own connection to the broker, kept up for ever by one thread named `mqtt`.

Owns that thread: it connects, publishes from the outbox, passes on what arrives, connects again,
and says `offline` at the end. A second, short-lived thread `mqtt-scan` lists retained topics on
request. Knows no devices; topics only as far as the bridge's own state.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from paho.mqtt.client import MQTTMessage

from bridge.core.effects import Publish
from bridge.core.events import BrokerUp, Delivered, Event, MessageArrived, RetainedFound
from bridge.core.topics import Topics
from bridge.mqtt.connection import (
    V311,
    ConnectFailed,
    Connection,
    ConnectionSettings,
    Failure,
    tls_context,
)
from bridge.mqtt.dial import Dialer
from bridge.mqtt.outbox import Outbox
from bridge.mqtt.publisher import Pace, Publisher
from bridge.mqtt.reports import Reports
from bridge.mqtt.retry import Retry
from bridge.mqtt.scan import Scan, find_owner, scan_retained
from bridge.mqtt.wakeup import Wakeup
from bridge.threads import CrashHook, Deadline, spawn

_TELL_AGAIN = 0.05
"""Seconds until a full inbox is offered the same again."""

_LONGEST_STEP = 1.0
_LONGEST_WAIT = 10.0

_STOP_MARGIN = 0.2
"""Seconds that the thread needs to end after its last packet."""

_UNACKNOWLEDGED = 2.0
"""Keepalive times that the broker may owe us an acknowledgement."""


class MqttAdapter:
    """Puts the outbox's publications on the broker and gives the engine what comes from there.

    `instance` names the bridge where several share the base topic.
    `sink` takes events and never waits; a message that it has no room for goes to `on_overload`.
    `on_other_bridge` is called with the id of a bridge that is online on our base topic; then
    nothing is published and the thread ends. All of them are called by the thread `mqtt`.
    Raises StartError when a certificate cannot be used.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        outbox: Outbox,
        *,
        base_topic: str,
        bridge_id: str,
        instance: str | None = None,
        subscriptions: tuple[str, ...],
        sink: Callable[[Event], bool],
        on_overload: Callable[[MessageArrived], None],
        on_other_bridge: Callable[[str], None],
        on_crash: CrashHook,
        retain: bool = True,
        pace: Pace | None = None,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._topics = Topics(base_topic, instance=instance)
        self._bridge_id = bridge_id
        self._subscriptions = subscriptions
        self._sink = sink
        self._on_overload = on_overload
        self._on_other_bridge = on_other_bridge
        self._on_crash = on_crash
        self._will = Publish(self._topics.state, "offline", retain=retain)
        self._dialer = Dialer(settings.host, settings.port, tls_context(settings))
        self._publisher = Publisher(outbox, pace or Pace())
        self._retry = Retry(settings.protocol)
        self._reports = Reports(f"{settings.host}:{settings.port}", sink)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wakeup: Wakeup | None = None
        self._scan_thread: threading.Thread | None = None
        self._scan_wakeup: Wakeup | None = None
        self._stopping: tuple[Deadline, Publish] | None = None
        self._alone = False
        self._outdated = False
        self._owner: str | None = None
        self.connected = False
        """Whether the broker has taken us and our subscriptions."""
        self.connects = 0
        self.beats = 0
        """Rounds made by the thread; one that stays the same for long is a stuck thread."""
        self.overloads = 0

    @property
    def thread_alive(self) -> bool:
        """Whether the thread runs; false before `start`, after `stop` and after a crash."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def published(self) -> int:
        """Publications that were handed to a broker."""
        return self._publisher.published

    @property
    def refused_publications(self) -> int:
        """Publications that were not sent since the broker would not have taken them."""
        return self._publisher.refusals.count

    # Life, called by the owner's thread.

    def start(self) -> None:
        """Start the thread; does nothing after `stop`."""
        with self._lock:
            if self._stopping is not None or self._thread is not None:
                return
            wakeup = self._wakeup = Wakeup()
            self._outbox.on_ready = wakeup.wake
            self._thread = spawn("mqtt", lambda: self._run(wakeup), self._on_crash)

    def stop(self, deadline: Deadline, farewell: Publish) -> list[str]:
        """Send what waits, publish `farewell`, disconnect; the threads that still live.

        Safe twice, before `start` and while connecting; keeps to the deadline even if the broker
        does not answer. What waits in the REFILL lane is not sent.
        """
        with self._lock:
            self._stopping = self._stopping or (deadline, farewell)
            pairs = [(self._thread, self._wakeup), (self._scan_thread, self._scan_wakeup)]
        for _, wakeup in pairs:
            if wakeup is not None:
                wakeup.stop()
        alive = []
        for thread, wakeup in pairs:
            if thread is None or wakeup is None:
                continue
            thread.join(deadline.remaining())
            if thread.is_alive():
                alive.append(thread.name)
            else:
                wakeup.close()
        return alive

    def break_off(self) -> None:
        """Connect anew, since what is on its way on this connection may be old; any thread may ask.

        A command that waited behind a cut network would look new when it arrives at last.
        """
        self._outdated = True
        with self._lock:
            wakeup = self._wakeup
        if wakeup is not None:
            wakeup.wake()

    def request_scan(self, token: int) -> RetainedFound | None:
        """List what is retained below the base topic; the answer comes through the sink.

        It is given at once, as an incomplete one, while another scan is running.
        """
        with self._lock:
            busy = self._scan_thread is not None and self._scan_thread.is_alive()
            if busy or self._stopping is not None:
                return RetainedFound(token, (), complete=False)
            if self._scan_wakeup is not None:
                self._scan_wakeup.close()
            wakeup = self._scan_wakeup = Wakeup()
            self._scan_thread = spawn(
                "mqtt-scan", lambda: self._scan(token, wakeup), self._on_crash
            )
        return None

    def _scan(self, token: int, wakeup: Wakeup) -> None:
        try:
            scan = scan_retained(self._settings, self._topics.scanned, wakeup=wakeup)
        except ConnectFailed:
            scan = Scan((), complete=False)
        found = RetainedFound(token, scan.topics, scan.complete)
        while not wakeup.stopped and not self._sink(found):
            wakeup.wait(_TELL_AGAIN)

    # The thread.

    def _run(self, wakeup: Wakeup) -> None:
        while not wakeup.stopped:
            self.beats += 1
            delay = self._live(wakeup)
            if delay is None:
                return
            self._pause(Deadline(delay), wakeup)

    def _live(self, wakeup: Wakeup) -> float | None:
        """One connection from beginning to end; seconds until the next, None if there is none."""
        try:
            if not self._alone and self._other_bridge(wakeup):
                return None
            self.beats += 1
            connection = self._connect(wakeup, will=self._will)
        except ConnectFailed as error:
            if not wakeup.stopped:
                self._reports.down(str(error))
            return self._retry.failed(error.failure)
        begin = time.monotonic()
        try:
            self._serve(connection, wakeup)
        finally:
            self.connected = False
            connection.close()
            self._publisher.detach()
        if connection.lost is not None and not wakeup.stopped:
            self._reports.down(connection.lost)
        return self._retry.ended(time.monotonic() - begin)

    def _connect(
        self, wakeup: Wakeup, *, suffix: str = "", will: Publish | None = None
    ) -> Connection:
        connection = Connection(
            self._settings, self._retry.version, self._dialer, suffix=suffix, will=will
        )
        connection.open(wakeup)
        self._retry.opened()
        return connection

    def _other_bridge(self, wakeup: Wakeup) -> bool:
        """Look, by a connection without a will, whether our base topic is somebody else's."""
        connection = self._connect(wakeup, suffix="-probe")
        owner = find_owner(connection, self._topics, wakeup)
        if connection.lost is not None or wakeup.stopped:
            connection.close()
            raise ConnectFailed(Failure.UNREACHABLE, connection.lost or "stopped")
        connection.disconnect(Deadline(1.0), wakeup)
        self._owner = owner.bridge_id
        self._alone = not owner.online or owner.bridge_id in (None, self._bridge_id)
        if self._alone or owner.bridge_id is None:
            return False
        self._on_other_bridge(owner.bridge_id)
        return True

    def _pause(self, deadline: Deadline, wakeup: Wakeup) -> None:
        while not (deadline.passed or wakeup.stopped):
            self.beats += 1
            self._reports.tell()
            again = _TELL_AGAIN if self._reports.waiting else _LONGEST_WAIT
            wakeup.wait(min(again, deadline.remaining()))

    def _serve(self, connection: Connection, wakeup: Wakeup) -> None:
        """Publish and listen until the connection ends or we are to stop."""
        self.connects += 1
        self._outdated = False
        longest = min(_LONGEST_STEP, self._settings.keepalive / 8)
        self._publisher.attach(connection)
        others = self._topics.instances
        connection.subscribe(self._subscriptions, retained=() if others is None else (others,))
        begin = time.monotonic()
        while connection.lost is None and not wakeup.stopped:
            self.beats += 1
            if self._outdated:
                connection.lost = "what is on its way may be old"
                connection.abort()
                break
            wait = self._publisher.work(connection)
            if self._reports.waiting or self._publisher.receipts:
                wait = min(wait, _TELL_AGAIN)
            connection.step(min(wait, longest), wakeup)
            self._look(connection)
            self._check_debts(connection, begin)
        if wakeup.stopped and connection.lost is None:
            self._leave(connection, wakeup)

    def _look(self, connection: Connection) -> None:
        """Deal with what the last step brought."""
        while connection.acknowledged:
            self._publisher.acknowledge(*connection.acknowledged.popleft())
        self._pass_receipts_on()
        while connection.messages:
            message = _arrived(connection.messages.popleft(), connection)
            if not self._sink(message):
                self.overloads += 1
                self._on_overload(message)
        if connection.subscribed and not self.connected:
            self.connected = True
            self._warn_of_refusals(connection)
            self._reports.up(connection.protocol, self._owner)
            self._owner = None
        if isinstance(self._reports.tell(), BrokerUp):
            self._publisher.announced()
        self._reports.tick()

    def _pass_receipts_on(self) -> None:
        """Tell the engine; what it has no room for now is offered again at the next step."""
        receipts = self._publisher.receipts
        while receipts and self._sink(Delivered(receipts[0])):
            receipts.popleft()

    def _check_debts(self, connection: Connection, begin: float) -> None:
        """A broker that answers pings but acknowledges nothing is of no use."""
        now = time.monotonic()
        owed = self._publisher.oldest(now) if self.connected else now - begin
        if owed > _UNACKNOWLEDGED * self._settings.keepalive:
            connection.lost = "it acknowledges nothing"

    def _warn_of_refusals(self, connection: Connection) -> None:
        for text in connection.refused_filters:
            self._publisher.refusals.add(text, "the broker refuses the subscription")

    def _leave(self, connection: Connection, wakeup: Wakeup) -> None:
        """Send what waits, say goodbye and wait for the answer, all within the deadline."""
        with self._lock:
            stopping = self._stopping
        if stopping is None:
            return
        deadline, farewell = stopping
        end = Deadline(max(0.0, deadline.remaining() - _STOP_MARGIN))
        self._publisher.refilling = False
        self._drain(connection, Deadline(end.remaining() / 2), wakeup, everything=True)
        if connection.lost is not None or not self._publisher.send_last(connection, farewell):
            return
        self._drain(connection, end, wakeup, everything=False)
        if self._publisher.idle:
            connection.disconnect(end, wakeup)

    def _drain(
        self, connection: Connection, deadline: Deadline, wakeup: Wakeup, *, everything: bool
    ) -> None:
        """Wait until all is acknowledged; `everything`: what waits in the outbox, too."""
        while connection.lost is None and not deadline.passed:
            wait = self._publisher.work(connection) if everything else deadline.remaining()
            if self._publisher.idle and not (everything and self._outbox.urgent):
                return
            connection.step(min(wait, deadline.remaining()), wakeup)
            while connection.acknowledged:
                self._publisher.acknowledge(*connection.acknowledged.popleft())


def _arrived(message: MQTTMessage, connection: Connection) -> MessageArrived:
    properties = vars(message.properties) if message.properties is not None else {}
    return MessageArrived(
        message.topic,
        bytes(message.payload),
        time.monotonic(),
        retain=message.retain,
        # MQTT 5 was asked not to deliver stored messages; 3.1.1 marks them, and only them.
        stored=message.retain and connection.version == V311,
        duplicate=message.dup,
        qos=message.qos,
        response_topic=properties.get("ResponseTopic"),
        correlation=properties.get("CorrelationData"),
    )
