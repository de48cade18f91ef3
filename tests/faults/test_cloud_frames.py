"""F10 and F11: frames that are too large, without end, or not as documented, and the whole bridge.

The socket by itself is tried in tests/sources/test_websocket_frames.py.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.devices.base import Device
from bridge.simulator.wire import frame
from bridge.simulator.world import World
from tests.brokers import Peer, wait_until
from tests.faults.cloud_rig import LAMP, first_told, not_in_json
from tests.faults.scale import scaled, seed, show
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config
from tests.system.test_bad_input import BAD, status

GROWTH = 10.0
"""MiB that all attacks together may cost."""
BAD_FRAMES = 1_000
ODD: tuple[Any, ...] = (
    *(None, True, -1, 1e308, 10**300, "", "ON", "\u202e\x00{{ x }}", "x" * 10_000),
    *([], {}, [None], {"id": []}, [[[]]]),
)


@dataclass
class System:
    """The bridge as a process, with one lamp at one host."""

    world: World
    lamp: Device
    peer: Peer
    bridge: BridgeProcess

    @property
    def topic(self) -> str:
        return f"shelly/{self.lamp.hex_id}/relay/0"

    def power(self) -> float | None:
        """What MQTT says of the lamp."""
        payload = self.peer.values.get(self.topic)
        return json.loads(payload)["power"] if payload else None

    def report(self, power: float) -> float:
        """Have the cloud tell a status; when that was."""
        at = time.monotonic()
        text = status(self.lamp.id, {"switch:0": {"id": 0, "output": True, "apower": power}})
        self.world.emit(None, text)
        return at

    def counted(self) -> dict[str, int]:
        """The bad input that the bridge counted, asked of it."""
        topic = "shelly/bridge/response/health_check"
        before = len(self.peer.payloads(topic))
        self.peer.publish("shelly/bridge/request/health_check")
        wait_until(lambda: len(self.peer.payloads(topic)) > before, 10, "it answers")
        counts: dict[str, int] = json.loads(self.peer.payloads(topic)[-1])["data"]["bad_input"]
        return counts

    def wait_power(self, power: float) -> float:
        """Wait until MQTT says this of the lamp; when that was seen."""
        wait_until(lambda: self.power() == power, 10, f"{power} W")
        return time.monotonic()

    def wait_state(self, state: bytes) -> None:
        """Wait until MQTT says this of the lamp."""
        wait_until(lambda: state in self.peer.values[self.topic], 10, "good frames come through")

    def wait_refusals(self, count: int) -> None:
        """Answer handshakes with headers without end, until so many were given up."""
        host = self.world.host()
        wanted = host.counters.unanswered + count
        host.faults.endless = True
        host.drop()
        wait_until(lambda: host.counters.unanswered >= wanted, 10, "it tries again")

    def wait_connected(self, times: int) -> None:
        counters = self.world.host().counters
        wait_until(lambda: len(counters.opened) >= times and counters.open_now, 10)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with ExitStack() as stack:
        world = stack.enter_context(World())
        broker = stack.enter_context(Broker())
        lamp = world.add_device(LAMP)
        store_grants(tmp_path, [lamp])
        config = write_config(
            world, broker.port, tmp_path, reconnect__first="0.02", reconnect__longest="0.1"
        )
        peer = stack.enter_context(Peer(broker.port, "shelly/#"))
        bridge = stack.enter_context(BridgeProcess(config))
        made = System(world, lamp, peer, bridge)
        wait_until(lambda: made.power() is not None, 15, "the lamp is there")
        yield made
        assert bridge.terminate() == 0
        assert "CRITICAL" not in bridge.log
        assert "Traceback" not in bridge.log


HUGE = struct.pack("!BBQ", 0x81, 127, 400 * 2**20) + b" " * (20 * 2**20)
FRAGMENTS = struct.pack("!BBH", 0x01, 126, 1_000) + b" " * 1_000
FRAGMENTS += (struct.pack("!BBH", 0x00, 126, 1_000) + b" " * 1_000) * 10_000
CRUMBS = b"\x01\x01 " + b"\x00\x01 " * 10_000


def test_what_is_too_large_is_refused_and_costs_no_memory(system: System) -> None:
    """F10: frames of 400 MB, messages of 10,000 fragments, headers without end."""
    host = system.world.host()
    for data in (HUGE, FRAGMENTS):
        # What one refusal needs is not freed for the system at once.
        host.write(data)
        system.wait_connected(len(host.counters.opened) + 1)
    before = system.bridge.memory
    highest, rounds = 0.0, int(scaled(3, 50))
    for number in range(rounds):
        for data in (HUGE, FRAGMENTS, CRUMBS):
            opened = len(host.counters.opened)
            host.write(data)
            system.wait_connected(opened + 1)
            highest = max(highest, system.bridge.memory)
        opened = len(host.counters.opened)
        system.wait_refusals(2)
        highest = max(highest, system.bridge.memory)
        host.faults.endless = False
        system.wait_connected(opened + 1)
        # Not by a frame of ours: the snapshot after a connect may come later than that.
        system.lamp.change(0, on=number % 2 == 0)
        wanted = b'"ON"' if number % 2 == 0 else b'"OFF"'
        system.wait_state(wanted)
    counts = system.counted()
    assert counts["too_large"] == 3 * rounds + 2
    show(f"memory: {before:.1f} MiB before, {highest:.1f} MiB at most")
    assert highest - before <= GROWTH


def wrong_at_every_key(frame: Any, random: Random) -> Iterator[Any]:
    """A JSON value, with one odd value in each place of it in turn."""
    yield random.choice(ODD)
    if isinstance(frame, dict):
        for key, value in frame.items():
            for wrong in wrong_at_every_key(value, random):
                yield {**frame, key: wrong}


@pytest.mark.parametrize("model", ["SHSW-25:roller", "SNSW-102P16EU:cover", "SHRGBW2:color", LAMP])
def test_wrong_types_at_every_key_do_no_harm(system: System, model: str) -> None:
    """F11: where each value of a real status should be, something else is."""
    random = Random(seed())  # noqa: S311 - a script of faults
    device = system.lamp if model == LAMP else system.world.add_device(model)
    told = {"event": "Shelly:StatusOnChange", "deviceId": device.id, "status": device.status()}
    text = [json.dumps(each) for _ in range(3) for each in wrong_at_every_key(told, random)]
    for each in text:
        system.world.emit(None, each.replace(f'"{device.id}"', f'"{system.lamp.id}"'))
    system.report(1234.5)
    system.wait_power(1234.5)
    assert not_in_json(system.peer) == []
    assert len(system.world.host().counters.opened) == 1


def test_a_thousand_bad_frames_are_counted_and_good_ones_pass(system: System) -> None:
    """F11: between two good frames ten bad ones, of every kind, in any order."""
    random = Random(seed())  # noqa: S311 - a script of faults
    frames = [random.choice(BAD) for _ in range(BAD_FRAMES)]
    expected: dict[str, int] = {}
    times: list[float] = []
    for number, (kind, text) in enumerate(frames):
        expected[kind] = expected.get(kind, 0) + 1
        system.world.emit(None, text)
        if number % 10 == 9:
            sent = system.report(number)
            times.append(system.wait_power(number) - sent)
    show(f"a good frame took {max(times) * 1000:.0f} ms at most")
    assert max(times) <= 1
    assert system.counted() == expected
    assert sum(expected.values()) == BAD_FRAMES
    assert len(system.world.host().counters.opened) == 1
    assert not_in_json(system.peer) == []
    # Only what breaks the protocol itself ends the connection (RFC 6455 8.1).
    system.world.host().write(frame(b'{"event": "\xff"}'))
    system.wait_connected(2)
    assert first_told(system.peer, system.world.host().name, "displaced") is None
    assert system.counted()["utf8"] == 1
