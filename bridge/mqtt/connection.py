"""One MQTT connection from CONNECT to its end, driven by the thread that owns it.

Owns the paho client, of which every connection gets a fresh one: a used one would repeat old,
unacknowledged values after newer ones. paho's callbacks only write down what came; the owner looks
at it after `step`. Knows neither the outbox nor when to connect again.
"""

from __future__ import annotations

import select
import ssl
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.core.effects import Publish
from bridge.errors import ConnectionLost, StartError
from bridge.mqtt.buffered import BufferedSocket
from bridge.mqtt.dial import STOPPED, Dialer
from bridge.mqtt.wakeup import Wakeup
from bridge.threads import Deadline

V5 = MQTTProtocolVersion.MQTTv5
V311 = MQTTProtocolVersion.MQTTv311

CONNECT_TIME = 10.0
"""Seconds from the name look-up to CONNACK, all together."""

RECEIVE_LIMIT = 2 * 1024 * 1024
"""Bytes of the largest packet that an MQTT 5 broker may send us."""

PAHO_WINDOW = 100
"""QoS 1 publications that paho sends at once; never more are handed over, so it keeps no queue."""

_MISC_EVERY = 0.2
_SILENCE = 1.75
"""A broker that is silent for so many keepalive times is gone; paho asks it after one."""

NO_ANSWER = "it does not answer any more"

_PLAIN_ACK = 2
"""Bytes of an acknowledgement that says no more than which packet (MQTT 5.0, 3.4.2.1)."""
_SUCCESS = ReasonCode(PacketTypes.PUBACK)
_NO_PROPERTIES = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]  # paho has no hint

_UNSUPPORTED_VERSION = 0x84
_KEEPALIVE_TIMEOUT = 0x8D
_CREDENTIALS = {0x86, 0x87, 0x8C}


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Where the broker is and how to get in; `protocol` is `auto`, `5` or `3.1.1`."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    protocol: str = "auto"
    keepalive: int = 30
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class Failure(Enum):
    """Why a connection was not opened, as far as it decides what to try next."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    """Closed without CONNACK: perhaps the version, perhaps anything."""
    VERSION = "version"
    CREDENTIALS = "credentials"
    REFUSED = "refused"


class ConnectFailed(ConnectionLost):
    """The broker did not let us in."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure


def tls_context(settings: ConnectionSettings) -> ssl.SSLContext | None:
    """The TLS set-up for all connections; None without TLS; raises StartError for bad files."""
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"mqtt.tls: a certificate or key cannot be used: {error}") from None
    return context


class _Paho(Client):
    """A client that gets a socket which is connected already (and secured, if need be)."""

    dialled: BufferedSocket

    def _create_socket(self) -> BufferedSocket:
        return self.dialled

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        # paho makes a reason and properties for each one: a fifth of what a publication costs.
        packet = self._in_packet["packet"]
        if cmd != "PUBACK" or len(packet) != _PLAIN_ACK:
            return super()._handle_pubackcomp(cmd)
        number = int.from_bytes(packet, "big")
        with self._out_message_mutex:
            if number in self._out_messages:
                return self._do_on_publish(number, _SUCCESS, _NO_PROPERTIES)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


class Connection:
    """Open it, then call `step` for ever and look at what it noted down.

    `lost` says why it ended, None while it lasts. `acknowledged` has message ids and, for a
    publication that an MQTT 5 broker refused, the reason. `messages` is what arrived.
    `receive_maximum` and `max_packet` are what an MQTT 5 broker allows us.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        version: MQTTProtocolVersion,
        dialer: Dialer,
        *,
        suffix: str = "",
        will: Publish | None = None,
    ) -> None:
        self.version = version
        self.lost: str | None = None
        self.subscribed = False
        self.refused_filters: list[str] = []
        self.acknowledged: deque[tuple[int, str | None]] = deque()
        self.messages: deque[MQTTMessage] = deque()
        self.receive_maximum = 65_535
        self.max_packet: int | None = None
        self._max_qos = 2
        self._may_retain = True
        self._settings = settings
        self._dialer = dialer
        self._connack: tuple[ReasonCode, dict[str, Any]] | None = None
        self._filters: Sequence[str] = ()
        self._sock: BufferedSocket | None = None
        self._poller = select.poll()
        self._writing = False
        self._heard_at = 0.0
        self._misc_at = 0.0
        self._client = _Paho(
            CallbackAPIVersion.VERSION2,
            settings.client_id + suffix,
            clean_session=None if version == V5 else True,
            protocol=version,
            reconnect_on_failure=False,
        )
        self._prepare(will)

    def _prepare(self, will: Publish | None) -> None:
        client = self._client
        client.max_inflight_messages_set(PAHO_WINDOW)
        client.max_queued_messages_set(PAHO_WINDOW)
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, self._settings.password)
        if self._dialer.tls is not None:
            # paho gets a socket that is secured already; should it ever open one, then likewise.
            client.tls_set_context(self._dialer.tls)
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message

    # paho's callbacks: write down, nothing else.

    def _on_connect(
        self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        self._connack = (reason, vars(properties))

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.lost = f"it ended the connection: {reason}"
        else:
            silent = reason.value == _KEEPALIVE_TIMEOUT
            self.lost = self.lost or (NO_ANSWER if silent else "the connection was lost")

    def _on_subscribe(
        self, _client: Client, _data: Any, _id: int, codes: list[ReasonCode], _properties: Any
    ) -> None:
        pairs = zip(self._filters, codes, strict=False)
        self.refused_filters = [text for text, code in pairs if code.is_failure]
        self.subscribed = True

    def _on_publish(
        self, _client: Client, _data: Any, number: int, reason: ReasonCode, _properties: Any
    ) -> None:
        self.acknowledged.append((number, str(reason) if reason.is_failure else None))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            _ = message.topic
        except UnicodeDecodeError:
            return  # no broker should have passed such a topic on
        self.messages.append(message)

    # The owner's side.

    def open(self, wakeup: Wakeup, limit: float = CONNECT_TIME) -> None:
        """Connect and wait for CONNACK, at most `limit` s in all; raises ConnectFailed."""
        deadline = Deadline(limit)
        try:
            self._sock = BufferedSocket(self._dialer.dial(deadline, wakeup))
        except ConnectionLost as error:
            raise ConnectFailed(Failure.UNREACHABLE, str(error)) from None
        try:
            self._handshake(self._sock, deadline, wakeup)
        except BaseException:
            self.close()
            raise

    def _handshake(self, sock: BufferedSocket, deadline: Deadline, wakeup: Wakeup) -> None:
        self._client.dialled = sock
        settings = self._settings
        options: dict[str, Any] = {}
        if self.version == V5:
            limit = _properties(PacketTypes.CONNECT, MaximumPacketSize=RECEIVE_LIMIT)
            options = {"clean_start": True, "properties": limit}
        self._poller.register(sock, select.POLLIN)
        self._poller.register(wakeup, select.POLLIN)
        self._heard_at = time.monotonic()
        self._client.connect(settings.host, settings.port, settings.keepalive, **options)
        if self._client.socket() not in (sock, None):
            raise RuntimeError("this version of paho-mqtt opens its own socket")
        while self._connack is None:
            if wakeup.stopped:
                raise ConnectFailed(Failure.UNREACHABLE, STOPPED)
            if self.lost is not None:
                raise ConnectFailed(Failure.SILENT, "it closed the connection without CONNACK")
            if deadline.passed:
                raise ConnectFailed(Failure.UNREACHABLE, "it does not answer CONNECT")
            self.step(deadline.remaining(), wakeup)
        self._welcome(*self._connack)

    def _welcome(self, reason: ReasonCode, properties: dict[str, Any]) -> None:
        if reason.is_failure:
            text = f"it refuses us: {reason}"
            if reason.value == _UNSUPPORTED_VERSION:
                raise ConnectFailed(Failure.VERSION, text)
            if reason.value in _CREDENTIALS:
                raise ConnectFailed(Failure.CREDENTIALS, text)
            raise ConnectFailed(Failure.REFUSED, text)
        self.receive_maximum = properties.get("ReceiveMaximum", self.receive_maximum)
        self.max_packet = properties.get("MaximumPacketSize")
        self._max_qos = properties.get("MaximumQoS", 2)
        self._may_retain = bool(properties.get("RetainAvailable", 1))

    @property
    def protocol(self) -> str:
        """`5` or `3.1.1`."""
        return "5" if self.version == V5 else "3.1.1"

    @property
    def want_write(self) -> bool:
        """Whether not all could be written yet; then nothing more should be handed over."""
        gathers = self._sock is not None and self._sock.gathers
        return gathers or bool(self._client.want_write())

    def subscribe(
        self,
        filters: Sequence[str],
        qos: int = 1,
        *,
        stored: bool = False,
        retained: Sequence[str] = (),
    ) -> None:
        """Ask for messages; on MQTT 5 stored ones come only if `stored`. See `subscribed`.

        Those of the filters in `retained`, which are asked for besides, come in any case.
        """
        self._filters = [*filters, *retained]
        self.subscribed = not self._filters
        if not self._filters:
            return
        if self.version == V5:
            wanted = [(text, stored) for text in filters] + [(text, True) for text in retained]
            self._client.subscribe([(text, _options(qos, stored=each)) for text, each in wanted])
        else:
            self._client.subscribe([(text, qos) for text in self._filters])

    def publish(self, publish: Publish, payload: bytes) -> tuple[int, bool]:
        """Write a publication; its id, and whether the broker will acknowledge it."""
        qos = min(publish.qos, self._max_qos)
        properties = None
        if self.version == V5 and (
            publish.expiry is not None or publish.properties or publish.correlation is not None
        ):
            properties = _publish_properties(publish)
        info = self._client.publish(
            publish.topic, payload, qos, publish.retain and self._may_retain, properties
        )
        return info.mid, qos > 0

    def step(self, seconds: float, wakeup: Wakeup) -> None:
        """Wait at most `seconds` for the broker or a wake-up, then read and write what is due."""
        sock, client = self._sock, self._client
        if sock is None or self.lost is not None:
            return
        self._flush(sock)
        if self.want_write != self._writing:
            self._writing = not self._writing
            self._poller.modify(sock, select.POLLIN | (select.POLLOUT if self._writing else 0))
        number = sock.fileno()
        for ready, events in self._poller.poll(max(0.0, seconds) * 1_000):
            if ready != number:
                wakeup.drain()
                continue
            if events & select.POLLOUT:
                self._flush(sock)
                client.loop_write()
            if events & ~select.POLLOUT:
                self._read(sock)
        self._flush(sock)
        now = time.monotonic()
        if now >= self._misc_at:
            self._misc_at = now + _MISC_EVERY
            client.loop_misc()
            if client.keepalive and now - self._heard_at > _SILENCE * client.keepalive:
                self.lost = NO_ANSWER
        if self.lost is None and client.socket() is None:
            self.lost = "the connection was lost"

    def _flush(self, sock: BufferedSocket) -> None:
        try:
            sock.flush()
        except OSError:
            self.lost = self.lost or "the connection was lost"

    def _read(self, sock: BufferedSocket) -> None:
        self._heard_at = time.monotonic()
        sock.readable()
        try:
            self._client.loop_read()
            while self._client.socket() is not None and sock.holds_more:
                self._client.loop_read()
        except Exception as error:  # noqa: BLE001 - our callbacks cannot raise, so it is the peer
            self.lost = f"it sent what is not MQTT ({type(error).__name__})"

    def disconnect(self, deadline: Deadline, wakeup: Wakeup) -> None:
        """Say goodbye, so that the will is not sent; gives up at the deadline."""
        self._client.disconnect()
        while self.want_write and self.lost is None and not deadline.passed:
            self.step(deadline.remaining(), wakeup)
        self.close()

    def abort(self) -> None:
        """End it at once; nothing that was handed over goes out after this."""
        self.lost = self.lost or "broken off"
        if self._sock is not None:
            self._sock.abort()
            self._sock = None

    def close(self) -> None:
        """End it without a word; safe twice."""
        self.lost = self.lost or "closed"
        if self._sock is not None:
            self._sock.close()
            self._sock = None


def _properties(packet: int, **values: object) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho's class has no hints
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _options(qos: int, *, stored: bool) -> SubscribeOptions:
    return SubscribeOptions(qos, retainAsPublished=True, retainHandling=0 if stored else 2)


def _publish_properties(publish: Publish) -> Properties:
    values: dict[str, object] = {}
    if publish.payload[:1] in ("{", "["):
        values["ContentType"] = "application/json"
    if publish.expiry is not None:
        values["MessageExpiryInterval"] = publish.expiry
    if publish.correlation is not None:
        values["CorrelationData"] = publish.correlation
    if publish.properties:
        values["UserProperty"] = list(publish.properties)
    return _properties(PacketTypes.PUBLISH, **values)
