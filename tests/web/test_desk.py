"""Pages ask the engine, and wait no longer than they should."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge.core.effects import Show
from bridge.core.events import Event, Looked, MessageArrived
from bridge.core.topics import Topics
from bridge.core.views.asked import OneDevice, Table
from bridge.core.views.shown import Rows
from bridge.web import desk as module
from bridge.web.desk import MOST_ASKERS, MOST_LOOKS, BusyError, Desk
from tests.brokers import wait_until

TOPICS = Topics("home")
ROWS = Rows((), 0, 0)


class Engine:
    """Takes events, and answers each in a thread of its own by `reply`."""

    def __init__(self, reply: Callable[[Event], list[Show]]) -> None:
        self.events: list[Event] = []
        self.desk = Desk(self.offer, TOPICS)
        self._reply = reply

    def offer(self, event: Event) -> bool:
        self.events.append(event)
        shows = self._reply(event)
        answering = threading.Thread(target=self._show, args=(shows,))
        answering.start()
        answering.join(5)
        return True

    def _show(self, shows: list[Show]) -> None:
        for show in shows:
            self.desk.show(show)


def asker(event: Event) -> int:
    assert isinstance(event, Looked | MessageArrived)
    assert event.asker is not None
    return event.asker


def test_a_look_gets_its_answer() -> None:
    engine = Engine(lambda event: [Show(asker(event), ROWS)])
    assert engine.desk.table(Table("boiler")) is ROWS
    (event,) = engine.events
    assert isinstance(event, Looked)
    assert event.view == Table("boiler")


def test_nothing_is_a_good_answer_about_a_device() -> None:
    engine = Engine(lambda event: [Show(asker(event), None)])
    assert engine.desk.device("nobody") is None


def test_a_command_goes_as_a_message_to_the_channel() -> None:
    engine = Engine(lambda _: [])
    with engine.desk.command("boiler", "relay", 0, {"state": "ON"}):
        pass
    (event,) = engine.events
    assert isinstance(event, MessageArrived)
    assert (event.topic, event.payload) == ("home/boiler/relay/0/set", b'{"state":"ON"}')
    assert not event.stored
    assert not event.retain


def test_a_request_goes_as_a_message_to_the_bridge() -> None:
    engine = Engine(lambda event: [Show(asker(event), {"status": "ok"})])
    with engine.desk.request("device/refresh", {"id": "a8032abe54dc"}) as answers:
        assert answers.next(1).document == {"status": "ok"}
    (event,) = engine.events
    assert isinstance(event, MessageArrived)
    assert event.topic == "home/bridge/request/device/refresh"


def test_the_last_result_of_a_command_counts() -> None:
    engine = Engine(
        lambda event: [Show(asker(event), "accepted", final=False), Show(asker(event), "done")]
    )
    with engine.desk.command("boiler", "relay", 0, {}) as answers:
        assert answers.final(5).document == "done"


def test_who_waits_no_longer_gets_the_latest_result() -> None:
    engine = Engine(lambda event: [Show(asker(event), "accepted", final=False)])
    with engine.desk.command("boiler", "relay", 0, {}) as answers:
        assert answers.final(0.01).document == "accepted"


def test_an_engine_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_LIMIT", 0.01)
    engine = Engine(lambda _: [])
    with pytest.raises(BusyError, match="did not answer"):
        engine.desk.overview()
    engine.desk.show(Show(asker(engine.events[0]), "too late"))


def test_nobody_waits_behind_one_who_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW", 0.05)
    engine = Engine(lambda _: [])
    first = threading.Thread(target=engine.desk.device, args=("boiler",))
    first.start()
    wait_until(lambda: engine.events)
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > module.SLOW * 2)
    with pytest.raises(BusyError, match="does not answer just now"):
        engine.desk.device("boiler")
    assert len(engine.events) == 1
    engine.desk.show(Show(asker(engine.events[0]), None))
    first.join(10)
    assert not first.is_alive()


def test_an_engine_without_room_is_told_to_nobody_twice() -> None:
    desk = Desk(lambda _: False, TOPICS)
    for _ in range(MOST_ASKERS + 1):
        with pytest.raises(BusyError, match="too much to do"):
            desk.overview()
        with pytest.raises(BusyError, match="too much to do"):
            desk.command("boiler", "relay", 0, {})


def test_only_so_many_may_wait() -> None:
    engine = Engine(lambda _: [])
    waiting = [engine.desk.command("boiler", "relay", 0, {}) for _ in range(MOST_ASKERS)]
    with pytest.raises(BusyError, match="too many"):
        engine.desk.command("boiler", "relay", 0, {})
    with waiting[0]:
        pass
    engine.desk.command("boiler", "relay", 0, {})


def test_a_wrong_answer_is_our_own_bug() -> None:
    engine = Engine(lambda event: [Show(asker(event), ROWS)])
    with pytest.raises(TypeError, match=OneDevice.__name__):
        engine.desk.device("boiler")


def test_many_who_look_at_once_all_see_something() -> None:
    looks: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def offer(event: Event) -> bool:
        looks.put(event)
        return True

    desk = Desk(offer, TOPICS)
    with ThreadPoolExecutor(MOST_LOOKS * 2) as pool:
        seen = [pool.submit(desk.table, Table()) for _ in range(MOST_LOOKS * 2)]
        # No more than that are asked at once; each answer makes room for the next one.
        wait_until(lambda: looks.qsize() == MOST_LOOKS)
        for _ in seen:
            desk.show(Show(asker(looks.get(timeout=5)), ROWS))
        assert [each.result(5) for each in seen] == [ROWS] * len(seen)
