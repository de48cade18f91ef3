"""The guard itself: it takes what is right, and finds each thing that is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.homeassistant.guard import LARGEST, Guard, check

TOPIC = "homeassistant/device/a8032abe54dc/config"
OTHER = "homeassistant/device/0cb815fd44e1/config"
BASE = "shelly/a8032abe54dc"

RELAY = {
    "p": "switch",
    "uniq_id": "shelly_bridge_a8032abe54dc_relay_0",
    "name": None,
    "dev_cla": "outlet",
    "stat_t": f"{BASE}/relay/0",
    "val_tpl": "{{ value_json.state }}",
    "cmd_t": f"{BASE}/relay/0/set",
}
POWER = {
    "p": "sensor",
    "uniq_id": "shelly_bridge_a8032abe54dc_power",
    "stat_t": f"{BASE}/relay/0",
    "val_tpl": "{{ value_json.power }}",
    "dev_cla": "power",
    "stat_cla": "measurement",
    "unit_of_meas": "W",
}
LIGHT = {
    "p": "light",
    "schema": "json",
    "uniq_id": "shelly_bridge_a8032abe54dc_light",
    "name": "Lamp",
    "stat_t": f"{BASE}/light/0",
    "cmd_t": f"{BASE}/light/0/set",
    "sup_clrm": ["brightness"],
    "bri_scl": 100,
    "flsh": False,
    "trns": False,
}


def message(**components: dict[str, Any]) -> dict[str, Any]:
    """A message with a relay, and with more components."""
    return {
        "dev": {
            "ids": ["shelly_bridge_a8032abe54dc"],
            "name": "Boiler",
            "mf": "Shelly",
            "via_device": "shelly_bridge",
        },
        "o": {"name": "shelly-mqtt-bridge", "sw": "0.1.0"},
        "avty": [{"t": "shelly/bridge/state"}, {"t": f"{BASE}/availability"}],
        "avty_mode": "all",
        "qos": 1,
        "cmps": {"relay_0": RELAY, **components},
    }


def found(wrong: dict[str, Any], **options: Any) -> list[str]:
    return check(TOPIC, json.dumps(wrong), **options)


def changed(part: str, **changes: Any) -> dict[str, Any]:
    """A message with keys of `part` replaced, or (`...`) taken away."""
    whole = message()
    merged = {**whole[part], **changes}
    return whole | {part: {key: value for key, value in merged.items() if value is not ...}}


def test_what_is_right_is_taken() -> None:
    full = message(
        power=POWER,
        light=LIGHT,
        gone={"p": "sensor"},
        input=POWER
        | {
            "uniq_id": "shelly_bridge_a8032abe54dc_input",
            "name": "Reason",
            "dev_cla": "enum",
            "ops": ["a", "b"],
            "val_tpl": "{% set value = value_json['items'] %}{{ 'ON' if value else 'OFF' }}",
            "unit_of_meas": None,
            "stat_cla": None,
        },
    )
    for key in ("unit_of_meas", "stat_cla"):
        del full["cmps"]["input"][key]
    assert found(full) == []
    assert check(TOPIC, "") == []


@pytest.mark.parametrize(
    "topic",
    [
        "homeassistant/device/a.b/config",
        "homeassistant/device//config",
        "homeassistant/device/+/config",
        "homeassistant/switch/x/config",
    ],
)
def test_the_topic(topic: str) -> None:
    assert check(topic, json.dumps(message()))


@pytest.mark.parametrize("payload", ["{", "[]", "{}", "1"])
def test_what_is_no_message(payload: str) -> None:
    assert check(TOPIC, payload)


@pytest.mark.parametrize(
    "wrong",
    [
        message() | {"icon": "mdi:fire"},
        message() | {"msg_exp_int": 60},
        message() | {"~": BASE},
        message() | {"device": {}},
        message() | {"cmps": {}},
        message() | {"o": None},
        message() | {"avty_t": f"{BASE}/availability"},
        message() | {"avty_mode": "latest"},
        message() | {"avty": [{"t": BASE}, {"t": BASE}]},
        message() | {"avty": [{"t": "shelly/+/availability"}]},
        message() | {"avty": []},
        changed("dev", ids=[]),
        changed("dev", ids=...),
        changed("dev", name=...),
        changed("dev", mdl_id=None),
        changed("dev", mdl=""),
        changed("dev", sw=5),
        changed("dev", colour="white"),
        changed("dev", cu="192.0.2.1"),
        changed("o", mail="x"),
        changed("o", name=...),
        changed("o", sw=None),
    ],
    ids=str,
)
def test_the_device(wrong: dict[str, Any]) -> None:
    assert found(wrong)


def component(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    merged = {**base, "uniq_id": "shelly_bridge_a8032abe54dc_x", **changes}
    return {key: value for key, value in merged.items() if value is not ...}


@pytest.mark.parametrize(
    "wrong",
    [
        component(RELAY, uniq_id=...),
        component(RELAY, uniq_id="shelly_bridge_a8032abe54dc_relay_0"),
        component(RELAY, uniq_id="shelly_bridge_a8032abe54dc_y"),
        component(RELAY, p="relay"),
        component(RELAY, p=...),
        component(RELAY, cmd_t=...),
        component(RELAY, cmd_t=f"{BASE}/+/set"),
        component(RELAY, cmd_t=f"{BASE}/relay/0/set\n"),
        component(RELAY, obj_id="boiler"),
        component(RELAY, object_id="boiler"),
        component(RELAY, colour="white"),
        component(RELAY, unit_of_meas="W"),
        component(RELAY, dev_cla="power"),
        component(RELAY, dev_cla=None),
        component(RELAY, name="Boiler"),
        component(RELAY, name=None),
        component(RELAY, name=""),
        component(RELAY, name="a\nb"),
        component(RELAY, name="x" * 300),
        component(RELAY, name=..., dev_cla=...),
        component(RELAY, en="no"),
        component(RELAY, ent_cat="system"),
        component(RELAY, val_tpl="{{ states('sensor.x') }}"),
        component(RELAY, val_tpl="{{ value_json.name.Böiler }}"),
        component(RELAY, val_tpl="{{ value_json.items }}"),
        component(RELAY, val_tpl="{{ value_json['a b'] }}"),
        component(RELAY, val_tpl=""),
        component(POWER, unit_of_meas="kW/h"),
        component(POWER, unit_of_meas=...),
        component(POWER, unit_of_meas=""),
        component(POWER, dev_cla="illuminance", unit_of_meas="lux"),
        component(POWER, dev_cla="watts"),
        component(POWER, stat_cla="total_increasing"),
        component(POWER, stat_cla="sometimes"),
        component(POWER, ent_cat="config"),
        component(POWER, val_tpl=...),
        component(POWER, dev_cla="enum", name="X", unit_of_meas=..., stat_cla=...),
        component(POWER, dev_cla="enum", name="X", ops=["a"], unit_of_meas="W", stat_cla=...),
        component(POWER, dev_cla="enum", name="X", ops=["a", "a"], unit_of_meas=..., stat_cla=...),
        component(POWER, dev_cla="enum", ops=["a"], unit_of_meas=..., stat_cla=...),
        component(POWER, ops=["a"]),
        component(POWER, dev_cla="timestamp", unit_of_meas=...),
        component(LIGHT, schema="basic"),
        component(LIGHT, sup_clrm=["brightness", "rgb"]),
        component(LIGHT, sup_clrm=["color"]),
        component(LIGHT, sup_clrm=["color_temp"]),
        component(LIGHT, min_k=2700, max_k=6500),
        component(LIGHT, sup_clrm=["color_temp"], min_k=6500, max_k=2700, clr_temp_k=True),
        component(LIGHT, effect=True),
        component(LIGHT, bri_scl=255),
        component(LIGHT, flsh=True),
        component(RELAY, p="cover", dev_cla="shutter", set_pos_t=BASE),
        component(RELAY, p="cover", dev_cla="shutter", pos_t=BASE),
        component(RELAY, p="cover", dev_cla="shutter", tilt_cmd_t=BASE),
        component(RELAY, p="select", dev_cla=..., name="X", ops=[]),
        component(RELAY, p="select", dev_cla=..., name="X", ops=["a", "a"]),
        component(RELAY, p="number", dev_cla=..., name="X", min=5, max=5, step=1),
        component(RELAY, p="number", dev_cla=..., name="X", min=0, max=5, step=0),
        component(RELAY, p="number", dev_cla=..., name="X", min=0, max=5, step=1, mode="wheel"),
        component(POWER, p="event", dev_cla="button", name="X", stat_cla=..., unit_of_meas=...),
        component(RELAY, p="climate", dev_cla=..., name="X"),
        component(RELAY, avty=[{"t": "#"}]),
        "text",
    ],
    ids=str,
)
def test_a_component(wrong: Any) -> None:
    assert found(message(x=wrong))


def test_two_that_are_called_the_same() -> None:
    twin = POWER | {"uniq_id": "shelly_bridge_a8032abe54dc_twin"}
    assert found(message(power=POWER, twin=twin))
    assert not found(message(power=POWER, twin=twin | {"name": "Second"}))


def test_an_id_that_is_none() -> None:
    assert found(message(**{"a b": POWER | {"uniq_id": "shelly_bridge_a b"}}))


def test_a_secret() -> None:
    wrong = message(x=component(RELAY, name="canary-token"))
    assert found(wrong, canaries=["canary-token"])
    assert not found(wrong)


# One message beside another


def sequence(*messages: dict[str, Any] | str, topics: tuple[str, ...] = ()) -> list[str]:
    guard = Guard()
    told = [each if isinstance(each, str) else json.dumps(each) for each in messages]
    results = [
        guard.check(topic, payload)
        for topic, payload in zip(topics or [TOPIC] * len(told), told, strict=True)
    ]
    assert all(not result for result in results[:-1])
    return results[-1]


def test_a_message_that_is_full_leaves_stubs_for_later() -> None:
    def full(**components: dict[str, Any]) -> dict[str, Any]:
        told = message(**components)
        told["dev"]["mdl"] = "x" * (LARGEST - len(json.dumps(told)) - 20)
        return told

    stub = message(power={"p": "sensor"})
    assert not sequence(message(power=POWER), full(), stub, message())
    assert sequence(message(power=POWER), full(), message())
    assert sequence(full() | {"e": "x" * 20})


def test_a_component_is_a_stub_before_it_goes() -> None:
    assert sequence(message(power=POWER), message())
    stub = message(power={"p": "sensor"})
    assert not sequence(message(power=POWER), stub, message())
    assert not sequence(message(power=POWER), "", message())


def test_a_platform_stays() -> None:
    other = component(RELAY, p="sensor", dev_cla="power", unit_of_meas="W", cmd_t=..., name=...)
    assert sequence(message(x=component(LIGHT)), "", message(x=other))


def test_an_entity_belongs_to_one_device() -> None:
    assert sequence(message(), message(), topics=(TOPIC, OTHER))
    assert not sequence(message(), "", message(), topics=(TOPIC, TOPIC, OTHER))
