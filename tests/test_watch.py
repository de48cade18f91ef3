"""A part that stands still is named; one that goes on, has ended or was just thawed is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.watch import AWAY, PARTS, Patience, Watch

QUICK = Patience(late=3, stuck=10)


class Parts:
    """Counters that the test moves, and a watch that looks once a second."""

    def __init__(self, **counts: int) -> None:
        self.counts = counts
        self.now = 100.0
        self.watch = Watch(lambda: dict(self.counts), {}, QUICK)

    def look(self, seconds: int, *moving: str) -> None:
        """Let time pass, while some parts go on."""
        for _ in range(seconds):
            self.now += 1
            for name in moving:
                self.counts[name] += 1
            self.watch.look(self.now)


def test_who_goes_on_is_fine() -> None:
    parts = Parts(a=0, b=7)
    parts.look(60, "a", "b")
    assert (parts.watch.late, parts.watch.stuck) == ([], [])


def test_who_stands_still_is_late_and_then_stuck() -> None:
    parts = Parts(a=0, b=0)
    parts.look(4, "a")
    assert (parts.watch.late, parts.watch.stuck) == ([], [])
    parts.look(1, "a")
    assert (parts.watch.late, parts.watch.stuck) == (["b"], [])
    parts.look(7, "a")
    assert (parts.watch.late, parts.watch.stuck) == (["b"], ["b"])
    parts.look(1, "a", "b")
    assert (parts.watch.late, parts.watch.stuck) == ([], [])


def test_each_has_its_own_patience() -> None:
    counts = {"engine": 0, "other": 0}
    watch = Watch(lambda: counts, {"engine": Patience(1, 2)}, QUICK)
    for now in range(4):
        watch.look(float(now))
    assert (watch.late, watch.stuck) == (["engine"], ["engine"])


def test_who_ended_is_forgotten_and_who_comes_has_time() -> None:
    parts = Parts(a=0, b=0)
    parts.look(20, "a")
    del parts.counts["b"]
    parts.counts["c"] = 0
    parts.look(1, "a")
    assert (parts.watch.late, parts.watch.stuck) == ([], [])
    parts.look(4, "a")
    assert parts.watch.late == ["c"]


def test_nobody_is_blamed_when_the_whole_process_was_stopped() -> None:
    parts = Parts(a=0)
    parts.look(1)
    parts.now += AWAY + 1_000
    parts.look(1)
    assert (parts.watch.late, parts.watch.stuck) == ([], [])
    parts.look(11)
    assert parts.watch.stuck == ["a"]


def test_a_watch_that_has_not_looked_blames_nobody() -> None:
    assert Parts(a=0).watch.late == []


@given(st.lists(st.tuples(st.floats(0.1, AWAY - 1), st.booleans()), max_size=60))
def test_stuck_is_exactly_who_did_nothing_for_long(steps: list[tuple[float, bool]]) -> None:
    parts = Parts(a=0)
    parts.look(1)
    moved_at = parts.now
    for seconds, moves in steps:
        parts.now += seconds
        parts.counts["a"] += moves
        parts.watch.look(parts.now)
        moved_at = parts.now if moves else moved_at
        assert parts.watch.late == (["a"] if parts.now - moved_at > QUICK.late else [])
        assert parts.watch.stuck == (["a"] if parts.now - moved_at > QUICK.stuck else [])


def test_a_stuck_engine_ends_the_process_well_before_a_watchdog_of_a_minute() -> None:
    assert PARTS["engine"].stuck <= 30


def test_a_stuck_keeper_ends_the_process_much_sooner_than_a_source() -> None:
    assert PARTS["cluster"].late < PARTS["cluster"].stuck <= 15
