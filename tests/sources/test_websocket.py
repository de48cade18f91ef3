"""A socket to a host that does everything wrong: each ends in time, in bounded memory, named."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from itertools import count

import pytest

from bridge.dial import Attempt
from bridge.errors import ConnectionLost, PeerError
from bridge.simulator.wire import frame
from bridge.sources import websocket
from bridge.sources.session import PATH
from bridge.sources.websocket import (
    Endpoint,
    Received,
    TokenBrokenError,
    open_socket,
)
from tests.brokers import wait_until
from tests.sources.peers import (
    HOST,
    TOKEN,
    Opener,
    Serve,
    TlsPeer,
    accept_websocket,
    close_frame,
    read_frame,
    say,
    swallow,
)

LIMIT = 0.3


def refusal(serve: Serve, limit: float = 5.0, **options: object) -> tuple[PeerError, float]:
    """Why there is no connection to such a peer, and after how long (s)."""
    with TlsPeer(serve, **options) as peer:  # type: ignore[arg-type]  # names of TlsPeer's
        endpoint = peer.endpoint()
        begin = time.monotonic()
        with pytest.raises(PeerError) as caught:
            open_socket(endpoint, f"t={TOKEN}", Attempt("test", limit), 5.0)
        took = time.monotonic() - begin
    assert TOKEN not in repr(caught.value)
    return caught.value, took


def answer(text: bytes) -> Serve:
    """A peer that answers the handshake so, and waits."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(text)
        connection.recv(1)

    return serve


# The handshake


def test_a_good_host_is_connected_to_with_the_token_in_the_query(connect: Opener) -> None:
    heads: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heads.append(accept_websocket(connection))
        connection.sendall(frame(b"hello"))
        assert read_frame(connection) == (1, "grüße".encode())
        connection.sendall(frame(b"", 9))

    with TlsPeer(serve) as peer:
        connection = connect(peer)
        assert connection.receive() == (Received.TEXT, b"hello")
        connection.send("grüße")
        assert connection.receive() == (Received.SIGN, b"")
        with pytest.raises(ConnectionLost, match="cut"):
            connection.receive()
    assert heads[0].startswith(f"GET {PATH}?t={TOKEN} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_an_answer_to_the_handshake_may_come_in_pieces(
    connect: Opener, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection, "X-Empty:", f"X-Long: {'x' * 100}")
        connection.sendall(frame(b"hello"))

    monkeypatch.setattr(websocket, "_PIECE", size)
    with TlsPeer(serve) as peer:
        assert connect(peer).receive() == (Received.TEXT, b"hello")


@pytest.mark.parametrize("tls", [True, False], ids=["the WebSocket handshake", "the TLS one"])
def test_a_host_that_never_answers_the_handshake_is_given_up(tls: bool) -> None:
    error, took = refusal(swallow, LIMIT, tls=tls)
    assert str(error) == "it did not answer in time"
    assert LIMIT <= took < LIMIT + 0.5


def test_a_handshake_that_drips_is_given_up_as_a_whole() -> None:
    def serve(connection: socket.socket) -> None:
        for byte in count():
            connection.sendall(bytes([65 + byte % 26]))
            time.sleep(0.02)

    error, took = refusal(serve, LIMIT)
    assert str(error) == "it did not answer in time"
    assert took < LIMIT + 0.5


def test_endless_headers_are_refused() -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n")
        for number in count():
            connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))

    error, took = refusal(serve, 10.0)
    assert "endless" in str(error)
    assert took < 5


@pytest.mark.parametrize("length", [b"Content-Length: 1000000000\r\n", b""])
def test_a_huge_body_of_the_answer_is_not_read(length: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\n" + length + b"\r\n")
        while True:
            connection.sendall(b"x" * 65_536)

    error, took = refusal(serve, 10.0)
    assert isinstance(error, PeerError)
    assert took < 5


@pytest.mark.parametrize("target", ["wss://{host}:{port}/", "ws://127.0.0.1:{port}/", ""])
@pytest.mark.parametrize("status", [301, 302, 308])
def test_a_redirect_is_not_followed(target: str, status: int) -> None:
    with TlsPeer(swallow) as other:
        location = f"Location: {target.format(host=HOST, port=other.port)}\r\n" if target else ""
        text = f"HTTP/1.1 {status} Moved\r\n{location}Content-Length: 0\r\n\r\n"
        error, _ = refusal(answer(text.encode()))
        assert str(error) == f"it redirects elsewhere, which is not followed (HTTP {status})"
        assert other.connections == 0


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_told_apart(status: int) -> None:
    text = f"HTTP/1.1 {status} No\r\nContent-Length: 9\r\n\r\n{TOKEN[:9]}"
    error, _ = refusal(answer(text.encode()))
    assert isinstance(error, TokenBrokenError)
    assert TOKEN[:9] not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 500 Oops\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi!",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 x y\r\n\r\n",
        b"no colon at all\r\n\r\n",
        b"HTTP/1.1 101 Yes\r\nno colon\r\n\r\n",
        b"\r\n\r\n",
        b"\xff\xfe\x00\x80\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_handshake_is_refused(text: bytes) -> None:
    error, _ = refusal(answer(text))
    assert isinstance(error, PeerError)


@pytest.mark.parametrize(
    "cookie", ["a/b=c", "=", "\x01=\x02; x", "a=b; domain=[", "a=b; max-age=x"]
)
def test_a_cookie_that_python_does_not_like_does_no_harm(connect: Opener, cookie: str) -> None:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection, f"Set-Cookie: {cookie}")
        connection.sendall(frame(b"hello"))

    with TlsPeer(serve) as peer:
        try:
            assert connect(peer).receive()[1] == b"hello"
        except PeerError as error:
            assert cookie not in str(error)  # noqa: PT017 - either outcome is fine


def test_a_stop_ends_an_attempt_at_once() -> None:
    with TlsPeer(swallow) as peer:
        endpoint = peer.endpoint()
        attempt = Attempt("test", 30.0)
        failed: list[PeerError] = []

        def run() -> None:
            with pytest.raises(PeerError) as caught:
                open_socket(endpoint, f"t={TOKEN}", attempt, 5.0)
            failed.append(caught.value)

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: peer.connections)
        attempt.abort()
        thread.join(2)
        assert len(failed) == 1


# Certificates


def test_a_self_signed_certificate_is_refused() -> None:
    with TlsPeer(answer(b"")) as peer:
        endpoint = Endpoint(HOST, 6113, PATH, ssl.create_default_context(), peer.resolve)
        with pytest.raises(ConnectionLost, match="certificate is not valid: self"):
            open_socket(endpoint, f"t={TOKEN}", Attempt("test", 5.0), 5.0)


def test_a_certificate_for_another_name_is_refused() -> None:
    error, _ = refusal(answer(b""), names=["shelly-8-sim.shelly.cloud"])
    assert "certificate is not valid" in str(error)


def test_an_expired_certificate_is_refused() -> None:
    error, _ = refusal(answer(b""), valid_days=-1.0)
    assert str(error).startswith("its certificate is not valid: certificate has expired")


def test_a_host_without_tls_is_refused() -> None:
    error, _ = refusal(answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), tls=False)
    assert str(error) == "TLS failed: wrong version number"


def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture, connect: Opener) -> None:
    caplog.set_level(logging.DEBUG)
    with TlsPeer(say(close_frame(4401, TOKEN))) as peer, pytest.raises(TokenBrokenError):
        connect(peer).receive()
    refusal(answer(f"HTTP/1.1 500 {TOKEN}\r\nX: {TOKEN}\r\n\r\n".encode()))
    assert TOKEN not in caplog.text
