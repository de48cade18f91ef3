"""Retained topics that nobody keeps up: cleared when that is safe, else only told of."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from bridge.core.effects import Log, Publish, SaveTopics, ScanRetained
from bridge.core.events import BrokerUp, LinkChanged, RetainedFound
from bridge.core.model import LinkState, SourceKind
from bridge.core.retained import AT_START
from tests.core import payloads
from tests.core.dialogue import (
    HOST,
    OTHER,
    OTHER_HOST,
    ROOT,
    Dialogue,
    Reply,
    grant,
    online,
    override,
)

OURS = BrokerUp("5", owner="0a1b2c3d")
LEFT = f"shelly/{OTHER}"


def found(*topics: str, token: int = AT_START, complete: bool = True) -> RetainedFound:
    return RetainedFound(token, tuple((topic, b"x") for topic in topics), complete)


def kept(dialogue: Dialogue) -> list[str]:
    return sorted(dialogue.broker)


def cleared(reply: Reply) -> list[str]:
    return [publish.topic for publish in reply.all(Publish) if not publish.payload]


@pytest.fixture
def dialogue() -> Dialogue:
    return online(status=payloads.two_switches())


def test_the_topics_are_looked_through_once_all_is_known(dialogue: Dialogue) -> None:
    assert dialogue.says(OURS).one(ScanRetained) == ScanRetained(AT_START)
    assert not dialogue.says(OURS).all(ScanRetained)


def test_not_before_every_connection_was_up_once() -> None:
    dialogue = Dialogue(grant(), grant(OTHER, host=OTHER_HOST))
    connecting = LinkChanged(OTHER_HOST, SourceKind.INTEGRATOR, LinkState.CONNECTING)
    dialogue.connects()
    dialogue.says(connecting)
    assert not dialogue.says(OURS).all(ScanRetained)
    assert dialogue.connects(OTHER_HOST).all(ScanRetained)


@pytest.mark.parametrize("owner", [None, "ffffffff"])
def test_not_where_another_bridge_was(dialogue: Dialogue, owner: str | None) -> None:
    assert not dialogue.says(BrokerUp("5", owner=owner)).all(ScanRetained)


def test_what_belongs_to_no_device_is_cleared(dialogue: Dialogue) -> None:
    dialogue.says(OURS)
    left = [
        *(f"{LEFT}/availability", f"{LEFT}/info", f"{LEFT}/state", f"{LEFT}/update"),
        *(f"{LEFT}/relay/0", f"{LEFT}/relay/0/power", f"{LEFT}/UV/3"),
        "shelly/bridge/hosts/x",
    ]
    others = [
        *("shelly/bridge/info", f"shelly/bridge/hosts/{HOST}", "shelly/kitchen/relay/0"),
        *(f"{LEFT}/relay", f"{LEFT}/relay/x", f"{LEFT}/something", f"{LEFT}/a/b/c/d"),
        *(f"{ROOT}/relay/0", "other/topic", f"{LEFT}"),
    ]
    reply = dialogue.says(found(*left, *others, *kept(dialogue)))
    assert sorted(cleared(reply)) == sorted(left)
    assert cleared(reply)[-1] == f"{LEFT}/availability"
    assert reply.one(Log).level == logging.INFO
    assert SaveTopics(OTHER, frozenset()) in reply.effects


def test_an_incomplete_look_clears_nothing(dialogue: Dialogue) -> None:
    dialogue.says(OURS)
    reply = dialogue.says(found(f"{LEFT}/relay/0", *kept(dialogue), complete=False))
    assert reply.effects == []


def test_nothing_left_is_nothing_to_do(dialogue: Dialogue) -> None:
    dialogue.says(OURS)
    assert dialogue.says(found(*kept(dialogue))).effects == []


def test_many_unknown_devices_are_only_told_of(dialogue: Dialogue) -> None:
    dialogue.says(OURS)
    left = [f"shelly/{number:012x}/relay/0" for number in range(3)]
    reply = dialogue.says(found(*left, *kept(dialogue)))
    assert cleared(reply) == []
    assert "3 of 4" in reply.one(Log).text
    assert reply.one(Log).level == logging.WARNING


def test_a_device_s_topics_of_before_its_alias_are_left_over() -> None:
    dialogue = online(status=payloads.two_switches(), overrides=override(topic="pump"))
    dialogue.says(OURS)
    assert cleared(dialogue.says(found(f"{ROOT}/relay/0", *kept(dialogue)))) == [f"{ROOT}/relay/0"]
    # What is kept under the alias is still known, and goes with the device.
    dialogue.asks("device/remove", "pump")
    dialogue.waits(5)
    assert not [topic for topic in dialogue.broker if topic.startswith("shelly/pump")]


def test_a_stored_command_is_reported_and_stays(dialogue: Dialogue) -> None:
    dialogue.says(OURS)
    commands = [f"{ROOT}/relay/0/set", f"{LEFT}/roller/1/set/position"]
    reply = dialogue.says(found(*commands, *kept(dialogue)))
    assert cleared(reply) == []
    assert reply.results == [("retained", "refused")] * 2
    assert set(reply.topics) == {
        *(f"{ROOT}/relay/0/result", f"{LEFT}/roller/1/result", "shelly/bridge/event")
    }


# The request


def clean(dialogue: Dialogue, **data: Any) -> int:
    return dialogue.asks("retained/clean", json.dumps(data)).one(ScanRetained).token


def answered(reply: Reply) -> Any:
    return reply.json("shelly/bridge/response/retained/clean")


LEFTOVERS = [f"shelly/{number:012x}/relay/{n}" for number in range(3) for n in range(2)]


def test_a_dry_run_only_tells(dialogue: Dialogue) -> None:
    token = clean(dialogue, dry_run=True, transaction=5)
    command = f"{ROOT}/relay/0/set"
    reply = dialogue.says(found(*LEFTOVERS, command, *kept(dialogue), token=token))
    assert cleared(reply) == []
    assert answered(reply) == {
        "data": {
            "dry_run": True,
            "devices": [f"{number:012x}" for number in range(3)],
            "count": 6,
            "topics": LEFTOVERS,
            "stored_commands": [command],
        },
        "status": "ok",
        "transaction": 5,
    }


def test_a_real_one_clears_them_all_however_many(dialogue: Dialogue) -> None:
    token = clean(dialogue)
    reply = dialogue.says(found(*LEFTOVERS, *kept(dialogue), token=token))
    assert sorted(cleared(reply)) == LEFTOVERS
    assert answered(reply)["data"]["dry_run"] is False
    assert f"{ROOT}/relay/0" in dialogue.broker


def test_one_that_was_cut_short_clears_nothing(dialogue: Dialogue) -> None:
    token = clean(dialogue)
    reply = dialogue.says(found(*LEFTOVERS, token=token, complete=False))
    assert cleared(reply) == []
    assert answered(reply)["status"] == "error"


def test_a_long_list_is_shortened(dialogue: Dialogue) -> None:
    token = clean(dialogue, dry_run=True)
    left = [f"{LEFT}/relay/{number}" for number in range(2_000)]
    data = answered(dialogue.says(found(*left, token=token)))["data"]
    assert data["count"] == 2_000
    assert len(data["topics"]) == 500


def test_every_request_gets_its_own_answer_once(dialogue: Dialogue) -> None:
    tokens = [clean(dialogue, dry_run=True) for _ in range(4)]
    assert len(set(tokens)) == 4
    assert AT_START not in tokens
    reply = dialogue.asks("retained/clean")
    assert answered(reply)["status"] == "error"
    for token in tokens:
        assert answered(dialogue.says(found(token=token)))["status"] == "ok"
        assert dialogue.says(found(token=token)).effects == []
    assert clean(dialogue) not in tokens


def test_a_scan_of_another_base_topic_is_not_ours(dialogue: Dialogue) -> None:
    token = clean(dialogue)
    reply = dialogue.says(found(f"shellies/{OTHER}/relay/0", token=token))
    assert answered(reply)["data"]["count"] == 0
