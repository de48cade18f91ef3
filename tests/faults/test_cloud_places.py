"""F14 and F25: two who want one place at a host, and one device that comes by three ways."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import websocket

from bridge.simulator.devices.base import Device
from bridge.simulator.outbound import Unit
from bridge.simulator.world import World
from tests.faults.cloud_rig import LAMP, DetourRig, first_told, scale_timing, states
from tests.faults.scale import scaled, show
from tests.simulator.client import Client
from tests.system.accounts import AccountRig

SECRET = "the-secret-of-the-outbound-address"
MINUTES = 600.0
"""What the page counts in (s)."""


class Rival:
    """Another client of our integrator, which connects again whenever it is thrown out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._client: Client | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._insist, name="rival")

    def __enter__(self) -> Rival:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        while self._thread.is_alive():
            if self._client is not None:
                with suppress(OSError, websocket.WebSocketException):
                    self._client.close()
            self._thread.join(0.1)

    def _insist(self) -> None:
        while not self._over.is_set():
            with suppress(OSError, websocket.WebSocketException), Client(self._world) as client:
                self._client = client
                client.socket.settimeout(None)
                while client.socket.recv():
                    pass


@pytest.mark.timeout(400)
def test_a_place_that_somebody_else_insists_on_is_left_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F14: ten minutes, at another scale of time."""
    scale = scaled(1 / 100, 1 / 3)
    scale_timing(monkeypatch, scale)
    with DetourRig(tmp_path, reconnect__first=f"{scale:.3f}") as rig:
        host = rig.world.host()
        lamp = rig.add(LAMP)
        rig.start().wait_online(lamp)
        fight = time.monotonic()
        with Rival(rig.world):
            rig.wait(lambda: first_told(rig.peer, host.name, "displaced"), 10)
            displaced = first_told(rig.peer, host.name, "displaced")
            assert displaced is not None
            assert displaced - fight <= 5
            rig.wait(lambda: time.monotonic() - fight >= MINUTES * scale, MINUTES)
        changes = host.counters.overlaps
        seconds = displaced - fight
        show(f"{changes} owners, displaced after {seconds:.1f} s")
        assert 2 <= changes <= 15
        assert "somebody else" in rig.json(f"bridge/hosts/{host.name}")["error"]
        # The place is taken again when it is free, without anybody's help.
        rig.wait(lambda: states(rig.peer, host.name)[-1] == "connected", 600 * scale)
        rig.wait_online(lamp)


def has_ways(rig: AccountRig, device: Device, count: int) -> bool:
    return len((rig.json(f"{device.hex_id}/info") or {"sources": ()})["sources"]) == count


def tell(rig: AccountRig, device: Device, viewer: str, power: float) -> None:
    """Have the cloud tell one viewer alone what a device measures."""
    status = {"switch:0": {**device.status()["switch:0"], "apower": power}}

    def send() -> None:
        for wire, each in rig.world.host().audience(device):
            if each.name == viewer:
                wire.send(each.status_frame(device, status))

    rig.world.soon(send)


def test_a_device_that_comes_by_three_ways_is_one(tmp_path: Path) -> None:
    """F25: consent, account and its own connection: one tree, one state, one way for commands."""
    with AccountRig(
        tmp_path,
        login=True,
        integrator=True,
        outbound__enabled="true",
        outbound__listen="127.0.0.1:0",
        outbound__secret=SECRET,
    ) as rig:
        lamp = rig.device(LAMP, granted=True)
        rig.start()
        unit = Unit(rig.world, lamp, awake=0.3)
        unit.dial(f"ws://127.0.0.1:{rig.bridge.ports['outbound']}/shelly/{SECRET}")
        rig.wait_online(lamp)
        rig.wait(lambda: has_ways(rig, lamp, 3))
        topic = f"{lamp.hex_id}/relay/0"
        # Whoever speaks last is right, whichever way it comes.
        heard = len(rig.peer.payloads(f"shelly/{topic}"))
        for number in range(20):
            viewer = (rig.account.name, rig.world.tag)[number % 2]
            tell(rig, lamp, viewer, 1_000.0 - number)
            rig.wait(lambda number=number: rig.json(topic)["power"] == 1_000 - number)  # type: ignore[misc]  # mypy and lambda defaults
        told = [json.loads(each)["power"] for each in rig.peer.payloads(f"shelly/{topic}")[heard:]]
        assert told == [1_000 - number for number in range(20)]
        # And the same by all at once is the same.
        load = rig.world.run_load(100, seconds=scaled(3, 60))
        assert load.wait(scaled(3, 60) + 10)
        rig.wait(lambda: rig.json(topic)["energy"] == pytest.approx(load.number(lamp) / 1000))
        received = len(lamp.received)
        for number in range(10):
            wanted = "ON" if number % 2 == 0 else "OFF"
            rig.tell(f"{topic}/set", wanted)
            rig.wait(lambda wanted=wanted: rig.json(topic)["state"] == wanted)  # type: ignore[misc]  # mypy and lambda defaults
        rig.wait(lambda: len(rig.results(topic)) >= 10)
        assert len(lamp.received) - received == 10
        assert {result["via"] for result in rig.results(topic)} == {"ws:outbound"}
        trees = {
            name.split("/")[1]
            for name, payload in list(rig.peer.values.items())
            if payload and name.startswith("shelly/")
        }
        assert trees == {"bridge", lamp.hex_id}
        # Whatever way goes, the device stays.
        unit.dial("")
        rig.wait(lambda: not unit.connected)
        rig.tell(f"{topic}/set", "ON")
        rig.wait(lambda: rig.json(topic)["state"] == "ON")
        assert rig.text(f"{lamp.hex_id}/availability") == "online"
