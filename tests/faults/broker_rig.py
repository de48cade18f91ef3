"""What the tests of a broker's faults share: a loaded world with its bridge, and who commands."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from bridge.simulator.devices.base import Device
from bridge.simulator.load import Load
from bridge.simulator.world import World
from tests.brokers import wait_until
from tests.faults.judge import TIME_TO_LIVE, Judge, Listener, counted_energy, wrong_states
from tests.system.process import BridgeProcess
from tests.system.rig import HOSTS, store_grants, write_config

METERED = "SNSW-001P16EU"
EVENTS = 200.0
"""Status events per second of the load that the page calls L."""
COMMANDS = 5.0
"""Commands per second of that load."""
EVERYTHING = ("shelly/#", "homeassistant/#")

_FIRST_TIMER = 10_000
"""s; a timer tells commands apart at their device, and runs out after the test."""


@dataclass(frozen=True, slots=True)
class System:
    """A world and the bridge on it, as a process."""

    world: World
    devices: list[Device]
    bridge: BridgeProcess

    def complete(self, listener: Listener) -> bool:
        """Whether a listener has heard of every device's relay since it connected."""
        return all(f"shelly/{each.hex_id}/relay/0" in listener.values for each in self.devices)

    def is_past(self, listener: Listener, numbers: Sequence[int]) -> bool:
        """Whether a listener has heard from every device this number (Wh) or a later one."""
        for device, number in zip(self.devices, numbers, strict=True):
            topic = f"shelly/{device.hex_id}/relay/0"
            energy = counted_energy(topic, listener.values.get(topic, b""))
            if energy is None or energy < number / 1000:
                return False
        return True


@contextmanager
def running(directory: Path, port: int, count: int, **values: Any) -> Iterator[System]:
    """`count` devices on two hosts, and the bridge between them and the broker on `port`."""
    with World(HOSTS) as world:
        devices = [world.add_device(METERED, HOSTS[number % 2]) for number in range(count)]
        store_grants(directory, devices)
        with BridgeProcess(write_config(world, port, directory, **values)) as bridge:
            yield System(world, devices, bridge)
            assert bridge.terminate() == 0


class Commander:
    """Publishes commands all the time and tells the judge of each; QoS 0, so that no client and no
    broker sends one twice. A context manager with a thread of its own."""

    def __init__(
        self, port: int, devices: Sequence[Device], judge: Judge, *, keepalive: int = 5
    ) -> None:
        self.count = 0
        self._port = port
        self._devices = devices
        self._judge = judge
        self._keepalive = keepalive
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commander", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish()

    def finish(self) -> None:
        """Command no more; safe twice."""
        self._done.set()
        self._thread.join(10)

    def prove(self, limit: float = 60.0) -> float:
        """Wait until ten commands in a row have their results, and end; the time since when."""
        end = time.monotonic() + limit
        since = time.monotonic()
        while not self._answered(since):
            since = time.monotonic()
            assert since < end, "commands are answered again"
        self.finish()
        wait_until(lambda: not self._judge.without_result(since), 20, "and the last ones")
        return since

    def _answered(self, since: float) -> bool:
        first = self.count + 1
        wait_until(lambda: self.count > first + 9, 20, "commands are sent")
        names = {f"command-{number}" for number in range(first, first + 10)}
        end = time.monotonic() + TIME_TO_LIVE
        while names & set(self._judge.without_result(since)):
            if time.monotonic() > end:
                return False
            self._done.wait(0.05)
        return True

    def _run(self) -> None:
        while not self._done.is_set():
            client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
            client.connect_timeout = 2.0
            with suppress(OSError):
                client.connect("127.0.0.1", self._port, self._keepalive)
                self._command(client)
            client.disconnect()
            client._reset_sockets()  # paho leaves its own wake-up sockets to the collector
            self._done.wait(0.1)

    def _command(self, client: Client) -> None:
        while not self._done.wait(1 / COMMANDS):
            if client.loop(0.0) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if client.is_connected():
                self._send(client)

    def _send(self, client: Client) -> None:
        self.count += 1
        device = self._devices[self.count % len(self._devices)]
        timer = _FIRST_TIMER + self.count
        name = f"command-{self.count}"
        self._judge.ordered(name, timer)
        body = {"id": name, "state": "TOGGLE", "timer": timer}
        client.publish(f"shelly/{device.hex_id}/relay/0/set", json.dumps(body))


def wait_complete(system: System, listener: Listener, limit: float = 60.0) -> None:
    """Wait until the first state of everything was published."""

    def complete() -> bool:
        assert system.bridge.running.poll() is None, system.bridge.log
        return system.complete(listener)

    wait_until(complete, limit, "every device's state is there")


def retained_topics(port: int, state: str = "shelly/bridge/state") -> dict[str, bytes]:
    """What the broker keeps; `state` is among it."""
    with Listener(port, *EVERYTHING) as reader:
        wait_until(lambda: state in reader.values, 10, "the retained state")
        kept: dict[str, bytes] = {}
        before = -1
        while before != len(kept):
            before = len(kept)
            threading.Event().wait(1.0)
            kept = {each.topic: each.payload for each in list(reader.heard) if each.retain}
        return kept


def wait_kept(load: Load, port: int) -> None:
    """Wait until the broker keeps what a load that has ended said last."""
    with Listener(port, "shelly/#") as reader:
        wait_until(lambda: not wrong_states(load, reader.values), 20, "the right values are kept")
