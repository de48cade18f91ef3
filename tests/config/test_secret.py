"""A secret is seen only by those who ask for it by name."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from bridge.config.secret import Secret

CANARY = "canary-secret"


@pytest.mark.parametrize(
    "text",
    [
        repr(Secret(CANARY)),
        str(Secret(CANARY)),
        f"{Secret(CANARY)}",
        f"{Secret(CANARY)!r:>40}",
        f"{Secret(CANARY):>40}",
        "%s %r" % (Secret(CANARY), Secret(CANARY)),  # noqa: UP031 - this way is tested too
        repr([Secret(CANARY)]),
        repr({"a": (Secret(CANARY),)}),
    ],
)
def test_every_way_to_print_it_shows_stars(text: str) -> None:
    assert CANARY not in text
    assert "****" in text


def test_its_length_does_not_show() -> None:
    assert str(Secret("a")) == str(Secret("a" * 100))


def test_reveal_gives_it_away() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_equality() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("ä\ud800") == Secret("ä\ud800")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))


def test_it_is_not_written_by_accident() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps({"password": Secret(CANARY)})


def test_copies_are_the_secret_itself() -> None:
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret
