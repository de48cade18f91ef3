"""`bridge/request/device/options` and `bridge/request/options` (topic conventions 2)."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from bridge.core.effects import SaveOptions, SetLogLevel
from bridge.core.model import DeviceOptions
from tests.core import payloads
from tests.core.dialogue import DEVICE, ROOT, Dialogue, Reply, grant, online, override

ANSWER = "shelly/bridge/response/device/options"


@pytest.fixture
def dialogue() -> Dialogue:
    return online(status=payloads.two_switches())


def change(dialogue: Dialogue, **options: Any) -> Reply:
    return dialogue.asks("device/options", json.dumps({"id": DEVICE, "options": options}))


def test_a_name_holds_everywhere_and_is_stored(dialogue: Dialogue) -> None:
    reply = change(dialogue, name="Boiler")
    assert reply.one(SaveOptions).options == DeviceOptions(DEVICE, name="Boiler")
    assert reply.json(ANSWER) == {
        "status": "ok",
        "data": {
            "id": DEVICE,
            "from": {"name": None, "area": None, "throttle": None},
            "to": {"name": "Boiler", "area": None, "throttle": None},
            "restart_required": False,
        },
    }
    dialogue.waits(10)
    assert dialogue.holds(f"{ROOT}/info")["name"] == "Boiler"
    (listed,) = dialogue.holds("shelly/bridge/devices")
    assert listed["name"] == "Boiler"
    assert "Boiler" in dialogue.broker[f"homeassistant/device/{DEVICE}/config"]


def test_it_is_the_same_after_a_restart(dialogue: Dialogue) -> None:
    saved = change(dialogue, name="Boiler", area="Cellar").one(SaveOptions).options
    later = Dialogue(after=dialogue)
    later.engine.restore([grant()], later.now, (), [saved])
    later.connects()
    later.reports(payloads.two_switches(), full=True)
    info = later.holds(f"{ROOT}/info")
    assert (info["name"], info["area"]) == ("Boiler", "Cellar")


def test_null_takes_an_option_back(dialogue: Dialogue) -> None:
    before = dialogue.holds(f"{ROOT}/info")["name"]
    change(dialogue, name="Boiler", area="Cellar")
    reply = change(dialogue, name=None)
    assert reply.one(SaveOptions).options == DeviceOptions(DEVICE, area="Cellar")
    info = dialogue.holds(f"{ROOT}/info")
    assert (info["name"], info["area"]) == (before, "Cellar")


def test_a_throttle_holds_at_once(dialogue: Dialogue) -> None:
    change(dialogue, throttle=60)
    dialogue.reports({"switch:0": {"id": 0, "apower": 10.0}})
    assert dialogue.reports({"switch:0": {"id": 0, "apower": 10.5}}).on(f"{ROOT}/relay/0") == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "options: must be an object"),
        ({"name": ""}, "name: must be a text"),
        ({"name": "a\nb"}, "name: must be a text"),
        ({"name": 7}, "name: must be a text"),
        ({"name": "x" * 65}, "name: has at most 64"),
        ({"throttle": -1}, "throttle: must be a number"),
        ({"throttle": True}, "throttle: must be a number"),
        ({"topic": "boiler"}, "topic: can only be set in the configuration"),
        ({"disabled": True}, "disabled: can only be set in the configuration"),
        ({"naem": "x"}, "naem: there is no such option"),
        ({"name": "fine", "throttle": "often"}, "throttle: must be a number"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    dialogue: Dialogue, options: dict[str, Any], text: str
) -> None:
    before = dict(dialogue.broker)
    reply = change(dialogue, **options)
    body = reply.json(ANSWER)
    assert body["status"] == "error"
    assert body["error"].startswith(text)
    assert reply.all(SaveOptions) == []
    assert dialogue.broker == before


def test_the_configuration_comes_first() -> None:
    dialogue = online(status=payloads.two_switches(), overrides=override(name="Pump"))
    body = change(dialogue, name="Boiler").json(ANSWER)
    assert "set in the configuration" in body["error"]
    assert change(dialogue, area="Cellar").json(ANSWER)["status"] == "ok"
    assert dialogue.holds(f"{ROOT}/info")["name"] == "Pump"


def test_the_log_level(dialogue: Dialogue) -> None:
    reply = dialogue.asks("options", '{"options": {"log": {"level": "debug"}}}')
    assert reply.one(SetLogLevel).level == "debug"
    assert logging.getLevelNamesMapping()[reply.one(SetLogLevel).level.upper()] == logging.DEBUG
    assert reply.json("shelly/bridge/response/options")["data"] == {"restart_required": False}


@pytest.mark.parametrize(
    "payload",
    [
        "",
        '{"options": {}}',
        '{"options": {"log": {"level": "loud"}}}',
        '{"options": {"log": {"level": "debug", "format": "json"}}}',
        '{"options": {"log": {"level": "debug"}, "mqtt": {}}}',
        '{"options": {"log": "debug"}}',
    ],
)
def test_other_options_of_the_bridge_are_refused(dialogue: Dialogue, payload: str) -> None:
    reply = dialogue.asks("options", payload)
    assert reply.all(SetLogLevel) == []
    body = reply.json("shelly/bridge/response/options")
    assert body["status"] == "error"
    assert "debug, info, warning, error" in body["error"]
