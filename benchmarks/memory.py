"""Resident memory: without devices, with many, and while the broker stands still."""

from __future__ import annotations

import time

from benchmarks.feed import Order
from benchmarks.plan import FLOOD_RATE, Plan
from benchmarks.processes import Child
from benchmarks.report import Line, Table, slope
from benchmarks.stage import BASE, BRIDGE, Stage

_HOSTS_FROM = 1_000
"""Up to so many devices are at one host, and so many more at each further one."""
_MOST_HOSTS = 16
_READY_FIRST = 60.0
_READY_EACH = 0.02
"""How long a bridge may take until all its devices are published: for itself and a device (s)."""
_SETTLED = 0.5
"""Less than so many MB of change within a second is rest."""
_SETTLE_LIMIT = 8
_CATCH_UP_LIMIT = 8.0


def memory(cpu: int, plan: Plan) -> Table:
    """Every device says one whole status through the cloud, as after every connect."""
    table = Table(
        "Resident memory of the bridge, each device with one status of a Plus 1PM",
        (
            *("devices", "HTTP listeners", "topics", "MB", "highest MB", "MB per 1,000"),
            *("published after s", "CPU ms per device"),
        ),
    )
    found: dict[int, float] = {}
    for devices in plan.devices:
        found[devices] = _with_devices(table, cpu, devices, found.get(0), web=False)
    with_web = _with_devices(table, cpu, 0, None, web=True)
    largest = max(found)
    line = slope(list(found), list(found.values()))
    each = (found[largest] - found[0]) / largest * 1_000
    table.figures["slope"] = {"start_mb": line.start, "mb_per_1000": line.each * 1_000}
    table.lines = [
        Line("no device, no HTTP listener", found[0], "MB", at_most=45),
        Line("no device, consent endpoint and status page on", with_web, "MB", at_most=60),
        Line(f"each 1,000 devices, up to {largest:,}", each, "MB", at_most=8),
    ]
    table.notes.append(
        f"Straight line: {line.start:.0f} MB + {line.each * 1e6:.0f} kB per 1,000 devices; "
        f"the measured values are at most {line.error:.0%} off it."
    )
    return table


def _with_devices(table: Table, cpu: int, devices: int, empty: float | None, *, web: bool) -> float:
    hosts = min(max(devices // _HOSTS_FROM, 1), _MOST_HOSTS)
    with Stage(cpu, sides=(BRIDGE,), hosts=hosts, idle=devices, web=web) as stage:
        begin = time.monotonic()
        with stage.run(BRIDGE) as child:
            stage.wait_ready(BRIDGE, child, _READY_FIRST + _READY_EACH * devices)
            took = stage.census.newest - begin
            used = child.cpu()
            value = settled(child)
            peak = child.peak_memory()
        topics = len(stage.census)
    each = (value - empty) / devices * 1_000 if devices and empty is not None else float("nan")
    cpu_each = used / devices * 1e3 if devices else float("nan")
    cells = (f"{value:.1f}", f"{peak:.1f}", f"{each:.1f}", f"{took:.1f}", f"{cpu_each:.1f}")
    table.rows.append((f"{devices:,}", "on" if web else "off", f"{topics:,}", *cells))
    table.figures[f"{devices} devices, {'with' if web else 'without'} HTTP"] = {
        **{"devices": devices, "web": web, "topics": topics, "rss_mb": value, "peak_mb": peak},
        **{"published_after_s": took, "cpu_s": used},
    }
    return value


def settled(child: Child) -> float:
    """Resident memory once it rests (MB)."""
    before = child.memory()
    for _ in range(_SETTLE_LIMIT):
        time.sleep(1)
        now = child.memory()
        if abs(now - before) < _SETTLED:
            return now
        before = now
    return before


def outrun(cpu: int, plan: Plan) -> Table:
    """The broker is halted while events come in: what waits must be bounded."""
    payload = plan.payloads[0]
    table = Table(
        f"Broker halted for {plan.outrun:.0f} s, {FLOOD_RATE:,.0f} events/s of "
        f"{plan.many:,} devices, five topics each",
        ("", "MB before", "highest MB", "rise MB", "all newest values after s"),
    )
    with Stage(cpu, devices=plan.many, payloads=(payload,)) as stage:
        for side in (BRIDGE, BASE):
            with stage.ready(side) as child:
                stage.measure(child, stage.order(side, payload), plan.segment)
                before = settled(child)
                child.forget_peak()
                order = stage.order(side, payload, rate=FLOOD_RATE, flood=True)
                delay = _halt(stage, order, plan.outrun)
                peak = child.peak_memory()
            late = f"> {_CATCH_UP_LIMIT:.0f}" if delay is None else f"{delay:.1f}"
            cells = (before, peak, peak - before)
            table.rows.append((side, *(f"{cell:.1f}" for cell in cells), late))
            table.figures[side] = {"mb": cells, "caught_up_after_s": delay}
            if side == BRIDGE:
                late_by = float("nan") if delay is None else delay
                table.lines = [
                    Line("rise above the steady memory", peak - before, "MB", at_most=20),
                    Line(
                        "until every topic has its newest value again",
                        late_by,
                        "s",
                        at_most=_CATCH_UP_LIMIT,
                    ),
                ]
    return table


def _halt(stage: Stage, order: Order, seconds: float) -> float | None:
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
