"""The byte proxy does what the fault tests count on."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.brokers import wait_until
from tests.faults.proxy import Proxy, Towards


class Echo:
    """A server that sends back what it gets, and remembers it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        self.ended: list[str] = []
        self._threads = [threading.Thread(target=self._accept, name="echo")]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(
                threading.Thread(target=self._serve, args=(ours,), name="echo-one")
            )
            self._threads[-1].start()

    def _serve(self, ours: socket.socket) -> None:
        with closing(ours):
            ours.settimeout(10)
            try:
                while data := ours.recv(65_536):
                    self.heard += data
                    ours.sendall(data)
                self.ended.append("end")
            except OSError as error:
                self.ended.append(type(error).__name__)

    def close(self) -> None:
        if self._listener.fileno() != -1:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with closing(Echo()) as echo:
        yield echo


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
        client.settimeout(5)
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
        yield client


def silent(client: socket.socket, seconds: float = 0.2) -> bool:
    """Whether nothing comes for a while."""
    client.settimeout(seconds)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(5)
    return False


def read(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = client.recv(count - len(data))
        assert piece, "the connection goes on"
        data += piece
    return data


def test_it_passes_any_bytes_both_ways(client: socket.socket, echo: Echo) -> None:
    sent = bytes(range(256)) * 2_000
    writer = threading.Thread(target=client.sendall, args=(sent,))
    writer.start()
    assert read(client, len(sent)) == sent
    writer.join(5)
    assert echo.heard == b"hello" + sent


def test_frozen_both_ways_it_holds_what_was_sent_and_passes_it_on_when_healed(
    client: socket.socket, proxy: Proxy, echo: Echo
) -> None:
    proxy.freeze()
    client.sendall(b"later")
    assert silent(client)
    assert echo.heard == b"hello"
    proxy.heal()
    assert read(client, 5) == b"later"


def test_frozen_one_way_the_other_goes_on(client: socket.socket, proxy: Proxy, echo: Echo) -> None:
    proxy.freeze([Towards.CLIENT])
    client.sendall(b"heard")
    wait_until(lambda: echo.heard == b"helloheard")
    assert silent(client)
    proxy.heal()
    assert read(client, 5) == b"heard"


def test_a_frozen_proxy_makes_the_sender_wait(client: socket.socket, proxy: Proxy) -> None:
    proxy.freeze()
    client.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.sendall(b"x" * 64_000_000)


def test_a_connection_to_a_frozen_proxy_is_taken_and_held(proxy: Proxy) -> None:
    proxy.freeze()
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
        client.sendall(b"hello")
        assert silent(client)
        proxy.heal()
        client.settimeout(5)
        assert client.recv(100) == b"hello"


def test_swallowed_bytes_never_come(client: socket.socket, proxy: Proxy, echo: Echo) -> None:
    proxy.swallow([Towards.SERVER])
    client.sendall(b"gone")
    assert silent(client)
    proxy.heal()
    client.sendall(b"after")
    assert read(client, 5) == b"after"
    assert echo.heard == b"helloafter"


def test_it_trickles_byte_by_byte(client: socket.socket, proxy: Proxy) -> None:
    proxy.trickle(0.1, [Towards.CLIENT])
    sent = time.monotonic()
    client.sendall(b"abcd")
    assert client.recv(100) == b"a"
    assert read(client, 3) == b"bcd"
    assert time.monotonic() - sent >= 0.3


def test_a_cut_is_a_reset_for_both(client: socket.socket, proxy: Proxy, echo: Echo) -> None:
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    wait_until(lambda: echo.ended == ["ConnectionResetError"])
    wait_until(lambda: not proxy.open)


def test_a_half_closed_client_still_reaches_the_server(
    client: socket.socket, proxy: Proxy, echo: Echo
) -> None:
    proxy.half_close(Towards.CLIENT)
    assert client.recv(1) == b""
    client.sendall(b"still")
    wait_until(lambda: echo.heard == b"hellostill")


def test_it_refuses_and_accepts_again_on_the_same_port(client: socket.socket, proxy: Proxy) -> None:
    proxy.refuse()
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), 5)
    client.sendall(b"old")
    assert read(client, 3) == b"old"
    proxy.accept()
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as other:
        other.sendall(b"new")
        assert read(other, 3) == b"new"
    assert len(proxy.opened) == 2


def test_a_server_that_is_gone_resets_the_client(proxy: Proxy, echo: Echo) -> None:
    def connect_and_read() -> None:
        # The reset may come while it connects.
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
            client.recv(1)

    echo.close()
    with pytest.raises(ConnectionResetError):
        connect_and_read()


def test_it_ends_with_connections_open_and_frozen(echo: Echo) -> None:
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy(echo.port))
        clients = [socket.create_connection(("127.0.0.1", proxy.port), 5) for _ in range(20)]
        for client in clients:
            stack.callback(client.close)
        proxy.freeze()
        for client in clients[:10]:
            client.sendall(b"x" * 100_000)
