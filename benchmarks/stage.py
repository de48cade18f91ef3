"""The scene of a measurement: broker, simulated cloud, subscriber, and what is under test.

Broker, cloud and subscriber share this process's CPU; each thing under test is a process of its
own on the other one.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.base_process import TOPIC as BASE_TOPIC
from benchmarks.census import Census
from benchmarks.feed import Feed, Order, Source, Tally
from benchmarks.payloads import Payload
from benchmarks.processes import Child
from benchmarks.settings import BRIDGE_TOPIC, for_base, for_bridge
from benchmarks.subscriber import Subscriber
from bridge.simulator.devices.base import Device
from bridge.simulator.wire import Wire
from bridge.simulator.world import World
from tests.brokers import MosquittoProcess

SIDES = ("bridge", "base")
BRIDGE, BASE = SIDES

MODEL = "SNSW-001P16EU"
"""What the devices are when the bridge asks; their events may be those of another model."""

READY_LIMIT = 60.0
"""Seconds until a side must be ready."""
_STATE = "relay/"
_QUIET = 0.7
_DRAIN_LIMIT = 10.0
_LOOK = 0.02

# A slow subscriber must not lose anything, and nothing must be held back for it.
_BROKER = "max_queued_messages 0\nmax_inflight_messages 0\n"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time under load."""

    seconds: float
    events: int
    """Those of which every publication was heard."""
    messages: int
    """All that was heard meanwhile."""
    cpu: float
    """CPU time of the process under test (s)."""

    @property
    def rate(self) -> float:
        """Events/s."""
        return self.events / self.seconds

    @property
    def cost(self) -> float:
        """CPU time per event (µs)."""
        return self.cpu / max(self.events, 1) * 1e6

    @property
    def busy(self) -> float:
        """The share of its CPU that the process used."""
        return self.cpu / self.seconds


class Stage:
    """A context manager; both sides have hosts and devices of their own.

    `devices` is the number for each side and payload; they are spread over `hosts` hosts. The
    bridge has `idle` devices besides, which say only what they are asked. Without `web` nothing
    of the bridge listens. `others` are further keys of its configuration.
    """

    def __init__(
        self,
        cpu: int,
        *,
        sides: Sequence[str] = SIDES,
        hosts: int = 1,
        devices: int = 0,
        payloads: Sequence[Payload] = (),
        idle: int = 0,
        web: bool = True,
        others: Mapping[str, str] | None = None,
    ) -> None:
        self._cpu = cpu
        self._web = web
        self._others = others
        self._stack = ExitStack()
        self._sides = sides
        self.payloads = payloads
        self.hosts = {
            side: [f"shelly-{number}-{side}.shelly.cloud" for number in range(1, hosts + 1)]
            for side in sides
        }
        self.broker = MosquittoProcess(_BROKER)
        self.world = World([name for side in sides for name in self.hosts[side]])
        self._devices: dict[str, list[Device]] = {side: [] for side in sides}
        self._sources: dict[tuple[str, str], list[Source]] = {}
        for side in sides:
            for payload in payloads:
                self._sources[side, payload.name] = [
                    self._source(side, self.hosts[side][number % hosts], payload)
                    for number in range(devices)
                ]
        for number in range(idle):
            self._add(BRIDGE, self.hosts[BRIDGE][number % hosts])
        self.census = Census(())
        """What the newest `run` has published, until it was ready."""
        self.feed = Feed(source for sources in self._sources.values() for source in sources)

    @property
    def registry(self) -> Path:
        """The data directory with the bridge's consents."""
        return self._settings[BRIDGE].with_name("data")

    @property
    def granted(self) -> Sequence[Device]:
        """The bridge's devices."""
        return self._devices[BRIDGE]

    def _add(self, side: str, host: str) -> Device:
        device = self.world.add_device(MODEL, host)
        self._devices[side].append(device)
        return device

    def _source(self, side: str, host: str, payload: Payload) -> Source:
        device = self._add(side, host)
        if side == BRIDGE:
            topics = [f"{BRIDGE_TOPIC}/{device.hex_id}/{place}" for place in payload.topics()]
        else:
            topics = [f"{BASE_TOPIC}/{device.id}/{key}" for key in payload.components]
        return Source(
            wire=lambda: self._wire(device),
            topics=tuple(topic.encode() for topic in topics),
            whole=payload.frame(device.id, whole=True),
            single=payload.frame(device.id, whole=False),
        )

    def _wire(self, device: Device) -> Wire | None:
        audience = self.world.host(device.host).audience(device)
        return next((wire for wire, _ in audience), None)

    def __enter__(self) -> Self:
        try:
            directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            self._stack.enter_context(self.broker)
            self._stack.enter_context(self.world)
            self._settings: dict[str, Path] = {}
            if BRIDGE in self._sides:
                self._settings[BRIDGE] = for_bridge(
                    directory,
                    self.world,
                    self.broker.port,
                    hosts=self.hosts[BRIDGE],
                    devices=self._devices[BRIDGE],
                    web=self._web,
                    others=self._others,
                )
            if BASE in self._sides:
                self._settings[BASE] = for_base(
                    directory, self.world, self.broker.port, self.hosts[BASE]
                )
            self._subscribe()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    # The processes under test.

    @contextmanager
    def run(self, side: str) -> Iterator[Child]:
        """Start one side; it need not be ready yet."""
        names = [device.hex_id if side == BRIDGE else device.id for device in self._devices[side]]
        # What the bridge says of a device before it has heard of it does not count as the first.
        state = _STATE if side == BRIDGE else ""
        self.census = self.feed.census = Census(names, state)
        with Child(f"{side}_process", self._cpu, [str(self._settings[side])]) as child:
            yield child

    @contextmanager
    def ready(self, side: str, limit: float = READY_LIMIT) -> Iterator[Child]:
        """Start one side and wait until it is ready, at most `limit` s."""
        with self.run(side) as child:
            self.wait_ready(side, child, limit)
            yield child

    def wait_open(self, side: str, child: Child, limit: float = READY_LIMIT) -> None:
        """Wait until every host is connected."""
        hosts = [self.world.host(name) for name in self.hosts[side]]

        def all_open() -> bool:
            child.check()
            return all(host.counters.open_now for host in hosts)

        wait(all_open, limit, f"{side} is connected to all hosts")

    def wait_ready(self, side: str, child: Child, limit: float = READY_LIMIT) -> None:
        """Wait until every device of the newest `run` is published, and nothing new comes."""
        self.wait_open(side, child, limit)
        census = self.census

        def complete() -> bool:
            child.check()
            quiet = time.monotonic() - census.newest > _QUIET
            return quiet and (side == BASE or census.complete)

        wait(complete, limit, f"{side} has published all its devices")
        self.feed.census = None
        wires = {self._wire(device) for device in self._devices[side]}
        for wire in wires:
            _send_at_once(wire)

    def _subscribe(self) -> None:
        ready = threading.Event()
        loop_only: list[asyncio.Task[tuple[asyncio.Transport, Subscriber]]] = []

        def connect() -> None:
            loop = asyncio.get_running_loop()
            subscriber = Subscriber(self.feed.hear, self.feed.flush, ready.set)
            connecting = loop.create_connection(lambda: subscriber, "127.0.0.1", self.broker.port)
            loop_only.append(loop.create_task(connecting))

        self._stack.callback(lambda: self._in_loop(lambda: loop_only[0].result()[0].abort()))
        self.world.soon(connect)
        if not ready.wait(READY_LIMIT):
            raise RuntimeError("the subscriber was not served")

    # Load.

    def order(
        self,
        side: str,
        payload: Payload,
        *,
        whole: bool = True,
        rate: float | None = None,
        flood: bool = False,
    ) -> Order:
        """Events of all devices of a side with this payload."""
        sources = self._sources[side, payload.name]
        wanted = len(payload.components) if whole else 1
        return Order(sources, whole, wanted, rate, flood)

    def measure(self, child: Child, order: Order, seconds: float) -> Segment:
        """Load a side; the first two events of each device do not count."""
        with self.loaded(order) as tally:
            warm = 2 * len(order.sources)
            wait(lambda: tally().answered >= warm, READY_LIMIT, f"{child.name} works")
            begin, events, messages, cpu = _now(child, tally())
            time.sleep(seconds)
            end, events_then, messages_then, cpu_then = _now(child, tally())
        return Segment(end - begin, events_then - events, messages_then - messages, cpu_then - cpu)

    @contextmanager
    def loaded(self, order: Order, drain: float = _DRAIN_LIMIT) -> Iterator[Callable[[], Tally]]:
        """Send an order, and in the end wait until all of it was answered, at most `drain` s."""
        self._in_loop(lambda: self.feed.begin(order))
        try:
            yield lambda: self.feed.tally
        finally:
            self._in_loop(self.feed.end)
        if not order.flood:
            wait(lambda: self.feed.under_way == 0, drain, "every event was published")

    def in_order(self, order: Order) -> int:
        """How many devices' newest event is the one that was heard last on every topic."""
        full = (1 << order.wanted) - 1
        return sum(source.seen == full for source in order.sources)

    def send_once(self, order: Order) -> bool:
        """Send one event of the first device, as soon as its host is connected."""
        source = order.sources[0]
        sent: list[bool] = []

        def send() -> None:
            wire = source.wire()
            if wire is not None:
                wire.send(source.next(source.whole))
            sent.append(wire is not None)

        self._in_loop(send)
        return sent[0]

    def _in_loop(self, act: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            act()
            done.set()

        self.world.soon(run)
        if not done.wait(_DRAIN_LIMIT):
            raise RuntimeError("the simulated cloud hangs")


def _send_at_once(wire: Wire | None) -> None:
    """Switch Nagle's delay off; asyncio does that only for sockets that it made itself."""
    if wire is not None:
        connection = wire._transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _now(child: Child, tally: Tally) -> tuple[float, int, int, float]:
    return time.monotonic(), tally.answered, tally.messages, child.cpu()


def wait(condition: Callable[[], bool], limit: float, what: str) -> None:
    """Wait until something is true; raises `RuntimeError` when that takes too long."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {limit:.0f} s: {what}")
        time.sleep(_LOOK)
