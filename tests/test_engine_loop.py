"""The engine's thread: everything in order, nothing lost at the end, and a crash is not hidden."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.core.effects import (
    Adopt,
    Effect,
    LetGo,
    Log,
    Publish,
    Reconnect,
    Refresh,
    SaveGrant,
    SaveTopics,
    ScanRetained,
    SendCommand,
)
from bridge.core.engine import Engine
from bridge.core.events import (
    AccessReported,
    CommandNotSent,
    Event,
    LinkChanged,
    MessageArrived,
    StatusReported,
    Vitals,
)
from bridge.core.model import Access, LinkState, Now, SourceKind
from bridge.engine_loop import LONGEST_WAIT, EngineLoop, Executor
from bridge.inbox import Inbox
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.core.dialogue import DEVICE, HOST, grant, settings
from tests.sources.recorder import threads_of

ANSWER = MessageArrived("answer", b"", 0.0)


class Scripted(Engine):
    """Answers `MessageArrived("n", …)` with what the script says, and notes everything."""

    def __init__(self, script: dict[str, list[Effect]]) -> None:
        super().__init__(settings(), {})
        self.script = script
        self.handled: list[Event] = []
        self.timer: float | None = None
        self.ticks = 0

    def handle(self, event: Event, now: Now) -> list[Effect]:
        assert abs(now.mono - time.monotonic()) < 5
        assert abs(now.wall - time.time()) < 5
        self.handled.append(event)
        if isinstance(event, MessageArrived):
            if event.topic == "bug":
                raise ZeroDivisionError
            return list(self.script.get(event.topic, ()))
        return []

    def overloaded(self, message: MessageArrived, now: Now) -> list[Effect]:
        assert now.mono
        return [Publish("overloaded", message.topic)]

    def next_timer(self) -> float | None:
        return self.timer

    def tick(self, now: Now) -> list[Effect]:
        if self.timer is None or now.mono < self.timer:
            return []
        self.timer = None
        self.ticks += 1
        return [Publish("tick", "")]

    def stop(self, now: Now) -> list[Effect]:
        assert now.mono
        return [Publish("last", "")]


class Running:
    """A loop with everything it does written down, in order."""

    def __init__(
        self,
        engine: Engine,
        executors: dict[type, Executor] | None = None,
        vitals: Callable[[], Vitals] = lambda: Vitals({"rss_mib": 1.5}),
        **options: Any,
    ) -> None:
        self.inbox = Inbox()
        self.done: list[Effect] = []
        self.batches: list[list[Publish]] = []
        self.crashes: list[tuple[str, BaseException]] = []
        self.answers: dict[type, Event] = {}
        if executors is None:
            executors = {Refresh: self._execute, Reconnect: self._execute}
        self.loop = EngineLoop(
            engine,
            self.inbox,
            self._publish,
            executors,
            vitals,
            lambda name, error: self.crashes.append((name, error)),
            **options,
        )

    def _publish(self, publications: list[Publish]) -> None:
        assert threading.current_thread().name == "engine"
        self.batches.append(publications)
        self.done += publications

    def _execute(self, effect: Effect) -> Event | None:
        self.done.append(effect)
        return self.answers.get(type(effect))

    def tell(self, topic: str) -> None:
        """Put a message into the inbox."""
        self.inbox.put(MessageArrived(topic, b"", time.monotonic()))

    def topics(self) -> list[str]:
        """The topics that were published, in order."""
        return [effect.topic for effect in self.done if isinstance(effect, Publish)]

    def stop(self) -> None:
        assert self.loop.stop(Deadline(5)) == []


@pytest.fixture
def run() -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def run(
        engine: Engine | None = None, first: tuple[Effect, ...] = (), **options: Any
    ) -> Running:
        running = Running(engine or Scripted({}), **options)
        made.append(running)
        running.loop.start(first)
        return running

    yield run
    for running in made:
        running.stop()
        assert running.crashes == []


Runner = Callable[..., Running]


def test_the_effects_of_the_start_come_first(run: Runner) -> None:
    running = run(first=(Publish("first", ""),))
    running.tell("x")
    wait_until(lambda: running.done)
    assert running.topics() == ["first"]


def test_what_is_let_go_is_what_was_published_before(run: Runner) -> None:
    done: list[object] = []
    script: dict[str, list[Effect]] = {
        "a": [Publish("t", "old"), LetGo(DEVICE, frozenset("t")), Publish("t", "new")]
    }
    running: Running = run(
        Scripted(script), executors={LetGo: lambda _: done.extend(running.batches)}
    )
    running.tell("a")
    wait_until(lambda: len(running.done) == 2)
    assert done == [[Publish("t", "old")]]
    assert running.batches[-1] == [Publish("t", "new")]


def test_very_many_effects_of_the_start_are_no_stuck_engine() -> None:
    beats: list[int] = []
    running = Running(Scripted({}), {Refresh: lambda _: beats.append(running.loop.beats)})
    running.tell("x")
    running.loop.start([Refresh(HOST, DEVICE)] * 20_000 + [Publish("last of the start", "")])
    wait_until(lambda: running.done, 30)
    running.stop()
    assert len(beats) == 20_000
    assert max(Counter(beats).values()) <= 1_000
    assert running.topics()[0] == "last of the start"


def test_effects_are_carried_out_in_their_order(run: Runner) -> None:
    refresh, reconnect = Refresh(HOST, DEVICE), Reconnect(HOST)
    script: dict[str, list[Effect]] = {
        "1": [Publish("a", "1"), refresh, Publish("a", "2")],
        "2": [reconnect, Publish("a", "3")],
    }
    running = run(Scripted(script))
    running.tell("1")
    wait_until(lambda: len(running.done) == 3)
    running.tell("2")
    wait_until(lambda: len(running.done) == 5)
    assert running.done == [
        refresh,
        Publish("a", "1"),
        Publish("a", "2"),
        reconnect,
        Publish("a", "3"),
    ]


def test_a_burst_of_events_is_handled_in_order_and_passed_on_in_parts(run: Runner) -> None:
    """What many events give must not wait for the last of them."""
    script: dict[str, list[Effect]] = {str(n): [Publish(str(n), "")] for n in range(500)}
    running = run(Scripted({"hold": [Refresh(HOST, DEVICE)], **script}))
    for number in range(500):
        running.tell(str(number))
    wait_until(lambda: len(running.topics()) == 500)
    assert running.topics() == [str(number) for number in range(500)]
    assert max(map(len, running.batches)) <= 64


def test_an_answer_given_at_once_is_handled(run: Runner) -> None:
    engine = Scripted({"go": [Refresh(HOST, DEVICE)], "answer": [Publish("answered", "")]})
    running = run(engine)
    running.answers[Refresh] = ANSWER
    running.tell("go")
    wait_until(lambda: running.topics() == ["answered"])
    assert engine.handled[-1] == ANSWER


def test_log_effects_are_logged(run: Runner, caplog: pytest.LogCaptureFixture) -> None:
    running = run(Scripted({"go": [Log(logging.WARNING, "100% wrong %s")]}))
    running.tell("go")
    wait_until(lambda: "100% wrong %s" in caplog.text)
    assert caplog.records[0].levelno == logging.WARNING


def test_a_timer_fires_on_time(run: Runner) -> None:
    engine = Scripted({})
    running = run(engine)
    begin = time.monotonic()
    engine.timer = begin + 0.1
    running.tell("look up")
    wait_until(lambda: engine.ticks == 1)
    assert 0.1 <= time.monotonic() - begin < 0.1 + LONGEST_WAIT
    assert running.topics() == ["tick"]


def test_vitals_come_early_and_then_rarely(run: Runner) -> None:
    engine = Scripted({})
    running = run(engine, first_vitals=0.05)
    vitals = Vitals({"rss_mib": 1.5})
    for number in range(20):
        # It looks up for every message, and else only once a second.
        beats = running.loop.beats
        running.tell(str(number))
        wait_until(lambda beats=beats: running.loop.beats > beats)  # type: ignore[misc]  # mypy and lambda defaults
        time.sleep(0.005)
    assert vitals in engine.handled
    assert sum(isinstance(event, Vitals) for event in engine.handled) == 1


def test_what_was_due_before_is_late_until_the_vitals_have_told(run: Runner) -> None:
    engine = Scripted({})
    engine.timer = time.monotonic() - 0.5
    running = run(engine, first_vitals=3_600.0)
    wait_until(lambda: running.loop.delay)
    assert 0.5 <= running.loop.delay < 10
    before = running.loop.delay
    running.tell("look up")
    wait_until(lambda: running.loop.events == 1)
    assert running.loop.delay == before


def test_what_waits_for_another_event_is_late_and_told_once() -> None:
    told: list[float] = []

    def vitals() -> Vitals:
        told.append(running.loop.delay)
        return Vitals({})

    def stick(_: Effect) -> None:
        threading.Event().wait(0.3)

    script: dict[str, list[Effect]] = {"go": [Refresh(HOST, DEVICE)]}
    running = Running(Scripted(script), {Refresh: stick}, vitals=vitals, first_vitals=0.0)
    running.tell("go")
    running.tell("other")
    running.loop.start(())
    wait_until(lambda: told)
    wait_until(lambda: running.loop.beats)
    running.stop()
    assert told[0] >= 0.3
    assert running.loop.delay < told[0]
    assert running.loop.events == 2


def test_messages_without_room_are_answered_in_order_and_bounded() -> None:
    running = Running(Scripted({}))
    for number in range(10_300):
        running.loop.overload(MessageArrived(str(number), b"", 0.0))
    running.tell("look up")
    running.loop.start(())
    wait_until(lambda: len(running.done) == 10_000)
    running.stop()
    payloads = [effect.payload for effect in running.done if isinstance(effect, Publish)]
    assert payloads[:-1] == [str(number) for number in range(300, 10_300)]
    assert running.topics()[-1] == "last"


def test_a_crash_reaches_the_hook_and_ends_the_thread() -> None:
    running = Running(Scripted({}))
    running.loop.start(())
    assert running.loop.is_alive
    running.tell("bug")
    wait_until(lambda: running.crashes)
    name, error = running.crashes[0]
    assert name == "engine"
    assert isinstance(error, ZeroDivisionError)
    wait_until(lambda: not running.loop.is_alive)
    running.stop()


def test_an_effect_that_nobody_carries_out_is_a_bug() -> None:
    running = Running(Scripted({"go": [Refresh(HOST, DEVICE)]}), {})
    running.loop.start(())
    running.tell("go")
    wait_until(lambda: running.crashes)
    running.stop()


def test_the_stop_handles_what_waits_and_then_says_the_last_words(run: Runner) -> None:
    script: dict[str, list[Effect]] = {str(n): [Publish(str(n), "")] for n in range(200)}
    running = run(Scripted(script))
    for number in range(200):
        running.tell(str(number))
    running.stop()
    assert running.topics() == [*(str(number) for number in range(200)), "last"]
    running.tell("too late")
    running.stop()
    assert running.topics()[-1] == "last"
    assert not threads_of(["engine"])


def test_a_loop_that_was_never_started_can_be_stopped() -> None:
    running = Running(Scripted({}))
    assert not running.loop.is_alive
    running.stop()


def test_a_stuck_engine_is_named_in_time_and_beats_no_more() -> None:
    hold = threading.Event()

    def stick(_: Effect) -> None:
        hold.wait(10)

    running = Running(Scripted({"go": [Refresh(HOST, DEVICE)]}), {Refresh: stick})
    running.loop.start(())
    running.tell("go")
    begin = time.monotonic()
    assert running.loop.stop(Deadline(0.2)) == ["engine"]
    assert time.monotonic() - begin < 1
    assert running.loop.beats <= 1
    hold.set()
    running.stop()


# With the real engine


class Switching:
    """The real engine with a device that is online; what happens to commands is the test's."""

    def __init__(self, send: Executor) -> None:
        def ignore(_: Effect) -> None:
            return

        engine = Engine(settings(), {})
        kinds = (Adopt, SaveGrant, SaveTopics, ScanRetained)
        self.running = Running(engine, {**dict.fromkeys(kinds, ignore), SendCommand: send})
        first = engine.restore([grant()], Now(time.monotonic(), time.time()))
        self.running.loop.start(first)
        for event in (
            LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.CONNECTED),
            AccessReported(HOST, DEVICE, Access.CONTROL),
            StatusReported(HOST, DEVICE, {"switch:0": {"id": 0, "output": False}}, full=True),
            MessageArrived(f"shelly/{DEVICE}/relay/0/set", b"ON", time.monotonic()),
        ):
            self.running.inbox.put(event)

    def results(self) -> list[str]:
        """The status of every result, in order."""
        return [
            json.loads(effect.payload)["status"]
            for effect in self.running.done
            if isinstance(effect, Publish) and effect.topic.endswith("/result")
        ]


def test_a_command_that_cannot_be_sent_has_its_result_at_once() -> None:
    def refuse(effect: SendCommand) -> CommandNotSent:
        return CommandNotSent(effect.link, effect.request, "rate_limited", "too many")

    switching = Switching(refuse)
    wait_until(switching.results)
    switching.running.stop()
    assert switching.results() == ["rate_limited"]
    assert switching.running.crashes == []


def test_a_command_that_is_under_way_has_its_result_at_the_stop() -> None:
    sent: list[SendCommand] = []
    switching = Switching(sent.append)
    wait_until(lambda: sent)
    assert switching.results() == []
    switching.running.stop()
    assert len(switching.results()) == 1
    assert switching.running.crashes == []
