"""What one instance is told of its part in the cluster."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeeperTiming:
    """How long what takes (s); tests make it short."""

    interval: float = 1.0
    """Between two looks."""
    statement: float = 5.0
    """An answer of PostgreSQL."""
    late: float = 5.0
    """A statement that comes this much too late tells of a process that stood still."""
    silent: float = 3.0
    """Nothing heard of PostgreSQL for so long tells of a network that is cut, not of a restart."""
    disown: float = 1.0
    """Closing all connections."""
    take_over: float = 2.0
    """Between the lock of a host that somebody had before, and its connection."""
    join: float = 3.0
    """Between the start and the first host: others that start as well are to have their share."""
    rest: float = 2.0
    """Between two hosts that are given up for others."""
    noticed: float = 8.0
    """After a start of PostgreSQL everybody knows within this time that the locks are gone."""
    read: float = 3.0
    """An answer of the registry."""
    read_again: float = 10.0
    """Between two lists of hosts, although nothing changed."""
    name: float = 13.0
    """Waiting for our name: the server may not have missed our last session yet."""
    retry: float = 0.5
    """Between two attempts at a lock that a session of ours may still have."""
    first: float = 0.2
    longest: float = 2.0
    """Between two attempts to reach PostgreSQL."""


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """What this instance may own, and how PostgreSQL is reached.

    `patterns` are of the cloud hosts, None for no host at all; without any they are all. `hosts`
    are to be owned also while nobody consented. With `keep` connections stay open while PostgreSQL
    is gone. Where devices come by accounts or by themselves (`mixed`) consents of all hosts matter.
    """

    address: str = field(repr=False)
    instance: str
    patterns: tuple[str, ...] | None
    hosts: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    most: int = 64
    keep: bool = False
    mixed: bool = False
    timing: KeeperTiming = field(default_factory=KeeperTiming)
