"""A socket that reads ahead and gathers what is written."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mqtt.buffered import MOST_GATHERED, READ_SIZE, BufferedSocket


@pytest.fixture
def ends() -> Iterator[tuple[BufferedSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    with ours, theirs:
        yield BufferedSocket(ours), theirs


def until_reset(end: socket.socket) -> int:
    received = 0
    try:
        while data := end.recv(65_536):
            received += len(data)
    except ConnectionResetError:
        return received
    raise AssertionError("it ended in order")


def everything(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += end.recv(size - len(data))
    return data


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=60), data=st.binary(max_size=300))
def test_what_came_is_read_in_parts_of_any_size(sizes: list[int], data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        buffered = BufferedSocket(ours)
        theirs.sendall(data)
        buffered.readable()
        read = b""
        for size in sizes:
            try:
                part = buffered.recv(size)
            except BlockingIOError:
                break
            assert 0 < len(part) <= size
            read += part
        assert data.startswith(read)
        assert buffered.holds_more == (0 < len(read) < len(data))


def test_it_reads_the_socket_once_each_time_it_is_readable(
    ends: tuple[BufferedSocket, socket.socket],
) -> None:
    buffered, theirs = ends
    theirs.sendall(b"first")
    with pytest.raises(BlockingIOError):
        buffered.recv(1)
    buffered.readable()
    assert buffered.recv(100) == b"first"
    theirs.sendall(b"second")
    with pytest.raises(BlockingIOError):
        buffered.recv(1)
    buffered.readable()
    assert buffered.recv(100) == b"second"


def test_it_reads_a_limited_part_at_once(ends: tuple[BufferedSocket, socket.socket]) -> None:
    buffered, theirs = ends
    theirs.sendall(bytes(2 * READ_SIZE))
    buffered.readable()
    assert len(buffered.recv(10 * READ_SIZE)) <= READ_SIZE
    assert not buffered.holds_more


def test_the_end_is_no_bytes(ends: tuple[BufferedSocket, socket.socket]) -> None:
    buffered, theirs = ends
    theirs.sendall(b"last")
    theirs.close()
    buffered.readable()
    assert buffered.recv(100) == b"last"
    buffered.readable()
    assert buffered.recv(100) == b""


def test_what_is_sent_goes_together_when_it_is_flushed(
    ends: tuple[BufferedSocket, socket.socket],
) -> None:
    buffered, theirs = ends
    assert [buffered.send(part) for part in (b"one", b"three", bytearray(b"!"))] == [3, 5, 1]
    assert buffered.gathers
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    buffered.flush()
    assert not buffered.gathers
    assert theirs.recv(100) == b"onethree!"


def test_a_peer_that_does_not_read_makes_the_writer_wait_and_loses_nothing(
    ends: tuple[BufferedSocket, socket.socket],
) -> None:
    buffered, theirs = ends
    part = bytes(range(256)) * 64
    sent = 0
    with suppress(BlockingIOError):
        while sent < 100 * MOST_GATHERED:
            sent += buffered.send(part)
    assert MOST_GATHERED <= sent < 100 * MOST_GATHERED
    assert buffered.gathers
    received = b""
    while buffered.gathers:
        received += theirs.recv(65_536)
        buffered.flush()
    received += everything(theirs, sent - len(received))
    assert received == part * (sent // len(part))


def test_a_peer_that_is_gone_is_an_error_of_the_flush(
    ends: tuple[BufferedSocket, socket.socket],
) -> None:
    buffered, theirs = ends
    theirs.close()
    buffered.send(b"too late")
    with pytest.raises(OSError, match="pipe"):
        buffered.flush()
    buffered.close()


def test_closing_sends_what_was_gathered(ends: tuple[BufferedSocket, socket.socket]) -> None:
    buffered, theirs = ends
    buffered.send(b"goodbye")
    buffered.close()
    assert theirs.recv(100) == b"goodbye"
    assert theirs.recv(100) == b""


def test_an_abort_throws_away_what_was_written() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    with theirs:
        ours.setblocking(False)
        buffered = BufferedSocket(ours)
        sent = 0
        with suppress(BlockingIOError):
            while sent < 100 * MOST_GATHERED:
                sent += buffered.send(bytes(65_536))
        buffered.abort()
        theirs.settimeout(5)
        assert until_reset(theirs) < sent - MOST_GATHERED
