"""JSON as the protocols need it: strict in both directions.

Python's own reader takes NaN, `1e999`, duplicate keys and lone surrogates; none of them is
valid JSON that MQTT subscribers could read back.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from bridge.core.model import Json
from bridge.errors import FrameError

DEEPEST = 100
"""Levels of arrays and objects; Shelly uses six."""

# The last quote may be missing, or every quote of a text without an end would be tried in turn.
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"?|([\[\]{}])', re.DOTALL)
_LONGEST_INTEGER = 300
"""Digits, with the sign; a few more and no float could hold the number."""


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise FrameError("number", "a number is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise FrameError("number", "a number is too large")
    return int(text)


def _constant(text: str) -> NoReturn:
    raise FrameError("number", f"{text} is not a JSON number")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FrameError("duplicate_key", "an object has the same key twice")
    return found


_decoder = json.JSONDecoder(
    parse_float=_float,
    parse_int=_integer,
    parse_constant=_constant,
    object_pairs_hook=_object,
)
_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
)


def _encoding() -> Callable[[Json], str]:
    """`JSONEncoder.encode` with its inner part made once, and not anew for each short value."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter that has it in Python only
        return _encoder.encode
    quote = json.encoder.encode_basestring
    parts = make(None, _encoder.default, quote, None, ":", ",", False, False, False)
    return lambda value: "".join(parts(value, 0))


_encode = _encoding()


def parse(data: bytes) -> Json:
    """The value of a UTF-8 JSON text; raises `FrameError`, and nothing else, if it is not one."""
    try:
        text = data.decode()
        if text.count("[") + text.count("{") > DEEPEST:
            _check_depth(text)
        value = _decoder.decode(text)
        if "\\u" in text:
            dump(value).encode()
    except UnicodeEncodeError:
        raise FrameError("surrogate", "a text holds half a character") from None
    except UnicodeDecodeError:
        raise FrameError("utf8", "the text is not UTF-8") from None
    except RecursionError:
        raise FrameError("nesting", "the JSON is nested too deeply") from None
    except ValueError:
        raise FrameError("json", "the text is not JSON") from None
    return value


def _check_depth(text: str) -> None:
    """Refuse what is nested so deeply that comparing or encoding it would overflow the stack."""
    depth = 0
    for bracket in _BRACKET.findall(text):
        if bracket:
            depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise FrameError("nesting", "the JSON is nested too deeply")


def parse_object(data: bytes) -> dict[str, Json]:
    """As `parse`, and it must be an object."""
    value = parse(data)
    if not isinstance(value, dict):
        raise FrameError("not_object", "the JSON is not an object")
    return value


def dump(value: Json) -> str:
    """The compact JSON text of a value that holds no NaN, infinity or lone surrogate."""
    return _encode(value)


def size(value: Json) -> int:
    """Bytes of the same in UTF-8."""
    return len(dump(value).encode())


def first(values: Iterable[Json], room: int) -> list[Json]:
    """The first of the values, as many as an array has within so many bytes."""
    found = []
    for value in values:
        room -= size(value) + 1
        if room < 0:
            break
        found.append(value)
    return found
