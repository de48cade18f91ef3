"""Which devices are asked about, how many at once, and when again."""

from __future__ import annotations

import math

from bridge.core.model import DeviceId
from bridge.sources.verification import ASK_AGAIN, AT_ONCE, RETRY_FIRST, SettingsQueue, Verification

ANSWER_LIMIT = 10.0
DEVICES = [DeviceId(f"{number:012x}") for number in range(20)]


def served(count: int = 20) -> Verification:
    verification = Verification(ANSWER_LIMIT)
    for device in DEVICES[:count]:
        verification.add(device)
    return verification


def test_nothing_is_asked_before_the_connection_is_open() -> None:
    verification = served()
    assert verification.next(0.0) == []


def test_every_device_is_asked_once_after_a_connect_and_answers_set_the_pace() -> None:
    verification = served()
    verification.opened()
    asked = verification.next(0.0)
    assert len(asked) == AT_ONCE
    assert verification.next(1.0) == []
    while True:
        for device in asked[-AT_ONCE:]:
            verification.answered(device)
        more = verification.next(1.0)
        if not more:
            break
        asked += more
    assert sorted(asked) == DEVICES


def test_a_device_granted_while_connected_is_asked_about() -> None:
    verification = Verification(ANSWER_LIMIT)
    verification.opened()
    verification.add(DEVICES[0])
    verification.ask(DEVICES[0])
    assert verification.next(0.0) == [DEVICES[0]]


def test_no_answer_in_time_is_told_once_and_makes_room() -> None:
    verification = served(9)
    verification.opened()
    first = verification.next(0.0)
    assert verification.overdue(ANSWER_LIMIT - 0.1) == []
    assert verification.overdue(ANSWER_LIMIT) == first
    assert verification.overdue(ANSWER_LIMIT) == []
    assert len(verification.next(ANSWER_LIMIT)) == 1


def test_it_tells_when_it_has_something_to_do_again() -> None:
    verification = served(2)
    verification.opened()
    assert verification.due_at() == math.inf
    asked = verification.next(1.0)
    assert verification.due_at() == 1.0 + ANSWER_LIMIT
    verification.answered(asked[0])
    verification.postpone(asked[0], 2.0)
    verification.overdue(1.0 + ANSWER_LIMIT)
    again = verification.due_at()
    assert again == 1.0 + ANSWER_LIMIT + RETRY_FIRST
    assert verification.next(again - 0.1) == []
    assert verification.next(again) == [asked[1]]
    verification.answered(asked[1])
    assert verification.due_at() == 2.0 + ASK_AGAIN
    verification.remove(asked[0])
    assert verification.due_at() == math.inf


def test_a_lost_connection_leaves_questions_without_answer() -> None:
    verification = served(10)
    verification.opened()
    verification.next(0.0)
    assert sorted(verification.closed()) == DEVICES[:10]
    assert verification.closed() == []


def test_a_device_that_is_not_granted_any_more_is_asked_about_much_later() -> None:
    verification = served(1)
    verification.opened()
    verification.next(0.0)
    assert verification.answered(DEVICES[0])
    verification.postpone(DEVICES[0], 5.0)
    assert verification.next(5.0 + ASK_AGAIN - 1) == []
    assert verification.next(5.0 + ASK_AGAIN) == [DEVICES[0]]


def test_a_removed_device_is_not_asked_about() -> None:
    verification = served(2)
    verification.opened()
    verification.remove(DEVICES[0])
    assert verification.next(0.0) == [DEVICES[1]]
    assert not verification.answered(DEVICES[0])
    verification.postpone(DEVICES[0], 1.0)
    verification.answered(DEVICES[1])
    assert verification.next(2.0 + ASK_AGAIN) == []


def test_there_is_nobody_to_ask_without_a_connection_or_about_a_stranger() -> None:
    verification = served(1)
    assert not verification.ask(DEVICES[0])
    verification.opened()
    assert verification.ask(DEVICES[0])
    assert not verification.ask(DEVICES[1])
    verification.closed()
    assert not verification.ask(DEVICES[0])


def test_settings_are_asked_for_until_they_came() -> None:
    queue = SettingsQueue()
    queue.want(DEVICES[0])
    queue.want(DEVICES[0])
    assert queue.next() == [DEVICES[0]]
    queue.asked(7, DEVICES[0])
    queue.want(DEVICES[0])
    assert queue.next() == []
    queue.closed()
    queue.want(DEVICES[0])
    assert queue.next() == [DEVICES[0]]
    queue.asked(8, DEVICES[0])
    assert not queue.answered(7)
    assert not queue.answered([8])
    assert queue.answered(8)
    assert not queue.answered(8)
    queue.came(DEVICES[0])
    queue.want(DEVICES[0])
    assert queue.next() == []


def test_settings_of_a_device_that_is_served_anew_are_asked_for_again() -> None:
    queue = SettingsQueue()
    queue.came(DEVICES[0])
    queue.remove(DEVICES[0])
    queue.want(DEVICES[0])
    queue.want(DEVICES[1])
    queue.remove(DEVICES[1])
    assert queue.next() == [DEVICES[0]]
