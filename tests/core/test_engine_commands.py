"""Commands through the engine: every status and stage, and exactly one final result (contract 7.4).

The first part is a dialogue for each way a command can end; the second lets chance write the
dialogue and judges the whole of it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.effects import Publish, SendCommand
from bridge.core.events import (
    AccessReported,
    CommandAnswered,
    CommandNotSent,
    DeviceMoved,
    GrantRevoked,
    GrantStored,
    OnlineReported,
)
from bridge.core.model import Access, DeviceId
from tests.core import payloads
from tests.core.dialogue import (
    DEVICE,
    HOST,
    OTHER,
    OTHER_HOST,
    ROOT,
    Dialogue,
    Reply,
    grant,
    online,
)

STATUSES = {
    *("ok", "error", "timeout", "unknown", "invalid", "read_only", "unsupported", "host_down"),
    *("device_offline", "retained", "expired", "superseded", "rate_limited"),
}
STAGES = {"refused", "sent", "accepted", "confirmed", "confirm"}

Way = Callable[[Dialogue], list[Reply]]


def refusal(status: str, *arguments: Any, **flags: Any) -> tuple[Way, list[tuple[str, str]]]:
    return (lambda dialogue: [dialogue.sets(*arguments, **flags)]), [(status, "refused")]


def confirmed(dialogue: Dialogue) -> list[Reply]:
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    return [dialogue.answers(sent), dialogue.reports({"switch:0": {"output": True}})]


def not_confirmed(dialogue: Dialogue) -> list[Reply]:
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    return [dialogue.answers(sent), dialogue.waits(5)]


def refused_by_the_cloud(dialogue: Dialogue) -> list[Reply]:
    return [dialogue.answers(dialogue.sets("relay/0", "ON").one(SendCommand), ok=False, text="no")]


def never_answered(dialogue: Dialogue) -> list[Reply]:
    dialogue.sets("relay/0", "ON")
    return [dialogue.reports({"switch:0": {"output": True}}), dialogue.waits(10)]


def given_back(status: str) -> Way:
    def way(dialogue: Dialogue) -> list[Reply]:
        sent = dialogue.sets("relay/0", "ON").one(SendCommand)
        return [dialogue.says(CommandNotSent(sent.link, sent.request, status, "why not"))]

    return way


def superseded(dialogue: Dialogue) -> list[Reply]:
    dialogue.sets("relay/1", "ON")
    dialogue.sets("relay/0", "OFF")
    return [dialogue.sets("relay/0", "ON")]


def expired(dialogue: Dialogue) -> list[Reply]:
    dialogue.sets("relay/0", "ON")
    dialogue.sets("relay/1", '{"state":"ON","ttl":0.1}')
    return [dialogue.waits(0.2)]


def removed(dialogue: Dialogue) -> list[Reply]:
    dialogue.sets("relay/0", "ON")
    return [dialogue.says(GrantRevoked(DEVICE))]


def stopped(dialogue: Dialogue) -> list[Reply]:
    dialogue.sets("relay/0", "ON")
    return [dialogue.stops()]


def crowded(dialogue: Dialogue) -> list[Reply]:
    return [dialogue.sets("relay/0", "TOGGLE") for _ in range(18)]


def host_down(dialogue: Dialogue) -> list[Reply]:
    dialogue.loses()
    return [dialogue.sets("relay/0", "ON")]


def device_offline(dialogue: Dialogue) -> list[Reply]:
    dialogue.says(OnlineReported(HOST, DEVICE, online=False))
    return [dialogue.sets("relay/0", "ON")]


def read_only(dialogue: Dialogue) -> list[Reply]:
    dialogue.says(AccessReported(HOST, DEVICE, Access.READ))
    return [dialogue.sets("relay/0", "ON")]


WAYS: dict[str, tuple[Way, list[tuple[str, str]]]] = {
    "confirmed": (confirmed, [("ok", "accepted"), ("ok", "confirmed")]),
    "not confirmed": (not_confirmed, [("ok", "accepted"), ("timeout", "confirm")]),
    "refused by the cloud": (refused_by_the_cloud, [("error", "sent")]),
    "never answered": (never_answered, [("timeout", "sent")]),
    "given back": (given_back("host_down"), [("host_down", "refused")]),
    "given back late": (given_back("expired"), [("expired", "refused")]),
    "superseded": (superseded, [("superseded", "refused")]),
    "expired": (expired, [("expired", "refused")]),
    "removed": (removed, [("unknown", "sent")]),
    "stopped": (stopped, [("error", "sent")]),
    "crowded": (crowded, [("rate_limited", "refused")]),
    "host down": (host_down, [("host_down", "refused")]),
    "device offline": (device_offline, [("device_offline", "refused")]),
    "read only": (read_only, [("read_only", "refused")]),
    "no such channel": refusal("unknown", "relay/9", "ON"),
    "wrong": refusal("invalid", "relay/0", "OPEN"),
    "wrong kind": refusal("unsupported", "sys/0", "ON"),
    "stored": refusal("retained", "relay/0", "ON", stored=True),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_way_a_command_can_end(name: str) -> None:
    way, results = WAYS[name]
    dialogue = online(status=payloads.two_switches())
    assert [result for reply in way(dialogue) for result in reply.results] == results


def test_these_are_all_of_them() -> None:
    told = [result for _, results in WAYS.values() for result in results]
    assert {status for status, _ in told} == STATUSES
    assert {stage for _, stage in told} == STAGES


def test_state_is_what_the_device_said_and_never_what_was_asked_of_it() -> None:
    dialogue = online(status=payloads.two_switches())
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    dialogue.answers(sent)
    dialogue.waits(60)
    assert dialogue.holds(f"{ROOT}/relay/0")["state"] == "OFF"


def test_a_whole_status_confirms_as_well_as_a_part() -> None:
    dialogue = online(status=payloads.two_switches())
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    dialogue.answers(sent)
    status = {**payloads.two_switches(), "switch:0": payloads.switch(output=True)}
    assert dialogue.reports(status, full=True).results == [("ok", "confirmed")]


def test_a_throttled_state_confirms_at_once() -> None:
    dialogue = online(status={"cover:0": payloads.cover()})
    sent = dialogue.sets("roller/0", "70").one(SendCommand)
    dialogue.answers(sent)
    assert dialogue.reports({"cover:0": {"current_pos": 70}}).results == [("ok", "confirmed")]


def test_results_tell_how_long_it_took() -> None:
    dialogue = online(status=payloads.two_switches())
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    dialogue.waits(0.412)
    body = dialogue.answers(sent).json(f"{ROOT}/relay/0/result")
    assert (body["ms"], body["trid"]) == (412, sent.request)
    assert body["via"] == f"integrator:{HOST}"


# Dialogues that chance writes

CHANNELS = ("relay/0", "relay/1", "relay/9", "wifi/0")
WORDS = ("ON", "OFF", "TOGGLE", "OPEN")
DEVICES = (DEVICE, OTHER)


class Play:
    """An engine with two devices, a cloud that does as it likes, and a record of everything."""

    def __init__(self) -> None:
        self.dialogue = online(grant(), grant(OTHER))
        self.results: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.requests: dict[int, set[str]] = defaultdict(set)
        self.sent: list[tuple[float, SendCommand]] = []
        self.last_sent: dict[DeviceId, float] = {}
        self.commands: list[str] = []
        self.said: dict[tuple[DeviceId, int], bool] = {}
        for device in DEVICES:
            self.device_says(device, 0, False)
            self.device_says(device, 1, False)

    def hear(self, reply: Reply) -> None:
        for sent in reply.all(SendCommand):
            # The clock of the record goes in steps of 0.05 s.
            assert self.dialogue.mono - self.last_sent.get(sent.device, 0.0) > 0.44
            self.last_sent[sent.device] = self.dialogue.mono
            self.sent.append((self.dialogue.mono, sent))
        for publish in reply.all(Publish):
            if publish.topic.endswith("/result"):
                body = json.loads(publish.payload)
                self.results[body["id"]].append((body["status"], body["stage"]))
                if body["trid"]:
                    self.requests[body["trid"]].add(body["id"])

    def command(self, device: DeviceId, channel: str, word: str, ttl: float) -> None:
        name = f"command {len(self.commands)}"
        self.commands.append(name)
        payload = json.dumps({"state": word, "id": name, "ttl": ttl})
        topic = f"shelly/{device}/{channel}/set"
        self.hear(self.dialogue.says(self.dialogue.message(topic, payload)))

    def answer(self, which: int, ok: bool, link: Any) -> None:
        if self.sent:
            _, sent = self.sent[which % len(self.sent)]
            self.hear(self.dialogue.says(CommandAnswered(link, sent.request, ok)))

    def give_back(self, which: int) -> None:
        if self.sent:
            _, sent = self.sent[which % len(self.sent)]
            back = CommandNotSent(sent.link, sent.request, "host_down", "gone")
            self.hear(self.dialogue.says(back))

    def device_says(self, device: DeviceId, number: int, output: bool) -> None:
        status = {f"switch:{number}": {"id": number, "output": output}}
        reply = self.dialogue.reports(status, device=device)
        if any(each.topic.endswith(f"relay/{number}") for each in reply.all(Publish)):
            self.said[device, number] = output
        self.hear(reply)

    def revoke(self, device: DeviceId, again: bool) -> None:
        self.hear(self.dialogue.says(GrantRevoked(device)))
        self.said = {key: output for key, output in self.said.items() if key[0] != device}
        self.last_sent.pop(device, None)
        if again:
            self.tell(GrantStored(grant(device)))
            self.device_says(device, 0, True)

    def tell(self, event: Any) -> None:
        self.hear(self.dialogue.says(event))

    def wait(self, seconds: float) -> None:
        end = self.dialogue.mono + seconds
        while self.dialogue.mono < end:
            # In short steps, so that the record says when something was sent.
            self.hear(self.dialogue.waits(min(0.05, end - self.dialogue.mono)))


OUTPUTS = st.booleans()
DEVICE_IDS = st.sampled_from(DEVICES)
STEPS = st.one_of(
    st.tuples(
        st.just("command"),
        DEVICE_IDS,
        st.sampled_from(CHANNELS),
        st.sampled_from(WORDS),
        st.sampled_from([0.3, 5.0, 10.0]),
    ),
    st.tuples(st.just("command"), DEVICE_IDS, st.just("relay/0"), st.just("ON"), st.just(5.0)),
    st.tuples(st.just("command"), DEVICE_IDS, st.just("relay/0"), st.just("TOGGLE"), st.just(5.0)),
    st.tuples(st.just("answer"), st.integers(0, 9), OUTPUTS, st.sampled_from([HOST, OTHER_HOST])),
    st.tuples(st.just("answer"), st.just(-1), st.just(True), st.just(HOST)),
    st.tuples(st.just("give_back"), st.integers(0, 9)),
    st.tuples(st.just("device_says"), DEVICE_IDS, st.integers(0, 1), OUTPUTS),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.5, 2.0, 6.0])),
    st.tuples(st.just("revoke"), DEVICE_IDS, st.sampled_from([True, True, True, False])),
    st.tuples(
        st.just("tell"),
        st.sampled_from(
            [
                *(OnlineReported(HOST, device, up) for device in DEVICES for up in (True, False)),
                *(AccessReported(HOST, DEVICE, access) for access in Access),
                *(GrantStored(grant(device)) for device in DEVICES),
                DeviceMoved(HOST, OTHER, OTHER_HOST),
            ]
        ),
    ),
    st.tuples(st.sampled_from(["connect", "connect", "lose"])),
)


@given(st.lists(STEPS, min_size=15, max_size=40), st.booleans())
def test_every_command_gets_exactly_one_final_result(
    steps: list[tuple[Any, ...]], stop: bool
) -> None:
    play = Play()
    for name, *arguments in steps:
        if name == "lose":
            play.hear(play.dialogue.loses())
        elif name == "connect":
            play.hear(play.dialogue.connects())
        else:
            getattr(play, name)(*arguments)
    if stop:
        play.hear(play.dialogue.stops())
    else:
        play.wait(26.0)
    judge(play)


def judge(play: Play) -> None:
    """What must be true of every dialogue."""
    assert set(play.results) == set(play.commands)
    for results in play.results.values():
        # One final result, at the end; before it at most the word that it was accepted.
        assert results[:-1] in ([], [("ok", "accepted")])
        assert results[-1] != ("ok", "accepted")
        # What was accepted was sent.
        assert len(results) == 1 or results[-1][1] in ("confirm", "confirmed")
        assert results[-1][0] in STATUSES
        assert results[-1][1] in STAGES
    requests = [sent.request for _, sent in play.sent]
    # No command is sent twice, and every one that was sent is answered for.
    assert len(set(requests)) == len(requests)
    assert all(len(play.requests[request]) == 1 for request in requests)
    assert len(requests) <= len(play.commands)
    for at, sent in play.sent:
        assert at <= sent.deadline
    for (device, number), output in play.said.items():
        state = play.dialogue.holds(f"shelly/{device}/relay/{number}")["state"]
        assert state == ("ON" if output else "OFF")
