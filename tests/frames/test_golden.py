"""Captured devices, all the way to MQTT: what comes out is what the golden files say.

Once from the core alone, once from the running bridge by a real broker.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.cloud import Host
from bridge.simulator.devices.base import Device
from tests.brokers import MosquittoProcess, Peer
from tests.core.homeassistant import guard
from tests.frames import golden
from tests.frames.captures import Capture, captures, frames
from tests.frames.messages import messages
from tests.system.rig import Rig

pytestmark = pytest.mark.shared_fixtures

DISCOVERY = "homeassistant/device/"

ALL = captures()
each = pytest.mark.parametrize("capture", ALL, ids=lambda capture: capture.name)


def test_there_are_captures_of_every_generation() -> None:
    assert {capture.name.partition("/")[0] for capture in ALL} >= {"gen1", "gen2", "gen3", "gen4"}
    assert len(ALL) > 100
    assert len({capture.device for capture in ALL}) == len(ALL)


@each
def test_a_capture_gives_what_its_golden_file_says(capture: Capture) -> None:
    assert golden.difference(capture.name, golden.now(capture)) == ""


DISAGREES = {"gen1/SHSM-01"}
"""Made by hand: its status and its settings name different firmware, and the later one counts."""


@pytest.mark.parametrize(
    "capture",
    [capture for capture in ALL if capture.name not in DISAGREES],
    ids=lambda capture: capture.name,
)
def test_it_does_not_matter_whether_status_or_settings_come_first(capture: Capture) -> None:
    held = golden.retained(messages(capture, settings_first=True))
    assert golden.document(capture.device, held) == golden.now(capture)


@each
@pytest.mark.parametrize("control", [True, False])
def test_the_guard_refuses_no_discovery_message(capture: Capture, control: bool) -> None:
    told = [
        publish
        for publish in messages(capture, control=control)
        if publish.topic.startswith(DISCOVERY)
    ]
    assert {publish.topic for publish in told} >= expected(capture)
    for publish in told:
        assert guard.check(publish.topic, publish.payload) == []


def expected(capture: Capture) -> set[str]:
    """The topic of its discovery message, if anything of the device is known to show."""
    return {f"{DISCOVERY}{capture.device}/config"} if capture.status else set()


def test_no_golden_file_is_left_of_a_capture_that_is_gone() -> None:
    wanted = {golden.path(capture.name) for capture in ALL}
    assert set(golden.FOLDER.rglob("*.json")) == wanted


def test_a_difference_from_the_golden_file_is_told() -> None:
    capture = ALL[0]
    found = golden.now(capture) | {"shelly/<id>/more": {"power": 5}}
    assert '+  "shelly/<id>/more": {"power": 5}' in golden.difference(capture.name, found)


@pytest.mark.mosquitto
@pytest.mark.timeout(180)
def test_every_capture_through_the_running_bridge(tmp_path: Path) -> None:
    with (
        MosquittoProcess("max_queued_messages 0") as broker,
        Rig(tmp_path, port=broker.port) as rig,
    ):
        devices = [replayed(rig, capture) for capture in ALL]
        partial = [
            (device, capture)
            for device, capture in zip(devices, ALL, strict=True)
            if not capture.whole
        ]
        with Peer(broker.port, "shelly/#", "homeassistant/#") as peer:
            rig.start()
            host = rig.world.host()
            rig.wait(lambda: all_answered(host), 30, "all are asked about, and it is answered")
            for device, capture in partial:
                rig.world.emit(None, frame_of(device, capture))
            for _, payload in frames():
                rig.world.emit(None, json.dumps(payload))
            wait_for_golden(rig, peer)
            check_discovery(peer)
            check_nothing_twice(peer)
        assert rig.bridge.failed_parts() == []
        rig.stop()
        assert rig.exit_code == 0


def all_answered(host: Host) -> bool:
    """Whether each device was asked about, and none of the answers is still to come."""
    counters = host.counters
    asked = len(counters.verifies) + len(counters.settings_asked)
    return len(counters.verifies) == len(ALL) and counters.actions_answered == asked


def replayed(rig: Rig, capture: Capture) -> Device:
    """A simulated device that tells what was captured."""
    device = rig.add("SNSW-001P16EU", hex_id=capture.device, online=capture.whole)
    device.identity.code = capture.code
    device.identity.names = []
    vars(device)["status"] = lambda: capture.status
    vars(device)["settings"] = lambda: capture.settings or {}
    return device


def frame_of(device: Device, capture: Capture) -> str:
    event = {"event": "Shelly:StatusOnChange", "deviceId": device.id, "status": capture.status}
    return json.dumps(event)


def held(peer: Peer) -> dict[str, str]:
    """What the broker holds."""
    return {topic: payload.decode() for topic, payload in list(peer.values.items()) if payload}


def wait_for_golden(rig: Rig, peer: Peer) -> None:
    """Wait until the broker holds just what the golden files say; else show what differs."""
    waiting = list(ALL)

    def all_there() -> bool:
        now = held(peer)
        waiting[:] = [
            capture
            for capture in waiting
            if golden.difference(capture.name, golden.document(capture.device, now))
        ]
        return not waiting

    try:
        rig.wait(all_there, 30)
    except AssertionError:
        capture = waiting[0]
        text = golden.difference(capture.name, golden.document(capture.device, held(peer)))
        pytest.fail(f"{len(waiting)} captures, the first is {capture.name}:\n{text}")


def check_discovery(peer: Peer) -> None:
    topics = {topic for topic in held(peer) if topic.startswith("homeassistant/")}
    wanted = {topic for capture in ALL for topic in expected(capture)}
    assert topics - {f"{DISCOVERY}shelly_bridge/config"} == wanted
    for message in peer.heard:
        if message.topic.startswith(DISCOVERY):
            assert guard.check(message.topic, message.payload.decode()) == []


def check_nothing_twice(peer: Peer) -> None:
    by_topic: dict[str, list[Any]] = {}
    for message in peer.heard:
        if message.topic.rpartition("/")[2] not in ("event", "log"):
            by_topic.setdefault(message.topic, []).append(message.payload)
    twice = [
        topic
        for topic, payloads in by_topic.items()
        if any(earlier == later for earlier, later in pairwise(payloads))
    ]
    assert twice == []
