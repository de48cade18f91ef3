from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest
from flask import Flask
from waitress.channel import ClientDisconnected

from bridge.errors import StartError
from bridge.threads import Deadline
from bridge.web.server import WebServer
from tests.web.site import Site, ask, make_body, make_token


class Crashes:
    def __init__(self) -> None:
        self.seen: list[BaseException] = []

    def __call__(self, name: str, error: BaseException) -> None:
        assert name == "web-test"
        self.seen.append(error)


def threads_fall_to(count: int) -> bool:
    """Whether no more than `count` threads are left; the last ones may need a moment to end."""
    deadline = Deadline(10)
    while threading.active_count() > count and not deadline.passed:
        threading.Event().wait(0.01)
    return threading.active_count() <= count


@pytest.fixture
def crashes() -> Iterator[Crashes]:
    made = Crashes()
    yield made
    assert made.seen == []


def send_raw(port: int, data: bytes) -> tuple[int, dict[str, object]]:
    """Send bytes as they are; the status and the JSON of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(data)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        length = 0
        while (line := stream.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            assert name.lower() != b"server"
            if name.lower() == b"content-length":
                length = int(value)
        return status, json.loads(stream.read(length))


def callback(site: Site, **fields: str) -> tuple[bytes, bytes]:
    """The head of a genuine callback and its body."""
    body = json.dumps(make_body(**fields)).encode()
    head = (
        f"POST {site.path} HTTP/1.1\r\nHost: bridge.example.org\r\n"
        f"Content-Type: application/json\r\nSCL-Trust: {make_token()}\r\n"
    )
    return head.encode(), body


# What is not even HTTP is answered with JSON, too.


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nbad\x00name: x\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /x HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
    ids=lambda value: value[:40] if isinstance(value, bytes) else None,
)
def test_broken_requests(site: Site, head: bytes, status: int) -> None:
    got, content = send_raw(site.port, head)
    assert got == status
    assert content.keys() == {"ok", "error"}
    assert site.untouched
    assert site.post().status == 200


def test_who_sends_nonsense_and_is_gone_fills_no_log(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: object) -> int:
        raise ClientDisconnected

    with monkeypatch.context() as patch:
        patch.setattr("bridge.web.server._Channel.write_soon", gone)
        with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            assert connection.recv(100) == b""
    assert caplog.records == []
    assert site.post().status == 200


def test_of_two_lengths_the_wrong_one_is_not_taken(site: Site) -> None:
    head, body = callback(site)
    length = f"Content-Length: {len(body)}\r\n".encode()
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    assert send_raw(site.port, head + length + chunked + body + b"\r\n")[0] == 400
    assert site.untouched


def test_a_chunked_callback(site: Site) -> None:
    head, body = callback(site)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    status, content = send_raw(
        site.port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )
    assert (status, content) == (200, {"ok": True})
    assert len(site.store.grants()) == 1


def test_an_endless_body_is_cut(site: Site) -> None:
    head, _ = callback(site)
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        with suppress(ConnectionError):
            while sent < 50_000_000:
                connection.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
                sent += 0x4000
        assert sent < 20_000_000
    assert site.untouched


def test_a_body_after_a_promise_to_wait(site: Site) -> None:
    head, body = callback(site)
    head += f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read_answer(connection)[0] == 200


def test_a_client_that_goes_away_in_the_middle(site: Site) -> None:
    head, body = callback(site)
    head += f"Content-Length: {len(body)}\r\n\r\n".encode()
    for part in (head[:50], head, head + body[:-1]):
        with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
            connection.sendall(part)
    assert site.post(token="x").status == 401
    assert site.untouched


# Slow clients.


def test_two_hundred_slow_clients_do_not_keep_a_good_one_waiting(site: Site) -> None:
    head, body = callback(site)
    whole = head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    with ExitStack() as stack:
        slow = []
        for number in range(200):
            address = ("127.0.0.1", site.port)
            connection = stack.enter_context(socket.create_connection(address, timeout=20))
            connection.sendall(whole[: 10 + number * 2])
            slow.append(connection)
        for number, connection in enumerate(slow):
            connection.sendall(whole[10 + number * 2 : 11 + number * 2])
        begun = time.monotonic()
        assert site.post().status == 200
        # The promise is 0.1 s on an idle machine.
        assert time.monotonic() - begun < 2
        # And the slow ones are served when they come to an end.
        slow[0].sendall(whole[11:])
        assert read_answer(slow[0])[0] == 200
    assert len(site.store.grants()) == 1


def test_a_request_must_end_some_day(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.web.server.REQUEST_LIMIT", 0.2)
    head, body = callback(site)
    head += f"Content-Length: {len(body)}\r\n\r\n".encode()
    deadline = Deadline(20)
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        connection.sendall(head)
        closed = False
        while not closed and not deadline.passed:
            try:
                connection.sendall(b" ")
                connection.settimeout(0.02)
                closed = connection.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
        assert closed
    assert site.untouched


def test_each_request_of_a_connection_has_its_own_time(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.web.server.REQUEST_LIMIT", 0.5)
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            connection.sendall(request[:20])
            threading.Event().wait(0.1)
            connection.sendall(request[20:])
            assert read_answer(connection)[0] == 200


# Start and stop.


def test_a_port_that_is_taken(crashes: Crashes) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError) as caught:
            WebServer("web-test", Flask("x"), "127.0.0.1", port, crashes)
    assert str(caught.value).startswith(f"web-test: cannot listen on 127.0.0.1:{port}: ")
    assert "in use" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_address_that_is_not_ours(crashes: Crashes) -> None:
    with pytest.raises(StartError, match=r"cannot listen on 203.0.113.1:0: Cannot assign"):
        WebServer("web-test", Flask("x"), "203.0.113.1", 0, crashes)


def test_it_leaves_no_thread_and_frees_its_port(crashes: Crashes) -> None:
    before = threading.active_count()
    server = WebServer("web-test", Flask("x"), "127.0.0.1", 0, crashes)
    assert not server.alive
    server.start()
    assert server.alive
    assert ask(server.port, "HEAD", "/x").status == 404
    assert server.stop(Deadline(10)) == []
    assert server.stop(Deadline(10)) == []
    assert not server.alive
    assert threads_fall_to(before)
    again = WebServer("web-test", Flask("x"), "127.0.0.1", server.port, crashes)
    again.stop(Deadline(10))
    assert threads_fall_to(before)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_ipv6(crashes: Crashes) -> None:
    server = WebServer("web-test", Flask("x"), "[::1]", 0, crashes)
    server.start()
    try:
        with socket.create_connection(("::1", server.port), timeout=20) as connection:
            connection.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.0 404")
    finally:
        server.stop(Deadline(10))


def test_stop_lets_a_running_request_end_and_cuts_the_idle(crashes: Crashes) -> None:
    app = Flask("x")
    runs, may_end = threading.Event(), threading.Event()

    @app.get("/slow")
    def slow() -> dict[str, bool]:
        runs.set()
        assert may_end.wait(10)
        return {"ok": True}

    server = WebServer("web-test", app, "127.0.0.1", 0, crashes)
    server.start()
    address = ("127.0.0.1", server.port)
    with (
        socket.create_connection(address, timeout=20) as busy,
        socket.create_connection(address, timeout=20) as idle,
    ):
        busy.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        idle.sendall(b"GET /slow HT")
        assert runs.wait(10)
        stopper = threading.Thread(target=server.stop, args=(Deadline(10),))
        stopper.start()
        may_end.set()
        assert read_answer(busy) == (200, {"ok": True})
        stopper.join(10)
        assert idle.recv(100) == b""
    assert not server.alive


def test_stop_does_not_wait_for_ever(crashes: Crashes) -> None:
    app = Flask("x")
    runs, may_end = threading.Event(), threading.Event()

    @app.get("/stuck")
    def stuck() -> dict[str, bool]:
        runs.set()
        may_end.wait(20)
        return {"ok": True}

    server = WebServer("web-test", app, "127.0.0.1", 0, crashes)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
        assert runs.wait(10)
        begun = time.monotonic()
        server.stop(Deadline(1))
        assert time.monotonic() - begun < 5
    assert not server.alive
    may_end.set()


def test_a_crash_of_its_thread_is_told() -> None:
    crashes = Crashes()
    server = WebServer("web-test", Flask("x"), "127.0.0.1", 0, crashes)
    told = threading.Event()
    seen: list[BaseException] = []

    def on_crash(_name: str, error: BaseException) -> None:
        seen.append(error)
        told.set()

    server.stop(Deadline(10))
    broken = WebServer("web-test", Flask("x"), "127.0.0.1", 0, on_crash)
    broken._map[-1] = socket.socket()
    broken.start()
    assert told.wait(10)
    assert not broken.alive
    broken._map.pop(-1).close()
    broken.stop(Deadline(10))
