"""The life of discovery: first told, changed, taken back, told again, and over restarts."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core import jsontext
from bridge.core.documents import LONGEST
from bridge.core.effects import Lane, Publish, SaveComponents
from bridge.core.events import (
    AccessReported,
    BrokerUp,
    Delivered,
    DeviceMoved,
    GrantRevoked,
    GrantStored,
    LinkChanged,
    LinkRemoved,
    SettingsReported,
)
from bridge.core.homeassistant.discovery import (
    LINKS_WAIT,
    REMOVAL_WAIT,
    SETTINGS_WAIT,
    STUBS_FOR,
)
from bridge.core.model import Access, LinkState, SourceKind
from bridge.core.publications import THE_BRIDGE
from bridge.core.topics import Topics
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
    override,
)

TOPIC = f"homeassistant/device/{DEVICE}/config"
BRIDGE = "homeassistant/device/shelly_bridge/config"
SETTLED = STUBS_FOR + 10
SETTINGS = {"sys": {"device": {"name": "Cellar"}}, "switch:1": {"id": 1, "name": "Tap"}}


def told(status: dict[str, Any] | None = None, **changes: Any) -> Dialogue:
    """A device that Home Assistant has been told of."""
    dialogue = online(status=status or payloads.two_switches(), **changes)
    dialogue.waits(10)
    return dialogue


def components(dialogue: Dialogue, topic: str = TOPIC) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = dialogue.holds(topic)["cmps"]
    return found


def platforms(dialogue: Dialogue, topic: str = TOPIC) -> dict[str, str]:
    return {key: options["p"] for key, options in components(dialogue, topic).items()}


def stubs(publish: Publish) -> set[str]:
    """The components that a message takes away."""
    shown = jsontext.parse(publish.payload.encode())["cmps"]
    return {key for key, options in shown.items() if set(options) == {"p"}}


# Told


def test_a_new_device_is_told_once_a_moment_after_its_state() -> None:
    dialogue = online(status=payloads.two_switches())
    dialogue.says(SettingsReported(HOST, DEVICE, SETTINGS))
    assert TOPIC not in dialogue.broker
    (publish,) = dialogue.waits(5).on(TOPIC)
    assert (publish.retain, publish.qos, publish.lane) == (True, 1, Lane.STATE)
    message = dialogue.holds(TOPIC)
    assert message["dev"]["name"] == "Cellar"
    assert message["cmps"]["relay_1"]["name"] == "Tap"
    assert message["avty"] == [{"t": "shelly/bridge/state"}, {"t": f"{ROOT}/availability"}]
    assert message["avty_mode"] == "all"


def test_its_first_message_waits_for_its_names_but_not_for_ever() -> None:
    dialogue = online(status=payloads.two_switches())
    dialogue.waits(SETTINGS_WAIT - 0.5)
    assert TOPIC not in dialogue.broker
    dialogue.waits(1)
    assert dialogue.holds(TOPIC)["dev"]["name"] == "SNSW-002P16EU 54dc"
    # What comes after is told as soon as it is known.
    dialogue.says(SettingsReported(HOST, DEVICE, SETTINGS))
    assert len(dialogue.waits(2).on(TOPIC)) == 1
    assert dialogue.holds(TOPIC)["dev"]["name"] == "Cellar"


def test_what_is_the_same_is_not_told_again() -> None:
    dialogue = told()
    dialogue.says(AccessReported(HOST, DEVICE, Access.CONTROL))
    dialogue.says(SettingsReported(HOST, DEVICE, {"switch:0": {"name": "Pump"}}))
    dialogue.reports({"switch:0": {"apower": 7.5}})
    assert dialogue.waits(30).on(TOPIC) == []


def test_a_key_that_shows_up_late_is_told() -> None:
    dialogue = told({"switch:0": {"id": 0, "output": False}})
    assert "relay_0_power" not in components(dialogue)
    dialogue.reports({"switch:0": {"apower": 3.0}})
    dialogue.waits(2)
    assert components(dialogue)["relay_0_power"]["unit_of_meas"] == "W"


def test_a_device_of_which_nothing_is_known_is_not_told() -> None:
    dialogue = online()
    dialogue.waits(30)
    assert TOPIC not in dialogue.broker


def test_nothing_is_told_where_it_is_not_wanted() -> None:
    dialogue = told(topics=Topics("shelly"))
    dialogue.says(BrokerUp("5"))
    assert not [topic for topic in dialogue.broker if topic.startswith("homeassistant")]
    assert dialogue.published == {}


# Changed


@pytest.mark.parametrize("first", [Access.CONTROL, Access.READ])
def test_a_device_changes_class_with_its_access_and_back(first: Access) -> None:
    dialogue = online(grant(control=first is Access.CONTROL))
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.waits(10)
    switch = {"relay_0": "switch", "relay_1": "switch"}
    flags = {
        "relay_0_state_binary_sensor": "binary_sensor",
        "relay_1_state_binary_sensor": "binary_sensor",
    }
    for access in (first, *(Access.READ, Access.CONTROL) * 2):
        dialogue.says(AccessReported(HOST, DEVICE, access))
        dialogue.waits(SETTLED)
        now, gone = (switch, flags) if access is Access.CONTROL else (flags, switch)
        assert platforms(dialogue).items() >= now.items()
        assert not platforms(dialogue).keys() & gone.keys()
        assert ("relay_0_result" in components(dialogue)) is (access is Access.CONTROL)


def test_what_goes_is_a_stub_first_and_then_left_out() -> None:
    dialogue = told()
    reply = dialogue.says(AccessReported(HOST, DEVICE, Access.READ))
    first, second = Reply([*reply.effects, *dialogue.waits(SETTLED).effects]).on(TOPIC)
    gone = {"relay_0", "relay_1", "relay_0_result", "relay_1_result"}
    assert (stubs(first), stubs(second)) == (gone, set())
    assert first.receipt is not None
    assert second.receipt is None
    assert not gone & components(dialogue).keys()


def test_stubs_stay_until_the_broker_had_them_for_a_while() -> None:
    dialogue = told()
    dialogue.acknowledges = False
    dialogue.says(AccessReported(HOST, DEVICE, Access.READ))
    (first,) = dialogue.waits(600).on(TOPIC)
    assert stubs(first)
    # After a connect they are sent again, with the same receipt.
    (again,) = dialogue.says(BrokerUp("5")).on(TOPIC)
    assert (again.payload, again.receipt, again.lane) == (first.payload, first.receipt, Lane.REFILL)
    assert first.receipt is not None
    dialogue.says(Delivered("somebody 1"), Delivered(first.receipt), Delivered(first.receipt))
    assert dialogue.waits(STUBS_FOR - 0.1).on(TOPIC) == []
    (last,) = dialogue.waits(0.2).on(TOPIC)
    assert stubs(last) == set()


def test_the_receipt_of_an_older_message_does_not_count() -> None:
    dialogue = told()
    dialogue.acknowledges = False
    dialogue.says(AccessReported(HOST, DEVICE, Access.READ))
    (first,) = dialogue.waits(5).on(TOPIC)
    # What goes of the device itself is told before its topics go.
    reply = dialogue.reports(_less(), full=True)
    (second,) = reply.on(TOPIC)
    assert reply.topics.index(TOPIC) < reply.topics.index(f"{ROOT}/relay/0")
    assert stubs(first) < stubs(second)
    assert first.receipt is not None
    assert second.receipt is not None
    dialogue.says(Delivered(first.receipt))
    assert dialogue.waits(SETTLED).on(TOPIC) == []
    dialogue.says(Delivered(second.receipt))
    assert len(dialogue.waits(SETTLED).on(TOPIC)) == 1


def _less() -> dict[str, Any]:
    """The device without its first output."""
    status = payloads.two_switches()
    del status["switch:0"]
    return status


def test_stubs_are_there_for_a_home_assistant_that_starts_just_then() -> None:
    dialogue = told()
    dialogue.says(AccessReported(HOST, DEVICE, Access.READ))
    dialogue.waits(30)
    dialogue.says(dialogue.message("homeassistant/status", "online"))
    again = dialogue.waits(10).on(TOPIC)[0]
    assert "relay_0" in stubs(again)


def test_however_much_goes_a_message_has_room_for_it() -> None:
    many = {f"switch:{number}": payloads.switch(number) for number in range(60)}
    dialogue = online(status=many, overrides=override(topic="x" * 60))
    dialogue.waits(10)
    sent = []
    # The old ones go while the new ones, as large, are there already.
    for base in (100, 200, 300, 400, 500, 600):
        status = {f"light:{base + each}": _light(base + each) for each in range(60)}
        sent += dialogue.reports(status, full=True).on(TOPIC)
        sent += dialogue.waits(1).on(TOPIC)
    assert max(len(each.payload.encode()) for each in sent) > LONGEST - 150
    sent += dialogue.waits(10 * SETTLED).on(TOPIC)
    assert max(len(each.payload.encode()) for each in sent) <= LONGEST
    assert stubs(sent[-1]) == set()
    assert not [key for key in components(dialogue) if not key.startswith("light_6")]
    gone = set().union(*map(stubs, sent))
    assert gone >= {f"relay_{number}" for number in range(60)}
    assert gone >= {f"light_{base + 59}" for base in (100, 200, 300, 400, 500)}


def _light(number: int) -> dict[str, Any]:
    return {"id": number, "output": True, "brightness": 40, "apower": 4.0, "voltage": 230.0}


def test_what_comes_back_meanwhile_stays() -> None:
    dialogue = told()
    before = components(dialogue)
    dialogue.acknowledges = False
    dialogue.says(AccessReported(HOST, DEVICE, Access.READ))
    (first,) = dialogue.waits(5).on(TOPIC)
    dialogue.says(AccessReported(HOST, DEVICE, Access.CONTROL))
    dialogue.waits(5)
    assert stubs(dialogue.says(BrokerUp("5")).on(TOPIC)[0]) == {
        "relay_0_state_binary_sensor",
        "relay_1_state_binary_sensor",
    }
    dialogue.acknowledges = True
    assert first.receipt is not None
    dialogue.says(Delivered(first.receipt), BrokerUp("5"))
    dialogue.waits(SETTLED)
    assert components(dialogue) == before


def test_another_profile_takes_the_old_entities_away() -> None:
    dialogue = told(payloads.shutter())
    assert platforms(dialogue)["roller_0"] == "cover"
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.waits(SETTLED)
    assert platforms(dialogue)["relay_1"] == "switch"
    assert not [key for key in components(dialogue) if key.startswith("roller")]
    dialogue.reports(payloads.shutter(), full=True)
    dialogue.waits(SETTLED)
    assert platforms(dialogue)["roller_0"] == "cover"
    assert not [key for key in components(dialogue) if key.startswith("relay")]


def test_a_calibration_brings_the_slider() -> None:
    status = payloads.shutter() | {"cover:0": payloads.cover(pos_control=False)}
    dialogue = told(status)
    assert "set_pos_t" not in components(dialogue)["roller_0"]
    dialogue.reports({"cover:0": {"pos_control": True}})
    dialogue.waits(2)
    assert components(dialogue)["roller_0"]["set_pos_t"] == f"{ROOT}/roller/0/set"


def test_a_device_without_access_for_a_while_is_left_as_it_is() -> None:
    dialogue = told()
    before = dialogue.broker[TOPIC]
    dialogue.says(AccessReported(HOST, DEVICE, Access.NONE))
    dialogue.waits(30)
    assert dialogue.broker[f"{ROOT}/availability"] == "offline"
    assert dialogue.broker[TOPIC] == before


@pytest.mark.parametrize("control", [True, False])
def test_not_even_when_home_assistant_starts_anew(control: bool) -> None:
    dialogue = online(grant(control=control), status=payloads.two_switches())
    dialogue.waits(10)
    before = dialogue.broker[TOPIC]
    dialogue.says(AccessReported(HOST, DEVICE, Access.NONE))
    for event in (
        BrokerUp("5"),
        dialogue.message("homeassistant/status", "online"),
        dialogue.message("shelly/bridge/request/discovery/republish", "{}"),
    ):
        dialogue.says(event)
        dialogue.waits(10)
        assert dialogue.broker[TOPIC] == before
    # And when it comes back as something else, that is told.
    dialogue.says(AccessReported(HOST, DEVICE, Access.READ if control else Access.CONTROL))
    dialogue.waits(SETTLED)
    assert ("relay_0" in components(dialogue)) is not control


def test_what_was_going_when_the_access_went_still_goes() -> None:
    dialogue = told()
    dialogue.acknowledges = False
    reply = dialogue.reports(_less(), full=True)
    (first,) = reply.on(TOPIC)
    dialogue.says(AccessReported(HOST, DEVICE, Access.NONE))
    assert first.receipt is not None
    dialogue.says(Delivered(first.receipt))
    (second,) = dialogue.waits(SETTLED).on(TOPIC)
    assert "relay_0" in stubs(first)
    assert stubs(second) == set()
    assert platforms(dialogue)["relay_1"] == "switch"


def test_another_host_changes_nothing() -> None:
    dialogue = told()
    before = dialogue.broker[TOPIC]
    dialogue.says(DeviceMoved(HOST, DEVICE, OTHER_HOST))
    dialogue.connects(OTHER_HOST)
    dialogue.waits(30)
    assert dialogue.broker[TOPIC] == before


# Going


def test_a_device_goes_in_the_right_order() -> None:
    dialogue = told()
    reply = dialogue.says(GrantRevoked(DEVICE))
    own = [topic for topic in reply.topics if topic.startswith((ROOT, TOPIC))]
    assert own[:2] == [f"{ROOT}/availability", TOPIC]
    assert reply.published[f"{ROOT}/availability"] == "offline"
    assert {reply.published[topic] for topic in own[1:]} == {""}
    assert f"{ROOT}/relay/0" in own[2:]
    assert reply.all(SaveComponents) == [SaveComponents(DEVICE, ())]
    assert dialogue.waits(60).published[f"{ROOT}/availability"] == ""
    assert not [topic for topic in dialogue.broker if DEVICE in topic]
    assert dialogue.published.keys() == {THE_BRIDGE, DEVICE}
    assert dialogue.published[DEVICE] == ()


def test_a_device_that_goes_while_something_of_it_does() -> None:
    dialogue = told()
    dialogue.says(AccessReported(HOST, DEVICE, Access.READ))
    dialogue.waits(2)
    dialogue.asks("device/remove", DEVICE)
    assert dialogue.waits(60).on(TOPIC) == []
    # And comes back.
    dialogue.says(GrantStored(grant()))
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.waits(10)
    assert platforms(dialogue)["relay_0"] == "switch"


# Over a restart


def test_what_went_during_a_restart_is_taken_away_all_the_same() -> None:
    before = told(payloads.shutter())
    dialogue = Dialogue(grant(), after=before)
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.says(SettingsReported(HOST, DEVICE, SETTINGS))
    first, second = dialogue.waits(SETTLED).on(TOPIC)
    assert "roller_0" in stubs(first)
    assert stubs(second) == set()
    assert platforms(dialogue)["relay_0"] == "switch"


def test_stubs_that_nobody_took_are_sent_again_after_a_restart() -> None:
    before = told()
    before.acknowledges = False
    before.says(AccessReported(HOST, DEVICE, Access.READ))
    before.waits(5)
    dialogue = Dialogue(grant(control=False), after=before)
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.says(SettingsReported(HOST, DEVICE, SETTINGS))
    first, second = dialogue.waits(SETTLED).on(TOPIC)
    assert "relay_0" in stubs(first)
    assert stubs(second) == set()


def test_after_a_restart_nothing_is_removed_on_half_knowledge() -> None:
    before = told()
    held = before.broker[TOPIC]
    dialogue = Dialogue(grant(), after=before)
    dialogue.connects()
    # One change of a device says nothing of what it lacks.
    dialogue.reports({"switch:0": payloads.switch(0)})
    dialogue.waits(600)
    assert dialogue.broker[TOPIC] == held
    # The whole does, but the settings may still bring something.
    dialogue.reports({"switch:0": payloads.switch(0)}, full=True)
    dialogue.waits(5)
    dialogue.reports(_less(), full=True)
    reply = dialogue.waits(REMOVAL_WAIT)
    assert "relay_0" in stubs(reply.on(TOPIC)[0])


def test_settings_that_bring_it_back_spare_it_the_removal() -> None:
    status = {"enum:200": {"value": "eco"}, "switch:0": payloads.switch(0)}
    settings = {"enum:200": {"id": 200, "options": ["eco", "warm"]}}
    before = online(status=status)
    before.says(SettingsReported(HOST, DEVICE, settings))
    before.waits(10)
    held = before.broker[TOPIC]
    assert platforms(before)["enum_200_value"] == "sensor"
    assert components(before)["enum_200_value"]["ops"] == ["eco", "warm"]
    dialogue = Dialogue(grant(), after=before)
    dialogue.connects()
    dialogue.reports(status, full=True)
    dialogue.waits(2)
    dialogue.says(SettingsReported(HOST, DEVICE, settings))
    (only,) = dialogue.waits(100).on(TOPIC)
    assert only.payload == held


def test_after_a_restart_all_is_told_again_once() -> None:
    before = told()
    dialogue = Dialogue(grant(), after=before)
    dialogue.connects()
    dialogue.says(BrokerUp("5"))
    dialogue.reports(payloads.two_switches(), full=True)
    assert len(dialogue.waits(30).on(TOPIC)) == 1
    assert dialogue.broker[TOPIC] == before.broker[TOPIC]


def test_a_device_that_went_while_the_bridge_was_down() -> None:
    before = told()
    dialogue = Dialogue(after=before)
    assert next(topic for topic in dialogue.first.topics if topic.startswith(ROOT)) == (
        f"{ROOT}/availability"
    )
    assert dialogue.first.published[TOPIC] == ""
    assert SaveComponents(DEVICE, ()) in dialogue.first.all(SaveComponents)
    dialogue.waits(60)
    assert not [topic for topic in dialogue.broker if DEVICE in topic]


def test_a_device_that_is_disabled_now() -> None:
    dialogue = Dialogue(grant(), after=told(), overrides=override(disabled=True))
    assert dialogue.first.published[TOPIC] == ""
    dialogue.waits(60)
    assert not [topic for topic in dialogue.broker if DEVICE in topic]


def test_what_is_no_longer_wanted_is_taken_away() -> None:
    dialogue = Dialogue(grant(), after=told(), topics=Topics("shelly"))
    assert not [topic for topic in dialogue.broker if topic.startswith("homeassistant")]
    assert set(dialogue.published.values()) == {()}
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.waits(10)
    assert not [topic for topic in dialogue.broker if topic.startswith("homeassistant")]
    assert f"{ROOT}/relay/0" in dialogue.broker


def test_another_discovery_prefix_takes_the_old_messages_away() -> None:
    dialogue = Dialogue(grant(), after=told(), topics=Topics("shelly", prefix="ha/two"))
    assert TOPIC not in dialogue.broker
    assert BRIDGE not in dialogue.broker
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.waits(10)
    assert f"ha/two/device/{DEVICE}/config" in dialogue.broker


def test_another_alias_keeps_the_entities() -> None:
    before = told()
    dialogue = Dialogue(grant(), after=before, overrides=override(topic="cellar/pump"))
    assert TOPIC in dialogue.broker
    old = {key: options["uniq_id"] for key, options in components(before).items()}
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    (only,) = dialogue.waits(30).on(TOPIC)
    assert stubs(only) == set()
    assert {key: options["uniq_id"] for key, options in components(dialogue).items()} == old
    assert components(dialogue)["relay_0"]["cmd_t"] == "shelly/cellar/pump/relay/0/set"
    assert ROOT not in dialogue.broker[TOPIC]


# Options


def test_without_diagnostics() -> None:
    dialogue = told(hide_diagnostics=True)
    shown = components(dialogue)
    assert not [key for key, options in shown.items() if "ent_cat" in options]
    assert {"relay_0", "relay_0_power"} <= shown.keys()
    assert "last_seen" not in shown


def test_without_diagnostics_a_battery_is_told_all_the_same() -> None:
    dialogue = told(
        {"devicepower:0": {"battery": {"V": 5.9, "percent": 80}}}, hide_diagnostics=True
    )
    assert platforms(dialogue) == {"battery_0_battery": "sensor"}


def test_hiding_diagnostics_takes_the_old_ones_away() -> None:
    dialogue = Dialogue(grant(), after=told(), hide_diagnostics=True)
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.says(SettingsReported(HOST, DEVICE, SETTINGS))
    first, second = dialogue.waits(SETTLED).on(TOPIC)
    assert {"last_seen", "wifi_0_rssi"} <= stubs(first)
    assert stubs(second) == set()


def test_a_device_of_which_nothing_is_left_to_show_goes() -> None:
    status = {"wifi": {"rssi": -60}, "cloud": {"connected": True}}
    before = told(status)
    assert TOPIC in before.broker
    dialogue = Dialogue(grant(), after=before, hide_diagnostics=True)
    dialogue.connects()
    dialogue.reports(status, full=True)
    dialogue.says(SettingsReported(HOST, DEVICE, SETTINGS))
    dialogue.waits(SETTLED)
    assert TOPIC not in dialogue.broker
    assert dialogue.published[DEVICE] == ()
    assert dialogue.says(BrokerUp("5")).on(TOPIC) == []


def test_a_device_that_lost_all_its_channels_is_left_as_it_is() -> None:
    dialogue = told()
    before = dialogue.broker[TOPIC]
    dialogue.reports({}, full=True)
    dialogue.waits(10)
    dialogue.says(BrokerUp("5"))
    assert dialogue.broker[TOPIC] == before


PART = f"homeassistant/device/{DEVICE}_relay_1/config"


def test_a_device_for_each_channel() -> None:
    dialogue = told(device_per_channel=True, overrides=override(area="Cellar"))
    whole, part = dialogue.holds(TOPIC), dialogue.holds(PART)
    assert part["dev"]["via_device"] == f"shelly_bridge_{DEVICE}"
    assert part["dev"]["ids"] == [f"shelly_bridge_{DEVICE}_relay_1"]
    assert (part["dev"]["name"], part["dev"]["sa"]) == ("Valve", "Cellar")
    assert part["cmps"]["relay_1"]["name"] is None
    assert "relay_1_power" in part["cmps"]
    assert not [key for key in whole["cmps"] if key.startswith("relay")]
    assert "last_seen" in whole["cmps"]
    assert dialogue.holds(PART.replace("relay_1", "relay_0"))["dev"]["name"] == "Pump"


def test_a_part_is_called_as_its_channel_and_that_is_said_once() -> None:
    dialogue = online(
        grant(names=("Garage",)), status=payloads.two_switches(), device_per_channel=True
    )
    dialogue.waits(10)
    part = dialogue.holds(PART)
    assert part["dev"]["name"] == "Garage Relay 1"
    assert part["cmps"]["relay_1"]["name"] is None
    assert "name" not in part["cmps"]["relay_1_power"]


def test_a_device_with_one_channel_stays_one() -> None:
    dialogue = told(payloads.gen1_relay(), device_per_channel=True)
    assert platforms(dialogue)["relay_0"] == "switch"
    assert not [topic for topic in dialogue.broker if topic.endswith("relay_0/config")]


@pytest.mark.parametrize("first", [False, True])
def test_changing_that_option_moves_the_entities(first: bool) -> None:
    before = told(device_per_channel=first)
    parts = [PART.replace("relay_1", f"relay_{number}") for number in (0, 1)]
    old = {
        options["uniq_id"]
        for topic in (TOPIC, *parts)
        if topic in before.broker
        for options in components(before, topic).values()
    }
    dialogue = Dialogue(grant(), after=before, device_per_channel=not first)
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    dialogue.says(SettingsReported(HOST, DEVICE, SETTINGS))
    reply = dialogue.waits(1.5)
    # First they are taken from where they were; nobody else may have them yet.
    if first:
        assert [reply.published[topic] for topic in parts] == ["", ""]
        assert "relay_1" not in components(dialogue)
    else:
        assert "relay_1" in stubs(reply.on(TOPIC)[0])
        assert PART not in dialogue.broker
    dialogue.waits(SETTLED)
    now = {
        options["uniq_id"]
        for topic in (TOPIC, *parts)
        if topic in dialogue.broker
        for options in components(dialogue, topic).values()
    }
    assert now == old
    assert (PART in dialogue.broker) is not first
    # And when the device goes, all of it goes.
    dialogue.says(GrantRevoked(DEVICE))
    dialogue.waits(5)
    assert not [topic for topic in dialogue.broker if DEVICE in topic]


# The bridge


def test_the_bridge_is_told_with_its_connections() -> None:
    dialogue = told()
    message = dialogue.holds(BRIDGE)
    assert message["dev"]["ids"] == ["shelly_bridge"]
    assert message["cmps"].keys() == {
        *("connected", "restart", "event"),
        "host_shelly-7-eu_shelly_cloud",
    }
    link = message["cmps"]["host_shelly-7-eu_shelly_cloud"]
    assert link["stat_t"] == f"shelly/bridge/hosts/{HOST}"
    assert link["avty"] == [{"t": "shelly/bridge/state"}]


def test_connections_come_and_go() -> None:
    dialogue = told()
    dialogue.connects(OTHER_HOST)
    dialogue.waits(2)
    assert "host_shelly-8-eu_shelly_cloud" in components(dialogue, BRIDGE)
    dialogue.says(LinkRemoved(OTHER_HOST))
    first, second = dialogue.waits(SETTLED).on(BRIDGE)
    assert stubs(first) == {"host_shelly-8-eu_shelly_cloud"}
    assert stubs(second) == set()
    dialogue.says(LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.BACKOFF))
    assert dialogue.waits(SETTLED).on(BRIDGE) == []


def test_a_connection_that_is_late_after_a_restart_is_no_connection_that_went() -> None:
    before = told()
    dialogue = Dialogue(grant(), after=before)
    dialogue.waits(10)
    dialogue.connects()
    (only,) = dialogue.waits(60).on(BRIDGE)
    assert stubs(only) == set()
    gone = Dialogue(after=before)
    first, second = gone.waits(LINKS_WAIT + SETTLED).on(BRIDGE)
    assert stubs(first) == {"host_shelly-7-eu_shelly_cloud"}
    assert stubs(second) == set()


# Memory


def test_devices_of_a_model_share_what_was_told_of_them() -> None:
    dialogue = Dialogue(grant(), grant(OTHER))
    dialogue.connects()
    for device in (DEVICE, OTHER):
        dialogue.reports(payloads.two_switches(), full=True, device=device)
    dialogue.waits(10)
    assert dialogue.published[DEVICE] is dialogue.published[OTHER]
