"""The soak: the bridge under load for a long time, while everything around it goes wrong at random.

`make soak` runs it for half an hour at 1,000 events a second with 500 devices; `SOAK_SECONDS` and
`SOAK_RATE` say it otherwise. Among all other tests it takes seconds, at 200 a second. Meanwhile the
broker is killed and comes back empty, or is stopped for a while; cloud hosts cut their connections,
or hang with the connection open; and commands come all along. What goes wrong when is drawn from a
printed seed, which `FAULTS_SEED` gives again.

What must hold: no topic ever goes backwards, and each is right in the end; each command has one
final result at most, and exactly one if the broker lived meanwhile; no toggle is carried out twice,
none late; memory, file descriptors and threads stay as they are; and the log has no more lines than
there were changes. Every second is a line of `soak.csv` in the test's directory.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bridge.simulator.cloud import Host
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from tests.brokers import MosquittoProcess, Peer, wait_until
from tests.faults.judge import wrong_states
from tests.faults.scale import LONG, scaled, seed, show
from tests.faults.soak_rig import Command, Listener, Sample, slope, written
from tests.system.process import BridgeProcess
from tests.system.rig import HOSTS, store_grants, write_config

RELAY = "SNSW-001P16EU"
SECONDS = float(os.environ.get("SOAK_SECONDS", scaled(12, 1_800)))
RATE = float(os.environ.get("SOAK_RATE", scaled(200, 1_000)))
DEVICES = int(scaled(60, 500))
COMMAND_RATE = scaled(10, 5)
TIME_TO_LIVE = 10.0
"""Of a command (s), as configured by default."""
SETTLED = 27.0
"""A command has its final result by then (s): its turn, its answer and the new state have a limit
each."""
WARM = min(300.0, SECONDS / 4)
"""What comes before (s) does not count for memory; all that is long goes wrong at once in it."""
STORMS = 4 if SECONDS >= 900 else 0
"""How often that happens: memory is highest while everything comes again, and stays there."""
EXTRA = 200 if STORMS else 0
"""Devices that flood the bridge meanwhile."""
SLOPE = 1.0
"""MiB an hour."""
GROWTH = 10.0
"""MiB, where the time is too short for a slope."""
OUTAGE_LINES = 3
"""What the log may say of one outage: that it began, why it lasts, and that it is over."""
EACH_HOST = 16.0
"""A host that ends its connections faster than this (s) would look like another bridge."""
RETURNS_WITHIN = 30.0


@dataclass
class Soak:
    """One run, driven by one thread that carries out what is due."""

    world: World
    broker: MosquittoProcess
    bridge: BridgeProcess
    listener: Listener
    devices: list[Device]
    flooding: list[Device]
    draw: random.Random
    began: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    killed: list[float] = field(default_factory=list)
    """When the broker died."""
    hangs: list[tuple[str, float, float]] = field(default_factory=list)
    """Hosts, and from when to when they hung."""
    wrong: set[str] = field(default_factory=set)
    """What is wrong now."""
    outages: Counter[str] = field(default_factory=Counter)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0
    _touched: dict[str, float] = field(default_factory=dict)
    _right_since: float = 0.0

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Have something done at a moment (monotonic s)."""
        self._count += 1
        heapq.heappush(self._due, (moment, self._count, act))

    def run(self, seconds: float) -> None:
        """Let it go on for so long, then let everything heal."""
        now = time.monotonic()
        end = now + seconds
        self.at(now, self._sample)
        self.at(now, self._command)
        for number in range(STORMS):
            self.at(now + 1 + number * (EACH_HOST + 4), self._storm)
        self.at(now + 1 + STORMS * (EACH_HOST + 4), self._fault)
        while time.monotonic() < end or self.wrong:
            moment, _, act = heapq.heappop(self._due)
            time.sleep(max(0.0, moment - time.monotonic()))
            act()
            self._look()
            assert self.bridge.running.poll() is None, self.bridge.log[-2_000:]

    def _again(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(time.monotonic() + seconds, act)

    def _look(self) -> None:
        """Delays count only some time after everything was right again."""
        now = time.monotonic()
        if self.wrong:
            self._right_since = now
        self.listener.quiet = now - self._right_since > scaled(1.0, 5.0)

    def hung(self, host: str, begin: float, end: float) -> bool:
        """Whether a host hung at a time: what it had been sent in time it then read late."""
        return any(
            name == host and since <= end and until >= begin for name, since, until in self.hangs
        )

    def _sample(self) -> None:
        self.samples.append(take(self))
        self._again(1.0, self._sample)

    # Commands.

    def _command(self) -> None:
        self._again(1 / COMMAND_RATE, self._command)
        if not self.listener.bridge_online.is_set():
            return
        device = self.draw.choice(self.devices)
        toggle = self.draw.random() < 0.5
        number = len(self.commands)
        state = "TOGGLE" if toggle else self.draw.choice(["ON", "OFF"])
        self.commands.append(Command(number, device, toggle, time.monotonic()))
        text = json.dumps({"state": state, "id": number})
        self.listener.send(f"shelly/{device.hex_id}/relay/0/set", text)

    # Faults.

    def _fault(self) -> None:
        self._again(self.draw.uniform(*(6, 18) if LONG else (1.2, 2.2)), self._fault)
        kinds = [self._kill_broker, self._freeze_broker, self._drop_cloud, self._hang_cloud]
        self.draw.choice(kinds)()

    def _lasts(self, name: str, shortest: float, longest: float, over: Callable[[], None]) -> None:
        self.outages[name.split()[0]] += 1
        self.wrong.add(name)

        def end() -> None:
            over()
            self.wrong.discard(name)

        self._again(self.draw.uniform(shortest, longest), end)

    def _storm(self) -> None:
        """The broker dies and all hosts cut, while as much comes as can."""
        self.world.run_load(None, devices=self.flooding, seconds=3.0, stamp=True)
        self._kill_broker()
        for host in self.world.hosts:
            self._touched[host.name] = time.monotonic()
            self._drop(host)

    def _kill_broker(self) -> None:
        if {"killed broker", "frozen broker"} & self.wrong:
            return
        self.listener.close()
        self.broker.kill()
        self.killed.append(time.monotonic())

        def back() -> None:
            self.broker.start()
            self.listener.connect()

        self._lasts("killed broker", 0.2, scaled(1.0, 10.0), back)

    def _freeze_broker(self) -> None:
        if {"killed broker", "frozen broker"} & self.wrong:
            return
        self.broker.freeze()
        self._lasts("frozen broker", 0.3, scaled(1.0, 10.0), self.broker.thaw)

    def _free_host(self) -> Host | None:
        now = time.monotonic()
        free = [
            host
            for host in self.world.hosts
            if now - self._touched.get(host.name, -EACH_HOST) >= EACH_HOST
        ]
        if not free:
            return None
        host = self.draw.choice(free)
        self._touched[host.name] = now
        return host

    def _drop_cloud(self) -> None:
        host = self._free_host()
        if host is not None:
            self._drop(host)

    def _drop(self, host: Host) -> None:
        opened = len(host.counters.opened)
        host.drop()
        self.outages["dropped"] += 1
        name = f"dropped {host.name}"
        self.wrong.add(name)
        latest = time.monotonic() + RETURNS_WITHIN

        def look() -> None:
            if len(host.counters.opened) > opened:
                self.wrong.discard(name)
                return
            assert time.monotonic() < latest, f"{host.name} was not connected to again"
            self._again(0.1, look)

        look()

    def _hang_cloud(self) -> None:
        host = self._free_host()
        if host is None:
            return
        host.freeze()
        since = time.monotonic()

        def thaw() -> None:
            host.thaw()
            self.hangs.append((host.name, since, time.monotonic()))

        self._lasts(f"hanging {host.name}", 0.3, scaled(1.5, 15.0), thaw)


def take(soak: Soak) -> Sample:
    """The process now."""
    proc = Path(f"/proc/{soak.bridge.running.pid}")
    return Sample(
        round(time.monotonic() - soak.began, 1),
        round(soak.bridge.memory, 3),
        len(os.listdir(proc / "fd")),  # noqa: PTH208 - a process's open files change meanwhile
        len(os.listdir(proc / "task")),  # noqa: PTH208 - as above
        soak.listener.heard,
        "+".join(sorted(name.split()[0] for name in soak.wrong)),
    )


def judge_commands(soak: Soak) -> None:
    """Exactly one result, no toggle twice, nothing late."""
    listener = soak.listener
    assert [number for number, count in listener.finals.items() if count > 1] == []
    unanswered = [
        (command.number, round(command.at - soak.began, 1))
        for command in soak.commands
        if not listener.finals[command.number]
        and not any(command.at - 0.5 <= killed <= command.at + SETTLED for killed in soak.killed)
    ]
    assert unanswered == []
    sent_at = {
        listener.requests[command.number]: command.at
        for command in soak.commands
        if command.number in listener.requests
    }
    for device in soak.devices:
        carried_out = Counter(order.trid for order in device.received)
        toggled = {order.trid for order in device.received if order.params["turn"] == "toggle"}
        assert [trid for trid in toggled if carried_out[trid] > 1] == []
        own = [command for command in soak.commands if command.device is device]
        assert len(toggled) <= sum(command.toggle for command in own)
        late = [
            (round(sent_at[order.trid] - soak.began, 1), round(order.at - sent_at[order.trid], 1))
            for order in device.received
            if order.at - sent_at.get(order.trid, order.at) > TIME_TO_LIVE + 1
            and not soak.hung(device.host, sent_at[order.trid], order.at)
        ]
        assert late == []


def judge_process(soak: Soak, at_first: Sample, first_lines: int) -> None:
    """Memory, descriptors, threads and log."""
    at_last = take(soak)
    assert at_last.descriptors <= at_first.descriptors + 1
    assert at_last.threads <= at_first.threads + 1
    steady = [sample for sample in soak.samples if sample.second >= WARM]
    if SECONDS >= 900:
        assert slope(steady) <= SLOPE
    assert max(sample.memory for sample in steady) - steady[0].memory <= GROWTH
    lines = soak.bridge.log.splitlines()[first_lines:]
    assert "Traceback" not in soak.bridge.log
    assert len(lines) <= OUTAGE_LINES * soak.outages.total(), lines[-50:]


def summary(soak: Soak, lines: int) -> str:
    """What was measured, for people."""
    steady = [sample for sample in soak.samples if sample.second >= WARM]
    memory = [sample.memory for sample in steady]
    delays = sorted(soak.listener.delays)
    answered = sum(bool(count) for count in soak.listener.finals.values())
    text = [
        f"{SECONDS:.0f} s at {RATE:.0f} events/s, {soak.listener.heard} values heard",
        f"outages {dict(soak.outages)}",
        f"commands {len(soak.commands)}, with a final result {answered}, "
        f"{dict(soak.listener.statuses)}",
        f"memory {memory[0]:.1f} MiB warm, {max(memory):.1f} at most, {memory[-1]:.1f} at the end",
        f"descriptors {min(s.descriptors for s in steady)} to {max(s.descriptors for s in steady)}",
        f"threads {min(s.threads for s in steady)} to {max(s.threads for s in steady)}",
        f"log lines {lines}",
    ]
    if SECONDS >= 900:
        text.append(f"slope {slope(steady):+.2f} MiB/h")
    if delays:
        most = delays[int(len(delays) * 0.99)]
        text.append(f"delay p50 {statistics.median(delays):.1f} ms, p99 {most:.1f} ms")
    return "\n".join(text)


@pytest.mark.mosquitto
@pytest.mark.timeout(SECONDS + 180)
def test_it_stays_as_it_is_and_keeps_its_promises(tmp_path: Path) -> None:
    draw = random.Random(seed())  # noqa: S311 - what goes wrong when
    with World(HOSTS) as world, MosquittoProcess() as broker:
        devices = [world.add_device(RELAY, HOSTS[number % 2]) for number in range(DEVICES)]
        flooding = [world.add_device(RELAY, HOSTS[number % 2]) for number in range(EXTRA)]
        store_grants(tmp_path, [*devices, *flooding])
        config = write_config(world, broker.port, tmp_path, reconnect__longest="3")
        with BridgeProcess(config) as bridge:
            soak = Soak(world, broker, bridge, Listener(broker.port), devices, flooding, draw)
            soak.listener.connect()
            wait_until(
                lambda: len(soak.listener.newest) == DEVICES + EXTRA, 60, "all devices are there"
            )
            load = world.run_load(RATE, devices=devices, stamp=True)
            at_first, first_lines = take(soak), len(bridge.log.splitlines())
            with written(tmp_path / "soak.csv", soak.samples):
                soak.run(SECONDS)
                assert load.stop()
                # At QoS 1 the broker drops what a slow listener cannot take.
                with Peer(broker.port, "shelly/+/relay/0", qos=0) as peer:
                    wait_until(
                        lambda: not wrong_states(load, peer.values), 30, "the state is right"
                    )
                pending = time.monotonic() + SETTLED
                while time.monotonic() < pending and not all(
                    soak.listener.finals[command.number] for command in soak.commands
                ):
                    time.sleep(0.1)
            soak.listener.close()
            show(summary(soak, len(bridge.log.splitlines()) - first_lines))
            assert soak.listener.backwards == []
            judge_commands(soak)
            judge_process(soak, at_first, first_lines)
            assert bridge.terminate() == 0
