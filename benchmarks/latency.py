"""From the cloud's sending to the subscriber's receipt of the event's last publication."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.feed import Order
from benchmarks.plan import LATENCY_RATE, Plan
from benchmarks.processes import Child
from benchmarks.report import Line, Table, added, paired, percentile
from benchmarks.stage import BASE, BRIDGE, Stage

_TOPICS_EACH = 11
"""A device of the scene is published on at least so many topics."""
_READY_LIMIT = 120.0
_PERCENTS = (50, 90, 99)
_NAGLE = 20.0
"""ms; what waits for a delayed acknowledgement is later than that."""


@dataclass(slots=True)
class _Found:
    """Delays (ms) and CPU µs per event, each round's."""

    delays: list[list[float]] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def each(self, percent: int) -> list[float]:
        """A percentile of every round."""
        return [percentile(delays, percent) for delays in self.delays]


def latency(cpu: int, plan: Plan) -> Table:
    """At 200 events/s, without and with many topics of which nothing is heard."""
    payload = plan.payloads[0]
    table = Table(
        f"Latency at {LATENCY_RATE:.0f} events/s of {payload.name}: ms until all is heard",
        ("", "idle topics", "p50", "p90", "p99", "longest", "CPU µs/event"),
    )
    for idle_topics in (0, plan.idle_topics):
        idle = -(-idle_topics // _TOPICS_EACH)
        with (
            Stage(cpu, devices=plan.under_way, payloads=(payload,), idle=idle) as stage,
            stage.ready(BRIDGE, _READY_LIMIT) as bridge,
        ):
            topics = len(stage.census)
            topics -= topics * plan.under_way // (plan.under_way + idle)
            with stage.ready(BASE) as base:
                orders = (
                    ("base, 5 topics", base, stage.order(BASE, payload, rate=LATENCY_RATE)),
                    ("bridge, 5 change", bridge, stage.order(BRIDGE, payload, rate=LATENCY_RATE)),
                    (
                        "bridge, 1 changes",
                        bridge,
                        stage.order(BRIDGE, payload, whole=False, rate=LATENCY_RATE),
                    ),
                )
                _add(table, topics, _rounds(stage, orders, plan))
    return table


def _rounds(
    stage: Stage, orders: Sequence[tuple[str, Child, Order]], plan: Plan
) -> dict[str, _Found]:
    found = {name: _Found() for name, _, _ in orders}
    for number in range(plan.pairs):
        for name, child, order in orders if number % 2 else reversed(orders):
            delays, cost = _delays(stage, child, order, plan.latency)
            found[name].delays.append(delays)
            found[name].costs.append(cost)
    return found


def _add(table: Table, topics: int, found: dict[str, _Found]) -> None:
    for name, each in found.items():
        cells = [median(each.each(percent)) for percent in _PERCENTS]
        longest = max(map(max, each.delays))
        shown = (f"{cell:.2f}" for cell in (*cells, longest))
        table.rows.append((name, f"{topics:,}", *shown, f"{median(each.costs):.0f}"))
        table.figures[f"{name}, {topics} idle topics"] = {
            **{f"p{percent}_ms": each.each(percent) for percent in _PERCENTS},
            "cpu_us_per_event": each.costs,
        }
    ours, theirs = found["bridge, 5 change"], found["base, 5 topics"]
    p50, p90, p99 = (added(ours.each(p), theirs.each(p)) for p in _PERCENTS)
    costs = paired(ours.costs, theirs.costs)
    several = f"{topics:,} idle topics: " if topics else ""
    table.lines += [
        Line(f"{several}added p50", p50, "ms", at_most=0.2),
        Line(f"{several}added p99", p99, "ms", at_most=0.5),
        Line(
            f"{several}p90 (no delayed acknowledgements)",
            median(ours.each(90)),
            "ms",
            at_most=_NAGLE,
        ),
        Line(f"{several}CPU per event", costs, "× base", at_most=1.3),
    ]
    table.figures[f"added, {topics} idle topics"] = {"p50": p50, "p90": p90, "p99": p99}


def _delays(stage: Stage, child: Child, order: Order, seconds: float) -> tuple[list[float], float]:
    """Delays in ms, without the first tenth; and CPU µs per event."""
    with stage.loaded(order) as tally:
        cpu = child.cpu()
        time.sleep(seconds)
        delays = list(tally().delays)
        used = child.cpu() - cpu
        late = tally().late
    if late > len(delays):
        raise RuntimeError(f"{child.name} does not keep up with {LATENCY_RATE:.0f} events/s")
    return [delay * 1e3 for delay in delays[len(delays) // 10 :]], used / len(delays) * 1e6
