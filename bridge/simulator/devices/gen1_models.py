"""The Gen1 models that can be simulated, by Shelly's published codes."""

from __future__ import annotations

from functools import partial

from bridge.simulator.devices import gen1_sensors
from bridge.simulator.devices.base import Channel
from bridge.simulator.devices.gen1_channels import (
    button,
    climate,
    color_light,
    contactor,
    door,
    duo,
    emeter,
    inside,
    relay,
    roller,
    total,
    white_light,
)
from bridge.simulator.devices.heating import Thermostat, valve
from bridge.simulator.devices.model import Build, Model, Options
from bridge.simulator.devices.things import Climate, Input, Lamp, Outlet, Phase


def _relays(*loads: float, metered: bool = True, voltage: bool = False) -> Build:
    def build(_options: Options) -> list[Channel]:
        outlets = [Outlet(load) for load in loads]
        relays = [relay(n, outlet, metered=metered) for n, outlet in enumerate(outlets)]
        inputs = [button(n, Input("switch", follower=outlet)) for n, outlet in enumerate(outlets)]
        return [*relays, *inputs, inside(outlets[0], voltage=voltage)]

    return build


def _buttons(count: int, *, sequences: bool = False) -> list[Channel]:
    return [button(number, Input("button"), sequences=sequences) for number in range(count)]


def _roller(options: Options) -> list[Channel]:
    shutter = options.shutter()
    return [roller(0, shutter), *_buttons(2), inside(shutter, voltage=True)]


def _house(_options: Options) -> list[Channel]:
    phases = [Phase(420.0, 812_345.6), Phase(180.0, 301_112.2), Phase(-650.0, 97_210.9)]
    meters = [emeter(number, phase) for number, phase in enumerate(phases)]
    return [*meters, total(phases), contactor(Outlet(0.0))]


def _color(_options: Options) -> list[Channel]:
    lamp = Lamp(60.0, frozenset({"red", "white", "effect"}), mode="color", split=True)
    return [color_light(0, lamp), *_buttons(1)]


def _white(_options: Options) -> list[Channel]:
    lamps = [white_light(n, Lamp(20.0, frozenset(), split=True)) for n in range(4)]
    return [*lamps, *_buttons(1)]


def _duo(_options: Options) -> list[Channel]:
    return [duo(0, Lamp(9.0, frozenset({"temp", "white"}), split=True))]


def _smoke(_options: Options) -> list[Channel]:
    return gen1_sensors.smoke()


def _flood(_options: Options) -> list[Channel]:
    return gen1_sensors.flood()


_gen1 = partial(Model, generation="G1")

MODELS = (
    _gen1("SHSW-1", "", "Shelly 1", "relay", "shelly1", _relays(0.0, metered=False), short_id=True),
    _gen1("SHSW-PM", "", "Shelly 1PM", "relay", "shelly1pm", _relays(1500.0)),
    _gen1(
        *("SHSW-25", "relay", "Shelly 2.5", "relay", "shellyswitch25"),
        _relays(75.0, 320.0, voltage=True),
        short_id=True,
    ),
    _gen1(
        *("SHSW-25", "roller", "Shelly 2.5", "roller", "shellyswitch25", _roller),
        short_id=True,
    ),
    _gen1("SHEM-3", "", "Shelly 3EM", "emeter", "shellyem3", _house),
    _gen1(
        *("SHRGBW2", "color", "Shelly RGBW2", "light", "shellyrgbw2", _color),
        scalars={"mode": "color", "input": 0},
    ),
    _gen1(
        *("SHRGBW2", "white", "Shelly RGBW2", "light", "shellyrgbw2", _white),
        scalars={"mode": "white", "input": 0},
    ),
    _gen1("SHBDUO-1", "", "Shelly Duo", "light", "ShellyBulbDuo", _duo),
    _gen1(
        "SHIX3-1",
        "",
        "Shelly i3",
        "inputs_reader",
        "shellyix3",
        lambda _: _buttons(3, sequences=True),
    ),
    _gen1(
        *("SHHT-1", "", "Shelly H&T", "sensor", "shellyht", lambda _: [climate(Climate())]),
        sleeps=True,
    ),
    _gen1(
        *("SHDW-2", "", "Shelly Door/Window 2", "sensor", "shellydw2"),
        lambda _: [door(Climate())],
        sleeps=True,
    ),
    _gen1("SHSM-01", "", "Shelly Smoke", "sensor", "shellysmoke", _smoke, sleeps=True),
    _gen1("SHWT-1", "", "Shelly Flood", "sensor", "shellyflood", _flood, sleeps=True),
    _gen1("SHGS-1", "", "Shelly Gas", "sensor", "shellygas", lambda _: gen1_sensors.gas()),
    _gen1(
        *("SHMOS-01", "", "Shelly Motion", "sensor", "shellymotionsensor"),
        lambda _: gen1_sensors.motion(),
    ),
    _gen1(
        *("SHTRV-01", "", "Shelly TRV", "sensor", "shellytrv"),
        lambda _: [valve(Thermostat(limits=(4.0, 31.0)))],
    ),
)
