"""A `/set` message taken apart: which keys are wanted, and what its sender said besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core import jsontext
from bridge.core.instructions.wanted import is_number
from bridge.core.model import Json
from bridge.errors import FrameError

LONGEST_PAYLOAD = 8_192
"""Bytes of a `/set` payload; a real one has a tenth of a percent of that."""

LONGEST_ID = 256
"""Characters of an `id` that is echoed."""

_MAIN_KEYS = {
    "number": "value",
    "text": "value",
    "enum": "value",
    "button": "event",
    "smoke": "mute",
    "thermostat": "mode",
}
"""What a plain payload is about; for all other kinds it is their `state`."""

_NUMERIC_KEYS = {"roller": "position", "thermostat": "target_temperature"}
"""What it is about when it is a number."""

_AMBIGUOUS = {
    "light": "a bare number is ambiguous: send a state or a JSON object",
    "cury": "it has many parts: send a JSON object, or to …/set/<key>",
}

_VERBATIM = frozenset({("text", "value"), ("enum", "value"), ("cury", "mode")})
"""Keys whose plain payload is a text, also one that looks like a number."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """A `/set` payload, taken apart: the wanted keys, and the sender's `id` and `ttl` (s)."""

    wanted: Mapping[str, Json]
    id: Json = None
    ttl: float | None = None
    problem: str | None = field(default=None)
    """What is wrong with the payload itself; then there is nothing wanted."""


def read(payload: bytes, key: str | None, kind: str) -> Instruction:
    """Take a payload apart; `key` is the last level of `…/set/<key>`.

    Plain words and JSON are both fine. What cannot be read is told in `problem`.
    """
    if len(payload) > LONGEST_PAYLOAD:
        return Instruction({}, problem=f"the payload is longer than {LONGEST_PAYLOAD} bytes")
    main = key or _MAIN_KEYS.get(kind, "state")
    if (kind, main) in _VERBATIM:
        return _from_text(payload, main, plain=key is not None)
    stripped = payload.strip()
    if key is not None:
        return Instruction({key: _plain(stripped)})
    if not stripped.startswith(b"{"):
        return _from_word(_plain(stripped), kind, main)
    try:
        wanted = jsontext.parse_object(stripped)
    except FrameError as error:
        return Instruction({}, problem=str(error))
    return _from_object(wanted)


def _from_text(payload: bytes, key: str, *, plain: bool) -> Instruction:
    """A text as it is; only an object that names the key is more than that."""
    if not plain and payload.lstrip().startswith(b"{"):
        try:
            wanted = jsontext.parse_object(payload.strip())
        except FrameError:
            wanted = {}
        if key in wanted:
            return _from_object(wanted)
    try:
        return Instruction({key: payload.decode()})
    except UnicodeDecodeError:
        return Instruction({}, problem="the text is not UTF-8")


def _plain(payload: bytes) -> Json:
    try:
        value = jsontext.parse(payload)
    except FrameError:
        return payload.decode(errors="replace")
    return payload.decode() if isinstance(value, bool | None) else value


def _from_word(word: Json, kind: str, key: str) -> Instruction:
    if kind == "cury" or (kind == "light" and is_number(word)):
        return Instruction({}, problem=_AMBIGUOUS[kind])
    return Instruction({_NUMERIC_KEYS.get(kind, key) if is_number(word) else key: word})


def _from_object(wanted: dict[str, Json]) -> Instruction:
    identity = wanted.pop("id", None)
    if isinstance(identity, dict | list):
        return Instruction({}, problem="id: must be a text, a number, true, false or null")
    if len(str(identity)) > LONGEST_ID:
        return Instruction({}, problem=f"id: longer than {LONGEST_ID} characters")
    ttl = wanted.pop("ttl", None)
    if ttl is not None and (not is_number(ttl) or not 0 < ttl <= 3600):
        return Instruction({}, identity, problem="ttl: must be a number of seconds up to 3600")
    if not wanted:
        return Instruction({}, identity, ttl, problem="there is nothing to do in it")
    return Instruction(wanted, identity, ttl)
