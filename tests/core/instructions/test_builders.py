"""Any payload to any channel is a command, or a reason why not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.device import ChannelState
from bridge.core.instructions.builders import to_command
from bridge.core.instructions.payload import read
from bridge.core.instructions.wanted import RefusedError
from tests.core import payloads
from tests.core.instructions.channels import (
    ALL,
    BULB,
    CURY,
    EVERY,
    INPUT,
    KEYS,
    RELAY,
    ROLLER,
    channel,
    refused,
)
from tests.core.strategies import JSON


@pytest.mark.parametrize("kind", ["input", "sys", "wifi"])
def test_other_kinds_take_no_commands(kind: str) -> None:
    assert refused("ON", channel(payloads.two_switches(), kind))[0] == "unsupported"


def test_binary_is_a_word_that_nobody_knows() -> None:
    instruction = read(b"\xff\xfe\x00", None, "relay")
    with pytest.raises(RefusedError):
        to_command(instruction.wanted, RELAY)


WORDS = st.sampled_from(
    [
        *("ON", "STOP", "--5", "-", "+1", "5", "0x5", "²", "9" * 5_000, "1e400", "PRESS", "heat"),
        *("eco", "21.5", "{", "[]", "null", "single_push"),
    ]
)
PAYLOADS = (
    st.binary(max_size=40)
    | WORDS.map(str.encode)
    | st.dictionaries(KEYS | st.text(max_size=4), JSON | WORDS | st.integers(-5, 300), max_size=4)
    .map(json.dumps)
    .map(str.encode)
)


@given(PAYLOADS, st.none() | KEYS | st.text(max_size=5), EVERY)
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


@pytest.mark.parametrize("state", ALL, ids=lambda state: state.channel.component)
def test_every_kind_names_what_it_misses(state: ChannelState) -> None:
    if state is INPUT:
        return
    with pytest.raises(RefusedError) as error:
        to_command({}, state)
    assert str(error.value).endswith(": missing")
    with pytest.raises(RefusedError) as error:
        to_command({"nonsense": 1}, state)
    assert str(error.value) == "nonsense: not known here"


def test_a_diffuser_is_told_one_thing_at_once() -> None:
    assert refused({"left_on": True, "right_on": True}, CURY)[0] == "invalid"
