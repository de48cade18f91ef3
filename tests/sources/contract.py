"""What every source promises, tested against whatever drives its far side."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod

import pytest

from bridge.core.commands import RelayCommand, Target, Turn
from bridge.core.effects import SendCommand
from bridge.core.events import (
    BadInput,
    CommandAnswered,
    CommandNotSent,
    LinkChanged,
    LinkRemoved,
    RefreshAnswered,
    StatusReported,
)
from bridge.core.model import DeviceId, LinkId, LinkState
from bridge.sources.base import Source
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.recorder import Recorder, threads_of

STOP_LIMIT = 2.0

BAD_FRAMES = [
    b"",
    b"not JSON",
    b"[]",
    b'"text"',
    b"{}",
    b'{"event": 5}',
    b'{"event": "Shelly:Unheard"}',
    b'{"event": "Shelly:StatusOnChange"}',
    b'{"event": "Shelly:StatusOnChange", "deviceId": null, "status": {}}',
    b'{"event": "Shelly:StatusOnChange", "deviceId": {"a": 1}, "status": {}}',
    b'{"event": "Shelly:StatusOnChange", "deviceId": "../../x", "status": {}}',
    b'{"event": "Shelly:StatusOnChange", "deviceId": "1", "status": "on"}',
    b'{"event": "Shelly:StatusOnChange", "deviceId": "%b", "status": {}}' % (b"9" * 10_000),
    b'{"event": "Shelly:StatusOnChange", "deviceId": "1", "status": {"a": NaN}}',
    b'{"event": "Shelly:StatusOnChange", "deviceId": "1", "status": {"a": 1e999}}',
    b'{"event": "Shelly:StatusOnChange", "deviceId": "1", "status": {"a": "\\ud800"}}',
    b'{"event": "Shelly:StatusOnChange", "event": "x"}',
    b'{"event": "Shelly:Online", "deviceId": "1", "online": "maybe"}',
    b'{"event": "Shelly:CommandResponse", "trid": "x", "data": {"isok": true}}',
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"9" * 5_000,
]


class Driver(ABC):
    """Owns a source and plays its far side, which knows `device` (online) and `sleeper`."""

    source: Source
    recorder: Recorder
    link: LinkId
    device: DeviceId
    sleeper: DeviceId
    secrets: tuple[str, ...]
    threads: tuple[str, ...]
    """How the names of the source's threads begin."""
    bad_frames: list[bytes] = BAD_FRAMES
    """Frames that tell nothing, each one counted."""
    most_frames = 1_000
    """Frames at once that nothing slows down."""
    not_utf8 = b'{"event": "\xff"}'
    comes_back_by: tuple[str, ...] = (
        *("connecting", "connected", "backoff", "connecting", "connected"),
    )
    """The states of the link when a connection was lost and came back."""

    @abstractmethod
    def begin(self) -> None:
        """Start the source and let it know the devices; connecting may take its time."""

    @abstractmethod
    def mute(self, on: bool) -> None:
        """Whether new connections are accepted and then never answered."""

    @abstractmethod
    def freeze(self) -> None:
        """Neither read nor write any more."""

    @abstractmethod
    def drop(self) -> None:
        """Cut the connection; the next one is welcome."""

    @abstractmethod
    def withhold(self, on: bool) -> None:
        """Whether questions stay without an answer."""

    @abstractmethod
    def say(self, data: bytes) -> None:
        """Send a text frame."""

    @abstractmethod
    def report(self) -> None:
        """Have `device` report that something changed."""

    @abstractmethod
    def opened(self) -> int:
        """How many connections have been opened so far."""

    @abstractmethod
    def unanswered(self) -> int:
        """How many connections were accepted and not answered so far."""

    @abstractmethod
    def received(self) -> int:
        """How many commands reached `device`."""

    def wait_back(self) -> None:
        """Wait until the connection is there again, after it was lost once."""
        self.recorder.wait(LinkChanged, lambda event: event.state is LinkState.CONNECTED, count=2)

    def wait_unanswered(self) -> None:
        """Wait until a peer that never answers is given up."""
        down = self.recorder.wait(LinkChanged, lambda event: event.state is LinkState.BACKOFF)
        assert down.error == "it did not answer in time"

    def wait_down(self) -> None:
        """Wait until an open connection is given up."""
        self.recorder.wait(LinkChanged, lambda event: event.state is LinkState.BACKOFF)

    def up(self) -> None:
        """Begin, and wait until everything is connected and known."""
        self.begin()
        self.recorder.wait(LinkChanged, lambda event: event.state is LinkState.CONNECTED)
        for device in (self.device, self.sleeper):
            self.answer_about(device, 1)

    def answer_about(self, device: DeviceId, count: int) -> str:
        """The outcome of the answer of that number about a device."""
        return self.recorder.wait(
            RefreshAnswered, lambda event: event.device == device, count=count
        ).outcome

    def command(self, request: int = 1, seconds: float = 5.0) -> SendCommand:
        """Switch `device` on."""
        return SendCommand(
            self.link,
            self.device,
            Target("switch", 0),
            RelayCommand(Turn.ON),
            request,
            time.monotonic() + seconds,
        )

    def stop(self) -> float:
        """Stop; gives how long it took (s)."""
        begin = time.monotonic()
        assert self.source.stop(Deadline(STOP_LIMIT + 1)) == []
        return time.monotonic() - begin

    def leftovers(self) -> list[str]:
        """The source's threads that still live."""
        return threads_of(self.threads)


class SourceContract:
    """Inherit it, and give it a fixture `driver` that stops the source in the end."""

    # Starting and stopping

    def test_a_source_that_was_never_started_can_be_stopped(self, driver: Driver) -> None:
        assert driver.stop() < STOP_LIMIT
        driver.source.start()
        assert driver.leftovers() == []

    def test_starting_twice_opens_one_connection(self, driver: Driver) -> None:
        driver.begin()
        driver.source.start()
        driver.up()
        driver.source.start()
        assert driver.opened() == 1

    def test_stopping_leaves_nothing_behind(self, driver: Driver) -> None:
        driver.up()
        assert driver.source.serves(driver.link)
        assert driver.stop() < STOP_LIMIT
        assert driver.stop() < STOP_LIMIT
        wait_until(lambda: not driver.leftovers())
        told = len(driver.recorder.events)
        assert driver.source.send(driver.command()) is not None
        assert driver.source.refresh(driver.link, driver.device) is not None
        driver.source.reconnect(driver.link)
        assert len(driver.recorder.events) == told

    def test_the_end_of_the_bridge_is_not_the_end_of_a_link(self, driver: Driver) -> None:
        """What is retained about a link stays when the bridge restarts."""
        driver.up()
        driver.stop()
        assert driver.recorder.of(LinkRemoved) == []

    def test_stopping_while_it_connects(self, driver: Driver) -> None:
        driver.mute(True)
        driver.begin()
        wait_until(driver.unanswered)
        assert driver.stop() < STOP_LIMIT
        wait_until(lambda: not driver.leftovers())

    def test_stopping_while_the_peer_is_frozen(self, driver: Driver) -> None:
        driver.up()
        driver.freeze()
        for request in range(100):
            driver.source.send(driver.command(request))
        assert driver.stop() < STOP_LIMIT
        wait_until(lambda: not driver.leftovers())

    def test_stopping_from_many_threads_at_once(self, driver: Driver) -> None:
        driver.up()
        threads = [threading.Thread(target=driver.stop) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(STOP_LIMIT + 1)
            assert not thread.is_alive()

    # Commands

    def test_a_command_reaches_the_device_and_is_answered(self, driver: Driver) -> None:
        driver.up()
        assert driver.source.send(driver.command(42)) is None
        answer = driver.recorder.wait(CommandAnswered)
        assert (answer.link, answer.request, answer.ok) == (driver.link, 42, True)
        assert driver.received() == 1

    def test_a_command_after_its_deadline_is_never_sent(self, driver: Driver) -> None:
        driver.up()
        assert driver.source.send(driver.command(1, seconds=-0.1)) is None
        assert driver.source.send(driver.command(2)) is None
        expired = driver.recorder.wait(CommandNotSent)
        assert (expired.request, expired.status) == (1, "expired")
        driver.recorder.wait(CommandAnswered)
        assert driver.received() == 1

    def test_a_command_without_a_connection_is_given_back_at_once(self, driver: Driver) -> None:
        driver.mute(True)
        driver.begin()
        wait_until(driver.unanswered)
        refused = driver.source.send(driver.command(7))
        assert refused is not None
        assert (refused.link, refused.request, refused.status) == (driver.link, 7, "host_down")

    def test_a_command_for_a_link_that_is_not_there_is_given_back(self, driver: Driver) -> None:
        driver.up()
        command = driver.command(7)
        elsewhere = SendCommand(
            LinkId("nowhere.example.org"),
            command.device,
            command.target,
            command.command,
            command.request,
            command.deadline,
        )
        assert not driver.source.serves(elsewhere.link)
        refused = driver.source.send(elsewhere)
        assert refused is not None
        assert (refused.link, refused.status) == (elsewhere.link, "host_down")

    def test_sending_never_blocks(self, driver: Driver) -> None:
        driver.up()
        driver.freeze()
        slowest = 0.0
        for request in range(5_000):
            begin = time.monotonic()
            driver.source.send(driver.command(request))
            slowest = max(slowest, time.monotonic() - begin)
        assert slowest < 0.25

    # Questions: one answer each

    def answers_since(self, driver: Driver, device: DeviceId, count: int) -> list[str]:
        """The answers after so many; one about another device, asked for later, comes later."""
        driver.answer_about(device, count + 1)
        driver.withhold(False)
        others = len(about(driver, driver.sleeper))
        assert driver.source.refresh(driver.link, driver.sleeper) is None
        driver.answer_about(driver.sleeper, others + 1)
        return about(driver, device)[count:]

    def test_a_device_that_is_online_is_answered_with_its_whole_state(self, driver: Driver) -> None:
        driver.up()
        seen = len(driver.recorder.of(StatusReported))
        assert driver.source.refresh(driver.link, driver.device) is None
        assert self.answers_since(driver, driver.device, 1) == ["ok"]
        status = driver.recorder.of(StatusReported)[seen]
        assert (status.link, status.device, status.full) == (driver.link, driver.device, True)

    def test_a_device_that_is_offline_is_answered_so(self, driver: Driver) -> None:
        driver.up()
        assert driver.source.refresh(driver.link, driver.sleeper) is None
        assert driver.answer_about(driver.sleeper, 2) == "offline"

    def test_questions_that_meet_share_an_answer(self, driver: Driver) -> None:
        driver.up()
        driver.withhold(True)
        for _ in range(5):
            assert driver.source.refresh(driver.link, driver.device) is None
        assert self.answers_since(driver, driver.device, 1) == ["timeout"]

    def test_no_answer_in_time_is_an_answer(self, driver: Driver) -> None:
        driver.up()
        driver.withhold(True)
        assert driver.source.refresh(driver.link, driver.device) is None
        assert driver.answer_about(driver.device, 2) == "timeout"
        driver.withhold(False)
        assert driver.source.refresh(driver.link, driver.device) is None
        assert driver.answer_about(driver.device, 3) == "ok"

    def test_a_lost_connection_is_an_answer(self, driver: Driver) -> None:
        driver.up()
        driver.withhold(True)
        assert driver.source.refresh(driver.link, driver.device) is None
        driver.drop()
        assert driver.answer_about(driver.device, 2) in ("failed", "timeout")

    def test_a_question_that_cannot_be_asked_is_answered_at_once(self, driver: Driver) -> None:
        driver.mute(True)
        driver.begin()
        wait_until(driver.unanswered)
        for link in (driver.link, LinkId("nowhere.example.org")):
            answer = driver.source.refresh(link, driver.device)
            assert answer == RefreshAnswered(link, driver.device, "failed")

    def test_a_question_about_a_stranger_is_answered_at_once(self, driver: Driver) -> None:
        driver.up()
        stranger = DeviceId("00000000abcd")
        answer = driver.source.refresh(driver.link, stranger)
        assert answer == RefreshAnswered(driver.link, stranger, "failed")

    # What comes in

    def test_what_a_device_reports_is_told(self, driver: Driver) -> None:
        driver.up()
        driver.report()
        event = driver.recorder.wait(StatusReported, lambda event: not event.full)
        assert (event.link, event.device) == (driver.link, driver.device)
        assert event.status

    def test_bad_frames_are_counted_and_survived(self, driver: Driver) -> None:
        driver.up()
        for number, data in enumerate(driver.bad_frames, 1):
            driver.say(data)
            bad = driver.recorder.wait(BadInput, count=number)
            assert bad.source == driver.link
            assert bad.kind.replace("_", "").isalnum()
            assert len(bad.text) < 300
        driver.report()
        driver.recorder.wait(StatusReported, lambda event: not event.full)
        assert driver.opened() == 1
        assert len(driver.recorder.of(BadInput)) == len(driver.bad_frames)

    def test_hundreds_of_bad_frames_are_as_many_counts(self, driver: Driver) -> None:
        driver.up()
        for number in range(driver.most_frames):
            driver.say(driver.bad_frames[number % len(driver.bad_frames)])
        driver.recorder.wait(BadInput, count=driver.most_frames, limit=30.0)
        driver.report()
        driver.recorder.wait(StatusReported, lambda event: not event.full, limit=1.0)
        assert driver.opened() == 1

    def test_text_that_is_not_utf8_costs_the_connection(self, driver: Driver) -> None:
        driver.up()
        driver.say(driver.not_utf8)
        assert driver.recorder.wait(BadInput).kind == "utf8"
        driver.wait_back()
        assert driver.answer_about(driver.device, 2) == "ok"
        assert driver.opened() == 2

    # Coming back

    @pytest.mark.parametrize("end", ["drop", "reconnect"])
    def test_it_comes_back_by_itself_and_asks_anew(self, driver: Driver, end: str) -> None:
        driver.up()
        if end == "drop":
            driver.drop()
        else:
            driver.source.reconnect(driver.link)
        assert driver.answer_about(driver.device, 2) == "ok"
        assert driver.opened() == 2
        states = [event.state for event in driver.recorder.of(LinkChanged)]
        assert states == list(driver.comes_back_by)

    def test_a_peer_that_never_answers_is_tried_until_it_does(self, driver: Driver) -> None:
        driver.mute(True)
        driver.begin()
        driver.wait_unanswered()
        driver.mute(False)
        assert driver.answer_about(driver.device, 1) == "ok"

    def test_a_frozen_peer_is_given_up(self, driver: Driver) -> None:
        driver.up()
        driver.freeze()
        driver.wait_down()

    def test_all_of_its_threads_are_counted_as_long_as_they_live(self, driver: Driver) -> None:
        driver.up()
        wait_until(lambda: sorted(driver.source.beats()) == sorted(threads_of(driver.threads)))
        driver.stop()
        assert driver.source.beats() == {}

    def test_nothing_secret_is_told_or_logged(
        self, driver: Driver, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        driver.up()
        driver.say(driver.bad_frames[1])
        driver.drop()
        assert driver.answer_about(driver.device, 2) == "ok"
        driver.stop()
        told = [event for event in driver.recorder.events if "Settings" not in type(event).__name__]
        for secret in driver.secrets:
            assert secret not in caplog.text
            assert secret not in repr(told)


def about(driver: Driver, device: DeviceId) -> list[str]:
    """Every outcome that was told about a device."""
    return [
        event.outcome for event in driver.recorder.of(RefreshAnswered) if event.device == device
    ]
