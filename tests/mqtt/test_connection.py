"""One connection: how it opens, why it does not, how it ends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.core.effects import Publish
from bridge.errors import StartError
from bridge.mqtt.connection import (
    NO_ANSWER,
    V5,
    V311,
    ConnectFailed,
    Connection,
    ConnectionSettings,
    Failure,
    tls_context,
)
from bridge.mqtt.dial import Dialer
from bridge.mqtt.wakeup import Wakeup
from bridge.simulator.broker import Broker
from bridge.threads import Deadline
from tests.brokers import free_port, make_certificate

BOTH = pytest.mark.parametrize("version", [V5, V311], ids=["5", "3.1.1"])
WILL = Publish("will", "offline")


@pytest.fixture
def wakeup() -> Iterator[Wakeup]:
    made = Wakeup()
    yield made
    made.close()


def connection(port: int, version: Any = V5, **settings: Any) -> Connection:
    details = ConnectionSettings("127.0.0.1", port, "me", **settings)
    dialer = Dialer("127.0.0.1", port, tls_context(details))
    return Connection(details, version, dialer, will=WILL)


def step_until(made: Connection, wakeup: Wakeup, condition: Any, limit: float = 5.0) -> None:
    deadline = Deadline(limit)
    while not condition():
        assert not deadline.passed
        made.step(0.1, wakeup)


@BOTH
def test_a_publication_is_acknowledged(broker: Broker, wakeup: Wakeup, version: Any) -> None:
    made = connection(broker.port, version)
    made.open(wakeup)
    made.subscribe(["a", "b"])
    step_until(made, wakeup, lambda: made.subscribed)
    number, awaited = made.publish(Publish("a", "x", retain=False), b"x")
    assert awaited
    step_until(made, wakeup, lambda: made.acknowledged and made.messages)
    assert list(made.acknowledged) == [(number, None)]
    assert made.messages[0].payload == b"x"
    assert made.publish(Publish("c", "x", qos=0), b"x")[1] is False
    made.disconnect(Deadline(1), wakeup)
    made.close()
    assert made.lost is not None
    assert "will" not in broker.retained


def failure(made: Connection, wakeup: Wakeup, limit: float = 5.0) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as caught:
        made.open(wakeup, limit)
    return caught.value


def test_every_way_not_to_be_let_in(broker: Broker, wakeup: Wakeup) -> None:
    nobody = connection(free_port())
    assert failure(nobody, wakeup).failure is Failure.UNREACHABLE
    broker.credentials = {}
    for version in (V5, V311):
        assert failure(connection(broker.port, version), wakeup).failure is Failure.CREDENTIALS
    broker.credentials = None
    broker.refuse = True
    assert failure(connection(broker.port), wakeup).failure is Failure.SILENT
    broker.refuse = False
    broker.protocols = {4}
    assert failure(connection(broker.port), wakeup).failure is Failure.VERSION
    broker.protocols = {5}
    assert failure(connection(broker.port, V311), wakeup).failure is Failure.SILENT
    broker.freeze()
    begin = time.monotonic()
    assert failure(connection(broker.port), wakeup, 0.3).failure is Failure.UNREACHABLE
    assert time.monotonic() - begin < 2
    broker.thaw()


def answer_connect(server: socket.socket, answer: bytes) -> None:
    peer, _ = server.accept()
    with peer:
        peer.recv(1_000)
        peer.sendall(answer)
        with contextlib.suppress(ConnectionError):
            peer.recv(1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"\x20\x03\x00\x84\x00", Failure.VERSION),
        (b"\x20\x02\x00\x01", Failure.VERSION),
        (b"\x20\x03\x00\x86\x00", Failure.CREDENTIALS),
        (b"\x20\x03\x00\x88\x00", Failure.REFUSED),
        (b"\x20\x02\x00\x05", Failure.SILENT),
        (b"\x20\x00", Failure.SILENT),
        (b"\xff" * 10, Failure.SILENT),
    ],
)
def test_answers_to_connect(wakeup: Wakeup, answer: bytes, expected: Failure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer_connect, args=(server, answer))
        thread.start()
        assert failure(connection(server.getsockname()[1]), wakeup).failure is expected
        thread.join(5)


def test_what_the_broker_allows_is_noted(broker: Broker, wakeup: Wakeup) -> None:
    broker.max_packet_size = 5_000
    made = connection(broker.port)
    made.open(wakeup)
    assert made.max_packet == 5_000
    made.disconnect(Deadline(1), wakeup)


def test_a_takeover_is_named(broker: Broker, wakeup: Wakeup) -> None:
    made, rival = connection(broker.port), connection(broker.port)
    made.open(wakeup)
    rival.open(wakeup)
    step_until(made, wakeup, lambda: made.lost)
    assert made.lost == "it ended the connection: Session taken over"
    made.close()
    rival.disconnect(Deadline(1), wakeup)


def test_silence_ends_it(broker: Broker, wakeup: Wakeup) -> None:
    made = connection(broker.port, keepalive=1)
    made.open(wakeup)
    broker.freeze()
    begin = time.monotonic()
    step_until(made, wakeup, lambda: made.lost)
    assert 0.9 < time.monotonic() - begin < 2.2
    assert made.lost == NO_ANSWER
    made.close()
    broker.thaw()


def test_an_idle_connection_lives(broker: Broker, wakeup: Wakeup) -> None:
    made = connection(broker.port, keepalive=1)
    made.open(wakeup)
    deadline = Deadline(3.5)
    while not deadline.passed:
        made.step(0.1, wakeup)
    assert made.lost is None
    made.disconnect(Deadline(1), wakeup)


def test_tls(wakeup: Wakeup, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    with Broker(tls=server) as broker:
        made = connection(broker.port, tls=True, ca_file=certificate)
        made.open(wakeup)
        made.subscribe(["a"])
        step_until(made, wakeup, lambda: made.subscribed)
        for _ in range(20):
            made.publish(Publish("a", "x" * 5_000, retain=False), b"x" * 5_000)
        step_until(made, wakeup, lambda: len(made.messages) == len(made.acknowledged) == 20)
        made.disconnect(Deadline(1), wakeup)
        stranger = failure(connection(broker.port, tls=True), wakeup)
        assert "certificate is refused" in str(stranger)


def test_useless_certificate_files_are_told_before_the_start(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for ca_file, key_file in (
        (tmp_path / "missing.pem", None),
        (nonsense, None),
        (certificate, nonsense),
    ):
        settings = ConnectionSettings(
            "h",
            1,
            "me",
            tls=True,
            ca_file=ca_file,
            cert_file=certificate if key_file else None,
            key_file=key_file,
        )
        with pytest.raises(StartError, match=r"mqtt\.tls"):
            tls_context(settings)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(ConnectionSettings("h", 1, "me", "user", "secret"))
