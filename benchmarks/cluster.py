"""Many devices over many hosts, which three bridges share by one registry in PostgreSQL.

All three have both CPUs, one of which they share with cloud, broker, subscriber and PostgreSQL.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.census import Census
from benchmarks.feed import Order
from benchmarks.plan import Plan
from benchmarks.processes import Child, cpu_of
from benchmarks.report import Line, Table, percentile
from benchmarks.settings import for_instance
from benchmarks.stage import BRIDGE, Stage, wait
from bridge.store.copying import copy
from tests.postgres import PostgresServer

INSTANCES = ("one", "two", "three")
_READY_FIRST = 60.0
_READY_EACH = 0.006
"""How long until all devices are published: for the start and for each device (s)."""
_SETTLE_FIRST = 30.0
_SETTLE_EACH = 0.005
_FIRST_EVENTS = 300.0
"""First events a second of all devices: each is dear, as it tells of parts that were not known."""
_REST = 0.5
"""Less of a core than that used by all bridges is rest, too."""
_DRAIN = 60.0
_LOOK = 2.0
_QUIET = 50
"""Fewer messages than that within a look are rest."""
_SERVED_LIMIT = 60.0
_LAG = 1_000.0
"""ms that one event in a hundred may take longer than."""
_SERVED = 15.0
"""Seconds within which the others serve what a killed one had."""


class _Roll(Census):
    """Counts the devices of which a state was heard: cheap, however many there are."""

    def __init__(self, devices: int) -> None:
        super().__init__(())
        self._expected = devices
        self._heard: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._heard)

    def hear(self, topic: bytes) -> None:
        """See `Census`."""
        name = topic[7:19]
        if topic[19:26] == b"/relay/" and name not in self._heard:
            self._heard.add(name)
            self.newest = time.monotonic()

    @property
    def complete(self) -> bool:
        """See `Census`."""
        return len(self._heard) >= self._expected


@dataclass(frozen=True, slots=True)
class _Used:
    """CPU time so far (s), by whom."""

    at: float
    bridges: tuple[float, ...]
    broker: float
    postgres: float
    cloud: float
    """The simulated cloud and the subscriber."""

    def shares(self, then: _Used) -> tuple[float, float, float, float]:
        """Of one CPU since then: all bridges, broker, PostgreSQL, cloud."""
        passed = self.at - then.at
        return (
            (sum(self.bridges) - sum(then.bridges)) / passed,
            (self.broker - then.broker) / passed,
            (self.postgres - then.postgres) / passed,
            (self.cloud - then.cloud) / passed,
        )


def cluster(cpu: int, plan: Plan) -> Table:
    """Lag, CPU and memory at a steady rate, and a bridge that is killed under it."""
    table = Table(
        f"Three bridges, {plan.cluster_hosts} hosts, each device one status of 1 kB in "
        f"{plan.cluster_every:.0f} s (CPU: share of one core)",
        (
            *("devices", "topics changed", "events/s", "lag p50 ms", "p99", "longest"),
            *("bridges' CPU", "broker's", "PostgreSQL's", "cloud's", "MB of each bridge"),
        ),
    )
    for devices in plan.cluster_devices:
        try:
            _with_devices(table, cpu, plan, devices)
        except RuntimeError as error:
            if not table.rows:
                raise
            # What took so long to measure is not thrown away.
            _show(f"{devices:,} devices: not measured any further: {error}")
            table.notes.append(f"{devices:,} devices: not measured any further: {error}.")
    return table


def _with_devices(table: Table, cpu: int, plan: Plan, devices: int) -> None:
    payload = plan.payloads[0]
    cpus = sorted({cpu, *os.sched_getaffinity(0)})
    with (
        PostgresServer(durable=True) as postgres,
        Stage(
            cpu,
            sides=(BRIDGE,),
            hosts=plan.cluster_hosts,
            devices=devices,
            payloads=(payload,),
        ) as stage,
        _quiet_memory(),
        _running(stage, postgres, cpus, plan) as bridges,
    ):
        begin = time.monotonic()
        _wait_roll(stage, bridges, devices)
        _show(f"{devices:,} devices are published")
        table.notes.append(
            f"{devices:,} devices: all published {time.monotonic() - begin:.0f} s after the "
            f"start, with {sum(bridge.cpu() for bridge in bridges):.0f} s of CPU."
        )
        rate = devices / plan.cluster_every
        first = min(rate, _FIRST_EVENTS)
        _settle(stage, stage.order(BRIDGE, payload, rate=first, flood=True), bridges)
        _show("all that follows is told")
        for whole in (False, True):
            order = stage.order(BRIDGE, payload, whole=whole, rate=rate)
            _steady(table, stage, postgres, bridges, order, plan, devices)
        _killed(table, stage, bridges, devices)


@contextmanager
def _quiet_memory() -> Iterator[None]:
    """Collections of this process's many objects would hold up the cloud."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


@contextmanager
def _running(
    stage: Stage, postgres: PostgresServer, cpus: Sequence[int], plan: Plan
) -> Iterator[list[Child]]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        copy(stage.registry, postgres.address, replace=False)
        stage.feed.census = _Roll(len(stage.granted))
        bridges = []
        for name in INSTANCES:
            own = directory / name
            own.mkdir(mode=0o700)
            config = for_instance(
                own,
                stage.world,
                stage.broker.port,
                name=name,
                database=postgres.address,
                max_hosts=plan.cluster_hosts,
            )
            bridges.append(stack.enter_context(Child("bridge_process", cpus, [str(config)])))
        yield bridges


def _wait_roll(stage: Stage, bridges: Sequence[Child], devices: int) -> None:
    roll = stage.feed.census
    assert roll is not None

    def complete() -> bool:
        for bridge in bridges:
            bridge.check()
        return roll.complete

    limit = _READY_FIRST + _READY_EACH * devices
    try:
        wait(complete, limit, "all devices are published")
    except RuntimeError as error:
        raise RuntimeError(f"{error}; {len(roll)} of {devices} are") from None
    stage.feed.census = None


def _settle(stage: Stage, order: Order, bridges: Sequence[Child]) -> None:
    """Send every device's first event, and wait until all that follows from it was told as well.

    Home Assistant is told of each device's channels, at a limited rate.
    """
    assert order.rate is not None
    with stage.loaded(order):
        time.sleep(len(order.sources) / order.rate)
    end = time.monotonic() + _SETTLE_FIRST + _SETTLE_EACH * len(order.sources)
    messages, used, busy = 0, 0.0, True
    while busy or stage.feed.tally.messages - messages >= _QUIET:
        if time.monotonic() > end:
            raise RuntimeError("the bridges do not come to rest")
        messages, used = stage.feed.tally.messages, sum(bridge.cpu() for bridge in bridges)
        time.sleep(_LOOK)
        busy = sum(bridge.cpu() for bridge in bridges) - used >= _REST * _LOOK


def _show(text: str) -> None:
    """Tell how far it is: a run takes half an hour."""
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def _steady(
    table: Table,
    stage: Stage,
    postgres: PostgresServer,
    bridges: Sequence[Child],
    order: Order,
    plan: Plan,
    devices: int,
) -> None:
    with stage.loaded(order, _DRAIN) as tally:
        # What the round before has left over is not of this one.
        time.sleep(plan.cluster_every)
        first, before = len(tally().delays), _used(stage, postgres, bridges)
        time.sleep(plan.cluster_time)
        now = tally()
        delays, after = now.delays[first:], _used(stage, postgres, bridges)
    lost = now.late + now.unread
    lags = [delay * 1e3 for delay in delays]
    found = [percentile(lags, percent) for percent in (50, 99)] + [max(lags, default=0.0)]
    shares = after.shares(before)
    memory = [bridge.memory() for bridge in bridges]
    rate = len(delays) / (after.at - before.at)
    table.rows.append(
        (
            *(f"{devices:,}", f"{order.wanted}", f"{rate:,.0f}"),
            *(f"{lag:.1f}" for lag in found),
            *(f"{share:.2f}" for share in shares),
            ", ".join(f"{each:.0f}" for each in memory),
        )
    )
    what = f"{devices:,} devices, {order.wanted} of {len(plan.payloads[0].components)} change"
    table.lines += [
        Line(f"{what}: lag p99", found[1], "ms", at_most=_LAG),
        Line(f"{what}: events left out", lost / max(now.sent + lost, 1), "of all", at_most=0.001),
    ]
    _show(f"{what}: {table.rows[-1]}")
    table.figures[what] = {
        **{"events_per_s": rate, "p50_ms": found[0], "p99_ms": found[1], "longest_ms": found[2]},
        **{"cpu": shares, "cpu_of_bridges": after.bridges, "mb": memory, "left_out": lost},
    }


def _killed(table: Table, stage: Stage, bridges: Sequence[Child], devices: int) -> None:
    """The first bridge dies; the others serve its hosts, and publish its devices anew."""
    hosts = [stage.world.host(name) for name in stage.hosts[BRIDGE]]
    stage.feed.census = roll = _Roll(devices)
    bridges[0].kill()
    begin = time.monotonic()

    def all_open() -> bool:
        return all(host.counters.open_now for host in hosts)

    # Until their connections are seen to have ended, all seem to be served.
    wait(lambda: not all_open(), _SERVED_LIMIT, "the cloud sees that a bridge was killed")
    missing = sum(not host.counters.open_now for host in hosts)
    wait(all_open, _SERVED_LIMIT, "every host is served again")
    served = time.monotonic() - begin
    moved = devices // len(hosts) * missing
    wait(lambda: len(roll) >= moved, _READY_FIRST + _READY_EACH * devices, "its devices are there")
    whole = roll.newest - begin
    stage.feed.census = None
    table.lines.append(
        Line(f"{devices:,} devices: all hosts served after a kill", served, "s", at_most=_SERVED)
    )
    table.notes.append(
        f"{devices:,} devices, one bridge of three killed: its {missing} hosts were served again "
        f"{served:.1f} s later, {moved:,} devices were published anew {whole:.0f} s later."
    )
    table.figures[f"{devices:,} devices, one killed"] = {"served_s": served, "published_s": whole}


def _used(stage: Stage, postgres: PostgresServer, bridges: Sequence[Child]) -> _Used:
    return _Used(
        time.monotonic(),
        tuple(bridge.cpu() for bridge in bridges),
        cpu_of(stage.broker.pid),
        sum(map(_cpu_or_none, (postgres.pid, *_children(postgres.pid)))),
        time.process_time(),
    )


def _children(process: int) -> Sequence[int]:
    children = Path(f"/proc/{process}/task/{process}/children")
    return [int(number) for number in children.read_text().split()]


def _cpu_or_none(process: int) -> float:
    try:
        return cpu_of(process)
    except OSError:
        # It has ended meanwhile.
        return 0.0
