"""Frames that are not as documented: counted, warned of once, survived."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tests.system.rig import Rig

RELAY = "SNSW-001P16EU"


def status(device_id: Any, content: Any) -> str:
    return json.dumps({"event": "Shelly:StatusOnChange", "deviceId": device_id, "status": content})


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


BAD: list[tuple[str, str | bytes]] = [
    ("json", "not JSON"),
    ("json", ""),
    ("not_object", "[1, 2]"),
    ("not_object", "null"),
    ("no_event", "{}"),
    ("no_event", '{"event": 5}'),
    ("unknown_event", '{"event": "Shelly:Surprise", "deviceId": "1"}'),
    ("duplicate_key", '{"event": "Shelly:Online", "event": "Shelly:Online"}'),
    ("number", '{"event": "Shelly:Online", "deviceId": "1", "online": NaN}'),
    ("number", '{"event": "Shelly:Online", "deviceId": "1", "online": 1e999}'),
    ("number", '{"event": "Shelly:Online", "online": ' + "9" * 5_000 + "}"),
    ("nesting", deep(100_000)),
    ("nesting", '{"event": "Shelly:StatusOnChange", "status": ' + deep(500) + "}"),
    ("surrogate", '{"event": "Shelly:Online", "deviceId": "\\ud800"}'),
    ("device_id", status(None, {})),
    ("device_id", status("../../bridge", {})),
    ("device_id", status("1" * 10_000, {})),
    ("device_id", status(-5, {})),
    ("device_id", status("+", {})),
    ("status_missing", status("1234567", "ON")),
    ("status_missing", '{"event": "Shelly:StatusOnChange", "deviceId": "1234567"}'),
    ("online_missing", '{"event": "Shelly:Online", "deviceId": "1234567", "online": "yes"}'),
    ("bad_answer", '{"event": "Shelly:CommandResponse", "data": {"isok": true}}'),
    ("bad_answer", '{"event": "Integrator:ActionResponse", "trid": 1, "data": []}'),
    ("unknown_device", status("123456789012345", {"switch:0": {"output": True}})),
    ("cloud_error", '{"event": "Error", "message": "no"}'),
]


def bad_input(rig: Rig) -> dict[str, int]:
    """What the bridge counted so far, asked of it."""
    topic = "bridge/response/health_check"
    before = len(rig.peer.payloads(f"shelly/{topic}"))
    rig.tell("bridge/request/health_check", "")
    rig.wait(lambda: len(rig.peer.payloads(f"shelly/{topic}")) > before)
    counts: dict[str, int] = rig.json(topic)["data"]["bad_input"]
    return counts


def test_bad_frames_are_counted_and_the_connection_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Rig(tmp_path) as rig, caplog.at_level(logging.WARNING):
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        topic = f"{relay.hex_id}/relay/0"
        for number, (_, frame) in enumerate(BAD * 3):
            rig.world.emit(None, frame)
            rig.world.emit(None, status(relay.id, {"switch:0": {"id": 0, "apower": number}}))
        rig.world.emit(None, b"\x00\x01", binary=True)
        rig.wait(lambda: rig.json(topic)["power"] == len(BAD) * 3 - 1)
        expected: dict[str, int] = {"binary_frame": 1}
        for kind, _ in BAD * 3:
            expected[kind] = expected.get(kind, 0) + 1
        rig.wait(lambda: bad_input(rig) == expected, what=f"{expected}")
        assert len(rig.world.host().counters.opened) == 1
        warned = [record.getMessage() for record in caplog.records if "(json)" in record.message]
        assert len(warned) == 1


def test_invalid_utf8_in_a_text_frame_ends_the_connection_and_it_comes_back(
    tmp_path: Path,
) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        rig.world.emit(None, b'{"event": "\xff\xfe"}')
        rig.wait(lambda: len(rig.world.host().counters.opened) == 2)
        rig.wait_online(relay)


def test_hostile_components_and_names_reach_no_topic(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY, name="a/+/#\x00\n" + "x" * 70_000)
        rig.start().wait_online(relay)
        hostile = {
            "+:0": {"a": 1},
            "#": {"a": 1},
            "$SYS:0": {"a": 1},
            "../..:1": {"a": 1},
            "a/b:0": {"a": 1},
            "set:0": {"a": 1},
            "\u202eabc:0": {"a": 1},
            "x" * 70_000: {"a": 1},
            "switch:99999999999": {"output": True},
            "huge:0": {"text": "y" * 200_000},
            "fine:0": {"text": "{{ states }} \n ☃", "a/b": 1},
        }
        rig.world.emit(None, status(relay.id, hostile))
        topic = f"{relay.hex_id}/fine/0"
        rig.wait(lambda: rig.json(topic))
        assert rig.json(topic)["text"] == "{{ states }} \n ☃"
        for heard in list(rig.peer.values):
            assert heard.startswith("shelly/")
            assert not set(heard) & set("+#$\x00\n\u202e")
            assert len(heard) < 200
        rig.wait(lambda: "fine:0" in (rig.text(f"{relay.hex_id}/info") or ""))
        info = rig.json(f"{relay.hex_id}/info")
        assert len(info["name"]) <= 128
        assert "\n" not in info["name"]
        components = {channel["component"] for channel in info["channels"]}
        assert "fine:0" in components
        assert not components & {"+:0", "#", "$SYS:0", "a/b:0", "set:0"}
        counts = bad_input(rig)
        assert counts["component_name"] >= 7
        assert counts["too_large"] == 1


def test_messages_to_odd_topics_do_nothing(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        for topic in (
            f"{relay.hex_id}/relay/x/set",
            f"{relay.hex_id}/relay/-1/set",
            f"{relay.hex_id}/relay/00/set",
            "bridge/x/0/set",
            "bridge/request/no/such",
            "bridge/request/restart",
        ):
            rig.tell(topic, "ON")
        rig.tell("bridge/request/device/refresh", '{"id": "nobody", "transaction": "t"}')
        answer = "bridge/response/device/refresh"
        rig.wait(lambda: rig.json(answer))
        assert rig.json(answer)["status"] == "error"
        assert rig.json(answer)["transaction"] == "t"
        assert rig.json("bridge/response/no/such")["status"] == "error"
        assert not relay.received
        assert rig.bridge.failed_parts() == []
