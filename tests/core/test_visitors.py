"""Devices that connect to us: let in, waiting, away, pressed, and told by another way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core.commands import RelayCommand, Turn
from bridge.core.effects import (
    CallDevice,
    DropGrant,
    Log,
    Publish,
    Refresh,
    Release,
    SaveVisitor,
    SendCommand,
)
from bridge.core.events import (
    BadInput,
    CallAnswered,
    CommandNotSent,
    DeviceArrived,
    DeviceLeft,
    DevicesListed,
    GrantRevoked,
    LinkChanged,
    PressReported,
    SettingsReported,
    StatusReported,
)
from bridge.core.model import DeviceId, LinkId, LinkState, ListedDevice, SourceKind, Visitor
from bridge.core.room import MOST_BEYOND
from bridge.core.visitors import LINK, MOST_PENDING, MOST_VISITORS
from tests.core.dialogue import DEVICE, HOST, OTHER, ROOT, Dialogue, Reply, grant

SWITCH: dict[str, Any] = {
    "switch:0": {"id": 0, "output": False, "apower": 0.0},
    "input:0": {"id": 0, "state": None},
    "sys": {"mac": DEVICE.upper()},
}
ASLEEP = {**SWITCH, "sys": {"mac": DEVICE.upper(), "wakeup_period": 7200}}
INFO = {"DeviceInfo": {"model": "SNSW-001P16EU", "name": "Boiler", "ver": "1.7.5"}}


def listens(*grants: Any, **options: Any) -> Dialogue:
    """A dialogue whose listener is open."""
    dialogue = Dialogue(*grants, **options)
    dialogue.says(LinkChanged(LINK, SourceKind.OUTBOUND, LinkState.CONNECTED, native_rpc=True))
    return dialogue


def arrives(dialogue: Dialogue, device: DeviceId = DEVICE, status: Any = None) -> Reply:
    """A device connects and tells everything."""
    return dialogue.says(
        DeviceArrived(LINK, device),
        StatusReported(LINK, device, dict(status or SWITCH), full=True),
        SettingsReported(LINK, device, dict(INFO)),
    )


def leaves(dialogue: Dialogue) -> Reply:
    return dialogue.says(DeviceLeft(LINK, DEVICE))


def pending(dialogue: Dialogue) -> list[Any]:
    dialogue.waits(5)
    return [each for each in dialogue.holds("shelly/bridge/devices") if each.get("pending")]


# Coming in


def test_whoever_knows_the_secret_is_let_in_and_remembered() -> None:
    dialogue = listens()
    reply = arrives(dialogue)
    assert reply.happened() == ["device_added"]
    assert dialogue.broker[f"{ROOT}/availability"] == "online"
    assert dialogue.holds(f"{ROOT}/relay/0")["state"] == "OFF"
    assert reply.all(SaveVisitor)[-1].visitor == Visitor(DEVICE, "SNSW-001P16EU", "Boiler")
    assert not arrives(dialogue).all(SaveVisitor), "nothing that is stored is stored again"


def test_a_disabled_device_is_left_alone() -> None:
    dialogue = listens(overrides={DEVICE: _disabled()})
    assert arrives(dialogue).effects == []


def _disabled() -> Any:
    from bridge.core.registry import Override

    return Override(disabled=True)


def test_invented_devices_have_an_end() -> None:
    dialogue = listens()
    for number in range(MOST_VISITORS + 5):
        dialogue.says(DeviceArrived(LINK, DeviceId(f"{number:012x}")))
    dialogue.waits(60)
    assert len(dialogue.holds("shelly/bridge/devices")) == MOST_VISITORS


# Waiting for approval


def test_an_unknown_device_waits_and_nothing_of_it_is_told() -> None:
    dialogue = listens(approve_visitors=True)
    reply = arrives(dialogue)
    assert reply.happened() == ["device_pending"]
    assert not [log for log in reply.all(Log) if log.level > 20]
    assert not [topic for topic in dialogue.broker if DEVICE in topic]
    assert pending(dialogue) == [
        {
            "id": DEVICE,
            "name": "Boiler",
            "model": "SNSW-001P16EU",
            "pending": True,
            "sources": ["ws"],
            "channels": [],
        }
    ]


def test_approval_lets_it_in_and_asks_for_everything() -> None:
    dialogue = listens(approve_visitors=True)
    arrives(dialogue)
    reply = dialogue.asks("device/approve", DEVICE.upper())
    assert reply.one(Refresh) == Refresh(LINK, DEVICE)
    assert reply.one(SaveVisitor).visitor == Visitor(DEVICE, "SNSW-001P16EU", "Boiler")
    assert reply.json("shelly/bridge/response/device/approve")["status"] == "ok"
    assert pending(dialogue) == []
    dialogue.reports(dict(SWITCH), full=True, link=LINK)
    assert f"{ROOT}/relay/0" in dialogue.broker


def test_who_left_makes_room_for_who_comes() -> None:
    dialogue = listens(approve_visitors=True)
    for number in range(MOST_PENDING):
        dialogue.says(DeviceArrived(LINK, DeviceId(f"{number:012x}")))
    for number in (5, 3, 4):
        dialogue.says(DeviceLeft(LINK, DeviceId(f"{number:012x}")))
    dialogue.says(DeviceArrived(LINK, DeviceId(f"{5:012x}")))
    reply = dialogue.says(DeviceArrived(LINK, DEVICE))
    assert reply.one(Release) == Release(DeviceId(f"{3:012x}"), SourceKind.OUTBOUND)
    waiting = {each["id"] for each in pending(dialogue)}
    assert len(waiting) == MOST_PENDING
    assert DEVICE in waiting
    dialogue.says(DeviceArrived(LINK, OTHER))
    waiting = {each["id"] for each in pending(dialogue)}
    assert OTHER in waiting
    assert f"{4:012x}" not in waiting
    assert f"{5:012x}" in waiting, "it came back"


def test_a_device_that_left_before_its_approval_is_away() -> None:
    dialogue = listens(approve_visitors=True)
    arrives(dialogue)
    leaves(dialogue)
    dialogue.asks("device/approve", DEVICE)
    dialogue.waits(120)
    assert dialogue.broker[f"{ROOT}/availability"] == "offline"
    arrives(dialogue)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"


def test_a_device_that_an_account_keeps_is_removed_from_its_own_connection() -> None:
    home = LinkId("home")
    dialogue = listens(logins={home: None})
    dialogue.says(LinkChanged(home, SourceKind.ACCOUNT, LinkState.CONNECTED))
    dialogue.says(DevicesListed(home, (ListedDevice(DEVICE),)))
    arrives(dialogue)
    reply = dialogue.asks("device/remove", DEVICE)
    answer = reply.json("shelly/bridge/response/device/remove")
    assert (answer["status"], answer["data"]["kept_by"]) == ("ok", ["home"])
    assert "remove it in the Shelly app" in answer["data"]["text"]
    assert reply.one(Release) == Release(DEVICE, SourceKind.OUTBOUND)
    assert reply.one(DropGrant).kept
    assert reply.one(SaveVisitor) == SaveVisitor(Visitor(DEVICE), gone=True)
    assert reply.happened() == []
    dialogue.waits(5)
    (listed,) = dialogue.holds("shelly/bridge/devices")
    assert listed["sources"] == ["account"]
    again = dialogue.asks("device/remove", DEVICE).json("shelly/bridge/response/device/remove")
    assert again["status"] == "error"


def test_only_the_own_connection_of_a_device_ends_where_that_is_asked_for() -> None:
    dialogue = both()
    reply = dialogue.asks("device/remove", json.dumps({"id": DEVICE, "link": "outbound"}))
    answer = reply.json("shelly/bridge/response/device/remove")
    assert (answer["status"], answer["data"]["kept_by"]) == ("ok", [HOST])
    assert reply.one(Release) == Release(DEVICE, SourceKind.OUTBOUND)
    assert reply.one(SaveVisitor) == SaveVisitor(Visitor(DEVICE), gone=True)
    assert reply.all(DropGrant) == []
    assert dialogue.broker[f"{ROOT}/availability"] == "online"
    assert dialogue.sets("relay/0", "ON").one(SendCommand).link == HOST
    again = dialogue.asks("device/remove", json.dumps({"id": DEVICE, "link": "outbound"}))
    assert again.json("shelly/bridge/response/device/remove")["status"] == "ok"
    assert again.all(SaveVisitor) == []


def test_a_device_without_another_way_is_gone_with_its_connection() -> None:
    dialogue = listens()
    arrives(dialogue)
    reply = dialogue.asks("device/remove", json.dumps({"id": DEVICE, "link": "outbound"}))
    assert not reply.one(DropGrant).kept
    assert reply.happened() == ["device_removed"]


# Room


def heavy(components: int) -> dict[str, Any]:
    return {f"switch:{number}": {"id": number, "output": True} for number in range(components)}


def test_what_all_tell_together_has_an_end_and_none_takes_it_from_another() -> None:
    dialogue = listens()
    arrives(dialogue)
    loud = [DeviceId(f"{number:012x}") for number in range(60)]
    for device in loud:
        dialogue.says(
            DeviceArrived(LINK, device), StatusReported(LINK, device, heavy(250), full=True)
        )
    held = [len(dialogue.engine._registry.devices[device].channels) for device in loud]
    assert held[0] == 250
    assert sum(held) < MOST_BEYOND / 24
    reply = dialogue.says(StatusReported(LINK, loud[-1], heavy(250), full=True))
    assert reply.effects == []
    reply = dialogue.says(StatusReported(LINK, loud[-1], heavy(250), full=False))
    assert reply.effects == []
    dialogue.reports({"switch:0": {"id": 0, "output": True}}, link=LINK)
    assert dialogue.holds(f"{ROOT}/relay/0")["state"] == "ON"
    arrives(dialogue, OTHER)
    assert dialogue.holds(f"shelly/{OTHER}/relay/0")["state"] == "OFF"


def test_settings_count_as_well() -> None:
    dialogue = listens()
    for number in range(100):
        device = DeviceId(f"{number:012x}")
        options = {f"enum:{200 + item}": {"options": ["x" * 100] * 90} for item in range(30)}
        reply = dialogue.says(
            DeviceArrived(LINK, device),
            SettingsReported(LINK, device, {**options, **INFO}),
        )
    assert "no_room" in reply.all(Log)[-1].text


def test_who_goes_leaves_room() -> None:
    dialogue = listens()
    for number in range(60):
        device = DeviceId(f"{number:012x}")
        dialogue.says(
            DeviceArrived(LINK, device), StatusReported(LINK, device, heavy(250), full=True)
        )
        dialogue.asks("device/remove", device)
    arrives(dialogue, status=heavy(250))
    assert len(dialogue.engine._registry.devices[DEVICE].channels) == 250


def test_only_what_waits_can_be_approved() -> None:
    dialogue = listens(approve_visitors=True)
    reply = dialogue.asks("device/approve", DEVICE)
    assert reply.json("shelly/bridge/response/device/approve")["status"] == "error"


def test_who_was_let_in_before_need_not_wait_again() -> None:
    dialogue = listens(visitors=[Visitor(DEVICE)], approve_visitors=True)
    arrives(dialogue)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"


def test_a_device_of_the_cloud_waits_only_with_its_own_connection() -> None:
    dialogue = listens(grant(), approve_visitors=True)
    dialogue.connects()
    dialogue.reports(dict(SWITCH), full=True)
    arrives(dialogue)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"
    sources = dialogue.holds(f"{ROOT}/info")["sources"]
    assert [source["kind"] for source in sources] == ["integrator"]


def test_a_waiting_device_can_be_sent_away() -> None:
    dialogue = listens(approve_visitors=True)
    arrives(dialogue)
    reply = dialogue.asks("device/remove", DEVICE)
    assert reply.one(Release) == Release(DEVICE, SourceKind.OUTBOUND)
    assert pending(dialogue) == []


def test_those_who_wait_have_an_end() -> None:
    dialogue = listens(approve_visitors=True)
    for number in range(MOST_PENDING + 5):
        dialogue.says(DeviceArrived(LINK, DeviceId(f"{number:012x}")))
    assert len(pending(dialogue)) == MOST_PENDING


# Going


def test_a_device_that_left_is_offline_after_the_grace_time() -> None:
    dialogue = listens()
    arrives(dialogue)
    assert not leaves(dialogue).published
    dialogue.waits(29)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"
    dialogue.waits(2)
    assert dialogue.broker[f"{ROOT}/availability"] == "offline"
    arrives(dialogue)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"


def test_a_device_that_is_back_in_time_was_never_away() -> None:
    dialogue = listens()
    arrives(dialogue)
    leaves(dialogue)
    dialogue.waits(20)
    dialogue.says(DeviceArrived(LINK, DEVICE))
    dialogue.waits(60)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"


def test_a_device_that_sleeps_is_not_away() -> None:
    dialogue = listens()
    arrives(dialogue, status=ASLEEP)
    leaves(dialogue)
    dialogue.waits(7200)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"
    dialogue.waits(2 * 7200)
    assert dialogue.broker[f"{ROOT}/availability"] == "offline"


def test_after_a_restart_nothing_is_taken_away_and_the_name_stays() -> None:
    dialogue = listens()
    saved = arrives(dialogue, status=ASLEEP).all(SaveVisitor)[-1].visitor
    assert saved.wake_period == 7200
    before = dict(dialogue.broker)
    again = listens(after=dialogue, visitors=[saved])
    again.waits(120)
    kept = {topic for topic in before if topic.startswith(f"{ROOT}/")}
    assert kept <= again.broker.keys()
    assert again.broker[f"{ROOT}/availability"] == "online", "it sleeps"
    assert "Boiler" in json.dumps(dialogue.holds(f"{ROOT}/info"))


def test_after_a_restart_who_does_not_come_is_offline() -> None:
    dialogue = listens()
    arrives(dialogue)
    again = listens(after=dialogue, visitors=[Visitor(DEVICE)])
    again.waits(31)
    assert again.broker[f"{ROOT}/availability"] == "offline"


def test_removing_forgets_all_and_whoever_comes_again_is_new() -> None:
    dialogue = listens()
    arrives(dialogue)
    reply = dialogue.asks("device/remove", DEVICE)
    assert reply.one(Release) == Release(DEVICE)
    assert reply.one(DropGrant).device == DEVICE
    dialogue.waits(5)
    assert not [topic for topic in dialogue.broker if DEVICE in topic]
    assert arrives(dialogue).happened() == ["device_added"]
    dialogue.waits(5)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"


def test_what_comes_of_nobody_is_nothing() -> None:
    dialogue = listens()
    assert dialogue.says(DeviceLeft(LINK, DEVICE)).effects == []
    assert dialogue.says(PressReported(LINK, DEVICE, "input:0", "single_push")).effects == []


# Presses


def press(dialogue: Dialogue, component: str, button: int | None = None) -> list[Any]:
    reply = dialogue.says(PressReported(LINK, DEVICE, component, "single_push", button))
    return [
        (publish.topic, json.loads(publish.payload))
        for publish in reply.all(Publish)
        if publish.topic.endswith("/event")
    ]


def test_presses_are_events_of_their_channels() -> None:
    dialogue = listens()
    arrives(dialogue)
    ((topic, body),) = press(dialogue, "input:0")
    assert topic == f"{ROOT}/input/0/event"
    assert (body["event_type"], body["id"]) == ("single_push", 0)
    ((topic, body),) = press(dialogue, "bthomedevice:200", 3)
    assert topic == f"{ROOT}/bthomedevice/200/event"
    assert body["button"] == 3


def test_a_press_that_the_cloud_tells_too_is_told_once() -> None:
    dialogue = listens(grant())
    dialogue.connects()
    dialogue.reports(dict(SWITCH), full=True)
    arrives(dialogue)
    assert press(dialogue, "input:0")
    reply = dialogue.reports({"v_eve:0": {"ev": "S", "ttl": 1}, "serial": 5})
    assert reply.on(f"{ROOT}/input/0/event") == []
    assert press(dialogue, "input:0"), "a second press is another one"


# Two ways


def both(**options: Any) -> Dialogue:
    """A device that is in the cloud, and connects to us."""
    dialogue = listens(grant(), **options)
    dialogue.connects()
    dialogue.reports(dict(SWITCH), full=True)
    arrives(dialogue)
    return dialogue


def test_commands_take_the_local_way() -> None:
    dialogue = both()
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    assert (sent.link, sent.native) == (LINK, True)
    leaves(dialogue)
    dialogue.waits(1)
    sent = dialogue.sets("relay/0", "OFF").one(SendCommand)
    assert (sent.link, sent.native) == (HOST, False)


@pytest.mark.parametrize("status", ["host_down", "device_offline"])
def test_a_command_that_was_not_sent_takes_the_other_way_once(status: str) -> None:
    dialogue = both()
    first = dialogue.sets("relay/0", "ON").one(SendCommand)
    back = CommandNotSent(LINK, first.request, status, "the connection was lost")
    second = dialogue.says(back).one(SendCommand)
    assert (second.link, second.deadline, second.command) == (
        HOST,
        first.deadline,
        RelayCommand(Turn.ON),
    )
    assert second.request != first.request
    assert dialogue.says(back).effects == [], "it was given back once"
    ended = dialogue.says(CommandNotSent(HOST, second.request, "host_down", "down too"))
    assert ended.results == [("host_down", "refused")]
    assert not ended.all(SendCommand)


def test_a_command_that_was_too_late_takes_no_other_way() -> None:
    dialogue = both()
    first = dialogue.sets("relay/0", '{"state": "ON", "ttl": 2}').one(SendCommand)
    dialogue.waits(3)
    ended = dialogue.says(CommandNotSent(LINK, first.request, "host_down", "lost"))
    assert ended.results == [("host_down", "refused")]


def test_without_another_way_the_sender_is_told() -> None:
    dialogue = listens()
    arrives(dialogue)
    first = dialogue.sets("relay/0", "ON").one(SendCommand)
    ended = dialogue.says(CommandNotSent(LINK, first.request, "host_down", "lost"))
    assert ended.results == [("host_down", "refused")]


def test_a_command_that_was_sent_never_takes_another_way() -> None:
    dialogue = both()
    dialogue.sets("relay/0", "ON").one(SendCommand)
    leaves(dialogue)
    reply = dialogue.waits(30)
    assert not reply.all(SendCommand)
    assert reply.results == [("timeout", "sent")]


def test_what_the_cloud_says_takes_nothing_away_that_the_device_itself_tells() -> None:
    dialogue = both()
    dialogue.reports({"boolean:200": {"id": 200, "value": True}}, link=LINK)
    assert f"{ROOT}/boolean/200" in dialogue.broker
    dialogue.reports(dict(SWITCH), full=True)
    assert f"{ROOT}/boolean/200" in dialogue.broker
    dialogue.reports(dict(SWITCH), full=True, link=LINK)
    assert f"{ROOT}/boolean/200" not in dialogue.broker


STALE: dict[str, Any] = {
    "switch:0": {"id": 0, "output": False, "apower": 0.0},
    "_updated": "2020-01-01 00:00:00",
}


@pytest.mark.parametrize("live", [True, False])
def test_what_the_cloud_has_is_not_laid_over_what_the_device_itself_tells(live: bool) -> None:
    dialogue = both()
    on = {"switch:0": {"id": 0, "output": True, "apower": 800.0}}
    dialogue.reports(on, link=LINK)
    said = dialogue.says(StatusReported(HOST, DEVICE, dict(STALE), full=True, live=live))
    assert said.on(f"{ROOT}/relay/0") == []
    assert dialogue.holds(f"{ROOT}/relay/0")["state"] == "ON"
    assert dialogue.broker[f"{ROOT}/availability"] == "online"
    dialogue.reports(dict(SWITCH), full=True)
    assert dialogue.holds(f"{ROOT}/relay/0")["state"] == "ON"
    leaves(dialogue)
    dialogue.reports(dict(SWITCH), full=True)
    assert dialogue.holds(f"{ROOT}/relay/0")["state"] == "OFF"


def test_what_the_cloud_has_fills_the_gaps_until_the_device_told_everything() -> None:
    dialogue = listens(grant())
    dialogue.connects()
    dialogue.says(DeviceArrived(LINK, DEVICE))
    dialogue.reports({"switch:0": {"id": 0, "output": True}}, link=LINK)
    dialogue.reports({**STALE, "switch:1": {"id": 1, "output": True}}, full=True)
    assert dialogue.holds(f"{ROOT}/relay/0")["state"] == "ON"
    assert dialogue.holds(f"{ROOT}/relay/1")["state"] == "ON"


def test_a_press_that_an_old_status_shows_is_told_neither_then_nor_later() -> None:
    dialogue = both()
    dialogue.reports({"inputs": [{"input": 0, "event": "S", "event_cnt": 1}]}, link=LINK)
    pressed = {"inputs": [{"input": 0, "event": "L", "event_cnt": 4}]}
    assert dialogue.reports(pressed, full=True).on(f"{ROOT}/input/0/event") == []
    assert dialogue.reports(pressed).on(f"{ROOT}/input/0/event") == []


def test_a_consent_that_ends_leaves_the_local_way() -> None:
    dialogue = both()
    dialogue.says(GrantRevoked(DEVICE))
    dialogue.waits(5)
    assert dialogue.broker[f"{ROOT}/availability"] == "online"
    assert dialogue.sets("relay/0", "ON").one(SendCommand).link == LINK


# Devices that sleep


def test_a_command_waits_for_a_device_to_wake_only_if_its_sender_says_so() -> None:
    dialogue = listens()
    arrives(dialogue, status=ASLEEP)
    leaves(dialogue)
    dialogue.waits(60)
    refused = dialogue.sets("relay/0", "ON")
    assert refused.results == [("device_offline", "refused")]
    sent = dialogue.sets("relay/0", '{"state": "ON", "ttl": 600}').one(SendCommand)
    assert sent.deadline == dialogue.mono + 600
    assert dialogue.waits(590).results == []
    arrives(dialogue, status=ASLEEP)
    assert dialogue.answers(sent).results == [("ok", "accepted")]


def test_a_command_for_a_device_that_does_not_wake_ends_after_its_time() -> None:
    dialogue = listens()
    arrives(dialogue, status=ASLEEP)
    leaves(dialogue)
    sent = dialogue.sets("relay/0", '{"state": "ON", "ttl": 600}').one(SendCommand)
    dialogue.waits(600)
    ended = dialogue.says(CommandNotSent(LINK, sent.request, "expired", "it did not wake"))
    assert ended.results == [("expired", "refused")]


def test_a_device_that_is_simply_gone_takes_no_commands() -> None:
    dialogue = listens()
    arrives(dialogue)
    leaves(dialogue)
    refused = dialogue.sets("relay/0", '{"state": "ON", "ttl": 600}')
    assert refused.results == [("device_offline", "refused")]


# Calls of one's own


def calls(dialogue: Dialogue, payload: str, **changes: Any) -> Reply:
    return dialogue.says(dialogue.message(f"{ROOT}/rpc", payload, **changes))


def answered(reply: Reply) -> Any:
    return reply.json(f"{ROOT}/rpc/response")


def open_to_calls() -> Dialogue:
    dialogue = listens(rpc_methods=frozenset({"shelly.getstatus"}))
    arrives(dialogue)
    return dialogue


def test_an_allowed_call_is_made_and_answered() -> None:
    dialogue = open_to_calls()
    call = calls(dialogue, '{"id": 7, "method": "Shelly.GetStatus", "params": {"a": 1}}').one(
        CallDevice
    )
    assert (call.link, call.device, call.parameters) == (LINK, DEVICE, {"a": 1})
    assert call.deadline == dialogue.mono + 10
    reply = dialogue.says(CallAnswered(LINK, call.request, {"uptime": 5}))
    assert answered(reply) == {"id": 7, "result": {"uptime": 5}}
    assert dialogue.says(CallAnswered(LINK, call.request, {})).effects == []
    call = calls(dialogue, '{"method": "shelly.getstatus"}').one(CallDevice)
    reply = dialogue.says(CallAnswered(LINK, call.request, error={"code": 404, "message": "no"}))
    assert answered(reply) == {"id": None, "error": {"code": 404, "message": "no"}}


def test_the_answer_goes_where_its_sender_wants_it_too() -> None:
    dialogue = open_to_calls()
    call = calls(
        dialogue,
        '{"method": "Shelly.GetStatus"}',
        response_topic="answers/me",
        correlation=b"1",
    ).one(CallDevice)
    reply = dialogue.says(CallAnswered(LINK, call.request, None))
    assert reply.on("answers/me")[0].correlation == b"1"
    assert reply.json("answers/me") == {"id": None, "result": None}


@pytest.mark.parametrize(
    ("payload", "changes", "text"),
    [
        ('{"method": "Shelly.Reboot"}', {}, "outbound.rpc_methods"),
        ('{"method": 5}', {}, "outbound.rpc_methods"),
        ("{}", {}, "outbound.rpc_methods"),
        ("Shelly.GetStatus", {}, "not JSON"),
        ('{"method": "Shelly.GetStatus"}', {"retain": True}, "retained"),
        ('{"method": "Shelly.GetStatus"}', {"stored": True}, "retained"),
        ('{"method": "%s"}' % ("x" * 9_000), {}, "longer"),
    ],
)
def test_all_other_calls_are_refused(payload: str, changes: Any, text: str) -> None:
    dialogue = open_to_calls()
    reply = calls(dialogue, payload, **changes)
    assert not reply.all(CallDevice)
    assert text in answered(reply)["error"]["message"]


def test_an_empty_call_is_nothing() -> None:
    assert calls(open_to_calls(), "").effects == []


def test_a_call_to_a_device_that_is_not_connected_is_refused() -> None:
    dialogue = open_to_calls()
    leaves(dialogue)
    reply = calls(dialogue, '{"method": "Shelly.GetStatus"}')
    assert "not connected" in answered(reply)["error"]["message"]
    reply = dialogue.says(dialogue.message(f"shelly/{OTHER}/rpc", '{"method": "Shelly.GetStatus"}'))
    assert "not connected" in reply.json(f"shelly/{OTHER}/rpc/response")["error"]["message"]


def test_a_call_that_nobody_answers_has_an_end() -> None:
    dialogue = open_to_calls()
    calls(dialogue, '{"method": "Shelly.GetStatus"}').one(CallDevice)
    assert answered(dialogue.waits(11))["error"]["message"] == "no answer"
    call = calls(dialogue, '{"method": "Shelly.GetStatus"}').one(CallDevice)
    reply = dialogue.says(CommandNotSent(LINK, call.request, "expired", "too late"))
    assert answered(reply)["error"]["message"] == "too late"


def test_what_a_gateway_asks_by_radio_may_take_longer() -> None:
    dialogue = listens(rpc_methods=frozenset({"blutrv.call"}))
    arrives(dialogue)
    call = calls(dialogue, '{"method": "BluTRV.Call"}').one(CallDevice)
    assert call.deadline == dialogue.mono + 10
    assert dialogue.waits(55).on(f"{ROOT}/rpc/response") == []
    assert answered(dialogue.says(CallAnswered(LINK, call.request, {})))["result"] == {}
    calls(dialogue, '{"method": "BluTRV.Call"}').one(CallDevice)
    assert answered(dialogue.waits(61))["error"]["message"] == "no answer"


def test_too_many_calls_are_refused() -> None:
    dialogue = open_to_calls()
    for _ in range(64):
        calls(dialogue, '{"method": "Shelly.GetStatus"}').one(CallDevice)
    reply = calls(dialogue, '{"method": "Shelly.GetStatus"}')
    assert "too many" in answered(reply)["error"]["message"]


def test_bad_input_of_pending_devices_is_counted_only() -> None:
    dialogue = listens(approve_visitors=True)
    arrives(dialogue)
    reply = dialogue.says(BadInput(LINK, "json", "the text is not JSON", DEVICE))
    assert not reply.published
