"""Connections through the engine: availability with its reasons, and `bridge/hosts`."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.effects import Publish
from bridge.core.events import (
    BrokerUp,
    GrantStored,
    LinkChanged,
    LinkRemoved,
    OnlineReported,
    RefreshAnswered,
    Vitals,
)
from bridge.core.model import LinkState, SourceKind
from tests.core import payloads
from tests.core.dialogue import (
    DEVICE,
    HOST,
    OTHER,
    OTHER_HOST,
    ROOT,
    WALL,
    Dialogue,
    grant,
    online,
)

AVAILABILITY = f"{ROOT}/availability"
HOST_TOPIC = f"shelly/bridge/hosts/{HOST}"


@pytest.fixture
def dialogue() -> Dialogue:
    return online(status=payloads.two_switches())


def reason(dialogue: Dialogue) -> Any:
    return dialogue.holds(f"{ROOT}/info")["offline_reason"]


def changed(state: LinkState, error: str | None = None, **more: Any) -> LinkChanged:
    return LinkChanged(HOST, SourceKind.INTEGRATOR, state, error, **more)


# Availability


def test_a_status_proves_a_device_online(dialogue: Dialogue) -> None:
    assert dialogue.broker[AVAILABILITY] == "online"
    info = dialogue.holds(f"{ROOT}/info")
    assert info["available_since"] == "2026-09-21T14:13:20.000Z"
    assert info["offline_reason"] is None


def test_before_anything_is_known_nothing_is_said() -> None:
    dialogue = online()
    dialogue.waits(100)
    assert AVAILABILITY not in dialogue.broker


def test_as_the_cloud_reports(dialogue: Dialogue) -> None:
    reply = dialogue.says(OnlineReported(HOST, DEVICE, online=False))
    assert reply.published[AVAILABILITY] == "offline"
    assert reason(dialogue) == "reported_offline"
    dialogue.waits(10)
    reply = dialogue.says(OnlineReported(HOST, DEVICE, online=True))
    assert reply.published[AVAILABILITY] == "online"
    info = dialogue.holds(f"{ROOT}/info")
    assert (info["offline_reason"], info["available_since"]) == (None, "2026-09-21T14:13:30.000Z")


def test_the_same_again_is_not_told(dialogue: Dialogue) -> None:
    assert dialogue.says(OnlineReported(HOST, DEVICE, online=True)).effects == []
    dialogue.says(OnlineReported(HOST, DEVICE, online=False))
    assert dialogue.says(OnlineReported(HOST, DEVICE, online=False)).effects == []


def test_a_status_after_all(dialogue: Dialogue) -> None:
    dialogue.says(OnlineReported(HOST, DEVICE, online=False))
    dialogue.reports({"switch:0": {"output": False}})
    assert dialogue.broker[AVAILABILITY] == "online"


@pytest.mark.parametrize(
    ("outcome", "told"), [("offline", "reported_offline"), ("timeout", "silent")]
)
def test_a_device_that_does_not_answer(dialogue: Dialogue, outcome: str, told: str) -> None:
    dialogue.says(RefreshAnswered(HOST, DEVICE, outcome))
    assert dialogue.broker[AVAILABILITY] == "offline"
    assert reason(dialogue) == told
    dialogue.reports({"switch:0": {"output": False}})
    assert dialogue.broker[AVAILABILITY] == "online"


@pytest.mark.parametrize("outcome", ["ok", "failed", "moved"])
def test_other_answers_say_nothing_about_it(dialogue: Dialogue, outcome: str) -> None:
    assert dialogue.says(RefreshAnswered(HOST, DEVICE, outcome)).effects == []


def test_a_lost_connection_counts_after_the_grace_time(dialogue: Dialogue) -> None:
    dialogue.loses()
    assert AVAILABILITY not in dialogue.waits(29.9).topics
    reply = dialogue.waits(0.1)
    assert reply.published[AVAILABILITY] == "offline"
    assert reason(dialogue) == "host_down"


def test_a_short_loss_is_not_seen(dialogue: Dialogue) -> None:
    dialogue.loses()
    dialogue.waits(20)
    dialogue.connects()
    assert AVAILABILITY not in dialogue.waits(100).topics


def test_retries_do_not_prolong_the_grace_time(dialogue: Dialogue) -> None:
    dialogue.loses()
    for _ in range(3):
        dialogue.waits(9)
        dialogue.says(changed(LinkState.CONNECTING), changed(LinkState.BACKOFF, "refused"))
    dialogue.waits(3)
    assert dialogue.broker[AVAILABILITY] == "offline"


def test_a_connection_that_never_came_up_counts_too() -> None:
    dialogue = Dialogue(grant())
    dialogue.says(changed(LinkState.CONNECTING))
    dialogue.waits(30)
    assert dialogue.broker[AVAILABILITY] == "offline"
    assert reason(dialogue) == "host_down"


def test_when_it_is_back_so_are_its_devices(dialogue: Dialogue) -> None:
    dialogue.loses()
    dialogue.waits(60)
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    assert dialogue.broker[AVAILABILITY] == "online"
    assert reason(dialogue) is None


def test_only_its_own_devices_are_concerned() -> None:
    dialogue = online(grant(), grant(OTHER, host=OTHER_HOST))
    dialogue.connects(OTHER_HOST)
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.reports(payloads.two_switches(), full=True, device=OTHER, link=OTHER_HOST)
    dialogue.loses()
    dialogue.waits(60)
    assert dialogue.broker[AVAILABILITY] == "offline"
    assert dialogue.broker[f"shelly/{OTHER}/availability"] == "online"


def test_reported_offline_becomes_host_down_without_a_word_on_availability(
    dialogue: Dialogue,
) -> None:
    dialogue.says(OnlineReported(HOST, DEVICE, online=False))
    dialogue.loses()
    reply = dialogue.waits(30)
    assert AVAILABILITY not in reply.topics
    assert reason(dialogue) == "host_down"


def test_foreign_devices_are_bad_input(dialogue: Dialogue) -> None:
    assert not dialogue.says(OnlineReported(HOST, OTHER, online=True)).all(Publish)
    assert not dialogue.says(OnlineReported(OTHER_HOST, DEVICE, online=False)).all(Publish)
    assert dialogue.broker[AVAILABILITY] == "online"


# bridge/hosts


def test_a_connection_s_own_topic(dialogue: Dialogue) -> None:
    document = dialogue.holds(HOST_TOPIC)
    assert document == {
        "kind": "integrator",
        "state": "connected",
        "since": "2026-09-21T14:13:20.000Z",
        "devices": 1,
        "last_message": None,
        "reconnects": 0,
        "token_expires": None,
        "error": None,
    }
    dialogue.waits(60)
    dialogue.loses()
    document = dialogue.holds(HOST_TOPIC)
    assert (document["state"], document["error"]) == ("backoff", "reset")
    assert document["since"] == "2026-09-21T14:14:20.000Z"
    assert document["last_message"] == "2026-09-21T14:13:20.000Z"
    dialogue.connects()
    assert dialogue.holds(HOST_TOPIC)["reconnects"] == 1


def test_a_token_s_end_is_remembered(dialogue: Dialogue) -> None:
    dialogue.says(changed(LinkState.CONNECTED, token_expires=WALL))
    dialogue.says(changed(LinkState.BACKOFF, "gone"))
    assert dialogue.holds(HOST_TOPIC)["token_expires"] == "2026-09-21T14:13:20.000Z"


def test_it_is_brought_up_to_date_once_a_minute(dialogue: Dialogue) -> None:
    dialogue.says(GrantStored(grant(OTHER)))
    assert dialogue.holds(HOST_TOPIC)["devices"] == 1
    dialogue.says(Vitals({}))
    assert dialogue.holds(HOST_TOPIC)["devices"] == 2
    assert HOST_TOPIC not in dialogue.says(Vitals({})).topics


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (LinkState.DISPLACED, ["host_displaced"]),
        (LinkState.AUTH_REQUIRED, ["login_required"]),
        (LinkState.BACKOFF, []),
        (LinkState.DISABLED, []),
    ],
)
def test_what_somebody_must_see_to_is_an_event(
    dialogue: Dialogue, state: LinkState, told: list[str]
) -> None:
    assert dialogue.says(changed(state)).happened() == told
    assert dialogue.says(changed(state)).happened() == []
    fresh = Dialogue(grant())
    assert fresh.says(changed(state)).happened() == told


def test_a_connection_that_is_no_longer_wanted_leaves_no_topic(dialogue: Dialogue) -> None:
    dialogue.says(LinkRemoved(HOST))
    assert HOST_TOPIC not in dialogue.broker
    dialogue.says(BrokerUp("5"))
    dialogue.waits(100)
    assert HOST_TOPIC not in dialogue.broker
    assert dialogue.broker[AVAILABILITY] == "online"
    assert dialogue.connects().on(HOST_TOPIC)


def test_one_that_nobody_knew_is_no_trouble(dialogue: Dialogue) -> None:
    dialogue.says(LinkRemoved(OTHER_HOST))
    assert HOST_TOPIC in dialogue.broker
