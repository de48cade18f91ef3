"""`/set` messages taken apart (topic conventions 3)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.instructions.payload import LONGEST_ID, LONGEST_PAYLOAD, Instruction, read
from bridge.core.model import Json


def problem(payload: bytes, kind: str = "relay", key: str | None = None) -> str:
    instruction = read(payload, key, kind)
    assert instruction.wanted == {}
    assert instruction.problem is not None
    return instruction.problem


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
    assert "longer" in problem(b"x" * (LONGEST_PAYLOAD + 1), "text")
    assert "longer" in problem(json.dumps({"id": "x" * (LONGEST_ID + 1), "state": "ON"}).encode())


@pytest.mark.parametrize(
    ("kind", "payload", "wanted"),
    [
        ("relay", b" ON ", {"state": "ON"}),
        ("roller", b"40", {"position": 40}),
        ("boolean", b"true", {"state": "true"}),
        ("number", b"21.5", {"value": 21.5}),
        ("button", b"PRESS", {"event": "PRESS"}),
        ("thermostat", b"21.5", {"target_temperature": 21.5}),
        ("thermostat", b"heat", {"mode": "heat"}),
        ("smoke", b"PRESS", {"mute": "PRESS"}),
        ("unknown", b"x", {"state": "x"}),
    ],
)
def test_a_plain_payload_is_about_the_main_thing(
    kind: str, payload: bytes, wanted: dict[str, Json]
) -> None:
    assert read(payload, None, kind) == Instruction(wanted)


def test_a_diffuser_has_no_main_thing() -> None:
    assert "JSON object" in problem(b"ON", "cury")


@pytest.mark.parametrize("kind", ["text", "enum"])
@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "21.5",
        "true",
        "null",
        '"quoted"',
        "[1]",
        "{",
        "{{ }}",
        '{"a":1}',
        '{"id":5}',
        " ö ",
    ],
)
def test_a_text_is_taken_as_it_is(kind: str, text: str) -> None:
    assert read(text.encode(), None, kind) == Instruction({"value": text})
    assert read(text.encode(), "value", kind) == Instruction({"value": text})


@pytest.mark.parametrize("kind", ["text", "enum"])
def test_only_an_object_with_a_value_is_more_than_a_text(kind: str) -> None:
    payload = b' {"value":"x","id":7,"ttl":2}'
    assert read(payload, None, kind) == Instruction({"value": "x"}, 7, 2)
    # By its own topic it is a text whatever it looks like.
    assert read(payload, "value", kind) == Instruction({"value": payload.decode()})


def test_a_text_must_be_one() -> None:
    assert "UTF-8" in problem(b"\xff\xfe", "text")
    assert "UTF-8" in problem(b'{"value":"\xff"}', "enum")
    assert "UTF-8" in problem(b"\xff", "cury", "mode")


def test_a_mode_is_a_text() -> None:
    assert read(b"5", "mode", "cury") == Instruction({"mode": "5"})
    assert read(b"5", "left_intensity", "cury") == Instruction({"left_intensity": 5})


KINDS = st.sampled_from(["relay", "light", "text", "enum", "cury", "number"]) | st.text(max_size=4)


@given(st.binary(max_size=60), st.none() | st.text(max_size=5), KINDS)
def test_any_payload_wants_something_or_has_a_problem(
    payload: bytes, key: str | None, kind: str
) -> None:
    instruction = read(payload, key, kind)
    assert bool(instruction.wanted) is (instruction.problem is None)
