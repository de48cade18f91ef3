"""The parts of the benchmark, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.cluster import cluster
from benchmarks.commands import round_trips
from benchmarks.connections import idle, reconnect
from benchmarks.growth import growth
from benchmarks.latency import latency
from benchmarks.memory import memory, outrun
from benchmarks.page import page
from benchmarks.plan import Plan
from benchmarks.report import Table
from benchmarks.start import start
from benchmarks.throughput import throughput

Part = Callable[[int, Plan, Mapping[str, Table]], Table | None]
"""Gets the CPU for what is under test, the plan, and what the parts before it have found."""


def _alone(measure: Callable[[int, Plan], Table]) -> Part:
    return lambda cpu, plan, _: measure(cpu, plan)


PARTS: dict[str, Part] = {
    "throughput": _alone(throughput),
    "latency": _alone(latency),
    "memory": _alone(memory),
    "outrun": _alone(outrun),
    "start": _alone(start),
    "reconnect": _alone(reconnect),
    "idle": _alone(idle),
    "commands": _alone(round_trips),
    "page": _alone(page),
    "cluster": _alone(cluster),
    "growth": lambda _cpu, _plan, tables: growth(tables),
}

ON_REQUEST = frozenset({"cluster"})
"""Not measured unless they are named: they take long, and the whole machine."""
