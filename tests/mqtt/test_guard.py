"""Poison is refused beforehand, or found and barred."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.effects import Lane, Publish
from bridge.mqtt.guard import BAR_FIRST, PAYLOAD_LIMIT, STRIKES, Quarantine, Refusals, encode


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "a\0b",
        "a\nb",
        "a/+/b",
        "a/#",
        "a\x7fb",
        "a\x85b",
        "a\ud800b",
        "a" * 65_536,
        "ü" * 32_768,
    ],
)
def test_bad_topics(topic: str) -> None:
    assert isinstance(encode(Publish(topic, "x"), PAYLOAD_LIMIT, None), str)


@pytest.mark.parametrize("topic", ["a", "/", "a/b c", "küche/ß", "a" * 65_535])
def test_good_topics(topic: str) -> None:
    assert encode(Publish(topic, "ü"), PAYLOAD_LIMIT, None) == "ü".encode()


def test_bad_payloads() -> None:
    assert isinstance(encode(Publish("a", "\udc00"), PAYLOAD_LIMIT, None), str)
    assert isinstance(encode(Publish("a", "x" * 11), 10, None), str)
    assert encode(Publish("a", "x" * 10), 10, None) == b"x" * 10
    assert isinstance(encode(Publish("a", "x" * 100), PAYLOAD_LIMIT, 100), str)
    assert encode(Publish("a", ""), PAYLOAD_LIMIT, 100) == b""


@pytest.mark.parametrize("text", ["\ud800", "a\0", "a" * 65_536])
def test_bad_user_properties(text: str) -> None:
    for pair in ((text, ""), ("", text)):
        assert isinstance(encode(Publish("a", "x", properties=(pair,)), PAYLOAD_LIMIT, None), str)


@given(st.text(max_size=200), st.text(max_size=20), st.integers(1, 200))
def test_whatever_passes_can_be_encoded_and_fits(payload: str, topic: str, limit: int) -> None:
    publish = Publish(topic, payload, correlation=b"12", properties=(("a", "b"),))
    encoded = encode(publish, PAYLOAD_LIMIT, limit)
    if isinstance(encoded, bytes):
        assert encoded == payload.encode()
        assert not set(topic) & set("+#\0")
        assert len(encoded) + len(topic.encode()) < limit


def test_refusals_are_counted_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            refusals.add("a\nb", "it is poison")
        refusals.add("c", "it is poison")
    assert refusals.count == 4
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "not published to 'a\\nb'",
        "not published to 'c'",
    ]


def lost(
    quarantine: Quarantine, *topics: str, age: float = 0.01, usual: float | None = 0.002
) -> bool:
    return bool(quarantine.ended([Publish(topic, "x") for topic in topics], age, usual))


def test_the_topic_after_which_the_broker_hangs_up_is_barred_for_a_while() -> None:
    now = [0.0]
    quarantine = Quarantine(lambda: now[0])
    assert not lost(quarantine, "good", "poison", usual=None)
    assert quarantine.suspects("good")
    assert quarantine.suspects("poison")
    quarantine.cleared(Publish("good", "x"))
    assert not quarantine.suspects("good")
    assert [lost(quarantine, "poison") for _ in range(STRIKES)] == [False, False, True]
    assert quarantine.bars(Publish("poison", "newer"))
    assert not quarantine.bars(Publish("good", "x"))
    assert quarantine.released() == []
    now[0] += BAR_FIRST
    assert quarantine.released() == [Publish("poison", "newer")]
    assert not quarantine.bars(Publish("poison", "x"))
    assert lost(quarantine, "poison"), "the next time one hang-up is enough"
    now[0] += BAR_FIRST
    assert quarantine.released() == [], "and the time is longer"
    now[0] += BAR_FIRST
    assert quarantine.released()
    quarantine.cleared(Publish("poison", "x"))
    assert not quarantine.suspects("poison")


def test_other_ends_of_a_connection_bar_nothing() -> None:
    quarantine = Quarantine()
    for _ in range(5):
        assert not lost(quarantine, "a", age=5.0)
        assert not lost(quarantine)
        assert not lost(quarantine, "a", "b")
    for _ in range(5):
        assert not lost(quarantine, "a", usual=None), "it acknowledges nothing at all"
        assert not lost(quarantine, "a", age=0.3), "it is not faster than a yes would be"
    for _ in range(5):
        assert not lost(quarantine, "a")
        quarantine.cleared(Publish("a", "x"))


def long(topic: str, length: int) -> Publish:
    return Publish(topic, "x" * length)


def test_what_is_longer_than_all_that_was_taken_is_barred_at_the_first_hang_up() -> None:
    now = [0.0]
    quarantine = Quarantine(lambda: now[0])
    quarantine.cleared(long("a", 2_000))
    flight = [long("a", 1_999), long("b", 2_499), long("c", 5_000), long("d", 4_000)]
    assert quarantine.ended(flight, 0.01, 0.002) == flight[2:]
    assert not quarantine.suspects("a")
    assert not quarantine.bars(long("e", 3_999))
    assert quarantine.bars(long("f", 6_000))
    assert quarantine.bars(long("c", 10)), "the newest is kept"
    now[0] += BAR_FIRST
    assert quarantine.released() == [long("c", 10), long("d", 4_000), long("f", 6_000)]
    assert quarantine.suspects("d")
    assert quarantine.ended([long("d", 4_000)], 0.01, 0.002) == [long("d", 4_000)]
    assert quarantine.bars(long("f", 6_000)), "none of that length is tried again so soon"
    now[0] += BAR_FIRST
    assert quarantine.released() == []
    assert quarantine.bars(long("d", 4_001))


def test_a_long_one_that_is_taken_proves_the_suspicion_wrong() -> None:
    now = [0.0]
    quarantine = Quarantine(lambda: now[0])
    flight = [long("c", 5_000), long("d", 4_000)]
    assert quarantine.ended(flight, 0.01, 0.002) == flight
    now[0] += BAR_FIRST
    assert quarantine.released() == [flight[1], flight[0]]
    quarantine.cleared(flight[1])
    assert quarantine.ended(flight[:1], 0.01, 0.002) == flight[:1]
    assert not quarantine.bars(long("e", 4_500))
    assert quarantine.bars(long("f", 5_000))
    now[0] += BAR_FIRST
    assert quarantine.released() == [flight[0], long("f", 5_000)], "the time begins anew"


@pytest.mark.parametrize(("age", "usual"), [(0.01, None), (0.3, 0.002), (5.0, 0.002)])
def test_length_is_no_suspicion_where_the_broker_did_not_hang_up(
    age: float, usual: float | None
) -> None:
    quarantine = Quarantine()
    assert quarantine.ended([long("a", 5_000)], age, usual) == []
    assert not quarantine.bars(long("a", 5_000))


def test_suspects_do_not_pile_up() -> None:
    quarantine = Quarantine()
    for number in range(10_000):
        lost(quarantine, f"a/{number}", f"b/{number}")
    assert sum(quarantine.suspects(f"a/{number}") for number in range(10_000)) < 1_000


def test_an_event_lane_publication_is_checked_alike() -> None:
    assert isinstance(encode(Publish("+", "x", lane=Lane.EVENT), PAYLOAD_LIMIT, None), str)
