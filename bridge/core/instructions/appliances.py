"""Commands for thermostats, scent diffusers and alarms."""

from __future__ import annotations

from enum import StrEnum

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
from bridge.core.device import ChannelState
from bridge.core.instructions.wanted import RefusedError, Wanted, missing
from bridge.core.kinds.convert import number

CURY_KEYS = (
    *("left_on", "left_intensity", "left_boost", "right_on", "right_intensity", "right_boost"),
    *("mode", "away_mode"),
)
"""What can be told to a scent diffuser."""

_RADIATORS = frozenset({"blutrv", "thermostats"})
"""Valves on a radiator: a BLU TRV, and the Gen1 one."""

_LONGEST_MODE = 256


class _Mode(StrEnum):
    """Home Assistant's words for a thermostat that is on or off."""

    HEAT = "heat"
    OFF = "off"


class _Press(StrEnum):
    """What Home Assistant's buttons say, and what people would."""

    PRESS = "press"
    MUTE = "mute"
    TRUE = "true"


def bounds(state: ChannelState) -> tuple[float, float]:
    """The target temperatures (°C) that a thermostat takes: its settings', or its model's."""
    facts = state.channel.facts
    usual = (4.0, 30.0) if state.channel.target.component in _RADIATORS else (5.0, 35.0)
    lowest, highest = number(facts.get("min")), number(facts.get("max"))
    return (
        usual[0] if lowest is None else lowest,
        usual[1] if highest is None else highest,
    )


def thermostat_keys(state: ChannelState) -> list[str]:
    """What can be set of a thermostat; a BLU TRV cannot be switched off."""
    switched = state.channel.target.component != "blutrv"
    return ["target_temperature", *(["enabled"] if switched else [])]


def thermostat(wanted: Wanted, state: ChannelState) -> Command:
    """Set a thermostat's temperature, or switch it on or off."""
    temperature = wanted.decimal("target_temperature", *bounds(state))
    enabled = wanted.flag("enabled")
    mode = wanted.choice("mode", {mode.value: mode for mode in _Mode})
    wanted.end()
    if mode is not None:
        if enabled is not None:
            raise RefusedError("invalid", "mode: not together with enabled")
        enabled = mode is _Mode.HEAT
    if temperature is None and enabled is None:
        raise missing("target_temperature")
    if enabled is not None and "enabled" not in thermostat_keys(state):
        raise RefusedError("unsupported", "enabled: this thermostat cannot be switched off")
    return ThermostatCommand(temperature, enabled)


def smoke(wanted: Wanted, _: ChannelState) -> Command:
    """Silence an alarm."""
    press = wanted.choice("mute", {press.value: press for press in _Press})
    wanted.end()
    if press is None:
        raise missing("mute")
    return MuteCommand()


def cury(wanted: Wanted, _: ChannelState) -> Command:
    """Change one part of a scent diffuser; it takes no more at once."""
    commands: list[Command] = []
    for slot in Slot:
        on = wanted.flag(f"{slot}_on")
        intensity = wanted.whole(f"{slot}_intensity", 0, 100)
        boost = wanted.flag(f"{slot}_boost")
        if on is not None or intensity is not None:
            commands.append(SlotCommand(slot, on, intensity))
        if boost is not None:
            commands.append(BoostCommand(slot, boost))
    if "mode" in wanted:
        commands.append(ModeCommand(_mode(wanted)))
    away = wanted.flag("away_mode")
    if away is not None:
        commands.append(AwayCommand(away))
    wanted.end()
    if not commands:
        raise missing("mode")
    if len(commands) > 1:
        raise RefusedError("invalid", "these need a command each: a slot, a boost, mode, away_mode")
    return commands[0]


def _mode(wanted: Wanted) -> str | None:
    """A mode's name; null, or the plain word `null`, is none."""
    if wanted.take_null("mode"):
        return None
    name = (wanted.text("mode", _LONGEST_MODE) or "").strip()
    return None if name in ("", "null") else name
