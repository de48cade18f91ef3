"""What each kind becomes in Home Assistant, with control and without."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.events import LinkChanged, SettingsReported
from bridge.core.model import Json, LinkId, LinkState, SourceKind
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, ROOT, Dialogue, grant, online

TOPIC = f"homeassistant/device/{DEVICE}/config"


def shown(
    status: dict[str, Json],
    settings: dict[str, Json] | None = None,
    *,
    control: bool = True,
    native: bool = False,
) -> dict[str, dict[str, Any]]:
    """The components of a device."""
    dialogue = online(grant(control=control), status=status)
    if native:
        event = LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.CONNECTED, native_rpc=True)
        dialogue.says(event)
    dialogue.says(SettingsReported(HOST, DEVICE, settings or {}))
    dialogue.waits(5)
    found: dict[str, dict[str, Any]] = dialogue.holds(TOPIC)["cmps"]
    return found


def test_a_relay() -> None:
    found = shown(payloads.gen1_relay())
    assert found["relay_0"] == {
        "p": "switch",
        "uniq_id": f"shelly_bridge_{DEVICE}_relay_0",
        "name": None,
        "dev_cla": "outlet",
        "stat_t": f"{ROOT}/relay/0",
        "val_tpl": "{% if value %}{{ value_json.state }}{% endif %}",
        "cmd_t": f"{ROOT}/relay/0/set",
    }
    assert found["relay_0_energy"] == {
        "p": "sensor",
        "uniq_id": f"shelly_bridge_{DEVICE}_relay_0_energy",
        "stat_t": f"{ROOT}/relay/0",
        "val_tpl": "{% if value %}{{ value_json.energy }}{% endif %}",
        "dev_cla": "energy",
        "stat_cla": "total_increasing",
        "unit_of_meas": "kWh",
    }


def test_a_relay_that_may_only_be_read() -> None:
    found = shown(payloads.gen1_relay(), control=False)
    assert "relay_0" not in found
    flag = found["relay_0_state_binary_sensor"]
    assert (flag["p"], flag["dev_cla"], flag["name"]) == ("binary_sensor", "power", None)
    assert "cmd_t" not in flag
    assert not [key for key in found if key.endswith("_result")]


@pytest.mark.parametrize("control", [True, False])
def test_nobody_commands_what_may_only_be_read(control: bool) -> None:
    for status in payloads.every():
        for key, options in shown(status, control=control).items():
            commands = [name for name in options if name.endswith("cmd_t") or name == "set_pos_t"]
            assert control or not commands, key


def test_the_last_command_is_an_entity_for_those_who_want_it() -> None:
    found = shown(payloads.gen1_relay())["relay_0_result"]
    assert found["stat_t"] == found["json_attr_t"] == f"{ROOT}/relay/0/result"
    assert (found["en"], found["ent_cat"], found["name"]) == (False, "diagnostic", "Last command")


def light(status: dict[str, Json], settings: dict[str, Json] | None = None) -> dict[str, Any]:
    return shown(status, settings)["light_0"]


def test_lights_by_what_they_report() -> None:
    def modes(**members: Json) -> Json:
        return light({"light:0": {"id": 0, "output": True, **members}})["sup_clrm"]

    assert modes() == ["onoff"]
    assert modes(brightness=40) == ["brightness"]
    assert modes(brightness=40, ct=3000) == ["color_temp"]
    assert modes(brightness=40, rgb=[1, 2, 3]) == ["rgb"]
    assert modes(brightness=40, rgb=[1, 2, 3], white=4) == ["rgbw"]
    assert modes(brightness=40, rgb=[1, 2, 3], ct=3000, mode="rgb") == ["color_temp", "rgb"]


def test_a_colour_bulb_of_gen1() -> None:
    found = light(payloads.gen1_bulb())
    assert found["sup_clrm"] == ["color_temp", "rgbw"]
    assert (found["clr_temp_k"], found["min_k"], found["max_k"]) == (True, 3000, 6500)
    assert found["fx_list"] == [
        *("Off", "Meteor Shower", "Gradual Change", "Breath", "Flash", "On/Off Gradual"),
        "Red/Green Change",
    ]
    assert (found["bri_scl"], found["trns"], found["flsh"]) == (100, True, False)


def test_an_led_controller_of_gen1_has_fewer_effects() -> None:
    status = payloads.gen1_bulb()
    del status["lights"][0]["temp"]
    found = light(status)
    assert found["sup_clrm"] == ["rgbw"]
    assert found["fx_list"] == ["Off", "Meteor Shower", "Gradual Change", "Flash"]
    assert "min_k" not in found


def test_the_range_of_white_is_the_settings() -> None:
    status = {"cct:0": {"id": 0, "output": True, "brightness": 4, "ct": 3000}}
    found = light(status)
    assert (found["min_k"], found["max_k"]) == (2700, 6500)
    found = light(status, {"cct:0": {"id": 0, "ct_range": [2000, 5000]}})
    assert (found["min_k"], found["max_k"]) == (2000, 5000)


def test_what_a_light_shows_needs_no_entity_of_its_own() -> None:
    acting, reading = shown(payloads.strip()), shown(payloads.strip(), control=False)
    assert "light_0_brightness" not in acting
    assert reading["light_0_brightness"]["unit_of_meas"] == "%"
    assert reading["light_0_state_binary_sensor"]["name"] is None


def test_a_roller_with_position() -> None:
    found = shown(payloads.shutter())["roller_0"]
    assert found["pos_t"] == f"{ROOT}/roller/0"
    assert found["set_pos_t"] == found["cmd_t"] == f"{ROOT}/roller/0/set"
    assert "tilt_cmd_t" not in found


def test_a_roller_without_and_one_with_slats() -> None:
    found = shown(payloads.shutter() | {"cover:0": payloads.cover(pos_control=False)})["roller_0"]
    assert not [key for key in found if key.startswith(("pos", "set_pos", "tilt"))]
    found = shown(payloads.shutter() | {"cover:0": payloads.cover(slat_pos=30)})["roller_0"]
    assert found["tilt_cmd_t"] == f"{ROOT}/roller/0/set/slat_position"
    assert found["tilt_status_t"] == f"{ROOT}/roller/0"


def test_a_roller_that_may_only_be_read() -> None:
    found = shown(payloads.shutter(), control=False)
    assert found["roller_0_state"]["ops"] == ["open", "opening", "closed", "closing", "stopped"]
    assert found["roller_0_position"]["unit_of_meas"] == "%"


def test_inputs() -> None:
    found = shown(payloads.two_switches())
    assert found["input_0_state_binary_sensor"]["dev_cla"] == "power"
    assert found["input_1"]["p"] == "event"
    assert found["input_1"]["stat_t"] == f"{ROOT}/input/1/event"
    assert "single_push" in found["input_1"]["evt_typ"]
    assert "input_0" not in found
    assert "input_1_state_binary_sensor" not in found


def test_an_input_of_gen1_is_both() -> None:
    found = shown(payloads.gen1_relay())
    assert "long_single" in found["input_0"]["evt_typ"]
    assert "input_0_state_binary_sensor" in found


def test_the_settings_say_what_an_input_is() -> None:
    status = {"input:0": {"id": 0, "state": None}}
    assert shown(status)["input_0"]["p"] == "event"
    found = shown(status, {"input:0": {"id": 0, "type": "switch"}})
    assert "input_0" not in found
    assert "input_0_state_binary_sensor" in found


THERMOSTAT: dict[str, Json] = {
    "thermostat:0": {"id": 0, "enable": True, "target_C": 21.5, "current_C": 20.1, "output": True}
}


def test_a_thermostat() -> None:
    found = shown(THERMOSTAT, native=True)
    climate = found["thermostat_0"]
    assert climate["p"] == "climate"
    assert climate["modes"] == ["off", "heat"]
    assert climate["temp_cmd_t"] == f"{ROOT}/thermostat/0/set/target_temperature"
    assert climate["mode_cmd_t"] == f"{ROOT}/thermostat/0/set/mode"
    assert (climate["min_temp"], climate["max_temp"]) == (5.0, 35.0)
    assert not [key for key in found if key.startswith("thermostat_0_current")]


def test_a_thermostat_that_cannot_be_told_anything() -> None:
    found = shown(THERMOSTAT)
    assert found["thermostat_0_target_temperature"]["dev_cla"] == "temperature"
    assert found["thermostat_0_heating_binary_sensor"]["dev_cla"] == "running"
    assert "thermostat_0" not in found


def test_a_radiator_valve_cannot_be_switched_off() -> None:
    status = {"blutrv:200": {"id": 200, "target_C": 19.5, "current_C": 20.5, "pos": 40}}
    climate = shown(status, native=True)["thermostat_200"]
    assert climate["modes"] == ["heat"]
    assert (climate["mode_stat_tpl"], climate["min_temp"], climate["max_temp"]) == ("heat", 4, 30)
    assert not [key for key in climate if key.startswith(("mode_cmd", "act"))]


def test_an_alarm_can_be_silenced() -> None:
    status = {"smoke:0": {"id": 0, "alarm": False, "mute": False}}
    button = shown(status, native=True)["smoke_0_mute"]
    assert (button["p"], button["cmd_t"]) == ("button", f"{ROOT}/smoke/0/set/mute")
    assert "smoke_0_mute" not in shown(status)


def diffuser(*, native: bool) -> dict[str, dict[str, Any]]:
    slot = {"on": True, "intensity": 60, "boost": None, "vial": {"level": 80, "name": "Pine"}}
    slots = {"left": slot, "right": slot | {"on": None}}
    return shown({"cury:0": {"id": 0, "away_mode": False, "slots": slots}}, native=native)


def test_a_scent_diffuser() -> None:
    found = diffuser(native=True)
    wanted = {
        "cury_0_left_on": ("switch", "Left"),
        "cury_0_right_on": ("switch", "Right"),
        "cury_0_away_mode": ("switch", "Away mode"),
        "cury_0_set_left_intensity": ("number", "Left intensity"),
        "cury_0_set_right_intensity": ("number", "Right intensity"),
        "cury_0_left_boost": ("button", "Left boost"),
        "cury_0_right_boost": ("button", "Right boost"),
        "cury_0_left_level": ("sensor", "Left vial"),
    }
    assert {key: (found[key]["p"], found[key]["name"]) for key in wanted} == wanted
    assert found["cury_0_left_on"]["cmd_t"] == f"{ROOT}/cury/0/set/left_on"
    intensity = found["cury_0_set_left_intensity"]
    assert intensity["cmd_t"] == f"{ROOT}/cury/0/set/left_intensity"
    assert (intensity["min"], intensity["max"], intensity["unit_of_meas"]) == (0, 100, "%")
    assert found["cury_0_left_boost"]["cmd_t"] == f"{ROOT}/cury/0/set/left_boost"
    # What a control shows needs no sensor beside it.
    assert not {"cury_0_left_on_binary_sensor", "cury_0_left_intensity"} & found.keys()


def test_a_scent_diffuser_that_may_only_be_read() -> None:
    found = diffuser(native=False)
    assert found["cury_0_left_on_binary_sensor"]["p"] == "binary_sensor"
    assert found["cury_0_left_intensity"]["p"] == "sensor"
    assert not [key for key, options in found.items() if "cmd_t" in options]


def test_only_the_slots_that_are_there() -> None:
    found = shown({"cury:0": {"id": 0, "slots": {"left": {"on": True}}}}, native=True)
    assert "cury_0_left_on" in found
    assert not [key for key in found if "right" in key or "intensity" in key or "away" in key]


REMOTE: dict[str, Json] = {
    "bthomedevice:200": {"id": 200, "rssi": -60, "battery": 90},
    "bthomesensor:200": {"id": 200, "last_updated_ts": 1_790_000_000},
}


@pytest.mark.parametrize(("object_id", "pressed"), [(58, True), (60, True), (2, False)])
def test_the_button_of_a_ble_device(object_id: int, pressed: bool) -> None:
    address = "11:22:33:44:55:66"
    settings: dict[str, Json] = {
        "bthomedevice:200": {"id": 200, "addr": address, "name": "Remote"},
        "bthomesensor:200": {"id": 200, "addr": address, "obj_id": object_id, "idx": 0},
    }
    found = shown(REMOTE, settings)
    assert ("bthomedevice_200_press" in found) is pressed
    if pressed:
        event = found["bthomedevice_200_press"]
        assert (event["p"], event["name"]) == ("event", "Remote")
        assert event["stat_t"] == f"{ROOT}/bthomedevice/200/event"
        assert {"single_push", "long_triple_push"} <= set(event["evt_typ"])
        # The number of the button is in the message, and so an attribute of the entity.
        assert "val_tpl" not in event


VIRTUAL: dict[str, Json] = {
    "boolean:200": {"value": True},
    "number:200": {"value": 3.5},
    "text:200": {"value": "hello"},
    "enum:200": {"value": "eco"},
    "button:200": {},
}
VIRTUAL_SETTINGS: dict[str, Json] = {
    "number:200": {
        "id": 200,
        "min": 0,
        "max": 40,
        "meta": {"ui": {"view": "slider", "unit": "°C", "step": 0.5}},
    },
    "text:200": {"id": 200, "max_len": 100},
    "enum:200": {"id": 200, "options": ["eco", "warm"]},
}


def test_virtual_components() -> None:
    found = shown(VIRTUAL, VIRTUAL_SETTINGS, native=True)
    assert (found["boolean_200"]["p"], found["boolean_200"]["cmd_t"]) == (
        "switch",
        f"{ROOT}/boolean/200/set",
    )
    number = found["number_200"]
    assert [number[key] for key in ("min", "max", "step", "mode", "unit_of_meas")] == [
        *(0, 40, 0.5, "slider", "°C")
    ]
    assert found["text_200"]["max"] == 100
    assert found["enum_200"]["ops"] == ["eco", "warm"]
    assert found["button_200"]["pl_prs"] == "single_push"
    assert found["button_200_press"]["stat_t"] == f"{ROOT}/button/200/event"


def test_virtual_components_that_may_only_be_read() -> None:
    found = shown(VIRTUAL, VIRTUAL_SETTINGS)
    assert found["boolean_200_state_binary_sensor"]["p"] == "binary_sensor"
    assert found["number_200_value"]["unit_of_meas"] == "°C"
    assert found["enum_200_value"]["ops"] == ["eco", "warm"]
    assert "button_200" not in found
    assert found["button_200_press"]["p"] == "event"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"min": 5, "max": 5, "meta": {"ui": {"step": 0}}},
        {"min": 9, "max": -9, "meta": {"ui": {"step": -1, "unit": " "}}},
        {"min": "a", "max": None, "meta": {"ui": {"step": 1e-9, "view": "label"}}},
    ],
)
def test_a_number_with_an_odd_range(settings: dict[str, Json]) -> None:
    found = shown(VIRTUAL, {"number:200": {"id": 200, **settings}}, native=True)["number_200"]
    assert found["min"] < 0 < found["max"]
    assert found["step"] >= 0.001


def test_options_that_home_assistant_would_not_know_again() -> None:
    options: Json = ["eco", " eco ", "None", "none", "", "warm"]
    found = shown(VIRTUAL, {"enum:200": {"id": 200, "options": options}}, native=True)
    assert found["enum_200"]["ops"] == ["eco", "warm"]


@pytest.mark.parametrize("options", [None, [], [1, None], ["", " "], ["x" * 5] * 3, ["a"] * 200])
def test_a_choice_with_odd_options(options: Json) -> None:
    found = shown(VIRTUAL, {"enum:200": {"id": 200, "options": options}}, native=True)
    # The guard has looked at it; without options it can only be read.
    assert ("enum_200" in found) is (options in (["x" * 5] * 3, ["a"] * 200))


def test_the_firmware_only_where_it_is_known() -> None:
    assert shown(payloads.gen1_relay())["firmware"]["stat_t"] == f"{ROOT}/update"
    assert "firmware" not in shown(payloads.strip())


def test_when_a_device_was_heard_of_last() -> None:
    seen = shown(payloads.gen1_relay())["last_seen"]
    assert seen["en"] is False
    assert seen["avty"] == [{"t": "shelly/bridge/state"}]
    sleeper = Dialogue(grant(device := type(DEVICE)("XB0123456789abcd")))
    sleeper.connects()
    sleeper.reports(payloads.thermometer(), full=True, device=device, link=LinkId(HOST))
    sleeper.waits(5)
    assert "en" not in sleeper.holds(f"homeassistant/device/{device}/config")["cmps"]["last_seen"]


def test_an_unknown_component_has_no_entity() -> None:
    found = shown({"switch:0": payloads.switch(), "zorgblatt:0": {"id": 0, "temperature": 5}})
    assert not [key for key in found if "zorgblatt" in key]


def test_what_is_too_much_is_counted_in_bytes() -> None:
    options: Json = [f"{number}" + "\U0001f642" * 100 for number in range(100)]
    choices: dict[str, Json] = {f"enum:{number}": {"value": None} for number in (200, 201)}
    found = shown(
        {**choices, "number:200": {"value": 1}, "switch:0": payloads.switch()},
        {key: {"id": int(key[5:]), "options": options} for key in choices},
        native=True,
    )
    # What has no room takes nothing else with it.
    assert "enum_200" in found
    assert "enum_201" not in found
    assert {"number_200", "relay_0"} <= found.keys()


def test_a_device_that_invents_too_much_loses_what_matters_least() -> None:
    status = {f"switch:{number}": payloads.switch(number) for number in range(100)}
    found = shown(status)
    assert {f"relay_{number}" for number in range(100)} <= found.keys()
    assert "relay_99_voltage" not in found
