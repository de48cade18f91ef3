"""The simulated servers' reading of HTTP."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.exchange import BadRequest, Reply, read_head


def test_a_request_is_read() -> None:
    head = b"POST /a/b?t=x%2By&u= HTTP/1.1\r\nHost: name:6113\r\nCONTENT-LENGTH: 12\r\n\r\n"
    request, length = read_head(head)
    assert (request.method, request.path, request.host, length) == ("POST", "/a/b", "name", 12)
    assert request.query == {"t": "x+y", "u": ""}
    assert not request.wants_websocket


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"GET / \r\n\r\n" * 0 + b"GET /\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_not_taken(head: bytes) -> None:
    with pytest.raises(BadRequest):
        read_head(head)


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(data: bytes) -> None:
    with contextlib.suppress(BadRequest):
        read_head(data + b"\r\n\r\n")


def test_a_reply_is_written() -> None:
    text = Reply.of({"a": 1}, 401).encode()
    assert text.startswith(b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n")
    assert text.endswith(b"\r\nConnection: close\r\n\r\n" + b'{"a":1}')
    assert b"Content-Length: 7\r\n" in text
    assert Reply(799).encode().startswith(b"HTTP/1.1 799 Unknown\r\n")
