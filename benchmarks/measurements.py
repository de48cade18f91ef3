"""The measurements: each gives a table. What is promised is written beside what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.commands import round_trips
from benchmarks.feed import Order
from benchmarks.payloads import PAYLOADS, Payload
from benchmarks.processes import Child
from benchmarks.report import Table, Target, paired, percentile
from benchmarks.stage import BASE, BRIDGE, Segment, Stage

LATENCY_RATE = 200.0
FLOOD_RATE = 2_000.0
"""Events/s; below what either side can read, far above what a broker takes that stands still."""

_UNDER_WAY = 128
"""Devices with one event each under way: enough to keep a process busy."""

_UNDISTURBED = 0.9
"""The share of its CPU that a process gets when nobody else wants it."""

_IDLE_HOSTS = 16
_SETTLE = 2.0
_CATCH_UP_LIMIT = 8.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often; times in s."""

    rounds: int = 5
    segment: float = 0.6
    payloads: tuple[Payload, ...] = PAYLOADS
    latency: float = 2.4
    many: int = 1_000
    outrun: float = 10.0
    idle: float = 10.0
    commands: int = 500


QUICK = Plan(
    rounds=3,
    segment=0.4,
    payloads=PAYLOADS[:1],
    latency=1.2,
    many=200,
    outrun=2.0,
    idle=2.0,
    commands=100,
)


def throughput(cpu: int, plan: Plan) -> Table:
    """Events/s and CPU per event, as many events as are taken."""
    table = Table(
        "Throughput, five topics (µs: CPU time per event; ×: median of the pairs' ratios)",
        (
            *("hosts", "event", "base/s", "µs", "bridge, 5 change/s", "µs", "× base", "CPU ×"),
            *("1 changes/s", "µs", "× base"),
        ),
    )
    ratios: list[tuple[float, float, float]] = []
    for hosts in (1, 16):
        with (
            Stage(cpu, hosts=hosts, devices=_UNDER_WAY, payloads=plan.payloads) as stage,
            stage.run(BRIDGE) as bridge,
            stage.run(BASE) as base,
        ):
            stage.wait_ready(BASE, base)
            stage.wait_ready(BRIDGE, bridge)
            for payload in plan.payloads:
                runs: list[tuple[str, Child, Order]] = [
                    ("all", bridge, stage.order(BRIDGE, payload)),
                    ("base", base, stage.order(BASE, payload)),
                    ("one", bridge, stage.order(BRIDGE, payload, whole=False)),
                ]
                found = _interleaved(stage, runs, plan)
                ratios.append(_throughput_row(table, hosts, payload, found))
    of_all, of_one, costs = zip(*ratios, strict=True)
    worst_all, worst_one, dearest = min(of_all), min(of_one), max(costs)
    table.targets = [
        Target(
            f"all topics change: at least 0.6 × base (lowest {worst_all:.2f})", worst_all >= 0.6
        ),
        Target(f"one of five: at least 1.2 × base (lowest {worst_one:.2f})", worst_one >= 1.2),
        Target(
            f"all topics change: CPU at most 1.6 × base (highest {dearest:.2f})", dearest <= 1.6
        ),
    ]
    return table


def _interleaved(
    stage: Stage, runs: list[tuple[str, Child, Order]], plan: Plan
) -> dict[str, list[Segment]]:
    """All of them in turn, again and again; what others disturbed is measured once more."""
    found: dict[str, list[Segment]] = {name: [] for name, _, _ in runs}
    repeats = plan.rounds
    for number in range(plan.rounds):
        for name, child, order in runs if number % 2 else reversed(runs):
            segment = stage.measure(child, order, plan.segment)
            if segment.busy < _UNDISTURBED and repeats:
                repeats -= 1
                again = stage.measure(child, order, plan.segment)
                segment = max(segment, again, key=lambda segment: segment.busy)
            found[name].append(segment)
    return found


def _throughput_row(
    table: Table, hosts: int, payload: Payload, found: dict[str, list[Segment]]
) -> tuple[float, float, float]:
    rate = {name: [segment.rate for segment in found[name]] for name in found}
    cost = {name: [segment.cost for segment in found[name]] for name in found}
    of_all, of_one = paired(rate["all"], rate["base"]), paired(rate["one"], rate["base"])
    cost_ratio = paired(cost["all"], cost["base"])
    table.rows.append(
        (
            *(str(hosts), payload.name),
            *(f"{median(rate['base']):,.0f}", f"{median(cost['base']):.0f}"),
            *(f"{median(rate['all']):,.0f}", f"{median(cost['all']):.0f}"),
            *(f"{of_all:.2f}", f"{cost_ratio:.2f}"),
            *(f"{median(rate['one']):,.0f}", f"{median(cost['one']):.0f}", f"{of_one:.2f}"),
        )
    )
    table.figures[f"{hosts} hosts, {payload.name}"] = {
        "events_per_s": rate,
        "cpu_us_per_event": cost,
        "cpu_share": {name: [segment.busy for segment in found[name]] for name in found},
        "publications_per_event": {
            name: [segment.publications / segment.events for segment in found[name]]
            for name in found
        },
    }
    return of_all, of_one, cost_ratio


def latency(cpu: int, plan: Plan) -> Table:
    """From the cloud's sending to the subscriber's receipt of the event's last publication."""
    payload = plan.payloads[0]
    table = Table(
        f"Latency at {LATENCY_RATE:.0f} events/s, {payload.name}: ms until all is heard",
        ("", "p50", "p90", "p99", "longest", "CPU µs/event"),
    )
    with (
        Stage(cpu, devices=_UNDER_WAY, payloads=(payload,)) as stage,
        stage.run(BRIDGE) as bridge,
        stage.run(BASE) as base,
    ):
        stage.wait_ready(BASE, base)
        stage.wait_ready(BRIDGE, bridge)
        runs = [
            ("base, 5 topics", base, stage.order(BASE, payload, rate=LATENCY_RATE)),
            ("bridge, 5 change", bridge, stage.order(BRIDGE, payload, rate=LATENCY_RATE)),
            (
                "bridge, 1 changes",
                bridge,
                stage.order(BRIDGE, payload, whole=False, rate=LATENCY_RATE),
            ),
        ]
        found: dict[str, list[list[float]]] = {name: [] for name, _, _ in runs}
        costs: dict[str, list[float]] = {name: [] for name, _, _ in runs}
        for number in range(plan.rounds):
            for name, child, order in runs if number % 2 else reversed(runs):
                delays, cost = _delays(stage, child, order, plan.latency)
                found[name].append(delays)
                costs[name].append(cost)
    middle: dict[str, dict[int, float]] = {}
    for name, rounds in found.items():
        middle[name] = {
            percent: median(percentile(delays, percent) for delays in rounds)
            for percent in (50, 90, 99)
        }
        longest = max(map(max, rounds))
        cells = (*middle[name].values(), longest)
        table.rows.append((name, *(f"{cell:.2f}" for cell in cells), f"{median(costs[name]):.0f}"))
        table.figures[name] = {"p50_p90_p99_ms": middle[name], "cpu_us_per_event": costs[name]}
    ours, theirs = middle["bridge, 5 change"], middle["base, 5 topics"]
    added = {percent: ours[percent] - theirs[percent] for percent in ours}
    cost_ratio = paired(costs["bridge, 5 change"], costs["base, 5 topics"])
    table.targets = [
        Target(f"added p50 at most 0.5 ms ({added[50]:.2f})", added[50] <= 0.5),
        Target(f"added p99 at most 1.5 ms ({added[99]:.2f})", added[99] <= 1.5),
        Target(f"p90 below 20 ms: no delayed acknowledgements ({ours[90]:.2f})", ours[90] < 20),
        Target(f"CPU at most 1.4 × base ({cost_ratio:.2f})", cost_ratio <= 1.4),
    ]
    return table


def _delays(stage: Stage, child: Child, order: Order, seconds: float) -> tuple[list[float], float]:
    """Delays in ms, without the first tenth; and CPU µs per event."""
    with stage.loaded(order) as tally:
        cpu = child.cpu()
        time.sleep(seconds)
        delays = list(tally().delays)
        used = child.cpu() - cpu
    if tally().late > len(delays) / 100:
        raise RuntimeError(f"{child.name} does not keep up with {LATENCY_RATE:.0f} events/s")
    return [delay * 1e3 for delay in delays[len(delays) // 10 :]], used / len(delays) * 1e6


def memory(cpu: int, plan: Plan) -> Table:
    """Resident memory without devices, with many, and while the broker stands still."""
    payload = plan.payloads[0]
    table = Table(
        f"Resident MB; broker halted for {plan.outrun:.0f} s at {FLOOD_RATE:,.0f} events/s",
        (
            *("", "no device", f"{plan.many:,} devices", "after load"),
            *("peak, halted", "rise", "newest state after"),
        ),
    )
    empty: dict[str, float] = {}
    with Stage(cpu) as stage:
        for side in (BRIDGE, BASE):
            with stage.run(side) as child:
                stage.wait_ready(side, child)
                time.sleep(_SETTLE)
                empty[side] = child.memory()
    full: dict[str, float] = {}
    rise: dict[str, float] = {}
    arrived = False
    with Stage(cpu, devices=plan.many, payloads=(payload,)) as stage:
        for side in (BRIDGE, BASE):
            with stage.run(side) as child:
                stage.wait_ready(side, child)
                full[side] = child.memory()
                stage.measure(child, stage.order(side, payload), plan.segment)
                loaded = child.memory()
                child.forget_peak()
                order = stage.order(side, payload, rate=FLOOD_RATE, flood=True)
                delay = _outrun(stage, order, plan.outrun)
                peak = child.peak_memory()
                rise[side] = peak - loaded
            cells = (empty[side], full[side], loaded, peak, rise[side])
            late = f"> {_CATCH_UP_LIMIT:.0f} s" if delay is None else f"{delay:.1f} s"
            table.rows.append((side, *(f"{cell:.0f}" for cell in cells), late))
            table.figures[side] = dict(zip(table.head[1:], (*cells, delay), strict=True))
            arrived = arrived or (side == BRIDGE and delay is not None)
    each = (full[BRIDGE] - empty[BRIDGE]) * 1_000 / plan.many
    table.targets = [
        Target(f"no device: at most 60 MB ({empty[BRIDGE]:.0f})", empty[BRIDGE] <= 60),
        Target(f"per 1,000 devices: at most 16 MB ({each:.0f})", each <= 16),
        Target("halted broker: every topic's newest value arrives", arrived),
        Target(f"halted broker: at most 50 MB more ({rise[BRIDGE]:.0f})", rise[BRIDGE] <= 50),
    ]
    return table


def _outrun(stage: Stage, order: Order, seconds: float) -> float | None:
    """Halt the broker under load; how long until it has every topic's newest value (s).

    None if that takes too long.
    """
    stage.broker.freeze()
    try:
        with stage.loaded(order):
            time.sleep(seconds)
    finally:
        stage.broker.thaw()
    begin = time.monotonic()
    while stage.in_order(order) < len(order.sources):
        if time.monotonic() - begin > _CATCH_UP_LIMIT:
            return None
        time.sleep(0.02)
    return time.monotonic() - begin


def start(cpu: int, plan: Plan) -> Table:
    """Time to the first publication, and CPU with nothing to do."""
    payload = plan.payloads[0]
    times: dict[str, list[float]] = {BASE: [], BRIDGE: []}
    with Stage(cpu, devices=1, payloads=(payload,)) as stage:
        for _ in range(plan.rounds):
            for side in times:
                times[side].append(_first(stage, side, stage.order(side, payload)))
    with (
        Stage(cpu, hosts=_IDLE_HOSTS, devices=_IDLE_HOSTS, payloads=(payload,)) as stage,
        stage.run(BRIDGE) as bridge,
        stage.run(BASE) as base,
    ):
        stage.wait_ready(BASE, base)
        stage.wait_ready(BRIDGE, bridge)
        time.sleep(_SETTLE)
        children = {BASE: base, BRIDGE: bridge}
        before = {side: child.cpu() for side, child in children.items()}
        time.sleep(plan.idle)
        idle = {
            side: (child.cpu() - before[side]) / plan.idle * 100 for side, child in children.items()
        }
    table = Table(
        f"Start, and nothing to do with {_IDLE_HOSTS} hosts for {plan.idle:.0f} s",
        ("", "process start to first publication", "idle"),
    )
    for side, values in times.items():
        table.rows.append((side, f"{median(values):.2f} s", f"{idle[side]:.1f} %"))
        table.figures[side] = {"first_publication_s": values, "idle_percent": idle[side]}
    first = median(times[BRIDGE])
    table.targets = [
        Target(f"first publication after at most 0.8 s ({first:.2f})", first <= 0.8),
        Target(f"idle: at most 1 % of a core ({idle[BRIDGE]:.1f})", idle[BRIDGE] <= 1),
    ]
    return table


def _first(stage: Stage, side: str, order: Order) -> float:
    stage.feed.forget()
    begin = time.monotonic()
    with stage.run(side) as child:
        waiting = side == BASE
        while stage.feed.first_heard is None:
            child.check()
            # The bridge asks for the state by itself, the bare loop has to be told.
            waiting = waiting and not stage.send_once(order)
            if time.monotonic() - begin > _CATCH_UP_LIMIT:
                raise RuntimeError(f"{child.name} publishes nothing")
            time.sleep(0.005)
        return stage.feed.first_heard - begin


MEASUREMENTS: dict[str, Callable[[int, Plan], Table]] = {
    "throughput": throughput,
    "latency": latency,
    "memory": memory,
    "start": start,
    "commands": lambda cpu, plan: round_trips(cpu, plan.commands),
}
