"""The life of a command: spacing, superseding, limits, and exactly one final result."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from bridge.core.commands import Command, LightCommand, RelayCommand, Target, Turn
from bridge.core.dispatch import (
    MOST_PENDING,
    MOST_WAITING,
    AnswerDue,
    Dispatch,
    Limits,
    ReleaseDue,
)
from bridge.core.effects import Effect, Publish, SendCommand
from bridge.core.events import CommandAnswered, CommandNotSent
from bridge.core.model import DeviceId, Json, LinkId, Now, SourceKind
from bridge.core.results import Order, Route, Sender
from bridge.core.timers import Timers
from tests.core.dialogue import DEVICE, HOST, OTHER, OTHER_HOST

ON, OFF, TOGGLE = (RelayCommand(turn) for turn in Turn)
LIMITS = Limits(timeout=10.0, confirm_timeout=5.0, min_interval=0.5)


class Desk:
    """A dispatch, its timers, and the time."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.dispatch = Dispatch(LIMITS, self.timers)
        self.mono = 1_000.0
        self.results: dict[int, list[tuple[str, str]]] = {}
        self.sent: list[tuple[float, SendCommand]] = []
        self._count = 0

    def submit(
        self,
        command: Command = ON,
        *,
        device: DeviceId = DEVICE,
        number: int = 0,
        ttl: float = 10.0,
        before: dict[str, Json] | None = None,
        native: str | None = None,
    ) -> int:
        """Submit a command; gives a number of its own for its results."""
        self._count += 1
        sender = Sender(f"shelly/{device}/relay/{number}", self.mono, id=self._count)
        route = Route(
            device,
            ("relay", number),
            Target(native or "switch", number),
            HOST,
            SourceKind.INTEGRATOR,
            native=native is not None,
        )
        order = Order(sender, route, command, self.mono + ttl, before=before or {})
        self.results[self._count] = []
        self.hear(self.dispatch.submit(order, self.now))
        return self._count

    @property
    def now(self) -> Now:
        return Now(self.mono, 0.0)

    def hear(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, SendCommand):
                self.sent.append((self.mono, effect))
            else:
                assert isinstance(effect, Publish)
                body = json.loads(effect.payload)
                self.results[body["id"]].append((body["status"], body["stage"]))

    def wait(self, seconds: float) -> None:
        end = self.mono + seconds
        while (timer := self.timers.next()) is not None and timer <= end:
            self.mono = timer
            for key in self.timers.due(timer):
                if isinstance(key, ReleaseDue):
                    self.hear(self.dispatch.release(key, self.now))
                else:
                    assert isinstance(key, AnswerDue)
                    self.hear(self.dispatch.timed_out(key, self.now))
        self.mono = end

    def answer(
        self, index: int = -1, *, ok: bool = True, link: LinkId = HOST, **values: Any
    ) -> None:
        request = self.sent[index][1].request
        answered = CommandAnswered(link, request, ok, None if ok else "OFFLINE")
        self.hear(self.dispatch.answered(answered, self.now, values))

    def see(self, number: int = 0, device: DeviceId = DEVICE, **values: Any) -> None:
        self.hear(self.dispatch.seen(device, ("relay", number), values, self.now))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_command_goes_at_once(desk: Desk) -> None:
    desk.submit()
    ((at, sent),) = desk.sent
    assert at == 1_000.0
    assert sent == SendCommand(HOST, DEVICE, Target("switch", 0), ON, sent.request, 1_010.0)
    assert sent.request > 0


def test_accepted_then_confirmed(desk: Desk) -> None:
    command = desk.submit(before={"state": "OFF"})
    desk.answer(state="OFF")
    assert desk.results[command] == [("ok", "accepted")]
    desk.see(state="ON")
    assert desk.results[command] == [("ok", "accepted"), ("ok", "confirmed")]
    assert len(desk.dispatch) == 0


def test_a_state_before_the_answer_counts(desk: Desk) -> None:
    command = desk.submit(before={"state": "OFF"})
    desk.see(state="ON")
    assert desk.results[command] == []
    desk.see(state="OFF")
    desk.answer(state="OFF")
    assert desk.results[command] == [("ok", "accepted"), ("ok", "confirmed")]


def test_a_state_that_was_so_already_counts(desk: Desk) -> None:
    command = desk.submit(before={"state": "ON"})
    desk.answer(state="ON")
    assert desk.results[command] == [("ok", "accepted"), ("ok", "confirmed")]


def test_accepted_but_no_state(desk: Desk) -> None:
    command = desk.submit()
    desk.wait(9.0)
    desk.answer(state="OFF")
    desk.wait(4.9)
    assert desk.results[command] == [("ok", "accepted")]
    desk.wait(0.1)
    assert desk.results[command] == [("ok", "accepted"), ("timeout", "confirm")]


def test_no_answer_is_a_timeout_even_if_the_state_came(desk: Desk) -> None:
    command = desk.submit()
    desk.see(state="ON")
    desk.wait(10.0)
    assert desk.results[command] == [("timeout", "sent")]


def test_a_refusal_by_the_cloud(desk: Desk) -> None:
    command = desk.submit()
    desk.answer(ok=False)
    assert desk.results[command] == [("error", "sent")]


def test_a_late_or_foreign_or_second_answer_is_ignored(desk: Desk) -> None:
    command = desk.submit()
    desk.answer(link=OTHER_HOST)
    assert desk.results[command] == []
    desk.hear(desk.dispatch.answered(CommandAnswered(HOST, 999, True), desk.now, {}))
    desk.answer()
    desk.answer()
    desk.answer(ok=False)
    assert desk.results[command] == [("ok", "accepted")]
    desk.see(state="ON")
    desk.answer()
    desk.wait(60)
    assert desk.results[command] == [("ok", "accepted"), ("ok", "confirmed")]


def test_a_command_that_came_back_unsent(desk: Desk) -> None:
    command = desk.submit()
    request = desk.sent[0][1].request
    back = CommandNotSent(HOST, request, "host_down", "gone")
    desk.hear(desk.dispatch.not_sent(CommandNotSent(OTHER_HOST, request, "x", ""), desk.now))
    desk.hear(desk.dispatch.not_sent(back, desk.now))
    desk.hear(desk.dispatch.not_sent(back, desk.now))
    assert desk.results[command] == [("host_down", "refused")]


# Distance


def test_commands_to_one_device_keep_a_distance(desk: Desk) -> None:
    desk.submit()
    desk.submit(number=1)
    desk.submit(TOGGLE, device=OTHER)
    assert [(at, sent.device) for at, sent in desk.sent] == [(1_000.0, DEVICE), (1_000.0, OTHER)]
    desk.wait(0.5)
    assert [at for at, sent in desk.sent if sent.device == DEVICE] == [1_000.0, 1_000.5]


def test_they_go_in_their_order(desk: Desk) -> None:
    for number in range(5):
        desk.submit(number=number)
    desk.wait(5)
    assert [(at, sent.target.number) for at, sent in desk.sent] == [
        *((1_000.0, 0), (1_000.5, 1), (1_001.0, 2), (1_001.5, 3), (1_002.0, 4))
    ]


def test_none_jumps_the_queue(desk: Desk) -> None:
    desk.submit()
    desk.submit(number=1)
    desk.mono += 0.6
    # The device is free again, but somebody else waits for it.
    desk.submit(number=2)
    desk.wait(5)
    assert [sent.target.number for _, sent in desk.sent] == [0, 1, 2]


def test_a_newer_command_replaces_a_waiting_one(desk: Desk) -> None:
    desk.submit()
    second, third = desk.submit(OFF), desk.submit(ON)
    assert desk.results[second] == [("superseded", "refused")]
    desk.wait(1)
    assert [sent.command for _, sent in desk.sent] == [ON, ON]
    desk.answer(state="ON")
    assert desk.results[third] == [("ok", "accepted"), ("ok", "confirmed")]


def test_it_leaves_other_channels_alone(desk: Desk) -> None:
    desk.submit()
    second = desk.submit(OFF, number=1)
    desk.submit(OFF, number=2)
    assert desk.results[second] == []


def test_toggles_all_run(desk: Desk) -> None:
    for _ in range(3):
        desk.submit(TOGGLE)
    desk.submit(ON)
    desk.wait(3)
    assert [sent.command for _, sent in desk.sent] == [TOGGLE, TOGGLE, TOGGLE, ON]


def test_wishes_for_different_parts_of_a_light_all_run(desk: Desk) -> None:
    bright, bluish = LightCommand(brightness=5), LightCommand(color=(0, 0, 9))
    desk.submit()
    desk.submit(LightCommand(brightness=50))
    desk.submit(bluish)
    desk.submit(bright)
    desk.wait(3)
    assert [sent.command for _, sent in desk.sent] == [ON, bluish, bright]


def test_a_toggle_that_waited_is_not_confirmed_by_the_one_before_it(desk: Desk) -> None:
    first = desk.submit(TOGGLE, before={"state": "OFF"})
    second = desk.submit(TOGGLE, before={"state": "OFF"})
    desk.answer(state="OFF")
    desk.see(state="ON")
    assert desk.results[first][-1] == ("ok", "confirmed")
    desk.wait(0.5)
    desk.answer(state="ON")
    assert desk.results[second] == [("ok", "accepted")]
    desk.see(state="OFF")
    assert desk.results[second][-1] == ("ok", "confirmed")


def test_a_native_toggle_without_a_method_goes_by_the_latest_state(desk: Desk) -> None:
    first = desk.submit(TOGGLE, before={"state": "OFF"}, native="boolean")
    second = desk.submit(TOGGLE, before={"state": "OFF"}, native="boolean")
    desk.see(state="ON")
    desk.answer(state="ON")
    assert desk.results[first][-1] == ("ok", "confirmed")
    desk.wait(0.5)
    assert [(sent.command, sent.native) for _, sent in desk.sent] == [(ON, True), (OFF, True)]
    desk.answer(state="ON")
    desk.see(state="OFF")
    assert desk.results[second][-1] == ("ok", "confirmed")


# Limits


def test_a_gateway_may_take_long_for_what_it_asks_by_radio(desk: Desk) -> None:
    asked = desk.submit(ON, before={"state": "OFF"}, native="blutrv")
    desk.wait(59)
    assert desk.results[asked] == []
    desk.answer(state="ON")
    assert [status for status, _ in desk.results[asked]] == ["ok", "ok"]
    asked = desk.submit(OFF, before={"state": "ON"}, native="blutrv")
    desk.wait(61)
    assert desk.results[asked] == [("timeout", "sent")]


def test_a_command_whose_time_is_over_is_never_sent(desk: Desk) -> None:
    command = desk.submit(ttl=0.0)
    assert desk.sent == []
    assert desk.results[command] == [("expired", "refused")]
    assert len(desk.dispatch) == 0


def test_a_command_that_waits_too_long_expires_in_time(desk: Desk) -> None:
    desk.submit()
    command = desk.submit(TOGGLE, ttl=0.3)
    desk.wait(0.29)
    assert desk.results[command] == []
    desk.wait(0.01)
    assert desk.results[command] == [("expired", "refused")]
    desk.wait(5)
    assert len(desk.sent) == 1


def test_a_short_one_behind_a_long_one_expires_first(desk: Desk) -> None:
    desk.submit()
    patient = desk.submit(TOGGLE)
    hasty = desk.submit(TOGGLE, ttl=0.1)
    desk.wait(0.5)
    assert desk.results[hasty] == [("expired", "refused")]
    assert desk.results[patient] == []
    assert len(desk.sent) == 2


def test_no_device_has_an_endless_queue(desk: Desk) -> None:
    commands = [desk.submit(TOGGLE) for _ in range(MOST_WAITING + 2)]
    assert desk.results[commands[-1]] == [("rate_limited", "refused")]
    assert all(not desk.results[command] for command in commands[:-1])


def test_nor_has_the_bridge(desk: Desk) -> None:
    for number in range(MOST_PENDING):
        desk.submit(device=DeviceId(f"{number:012x}"))
    command = desk.submit(device=OTHER)
    assert desk.results[command] == [("rate_limited", "refused")]
    desk.wait(10)
    assert len(desk.dispatch) == 0
    desk.submit(device=OTHER)
    assert len(desk.sent) == MOST_PENDING + 1


def test_request_numbers_differ(desk: Desk) -> None:
    for number in range(50):
        desk.submit(device=DeviceId(f"{number:012x}"))
    assert len({sent.request for _, sent in desk.sent}) == 50


# Ends


def test_a_device_that_goes_finishes_its_commands(desk: Desk) -> None:
    first, second = desk.submit(), desk.submit(number=1)
    other = desk.submit(device=OTHER)
    desk.hear(desk.dispatch.drop_device(DEVICE, "unknown", "removed", desk.now))
    assert desk.results[first] == [("unknown", "sent")]
    assert desk.results[second] == [("unknown", "refused")]
    desk.wait(60)
    assert desk.results[other] == [("timeout", "sent")]
    assert len(desk.dispatch) == 0
    assert len(desk.sent) == 2


def test_a_stop_finishes_all(desk: Desk) -> None:
    accepted, sent = desk.submit(), desk.submit(device=OTHER)
    waiting = desk.submit(device=OTHER)
    desk.answer(0)
    desk.hear(desk.dispatch.stop(desk.now))
    assert desk.results[accepted] == [("ok", "accepted"), ("error", "confirm")]
    assert desk.results[sent] == [("error", "sent")]
    assert desk.results[waiting] == [("error", "refused")]
    assert len(desk.dispatch) == 0


def test_a_timer_that_rings_for_nobody_does_nothing(desk: Desk) -> None:
    assert desk.dispatch.release(ReleaseDue(DEVICE), desk.now) == []
    assert desk.dispatch.timed_out(AnswerDue(5), desk.now) == []
    assert desk.dispatch.sent(5) is None
    desk.submit()
    order = desk.dispatch.sent(desk.sent[0][1].request)
    assert order is not None
    assert (order.route.device, order.route.channel) == (DEVICE, ("relay", 0))
