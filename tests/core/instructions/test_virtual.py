"""Commands for virtual components (topic conventions 3; Shelly docs, virtual components)."""

from __future__ import annotations

import pytest

from bridge.core.commands import ButtonCommand, Push, RelayCommand, SetValue, Turn
from bridge.core.device import ChannelState
from bridge.core.instructions.virtual import is_writable
from bridge.core.model import Json
from tests.core.instructions.channels import (
    BOOLEAN,
    BREAKER,
    BUTTON,
    ENUM,
    FREE_ENUM,
    FREE_NUMBER,
    FREE_TEXT,
    NUMBER,
    TEXT,
    channel,
    command,
    refused,
    virtual,
)


@pytest.mark.parametrize("payload", ["ON", "true", "1", {"state": "ON"}, {"state": True}])
def test_a_flag_is_set_like_a_relay(payload: Json) -> None:
    assert command(payload, BOOLEAN) == RelayCommand(Turn.ON)


def test_a_flag_whose_state_is_known_can_be_toggled() -> None:
    known = virtual("boolean", True)
    known.values = {"state": "ON"}
    assert command("TOGGLE", known) == RelayCommand(Turn.TOGGLE)
    unknown = virtual("boolean")
    unknown.values = {"state": None}
    assert refused("TOGGLE", unknown)[0] == "unsupported"


def test_a_flag_has_no_timer() -> None:
    assert refused({"state": "ON", "timer": 5}, BOOLEAN) == ("invalid", "timer: not known here")


def test_a_breaker_is_switched_one_way_or_the_other() -> None:
    assert command("OFF", BREAKER) == RelayCommand(Turn.OFF)
    assert refused("TOGGLE", BREAKER) == ("invalid", "state: must be one of off, on")


@pytest.mark.parametrize("payload", ["21.5", {"value": 21.5}, {"value": "21.5"}])
def test_a_number(payload: Json) -> None:
    # Half a step counts as the same value.
    assert command(payload, NUMBER) == SetValue(21.5, 0.25)
    assert command("21.5", NUMBER, key="value") == SetValue(21.5, 0.25)


def test_the_ends_of_a_range_belong_to_it_and_steps_are_the_device_s_business() -> None:
    assert command("-10", NUMBER) == SetValue(-10, 0.25)
    assert command("50", NUMBER) == SetValue(50, 0.25)
    assert command("0.123", NUMBER) == SetValue(0.123, 0.25)


@pytest.mark.parametrize("payload", ["-10.1", "51", "ten", "", "true", "1e1000", {"value": None}])
def test_a_number_outside_of_its_range_is_refused_with_the_range(payload: Json) -> None:
    expected = ("invalid", "value: must be a number from -10 to 50")
    assert refused(payload, NUMBER, "value" if payload == "" else None) == expected


def test_a_number_without_a_range_is_any_number() -> None:
    assert command("1e12", FREE_NUMBER) == SetValue(1e12, 1e6)
    assert command("0.5", FREE_NUMBER) == SetValue(0.5, 1e-6)
    assert refused("x", FREE_NUMBER) == ("invalid", "value: must be a number")


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"min": 0}, "value: must be a number from 0"),
        ({"max": 5.5}, "value: must be a number up to 5.5"),
        ({"min": 0, "max": "5"}, "value: must be a number from 0"),
    ],
)
def test_half_a_range(facts: dict[str, Json], text: str) -> None:
    assert refused("x", virtual("number", 0, **facts)) == ("invalid", text)


@pytest.mark.parametrize("text", ["hello", "21.5", "true", "{", '{"a":1}', " ", "twelve chars"])
def test_a_text(text: str) -> None:
    assert command(text, TEXT) == SetValue(text)
    assert command({"value": text}, TEXT) == SetValue(text)
    assert command(text, TEXT, key="value") == SetValue(text)


def test_an_empty_text_needs_json() -> None:
    assert command({"value": ""}, TEXT) == SetValue("")


@pytest.mark.parametrize("payload", ["thirteen chars", {"value": 5}, {"value": None}])
def test_a_text_that_does_not_fit(payload: Json) -> None:
    assert refused(payload, TEXT) == ("invalid", "value: must be a text of at most 12 characters")


def test_a_text_whose_length_is_not_known() -> None:
    assert command("x" * 5_000, FREE_TEXT) == SetValue("x" * 5_000)


@pytest.mark.parametrize("option", ["eco", "5", " odd", "Full power"])
def test_an_option(option: str) -> None:
    assert command(option, ENUM) == SetValue(option)
    assert command({"value": option}, ENUM) == SetValue(option)


def test_an_option_with_space_around_it() -> None:
    assert command("eco\n", ENUM) == SetValue("eco")
    # As Home Assistant shows it.
    assert command("odd", ENUM) == SetValue(" odd")


@pytest.mark.parametrize("payload", ["od", "ECO", {"value": ""}, "nothing"])
def test_what_is_no_option_is_refused_with_the_options(payload: Json) -> None:
    expected = ("invalid", "value: must be one of eco, 5,  odd, Full power")
    assert refused(payload, ENUM) == expected


def test_any_option_where_they_are_not_known() -> None:
    assert command("whatever", FREE_ENUM) == SetValue("whatever")
    assert refused(" ", FREE_ENUM)[0] == "invalid"


@pytest.mark.parametrize(
    ("payload", "push"),
    [
        ("PRESS", Push.SINGLE),
        ("single_push", Push.SINGLE),
        ("Double_Push", Push.DOUBLE),
        ({"event": "triple_push"}, Push.TRIPLE),
        ({"event": "long_push", "id": 5}, Push.LONG),
    ],
)
def test_a_push(payload: Json, push: Push) -> None:
    assert command(payload, BUTTON) == ButtonCommand(push)


def test_a_push_that_there_is_not() -> None:
    assert refused("push", BUTTON)[0] == "invalid"
    assert refused("5", BUTTON)[0] == "invalid"


@pytest.mark.parametrize("access", ["*", "w", "crw", "rw"])
def test_a_component_that_may_be_set(access: str) -> None:
    assert is_writable({"access": access})


@pytest.mark.parametrize("access", ["cr", "r", "", "c"])
def test_a_component_that_may_not(access: str) -> None:
    assert not is_writable({"access": access})


@pytest.mark.parametrize("facts", [{}, {"access": None}, {"access": 5}])
def test_unless_the_settings_say_otherwise_it_may(facts: dict[str, Json]) -> None:
    assert is_writable(facts)


@pytest.mark.parametrize(
    ("state", "payload"),
    [
        (virtual("boolean", True, access="cr"), "ON"),
        (virtual("number", 5, access="cr"), "5"),
        (virtual("text", "", access="cr"), "x"),
        (virtual("enum", "a", access="cr"), "a"),
        (channel({"button:200": {"id": 200}}, "button", 200, {"access": "cr"}), "PRESS"),
    ],
)
def test_what_may_not_be_set_is_read_only(state: ChannelState, payload: str) -> None:
    assert refused(payload, state)[0] == "read_only"
