"""The token endpoint."""

from __future__ import annotations

import json
import socket
import ssl
import time

import jwt
import pytest

from bridge.errors import AuthError, PeerError
from bridge.httpclient import HttpClient
from bridge.simulator.api import TOKEN_PATH
from bridge.simulator.faults import TokenAnswer
from bridge.simulator.world import World
from tests.simulator.client import LIMIT, Client, post, token


def ask(world: World, timeout: float = LIMIT) -> dict[str, object]:
    context = ssl.create_default_context(cafile=str(world.ca_file))
    client = HttpClient(context, world.resolver, timeout)
    return client.post_form(world.api_url + TOKEN_PATH, {"itg": world.tag, "token": world.token})


def test_a_token_opens_a_connection(world: World) -> None:
    status, body = token(world)
    answer = json.loads(body)
    assert (status, answer["isok"]) == (200, True)
    claims = jwt.decode(answer["data"], options={"verify_signature": False})
    assert claims["exp"] == pytest.approx(time.time() + 86_400, abs=60)
    with Client(world, jwt=answer["data"]) as client:
        assert client.quiet()
    counters = world.api.counters
    assert (len(counters.token_requests), counters.tokens_issued) == (1, 1)
    assert list(counters.requests) == [("POST", TOKEN_PATH)]


@pytest.mark.parametrize("wrong", [{"tag": "ITG_OTHER"}, {"secret": "wrong"}])
def test_wrong_credentials(world: World, wrong: dict[str, str]) -> None:
    status, body = token(world, **wrong)
    assert status == 401
    assert json.loads(body)["isok"] is False
    assert json.loads(body)["errors"]
    assert world.token.encode() not in body
    world.api.faults.refused_status = 200
    assert token(world, **wrong) == (200, body)
    assert world.api.counters.tokens_refused == 2


def test_the_lifetime_can_be_chosen(world: World) -> None:
    world.tokens.lifetime = 5
    claims = jwt.decode(json.loads(token(world)[1])["data"], options={"verify_signature": False})
    assert claims["exp"] == pytest.approx(time.time() + 5, abs=2)


def test_other_pages_are_not_found(world: World) -> None:
    status, _ = post(world, "/elsewhere", b"x=1")
    assert status == 404


@pytest.mark.parametrize(
    "fault",
    [
        TokenAnswer.ERROR_500,
        TokenAnswer.HTML,
        TokenAnswer.REDIRECT,
        TokenAnswer.EMPTY,
        TokenAnswer.HUGE,
        TokenAnswer.CUT,
    ],
)
def test_the_bridge_survives_every_wrong_answer(world: World, fault: TokenAnswer) -> None:
    world.api.faults.token = fault
    with pytest.raises(PeerError):
        ask(world)
    assert list(world.api.counters.requests) == [("POST", TOKEN_PATH)]
    world.api.faults.token = TokenAnswer.GOOD
    assert ask(world)["isok"] is True


def test_answers_that_are_json_and_yet_wrong(world: World) -> None:
    world.api.faults.token = TokenAnswer.NOT_OK
    assert ask(world)["isok"] is False
    world.api.faults.token = TokenAnswer.NOT_A_JWT
    assert ask(world) == {"isok": True, "data": "not a token"}
    world.api.faults.token = TokenAnswer.GOOD
    world.token = "changed on the client's side"
    with pytest.raises(AuthError):
        ask(world)


def test_no_answer_and_a_late_one(world: World) -> None:
    world.api.faults.token = TokenAnswer.HANG
    with pytest.raises(PeerError, match="did not answer in time"):
        ask(world, timeout=0.3)
    world.api.faults.token = TokenAnswer.GOOD
    world.api.faults.delay = 0.2
    started = time.monotonic()
    assert ask(world)["isok"] is True
    assert time.monotonic() - started >= 0.2


def test_a_request_in_pieces_is_one(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.ca_file))
    body = f"itg={world.tag}&token={world.token}".encode()
    plain = socket.create_connection(("127.0.0.1", world.port), LIMIT)
    with context.wrap_socket(plain, server_hostname="localhost") as tls:
        head = f"POST {TOKEN_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        for part in (head.encode(), b"\r\n", body[:5], body[5:]):
            tls.sendall(part)
        answer = b""
        while part := tls.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"isok":true' in answer
