"""Answers to password challenges, computed again by the documented formula."""

from __future__ import annotations

import hashlib
import json
import re

import pytest

from bridge.digest import RpcChallenge, http_answer
from bridge.errors import AuthError

REALM = "shellyplus1pm-a8032abe54dc"
DUMMY = "6370ec69915103833b5222b368555393393f098bfbfbb59f47e0590af135f062"
"""HA2 of every RPC answer, as Shelly's documentation prints it."""


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def challenge(**changes: object) -> str:
    told = {
        "auth_type": "digest",
        "nonce": 1700000000,
        "nc": 1,
        "realm": REALM,
        "algorithm": "SHA-256",
    }
    return json.dumps({**told, **changes})


def test_an_rpc_challenge_is_answered_as_documented() -> None:
    answer = RpcChallenge.read(challenge()).answer("pass word")
    proof = f"{sha(f'admin:{REALM}:pass word')}:1700000000:1:{answer['cnonce']}:auth:{DUMMY}"
    assert answer["response"] == sha(proof)
    assert (answer["username"], answer["realm"], answer["nonce"]) == ("admin", REALM, 1700000000)
    assert "pass word" not in json.dumps(answer)


def test_every_use_of_a_challenge_counts_up() -> None:
    read = RpcChallenge.read(challenge())
    answers = [read.answer("x") for _ in range(3)]
    assert [answer["nc"] for answer in answers] == [1, 2, 3]
    assert len({answer["response"] for answer in answers}) == 3


def test_a_wall_display_counts_in_text() -> None:
    assert RpcChallenge.read(challenge(nc="1")).answer("x")["nc"] == "1"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no",
        "[]",
        challenge(algorithm="MD5"),
        challenge(realm=None),
        challenge(realm='a"b'),
        challenge(nonce=None),
        challenge(nonce=[1]),
        challenge(nonce="9" * 5_000),
    ],
)
def test_other_challenges_are_refused(message: str) -> None:
    with pytest.raises(AuthError):
        RpcChallenge.read(message)


def test_an_http_challenge_is_answered_as_documented() -> None:
    header = f'Digest qop="auth", realm="{REALM}", nonce="60f1a2", algorithm=SHA-256'
    answer = http_answer(header, "pass word", "POST", "/rpc")
    parts = dict(re.findall(r'(\w+)="?([^",]+)"?', answer.partition(" ")[2]))
    proof = (
        f"{sha(f'admin:{REALM}:pass word')}:60f1a2:00000001:{parts['cnonce']}:auth:"
        f"{sha('POST:/rpc')}"
    )
    assert parts["response"] == sha(proof)
    assert (parts["uri"], parts["nc"], parts["algorithm"]) == ("/rpc", "00000001", "SHA-256")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic realm=x",
        f'Digest realm="{REALM}", nonce="1"',
        'Digest nonce="1", algorithm=SHA-256',
    ],
)
def test_other_http_challenges_are_refused(header: str) -> None:
    with pytest.raises(AuthError):
        http_answer(header, "x", "POST", "/rpc")
