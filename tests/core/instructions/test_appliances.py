"""Commands for thermostats, scent diffusers and alarms."""

from __future__ import annotations

import pytest

from bridge.core.commands import (
    AwayCommand,
    BoostCommand,
    Command,
    ModeCommand,
    MuteCommand,
    Slot,
    SlotCommand,
    ThermostatCommand,
)
from bridge.core.instructions.appliances import CURY_KEYS, bounds, thermostat_keys
from bridge.core.model import Json
from tests.core.instructions.channels import (
    CURY,
    RADIATOR,
    SMOKE,
    THERMOSTAT,
    channel,
    command,
    refused,
)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("21.5", ThermostatCommand(21.5)),
        ({"target_temperature": 21.5}, ThermostatCommand(21.5)),
        ({"target_temperature": "21", "enabled": True}, ThermostatCommand(21.0, enabled=True)),
        ({"enabled": "OFF"}, ThermostatCommand(enabled=False)),
        ("heat", ThermostatCommand(enabled=True)),
        ("OFF", ThermostatCommand(enabled=False)),
        ({"mode": "off"}, ThermostatCommand(enabled=False)),
    ],
)
def test_a_thermostat(payload: Json, expected: Command) -> None:
    assert command(payload, THERMOSTAT) == expected


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("target_temperature", "19.0", ThermostatCommand(19.0)),
        ("enabled", "true", ThermostatCommand(enabled=True)),
        ("mode", "heat", ThermostatCommand(enabled=True)),
        ("mode", "off", ThermostatCommand(enabled=False)),
    ],
)
def test_a_thermostat_s_value_by_its_own_topic(key: str, payload: str, expected: Command) -> None:
    assert command(payload, THERMOSTAT, key) == expected


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ("4.9", "target_temperature: must be a number from 5 to 35"),
        ("35.1", "target_temperature: must be a number from 5 to 35"),
        ({"target_temperature": True}, "target_temperature:"),
        ("cool", "mode: must be one of heat, off"),
        ({"enabled": "TOGGLE"}, "enabled: must be one of off, on"),
        ({"mode": "heat", "enabled": True}, "mode: not together with enabled"),
        ({"position": 5}, "position:"),
    ],
)
def test_what_is_wrong_with_a_thermostat_command_is_named(payload: Json, named: str) -> None:
    status, text = refused(payload, THERMOSTAT)
    assert status == "invalid"
    assert text.startswith(named)


def test_a_thermostat_s_own_limits_count() -> None:
    status = {"thermostat:0": {"id": 0, "target_C": 20}}
    assert bounds(channel(status, "thermostat", 0, {"min": 15, "max": 25.5})) == (15, 25.5)
    assert bounds(channel(status, "thermostat", 0, {"max": 25})) == (5, 25)


def test_a_radiator_s_valve_has_only_a_temperature() -> None:
    assert command("4", RADIATOR) == ThermostatCommand(4.0)
    assert refused("31", RADIATOR)[1].endswith("from 4 to 30")
    assert refused("heat", RADIATOR)[0] == "unsupported"
    assert refused({"enabled": False, "target_temperature": 20}, RADIATOR)[0] == "unsupported"
    assert thermostat_keys(RADIATOR) == ["target_temperature"]
    assert thermostat_keys(THERMOSTAT) == ["target_temperature", "enabled"]


@pytest.mark.parametrize("payload", ["PRESS", "mute", "true", {"mute": True}])
def test_an_alarm_is_muted(payload: Json) -> None:
    assert command(payload, SMOKE) == MuteCommand()


@pytest.mark.parametrize("payload", ["false", {"mute": False}, "unmute"])
def test_but_never_unmuted(payload: Json) -> None:
    assert refused(payload, SMOKE)[0] == "invalid"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"left_on": True}, SlotCommand(Slot.LEFT, on=True)),
        ({"right_intensity": 40}, SlotCommand(Slot.RIGHT, intensity=40)),
        ({"left_on": "ON", "left_intensity": 0}, SlotCommand(Slot.LEFT, on=True, intensity=0)),
        ({"left_boost": True}, BoostCommand(Slot.LEFT, on=True)),
        ({"right_boost": "off"}, BoostCommand(Slot.RIGHT, on=False)),
        ({"mode": "Evening"}, ModeCommand("Evening")),
        ({"mode": None}, ModeCommand(None)),
        ({"mode": "null"}, ModeCommand(None)),
        ({"away_mode": 1}, AwayCommand(on=True)),
    ],
)
def test_a_diffuser(payload: Json, expected: Command) -> None:
    assert command(payload, CURY) == expected


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("left_intensity", "55", SlotCommand(Slot.LEFT, intensity=55)),
        ("mode", "Evening", ModeCommand("Evening")),
        ("mode", "7", ModeCommand("7")),
        ("mode", "null", ModeCommand(None)),
        ("away_mode", "OFF", AwayCommand(on=False)),
    ],
)
def test_a_diffuser_s_value_by_its_own_topic(key: str, payload: str, expected: Command) -> None:
    assert command(payload, CURY, key) == expected


@pytest.mark.parametrize(
    "payload",
    [
        {"left_on": True, "right_on": True},
        {"left_on": True, "left_boost": True},
        {"mode": "x", "away_mode": True},
        {"left_intensity": 101},
        {"mode": 5},
        {"mode": "x" * 300},
        {"middle_on": True},
    ],
)
def test_what_a_diffuser_does_not_take(payload: Json) -> None:
    assert refused(payload, CURY)[0] == "invalid"


@pytest.mark.parametrize("key", CURY_KEYS)
def test_every_key_of_a_diffuser_is_one(key: str) -> None:
    assert command("1", CURY, key) is not None
