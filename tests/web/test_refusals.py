from __future__ import annotations

import pytest

from bridge.web.refusals import WINDOW, Refusals


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(clock: Clock) -> Refusals:
    return Refusals(clock)


def test_each_address_is_counted_for_itself(refusals: Refusals) -> None:
    assert [refusals.add("192.0.2.1") for _ in range(3)] == [1, 2, 3]
    assert refusals.add("192.0.2.2") == 1
    assert refusals.count("192.0.2.1") == 3
    assert refusals.count("192.0.2.3") == 0


def test_a_minute_later_it_starts_again(refusals: Refusals, clock: Clock) -> None:
    refusals.add("192.0.2.1")
    clock.time += WINDOW - 1
    assert refusals.add("192.0.2.1") == 2
    clock.time += 1
    assert refusals.count("192.0.2.1") == 0
    assert refusals.add("192.0.2.1") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
        (None, "no address"),
        ("", "192.0.2.1:80"),
    ],
)
def test_addresses_of_one_owner_count_together(
    refusals: Refusals, one: str | None, other: str
) -> None:
    refusals.add(one)
    assert refusals.add(other) == 2


def test_ipv6_networks_differ(refusals: Refusals) -> None:
    refusals.add("2001:db8:0:1::1")
    assert refusals.add("2001:db8:0:2::1") == 1


def test_its_memory_is_bounded_and_forgets_the_oldest(refusals: Refusals) -> None:
    for number in range(1025):
        refusals.add(f"10.0.{number // 256}.{number % 256}")
    assert refusals.count("10.0.0.0") == 0
    assert refusals.count("10.0.0.1") == 1
    assert refusals.count("10.0.4.0") == 1
