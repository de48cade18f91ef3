"""Many hosts: all open, dropped at once and back again, and doing nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from benchmarks.plan import Plan
from benchmarks.processes import Child
from benchmarks.report import Line, Table
from benchmarks.stage import BRIDGE, SIDES, Stage, wait

_BACK_LIMIT = 30.0
_AFTERWARDS = 1.0
"""Seconds that still belong to a reconnect, since the bridge tells of it."""
_SETTLE = 3.0


@dataclass(frozen=True, slots=True)
class _Return:
    """After a drop, in s: until the first and the last host was open again; CPU of each."""

    first: float
    last: float
    cpu: float


def reconnect(cpu: int, plan: Plan) -> Table:
    """No host has a device: nothing but connections is measured."""
    hosts = plan.reconnect_hosts
    table = Table(
        f"{hosts} hosts, one TLS context: seconds until all are open, and after all were dropped",
        ("", "open from start", "CPU s until then", "back: first", "last", "CPU ms a reconnect"),
    )
    found: dict[str, list[_Return]] = {}
    opened: dict[str, tuple[float, float]] = {}
    with Stage(cpu, hosts=hosts) as stage:
        for side in SIDES:
            begin = time.monotonic()
            with stage.run(side) as child:
                stage.wait_open(side, child)
                opened[side] = (_newest(stage, side) - begin, child.cpu())
                found[side] = [_drop(stage, side, child, plan.steady) for _ in range(plan.drops)]
            back = found[side]
            cells = (
                *opened[side],
                median(one.first for one in back),
                median(one.last for one in back),
                median(one.cpu for one in back) * 1e3,
            )
            table.rows.append((side, *(f"{cell:.2f}" for cell in cells)))
            table.figures[side] = {
                "open_s": opened[side][0],
                "cpu_until_open_s": opened[side][1],
                "first_s": [one.first for one in back],
                "last_s": [one.last for one in back],
                "cpu_s": [one.cpu for one in back],
            }
    ours = found[BRIDGE]
    table.lines = [
        Line(f"all {hosts} open, from the start", opened[BRIDGE][0], "s", at_most=1),
        Line("CPU per reconnect", median(one.cpu for one in ours) * 1e3, "ms", at_most=2),
        Line("spread of the reconnects", max(o.last - o.first for o in ours), "s", at_most=15),
    ]
    return table


def _newest(stage: Stage, side: str) -> float:
    """When the last one of the hosts was opened (monotonic s)."""
    return max(stage.world.host(name).counters.opened[-1] for name in stage.hosts[side])


def _drop(stage: Stage, side: str, child: Child, steady: float) -> _Return:
    """Cut all connections at once, after they were open for some seconds."""
    hosts = [stage.world.host(name) for name in stage.hosts[side]]
    before, rest_from = child.cpu(), time.monotonic()
    time.sleep(steady)
    idle = (child.cpu() - before) / (time.monotonic() - rest_from)
    used, begin = child.cpu(), time.monotonic()
    for host in hosts:
        host.drop()

    def all_back() -> bool:
        child.check()
        # Until it notices, a connection that was cut still counts.
        return all(host.counters.opened[-1] > begin for host in hosts)

    wait(all_back, _BACK_LIMIT, f"{side} is connected again")
    time.sleep(_AFTERWARDS)
    passed = time.monotonic() - begin
    cost = child.cpu() - used - idle * passed
    times = [host.counters.opened[-1] - begin for host in hosts]
    return _Return(min(times), max(times), cost / len(hosts))


def idle(cpu: int, plan: Plan) -> Table:
    """Every host has a device, and nothing happens."""
    hosts = plan.idle_hosts
    table = Table(
        f"{hosts} hosts with a device each, and nothing happens for {plan.idle:.0f} s",
        ("", "% of a core", "MB"),
    )
    with Stage(cpu, hosts=hosts, devices=hosts, payloads=plan.payloads[:1]) as stage:
        for side in SIDES:
            with stage.ready(side) as child:
                time.sleep(_SETTLE)
                before, begin = child.cpu(), time.monotonic()
                time.sleep(plan.idle)
                share = (child.cpu() - before) / (time.monotonic() - begin) * 100
                table.rows.append((side, f"{share:.2f}", f"{child.memory():.1f}"))
                table.figures[side] = {"percent": share, "mb": child.memory()}
                if side == BRIDGE:
                    table.lines = [Line("CPU with nothing to do", share, "%", at_most=0.3)]
    return table
