"""What is published to `/set`, made into commands (topic conventions 3)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.commands import (
    Command,
    Go,
    LightCommand,
    RelayCommand,
    RollerCommand,
    RollerPosition,
    Turn,
)
from bridge.core.device import ChannelState
from bridge.core.instructions import (
    LONGEST_ID,
    LONGEST_PAYLOAD,
    Instruction,
    RefusedError,
    read,
    to_command,
)
from bridge.core.kinds.catalog import layout
from bridge.core.model import (
    Json,
)
from tests.core import payloads
from tests.core.strategies import JSON


def channel(status: dict[str, Json], kind: str) -> ChannelState:
    (found,) = (each for each in layout(status)[0] if (each.kind, each.number) == (kind, 0))
    state = ChannelState(found)
    state.update(status, 0.0)
    return state


RELAY = channel(payloads.two_switches(), "relay")
ROLLER = channel(payloads.shutter(), "roller")
SLATS = channel({"cover:0": payloads.cover(slat_pos=5)}, "roller")
UNCALIBRATED = channel({"cover:0": payloads.cover(pos_control=False)}, "roller")
BULB = channel(payloads.gen1_bulb(), "light")
DIMMER = channel({"light:0": {"output": True, "brightness": 5}}, "light")
PLAIN = channel({"light:0": {"output": True}}, "light")
STRIP = channel(payloads.strip(), "light")


def command(payload: str | bytes | Json, state: ChannelState, key: str | None = None) -> Command:
    """The command of a payload that can be read."""
    data = payload.encode() if isinstance(payload, str) else payload
    if not isinstance(data, bytes):
        data = json.dumps(data).encode()
    instruction = read(data, key, state.channel.kind)
    assert instruction.problem is None
    return to_command(instruction.wanted, state)


def refused(payload: str | Json, state: ChannelState, key: str | None = None) -> tuple[str, str]:
    with pytest.raises(RefusedError) as error:
        command(payload, state, key)
    return error.value.status, str(error.value)


def problem(payload: bytes, kind: str = "relay") -> str:
    instruction = read(payload, None, kind)
    assert instruction.wanted == {}
    assert instruction.problem is not None
    return instruction.problem


# Relays


@pytest.mark.parametrize("word", ["ON", "on", " On \n", "true", "1", '"on"', "TRUE", '"1"'])
def test_words_that_switch_on(word: str) -> None:
    assert command(word, RELAY) == RelayCommand(Turn.ON)


@pytest.mark.parametrize("word", ["OFF", "false", "0", "False"])
def test_words_that_switch_off(word: str) -> None:
    assert command(word, RELAY) == RelayCommand(Turn.OFF)


def test_toggle() -> None:
    assert command("toggle", RELAY) == RelayCommand(Turn.TOGGLE)
    assert command("TOGGLE", BULB) == LightCommand(Turn.TOGGLE, colored=True)


@pytest.mark.parametrize("value", [True, 1, "ON", "true"])
def test_a_state_in_json(value: Json) -> None:
    assert command({"state": value}, RELAY) == RelayCommand(Turn.ON)


def test_a_timer() -> None:
    assert command({"state": "ON", "timer": 30}, RELAY) == RelayCommand(Turn.ON, 30.0)


@pytest.mark.parametrize("payload", ["ON", "1", "true"])
def test_a_value_by_its_own_topic(payload: str) -> None:
    assert command(payload, RELAY, key="state") == RelayCommand(Turn.ON)


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ("OPEN", "state"),
        ("2", "state"),
        ("1.0", "state"),
        ("null", "state"),
        ("[1]", "state"),
        ({"state": None}, "state"),
        ({"state": {}}, "state"),
        ({"state": 5}, "state"),
        ({"timer": 5}, "state"),
        ({"state": "ON", "timer": 0}, "timer"),
        ({"state": "ON", "timer": 86_401}, "timer"),
        ({"state": "ON", "timer": "30"}, "timer"),
        ({"state": "ON", "timer": True}, "timer"),
        ({"state": "ON", "brightness": 5}, "brightness"),
        ({"State": "ON"}, "State"),
    ],
)
def test_what_is_wrong_with_a_relay_command_is_named(payload: Json, named: str) -> None:
    status, text = refused(payload, RELAY)
    assert status == "invalid"
    assert text.startswith(f"{named}:")


# Lights


def test_a_light_takes_all_that_it_reports() -> None:
    payload = {
        "state": "ON",
        "brightness": 50,
        "color": {"r": 1, "g": 2, "b": 3},
        "effect": 2,
        "transition": 0.5,
        "timer": 5,
    }
    assert command(payload, BULB) == LightCommand(
        Turn.ON, 50, None, (1, 2, 3), None, 2, 0.5, 5.0, colored=True
    )


def test_white_light_shows_no_colour() -> None:
    assert command({"color_temp": 3000}, BULB) == LightCommand(color_temp=3000, colored=False)


def test_a_brightness_is_for_what_is_shown() -> None:
    assert command({"brightness": 5}, BULB) == LightCommand(brightness=5, colored=True)
    assert command({"brightness": 5}, DIMMER) == LightCommand(brightness=5, colored=False)


def test_the_white_part_of_a_colour() -> None:
    with_white = {"color": {"r": 1, "g": 2, "b": 3, "w": 4}}
    expected = LightCommand(color=(1, 2, 3), white=4, colored=True)
    assert command(with_white, STRIP) == expected
    assert command({"color": {"r": 1, "g": 2, "b": 3}, "white": 4}, STRIP) == expected


@pytest.mark.parametrize(
    ("key", "payload", "expected"),
    [
        ("brightness", "40", LightCommand(brightness=40, colored=True)),
        ("brightness", '"40"', LightCommand(brightness=40, colored=True)),
        ("brightness", "40.4", LightCommand(brightness=40, colored=True)),
        ("state", "OFF", LightCommand(Turn.OFF, colored=True)),
        ("effect", "3", LightCommand(effect=3, colored=True)),
        ("color", '{"r":1,"g":2,"b":3}', LightCommand(color=(1, 2, 3), colored=True)),
    ],
)
def test_a_light_s_value_by_its_own_topic(key: str, payload: str, expected: Command) -> None:
    assert command(payload, BULB, key) == expected


@pytest.mark.parametrize("word", ["1", "0", "50", "1.5"])
def test_a_bare_number_is_ambiguous_for_a_light(word: str) -> None:
    assert "ambiguous" in problem(word.encode(), "light")


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({"brightness": 101}, "brightness"),
        ({"brightness": -1}, "brightness"),
        ({"brightness": True}, "brightness"),
        ({"brightness": None}, "brightness"),
        ({"brightness": "--5"}, "brightness"),
        ({"brightness": "-"}, "brightness"),
        ({"brightness": ""}, "brightness"),
        ({"brightness": "1e1"}, "brightness"),
        ({"brightness": "9" * 20}, "brightness"),
        ({"brightness": "٣"}, "brightness"),
        ({"color_temp": 0}, "color_temp"),
        ({"color": "red"}, "color"),
        ({"color": {"r": 1, "g": 2}}, "color"),
        ({"color": {"r": 1, "g": 2, "b": 256}}, "color.b"),
        ({"color": {"r": 1, "g": 2, "b": 3, "x": 4}}, "color.x"),
        ({"effect": 7}, "effect"),
        ({"transition": 6}, "transition"),
        ({"position": 5}, "position"),
        # Nothing would happen.
        ({"transition": 2}, "state"),
        ({"timer": 5}, "state"),
    ],
)
def test_what_is_wrong_with_a_light_command_is_named(payload: Json, named: str) -> None:
    status, text = refused(payload, BULB)
    assert status == "invalid"
    assert text.startswith(f"{named}:")


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({"state": "ON", "brightness": 5}, "brightness"),
        ({"color_temp": 3000}, "color_temp"),
        ({"color": {"r": 1, "g": 2, "b": 3}}, "color"),
        ({"white": 5}, "white"),
        ({"effect": 1}, "effect"),
        ({"state": "ON", "transition": 1}, "transition"),
    ],
)
def test_what_a_light_does_not_have_is_not_sent(payload: Json, named: str) -> None:
    status, text = refused(payload, PLAIN)
    assert status == "unsupported"
    assert text.startswith(f"{named}:")


@given(JSON)
def test_a_light_with_a_member_of_our_name_makes_no_trouble(value: Json) -> None:
    odd = channel({"light:0": {"output": True, "color": value, "effect": value}}, "light")
    try:
        command({"white": 5, "effect": 1}, odd)
    except RefusedError:
        return


# Rollers


@pytest.mark.parametrize(
    ("word", "go"), [("OPEN", Go.OPEN), ("close", Go.CLOSE), (" Stop", Go.STOP)]
)
def test_words_for_a_roller(word: str, go: Go) -> None:
    assert command(word, ROLLER) == RollerCommand(go)


def test_a_roller_for_a_time() -> None:
    assert command({"state": "OPEN", "duration": 5}, ROLLER) == RollerCommand(Go.OPEN, 5.0)


@pytest.mark.parametrize("payload", ["40", {"position": 40}, {"position": "40"}])
def test_a_position(payload: Json) -> None:
    assert command(payload, ROLLER) == RollerPosition(40)
    assert command("40", ROLLER, key="position") == RollerPosition(40)


def test_relative_moves_and_slats() -> None:
    assert command({"relative": -5}, ROLLER) == RollerPosition(relative=-5)
    assert command({"slat_position": 5, "position": 0}, SLATS) == RollerPosition(0, None, 5)
    assert command({"slat_relative": -100}, SLATS) == RollerPosition(slat_relative=-100)


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ("ON", "state"),
        ("101", "position"),
        ("-1", "position"),
        ({"position": 1, "relative": 2}, "relative"),
        ({"slat_position": 1, "slat_relative": 2}, "slat_relative"),
        ({"state": "OPEN", "position": 2}, "state"),
        ({"duration": 5}, "duration"),
        ({"state": "OPEN", "duration": 0}, "duration"),
        ({"position": 5, "duration": 5}, "duration"),
        ({"state": "OPEN", "speed": 5}, "speed"),
    ],
)
def test_what_is_wrong_with_a_roller_command_is_named(payload: Json, named: str) -> None:
    status, text = refused(payload, SLATS)
    assert status == "invalid"
    assert text.startswith(f"{named}:")


def test_a_roller_that_knows_no_position() -> None:
    assert refused("40", UNCALIBRATED)[0] == "unsupported"
    assert refused({"relative": 1}, UNCALIBRATED)[0] == "unsupported"
    assert command("STOP", UNCALIBRATED) == RollerCommand(Go.STOP)


def test_a_roller_without_slats() -> None:
    assert refused({"slat_position": 5}, ROLLER)[0] == "unsupported"


@pytest.mark.parametrize("kind", ["input", "sys", "wifi"])
def test_other_kinds_take_no_commands(kind: str) -> None:
    assert refused("ON", channel(payloads.two_switches(), kind))[0] == "unsupported"


# Payloads


def test_an_id_and_a_time_to_live_are_taken_out() -> None:
    assert read(b'{"state":"ON","id":"my-42","ttl":3}', None, "relay") == Instruction(
        {"state": "ON"}, "my-42", 3
    )


@pytest.mark.parametrize("identity", ["a", 5, 1.5, True, None])
def test_any_scalar_is_an_id(identity: Json) -> None:
    payload = json.dumps({"state": "ON", "id": identity}).encode()
    assert read(payload, None, "relay").id == identity


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (b'{"state":"ON"', "JSON"),
        (b'{"state":"ON","state":"OFF"}', "twice"),
        (b'{"state":NaN}', "JSON number"),
        (b"{\xff}", "UTF-8"),
        (b'{"id":{},"state":"ON"}', "id:"),
        (b'{"id":[],"state":"ON"}', "id:"),
        (b'{"ttl":0,"state":"ON"}', "ttl:"),
        (b'{"ttl":3601,"state":"ON"}', "ttl:"),
        (b'{"ttl":"5","state":"ON"}', "ttl:"),
        (b'{"ttl":true,"state":"ON"}', "ttl:"),
        (b'{"id":5}', "nothing"),
        (b"{}", "nothing"),
    ],
)
def test_what_is_wrong_with_a_payload_is_told(payload: bytes, named: str) -> None:
    assert named in problem(payload)


def test_a_payload_and_an_id_have_their_limits() -> None:
    assert "longer" in problem(b" " * LONGEST_PAYLOAD + b"ON")
    assert "longer" in problem(json.dumps({"id": "x" * (LONGEST_ID + 1), "state": "ON"}).encode())


def test_binary_is_a_word_that_nobody_knows() -> None:
    instruction = read(b"\xff\xfe\x00", None, "relay")
    with pytest.raises(RefusedError):
        to_command(instruction.wanted, RELAY)


CHANNELS = st.sampled_from(
    [
        *(RELAY, ROLLER, SLATS, UNCALIBRATED, BULB, DIMMER, PLAIN, STRIP),
        channel(payloads.two_switches(), "input"),
    ]
)
KEYS = st.sampled_from(
    [
        *("state", "timer", "brightness", "color_temp", "color", "white", "effect", "transition"),
        *("duration", "position", "relative", "slat_position", "slat_relative", "id", "ttl"),
    ]
)
WORDS = st.sampled_from(["ON", "STOP", "--5", "-", "+1", "5", "0x5", "²", "9" * 5_000, "1e400"])
PAYLOADS = (
    st.binary(max_size=40)
    | WORDS.map(str.encode)
    | st.dictionaries(KEYS | st.text(max_size=4), JSON | WORDS | st.integers(-5, 300), max_size=4)
    .map(json.dumps)
    .map(str.encode)
)


@given(PAYLOADS, st.none() | KEYS | st.text(max_size=5), CHANNELS)
def test_any_payload_is_a_command_or_a_reason_why_not(
    payload: bytes, key: str | None, state: ChannelState
) -> None:
    instruction = read(payload, key, state.channel.kind)
    if instruction.problem is not None:
        assert not instruction.wanted
        return
    try:
        to_command(instruction.wanted, state)
    except RefusedError as error:
        status, text = error.status, str(error)
    else:
        return
    assert status in ("invalid", "unsupported")
    assert len(text) < 300


@pytest.mark.parametrize("state", [RELAY, BULB, ROLLER])
def test_nothing_wanted_is_nothing_to_do(state: ChannelState) -> None:
    with pytest.raises(RefusedError) as error:
        to_command({}, state)
    assert (error.value.status, str(error.value)) == ("invalid", "state: missing")
