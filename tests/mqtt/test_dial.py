"""Connecting: within the limit whatever the other side does, and stoppable."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import ConnectionLost
from bridge.mqtt.dial import Dialer
from bridge.mqtt.wakeup import Wakeup
from bridge.simulator.broker import Broker
from bridge.threads import Deadline
from tests.brokers import free_port, make_certificate


@pytest.fixture
def wakeup() -> Iterator[Wakeup]:
    made = Wakeup()
    yield made
    made.close()


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def client_context(certificate: Path | None = None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_socket_is_ready_and_without_delay(wakeup: Wakeup, mute: int, host: str) -> None:
    with Dialer(host, mute, None).dial(Deadline(5), wakeup) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not sock.getblocking()
        assert sock.getpeername()[1] == mute


def test_nobody_listens(wakeup: Wakeup) -> None:
    with pytest.raises(ConnectionLost, match="refused"):
        Dialer("127.0.0.1", free_port(), None).dial(Deadline(5), wakeup)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".example", ".."])
def test_a_name_that_is_none(wakeup: Wakeup, host: str) -> None:
    dialer = Dialer(host, 1883, None)
    for _ in range(2):
        with pytest.raises(ConnectionLost, match="name was not resolved"):
            dialer.dial(Deadline(5), wakeup)


def test_a_tls_handshake_that_gets_no_answer_ends_in_time(wakeup: Wakeup, mute: int) -> None:
    begin = time.monotonic()
    with pytest.raises(ConnectionLost, match="does not answer"):
        Dialer("127.0.0.1", mute, client_context()).dial(Deadline(0.3), wakeup)
    assert 0.2 < time.monotonic() - begin < 2


def test_stop_ends_the_handshake(wakeup: Wakeup, mute: int) -> None:
    stopper = threading.Timer(0.1, wakeup.stop)
    stopper.start()
    begin = time.monotonic()
    with pytest.raises(ConnectionLost, match="stopped"):
        Dialer("127.0.0.1", mute, client_context()).dial(Deadline(10), wakeup)
    assert time.monotonic() - begin < 3
    stopper.join(5)


def test_wakes_do_not_end_the_handshake(wakeup: Wakeup, mute: int) -> None:
    waker = threading.Timer(0.05, wakeup.wake)
    waker.start()
    with pytest.raises(ConnectionLost, match="does not answer"):
        Dialer("127.0.0.1", mute, client_context()).dial(Deadline(0.3), wakeup)
    waker.join(5)


def test_certificates_are_checked(wakeup: Wakeup, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    with Broker(tls=server) as broker:
        known = Dialer("127.0.0.1", broker.port, client_context(certificate))
        with known.dial(Deadline(5), wakeup) as sock:
            assert isinstance(sock, ssl.SSLSocket)
        with pytest.raises(ConnectionLost, match="certificate is refused"):
            Dialer("127.0.0.1", broker.port, client_context()).dial(Deadline(5), wakeup)
        with pytest.raises(ConnectionLost, match="certificate is refused"):
            Dialer("localhost", broker.port, client_context(certificate)).dial(Deadline(5), wakeup)


def test_tls_to_a_plain_broker(wakeup: Wakeup) -> None:
    with Broker() as broker, pytest.raises(ConnectionLost):
        Dialer("127.0.0.1", broker.port, client_context()).dial(Deadline(5), wakeup)
