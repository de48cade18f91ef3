"""As many events as are taken: events/s and CPU per event, beside the bare loop."""

from __future__ import annotations

from statistics import median

from benchmarks.feed import Order
from benchmarks.payloads import Payload
from benchmarks.plan import Plan
from benchmarks.processes import Child
from benchmarks.report import Line, Table, paired
from benchmarks.stage import BASE, BRIDGE, Segment, Stage

_UNDISTURBED = 0.9
"""The share of its CPU that a process gets when nobody else wants it."""

Run = tuple[str, Child, Order]


def throughput(cpu: int, plan: Plan) -> Table:
    """All five topics change, or one of them; over some numbers of hosts."""
    table = Table(
        "Throughput, five topics (µs: CPU time per event; ×: median of the pairs' ratios)",
        (
            *("hosts", "event", "base/s", "µs", "5 change/s", "µs", "× base", "CPU ×"),
            *("1 changes/s", "µs", "× base", "CPU ×", "had of its CPU: base", "5", "1"),
        ),
    )
    for hosts in plan.hosts:
        payloads = plan.payloads if hosts == plan.hosts[0] else plan.payloads[:1]
        with (
            Stage(cpu, hosts=hosts, devices=plan.under_way, payloads=payloads) as stage,
            stage.ready(BRIDGE) as bridge,
            stage.ready(BASE) as base,
        ):
            for payload in payloads:
                runs: list[Run] = [
                    ("5", bridge, stage.order(BRIDGE, payload)),
                    ("base", base, stage.order(BASE, payload)),
                    ("1", bridge, stage.order(BRIDGE, payload, whole=False)),
                ]
                found = interleaved(stage, runs, plan)
                _add(table, hosts, payload, found, judged=payload is plan.payloads[0])
    table.notes.append(
        "Disturbed: a side had less than 0.9 of its CPU, as others wanted it or the rest of the "
        "scene was the limit. Events/s say little then, the CPU time holds."
    )
    return table


def interleaved(stage: Stage, runs: list[Run], plan: Plan) -> dict[str, list[Segment]]:
    """All of them in turn, again and again; what others disturbed is measured once more."""
    found: dict[str, list[Segment]] = {name: [] for name, _, _ in runs}
    repeats = plan.pairs
    for number in range(plan.pairs):
        for name, child, order in runs if number % 2 else reversed(runs):
            segment = stage.measure(child, order, plan.segment)
            if segment.busy < _UNDISTURBED and repeats:
                repeats -= 1
                again = stage.measure(child, order, plan.segment)
                segment = max(segment, again, key=lambda segment: segment.busy)
            found[name].append(segment)
    return found


def _add(
    table: Table, hosts: int, payload: Payload, found: dict[str, list[Segment]], *, judged: bool
) -> None:
    rate = {name: [segment.rate for segment in found[name]] for name in found}
    cost = {name: [segment.cost for segment in found[name]] for name in found}
    share = {name: [segment.busy for segment in found[name]] for name in found}
    rates = {name: paired(rate[name], rate["base"]) for name in ("5", "1")}
    costs = {name: paired(cost[name], cost["base"]) for name in ("5", "1")}
    table.rows.append(
        (
            *(str(hosts), payload.name),
            *(f"{median(rate['base']):,.0f}", f"{median(cost['base']):.0f}"),
            *(f"{median(rate['5']):,.0f}", f"{median(cost['5']):.0f}"),
            *(f"{rates['5']:.2f}", f"{costs['5']:.2f}"),
            *(f"{median(rate['1']):,.0f}", f"{median(cost['1']):.0f}"),
            *(f"{rates['1']:.2f}", f"{costs['1']:.2f}"),
            *(f"{median(share[name]):.2f}" for name in ("base", "5", "1")),
        )
    )
    table.figures[f"{hosts} hosts, {payload.name}"] = {
        "hosts": hosts,
        "judged": judged,
        "events_per_s": rate,
        "cpu_us_per_event": cost,
        "cpu_share": share,
        "messages_per_event": {
            name: [segment.messages / max(segment.events, 1) for segment in found[name]]
            for name in found
        },
    }
    if judged:
        quiet = min(median(share[name]) for name in share) >= _UNDISTURBED
        of = f"{hosts} host{'s' if hosts > 1 else ''}{'' if quiet else ' (disturbed)'}"
        table.lines += [
            Line(f"{of}: events/s when 5 of 5 change", rates["5"], "× base", at_least=0.75),
            Line(f"{of}: events/s when 1 of 5 changes", rates["1"], "× base", at_least=1.6),
            Line(f"{of}: CPU per event when 5 of 5 change", costs["5"], "× base", at_most=1.3),
        ]
