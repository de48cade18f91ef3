"""How cost grows with devices and hosts, and what a small computer could carry: an estimate.

Nothing is measured here; it reckons with what other parts have found.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.report import Slope, Table, slope

_EVERY = 30.0
"""A device is taken to report so often (s)."""
_SHARE = 0.5
"""Of a core that the bridge may use: the broker and the system want some too."""
_ROOM = 256.0
"""MB that the bridge may use."""

_BOARDS = {
    "Raspberry Pi 5": (3.0, 4.0),
    "Raspberry Pi 4": (7.0, 10.0),
    "Raspberry Pi 3": (12.0, 18.0),
}
"""How many times slower a core is taken to be than one of the machine that was measured on."""


def growth(tables: Mapping[str, Table]) -> Table | None:
    """None when nothing was measured that it can reckon with."""
    table = Table(
        "How cost grows (straight lines), and small computers (an ESTIMATE by ratio of cores)",
        ("", "slower by", "events/s, 5 change", "1 changes", "devices by CPU", "by 256 MB"),
    )
    costs = _costs(tables)
    ram = _memory(tables, table)
    _hosts(tables, table)
    _latency(tables, table)
    if costs is not None:
        _boards(table, costs, ram)
    return table if table.notes or table.rows else None


def _costs(tables: Mapping[str, Table]) -> dict[str, float] | None:
    """CPU µs per event over one host, saturated: of `5` and of `1`."""
    found = _judged(tables)
    if not found:
        return None
    return {name: median(found[0]["cpu_us_per_event"][name]) for name in ("5", "1")}


def _judged(tables: Mapping[str, Table]) -> list[dict[str, Any]]:
    if "throughput" not in tables:
        return []
    return [figures for figures in tables["throughput"].figures.values() if figures["judged"]]


def _memory(tables: Mapping[str, Table], table: Table) -> Slope | None:
    if "memory" not in tables:
        return None
    found = [
        figures
        for figures in tables["memory"].figures.values()
        if figures.get("web") is False and "rss_mb" in figures
    ]
    devices = [figures["devices"] for figures in found]
    line = slope(devices, [figures["rss_mb"] for figures in found])
    table.notes.append(
        f"Memory and devices: {line.start:.0f} MB + {line.each * 1e3:.1f} kB each; "
        f"measured at {_listed(devices)}, at most {line.error:.0%} off the line."
    )
    many = [figures for figures in found if figures["devices"]]
    if len(many) > 1:
        cpu = slope([f["devices"] for f in many], [f["cpu_s"] for f in many])
        table.notes.append(
            f"CPU of a start and devices: {cpu.start:.1f} s + {cpu.each * 1e3:.2f} ms each; "
            f"at most {cpu.error:.0%} off the line."
        )
    return line


def _hosts(tables: Mapping[str, Table], table: Table) -> None:
    found = _judged(tables)
    if len(found) < 2:
        return
    hosts = [figures["hosts"] for figures in found]
    for name, text in (("5", "5 change"), ("1", "1 changes")):
        costs = [median(figures["cpu_us_per_event"][name]) for figures in found]
        line = slope(hosts, costs)
        table.notes.append(
            f"CPU per event ({text}) and hosts: {line.start:.0f} µs + {line.each:.2f} µs each; "
            f"measured at {_listed(hosts)}, at most {line.error:.0%} off the line."
        )


def _latency(tables: Mapping[str, Table], table: Table) -> None:
    if "latency" not in tables:
        return
    figures = tables["latency"].figures
    found = [
        (name.partition(", ")[2], median(values["cpu_us_per_event"]))
        for name, values in figures.items()
        if name.startswith("bridge, 5 change")
    ]
    shown = "; ".join(f"{name.partition(', ')[2]}: {cost:.0f} µs" for name, cost in found)
    table.notes.append(f"CPU per event at 200 events/s and other topics: {shown}.")


def _boards(table: Table, costs: Mapping[str, float], ram: Slope | None) -> None:
    for name, ratios in _BOARDS.items():
        rates = {
            changed: [1e6 / cost / ratio for ratio in reversed(ratios)]
            for changed, cost in costs.items()
        }
        devices = [rate * _SHARE * _EVERY for rate in rates["5"]]
        room = "" if ram is None or ram.each <= 0 else f"{(_ROOM - ram.start) / ram.each:,.0f}"
        table.rows.append(
            (
                name,
                f"{ratios[0]:.0f}-{ratios[1]:.0f}",
                *(f"{low:,.0f}-{high:,.0f}" for low, high in (rates["5"], rates["1"])),
                f"{devices[0]:,.0f}-{devices[1]:,.0f}",
                room,
            )
        )
    table.notes.append(
        f"Devices by CPU: half a core, all topics change, a status every {_EVERY:.0f} s. Events at "
        "low rates cost two to five times more CPU than these. Nothing was run on such a board."
    )


def _listed(values: list[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)
