"""The Gen2, Gen3 and BLU models that can be simulated, by Shelly's published codes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bridge.simulator.devices import ble
from bridge.simulator.devices.base import Channel
from bridge.simulator.devices.gen2_channels import (
    climate,
    cover,
    energy_meter,
    input_,
    light,
    switch,
)
from bridge.simulator.devices.model import Build, Model, Options
from bridge.simulator.devices.things import Climate, Input, Lamp, Outlet, Phase


def _switches(*loads: float, both_ways: bool = False) -> Build:
    def build(_options: Options) -> list[Channel]:
        outlets = [Outlet(load) for load in loads]
        switches = [
            switch(number, outlet, both_ways=both_ways) for number, outlet in enumerate(outlets)
        ]
        inputs = [
            input_(number, Input("switch", follower=outlet))
            for number, outlet in enumerate(outlets)
        ]
        return [*switches, *inputs]

    return build


def _buttons(count: int) -> list[Channel]:
    return [input_(number, Input("button", fades=True)) for number in range(count)]


def _cover(options: Options) -> list[Channel]:
    return [cover(0, options.shutter()), *_buttons(2)]


def _i4(_options: Options) -> list[Channel]:
    return [*_buttons(2), *(input_(number, Input("switch")) for number in (2, 3))]


def _lamp(kind: str, rated: float, *abilities: str, inputs: int = 0, count: int = 1) -> Build:
    def build(_options: Options) -> list[Channel]:
        lamps = [Lamp(rated, frozenset(abilities)) for _ in range(count)]
        return [*(light(kind, n, lamp) for n, lamp in enumerate(lamps)), *_buttons(inputs)]

    return build


def _house(_options: Options) -> list[Channel]:
    return energy_meter((Phase(640.0, 45_236.9), Phase(210.0, 12_882.4), Phase(-900.0, 7.3)))


def _ble_button(_options: Options) -> list[Channel]:
    return [ble.button(0, Input("button", fades=True))]


def _ble_remote(_options: Options) -> list[Channel]:
    return [ble.button(number, Input("button", fades=True)) for number in range(4)]


def _made(make: Callable[[], list[Channel]]) -> Build:
    """A build to which no option matters."""
    return lambda _options: make()


_ble = partial(Model, generation="GBLE")
_rgbw_pm = partial(
    Model, "SNDC-0D4P10WW", title="Shelly Plus RGBW PM", type="light", app="PlusRGBWPM"
)

MODELS = (
    Model(
        *("SNSW-001P16EU", "", "Shelly Plus 1PM", "relay", "shellyplus1pm", _switches(820.0)),
        app="Plus1PM",
    ),
    Model(
        *("SNSW-102P16EU", "switch", "Shelly Plus 2PM", "relay", "shellyplus2pm"),
        _switches(40.0, 2000.0, both_ways=True),
        app="Plus2PM",
    ),
    Model(
        *("SNSW-102P16EU", "cover", "Shelly Plus 2PM", "roller", "shellyplus2pm", _cover),
        app="Plus2PM",
    ),
    Model(
        *("SNSN-0024X", "", "Shelly Plus I4", "inputs_reader", "shellyplusi4", _i4),
        app="PlusI4",
    ),
    Model(
        *("S3DM-0A101WWL", "", "Shelly Dimmer Gen3", "light", "shellydimmerg3"),
        _lamp("light", 120.0, inputs=2),
        app="DimmerG3",
    ),
    _rgbw_pm("rgb", prefix="shellyplusrgbwpm", build=_lamp("rgb", 72.0, "red", inputs=4)),
    _rgbw_pm(
        "rgbw", prefix="shellyplusrgbwpm", build=_lamp("rgbw", 96.0, "red", "white", inputs=4)
    ),
    _rgbw_pm("light", prefix="shellyplusrgbwpm", build=_lamp("light", 24.0, inputs=4, count=4)),
    Model(
        *("S3BL-D010009AEU", "", "Shelly Duo Bulb Gen3", "light", "shellyduobulbg3"),
        _lamp("cct", 9.0, "temp"),
        app="DuoBulbG3",
    ),
    Model(
        *("SPEM-003CEBEU", "", "Shelly Pro 3EM", "emeter", "shellypro3em", _house),
        app="Pro3EM",
    ),
    Model(
        *("SNSN-0013A", "", "Shelly Plus H&T", "sensor", "shellyplusht"),
        lambda _: [climate(Climate())],
        app="PlusHT",
        sleeps=True,
    ),
    _ble(
        *("SBHT-003C", "", "Shelly BLU H&T", "sensor", "SBHT-003C"),
        lambda _: [ble.climate(Climate())],
    ),
    _ble(
        *("SBDW-002C", "", "Shelly BLU Door/Window", "sensor", "SBDW-002C"),
        lambda _: [ble.door(Climate())],
    ),
    _ble("SBBT-002C", "", "Shelly BLU Button1", "inputs_reader", "SBBT-002C", _ble_button),
    _ble(
        *("SBMO-003Z", "", "Shelly BLU Motion", "sensor", "SBMO-003Z", _made(ble.motion)),
    ),
    _ble(
        *("SBWS-90CM", "", "Ecowitt WS90", "sensor", "SBWS-90CM", _made(ble.weather)),
    ),
    _ble(
        *("SBBT-004CUS", "", "Shelly BLU RC Button 4", "inputs_reader", "SBBT-004CUS"),
        _ble_remote,
    ),
)
