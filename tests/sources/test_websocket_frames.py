"""What comes on an open socket, and how both directions end."""

from __future__ import annotations

import gc
import socket
import struct
import threading
import time
import tracemalloc
from contextlib import suppress
from typing import cast

import pytest

from bridge.dial import Attempt
from bridge.errors import ConnectionLost, FrameError, PeerError
from bridge.simulator.wire import frame
from bridge.sources.websocket import (
    LARGEST_MESSAGE,
    MOST_FRAGMENTS,
    CloudSocket,
    GivenUpError,
    Received,
    TokenBrokenError,
    open_socket,
)
from tests.sources.peers import (
    TOKEN,
    Opener,
    Serve,
    TlsPeer,
    accept_websocket,
    close_frame,
    idle,
    read_frame,
    say,
)

LIMIT = 0.3


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x85\x01\x02\x03\x04hello",
        b"\xf1\x01x",
        b"\x83\x01x",
        b"\x80\x01x",
        b"\x09\x01x",
        b"\x88\x01x",
        b"\x88\x02\x03\xee",
        b"\x01\x01a\x81\x01b",
        b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x89\x7e\x01\x00" + b"p" * 256,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20,
    ],
    ids=[
        "masked",
        "reserved bits",
        "unknown opcode",
        "continuation of nothing",
        "fragmented ping",
        "close without a code",
        "close with a reserved code",
        "text within a text",
        "length of 2**64 - 1",
        "long ping",
        "HTTP",
    ],
)
def test_a_frame_that_breaks_the_protocol_ends_the_connection(connect: Opener, data: bytes) -> None:
    with TlsPeer(say(data)) as peer, pytest.raises(FrameError):
        connect(peer).receive()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (close_frame(1000), ConnectionLost),
        (b"\x88\x00", ConnectionLost),
        (close_frame(4401, "whatever"), TokenBrokenError),
        (close_frame(4000, "Token-Broken"), TokenBrokenError),
        (close_frame(1001, "\u202egnp.exe"), ConnectionLost),
    ],
)
def test_a_close_is_told_by_its_code_only(
    connect: Opener, data: bytes, error: type[PeerError]
) -> None:
    with TlsPeer(say(data)) as peer, pytest.raises(error) as caught:
        connect(peer).receive()
    assert "whatever" not in str(caught.value)
    assert str(caught.value).isascii()


def test_a_text_of_the_largest_size_is_taken(connect: Opener) -> None:
    text = b"x" * LARGEST_MESSAGE
    with TlsPeer(say(frame(text) + frame(text[:9]))) as peer:
        connection = connect(peer)
        assert connection.receive() == (Received.TEXT, text)
        assert connection.receive() == (Received.TEXT, text[:9])


def test_frames_that_come_together_with_the_handshake_are_not_lost(connect: Opener) -> None:
    text = b"x" * 6_000

    def serve(connection: socket.socket) -> None:
        together = Gathered(connection)
        accept_websocket(cast(socket.socket, together))
        connection.sendall(together.said + frame(b"first") + frame(text) + frame(b"last"))
        connection.recv(1)

    with TlsPeer(serve) as peer:
        connection = connect(peer)
        received = [connection.receive() for _ in range(3)]
    assert received == [(Received.TEXT, b"first"), (Received.TEXT, text), (Received.TEXT, b"last")]


class Gathered:
    """A connection that keeps back what is to be sent."""

    def __init__(self, connection: socket.socket) -> None:
        self.recv = connection.recv
        self.said = b""

    def sendall(self, data: bytes) -> None:
        self.said += data


def fragments(number: int, size: int) -> bytes:
    head = struct.pack("!BB", 0x00, size)
    return struct.pack("!BB", 0x01, size) + b"x" * size + (head + b"x" * size) * (number - 1)


def test_a_message_of_a_few_fragments_is_put_together(connect: Opener) -> None:
    last = b"\x80\x03end"
    data = fragments(MOST_FRAGMENTS - 1, 3) + b"\x89\x01p" + last
    with TlsPeer(say(data * 2)) as peer:
        connection = connect(peer)
        for _ in range(2):
            assert connection.receive()[0] is Received.SIGN
            _, text = connection.receive()
            assert len(text) == 3 * MOST_FRAGMENTS


def endless_frame(connection: socket.socket) -> None:
    accept_websocket(connection)
    connection.sendall(struct.pack("!BBQ", 0x81, 127, 2**31))
    while True:
        connection.sendall(b"x" * 65_536)


def endless_fragments(size: int) -> Serve:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        connection.sendall(fragments(1, size))
        more = (struct.pack("!BB", 0x00, size) + b"x" * size) * 100
        while True:
            connection.sendall(more)

    return serve


@pytest.mark.parametrize(
    "serve",
    [endless_frame, endless_fragments(0), endless_fragments(1), endless_fragments(125)],
    ids=["a frame of 2 GB", "empty fragments", "small fragments", "fragments"],
)
def test_a_message_without_end_is_refused_in_bounded_memory(connect: Opener, serve: Serve) -> None:
    with TlsPeer(serve) as peer:
        connection = connect(peer)
        gc.collect()
        tracemalloc.start()
        try:
            with pytest.raises(FrameError) as caught:
                connection.receive()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert caught.value.kind == "too_large"
    assert peak < 4 * LARGEST_MESSAGE


def refused_and_closed(connect: Opener, peer: TlsPeer) -> None:
    connection = connect(peer)
    with pytest.raises(FrameError):
        connection.receive()
    connection.close()


def test_what_was_half_read_is_freed_when_the_connection_is_closed() -> None:
    """Python's collector may take its time, and hosts may say the same again and again."""

    def connect(peer: TlsPeer, send_limit: float = 5.0) -> CloudSocket:
        return open_socket(peer.endpoint(), f"t={TOKEN}", Attempt("test", 5.0), send_limit)

    with TlsPeer(endless_fragments(125)) as peer:
        refused_and_closed(connect, peer)
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            for _ in range(10):
                refused_and_closed(connect, peer)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            gc.enable()
    assert kept < LARGEST_MESSAGE / 4


def test_a_frame_above_the_limit_is_refused_before_it_is_read(connect: Opener) -> None:
    with TlsPeer(say(struct.pack("!BBQ", 0x81, 127, LARGEST_MESSAGE + 1))) as peer:
        connection = connect(peer)
        with pytest.raises(FrameError, match="larger than 1048576"):
            connection.receive()


# Two threads, and ends


def test_a_frame_cut_half_way_waits_until_it_is_given_up(connect: Opener) -> None:
    half = frame(b"x" * 1000)[:100]
    with TlsPeer(say(half)) as peer:
        connection = connect(peer)
        timer = threading.Timer(0.1, connection.abort, ["nothing came for 39 s"])
        timer.start()
        with pytest.raises(GivenUpError, match="nothing came for 39 s"):
            connection.receive()
        timer.join()


def read_until_the_end(connection: CloudSocket) -> None:
    with suppress(PeerError):
        while True:
            connection.receive()


def test_a_send_to_a_peer_that_never_reads_ends_within_its_limit(connect: Opener) -> None:
    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)
        idle(connection, 30)

    with TlsPeer(serve) as peer:
        connection = connect(peer, LIMIT)
        reader = threading.Thread(target=read_until_the_end, args=(connection,))
        reader.start()
        sent = time.monotonic()
        error: ConnectionLost | None = None
        while error is None:
            try:
                connection.send("x" * 500)
                sent = time.monotonic()
            except ConnectionLost as caught:
                error = caught
        assert LIMIT <= time.monotonic() - sent < LIMIT + 1.0
        assert "does not read" in str(error)
        connection.abort("test")
        reader.join(2)
        assert not reader.is_alive()


def test_thousands_of_sends_against_receives_lose_nothing(connect: Opener) -> None:
    """A timeout left on a TLS socket makes two threads lose their connection now and then."""
    number = 5_000

    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)

        def send() -> None:
            for n in range(number):
                connection.sendall(frame(b"%d" % n + b"." * 300))

        sender = threading.Thread(target=send)
        sender.start()
        for n in range(number):
            assert read_frame(connection) == (1, b"%d" % n + b"-" * 100)
        sender.join(30)
        connection.sendall(frame(b"all came"))
        connection.recv(1)

    with TlsPeer(serve) as peer:
        connection = connect(peer)

        def write() -> None:
            for n in range(number):
                connection.send(f"{n}" + "-" * 100)

        writer = threading.Thread(target=write)
        writer.start()
        for n in range(number):
            kind, data = connection.receive()
            assert kind is Received.TEXT
            assert data == b"%d" % n + b"." * 300
        assert connection.receive() == (Received.TEXT, b"all came")
        writer.join(5)
        assert not writer.is_alive()
