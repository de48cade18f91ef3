"""State through the engine: what comes of a status, of presses, of settings, and how often."""

from __future__ import annotations

import pytest

from bridge.core.effects import Lane, Log, Publish
from bridge.core.events import BadInput, BrokerDown, BrokerUp, SettingsReported, Vitals
from bridge.core.model import Json
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, OTHER, ROOT, Dialogue, grant, online, override

RELAY = f"{ROOT}/relay/0"


def test_a_first_status_makes_a_device_known() -> None:
    dialogue = online()
    reply = dialogue.reports(payloads.two_switches(), full=True)
    assert set(reply.topics) == {
        *(f"{ROOT}/relay/0", f"{ROOT}/relay/1", f"{ROOT}/input/0", f"{ROOT}/input/1"),
        *(f"{ROOT}/sys/0", f"{ROOT}/wifi/0", f"{ROOT}/cloud/0", f"{ROOT}/mqtt/0"),
        *(f"{ROOT}/info", f"{ROOT}/availability"),
    }
    dialogue.waits(2)
    (listed,) = dialogue.holds("shelly/bridge/devices")
    assert f"{ROOT}/relay/1" in [channel["topic"] for channel in listed["channels"]]


def test_a_change_is_told_at_once_and_alone() -> None:
    dialogue = online(status=payloads.two_switches())
    reply = dialogue.reports({"switch:1": {"id": 1, "output": True, "apower": 9.5}, "serial": 2})
    assert reply.topics == [f"{ROOT}/relay/1"]
    assert reply.json(f"{ROOT}/relay/1")["power"] == 9.5


def test_a_light_that_shows_up_late_takes_its_place() -> None:
    dialogue = online(status={"light:0": {"output": True}})
    dialogue.reports({"rgb:0": {"output": False, "rgb": [1, 2, 3]}})
    assert dialogue.holds(f"{ROOT}/light/0")["color_mode"] == "rgb"
    assert dialogue.holds(f"{ROOT}/light/1")["state"] == "ON"
    components = [each["component"] for each in dialogue.holds(f"{ROOT}/info")["channels"]]
    assert components == ["rgb:0", "light:0"]


def test_the_list_of_devices_is_not_published_at_every_change() -> None:
    dialogue = online()
    dialogue.waits(2)
    for number in range(5):
        reply = dialogue.reports({f"switch:{number}": payloads.switch(number)})
        assert "shelly/bridge/devices" not in reply.topics
    assert len(dialogue.waits(10).on("shelly/bridge/devices")) == 1


def test_when_a_device_was_last_heard_of_is_told_once_a_minute() -> None:
    dialogue = online(status=payloads.two_switches())
    told = []
    for _ in range(130):
        dialogue.waits(1)
        told += dialogue.reports({"switch:0": {"output": False}}).on(f"{ROOT}/info")
    assert len(told) == 2
    assert dialogue.holds(f"{ROOT}/info")["last_seen"] == "2026-09-21T14:15:20.000Z"


# Settings


def test_names_and_firmware_come_from_the_settings() -> None:
    dialogue = online(status=payloads.two_switches())
    settings = {
        "sys": {"device": {"name": "Cellar"}},
        "switch:0": {"id": 0, "name": "Circulation"},
        "DeviceInfo": {"ver": "1.4.4", "model": "SNSW-002P16EU"},
    }
    dialogue.says(SettingsReported(HOST, DEVICE, settings))
    info = dialogue.holds(f"{ROOT}/info")
    assert (info["name"], info["firmware"]) == ("Cellar", "1.4.4")
    names = {each["component"]: each["name"] for each in info["channels"]}
    assert names["switch:0"] == "Circulation"
    assert names["switch:1"] == "Valve"
    dialogue.says(SettingsReported(HOST, DEVICE, {"switch:1": {"name": "Tap"}}))
    names = {each["component"]: each["name"] for each in dialogue.holds(f"{ROOT}/info")["channels"]}
    assert (names["switch:0"], names["switch:1"]) == ("Circulation", "Tap")


def test_names_and_facts_that_are_taken_away_are_gone() -> None:
    dialogue = online(status={"enum:200": {"value": "eco"}, "switch:0": {"output": True}})

    def told() -> tuple[Json, list[Json], Json]:
        info = dialogue.holds(f"{ROOT}/info")
        names = [each["name"] for each in info["channels"]]
        return info["name"], names, dialogue.holds(f"{ROOT}/enum/200")["value"]

    by_consent = told()
    assert by_consent[2] == "eco"
    settings = {
        "sys": {"device": {"name": "Cellar"}},
        "switch:0": {"name": "Circulation"},
        "enum:200": {"name": "Programme", "options": ["full"]},
    }
    dialogue.says(SettingsReported(HOST, DEVICE, settings))
    named = ("Cellar", ["Programme", "Circulation"], None)
    assert told() == named
    # What settings do not speak of stays.
    dialogue.says(SettingsReported(HOST, DEVICE, {"sys": {"device": {"mac": "A8032ABE54DC"}}}))
    assert told() == named
    nameless = {"sys": {"device": {"name": None}}, "switch:0": {"name": None}, "enum:200": {}}
    dialogue.says(SettingsReported(HOST, DEVICE, nameless))
    assert told() == by_consent


def test_the_mode_of_gen1_comes_from_the_settings() -> None:
    dialogue = online(status=payloads.gen1_roller())
    assert f"{ROOT}/roller/0" in dialogue.broker
    dialogue.says(SettingsReported(HOST, DEVICE, {"mode": "relay"}))
    assert f"{ROOT}/roller/0" not in dialogue.broker
    assert f"{ROOT}/relay/1" in dialogue.broker
    assert dialogue.holds(f"{ROOT}/info")["mode"] == "relay"


def test_settings_of_a_device_that_nobody_knows() -> None:
    dialogue = online()
    reply = dialogue.says(SettingsReported(HOST, OTHER, {"name": "canary"}))
    assert "canary" not in repr(reply.one(Log))


def test_the_firmware_of_gen1_is_in_its_status() -> None:
    dialogue = online(status=payloads.gen1_relay())
    assert dialogue.holds(f"{ROOT}/info")["firmware"] == "20230913-113610/v1.14.0"


# Presses


def test_a_press_is_an_event_and_never_retained() -> None:
    dialogue = online(status=payloads.two_switches())
    reply = dialogue.reports({"v_eve:1": {"id": 1, "ev": "S", "ttl": 1}, "serial": 5})
    (publish,) = reply.on(f"{ROOT}/input/1/event")
    assert (publish.retain, publish.lane, publish.qos) == (False, Lane.EVENT, 1)
    assert reply.json(f"{ROOT}/input/1/event") == {
        "event_type": "single_push",
        "id": 1,
        "ts": "2026-09-21T14:13:20.000Z",
    }
    assert f"{ROOT}/input/1/event" not in dialogue.broker


def test_a_press_is_told_once() -> None:
    dialogue = online(status=payloads.two_switches())
    press = {"v_eve:1": {"id": 1, "ev": "SS", "ttl": 1}, "serial": 5}
    assert dialogue.reports(press).on(f"{ROOT}/input/1/event")
    assert not dialogue.reports(press).on(f"{ROOT}/input/1/event")
    assert not dialogue.reports(press, full=True).on(f"{ROOT}/input/1/event")


def test_what_was_pressed_before_the_start_is_not_told() -> None:
    dialogue = online()
    pressed = {**payloads.two_switches(), "v_eve:1": {"id": 1, "ev": "L"}}
    assert not dialogue.reports(pressed, full=True).on(f"{ROOT}/input/1/event")
    dialogue = online()
    button = [{"input": 0, "event": "S", "event_cnt": 9}]
    reply = dialogue.reports(payloads.gen1_relay(inputs=button))
    assert not reply.on(f"{ROOT}/input/0/event")


def test_a_press_of_gen1() -> None:
    dialogue = online(status=payloads.gen1_relay())
    button = [{"input": 0, "event": "SSS", "event_cnt": 4}]
    reply = dialogue.reports(payloads.gen1_relay(inputs=button, serial=13))
    assert reply.json(f"{ROOT}/input/0/event")["event_type"] == "triple"
    assert dialogue.holds(f"{ROOT}/input/0")["event_count"] == 4


def test_a_button_that_is_only_known_by_its_presses_has_a_channel() -> None:
    dialogue = online(status={"v_eve:0": {"id": 0, "ev": "", "ttl": 1}})
    assert dialogue.holds(f"{ROOT}/input/0")["state"] is None
    reply = dialogue.reports({"v_eve:0": {"id": 0, "ev": "L", "ttl": 1}, "serial": 1})
    assert reply.topics == [f"{ROOT}/input/0/event"]


# Throttle


@pytest.fixture
def throttled() -> Dialogue:
    return online(
        status=payloads.two_switches(), overrides=override(throttle=5.0), device_state=True
    )


def powers(publishes: list[Publish]) -> list[str]:
    return [publish.payload.partition('"power":')[2].partition(",")[0] for publish in publishes]


def test_without_a_throttle_everything_is_told() -> None:
    dialogue = online(status=payloads.two_switches())
    for power in range(1, 20):
        assert dialogue.reports({"switch:0": {"apower": power}}).on(RELAY)


def test_measured_values_are_told_at_intervals_and_the_last_one_always(throttled: Dialogue) -> None:
    throttled.waits(5)
    told = throttled.reports({"switch:0": {"apower": 1}}).on(RELAY)
    for power in (2, 3, 4):
        throttled.waits(1)
        told += throttled.reports({"switch:0": {"apower": power}}).on(RELAY)
    told += throttled.waits(20).on(RELAY)
    assert powers(told) == ["1", "4"]
    assert throttled.holds(RELAY)["power"] == 4
    assert throttled.holds(f"{ROOT}/state")["relay"]["0"]["power"] == 4


def test_the_topic_of_the_device_waits_as_well(throttled: Dialogue) -> None:
    throttled.waits(5)
    throttled.reports({"switch:0": {"apower": 1}})
    assert throttled.reports({"switch:0": {"apower": 2}}).topics == []


def test_what_is_not_measured_is_told_at_once(throttled: Dialogue) -> None:
    throttled.reports({"switch:0": {"apower": 7}})
    reply = throttled.reports({"switch:0": {"output": True}})
    assert reply.json(RELAY)["state"] == "ON"
    assert reply.json(RELAY)["power"] == 7
    assert throttled.reports({"switch:0": {"errors": ["overtemp"]}}).on(RELAY)
    assert throttled.reports({"switch:0": {"apower": None}}).on(RELAY)
    assert throttled.reports({"switch:0": {"new": 5}}).on(RELAY)


def test_and_then_there_is_nothing_left_to_tell(throttled: Dialogue) -> None:
    throttled.reports({"switch:0": {"apower": 7}})
    throttled.waits(1)
    throttled.reports({"switch:0": {"output": True}})
    assert throttled.waits(20).on(RELAY) == []


def test_a_value_that_is_back_where_it_was_has_changed_all_the_same(throttled: Dialogue) -> None:
    throttled.waits(5)
    throttled.reports({"switch:0": {"apower": 1}})
    throttled.waits(1)
    throttled.reports({"switch:0": {"apower": 2}}, full=False)
    throttled.reports({"switch:0": {"apower": 1}}, full=False)
    throttled.waits(10)
    assert throttled.holds(RELAY)["ts"] == "2026-09-21T14:13:26.000Z"


def test_channels_wait_each_for_itself(throttled: Dialogue) -> None:
    throttled.waits(5)
    assert throttled.reports({"switch:0": {"apower": 1}}).on(RELAY)
    assert throttled.reports({"switch:1": {"apower": 1}}).on(f"{ROOT}/relay/1")


def test_a_channel_that_went_meanwhile_is_not_told(throttled: Dialogue) -> None:
    throttled.reports({"switch:0": {"apower": 7}})
    throttled.reports(payloads.shutter(), full=True)
    assert throttled.waits(20).on(RELAY) == []
    throttled.reports({"cover:0": {"apower": 7}})
    throttled.asks("device/remove", DEVICE)
    throttled.waits(20)
    assert not [topic for topic in throttled.broker if topic.startswith(ROOT)]


def test_a_power_that_jumps_is_told_at_once(throttled: Dialogue) -> None:
    throttled.waits(5)
    assert powers(throttled.reports({"switch:0": {"apower": 100}}).on(RELAY)) == ["100"]
    assert throttled.reports({"switch:0": {"apower": 105}}).on(RELAY) == []
    assert powers(throttled.reports({"switch:0": {"apower": 106}}).on(RELAY)) == ["106"]
    assert powers(throttled.reports({"switch:0": {"apower": 2_000}}).on(RELAY)) == ["2000"]
    assert throttled.reports({"switch:0": {"apower": 2_090}}).on(RELAY) == []
    assert powers(throttled.waits(5).on(RELAY)) == ["2090"]


# The firmware


def test_what_is_known_of_the_firmware_has_a_topic_of_its_own() -> None:
    dialogue = online(status=payloads.gen1_relay())
    told = payloads.gen1_relay()["update"] | {
        "has_update": True,
        "new_version": "20260101-1/v1.15.1-g1",
    }
    dialogue.reports({"update": told})
    assert dialogue.holds(f"{ROOT}/update") == {
        "installed_version": "1.14.0",
        "latest_version": "1.15.1",
    }
    dialogue.reports({"update": told | {"has_update": False}})
    assert dialogue.holds(f"{ROOT}/update")["latest_version"] == "1.14.0"


def test_without_the_installed_version_nothing_is_said_of_updates() -> None:
    dialogue = online(status=payloads.two_switches())
    assert f"{ROOT}/update" not in dialogue.broker
    dialogue.says(SettingsReported(HOST, DEVICE, {"DeviceInfo": {"ver": "1.4.4"}}))
    assert dialogue.holds(f"{ROOT}/update") == {
        "installed_version": "1.4.4",
        "latest_version": "1.4.4",
    }
    dialogue.reports({"sys": {"available_updates": {"stable": {"version": "1.7.1"}}}})
    assert dialogue.holds(f"{ROOT}/update")["latest_version"] == "1.7.1"
    dialogue.reports({"sys": {"available_updates": []}})
    assert dialogue.holds(f"{ROOT}/update")["latest_version"] == "1.4.4"


# The bridge itself


def test_a_broker_that_comes_is_told_everything() -> None:
    dialogue = Dialogue(grant())
    dialogue.connects()
    reply = dialogue.says(BrokerUp("5"))
    assert reply.topics[0] == "shelly/bridge/state"
    assert reply.published["shelly/bridge/state"] == "online"
    assert reply.json("shelly/bridge/info")["mqtt_version"] == "5"
    assert reply.json(f"shelly/bridge/hosts/{HOST}")["state"] == "connected"
    assert "shelly/bridge/devices" in reply.topics


def test_nothing_is_done_about_a_broker_that_goes() -> None:
    assert online().says(BrokerDown("refused")).effects == []


def test_bad_input_is_named_once_and_summed_up_with_the_vitals() -> None:
    dialogue = online()
    bad = BadInput(HOST, "json", "the text is not JSON", DEVICE)
    assert dialogue.says(bad).all(Log)
    assert dialogue.says(bad, bad).effects == []
    assert "2" in dialogue.says(Vitals({})).one(Log).text
    assert dialogue.holds("shelly/bridge/health")["bad_input"] == {"json": 3}


def test_a_component_without_a_topic_is_counted_even_if_nothing_else_changed() -> None:
    dialogue = online(status=payloads.two_switches())
    reply = dialogue.reports({"a/b:0": {"x": 1}})
    assert not reply.all(Publish)
    assert "a/b:0" in reply.one(Log).text
    dialogue.says(Vitals({}))
    assert dialogue.holds("shelly/bridge/health")["bad_input"] == {"component_name": 1}
