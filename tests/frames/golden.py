"""One file for each capture with all that the bridge says of that device: our own output.

    python -m tests.frames.golden [--write]

compares, or writes them anew. What changes with the time or the release is left out.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.core.effects import Publish
from bridge.core.model import DeviceId
from tests.frames.captures import Capture, captures
from tests.frames.messages import messages

Json = Any

FOLDER = Path(__file__).parent / "golden"

_TIMES = frozenset({"ts", "last_seen", "available_since"})
_RELEASE = frozenset({"sw", "sw_version"})
_WIDTH = 320
_SHOWN_LINES = 30


def path(name: str) -> Path:
    """The file of a capture."""
    return FOLDER / f"{name}.json"


def retained(published: Iterable[Publish]) -> dict[str, str]:
    """What a broker holds afterwards."""
    held: dict[str, str] = {}
    for each in published:
        if each.retain:
            held[each.topic] = each.payload
    return {topic: payload for topic, payload in held.items() if payload}


def document(device: DeviceId, held: Mapping[str, str]) -> dict[str, Json]:
    """What a broker holds of one device, less its id, the time, and the bridge's release."""
    found = {}
    for topic, payload in sorted(held.items()):
        if f"/{device}/" in topic:
            found[topic.replace(device, "<id>")] = _read(payload.replace(device, "<id>"))
    return found


def _read(payload: str) -> Json:
    if not payload.startswith(("{", "[")):
        return payload
    body = json.loads(payload)
    for key in ("o", "origin"):
        if key in body:
            body[key] = {name: body[key][name] for name in body[key].keys() - _RELEASE}
    return {key: value for key, value in body.items() if key not in _TIMES}


def render(value: Json) -> str:
    """The document as text: sorted, and what fits into a line stands in one."""
    return "\n".join(_lines(value, "", "")) + "\n"


def _lines(value: Json, margin: str, key: str) -> Iterator[str]:
    line = margin + key + json.dumps(value, ensure_ascii=False, sort_keys=True)
    if not isinstance(value, dict | list) or (len(line) <= _WIDTH and margin):
        yield line
        return
    inner = f"{margin}  "
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    members: list[list[str]] = []
    if isinstance(value, dict):
        members += (
            list(_lines(value[name], inner, f"{json.dumps(name)}: ")) for name in sorted(value)
        )
    else:
        members += (list(_lines(item, inner, "")) for item in value)
    yield f"{margin}{key}{opening}"
    for number, member in enumerate(members, 1):
        if number < len(members):
            member[-1] += ","
        yield from member
    yield f"{margin}{closing}"


def difference(name: str, found: Mapping[str, Json]) -> str:
    """What differs from the capture's file, in a few lines; empty when nothing does."""
    file = path(name)
    expected = file.read_text(encoding="utf-8") if file.is_file() else ""
    lines = difflib.unified_diff(
        expected.splitlines(), render(found).splitlines(), "golden", "now", n=2, lineterm=""
    )
    shown = list(lines)
    if len(shown) > _SHOWN_LINES:
        shown[_SHOWN_LINES:] = [f"… and {len(shown) - _SHOWN_LINES} lines more"]
    return "\n".join(shown)


def now(capture: Capture) -> dict[str, Json]:
    """What the bridge's core says of a capture today."""
    return document(capture.device, retained(messages(capture)))


def write() -> None:
    """Write every file, and take away those of captures that are no more."""
    wanted = set()
    for capture in captures():
        file = path(capture.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(render(now(capture)), encoding="utf-8")
        wanted.add(file)
    for file in set(FOLDER.glob("*/*.json")) - wanted:
        file.unlink()


def main() -> int:
    """The program; its exit status says whether all is as in the files."""
    parser = argparse.ArgumentParser(prog="golden")
    parser.add_argument("--write", action="store_true", help="write the files anew")
    if parser.parse_args().write:
        write()
        return 0
    wrong = 0
    for capture in captures():
        if text := difference(capture.name, now(capture)):
            wrong += 1
            sys.stdout.write(f"{capture.name}\n{text}\n\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
