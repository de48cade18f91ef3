"""The questions of an account: what is sent, what the answers mean, and how fast they follow."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from bridge.errors import AuthError, PeerError
from bridge.httpclient import HttpClient, NoAnswerError, RateLimitedError
from bridge.sources.account_http import AccountHttp, NotServedError
from bridge.sources.jwt import Token
from tests.sources.peers import HOST, TlsPeer, read_head, swallow

BASE = f"https://{HOST}"
TOKEN = Token("eyJh.canary.token", 1e12, base=BASE)
SHA1 = "canary0123456789"


class Server:
    """Answers every request in the same way, and remembers them."""

    def __init__(self, content: Any, status: str = "200 OK", headers: str = "") -> None:
        self.body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.status = status
        self.headers = headers
        self.asked: list[tuple[float, str, str]] = []

    def __call__(self, connection: socket.socket) -> None:
        head = read_head(connection).decode()
        length = [line for line in head.split("\r\n") if line.startswith("Content-Length: ")]
        left = int(length[0].split(": ")[1]) if length else 0
        body = b""
        while len(body) < left:
            body += connection.recv(left)
        self.asked.append((time.monotonic(), head, body.decode()))
        start = f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.body)}\r\n{self.headers}\r\n"
        connection.sendall(start.encode() + self.body)


def asked(server: Any, act: Callable[[AccountHttp], Any], pace: float = 0.0) -> Any:
    with TlsPeer(server) as peer:
        return act(AccountHttp(HttpClient(peer.client_context(), peer.resolve, 2.0), "me", pace, 2))


def failure(server: Any, act: Callable[[AccountHttp], Any]) -> PeerError:
    with pytest.raises(PeerError) as caught:
        asked(server, act)
    text = str(caught.value)
    assert text.isprintable()
    assert "canary" not in text
    return caught.value


def log_in(http: AccountHttp) -> str:
    return http.log_in(BASE, "a@example.org", SHA1)


def renew(http: AccountHttp) -> Any:
    return http.renew(BASE, "canary-refresh")


def all_status(http: AccountHttp) -> Any:
    return http.all_status(TOKEN, shared=False)


def test_a_login_posts_the_hash_and_gives_the_code() -> None:
    server = Server({"isok": True, "data": {"code": "eyJ.a.b"}})
    assert asked(server, log_in) == "eyJ.a.b"
    ((_, head, body),) = server.asked
    assert head.startswith("POST /oauth/login HTTP/1.1")
    assert body == f"email=a%40example.org&password={SHA1}&response_type=&client_id=me"


def test_codes_and_refresh_tokens_are_exchanged() -> None:
    server = Server({"access_token": "x"})
    assert asked(server, lambda http: http.exchange(BASE, "the code")) == {"access_token": "x"}
    assert asked(server, renew) == {"access_token": "x"}
    assert [body for _, _, body in server.asked] == [
        "client_id=me&grant_type=code&code=the+code",
        "client_id=me&grant_type=refresh_token&refresh_token=canary-refresh",
    ]
    assert all("GET" not in head for _, head, _ in server.asked)


@pytest.mark.parametrize(("shared", "own"), [(False, "true"), (True, "false")])
def test_all_devices_are_asked_for_with_the_token_in_the_header(shared: bool, own: str) -> None:
    server = Server({"isok": True, "data": {"devices_status": {"a8032abe54dc": {}}}})
    found = asked(server, lambda http: http.all_status(TOKEN, shared=shared))
    assert found == {"a8032abe54dc": {}}
    ((_, head, _),) = server.asked
    path = f"/device/all_status?show_info=true&no_shared={own}"
    assert head.startswith(f"GET {path} HTTP/1.1")
    assert "Authorization: Bearer eyJh.canary.token\r\n" in head
    assert "Content-Length" not in head


def test_names_are_cleaned() -> None:
    devices = {
        "a8032abe54dc": {"id": "a8032abe54dc", "name": "Kü\u202eche\n"},
        "0cb815fd44e1": {"name": "x" * 1_000},
        "XB042067635174480": {"id": "XB042067635174480", "name": "Door"},
        "1": {"name": "no id"},
        "2": {"id": [], "name": "no id"},
        "d3e4f5": {"id": "d3e4f5", "name": " "},
        "d3e4f6": {"id": "d3e4f6", "name": 5},
        "d3e4f7": None,
    }
    server = Server({"isok": True, "data": {"devices": devices}})
    found = asked(server, lambda http: http.names(TOKEN))
    assert found["a8032abe54dc"] == "Kü che "
    assert len(found["0cb815fd44e1"]) == 100
    assert set(found) == {"a8032abe54dc", "0cb815fd44e1", "XB042067635174480"}


@pytest.mark.parametrize(
    ("status", "content"),
    [
        ("400 No", {"isok": False, "errors": {"wrong_parameter": f"wrong {SHA1}"}}),
        ("401 No", {}),
        ("403 No", {"error": "access_denied"}),
        ("200 OK", {"isok": False, "errors": {"x": "y"}}),
        ("400 No", {"isok": False, "errors": {"x": "wrong code, try again later"}}),
        ("200 OK", {"isok": False}),
        ("200 OK", {"error": "invalid_grant"}),
    ],
)
def test_a_refusal_is_told_from_an_outage(status: str, content: Any) -> None:
    for act in (log_in, renew):
        assert isinstance(failure(Server(content, status), act), AuthError)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        ("400 No", b"<html>Bad gateway</html>"),
        ("401 No", b"<html>canary</html>"),
        ("403 No", b"<html>Attention required!</html>"),
        ("403 No", {}),
        ("400 No", []),
        ("200 OK", {"isok": False, "errors": {"server_maintenance": "be patient"}}),
        ("200 OK", {"isok": False, "errors": {"x": "Please try again later."}}),
        ("401 No", {"error": "temporarily_unavailable"}),
        ("400 No", {"error": "server_error"}),
    ],
)
def test_what_a_proxy_or_a_broken_server_says_is_no_refusal(status: str, content: Any) -> None:
    for act in (log_in, renew):
        assert not isinstance(failure(Server(content, status), act), AuthError)


def test_ordinary_sentences_are_shown() -> None:
    said = "Too many log-ins: 5 of 5. Wait, then try 2 minutes later!"
    content = {"isok": False, "errors": [said, "hash 5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"]}
    assert str(failure(Server(content, "400 No"), renew)) == f"{HOST}: refused ({said})"


def test_what_was_sent_is_not_shown_even_if_it_looks_like_a_word() -> None:
    content = {"isok": False, "errors": {"x": "no such token Secretword"}}
    with pytest.raises(AuthError) as caught:
        asked(Server(content, "400 No"), lambda http: http.renew(BASE, "secretWord"))
    assert str(caught.value) == f"{HOST}: refused (x)"


def test_a_refusal_is_shown_in_the_servers_words_if_they_are_plain() -> None:
    content = {"isok": False, "errors": {"wrong_parameter": "Wrong parameter", "x": f"not {SHA1}"}}
    text = str(failure(Server(content, "400 No"), renew))
    assert text == f"{HOST}: refused (wrong_parameter; x; Wrong parameter)"


@pytest.mark.parametrize("act", [log_in, renew, all_status])
@pytest.mark.parametrize(
    ("status", "content"),
    [
        ("429 Slowly", {}),
        ("401 No", {"isok": False, "errors": {"max_req": "Request limit reached!"}}),
        ("200 OK", {"isok": False, "errors": {"max_req": "Request limit reached!"}}),
    ],
)
def test_too_many_questions_are_no_refusal(
    act: Callable[[AccountHttp], Any], status: str, content: Any
) -> None:
    error = failure(Server(content, status, "Retry-After: 7\r\n"), act)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after in (7.0, None)


@pytest.mark.parametrize("act", [log_in, renew, all_status])
@pytest.mark.parametrize(
    ("status", "content"),
    [
        ("200 OK", b""),
        ("200 OK", b"<html>"),
        ("200 OK", []),
        ("200 OK", b'{"a": 1e999}'),
        ("302 Found", {}),
        ("500 Oh", {}),
        ("204 None", b""),
    ],
)
def test_an_odd_answer_is_an_outage(
    act: Callable[[AccountHttp], Any], status: str, content: Any
) -> None:
    error = failure(Server(content, status, "Location: https://evil.example.org/\r\n"), act)
    assert not isinstance(error, AuthError | RateLimitedError | NotServedError)


@pytest.mark.parametrize("act", [log_in, renew, all_status])
def test_a_host_that_does_not_know_us_is_told_apart(act: Callable[[AccountHttp], Any]) -> None:
    assert isinstance(failure(Server({}, "404 No"), act), NotServedError)


@pytest.mark.parametrize(
    "content",
    [
        {"isok": True},
        {"isok": True, "data": []},
        {"isok": True, "data": {}},
        {"isok": True, "data": {"devices_status": "x"}},
        {"isok": True, "data": {"devices_status": [{}]}},
        {"isok": True, "data": {"devices_status": {f"{n:x}": {} for n in range(5_001)}}},
        {"isok": False, "data": {"devices_status": {}}},
        {"data": {"devices_status": {}}},
    ],
)
def test_a_list_that_is_none(content: Any) -> None:
    failure(Server(content), all_status)


def test_an_empty_list_is_an_array() -> None:
    assert asked(Server({"isok": True, "data": {"devices_status": []}}), all_status) == {}


def test_sixteen_megabytes_are_taken_and_more_is_not() -> None:
    entry = {"a8032abe54dc": {"x": "y" * (5 * 2**20)}}
    server = Server({"isok": True, "data": {"devices_status": entry}})
    assert len(asked(server, all_status)["a8032abe54dc"]["x"]) == 5 * 2**20
    text = str(failure(Server(b" " * (16 * 2**20 + 1)), all_status))
    assert "larger than" in text


def test_a_server_that_does_not_answer_is_told_apart() -> None:
    with TlsPeer(swallow) as peer:
        http = AccountHttp(HttpClient(peer.client_context(), peer.resolve, 0.2), "me", 0.0, 0.2)
        for act in (log_in, renew, all_status):
            with pytest.raises(NoAnswerError):
                act(http)


def test_two_questions_keep_their_distance_whoever_asks() -> None:
    server = Server({"access_token": "x"})

    def ask_from_four_threads(http: AccountHttp) -> None:
        threads = [threading.Thread(target=renew, args=(http,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)

    asked(server, ask_from_four_threads, pace=0.1)
    times = [at for at, _, _ in server.asked]
    assert len(times) == 4
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(times))


def test_nothing_is_asked_after_the_end_and_nobody_waits_for_a_turn() -> None:
    server = Server({"access_token": "x"})

    def act(http: AccountHttp) -> None:
        renew(http)
        threading.Timer(0.1, http.close).start()
        begin = time.monotonic()
        with pytest.raises(PeerError, match="stopping"):
            renew(http)
        assert time.monotonic() - begin < 5

    asked(server, act, pace=30.0)
    assert len(server.asked) == 1
