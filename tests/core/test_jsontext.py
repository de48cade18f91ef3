"""JSON, strict in both directions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import jsontext
from bridge.core.model import Json
from bridge.errors import FrameError
from tests.core.strategies import JSON


@given(JSON)
def test_what_is_dumped_is_read_back(value: Json) -> None:
    assert jsontext.parse(jsontext.dump(value).encode()) == value


@given(JSON)
def test_what_python_writes_is_read(value: Json) -> None:
    assert jsontext.parse(json.dumps(value).encode()) == value


@given(st.binary() | st.text().map(str.encode) | st.binary().map(lambda data: b"[" * 200 + data))
def test_any_bytes_are_json_or_a_frame_error(data: bytes) -> None:
    try:
        value = jsontext.parse(data)
    except FrameError:
        return
    jsontext.dump(value).encode()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"\xff", "utf8"),
        (b'"\xed\xa0\x80"', "utf8"),
        (b"", "json"),
        (b"{", "json"),
        (b"{'a': 1}", "json"),
        (b"[1] 2", "json"),
        (b"NaN", "number"),
        (b'{"a": [Infinity]}', "number"),
        (b"-Infinity", "number"),
        (b"1e999", "number"),
        (b"-1e999", "number"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'[{"a":{"b":1,"b":2}}]', "duplicate_key"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b"[" * 101 + b"]" * 101, "nesting"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "nesting"),
        (b"[" * 100_000, "nesting"),
    ],
)
def test_what_is_no_strict_json_is_refused(text: bytes, kind: str) -> None:
    with pytest.raises(FrameError) as error:
        jsontext.parse(text)
    assert error.value.kind == kind


@pytest.mark.parametrize("digits", [309, 400, 4_299, 4_301, 5_000, 100_000])
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_whole_number_that_no_float_can_hold_is_refused(digits: int, sign: str) -> None:
    with pytest.raises(FrameError):
        jsontext.parse(f'{{"total": {sign}1{"0" * digits}}}'.encode())


def test_a_large_whole_number_is_kept_exactly() -> None:
    assert jsontext.parse(b"9007199254740993") == 9007199254740993


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert jsontext.parse(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_a_hundred_levels_are_fine() -> None:
    depth = jsontext.DEEPEST
    assert jsontext.parse(b"[" * depth + b"]" * depth)


def test_many_brackets_side_by_side_are_fine() -> None:
    assert len(jsontext.parse(b"[" + b"[]," * 500 + b"{}]")) == 501


@pytest.mark.parametrize("text", ["[" * 300, '\\"[{' * 80, "\\\\" + "[" * 200, "a\\"])
def test_brackets_in_texts_count_for_nothing(text: str) -> None:
    value = {"first": text, "second": [text]}
    assert jsontext.parse(jsontext.dump(value).encode()) == value


@pytest.mark.parametrize("before", ['"\\\\"', '"\\""', '"a\\\\\\"b"', '""'])
def test_no_text_hides_the_brackets_after_it(before: str) -> None:
    deep = f"[{before},{'[' * 150}{']' * 150},{before}]"
    with pytest.raises(FrameError) as error:
        jsontext.parse(deep.encode())
    assert error.value.kind == "nesting"


def test_an_object_is_asked_for() -> None:
    assert jsontext.parse_object(b' {"a": null} ') == {"a": None}
    with pytest.raises(FrameError):
        jsontext.parse_object(b"[1]")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_nan_is_never_written(value: Json) -> None:
    with pytest.raises(ValueError, match="JSON"):
        jsontext.dump(value)


def test_text_stays_readable() -> None:
    assert jsontext.dump({"name": "Küche"}) == '{"name":"Küche"}'


@pytest.mark.timeout(10)
@pytest.mark.parametrize("filling", [b'\\"', b'"', b"\\", b'"\\', b"[", b'"["', b'{"a":['])
def test_a_megabyte_of_anything_is_judged_soon(filling: bytes) -> None:
    with pytest.raises(FrameError):
        jsontext.parse(b"[" * 101 + b'"' + filling * (1_000_000 // len(filling)))
