"""Connections are opened within one time limit, and given up the moment somebody wants it."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from bridge.dial import Attempt, describe
from tests.brokers import free_port, wait_until
from tests.sources.peers import HOST, TlsPeer, swallow
from tests.sources.recorder import threads_of

LIMIT = 0.4


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """An address that answers no SYN: a listener whose queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address: tuple[str, int] = listener.getsockname()
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield address


@pytest.fixture
def hanging_lookup(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No name is resolved before the test is over."""
    over = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        over.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
    over.set()
    wait_until(lambda: not threads_of(["test-aid"]))


def failure(address: tuple[str, int], abort_after: float | None = None) -> tuple[OSError, float]:
    """Why there is no connection to an address, and after how long (s)."""
    context = ssl.create_default_context()
    attempt = Attempt("test", LIMIT if abort_after is None else 30.0)
    timer = threading.Timer(abort_after or 0.0, attempt.abort)
    begin = time.monotonic()
    with attempt:
        if abort_after is not None:
            timer.start()
        with pytest.raises(OSError) as caught:  # noqa: PT011 - the text is judged by the caller
            attempt.connect(address, context, HOST)
    took = time.monotonic() - begin
    if abort_after is not None:
        timer.join()
    return caught.value, took


def test_a_connection_has_no_time_limit_of_its_own_once_it_is_open() -> None:
    with TlsPeer(swallow) as peer, Attempt("test", 5.0) as attempt:
        secured = attempt.connect(("localhost", peer.port), peer.client_context(), HOST)
        assert secured.gettimeout() is None
        assert secured.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        attempt.close(secured)
    wait_until(lambda: not threads_of(["test-"]))


def test_an_address_that_does_not_answer_is_given_up_in_time(full: tuple[str, int]) -> None:
    error, took = failure(full)
    assert describe(error) == "it did not answer in time"
    assert took < LIMIT + 0.5


@pytest.mark.usefixtures("hanging_lookup")
def test_a_name_that_is_not_resolved_is_given_up_in_time() -> None:
    error, took = failure(("shelly.invalid", 1))
    assert describe(error) == "it did not answer in time"
    assert took < LIMIT + 0.5


def test_an_attempt_can_be_aborted_while_it_connects(full: tuple[str, int]) -> None:
    error, took = failure(full, abort_after=0.1)
    assert describe(error) == "it was ended here"
    assert took < 1.0


@pytest.mark.usefixtures("hanging_lookup")
def test_an_attempt_can_be_aborted_while_the_name_is_looked_up() -> None:
    error, took = failure(("shelly.invalid", 1), abort_after=0.1)
    assert describe(error) == "it was ended here"
    assert took < 1.0


def test_an_attempt_can_be_aborted_before_it_begins() -> None:
    attempt = Attempt("test", 30.0)
    attempt.abort()
    attempt.abort()
    with attempt, pytest.raises(ConnectionAbortedError):
        attempt.connect(("127.0.0.1", free_port()), ssl.create_default_context(), HOST)


def test_every_address_of_a_name_is_tried(
    monkeypatch: pytest.MonkeyPatch, full: tuple[str, int]
) -> None:
    with TlsPeer(swallow) as peer, Attempt("test", 1.0) as attempt:
        places = [("127.0.0.1", free_port()), full, ("127.0.0.1", peer.port)]

        def getaddrinfo(*_: object, **__: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        secured = attempt.connect((HOST, 6113), peer.client_context(), HOST)
        attempt.close(secured)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (lambda: ("127.0.0.1", free_port()), "Connection refused"),
        (lambda: ("shelly.invalid", 1), "its name cannot be resolved"),
        (lambda: ("x" * 64 + ".invalid", 1), "its name cannot be resolved"),
    ],
)
def test_what_went_wrong_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, address: Callable[[], tuple[str, int]], text: str
) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        host.encode("idna")
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    error, _ = failure(address())
    assert describe(error) == text


def test_an_error_without_a_text_has_one_all_the_same() -> None:
    assert describe(OSError()) == "the connection broke"
    assert describe(ssl.SSLError()) == "TLS failed: unknown reason"


@pytest.mark.parametrize("part", ["_limit", "_look_up"])
def test_an_attempt_whose_helper_crashes_is_given_up(
    monkeypatch: pytest.MonkeyPatch, full: tuple[str, int], part: str
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    if part == "_limit":
        monkeypatch.setattr(Attempt, "_limit", broken)
    else:
        monkeypatch.setattr(socket, "getaddrinfo", broken)
    begin = time.monotonic()
    with Attempt("test", 20.0) as attempt, pytest.raises(OSError, match="ended here"):
        attempt.connect(full, ssl.create_default_context(), HOST)
    assert time.monotonic() - begin < 10
    assert attempt.aborted
