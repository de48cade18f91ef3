"""The input: messages as they were published, file by file. Needs nothing of Home Assistant."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the input."""

    topic: str
    payload: str
    retain: bool | None
    """None when the input does not say."""


def read(lines: Iterable[str]) -> dict[str, list[Message]]:
    """Messages by file, in their order; raises ValueError, naming the line that is none."""
    files: dict[str, list[Message]] = {}
    file, number = "standard input", 0
    for line in lines:
        number += 1
        if not line.strip():
            continue
        match _object(line):
            case {"file": str(name)}:
                file, number = name, 0
                files.setdefault(file, [])
            case {"topic": str(topic), "payload": str(payload), **rest}:
                retain = rest.get("retain")
                message = Message(topic, payload, None if retain is None else bool(retain))
                files.setdefault(file, []).append(message)
            case _:
                raise ValueError(f"{file}, line {number}: no message: {line.strip()[:80]}")
    return files


def _object(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None
