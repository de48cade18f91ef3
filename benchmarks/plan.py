"""How long and how often is measured."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.payloads import PAYLOADS, Payload

LATENCY_RATE = 200.0
FLOOD_RATE = 2_000.0
"""Events/s; below what either side can read, far above what a broker takes that stands still."""

LIMITS = {
    "throughput": 420.0,
    "latency": 300.0,
    "memory": 780.0,
    "outrun": 120.0,
    "start": 120.0,
    "reconnect": 150.0,
    "idle": 90.0,
    "commands": 60.0,
    "page": 300.0,
    "cluster": 2_700.0,
}
"""The most that a part may take before it is given up (s), if as much is left of the whole."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Times in s."""

    limit: float = 1_500.0
    """What all parts together may take."""
    pairs: int = 5
    segment: float = 0.8
    under_way: int = 128
    """Devices with one event each under way: enough to keep a process busy."""
    hosts: tuple[int, ...] = (1, 4, 16, 64)
    payloads: tuple[Payload, ...] = PAYLOADS
    """All of them are sent over one host, the first one over every number of hosts."""
    latency: float = 3.0
    idle_topics: int = 50_000
    devices: tuple[int, ...] = (0, 1_000, 10_000, 100_000)
    outrun: float = 10.0
    many: int = 1_000
    """Devices of a full publication, and of those whose events outrun the broker."""
    reconnect_hosts: int = 64
    drops: int = 3
    steady: float = 10.5
    """What a host ends sooner than within ten seconds may look as if somebody took our place."""
    idle_hosts: int = 50
    idle: float = 20.0
    commands: int = 500
    page_looks: int = 100
    page_pairs: int = 11
    """So many, as few percent are looked for."""
    page_segment: float = 2.0
    """Pages that are followed look once a second, and what they change goes out then."""
    cluster_devices: tuple[int, ...] = (10_000, 100_000)
    cluster_hosts: int = 100
    cluster_every: float = 30.0
    """So long after its last event each of them has another one."""
    cluster_time: float = 90.0


QUICK = Plan(
    limit=240.0,
    pairs=3,
    segment=0.4,
    hosts=(1, 16),
    payloads=PAYLOADS[:1],
    latency=1.2,
    idle_topics=5_000,
    devices=(0, 1_000, 3_000),
    outrun=3.0,
    many=500,
    drops=1,
    idle=5.0,
    commands=100,
    page_looks=40,
    page_pairs=5,
    cluster_devices=(10_000,),
    cluster_time=30.0,
)
