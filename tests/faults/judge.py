"""One judge over what was recorded while faults happened: values, results, devices.

Whoever runs a fault script gives the judge everything that lasting subscribers heard, and every
command; `verdict` then names each promise that was broken.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from types import TracebackType
from typing import Any, NamedTuple, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from bridge.simulator.broker import WireEntry
from bridge.simulator.devices.base import Device
from bridge.simulator.load import Load

TIME_TO_LIVE = 10.0
"""Seconds from its arrival in which a command may be sent on, unless it says otherwise."""

_MARGIN = 0.5
"""Seconds that a message may need between sender and bridge, and from there to the device."""


class Heard(NamedTuple):
    """A message as a subscriber heard it; `at` is monotonic s, `connection` counts from 1."""

    at: float
    connection: int
    topic: str
    payload: bytes
    retain: bool


@dataclass(frozen=True, slots=True)
class Ordered:
    """A command that was published; `mark` is what it is known by at its device."""

    id: str
    at: float
    ttl: float
    mark: Any


def counted_energy(topic: str, payload: bytes) -> float | None:
    """The number of a value of `World.run_load`, in kWh; None for any other message."""
    if not topic.endswith("/relay/0") or not payload:
        return None
    energy = json.loads(payload).get("energy")
    return float(energy) if energy is not None else None


def turning_time(params: Mapping[str, Any]) -> Any:
    """The mark of a command that was told apart by its `timer`."""
    return params.get("timeout")


class Judge:
    """Collects histories, by any thread, and finds what was promised and not kept.

    `number` gives the number that a message carries, None if it carries none.
    """

    def __init__(self, number: Callable[[str, bytes], float | None] = counted_energy) -> None:
        self._number = number
        self._values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.orders: dict[str, Ordered] = {}
        """Every command by its id."""
        self._finals: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._applied: list[tuple[float, Any]] = []
        self._lock = threading.Lock()

    # What happened.

    def heard(self, listener: str, topic: str, payload: bytes) -> None:
        """A subscriber, over all its connections one `listener`, heard a message."""
        if topic.endswith("/result"):
            self._result(payload)
            return
        number = self._number(topic, payload)
        if number is not None:
            with self._lock:
                self._values[listener][topic].append(number)

    def _result(self, payload: bytes) -> None:
        result = json.loads(payload)
        if (result["status"], result["stage"]) == ("ok", "accepted"):
            return
        with self._lock:
            self._finals[str(result["id"])].append(result)

    def wire(self, entries: Iterable[WireEntry], client_id: str) -> None:
        """Everything that one client published, in the order of the wire."""
        for entry in entries:
            if entry[:3] == (client_id, "in", "PUBLISH"):
                self.heard(f"wire of {client_id}", entry.topic, entry.payload)

    def ordered(self, id: str, mark: Any = None, ttl: float = TIME_TO_LIVE) -> None:
        """A command with this `id` is about to be published."""
        order = Ordered(id, time.monotonic(), ttl, id if mark is None else mark)
        with self._lock:
            self.orders[id] = order

    def held(self, since: float, until: float) -> None:
        """What was published since then stayed with a frozen broker until that time.

        Nobody can tell how old such a message is: its time to live begins when it goes on.
        """
        with self._lock:
            for order in self.orders.values():
                if since <= order.at < until:
                    self.orders[order.id] = replace(order, at=until)

    def carried_out(
        self, device: Device, mark: Callable[[Mapping[str, Any]], Any] = turning_time
    ) -> None:
        """Take over what reached a simulated device; call it once for each, at the end."""
        with self._lock:
            self._applied += [(each.at, mark(each.params)) for each in device.received]

    # What follows from it.

    def backwards(self) -> list[str]:
        """Where an older number followed a newer one: listener, topic, and the two numbers."""
        with self._lock:
            return [
                f"{topic} went from {earlier} to {later} ({listener})"
                for listener, topics in self._values.items()
                for topic, numbers in topics.items()
                for earlier, later in pairwise(numbers)
                if later < earlier
            ]

    @property
    def numbers(self) -> int:
        """How many numbered values were heard; a judge who heard nothing proves nothing."""
        with self._lock:
            return sum(len(each) for topics in self._values.values() for each in topics.values())

    def without_result(self, since: float = 0.0) -> list[str]:
        """The ids of commands, published since then, that no final result was heard of."""
        with self._lock:
            orders = [each for each in self.orders.values() if each.at >= since]
            return [order.id for order in orders if not self._finals.get(order.id)]

    def doubled(self) -> list[str]:
        """The ids of commands with more than one final result."""
        with self._lock:
            return [id for id, finals in self._finals.items() if len(finals) > 1]

    def statuses(self) -> Counter[str]:
        """How often each final status was heard."""
        with self._lock:
            return Counter(each["status"] for finals in self._finals.values() for each in finals)

    def twice(self) -> list[str]:
        """The ids of commands that a device was given more than once."""
        times = Counter(mark for _, mark in self._applied)
        return [order.id for order in self.orders.values() if times[order.mark] > 1]

    def late(self) -> list[str]:
        """The ids of commands that reached their device after their time to live."""
        by_mark = {order.mark: order for order in self.orders.values()}
        found = [(at, by_mark[mark]) for at, mark in self._applied if mark in by_mark]
        return [order.id for at, order in found if at > order.at + order.ttl + _MARGIN]

    def belied(self) -> list[str]:
        """The ids of commands that were called refused or expired, and reached their device."""
        marks = {mark for _, mark in self._applied}
        return [
            id
            for id, order in self.orders.items()
            for final in self._finals.get(id, ())
            if order.mark in marks and final["stage"] == "refused"
        ]

    def verdict(self, *, results_since: float = 0.0) -> dict[str, list[str]]:
        """Every broken promise with its cases; empty when all were kept.

        A command from before `results_since` may be without result: the broker that should have
        passed it on died.
        """
        found = {
            "backwards": self.backwards(),
            "more than one result": self.doubled(),
            "carried out twice": self.twice(),
            "carried out late": self.late(),
            "refused and carried out": self.belied(),
            "no result": self.without_result(results_since),
        }
        return {promise: cases for promise, cases in found.items() if cases}


def wrong_states(load: Load, retained: Mapping[str, bytes], base: str = "shelly") -> list[str]:
    """The devices of a load whose retained value is older than what they emitted last.

    A newer one is right as well: an outlet that is on counts by itself.
    """
    wrong = []
    for device in load.devices:
        topic = f"{base}/{device.hex_id}/relay/0"
        energy = counted_energy(topic, retained.get(topic, b""))
        if energy is None or energy < load.number(device) / 1000 - 1e-6:
            wrong.append(device.hex_id)
    return wrong


class Listener:
    """A lasting subscriber: connects again for ever, and tells a judge all that it hears.

    A context manager with a thread of its own. Every connection has a fresh client, so that no
    state survives in it. `heard` has every message in order, `values` the newest payload of each
    topic since the latest connection. At QoS 0 a broker drops nothing for a listener that is slow.
    """

    def __init__(
        self,
        port: int,
        *filters: str,
        judge: Judge | None = None,
        name: str = "listener",
        qos: int = 0,
        keepalive: int = 5,
    ) -> None:
        self.name = name
        self.heard: list[Heard] = []
        self.values: dict[str, bytes] = {}
        self.connections = 0
        self.subscribed = threading.Event()
        """Set while the broker has confirmed the subscription."""
        self._port = port
        self._filters = filters
        self._judge = judge
        self._qos = qos
        self._keepalive = keepalive
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join(10)

    def since(self, at: float) -> list[Heard]:
        """What was heard since a monotonic time."""
        return [each for each in list(self.heard) if each.at >= at]

    def _run(self) -> None:
        while not self._done.is_set():
            client = self._make()
            with suppress(OSError, ValueError):  # a broker in trouble may send anything
                client.connect("127.0.0.1", self._port, self._keepalive)
                while not self._done.is_set():
                    if client.loop(0.1) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                        break
            self.subscribed.clear()
            client.disconnect()
            client._reset_sockets()  # paho leaves its own wake-up sockets to the collector
            self._done.wait(0.1)

    def _make(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = 2.0
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: Client, _data: object, _flags: object, code: Any, _: Any) -> None:
        if not code.is_failure:
            self.connections += 1
            self.values.clear()
            client.subscribe([(text, self._qos) for text in self._filters])

    def _on_subscribe(self, _client: Client, _data: object, _id: int, _codes: Any, _: Any) -> None:
        self.subscribed.set()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        at = time.monotonic()
        self.values[message.topic] = payload
        self.heard.append(Heard(at, self.connections, message.topic, payload, message.retain))
        if self._judge is not None:
            self._judge.heard(self.name, message.topic, payload)
