"""From the start of the process to its first publication, and to the last one of all devices."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median

from benchmarks.plan import Plan
from benchmarks.processes import Child
from benchmarks.report import Line, Table
from benchmarks.stage import BASE, BRIDGE, Stage, wait

_FIRST_LIMIT = 15.0
_FULL_STARTS = 2
"""The first start has an empty registry, the next one knows what it published."""


@dataclass(slots=True)
class _Times:
    """Seconds, for each start: since the process began, and since the cloud could answer."""

    from_start: list[float] = field(default_factory=list)
    from_cloud: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """CPU time until then."""

    def add(self, begin: float, asked: float, end: float, cpu: float) -> None:
        """The first three in monotonic s."""
        self.from_start.append(end - begin)
        self.from_cloud.append(end - asked)
        self.cpu.append(cpu)


def start(cpu: int, plan: Plan) -> Table:
    """With one device, and with many.

    The cloud's first answer could come when the bridge asks for its access token; the bare loop
    has its token already, so that its first answer could come when its connection is open.
    """
    table = Table(
        "Start: seconds to the first and to the last publication",
        (
            *("", "devices", "first, from start", "from cloud", "CPU s until then"),
            *("all, from start", "from cloud"),
        ),
    )
    payload = plan.payloads[0]
    times = {BASE: _Times(), BRIDGE: _Times()}
    with Stage(cpu, devices=1, payloads=(payload,)) as stage:
        for _ in range(plan.pairs):
            times[BASE].add(*_first_of_base(stage))
            times[BRIDGE].add(*_first_of_bridge(stage))
    for side, each in times.items():
        values = (each.from_start, each.from_cloud, each.cpu)
        cells = (f"{median(value):.2f}" for value in values)
        table.rows.append((side, "1", *cells, "", ""))
        table.figures[side] = {
            "from_start_s": each.from_start,
            "from_cloud_s": each.from_cloud,
            "cpu_s": each.cpu,
        }
    bridge = times[BRIDGE]
    table.lines = [
        Line("first publication, from the start", median(bridge.from_start), "s", at_most=0.4),
        Line("the same from the first answer", median(bridge.from_cloud), "s", at_most=0.4),
    ]
    _add_full(table, cpu, plan)
    return table


def _add_full(table: Table, cpu: int, plan: Plan) -> None:
    with Stage(cpu, sides=(BRIDGE,), idle=plan.many) as stage:
        for number in range(_FULL_STARTS):
            begin = time.monotonic()
            with stage.run(BRIDGE) as child:
                stage.wait_ready(BRIDGE, child)
                asked, census = _asked(stage), stage.census
            assert census.first is not None
            name = "bridge, again" if number else "bridge, first time"
            ends = (census.first, census.newest)
            first, last = ([f"{end - since:.2f}" for since in (begin, asked)] for end in ends)
            table.rows.append((name, f"{plan.many:,}", *first, "", *last))
            table.figures[f"{name}, {plan.many} devices"] = {
                "topics": len(census),
                "first_and_last_from_start_s": [end - begin for end in ends],
                "first_and_last_from_cloud_s": [end - asked for end in ends],
            }
            table.lines.append(
                Line(
                    f"{name}: all {len(census):,} topics of {plan.many:,} devices, from the start",
                    census.newest - begin,
                    "s",
                )
            )


def _asked(stage: Stage) -> float:
    """When the newest request for a token came (monotonic s)."""
    return stage.world.api.counters.token_requests[-1]


def _first_of_bridge(stage: Stage) -> tuple[float, float, float, float]:
    begin = time.monotonic()
    with stage.run(BRIDGE) as child:
        end = _first(stage, child)
        return begin, _asked(stage), end, child.cpu()


def _first_of_base(stage: Stage) -> tuple[float, float, float, float]:
    order = stage.order(BASE, stage.payloads[0])
    begin = time.monotonic()
    with stage.run(BASE) as child:

        def sent() -> bool:
            """The bridge asks for the state by itself, the bare loop has to be told."""
            child.check()
            return stage.send_once(order)

        wait(sent, _FIRST_LIMIT, "base is connected")
        opened = stage.world.host(stage.hosts[BASE][0]).counters.opened[-1]
        return begin, opened, _first(stage, child), child.cpu()


def _first(stage: Stage, child: Child) -> float:
    """When the first topic of a device was heard (monotonic s)."""

    def heard() -> bool:
        child.check()
        return stage.census.first is not None

    wait(heard, _FIRST_LIMIT, f"{child.name} publishes something")
    assert stage.census.first is not None
    return stage.census.first
