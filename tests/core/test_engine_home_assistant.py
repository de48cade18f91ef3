"""From what Home Assistant publishes to the frame that goes out, and the state that confirms it.

The payloads are exactly those of Home Assistant's MQTT integration (reference of its discovery).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import pytest

from bridge.core.effects import SendCommand
from bridge.core.model import Json, SourceKind
from tests.core import payloads
from tests.core.dialogue import ROOT
from tests.core.ways import (
    ACCOUNT,
    CURY,
    ENUM,
    INTEGRATOR,
    NUMBER,
    OUTBOUND,
    RADIATOR,
    RELAYS,
    SLATS,
    TEXT,
    THERMOSTAT,
    Parameters,
    frame,
    light,
    listed,
    reached,
    virtual,
)


@dataclass(frozen=True)
class Case:
    """One thing that people do in Home Assistant."""

    source: SourceKind
    status: dict[str, Json]
    channel: str
    payload: str
    word: str
    parameters: Parameters
    shown: dict[str, Json] = field(default_factory=dict)
    """What the device reports then."""
    settings: dict[str, Json] | None = None


def slot(**members: Json) -> dict[str, Json]:
    return {"cury:0": {"slots": {"left": members}}}


CASES = {
    "switch on": Case(
        INTEGRATOR,
        RELAYS,
        "relay/1",
        "ON",
        "relay",
        {"id": 1, "turn": "on"},
        {"switch:1": {"output": True}},
    ),
    "switch off, Gen1": Case(
        INTEGRATOR,
        payloads.gen1_relay(relays=[{"ison": True}]),
        "relay/0",
        "OFF",
        "relay",
        {"id": 0, "turn": "off"},
        {"relays": [{"ison": False}]},
    ),
    "switch on by the account": Case(
        ACCOUNT,
        RELAYS,
        "relay/0",
        "ON",
        "relay",
        {"id": 0, "turn": "on"},
        {"switch:0": {"output": True}},
    ),
    "switch on without a cloud": Case(
        OUTBOUND,
        RELAYS,
        "relay/0",
        "ON",
        "Switch.Set",
        {"id": 0, "on": True},
        {"switch:0": {"output": True}},
    ),
    "dim": Case(
        INTEGRATOR,
        light("light"),
        "light/0",
        '{"state":"ON","brightness":50}',
        "light",
        {"id": 0, "turn": "on", "brightness": 50},
        light("light", output=True, brightness=50),
    ),
    "dim without a cloud": Case(
        OUTBOUND,
        light("light"),
        "light/0",
        '{"state":"ON","brightness":50,"transition":2}',
        "Light.Set",
        {"id": 0, "on": True, "brightness": 50, "transition_duration": 2},
        light("light", output=True, brightness=50),
    ),
    "light off": Case(
        INTEGRATOR,
        light("light", output=True),
        "light/0",
        '{"state":"OFF"}',
        "light",
        {"id": 0, "turn": "off"},
        light("light", output=False),
    ),
    "colour": Case(
        INTEGRATOR,
        light("rgb", rgb=[0, 0, 0]),
        "light/0",
        '{"state":"ON","color":{"r":255,"g":10,"b":0}}',
        "light",
        {"id": 0, "turn": "on", "mode": "color", "red": 255, "green": 10, "blue": 0},
        light("rgb", output=True, rgb=[255, 10, 0]),
    ),
    "colour and white without a cloud": Case(
        OUTBOUND,
        light("rgbw", rgb=[0, 0, 0], white=0),
        "light/0",
        '{"state":"ON","color":{"r":255,"g":10,"b":0,"w":7}}',
        "RGBW.Set",
        {"id": 0, "on": True, "rgb": [255, 10, 0], "white": 7},
        light("rgbw", output=True, rgb=[255, 10, 0], white=7),
    ),
    "colour, Gen1": Case(
        INTEGRATOR,
        payloads.gen1_bulb(),
        "light/0",
        '{"state":"ON","color":{"r":255,"g":0,"b":0},"brightness":80}',
        "light",
        {"id": 0, "turn": "on", "mode": "color", "red": 255, "green": 0, "blue": 0, "gain": 80},
        payloads.gen1_bulb(red=255, green=0, blue=0, gain=80),
    ),
    "colour temperature": Case(
        INTEGRATOR,
        light("cct", ct=4000),
        "light/0",
        '{"state":"ON","color_temp":3000}',
        "light",
        {"id": 0, "turn": "on", "mode": "white", "temp": 3000},
        light("cct", output=True, ct=3000),
    ),
    "colour temperature without a cloud": Case(
        OUTBOUND,
        light("rgbcct", mode="rgb", rgb=[1, 2, 3], ct=4000),
        "light/0",
        '{"state":"ON","color_temp":3000}',
        "RGBCCT.Set",
        {"id": 0, "on": True, "ct": 3000},
        light("rgbcct", output=True, mode="cct", rgb=[1, 2, 3], ct=3000),
    ),
    "effect": Case(
        INTEGRATOR,
        payloads.gen1_bulb(),
        "light/0",
        '{"state":"ON","effect":"Breath"}',
        "light",
        {"id": 0, "turn": "on", "mode": "color", "effect": 3},
        payloads.gen1_bulb(effect=3),
    ),
    "cover open": Case(
        INTEGRATOR,
        SLATS,
        "roller/0",
        "OPEN",
        "roller",
        {"id": 0, "go": "open"},
        {"cover:0": {"state": "opening"}},
    ),
    "cover close, Gen1": Case(
        INTEGRATOR,
        payloads.gen1_roller(),
        "roller/0",
        "CLOSE",
        "roller",
        {"id": 0, "go": "close"},
        payloads.gen1_roller(state="close"),
    ),
    "cover stop": Case(
        OUTBOUND,
        {"cover:0": payloads.cover(state="opening")},
        "roller/0",
        "STOP",
        "Cover.Stop",
        {"id": 0},
        {"cover:0": {"state": "stopped"}},
    ),
    "cover position": Case(
        INTEGRATOR,
        SLATS,
        "roller/0",
        "70",
        "roller_to_pos",
        {"id": 0, "pos": 70},
        {"cover:0": {"state": "opening", "target_pos": 70}},
    ),
    "cover position without a cloud": Case(
        OUTBOUND,
        SLATS,
        "roller/0",
        "0",
        "Cover.GoToPosition",
        {"id": 0, "pos": 0},
        {"cover:0": {"state": "closing"}},
    ),
    "slats": Case(
        INTEGRATOR,
        SLATS,
        "roller/0/set/slat_position",
        "30",
        "roller_to_pos",
        {"id": 0, "slat_pos": 30},
        {"cover:0": {"slat_pos": 30}},
    ),
    "slats without a cloud": Case(
        OUTBOUND,
        SLATS,
        "roller/0/set/slat_position",
        "30",
        "Cover.GoToPosition",
        {"id": 0, "slat_pos": 30},
        {"cover:0": {"slat_pos": 30}},
    ),
    "thermostat's set-point": Case(
        ACCOUNT,
        THERMOSTAT,
        "thermostat/0/set/target_temperature",
        "21.5",
        "Thermostat.SetConfig",
        {"config": {"id": 0, "target_C": 21.5}},
        {"thermostat:0": {"target_C": 21.5}},
    ),
    "thermostat on": Case(
        ACCOUNT,
        THERMOSTAT,
        "thermostat/0/set/mode",
        "heat",
        "Thermostat.SetConfig",
        {"config": {"id": 0, "enable": True}},
        {"thermostat:0": {"enable": True}},
    ),
    "thermostat off": Case(
        OUTBOUND,
        THERMOSTAT,
        "thermostat/0/set/mode",
        "off",
        "Thermostat.SetConfig",
        {"config": {"id": 0, "enable": False}},
    ),
    "radiator's valve": Case(
        ACCOUNT,
        RADIATOR,
        "thermostat/200",
        "22.5",
        "BluTRV.Call",
        {"id": 200, "method": "Trv.SetTarget", "params": {"id": 0, "target_C": 22.5}},
        {"blutrv:200": {"target_C": 22.5}},
    ),
    "number": Case(
        ACCOUNT,
        virtual("number", 3),
        "number/200",
        "21.5",
        "Number.Set",
        {"id": 200, "value": 21.5},
        {"number:200": {"value": 21.5}},
        NUMBER,
    ),
    "boolean on": Case(
        ACCOUNT,
        virtual("boolean", False),
        "boolean/200",
        "ON",
        "Boolean.Set",
        {"id": 200, "value": True},
        {"boolean:200": {"value": True}},
    ),
    "boolean toggled": Case(
        OUTBOUND,
        virtual("boolean", True),
        "boolean/200",
        "TOGGLE",
        "Boolean.Set",
        {"id": 200, "value": False},
        {"boolean:200": {"value": False}},
    ),
    "choice": Case(
        ACCOUNT,
        virtual("enum", "eco"),
        "enum/200",
        "full",
        "Enum.Set",
        {"id": 200, "value": "full"},
        {"enum:200": {"value": "full"}},
        ENUM,
    ),
    "choice that looks like a number": Case(
        ACCOUNT,
        virtual("enum", "eco"),
        "enum/200",
        "5",
        "Enum.Set",
        {"id": 200, "value": "5"},
        {"enum:200": {"value": "5"}},
        ENUM,
    ),
    "text": Case(
        ACCOUNT,
        virtual("text", ""),
        "text/200",
        '{"not": "ours"}',
        "Text.Set",
        {"id": 200, "value": '{"not": "ours"}'},
        {"text:200": {"value": '{"not": "ours"}'}},
        TEXT,
    ),
    "button": Case(
        ACCOUNT,
        {"button:200": {}},
        "button/200",
        "PRESS",
        "Button.Trigger",
        {"id": 200, "event": "single_push"},
    ),
    "breaker": Case(
        OUTBOUND,
        {"cb:0": {"id": 0, "output": True, "safety": False}},
        "cb/0",
        "OFF",
        "CB.Set",
        {"id": 0, "output": False},
        {"cb:0": {"output": False}},
    ),
    "smoke alarm": Case(
        OUTBOUND,
        {"smoke:0": {"id": 0, "alarm": True, "mute": False}},
        "smoke/0",
        "PRESS",
        "Smoke.Mute",
        {"id": 0},
        {"smoke:0": {"mute": True}},
    ),
    "diffuser's slot": Case(
        OUTBOUND,
        CURY,
        "cury/0/set/left_on",
        "ON",
        "Cury.Set",
        {"id": 0, "slot": "left", "on": True},
        slot(on=True),
    ),
    "diffuser's intensity": Case(
        ACCOUNT,
        CURY,
        "cury/0/set/left_intensity",
        "75",
        "Cury.Set",
        {"id": 0, "slot": "left", "intensity": 75},
        slot(intensity=75),
    ),
    "diffuser's mode": Case(
        ACCOUNT,
        CURY,
        "cury/0/set/mode",
        "Evening",
        "Cury.SetMode",
        {"id": 0, "mode": "Evening"},
        {"cury:0": {"mode": "Evening"}},
    ),
    "diffuser's boost": Case(
        ACCOUNT,
        CURY,
        "cury/0/set/left_boost",
        "ON",
        "Cury.Boost",
        {"id": 0, "slot": "left"},
        slot(boost={"started_at": 1_790_000_000, "duration": 60}),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_done_in_home_assistant(name: str) -> None:
    case = CASES[name]
    dialogue = reached(case.source, case.status, case.settings)
    reply = dialogue.sets(case.channel, case.payload)
    assert reply.results == []
    sent = reply.one(SendCommand)
    assert frame(sent) == (case.word, case.parameters)
    results = dialogue.answers(sent).results
    if case.shown:
        assert results == [("ok", "accepted")]
        results += dialogue.reports(copy.deepcopy(case.shown), link=sent.link).results
    assert results == [("ok", "accepted"), ("ok", "confirmed")]
    channel = case.channel.partition("/set")[0]
    commands = listed(dialogue, channel)
    key = case.channel.partition("/set/")[2]
    assert commands
    assert key in {*commands, "", "mode"}


NATIVE = sorted(
    name
    for name, case in CASES.items()
    if case.channel.split("/")[0] not in ("relay", "light", "roller")
)


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize(
    ("source", "reason"), [(INTEGRATOR, "Integrator API"), (ACCOUNT, "native_rpc")]
)
def test_what_needs_rpc_is_refused_without(source: SourceKind, reason: str, name: str) -> None:
    case = CASES[name]
    dialogue = reached(source, case.status, case.settings, native_rpc=False)
    reply = dialogue.sets(case.channel, case.payload)
    assert not reply.all(SendCommand)
    assert reply.results == [("unsupported", "refused")]
    channel = case.channel.partition("/set")[0]
    assert reason in reply.json(f"{ROOT}/{channel}/result")["error"]
    assert listed(dialogue, channel) == []


def test_a_gen1_thermostat_is_out_of_reach() -> None:
    status: dict[str, Json] = {
        "thermostats": [{"pos": 5, "target_t": {"enabled": True, "value": 20, "units": "C"}}],
        "bat": {"value": 90, "voltage": 4},
    }
    dialogue = reached(ACCOUNT, status)
    assert dialogue.sets("thermostat/0", "21").results == [("unsupported", "refused")]
    assert dialogue.sets("thermostat/0", "31").results == [("invalid", "refused")]


def test_a_component_that_may_not_be_set() -> None:
    settings = {"number:200": {"id": 200, "min": 0, "max": 40, "access": "cr"}}
    dialogue = reached(OUTBOUND, virtual("number", 3), settings)
    assert dialogue.sets("number/200", "5").results == [("read_only", "refused")]
    assert listed(dialogue, "number/200") == []


def test_a_number_out_of_range_is_refused_with_the_range() -> None:
    dialogue = reached(OUTBOUND, virtual("number", 3), NUMBER)
    reply = dialogue.sets("number/200", "40.5")
    assert reply.results == [("invalid", "refused")]
    body = reply.json(f"{ROOT}/number/200/result")
    assert body["error"] == "value: must be a number from 0 to 40"
