"""What is published of a device: channels, values, the whole device, raw; and what is cleared."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.effects import Lane, Publish, SaveTopics
from bridge.core.events import BrokerUp, SettingsReported
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, ROOT, Dialogue, grant, online, override

RELAY = f"{ROOT}/relay/0"


def wide(members: int, text: str = "x" * 1_000) -> dict[str, Any]:
    """A component that reports too much."""
    return {"foo:0": {f"key{number}": text for number in range(members)}}


def test_a_channel_is_retained_json_with_the_time_of_its_change() -> None:
    reply = online().reports(payloads.two_switches(), full=True)
    (publish,) = reply.on(RELAY)
    assert (publish.retain, publish.qos, publish.lane) == (True, 1, Lane.STATE)
    body = reply.json(RELAY)
    assert body["state"] == "OFF"
    assert body["ts"] == "2026-09-21T14:13:20.000Z"


def test_unchanged_state_is_not_published_again() -> None:
    dialogue = online(status=payloads.two_switches())
    assert dialogue.reports(payloads.two_switches(), full=True).topics == []
    assert dialogue.reports({"switch:0": {"output": False}}).topics == []


def test_the_time_is_that_of_the_last_change() -> None:
    dialogue = online(status=payloads.two_switches())
    dialogue.waits(10)
    dialogue.reports({"switch:1": {"output": True}})
    assert dialogue.holds(f"{ROOT}/relay/1")["ts"] == "2026-09-21T14:13:30.000Z"
    assert dialogue.holds(RELAY)["ts"] == "2026-09-21T14:13:20.000Z"


def test_a_key_that_is_gone_is_null() -> None:
    dialogue = online(status={"switch:0": payloads.switch(apower=5.0)})
    dialogue.reports({"switch:0": {"id": 0, "output": True}}, full=True)
    assert dialogue.holds(RELAY)["power"] is None
    assert dialogue.holds(RELAY)["state"] == "ON"


def test_without_retain_nothing_is_retained() -> None:
    dialogue = online(retain=False)
    reply = dialogue.reports(payloads.two_switches(), full=True)
    assert reply.topics
    assert not any(publish.retain for publish in reply.all(Publish))


# One topic per value


def test_values_have_topics_of_their_own_where_that_is_wanted() -> None:
    dialogue = online(status=payloads.two_switches(), values=True)
    held = {topic: text for topic, text in dialogue.broker.items() if topic.startswith(f"{RELAY}/")}
    assert held == {
        f"{RELAY}/state": "OFF",
        f"{RELAY}/power": "0.0",
        f"{RELAY}/energy": "1.234",
        f"{RELAY}/voltage": "231.4",
        f"{RELAY}/current": "0.0",
        f"{RELAY}/pf": "0.0",
        f"{RELAY}/frequency": "50.0",
        f"{RELAY}/temperature": "41.2",
        f"{RELAY}/source": "init",
        f"{RELAY}/errors": "[]",
    }


def test_only_a_value_that_changed_is_published() -> None:
    dialogue = online(status=payloads.two_switches(), values=True)
    reply = dialogue.reports({"switch:0": {"apower": 5.5}})
    assert reply.topics == [RELAY, f"{RELAY}/power"]
    (publish,) = reply.on(f"{RELAY}/power")
    assert (publish.payload, publish.qos, publish.retain) == ("5.5", 0, True)


def test_an_unknown_value_is_cleared() -> None:
    dialogue = online(status=payloads.two_switches(), values=True)
    dialogue.reports({"switch:0": {"apower": None}})
    assert f"{RELAY}/power" not in dialogue.broker


def test_no_value_takes_the_place_of_another_topic_of_its_channel() -> None:
    odd = {"foo:0": {"set": 1, "result": 2, "event": 3, "a/b": 4, "+": 5, "good": 6}}
    dialogue = online(status=odd, values=True)
    values = [topic for topic in dialogue.broker if topic.startswith(f"{ROOT}/foo/0/")]
    assert values == [f"{ROOT}/foo/0/good"]
    assert dialogue.holds(f"{ROOT}/foo/0")["set"] == 1


def test_a_channel_that_another_component_takes_over_leaves_no_values() -> None:
    dialogue = online(status={"light:0": {"output": True, "tag": "x"}}, values=True)
    dialogue.reports({"rgb:0": {"output": False, "rgb": [1, 2, 3]}})
    assert f"{ROOT}/light/0/tag" not in dialogue.broker
    assert dialogue.broker[f"{ROOT}/light/0/state"] == "OFF"
    assert dialogue.broker[f"{ROOT}/light/1/tag"] == "x"


# One topic per device


def test_a_device_has_one_topic_where_that_is_wanted() -> None:
    dialogue = online(status=payloads.two_switches(), device_state=True)
    state = dialogue.holds(f"{ROOT}/state")
    assert set(state) == {"relay", "input", "sys", "wifi", "cloud", "mqtt"}
    assert state["relay"]["1"]["state"] == "OFF"
    dialogue.reports({"switch:1": {"output": True}})
    assert dialogue.holds(f"{ROOT}/state")["relay"]["1"]["state"] == "ON"
    assert f"{ROOT}/state" not in online(status=payloads.two_switches()).broker


def test_a_channel_that_went_leaves_it_at_once() -> None:
    dialogue = online(status=payloads.two_switches(), device_state=True)
    status = payloads.two_switches()
    del status["switch:1"]
    dialogue.reports(status, full=True)
    assert list(dialogue.holds(f"{ROOT}/state")["relay"]) == ["0"]


# Raw


def test_components_are_passed_on_as_they_came_where_that_is_wanted() -> None:
    dialogue = online(status=payloads.two_switches(), raw=True)
    reply = dialogue.reports({"switch:0": {"output": False}, "a/b": 1, "+": 2, "serial": 3})
    assert reply.published == {
        f"{ROOT}/raw/switch:0": '{"output":false}',
        f"{ROOT}/raw/serial": "3",
    }
    assert not any(publish.retain for publish in reply.all(Publish))
    assert {publish.qos for publish in reply.all(Publish)} == {0}


def test_settings_are_never_passed_on() -> None:
    dialogue = online(status=payloads.two_switches(), raw=True, values=True, device_state=True)
    canary = "canary-7f3a"
    settings = {
        "name": "Boiler",
        "wifi_sta": {"ssid": canary, "key": canary},
        "login": {"username": canary, "password": canary},
        "mqtt": {"user": canary},
        "pin_code": canary,
        "lat": 48.123456,
        "switch:0": {"id": 0, "name": "Pump", "secret": canary},
        "sys": {"device": {"name": "x", "mac": canary}, "location": {"lat": 48.123456}},
        "bthomedevice:200": {"key": canary, "addr": canary},
    }
    reply = dialogue.says(SettingsReported(HOST, DEVICE, settings), BrokerUp("5"))
    everything = repr(reply.effects) + repr(dialogue.waits(100).effects)
    assert "Boiler" in everything
    assert canary not in everything
    assert "48.123" not in everything


# Limits


@pytest.mark.parametrize("text", ["x" * 1_000, "é" * 1_000, "\N{GRINNING FACE}" * 300])
def test_what_no_message_can_hold_is_left_out_and_counted(text: str) -> None:
    dialogue = online(status=payloads.two_switches(), device_state=True, raw=True, values=True)
    reply = dialogue.reports(wide(100, text))
    assert f"{ROOT}/foo/0" not in reply.topics
    assert f"{ROOT}/raw/foo:0" not in reply.topics
    assert dialogue.reports({"switch:0": {"output": True}}).on(RELAY)


def test_many_channels_may_be_too_long_together() -> None:
    dialogue = online(device_state=True)
    for number in range(8):
        dialogue.reports({f"foo:{number}": wide(10)["foo:0"]})
    assert len(dialogue.broker[f"{ROOT}/state"]) < 65_536


# What the broker remembers


def test_every_retained_topic_is_written_down_once() -> None:
    dialogue = online()
    reply = dialogue.reports(payloads.two_switches(), full=True)
    saved = reply.one(SaveTopics)
    assert saved.device == DEVICE
    assert saved.topics == {topic for topic in dialogue.broker if topic.startswith(f"{ROOT}/")}
    assert not dialogue.reports({"switch:0": {"output": True}}).all(SaveTopics)


def test_a_channel_that_is_no_more_is_cleared() -> None:
    dialogue = online(status=payloads.two_switches(), values=True)
    reply = dialogue.reports(payloads.shutter(), full=True)
    assert f"{ROOT}/roller/0" in dialogue.broker
    assert not [topic for topic in dialogue.broker if "/relay/" in topic]
    saved = reply.one(SaveTopics).topics
    assert not [topic for topic in saved if "/relay/" in topic]
    assert saved >= {topic for topic in dialogue.broker if topic.startswith(f"{ROOT}/")}


def test_what_former_runs_left_is_cleared_with_the_first_whole_status() -> None:
    left = {
        *(f"{ROOT}/relay/7", f"{ROOT}/relay/7/power", f"{RELAY}/power", f"{ROOT}/state"),
        RELAY,
    }
    dialogue = online(known={DEVICE: set(left)})
    assert not [p for p in dialogue.reports({"switch:0": {}}).all(Publish) if not p.payload]
    reply = dialogue.reports(payloads.two_switches(), full=True)
    cleared = {publish.topic for publish in reply.all(Publish) if not publish.payload}
    assert cleared == left - {RELAY}
    assert not cleared & reply.one(SaveTopics).topics


def test_another_alias_takes_the_old_topics_away_before_anything_else() -> None:
    left = {f"{ROOT}/availability", f"{ROOT}/info", RELAY}
    dialogue = Dialogue(grant(), known={DEVICE: set(left)}, overrides=override(topic="cellar/pump"))
    assert dialogue.first.topics[: len(left)] == sorted(left)
    assert set(dialogue.first.published.values()) == {""}
    dialogue.connects()
    saved = dialogue.reports(payloads.two_switches(), full=True).one(SaveTopics)
    assert "shelly/cellar/pump/relay/0" in dialogue.broker
    assert not left & saved.topics


def test_nothing_wanted_is_cleared_so() -> None:
    first = online(status=payloads.two_switches(), values=True, device_state=True)
    kept = {topic for topic in first.broker if topic.startswith(f"{ROOT}/")}
    second = online(known={DEVICE: set(kept)}, values=True, device_state=True)
    second.broker = dict(first.broker)
    second.reports(payloads.two_switches(), full=True)
    assert kept <= second.broker.keys()


def test_an_alias_stands_in_for_the_id_everywhere() -> None:
    dialogue = online(
        status=payloads.two_switches(),
        overrides=override(topic="cellar/pump"),
        values=True,
        device_state=True,
        raw=True,
    )
    assert {topic.split("/")[1] for topic in dialogue.broker} == {"bridge", "cellar"}
    assert dialogue.holds("shelly/cellar/pump/info")["topic"] == "shelly/cellar/pump"


# A broker that comes back


def test_everything_retained_is_published_again_when_the_broker_comes() -> None:
    dialogue = online(status=payloads.two_switches(), values=True, device_state=True)
    dialogue.says(BrokerUp("3.1.1"))
    dialogue.waits(5)
    held = dict(dialogue.broker)
    dialogue.broker.clear()
    reply = dialogue.says(BrokerUp("5"))
    assert dialogue.broker.keys() == held.keys()
    changed = {topic for topic in held if dialogue.broker[topic] != held[topic]}
    assert changed <= {"shelly/bridge/info", f"{ROOT}/info"}
    assert dialogue.holds("shelly/bridge/info")["mqtt_version"] == "5"
    lanes = {publish.lane for publish in reply.all(Publish) if publish.topic.startswith(ROOT)}
    assert lanes == {Lane.REFILL}


def test_and_if_nothing_is_known_yet_there_is_little_to_say() -> None:
    dialogue = Dialogue(grant())
    reply = dialogue.says(BrokerUp("5"))
    assert reply.published["shelly/bridge/state"] == "online"
    assert f"{ROOT}/availability" not in reply.topics
    assert f"{ROOT}/info" in reply.topics
