"""Which devices are asked about, how many at once, and when again."""

from __future__ import annotations

from bridge.core.model import DeviceId
from bridge.sources.verification import ANSWER_LIMIT, ASK_AGAIN, AT_ONCE, Verification

DEVICES = [DeviceId(f"{number:012x}") for number in range(20)]


def served(count: int = 20) -> Verification:
    verification = Verification()
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
            verification.answered(device, 1.0)
        more = verification.next(1.0)
        if not more:
            break
        asked += more
    assert sorted(asked) == DEVICES


def test_a_device_granted_while_connected_is_asked_about() -> None:
    verification = Verification()
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
    assert verification.answered(DEVICES[0], 5.0, granted=False)
    assert verification.next(5.0 + ASK_AGAIN - 1) == []
    assert verification.next(5.0 + ASK_AGAIN) == [DEVICES[0]]


def test_a_removed_device_is_not_asked_about() -> None:
    verification = served(2)
    verification.opened()
    verification.remove(DEVICES[0])
    assert verification.next(0.0) == [DEVICES[1]]
    assert not verification.answered(DEVICES[0], 1.0)
