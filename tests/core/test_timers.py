"""Named wake-up times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.timers import Timers


def test_nothing_set_means_no_time() -> None:
    timers = Timers()
    assert timers.next() is None
    assert timers.due(1e9) == []


def test_keys_come_due_in_the_order_of_their_times() -> None:
    timers = Timers()
    for key, at in (("b", 2.0), ("a", 1.0), ("c", 3.0)):
        timers.set(key, at)
    assert timers.next() == 1.0
    assert timers.due(2.0) == ["a", "b"]
    assert timers.due(2.0) == []
    assert timers.next() == 3.0


def test_only_the_first_are_given_where_all_were_too_many() -> None:
    timers = Timers()
    for number in range(5):
        timers.set(number, float(number))
    assert timers.due(9.0, 2) == [0, 1]
    assert timers.next() == 2.0
    assert timers.due(2.5, 2) == [2]
    assert timers.due(9.0, 9) == [3, 4]


def test_equal_times_come_in_the_order_they_were_set() -> None:
    timers = Timers()
    timers.set("b", 1.0)
    timers.set(("a", 1), 1.0)
    assert timers.due(1.0) == ["b", ("a", 1)]


def test_setting_again_moves_a_key_both_ways() -> None:
    timers = Timers()
    timers.set("a", 5.0)
    timers.set("a", 9.0)
    assert timers.due(8.0) == []
    timers.set("a", 1.0)
    assert timers.due(1.0) == ["a"]
    assert timers.next() is None


def test_a_cancelled_key_never_comes() -> None:
    timers = Timers()
    timers.set("a", 1.0)
    timers.cancel("a")
    timers.cancel("never set")
    assert "a" not in timers
    assert timers.next() is None


def test_a_key_can_be_set_only_if_it_is_not() -> None:
    timers = Timers()
    timers.set_if_unset("a", 5.0)
    timers.set_if_unset("a", 1.0)
    assert timers.next() == 5.0


OPERATIONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9).map(float)), max_size=30
)


@given(OPERATIONS, st.integers(0, 9).map(float))
def test_it_behaves_as_a_dictionary_of_times(
    operations: list[tuple[str, float | None]], now: float
) -> None:
    timers, model = Timers(), dict[str, float]()
    for key, at in operations:
        if at is None:
            timers.cancel(key)
            model.pop(key, None)
        else:
            timers.set(key, at)
            model[key] = at
        assert timers.next() == min(model.values(), default=None)
    assert sorted(map(str, timers.due(now))) == sorted(k for k, at in model.items() if at <= now)
    assert all((key in timers) == (at > now) for key, at in model.items())
