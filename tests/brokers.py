"""Brokers and clients for tests: a real Mosquitto process, a paho listener, and waiting."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

_MOSQUITTO_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
persistence false
{extra}
"""


def wait_until(condition: Callable[[], object], limit: float = 5.0, what: str = "") -> None:
    """Wait until `condition` holds, at most `limit` seconds, else fail the test."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() >= end:
            raise AssertionError(f"not within {limit} s: {what or condition}")
        time.sleep(0.005)


def free_port() -> int:
    """A TCP port that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def make_certificate(directory: Path, later: timedelta = timedelta()) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as PEM files in `directory`.

    It is valid for an hour before and after now, or so much `later`.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC) + later
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "certificate.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


def mosquitto_path() -> str | None:
    """Where Mosquitto is installed; None if it is not."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def require_mosquitto() -> None:
    """Skip the test where Mosquitto is not installed; in CI that is a failure."""
    if mosquitto_path() is None:
        if os.environ.get("CI"):
            pytest.fail("Mosquitto is not installed")
        pytest.skip("Mosquitto is not installed")


class MosquittoProcess:
    """A Mosquitto of our own on a free port, without a store: a restart comes back empty.

    `extra` is added to its configuration file; `whole` is all of it, but for the port of its
    `listener` and the user it runs as. Use it as a context manager.
    """

    def __init__(self, extra: str = "", *, whole: str | None = None) -> None:
        path = mosquitto_path()
        if path is None:
            raise RuntimeError("Mosquitto is not installed")
        self._path = path
        self._extra = extra
        self._whole = whole
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        if self._process is None:
            raise RuntimeError("Mosquitto is not running")
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with tempfile.TemporaryDirectory() as directory:
            conf = Path(directory) / "mosquitto.conf"
            conf.write_text(self._configuration())
            self._process = subprocess.Popen(
                [self._path, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            wait_until(self._accepts, what="Mosquitto listens")

    def _configuration(self) -> str:
        if self._whole is None:
            return _MOSQUITTO_CONF.format(port=self.port, extra=self._extra)
        text, found = re.subn(r"(?m)^listener \d+$", f"listener {self.port} 127.0.0.1", self._whole)
        assert found == 1, "one listener"
        # As root it would become a user who must not read what tests write.
        return f"{text}\nuser {getpass.getuser()}\n"

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End it politely; safe twice."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL; `start` brings back an empty one on the same port."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it with SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def publish_properties(**values: object) -> Properties:
    """MQTT 5 properties of a publication, such as `ResponseTopic` and `CorrelationData`."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


class Peer:
    """A paho client with its own thread that remembers what it hears.

    `heard` has every message in order, `values` the newest payload of each topic.
    """

    def __init__(
        self,
        port: int,
        *filters: str,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        client_id: str = "",
        qos: int = 1,
        keepalive: int = 30,
        options: SubscribeOptions | None = None,
        will: tuple[str, bytes] | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        self._port = port
        self._filters = filters
        self._qos = qos
        self._keepalive = keepalive
        self._options = options
        self._ready = threading.Event()
        self.refusal: Any = None
        self.ended: Any = None
        self.heard: list[MQTTMessage] = []
        self.values: dict[str, bytes] = {}
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=version, reconnect_on_failure=False
        )
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message
        self.client.on_disconnect = self._on_disconnect
        if will is not None:
            self.client.will_set(will[0], will[1], qos=1, retain=True)
        if login is not None:
            self.client.username_pw_set(*login)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Connect, subscribe, and wait until the broker confirmed it or refused."""
        self.client.connect("127.0.0.1", self._port, self._keepalive)
        self.client.loop_start()
        assert self._ready.wait(5), "no answer from the broker"

    def close(self) -> None:
        """Disconnect cleanly; safe twice."""
        self.client.disconnect()
        self.client.loop_stop()
        self.client._reset_sockets()  # paho leaves its own wake-up sockets to the garbage collector

    def publish(
        self,
        topic: str,
        payload: str | bytes = b"",
        qos: int = 1,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        """Publish and wait for the acknowledgement."""
        self.client.publish(topic, payload, qos, retain, properties).wait_for_publish(5)

    def payloads(self, topic: str) -> list[bytes]:
        """Every payload heard of a topic, in order."""
        return [bytes(message.payload) for message in list(self.heard) if message.topic == topic]

    def _on_connect(self, client: Client, _data: object, _flags: object, code: Any, _: Any) -> None:
        if code.is_failure:
            self.refusal = code
            self._ready.set()
        elif not self._filters:
            self._ready.set()
        elif self._options is not None:
            client.subscribe([(text, self._options) for text in self._filters])
        elif client.protocol == MQTTProtocolVersion.MQTTv5:
            plain = SubscribeOptions(self._qos)
            client.subscribe([(text, plain) for text in self._filters])
        else:
            client.subscribe([(text, self._qos) for text in self._filters])

    def _on_subscribe(self, _client: Client, _data: object, _id: int, _codes: Any, _: Any) -> None:
        self._ready.set()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append(message)
        self.values[message.topic] = bytes(message.payload)

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: object, code: Any, _: Any
    ) -> None:
        self.ended = code
        self._ready.set()
