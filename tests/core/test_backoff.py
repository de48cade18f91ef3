"""When to try again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.backoff import LASTED, Backoff


def test_the_delay_doubles_up_to_the_longest() -> None:
    backoff = Backoff(first=1.0, longest=60.0)
    delays = [backoff.next_delay(0.5) for _ in range(8)]
    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


@pytest.mark.parametrize(("random", "factor"), [(0.0, 0.5), (0.25, 0.75), (1.0, 1.5)])
def test_it_is_spread_from_half_to_one_and_a_half(random: float, factor: float) -> None:
    assert Backoff(first=2.0, longest=60.0).next_delay(random) == 2.0 * factor


def test_a_connection_that_lasted_starts_anew() -> None:
    backoff = Backoff(first=1.0, longest=60.0)
    for _ in range(5):
        backoff.next_delay(0.5)
    backoff.ended(LASTED)
    assert backoff.next_delay(0.5) == 1.0


def test_a_short_one_does_not() -> None:
    backoff = Backoff(first=1.0, longest=60.0)
    backoff.next_delay(0.5)
    backoff.ended(LASTED - 0.1)
    assert backoff.next_delay(0.5) == 2.0


@given(
    st.floats(0.1, 10),
    st.floats(10, 600),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 120)), max_size=20),
)
def test_no_delay_leaves_the_bounds(
    first: float, longest: float, attempts: list[tuple[float, float]]
) -> None:
    backoff = Backoff(first, longest)
    for random, lived in attempts:
        assert 0.5 * first <= backoff.next_delay(random) <= 1.5 * longest
        backoff.ended(lived)
