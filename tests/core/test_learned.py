"""What settings tell, and what of them is thrown away."""

from __future__ import annotations

import pytest
from hypothesis import given

from bridge.core import jsontext
from bridge.core.learned import LONGEST_NAME, MOST_OPTIONS, Learned, clean, firmware_in, learn
from bridge.core.model import Json
from tests.core.strategies import JSON, OBJECTS


def test_settings_of_gen2() -> None:
    settings: dict[str, Json] = {
        "sys": {"device": {"name": "Cellar", "fw_id": "2024-x", "mac": "A8032ABE54DC"}},
        "switch:0": {"id": 0, "name": "Pump"},
        "switch:1": {"id": 1, "name": None},
        "wifi": {"sta": {"ssid": "attic", "pass": "hunter2"}},
        "DeviceInfo": {"ver": "1.4.4", "model": "SNSW-002P16EU", "name": None},
    }
    assert learn(settings) == Learned(
        "Cellar",
        None,
        "1.4.4",
        "SNSW-002P16EU",
        {"switch:0": "Pump"},
        told=frozenset({"switch:0", "switch:1"}),
        tells_name=True,
    )


def test_settings_of_gen1() -> None:
    settings: dict[str, Json] = {
        "name": "Boiler",
        "mode": "relay",
        "fw": "20230913-113610/v1.14.0",
        "device": {"type": "SHSW-25", "mac": "A8032ABE54DC"},
        "relays": [{"name": "Left"}, {"name": ""}, "x"],
        "login": {"username": "admin", "password": "hunter2"},
    }
    assert learn(settings) == Learned(
        "Boiler",
        "relay",
        "20230913-113610/v1.14.0",
        "SHSW-25",
        {"relays:0": "Left"},
        told=frozenset({"relays:0", "relays:1"}),
        tells_name=True,
    )


@pytest.mark.parametrize(
    ("settings", "tells"),
    [
        ({"name": None}, True),
        ({"sys": {"device": {"name": None}}}, True),
        ({"DeviceInfo": {"name": ""}}, True),
        ({"sys": {"device": {"mac": "A8032ABE54DC"}}}, False),
        ({"switch:0": {"name": "Pump"}}, False),
    ],
)
def test_whether_the_device_s_own_name_is_told(settings: dict[str, Json], tells: bool) -> None:
    assert learn(settings).tells_name is tells


def test_a_name_of_the_device_info_and_a_firmware_id_will_do() -> None:
    assert learn({"DeviceInfo": {"name": "Hall"}}).name == "Hall"
    assert learn({"sys": {"device": {"fw_id": "x1"}}}).firmware == "x1"


def test_a_button_and_a_switch() -> None:
    settings: dict[str, Json] = {
        "input:0": {"id": 0, "type": "button", "name": "Bell"},
        "input:1": {"id": 1, "type": "lever"},
    }
    assert learn(settings).facts == {"input:0": {"type": "button"}}


def virtual(**members: Json) -> dict[str, Json]:
    """The settings of a virtual component, with much that nobody needs."""
    ui = {"view": "slider", "unit": "°C", "step": 0.5, "icon": "", **members.pop("ui", {})}
    return {
        "id": 200,
        "name": "Target",
        "meta": {"ui": ui, "cloud": ["log"]},
        "access": "crw",
        "owner": "service:0",
        "attrs": {"owner": "service:0", "role": "target_temperature"},
        "persisted": False,
        "default_value": 5,
        **members,
    }


def test_the_range_of_a_number() -> None:
    learned = learn({"number:202": virtual(min=15, max=40)})
    assert learned.channels == {"number:202": "Target"}
    assert learned.facts == {
        "number:202": {
            "min": 15,
            "max": 40,
            "step": 0.5,
            "unit": "°C",
            "view": "slider",
            "access": "crw",
            "role": "target_temperature",
        }
    }


def test_the_options_of_a_choice() -> None:
    options = ["a", "b", " c ", "a", 5, ""]
    (facts,) = learn({"enum:200": virtual(options=options)}).facts.values()
    assert facts["options"] == ["a", "b", " c "]


@pytest.mark.parametrize("titles", [["Disabled", "Enabled"], {"a": "First"}])
def test_titles_that_nobody_uses_are_not_learned(titles: Json) -> None:
    (facts,) = learn({"enum:200": virtual(options=["a"], ui={"titles": titles})}).facts.values()
    assert "titles" not in facts


def test_the_length_of_a_text_and_the_access_to_a_button() -> None:
    learned = learn({"text:200": {"max_len": 255}, "button:200": {"access": "*"}})
    assert learned.facts == {"text:200": {"max_len": 255}, "button:200": {"access": "*"}}


@pytest.mark.parametrize("component", ["cct:0", "rgbcct:1"])
def test_the_range_of_a_colour_temperature(component: str) -> None:
    assert learn({component: {"ct_range": [2700, 6500]}}).facts == {
        component: {"ct_min": 2700, "ct_max": 6500}
    }


@pytest.mark.parametrize("ends", [None, [], [2700], [6500, 2700], [0, 5], ["a", "b"], [1, None]])
def test_a_range_that_is_none_is_not_learned(ends: Json) -> None:
    assert learn({"cct:0": {"ct_range": ends}}).facts == {}


def test_a_sensor_belongs_to_the_device_with_its_address() -> None:
    settings: dict[str, Json] = {
        "bthomesensor:201": {"addr": "11:22:33:44:55:66", "obj_id": 69, "idx": 1},
        "bthomesensor:202": {"addr": "11:22:33:44:55:67", "obj_id": 46, "idx": 0},
        "bthomedevice:200": {
            "addr": "11:22:33:44:55:66",
            "name": "Cellar",
            "key": "5e4c",
            "attrs": {"model_id": 8, "flags": 1},
        },
        "bthomedevice:201": {"addr": None, "name": "Nobody"},
    }
    learned = learn(settings)
    assert learned.facts == {
        "bthomesensor:201": {
            **{"obj_id": 69, "idx": 1},
            **{"owner": 200, "device": "Cellar", "model_id": 8},
        },
        "bthomesensor:202": {"obj_id": 46, "idx": 0},
    }
    assert "11:22" not in repr(learned)
    assert "5e4c" not in repr(learned)


@pytest.mark.parametrize(("object_id", "presses"), [(58, True), (60, True), (1, False)])
def test_a_ble_device_with_a_button_can_be_pressed(object_id: int, presses: bool) -> None:
    settings: dict[str, Json] = {
        "bthomedevice:200": {"addr": "11:22:33:44:55:66"},
        "bthomedevice:201": {"addr": "11:22:33:44:55:67"},
        "bthomesensor:200": {"addr": "11:22:33:44:55:66", "obj_id": object_id, "idx": 0},
    }
    facts = learn(settings).facts
    assert facts.get("bthomedevice:200", {}).get("presses", False) is presses
    assert "bthomedevice:201" not in facts


def test_nothing_secret_is_learned() -> None:
    canary = "canary-7f3a"
    secrets = dict.fromkeys(("key", "pass", "ssid", "addr", "user", "server", "owner"), canary)
    settings = {
        f"{component}:200": {**virtual(**secrets, min=1), "attrs": secrets}
        for component in ("input", "number", "enum", "boolean", "text", "button", "cct", "wifi")
    }
    assert canary not in repr(learn(settings))
    assert canary not in repr(learn({"wifi": secrets, "bthomedevice:200": secrets}))


def test_what_is_learned_has_bounds() -> None:
    endless = "x" * 1_000
    (facts,) = learn(
        {
            "enum:200": virtual(
                options=[endless, *(f"option {number}" for number in range(1_000))],
                ui={"unit": endless, "step": 0},
                min=1e300,
                max="5",
            )
        }
    ).facts.values()
    assert len(facts["options"]) == MOST_OPTIONS - 1
    assert len(facts["unit"]) == LONGEST_NAME
    assert not {"min", "max", "step"} & facts.keys()


@pytest.mark.parametrize(
    ("mode", "period"),
    [
        ({"period": 6, "unit": "h"}, 21_600.0),
        ({"period": 5, "unit": "m"}, 300.0),
        ({"period": 12}, None),
        ({"period": 0, "unit": "h"}, None),
        ({"period": -1, "unit": "h"}, None),
        ({"period": 10_000, "unit": "h"}, None),
        ({"period": "6", "unit": "h"}, None),
        ({"period": 6, "unit": ["h"]}, None),
        (True, None),
        (None, None),
    ],
)
def test_how_long_a_gen1_device_sleeps(mode: Json, period: float | None) -> None:
    assert learn({"sleep_mode": mode}).wake_period == period


@given(OBJECTS)
def test_any_settings_can_be_read(settings: dict[str, Json]) -> None:
    learn(settings)


@given(JSON, JSON, JSON)
def test_members_of_any_type_are_survived(one: Json, two: Json, three: Json) -> None:
    learn({"sys": one, "device": two, "DeviceInfo": three, "relays": one, "switch:0": two})
    for component in ("input", "number", "enum", "boolean", "bthomesensor", "bthomedevice", "cct"):
        settings = {f"{component}:0": one, "bthomedevice:1": {"addr": two, "attrs": three}}
        jsontext.dump(dict(learn(settings).facts))
        members = {"type": one, "min": one, "options": two, "meta": {"ui": {"titles": three}}}
        settings = {f"{component}:0": {**members, "addr": one, "obj_id": two, "ct_range": three}}
        jsontext.dump(dict(learn(settings).facts))
    firmware_in({"update": one, "getinfo": two})


def test_the_firmware_that_a_status_mentions() -> None:
    assert firmware_in({"update": {"old_version": "v1.14.0"}}) == "v1.14.0"
    assert firmware_in({"getinfo": {"fw_info": {"device": "x", "fw": "v1.13.0"}}}) == "v1.13.0"
    assert firmware_in({"fw_info": {"device": "x", "fw": "v2.2.4"}}) == "v2.2.4"
    assert firmware_in({"switch:0": {}}) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Pump", "Pump"),
        ("  Pump\n", "Pump"),
        ("a\x00b\x1fc\x7fd", "a b c d"),
        ("a\x9b31mb\u202ec\ufeff\u2066", "a 31mb c"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("Küche +/#", "Küche +/#"),
        ("x" * 1_000, "x" * LONGEST_NAME),
        ("", None),
        (" \t", None),
        (5, None),
        (None, None),
    ],
)
def test_a_name_is_made_fit_to_be_shown(value: Json, name: str | None) -> None:
    assert clean(value) == name
