"""`/set` and `get` messages: every one is carried out or answered (contract 7.3–7.5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core.commands import RelayCommand, Target, Turn
from bridge.core.effects import Log, Publish, Refresh, SendCommand
from bridge.core.events import AccessReported, DeviceMoved, MessageArrived, OnlineReported
from bridge.core.model import Access
from tests.core import payloads
from tests.core.dialogue import (
    DEVICE,
    HOST,
    OTHER_HOST,
    ROOT,
    Dialogue,
    Reply,
    grant,
    online,
    override,
)

RESULT = f"{ROOT}/relay/0/result"


@pytest.fixture
def dialogue() -> Dialogue:
    return online(status=payloads.two_switches())


def refused(reply: Reply, status: str, topic: str = RESULT) -> Any:
    """The one result, which says that nothing was sent."""
    assert not reply.all(SendCommand)
    assert reply.results == [(status, "refused")]
    return reply.json(topic)


def test_a_command_goes_by_the_device_s_link(dialogue: Dialogue) -> None:
    sent = dialogue.sets("relay/1", "ON").one(SendCommand)
    assert sent == SendCommand(
        HOST, DEVICE, Target("switch", 1), RelayCommand(Turn.ON), sent.request, dialogue.mono + 10
    )


def test_a_time_to_live_shortens_the_limit_and_never_lengthens_it(dialogue: Dialogue) -> None:
    sent = dialogue.sets("relay/0", '{"state":"ON","ttl":3}').one(SendCommand)
    assert sent.deadline == dialogue.mono + 3
    dialogue.waits(1)
    sent = dialogue.sets("relay/0", '{"state":"ON","ttl":300}').one(SendCommand)
    assert sent.deadline == dialogue.mono + 10


def test_the_limit_counts_from_the_arrival(dialogue: Dialogue) -> None:
    sent = dialogue.sets("relay/0", "ON", at=dialogue.mono - 4).one(SendCommand)
    assert sent.deadline == dialogue.mono + 6
    dialogue.waits(1)
    refused(dialogue.sets("relay/0", "ON", at=dialogue.mono - 10), "expired")


def test_a_plain_key(dialogue: Dialogue) -> None:
    assert dialogue.sets("relay/0/set/state", "on").all(SendCommand)


def test_an_alias_is_as_good_as_the_id() -> None:
    dialogue = online(status=payloads.two_switches(), overrides=override(topic="cellar/pump"))
    reply = dialogue.says(dialogue.message("shelly/cellar/pump/relay/0/set", "ON"))
    reply = dialogue.answers(reply.one(SendCommand))
    assert reply.topics == ["shelly/cellar/pump/relay/0/result"]
    dialogue.waits(20)
    # Who asks by the id is answered there.
    reply = dialogue.answers(dialogue.sets("relay/0", "ON").one(SendCommand))
    assert reply.topics == [RESULT]


# Refusals


def test_what_is_wrong_is_named(dialogue: Dialogue) -> None:
    body = refused(dialogue.sets("relay/0", '{"state":"ON","brightness":5,"id":7}'), "invalid")
    assert body["id"] == 7
    assert body["error"].startswith("brightness:")
    assert body["command"] == {"state": "ON", "brightness": 5}
    body = refused(dialogue.sets("relay/0", '{"state":'), "invalid")
    assert body["error"]


def test_a_kind_that_takes_no_commands(dialogue: Dialogue) -> None:
    refused(dialogue.sets("wifi/0", "ON"), "unsupported", f"{ROOT}/wifi/0/result")


@pytest.mark.parametrize("channel", ["relay/2", "roller/0", "nothing/0"])
def test_a_channel_that_does_not_exist(dialogue: Dialogue, channel: str) -> None:
    refused(dialogue.sets(channel, "ON"), "unknown", f"{ROOT}/{channel}/result")


@pytest.mark.parametrize("number", ["x", "00", "-1"])
def test_a_channel_that_cannot_exist(dialogue: Dialogue, number: str) -> None:
    body = refused(
        dialogue.sets(f"relay/{number}", "ON"), "unknown", f"{ROOT}/relay/{number}/result"
    )
    assert body["error"] == f"the device has no relay/{number}"
    refused(
        dialogue.sets(f"relay/{number}/set/state", "ON"), "unknown", f"{ROOT}/relay/{number}/result"
    )


def test_a_refusal_names_the_device_that_it_is_about(dialogue: Dialogue) -> None:
    for channel in ("relay/0", "relay/9", "wifi/0"):
        told, event = dialogue.sets(channel, "OPEN").all(Publish)
        assert told.properties == (("device", DEVICE),)
        assert json.loads(event.payload)["device"] == DEVICE
    reply = dialogue.says(dialogue.message("shelly/nobody/relay/0/set", "ON"))
    assert reply.all(Publish)[0].properties == ()


def test_a_device_that_does_not_exist(dialogue: Dialogue) -> None:
    reply = dialogue.says(dialogue.message("shelly/nobody/relay/0/set", "ON"))
    refused(reply, "unknown", "shelly/nobody/relay/0/result")


def test_a_device_that_nothing_is_known_of_yet() -> None:
    dialogue = Dialogue(grant())
    refused(dialogue.sets("relay/0", "ON"), "host_down")
    dialogue.connects()
    refused(dialogue.sets("relay/0", "ON"), "unknown")


def test_while_the_host_is_down(dialogue: Dialogue) -> None:
    dialogue.loses()
    refused(dialogue.sets("relay/0", "ON"), "host_down")


def test_an_offline_device(dialogue: Dialogue) -> None:
    dialogue.says(OnlineReported(HOST, DEVICE, online=False))
    refused(dialogue.sets("relay/0", "ON"), "device_offline")


@pytest.mark.parametrize("access", [Access.READ, Access.NONE])
def test_without_control(dialogue: Dialogue, access: Access) -> None:
    dialogue.says(AccessReported(HOST, DEVICE, access))
    refused(dialogue.sets("relay/0", "ON"), "read_only")


def test_a_read_only_consent() -> None:
    dialogue = online(grant(control=False), status=payloads.two_switches())
    refused(dialogue.sets("relay/0", "ON"), "read_only")


def test_too_many_messages_at_once(dialogue: Dialogue) -> None:
    message = dialogue.message(f"{ROOT}/relay/0/set", "ON")
    reply = Reply(dialogue.engine.overloaded(message, dialogue.now))
    refused(reply, "rate_limited")
    assert not dialogue.engine.overloaded(dialogue.message(f"{ROOT}/get", ""), dialogue.now)
    assert not dialogue.engine.overloaded(dialogue.message("elsewhere", "ON"), dialogue.now)


def test_a_failure_is_an_event_of_the_bridge_too(dialogue: Dialogue) -> None:
    reply = dialogue.sets("relay/9", "ON")
    event = reply.json("shelly/bridge/event")
    assert event["type"] == "command_failed"
    assert (event["topic"], event["status"]) == (f"{ROOT}/relay/9", "unknown")
    assert event["error"]
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    reply = dialogue.answers(sent, ok=False, text="DEVICE_OFFLINE")
    assert reply.json("shelly/bridge/event")["device"] == DEVICE


def test_a_success_is_not(dialogue: Dialogue) -> None:
    sent = dialogue.sets("relay/0", "OFF").one(SendCommand)
    assert dialogue.answers(sent).happened() == []


# Retained, empty, repeated


def test_a_stored_command_never_runs(dialogue: Dialogue) -> None:
    refused(dialogue.sets("relay/0", "ON", retain=True, stored=True), "retained")
    refused(dialogue.sets("relay/0", '{"state":"ON","id":1}', stored=True), "retained")


def test_a_live_command_with_the_retain_flag_runs_once_with_a_warning(dialogue: Dialogue) -> None:
    reply = dialogue.sets("relay/0", "ON", retain=True)
    assert reply.all(SendCommand)
    assert "retain" in reply.one(Log).text


@pytest.mark.parametrize("flags", [{}, {"retain": True}, {"retain": True, "stored": True}])
def test_an_empty_payload_is_nothing(dialogue: Dialogue, flags: dict[str, bool]) -> None:
    assert dialogue.sets("relay/0", "", **flags).effects == []


def test_a_redelivery_of_the_same_id_is_dropped(dialogue: Dialogue) -> None:
    payload = '{"state":"TOGGLE","id":"a"}'
    assert dialogue.sets("relay/0", payload).all(SendCommand)
    dialogue.waits(4.9)
    assert dialogue.sets("relay/0", payload, duplicate=True).effects == []


@pytest.mark.parametrize(
    ("first", "second", "pause", "duplicate"),
    [
        ('{"state":"ON","id":"a"}', '{"state":"ON","id":"b"}', 1, True),
        ('{"state":"ON","id":"a"}', '{"state":"ON","id":"a"}', 1, False),
        ('{"state":"ON","id":"a"}', '{"state":"ON","id":"a"}', 5, True),
        ('{"state":"ON","id":1}', '{"state":"ON","id":"1"}', 1, True),
        ("ON", "ON", 1, True),
    ],
)
def test_anything_else_is_a_command_of_its_own(
    dialogue: Dialogue, first: str, second: str, pause: float, duplicate: bool
) -> None:
    dialogue.sets("relay/0", first)
    dialogue.waits(pause)
    assert dialogue.sets("relay/0", second, duplicate=duplicate).all(SendCommand)


def test_what_was_redelivered_is_not_remembered_for_ever(dialogue: Dialogue) -> None:
    for number in range(1_100):
        dialogue.sets("relay/9", f'{{"state":"ON","id":{number}}}')
    assert dialogue.sets("relay/9", '{"state":"ON","id":0}', duplicate=True).results


# Answers where they are asked for


def test_an_answer_goes_to_the_response_topic_too(dialogue: Dialogue) -> None:
    sent = dialogue.sets(
        "relay/0", "ON", response_topic="answers/1", correlation=b"\x00\x01", qos=2
    ).one(SendCommand)
    here, there = dialogue.answers(sent).all(Publish)
    assert (here.topic, there.topic) == (RESULT, "answers/1")
    assert there.correlation == b"\x00\x01"
    assert here.payload == there.payload
    assert (here.qos, there.qos) == (2, 2)


@pytest.mark.parametrize(
    "box", ["shelly/bridge/state", f"{ROOT}/relay/0/set", "homeassistant/x", "a/#", "$SYS/x", ""]
)
def test_but_not_where_it_could_do_harm(dialogue: Dialogue, box: str) -> None:
    sent = dialogue.sets("relay/0", "ON", response_topic=box).one(SendCommand)
    assert dialogue.answers(sent).topics == [RESULT]


# get


def test_get_asks_the_source(dialogue: Dialogue) -> None:
    reply = dialogue.says(dialogue.message(f"{ROOT}/get", ""))
    assert reply.effects == [Refresh(HOST, DEVICE)]


def test_get_asks_nobody_in_vain(dialogue: Dialogue) -> None:
    assert dialogue.says(dialogue.message("shelly/nobody/get", "")).effects == []
    assert dialogue.says(dialogue.message(f"{ROOT}/get", "x", retain=True)).effects == []
    dialogue.loses()
    assert dialogue.says(dialogue.message(f"{ROOT}/get", "")).effects == []


def test_other_messages_are_none_of_ours(dialogue: Dialogue) -> None:
    assert dialogue.says(MessageArrived("elsewhere", b"ON", dialogue.mono)).effects == []
    assert dialogue.says(dialogue.message(f"{ROOT}/relay/0", "ON")).effects == []


def test_a_device_that_moved_is_reached_by_its_new_host(dialogue: Dialogue) -> None:
    dialogue.connects(OTHER_HOST)
    dialogue.says(DeviceMoved(HOST, DEVICE, OTHER_HOST))
    assert dialogue.sets("relay/0", "ON").one(SendCommand).link == OTHER_HOST
