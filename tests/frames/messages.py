"""What the bridge's core publishes for a captured device; as a program, into files.

    python -m tests.frames.messages FOLDER

writes a file of lines for each device, captured or simulated, as `tests.homeassistant.ha_check`
reads them: once with control of the device and once without.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bridge.core.effects import Publish
from bridge.core.events import AccessReported, BrokerUp, Event, SettingsReported, StatusReported
from bridge.core.model import Access, Grant, Json, LinkId
from bridge.simulator.devices.catalog import MODELS
from bridge.simulator.world import HOST, World
from tests.core.dialogue import Dialogue, Reply
from tests.frames.captures import Capture, captures

LINK = LinkId(HOST)

SETTLED = 300.0
"""Seconds after which the bridge has said everything about what it was told."""

_HOSTILE = "\"a\" 'b' {{ 1 / 0 }} {% raw %}\r\n\t\\ \U0001f642\u202e+/# " + "x" * 10_000


def messages(
    capture: Capture,
    *,
    control: bool = True,
    settings_first: bool = False,
    in_use: bool = False,
) -> list[Publish]:
    """Everything published, in its order, from the bridge's start until all has settled.

    With `in_use`, all is asked for again afterwards, every button is pressed, and every channel
    gets a command.
    """
    device = capture.device
    dialogue = Dialogue(Grant(device, LINK, capture.code, "", (), control))
    replies = [dialogue.first, dialogue.says(BrokerUp("5")), dialogue.connects(LINK)]
    access = Access.CONTROL if control else Access.READ
    events: list[Event] = [AccessReported(LINK, device, access, capture.code or None)]
    events.append(StatusReported(LINK, device, capture.status, full=capture.whole))
    if capture.settings is not None:
        events.insert(1 if settings_first else 2, SettingsReported(LINK, device, capture.settings))
    for event in events:
        replies += [dialogue.says(event), dialogue.waits(SETTLED / len(events))]
    if in_use:
        replies += _use(dialogue, capture)
    return [publish for reply in replies for publish in reply.all(Publish)]


def _use(dialogue: Dialogue, capture: Capture) -> Iterator[Reply]:
    """The states as Home Assistant's entities get them, then what is not retained.

    That is presses, and the result of a command, even if it is a refusal.
    """
    yield dialogue.asks("discovery/republish")
    yield dialogue.waits(SETTLED)
    for status in _presses(capture.status):
        yield dialogue.says(StatusReported(LINK, capture.device, status))
    info = dialogue.holds(f"shelly/{capture.device}/info")
    for channel in info["channels"]:
        if channel["commands"]:
            yield dialogue.says(dialogue.message(f"{channel['topic']}/set", '{"no": "command"}'))


def _presses(status: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
    """A press of every button, in the words of its generation."""
    for key in status:
        name, _, number = key.partition(":")
        if name == "input":
            yield {f"v_eve:{number}": {"ev": "S"}}
    pressed = [
        {**each, "event": "S", "event_cnt": each.get("event_cnt", 0) + 1}
        for each in status.get("inputs", ())
    ]
    if pressed:
        yield {"inputs": pressed}


def lines(published: list[Publish]) -> str:
    """The same as lines of JSON."""
    return "".join(
        f"{json.dumps({'topic': each.topic, 'payload': each.payload, 'retain': each.retain})}\n"
        for each in published
    )


def simulated() -> list[Capture]:
    """A device of each simulated model."""
    with World() as world:
        devices = [(model, world.add_device(model.key)) for model in MODELS]
        return [
            Capture(
                f"simulated/{model.key.replace(':', '.')}",
                model.code,
                device.status(),
                device.settings() or None,
            )
            for model, device in devices
        ]


def misnamed(capture: Capture) -> Capture:
    """The same device with names that nobody should give."""
    return replace(capture, name=f"{capture.name}.misnamed", settings=_misnamed(capture.settings))


def _misnamed(value: Json) -> Json:
    if isinstance(value, dict):
        return {
            key: _HOSTILE if key == "name" else _misnamed(member) for key, member in value.items()
        }
    return [_misnamed(item) for item in value] if isinstance(value, list) else value


def main(folder: Path) -> None:
    """Write the files; fails where the captured devices are required and not there."""
    captured, made = captures(), simulated()
    required = os.environ.get("TESTS_REQUIRE", "").split(",")
    if not captured and "shared_fixtures" in required:
        sys.exit("shared_fixtures is required and not there")
    for capture in [*captured, *made, *map(misnamed, made)]:
        for control in (True, False):
            name = capture.name.replace("/", "-") + ("" if control else ".read-only")
            file = folder / f"{name}.jsonl"
            published = messages(capture, control=control, in_use=True)
            file.write_text(lines(published), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
