"""What a soak needs besides what goes wrong: who listens all the time, samples, and slopes."""

from __future__ import annotations

import csv
import json
import statistics
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from bridge.simulator.devices.base import Device

_TOPICS = ("+/relay/0", "+/relay/0/result", "bridge/state")


class Sample(NamedTuple):
    """The process at one moment."""

    second: float
    memory: float
    """MiB."""
    descriptors: int
    threads: int
    heard: int
    faults: str


class Listener:
    """Hears everything over all lives of the broker, and judges it at once, as it is too much."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._client: Client | None = None
        self.newest: dict[str, float] = {}
        self.backwards: list[str] = []
        self.heard = 0
        self.finals: Counter[int] = Counter()
        self.requests: dict[int, int] = {}
        """The number of a command with the cloud, by the number that its sender gave it."""
        self.statuses: Counter[str] = Counter()
        self.delays = array("f")
        """Milliseconds from the cloud to here, while nothing was wrong."""
        self.quiet = False
        self.bridge_online = threading.Event()

    def connect(self) -> None:
        """Listen to a broker that has just come up."""
        self.close()
        client = Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        self._client = client
        client.connect("127.0.0.1", self._port, keepalive=600)
        client.loop_start()

    def close(self) -> None:
        """Stop; safe twice."""
        self.bridge_online.clear()
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()
            client._reset_sockets()  # paho leaves its own wake-up sockets to the garbage collector

    def send(self, topic: str, payload: str) -> None:
        """Publish once: what is not acknowledged is not sent to the next broker."""
        if self._client is not None:
            self._client.publish(topic, payload, qos=1)

    def _on_connect(self, client: Client, *_: object) -> None:
        client.subscribe([(f"shelly/{topic}", 0) for topic in _TOPICS])

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        topic = message.topic
        if topic == "shelly/bridge/state":
            (self.bridge_online.set if message.payload == b"online" else self.bridge_online.clear)()
            return
        if not message.payload:
            return
        told = json.loads(message.payload)
        if topic.endswith("/result"):
            self._on_result(told)
            return
        self.heard += 1
        energy = told["energy"]
        before = self.newest.get(topic, energy)
        if energy < before:
            self.backwards.append(f"{topic}: {energy} after {before}")
        self.newest[topic] = energy
        if energy > before and self.quiet:
            self.delays.append((time.monotonic() * 1_000 - told["power"]) % 1_000_000)

    def _on_result(self, told: dict[str, Any]) -> None:
        number = told["id"]
        if told["trid"] is not None:
            self.requests[number] = told["trid"]
        if told["stage"] != "accepted":
            self.finals[number] += 1
            self.statuses[told["status"]] += 1


@dataclass(slots=True)
class Command:
    """One that was sent; `at` is monotonic s."""

    number: int
    device: Device
    toggle: bool
    at: float


@contextmanager
def written(file: Path, samples: list[Sample]) -> Iterator[None]:
    """Write the samples, whatever happens."""
    try:
        yield
    finally:
        with file.open("w", newline="") as lines:
            writer = csv.writer(lines)
            writer.writerow(Sample._fields)
            writer.writerows(samples)


def slope(samples: list[Sample]) -> float:
    """MiB an hour: the median of the slopes between all pairs of minutes (Theil and Sen)."""
    minutes: dict[int, list[float]] = {}
    for sample in samples:
        minutes.setdefault(int(sample.second // 60), []).append(sample.memory)
    points = [(minute / 60, statistics.median(found)) for minute, found in minutes.items()]
    return statistics.median(
        (later - earlier) / (end - begin)
        for number, (begin, earlier) in enumerate(points)
        for end, later in points[number + 1 :]
    )
