"""How much may come: bounded for one, for a place, and for all, and none pays for the loud ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bridge.sources import outbound_allowance
from bridge.sources.outbound_allowance import (
    DEVICE,
    EVERYBODY,
    NEWCOMERS,
    PLACE,
    Allowance,
    Bucket,
    Places,
    Purse,
    Rate,
)

amounts = some.lists(some.tuples(some.floats(0, 5), some.floats(0, 50)), max_size=40)


@given(amounts)
def test_in_the_long_run_no_more_comes_than_the_rate(amounts: list[tuple[float, float]]) -> None:
    bucket, now, came = Bucket(Rate(100, 10), 0.0), 0.0, 0.0
    for pause, amount in amounts:
        now += pause
        wait = bucket.wait(now)
        now += wait
        came += amount
        bucket.take(now, amount)
        assert came <= 100 + 10 * now + amount + 1e-6


def purse(places: Places, name: str, now: float = 0.0) -> Purse:
    made = Purse(now)
    made.join(places.at(name, now).allowance, places.everybody(now))
    return made


@pytest.mark.parametrize("kind", ["messages", "size", "members"])
def test_each_limit_counts_by_itself(kind: str) -> None:
    allowance = Allowance(0.0, DEVICE)
    rate: Rate = getattr(DEVICE, kind)
    allowance.take(0.0, **{kind: rate.most})
    assert allowance.wait(0.0) == 0
    allowance.take(0.0, **{kind: rate.each_second})
    assert allowance.wait(0.0) == pytest.approx(1.0)
    assert not allowance.is_half_full(0.0)
    assert allowance.is_half_full(1e6)


def test_many_from_one_place_share_what_the_place_has() -> None:
    places = Places()
    crowd = [purse(places, "10.0.0.9") for _ in range(20)]
    for each in crowd:
        each.take(0.0, members=DEVICE.members.most)
    assert all(each.own.wait(0.0) == 0 for each in crowd)
    assert all(each.wait(0.0) > 60 for each in crowd)
    assert purse(places, "10.0.0.9").wait(0.0) > 60
    assert purse(places, "10.0.0.8").wait(0.0) == 0


def test_all_places_share_too_but_who_keeps_quiet_need_not_wait() -> None:
    places = Places()
    for number in range(10):
        loud = purse(places, f"10.0.0.{number}")
        loud.take(0.0, members=PLACE.members.most * 0.6)
        loud.own = Allowance(0.0, DEVICE)
    assert 10 * 0.6 * PLACE.members.most > EVERYBODY.members.most
    assert loud.wait(0.0) > 60
    assert purse(places, "10.0.1.1").wait(0.0) == 0


def test_places_are_forgotten_when_nothing_is_lost_and_bounded_in_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbound_allowance, "MOST_PLACES", 10)
    places = Places()
    for number in range(10):
        places.at(f"loud {number}", 0.0).newcomers.take(0.0, 100)
    other = places.at("other", 0.0)
    assert places.at("another", 0.0) is other, "those beyond the bound count as one"
    assert places.at("loud 3", 0.0) is not other
    later = 1_000 / NEWCOMERS.each_second
    fresh = places.at("another", later)
    assert fresh is not other
    assert fresh is not places.at("third", later)


def test_what_was_taken_before_the_name_was_known_is_paid_for() -> None:
    early, device = Purse(0.0), Allowance(0.0, DEVICE)
    early.take(0.0, messages=5, size=100, members=50)
    early.own.move_to(device, 0.0)
    assert device.share_left(0.0) == pytest.approx(1 - 5 / DEVICE.messages.most)
