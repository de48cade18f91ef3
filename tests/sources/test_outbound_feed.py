"""What devices tell reaches the engine in order, never more at once than it can work off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.core.events import CommandAnswered, DeviceLeft, Event, StatusReported
from bridge.core.model import DeviceId, LinkId
from bridge.sources.outbound_feed import EACH_ROUND, FULL, HEAVY, Feed
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.recorder import Recorder

LINK, DEVICE = LinkId("outbound"), DeviceId("a8032abe54dc")


class Rounds:
    """Stands in for the engine's count of its rounds."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        return self.count


@pytest.fixture
def rounds() -> Rounds:
    return Rounds()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def feed(recorder: Recorder, rounds: Rounds) -> Iterator[Feed]:
    made = Feed(recorder, lambda _, error: recorder.crashes.append(error), rounds)
    yield made
    assert made.stop(Deadline(5)) == []
    assert recorder.crashes == []


def status(members: int, device: DeviceId = DEVICE) -> Event:
    whole = {f"m{number}": number for number in range(members)}
    return StatusReported(LINK, device, {"switch:0": whole}, full=False)


def test_no_more_than_a_moments_work_is_passed_on_in_one_round(
    feed: Feed, recorder: Recorder, rounds: Rounds
) -> None:
    heavy = [status(EACH_ROUND // 4) for _ in range(9)]
    for event in heavy:
        feed(event)
    feed.start()
    for passed in (3, 6, 9):
        wait_until(lambda n=passed: len(recorder.events) == n)  # type: ignore[misc]  # mypy and defaults
        assert feed.beats()
        rounds.count += 1
    assert recorder.events == heavy


def test_who_tells_little_goes_first_and_each_in_its_order(
    feed: Feed, recorder: Recorder, rounds: Rounds
) -> None:
    loud = [DeviceId(f"{number:012x}") for number in range(20)]
    heavy = [status(EACH_ROUND, device) for device in loud for _ in range(2)]
    light = [status(number) for number in range(1, 5)]
    for event in [*heavy, *light]:
        feed(event)
    answer = CommandAnswered(LINK, 7, True)
    feed(answer)
    feed.start()

    def goes_on() -> bool:
        rounds.count += 1
        return len(recorder.events) == 45

    wait_until(goes_on)
    assert recorder.events[0] == answer
    assert recorder.events[1:5] == light
    for device in loud:
        mine = [event for event in recorder.events if getattr(event, "device", None) == device]
        assert [id(event) for event in mine] == [
            id(event) for event in heavy if getattr(event, "device", None) == device
        ]


def test_what_is_heavier_than_that_comes_alone(
    feed: Feed, recorder: Recorder, rounds: Rounds
) -> None:
    for _ in range(2):
        feed(status(3 * EACH_ROUND))
    feed.start()
    wait_until(lambda: len(recorder.events) == 1)
    rounds.count += 1
    wait_until(lambda: len(recorder.events) == 2)


def test_light_events_pass_in_one_round(feed: Feed, recorder: Recorder) -> None:
    feed.start()
    for _ in range(200):
        feed(DeviceLeft(LINK, DEVICE))
    wait_until(lambda: len(recorder.events) == 200)


def test_it_is_full_by_number_and_by_weight(feed: Feed) -> None:
    feed(status(HEAVY // 2))
    assert not feed.is_full
    feed(status(HEAVY // 2))
    assert feed.is_full


def test_it_is_full_of_many_that_are_light(feed: Feed) -> None:
    for _ in range(FULL):
        assert not feed.is_full
        feed(DeviceLeft(LINK, DEVICE))
    assert feed.is_full


def test_at_the_end_everything_is_passed_on(recorder: Recorder, rounds: Rounds) -> None:
    feed = Feed(recorder, lambda *_: None, rounds)
    for _ in range(10):
        feed(status(EACH_ROUND))
    feed.start()
    assert feed.stop(Deadline(5)) == []
    assert len(recorder.events) == 10
