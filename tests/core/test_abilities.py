"""What a channel can be told, by the ways that its device is reached."""

from __future__ import annotations

import pytest

from bridge.core.abilities import Way, access, commands, is_limited, shows_limit, way, why_not
from bridge.core.commands import Command, LightCommand, Turn
from bridge.core.device import ChannelState, Device, Path
from bridge.core.events import CommandAnswered
from bridge.core.instructions.builders import to_command
from bridge.core.instructions.wanted import RefusedError
from bridge.core.links import Link
from bridge.core.model import Access, DeviceId, Json, LinkId, LinkState, SourceKind
from bridge.core.registry import Registry
from bridge.core.results import Order, Route, Sender
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, WALL, settings
from tests.core.instructions.channels import (
    ALL,
    BOOLEAN,
    BREAKER,
    BULB,
    BUTTON,
    CURY,
    DIMMER,
    ENUM,
    INPUT,
    NUMBER,
    PLAIN,
    RADIATOR,
    RELAY,
    ROLLER,
    SLATS,
    SMOKE,
    STRIP,
    TEXT,
    THERMOSTAT,
    UNCALIBRATED,
    channel,
    virtual,
)

INTEGRATOR = Path(HOST, SourceKind.INTEGRATOR, access=Access.CONTROL)
PLAIN_ACCOUNT = Path(LinkId("plain"), SourceKind.ACCOUNT, access=Access.CONTROL)
ACCOUNT = Path(LinkId("home"), SourceKind.ACCOUNT, access=Access.CONTROL)
OUTBOUND = Path(LinkId("outbound"), SourceKind.OUTBOUND, access=Access.CONTROL)
PATHS = (INTEGRATOR, PLAIN_ACCOUNT, ACCOUNT, OUTBOUND)

GEN1_RELAY = channel(payloads.gen1_relay(), "relay")
WORDED = (RELAY, GEN1_RELAY, ROLLER, BULB, DIMMER, STRIP)
NATIVE = (BOOLEAN, NUMBER, TEXT, ENUM, BUTTON, BREAKER, THERMOSTAT, RADIATOR, SMOKE, CURY)


@pytest.fixture
def registry() -> Registry:
    found = Registry(settings())
    for path in PATHS:
        found.links[path.link] = Link(
            path.link,
            path.kind,
            LinkState.CONNECTED,
            WALL,
            None,
            native_rpc=path in (ACCOUNT, OUTBOUND),
        )
    return found


def reached(*paths: Path, device: DeviceId = DEVICE) -> Device:
    return Device(device, paths={path.link: path for path in paths})


def component(state: ChannelState) -> str:
    return state.channel.component


@pytest.mark.parametrize("state", WORDED, ids=component)
@pytest.mark.parametrize("path", [INTEGRATOR, PLAIN_ACCOUNT, ACCOUNT])
def test_the_cloud_has_words_for_relays_lights_and_rollers(
    registry: Registry, path: Path, state: ChannelState
) -> None:
    assert way(registry, reached(path), state.channel, path) is Way.WORDS


@pytest.mark.parametrize("state", NATIVE, ids=component)
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (INTEGRATOR, None),
        (PLAIN_ACCOUNT, None),
        (ACCOUNT, Way.NATIVE),
        (OUTBOUND, Way.NATIVE),
    ],
)
def test_all_else_needs_the_device_s_own_rpc(
    registry: Registry, path: Path, expected: Way | None, state: ChannelState
) -> None:
    device = reached(path)
    assert way(registry, device, state.channel, path) is expected
    assert bool(commands(registry, device, state)) is (expected is not None)


def test_a_device_that_dials_out_is_told_everything_in_its_rpc(registry: Registry) -> None:
    device = reached(OUTBOUND)
    for state in (RELAY, DIMMER, ROLLER, NUMBER):
        assert way(registry, device, state.channel, OUTBOUND) is Way.NATIVE
    assert way(registry, device, INPUT.channel, OUTBOUND) is None


def test_a_link_that_is_not_known_has_no_rpc(registry: Registry) -> None:
    registry.links.clear()
    assert way(registry, reached(ACCOUNT), NUMBER.channel, ACCOUNT) is None


@pytest.mark.parametrize(
    "status",
    [
        {"thermostats": [{"target_t": {"value": 20, "enabled": True}, "pos": 0}], "bat": {}},
        {"smoke": True, "bat": {"value": 90}},
    ],
)
def test_gen1_has_no_rpc(registry: Registry, status: dict[str, Json]) -> None:
    device = reached(ACCOUNT)
    device.apply(status, full=True, wall=0.0)
    assert device.channels
    assert not any(commands(registry, device, state) for state in device.channels.values())


def test_nor_has_what_comes_by_radio(registry: Registry) -> None:
    device = reached(ACCOUNT, device=DeviceId("XB042067635174480"))
    assert commands(registry, device, SMOKE) == []


def test_the_reason_is_named() -> None:
    device = reached(INTEGRATOR)
    assert "Integrator API" in why_not(device, NUMBER.channel, INTEGRATOR)
    assert "native_rpc" in why_not(device, NUMBER.channel, PLAIN_ACCOUNT)
    assert "input" in why_not(device, INPUT.channel, OUTBOUND)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RELAY, ["state", "timer"]),
        (PLAIN, ["state", "timer"]),
        (DIMMER, ["state", "timer", "brightness", "transition"]),
        (STRIP, ["state", "timer", "brightness", "color", "white", "transition"]),
        (ROLLER, ["state", "duration", "position", "relative"]),
        (UNCALIBRATED, ["state", "duration"]),
        (channel({"cover:0": {"state": "open"}}, "roller"), ["state", "duration"]),
        (
            SLATS,
            ["state", "duration", "position", "relative", "slat_position", "slat_relative"],
        ),
        (BOOLEAN, ["state"]),
        (NUMBER, ["value"]),
        (TEXT, ["value"]),
        (ENUM, ["value"]),
        (BUTTON, ["event"]),
        (BREAKER, ["state"]),
        (THERMOSTAT, ["target_temperature", "enabled"]),
        (RADIATOR, ["target_temperature"]),
        (SMOKE, ["mute"]),
        (INPUT, []),
    ],
    ids=lambda value: value.channel.component if isinstance(value, ChannelState) else "",
)
def test_the_keys_of_a_channel(
    registry: Registry, state: ChannelState, expected: list[str]
) -> None:
    assert commands(registry, reached(OUTBOUND), state) == expected


def test_a_gen1_bulb_by_the_integrator(registry: Registry) -> None:
    assert commands(registry, reached(INTEGRATOR), BULB) == [
        *("state", "timer", "brightness", "color", "white", "color_temp", "effect", "transition")
    ]


SAMPLES: dict[str, Json] = {
    "state": "OFF",
    "timer": 5,
    "brightness": 5,
    "color": {"r": 1, "g": 2, "b": 3},
    "white": 5,
    "color_temp": 3_000,
    "effect": 1,
    "transition": 1,
    "duration": 5,
    "position": 5,
    "relative": 5,
    "slat_position": 5,
    "slat_relative": 5,
    "event": "PRESS",
    "target_temperature": 20,
    "enabled": True,
    "mute": True,
}
EVERY_KEY = sorted({*SAMPLES, "value", "left_on", "right_boost", "mode", "away_mode"})


@pytest.mark.parametrize("state", ALL, ids=component)
def test_what_is_listed_is_taken_and_nothing_else_is(
    registry: Registry, state: ChannelState
) -> None:
    listed = commands(registry, reached(OUTBOUND, INTEGRATOR), state)
    kind = state.channel.kind
    own: Json = {"number": 5, "text": "x", "enum": "eco"}.get(kind)
    taken = []
    for key in EVERY_KEY:
        wanted = {key: SAMPLES.get(key, own if key == "value" else "ON")}
        if key in ("timer", "transition", "duration"):
            wanted["state"] = "OPEN" if kind == "roller" else "ON"
        if kind == "roller" and key == "state":
            wanted = {"state": "OPEN"}
        try:
            to_command(wanted, state)
        except RefusedError:
            continue
        taken.append(key)
    if kind == "thermostat":
        # Home Assistant's word for it, besides.
        taken = [key for key in taken if key != "mode"]
    assert sorted(set(listed) & set(EVERY_KEY)) == sorted(taken)


def test_read_only_devices_are_told_nothing(registry: Registry) -> None:
    for right in (Access.READ, Access.NONE):
        device = reached(Path(HOST, SourceKind.INTEGRATOR, access=right))
        assert commands(registry, device, RELAY) == []
        assert access(device) is right
    assert commands(registry, reached(), RELAY) == []


def test_nor_are_virtual_components_that_may_not_be_set(registry: Registry) -> None:
    for kind in ("boolean", "number", "text", "enum"):
        assert commands(registry, reached(OUTBOUND), virtual(kind, 5, access="cr")) == []
        assert commands(registry, reached(OUTBOUND), virtual(kind, 5, access="crw")) != []


def test_the_best_way_counts_also_while_it_is_down(registry: Registry) -> None:
    device = reached(INTEGRATOR, OUTBOUND)
    registry.links[OUTBOUND.link].down_mono = 5.0
    assert commands(registry, device, NUMBER) == ["value"]
    assert commands(registry, reached(INTEGRATOR), NUMBER) == []


def test_a_light_that_the_cloud_refused_to_dim(registry: Registry) -> None:
    light = channel({"light:0": {"output": True, "brightness": 5}}, "light")
    light.limited = True
    assert commands(registry, reached(INTEGRATOR), light) == ["state", "timer"]
    assert is_limited(light, INTEGRATOR)
    # Its own RPC is another matter.
    assert "brightness" in commands(registry, reached(INTEGRATOR, OUTBOUND), light)
    assert not is_limited(light, OUTBOUND)


def order(command: Command, source: SourceKind = SourceKind.INTEGRATOR) -> Order:
    """A command that was sent to a light."""
    target = DIMMER.channel.target
    route = Route(DEVICE, ("light", 0), target, HOST, source)
    return Order(Sender("shelly/x/light/0", 0.0), route, command, 10.0)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        (None, True),
        ("Invalid parameters", True),
        ("unsupported", True),
        ("device offline", False),
        ("BUSY", False),
        ("Device is busy", False),
        ("TIMEOUT", False),
        ("request timed out", False),
        ("DEVICE_TIME_OUT", False),
        ("the device is sleeping", False),
    ],
)
def test_only_a_refusal_that_will_last_limits_a_light(text: str | None, limits: bool) -> None:
    refusal = CommandAnswered(HOST, 1, False, text)
    assert shows_limit(order(LightCommand(brightness=5)), refusal) is limits


def test_what_does_not_show_that_a_light_is_limited() -> None:
    dims = LightCommand(brightness=5)
    refusal = CommandAnswered(HOST, 1, False, "no")
    assert not shows_limit(order(dims), CommandAnswered(HOST, 1, True, None))
    assert not shows_limit(order(dims), CommandAnswered(LinkId("other"), 1, False, "no"))
    assert not shows_limit(order(LightCommand(Turn.ON)), refusal)
    assert not shows_limit(order(dims, SourceKind.ACCOUNT), refusal)
