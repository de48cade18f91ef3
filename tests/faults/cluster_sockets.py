"""Which sockets were open to each host, and until when: what owners are judged by.

A socket counts as open from the moment when its host took the handshake until the first of these:

- Its host saw the end of the TCP connection. The kernel of a process that closes it, or that is
  killed, tells the host at once, so on one machine this is when it happened.
- The kernel on the bridge's side no longer had it as established. This is asked of a bridge in a
  network namespace only: when its cable loses everything, the host hears nothing of the end and may
  keep its half for a quarter of an hour, but nobody is at the other one. The kernel's table is
  read all the time, and a socket counts until the first look that does not find it: longer than it
  was open, never shorter.

A process that is stopped still has its sockets; they count until it is killed or closes them.
"""

from __future__ import annotations

import math
import subprocess
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, Self

from bridge.simulator.world import World

_LOOK = 0.05
_UNSEEN = 0.5
"""A socket that no look found so long after its beginning has ended between two of them."""
_ESTABLISHED = "01"


class Span(NamedTuple):
    """One socket; times are monotonic s, `closed` is infinite while it is open."""

    host: str
    port: int
    """The bridge's, so that the socket can be found in what others recorded."""
    opened: float
    closed: float


class KernelView:
    """When sockets in a network namespace were closed on that side; a context manager."""

    def __init__(self, inside: Sequence[str], port: int) -> None:
        """`inside` runs a command in the namespace; `port` is the hosts'."""
        self._inside = inside
        self._port = port
        self._changes: list[tuple[float, set[int]]] = []
        """Since when (monotonic s) which ports were there."""
        self._looked = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kernel-view", daemon=True)

    def __enter__(self) -> Self:
        # Its files in /proc show the namespace as long as it lives.
        self._sleeper = subprocess.Popen([*self._inside, "sleep", "infinity"])
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(5)
        self._sleeper.kill()
        self._sleeper.wait(5)

    def ended(self, port: int, since: float) -> float:
        """When the socket of this port, open at that time, was not there any more, or infinity."""
        first = bisect_right(self._changes, since, key=lambda change: change[0])
        seen = False
        for at, there in self._changes[max(first - 1, 0) :]:
            if port in there:
                seen = True
            elif seen:
                return at
            elif at > since + _UNSEEN:
                break
        never = not seen and self._looked > since + _UNSEEN
        return since + _UNSEEN if never else math.inf

    def _run(self) -> None:
        table = Path(f"/proc/{self._sleeper.pid}/net/tcp")
        while not self._done.wait(_LOOK):
            there = established(table.read_text(), self._port)
            self._looked = time.monotonic()
            if not self._changes or self._changes[-1][1] != there:
                self._changes.append((self._looked, there))


def established(table: str, port: int) -> set[int]:
    """The own ports of the established sockets to a port, by a table as `/proc/net/tcp` is."""
    rows = (line.split()[1:4] for line in table.splitlines()[1:])
    return {
        int(own.rpartition(":")[2], 16)
        for own, peer, state in rows
        if state == _ESTABLISHED and int(peer.rpartition(":")[2], 16) == port
    }


def spans(world: World, far: str | None = None, view: KernelView | None = None) -> list[Span]:
    """All sockets that the hosts had; `view` knows better of those from the address `far`."""
    found = []
    for host in world.hosts:
        for session in list(host.counters.sessions):
            address, port = session.peer
            closed = math.inf if session.closed is None else session.closed
            if view is not None and address == far:
                closed = min(closed, view.ended(port, session.opened))
            found.append(Span(host.name, port, session.opened, closed))
    return found


def overlaps(all_spans: Iterable[Span], longest: float, now: float) -> list[str]:
    """Where two sockets to one host were open together for longer (s); `now` is monotonic s."""
    by_host: dict[str, list[Span]] = {}
    for span in all_spans:
        by_host.setdefault(span.host, []).append(span)
    return [
        f"{host}: two for {together:.2f} s, ports {one.port} and {other.port}, "
        f"until {now - min(one.closed, other.closed, now):.1f} s ago"
        for host, sockets in by_host.items()
        for one, other in combinations(sockets, 2)
        if (together := min(one.closed, other.closed, now) - max(one.opened, other.opened))
        > longest
    ]


def open_sockets(all_spans: Iterable[Span], hosts: Iterable[str]) -> dict[str, int]:
    """How many sockets each host has now."""
    found = dict.fromkeys(hosts, 0)
    for span in all_spans:
        if span.closed == math.inf:
            found[span.host] += 1
    return found


def served_after(
    all_spans: Iterable[Span], hosts: Iterable[str], at: float, lasting: float = 1.0
) -> Mapping[str, float]:
    """How long (s) after `at` each host had a socket again that lasted; infinite: never."""
    found = dict.fromkeys(hosts, math.inf)
    for span in all_spans:
        begin = max(span.opened, at)
        if span.closed - begin >= lasting:
            found[span.host] = min(found[span.host], begin - at)
    return found
