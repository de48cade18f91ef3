"""The outbox: newest value wins, events stay in order, nothing grows."""

from __future__ import annotations

import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.effects import Lane, Publish
from bridge.mqtt.outbox import EVENT_AGE, EVENT_LIMIT, Outbox


def publish(topic: str, payload: str, lane: Lane = Lane.STATE) -> Publish:
    return Publish(topic, payload, lane=lane)


def refill(topic: str, payload: str) -> Publish:
    return publish(topic, payload, Lane.REFILL)


def event(payload: object) -> Publish:
    return publish("button", str(payload), Lane.EVENT)


def test_only_the_newest_value_of_a_topic_waits() -> None:
    outbox = Outbox()
    outbox.put_all([publish("a", "1"), publish("b", "1"), publish("a", "2")])
    assert len(outbox) == 2
    assert outbox.take(10) == [publish("a", "2"), publish("b", "1")]
    assert outbox.take(10) == []


def test_take_respects_its_limit() -> None:
    outbox = Outbox()
    outbox.put_all([publish("a", "1"), publish("b", "1")])
    assert outbox.take(1) == [publish("a", "1")]
    assert outbox.take(0) == []
    assert outbox.take(1) == [publish("b", "1")]


def test_a_refill_waits_behind_and_gives_way_to_a_newer_state() -> None:
    outbox = Outbox()
    outbox.put_all([refill("a", "old"), refill("b", "old"), publish("a", "new")])
    assert outbox.take(10) == [publish("a", "new")]
    assert outbox.refill_waits
    assert outbox.take_refill(10) == [refill("b", "old")]
    assert not outbox.refill_waits


def test_a_refill_of_a_waiting_state_takes_its_place() -> None:
    outbox = Outbox()
    outbox.put_all([publish("a", "1"), refill("a", "2")])
    assert len(outbox) == 1
    assert outbox.take(10) == [refill("a", "2")]


def test_events_keep_their_order_and_the_oldest_are_dropped() -> None:
    outbox = Outbox()
    outbox.put_all(event(number) for number in range(EVENT_LIMIT + 5))
    taken = outbox.take(EVENT_LIMIT + 5)
    assert [int(each.payload) for each in taken] == list(range(5, EVENT_LIMIT + 5))
    assert outbox.dropped_events == 5


def test_old_events_are_dropped_and_counted() -> None:
    now = [100.0]
    outbox = Outbox(clock=lambda: now[0])
    outbox.put(event("old"))
    now[0] += EVENT_AGE / 2
    outbox.put(event("young"))
    now[0] += EVENT_AGE / 2 + 0.1
    assert outbox.take(10) == [event("young")]
    assert outbox.dropped_events == 1


def test_what_was_put_first_goes_first_and_a_state_before_the_event_about_it() -> None:
    outbox = Outbox()
    accepted, confirmed = event("accepted"), event("confirmed")
    outbox.put(accepted)
    outbox.put_all([confirmed, publish("relay", "ON")])
    outbox.put(publish("other", "1"))
    taken = [outbox.take(1)[0] for _ in range(4)]
    assert taken == [accepted, publish("relay", "ON"), confirmed, publish("other", "1")]


def test_states_do_not_wait_behind_a_long_queue_of_events() -> None:
    outbox = Outbox()
    events = [event(number) for number in range(100)]
    for each in events:
        outbox.put(each)
    states = [publish(str(number), "1") for number in range(10)]
    outbox.put_all(states)
    taken = outbox.take(25)
    assert set(states) <= set(taken)
    taken += outbox.take(100)
    assert [each for each in taken if each.lane is Lane.EVENT] == events


def test_a_topic_that_changes_all_the_time_does_not_lose_its_turn() -> None:
    outbox = Outbox()
    outbox.put(publish("busy", "1"))
    outbox.put(event("one"))
    outbox.put(publish("busy", "2"))
    assert outbox.take(2) == [publish("busy", "2"), event("one")]


def test_what_is_given_back_never_replaces_something_newer() -> None:
    outbox = Outbox()
    outbox.put_all([publish("a", "new"), refill("b", "new")])
    outbox.give_back([publish("a", "old"), publish("b", "old"), publish("c", "older")])
    outbox.give_back([publish("d", "1"), publish("d", "2"), event("gone")])
    assert outbox.take(10) == [publish("a", "new")]
    assert outbox.take_refill(10) == [refill("b", "new"), publish("c", "older"), publish("d", "2")]


def test_calm_turns_the_flood_into_a_refill() -> None:
    outbox = Outbox()
    outbox.put_all([publish("a", "1"), event("e")])
    outbox.calm()
    assert outbox.take(10) == [event("e")]
    outbox.put(refill("a", "2"))
    assert outbox.take_refill(10) == [refill("a", "2")]


def test_clear_forgets_everything() -> None:
    outbox = Outbox()
    outbox.put_all([publish("a", "1"), refill("b", "1"), event("e")])
    assert outbox.urgent
    outbox.clear()
    assert len(outbox) == 0
    assert not outbox.urgent


def test_the_taker_is_called_once_after_it_found_too_little() -> None:
    outbox = Outbox()
    calls: list[int] = []
    outbox.on_ready = lambda: calls.append(1)
    outbox.put(publish("a", "1"))
    assert calls == []
    outbox.take(10)
    outbox.put(publish("a", "2"))
    outbox.put(publish("a", "3"))
    assert calls == [1]
    outbox.take(1)
    outbox.put(publish("a", "4"))
    assert calls == [1], "the taker got all it wanted, so it comes back by itself"


@pytest.mark.parametrize("lane", [Lane.STATE, Lane.REFILL])
def test_an_outbox_that_is_empty_again_takes_no_room(lane: Lane) -> None:
    count = 20_000
    outbox = Outbox()
    tracemalloc.start()
    try:
        outbox.put_all([publish(f"topic/{number}", "", lane) for number in range(count)])
        full, _ = tracemalloc.get_traced_memory()
        while outbox.take(500) or outbox.take_refill(500):
            pass
        empty, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert full > 100 * count
    assert empty < 10 * count


def test_refills_are_counted_by_batch() -> None:
    outbox = Outbox()
    outbox.put(publish("a", "1"))
    assert outbox.refills == 0
    outbox.put_all([refill("a", "1"), refill("b", "1")])
    assert outbox.refills == 1


_PUTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([Lane.STATE, Lane.REFILL]), st.booleans()),
    max_size=40,
)


@given(_PUTS)
def test_the_last_value_taken_is_the_last_value_put(
    puts: list[tuple[str, Lane, bool]],
) -> None:
    outbox = Outbox()
    put: dict[str, int] = {}
    seen: dict[str, list[int]] = {}

    def take() -> None:
        for each in [*outbox.take(2), *outbox.take_refill(1)]:
            seen.setdefault(each.topic, []).append(int(each.payload))

    for number, (topic, lane, then_take) in enumerate(puts):
        outbox.put(publish(topic, str(number), lane))
        put[topic] = number
        if then_take:
            take()
    while len(outbox):
        take()
    assert {topic: values[-1] for topic, values in seen.items()} == put
    assert all(values == sorted(values) for values in seen.values())


def test_many_producers_lose_nothing() -> None:
    outbox = Outbox()

    def produce(name: str) -> None:
        for number in range(500):
            outbox.put(publish(f"{name}/{number}", "x"))

    threads = [threading.Thread(target=produce, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    taken = 0
    while taken < 2_000:
        taken += len(outbox.take(20))
    for thread in threads:
        thread.join(5)
    assert len(outbox) == 0


def test_states_that_were_let_go_do_not_wait_any_more() -> None:
    outbox = Outbox()
    press = Publish("a", "press", lane=Lane.EVENT)
    outbox.put_all([publish("a", "1"), publish("b", "1"), refill("c", "1"), press])
    outbox.let_go({"a", "c", "not waiting"})
    assert outbox.take(10) == [publish("b", "1"), press]
    assert not outbox.refill_waits
    assert outbox.taken_away() == {"a", "c", "not waiting"}
    assert outbox.taken_away() == set()
    outbox.put_all([publish("a", "2")])
    assert outbox.take(10) == [publish("a", "2")]
