"""The scene of a measurement: broker, simulated cloud, subscriber, and what is under test.

Broker, cloud and subscriber share this process's CPU; each thing under test is a process of its
own on the other one.
"""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.base_process import TOPIC as BASE_TOPIC
from benchmarks.feed import Feed, Order, Source, Tally
from benchmarks.payloads import Payload
from benchmarks.processes import Child
from benchmarks.subscriber import Subscriber
from bridge import config
from bridge.config.example import render
from bridge.core.model import DeviceId, Grant
from bridge.simulator.cloud import SOCKET_PATH
from bridge.simulator.devices.base import Device
from bridge.simulator.wire import Wire
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import MosquittoProcess

SIDES = ("bridge", "base")
BRIDGE, BASE = SIDES

MODEL = "SNSW-001P16EU"
"""What the devices are when the bridge asks; their events may be those of another model."""

_BRIDGE_TOPIC = "shelly"
_READY_LIMIT = 60.0
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
    publications: int
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

    `devices` is the number for each side and payload; they are spread over `hosts` hosts.
    """

    def __init__(
        self, cpu: int, *, hosts: int = 1, devices: int = 0, payloads: Sequence[Payload] = ()
    ) -> None:
        self._cpu = cpu
        self._stack = ExitStack()
        self.hosts = {
            side: [f"shelly-{number}-{side}.shelly.cloud" for number in range(1, hosts + 1)]
            for side in SIDES
        }
        self.broker = MosquittoProcess(_BROKER)
        self._world = World([name for side in SIDES for name in self.hosts[side]])
        self._devices: dict[str, list[Device]] = {side: [] for side in SIDES}
        self._sources: dict[tuple[str, str], list[Source]] = {}
        for side in SIDES:
            for payload in payloads:
                self._sources[side, payload.name] = [
                    self._source(side, self.hosts[side][number % hosts], payload)
                    for number in range(devices)
                ]
        self.feed = Feed(source for sources in self._sources.values() for source in sources)

    def _source(self, side: str, host: str, payload: Payload) -> Source:
        device = self._world.add_device(MODEL, host)
        self._devices[side].append(device)
        if side == BRIDGE:
            topics = [f"{_BRIDGE_TOPIC}/{device.hex_id}/{place}" for place in payload.topics()]
        else:
            topics = [f"{BASE_TOPIC}/{device.id}/{key}" for key in payload.components]
        return Source(
            wire=lambda: self._wire(device),
            topics=tuple(topic.encode() for topic in topics),
            whole=payload.frame(device.id, whole=True),
            single=payload.frame(device.id, whole=False),
        )

    def _wire(self, device: Device) -> Wire | None:
        audience = self._world.host(device.host).audience(device)
        return next((wire for wire, _ in audience), None)

    def __enter__(self) -> Self:
        try:
            self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            self._stack.enter_context(self.broker)
            self._stack.enter_context(self._world)
            self._settings = {BRIDGE: self._configure_bridge(), BASE: self._configure_base()}
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
        with Child(f"{side}_process", self._cpu, [str(self._settings[side])]) as child:
            yield child

    def wait_ready(self, side: str, child: Child) -> None:
        """Wait until every host is connected and nothing is published any more."""

        def ready() -> bool:
            child.check()
            hosts = [self._world.host(name) for name in self.hosts[side]]
            asked = sum(len(host.counters.settings_asked) for host in hosts)
            wanted = len(self._devices[side]) if side == BRIDGE else 0
            return all(host.counters.open_now for host in hosts) and asked >= wanted

        _wait(ready, _READY_LIMIT, f"{side} is ready")
        for device in self._devices[side]:
            _send_at_once(self._wire(device))
        _wait(
            lambda: time.monotonic() - self.feed.last_heard > _QUIET, _READY_LIMIT, f"{side} rests"
        )

    def _configure_bridge(self) -> Path:
        world = self._world
        token, file = self._directory / "token", self._directory / "config.yaml"
        values = {
            "mqtt.host": "127.0.0.1",
            "mqtt.port": str(self.broker.port),
            "mqtt.base_topic": _BRIDGE_TOPIC,
            "integrator.tag": world.tag,
            "integrator.token_file": str(token),
            # The grants name the hosts; without any, the configuration has to.
            "integrator.hosts": "" if self._devices[BRIDGE] else ",".join(self.hosts[BRIDGE]),
            "integrator.api_url": world.api_url,
            "integrator.wss_port": str(world.port),
            "integrator.ca_file": str(world.ca_file),
            "integrator.trust_key_file": str(world.trust_key_file),
            "web.public.listen": "127.0.0.1:0",
            "web.public.url": "http://127.0.0.1",
            "web.admin.listen": "127.0.0.1:0",
            "data_dir": str(self._directory / "data"),
        }
        for path, text in ((token, world.token), (file, render(values))):
            path.touch(mode=0o600)
            path.write_text(text)
        with Store.open(config.load(file, {}).data_dir, exclusive=True) as store:
            for device in self._devices[BRIDGE]:
                store.put_grant(_grant(device), at=time.time())
        return file

    def _configure_base(self) -> Path:
        world = self._world
        settings = {
            "mqtt_port": self.broker.port,
            "cloud_port": world.port,
            "ca_file": str(world.ca_file),
            "path": f"{SOCKET_PATH}?t={world.tokens.issue({'itg': world.tag})}",
            "hosts": self.hosts[BASE],
        }
        file = self._directory / "base.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(settings))
        return file

    def _subscribe(self) -> None:
        ready = threading.Event()
        tasks: list[asyncio.Task[object]] = []

        def connect() -> None:
            loop = asyncio.get_running_loop()
            subscriber = Subscriber(self.feed.hear, self.feed.flush, ready.set)
            connecting = loop.create_connection(lambda: subscriber, "127.0.0.1", self.broker.port)
            tasks.append(loop.create_task(connecting))

        self._world.soon(connect)
        if not ready.wait(_READY_LIMIT):
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
            _wait(lambda: tally().answered >= warm, _READY_LIMIT, f"{child.name} works")
            begin, events, publications, cpu = _now(child, tally())
            time.sleep(seconds)
            end, events_then, publications_then, cpu_then = _now(child, tally())
        return Segment(
            end - begin, events_then - events, publications_then - publications, cpu_then - cpu
        )

    @contextmanager
    def loaded(self, order: Order) -> Iterator[Callable[[], Tally]]:
        """Send an order, and in the end wait until all of it was answered."""
        self._in_loop(lambda: self.feed.begin(order))
        try:
            yield lambda: self.feed.tally
        finally:
            self._in_loop(self.feed.end)
        if not order.flood:
            _wait(lambda: self.feed.under_way == 0, _DRAIN_LIMIT, "every event was published")

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

        self._world.soon(run)
        if not done.wait(_DRAIN_LIMIT):
            raise RuntimeError("the simulated cloud hangs")


def _send_at_once(wire: Wire | None) -> None:
    """Switch Nagle's delay off; asyncio does that only for sockets that it made itself."""
    if wire is not None:
        connection = wire._transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _now(child: Child, tally: Tally) -> tuple[float, int, int, float]:
    return time.monotonic(), tally.answered, tally.publications, child.cpu()


def _wait(condition: Callable[[], bool], limit: float, what: str) -> None:
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {limit:.0f} s: {what}")
        time.sleep(_LOOK)


def _grant(device: Device) -> Grant:
    names = tuple(device.identity.names)
    return Grant(
        DeviceId(device.hex_id), device.host, device.code, device.identity.type, names, control=True
    )
