"""The status page with many devices: how soon it answers, and what it costs the events."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from benchmarks.plan import LATENCY_RATE, Plan
from benchmarks.processes import Child
from benchmarks.report import Line, Table, paired, percentile
from benchmarks.stage import BRIDGE, Segment, Stage, wait
from tests.system.process import quiet_port

FOLLOWED = ("overview", "devices")
"""Pages that somebody has open while events are counted."""

_ANSWER_LIMIT = 10.0
_LOOK = 0.2


def page(cpu: int, plan: Plan) -> Table:
    """Every device changes all the time, so that all that is shown of it changes too."""
    payload = plan.payloads[0]
    port = quiet_port()
    table = Table(
        f"Status page with {plan.many:,} devices",
        ("page", "kB", "p50 ms", "p99 ms", f"p99 ms at {LATENCY_RATE:.0f} events/s"),
    )
    with (
        Stage(
            cpu,
            sides=(BRIDGE,),
            devices=plan.many,
            payloads=(payload,),
            others={"web.admin.listen": f"127.0.0.1:{port}"},
        ) as stage,
        stage.ready(BRIDGE) as bridge,
    ):
        _answers(table, stage, port, plan)
        _followed(table, stage, bridge, port, plan)
    return table


def _answers(table: Table, stage: Stage, port: int, plan: Plan) -> None:
    device = stage.granted[0].hex_id
    paths = {
        "overview": "/",
        "devices": "/devices",
        "a search": f"/devices?search={device[-4:]}",
        "one device": f"/devices/{device}",
    }
    order = stage.order(BRIDGE, plan.payloads[0], rate=LATENCY_RATE)
    for name, path in paths.items():
        size, _ = _ask(port, path)
        calm = [_ask(port, path)[1] for _ in range(plan.page_looks)]
        with stage.loaded(order):
            busy = [_ask(port, path)[1] for _ in range(plan.page_looks)]
        slowest = percentile(calm, 99)
        cells = (size / 1_000, median(calm), slowest, percentile(busy, 99))
        table.rows.append((name, *(f"{cell:.1f}" for cell in cells)))
        table.figures[name] = {"bytes": size, "ms": calm, "ms_under_load": busy}
        table.lines += [
            Line(f"{name}: p99", slowest, "ms", at_most=300),
            Line(f"{name}: p99 with events", percentile(busy, 99), "ms", at_most=300),
        ]


def _ask(port: int, path: str) -> tuple[int, float]:
    """The length of a page and how long it took (ms)."""
    begin = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_LIMIT)
    try:
        connection.request("GET", path, headers={"Accept": "text/html"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answers {answer.status}: {body[-500:]!r}")
    return len(body), (time.monotonic() - begin) * 1_000


def _followed(table: Table, stage: Stage, bridge: Child, port: int, plan: Plan) -> None:
    """Events with two pages open, beside events without any, in turn."""
    order = stage.order(BRIDGE, plan.payloads[0])
    alone: list[Segment] = []
    watched: list[Segment] = []
    for number in range(plan.page_pairs):
        for follow in (True, False) if number % 2 else (False, True):
            with ExitStack() as stack:
                followers = [
                    stack.enter_context(_following(port, what)) for what in FOLLOWED if follow
                ]
                before = [follower.changes for follower in followers]
                segment = stage.measure(bridge, order, plan.page_segment)
                for follower, changes in zip(followers, before, strict=True):
                    if follower.changes == changes:
                        raise RuntimeError(f"nothing of {follower.what} changed")
                (watched if follow else alone).append(segment)
    costs = [[segment.cost for segment in found] for found in (watched, alone)]
    rates = [[segment.rate for segment in found] for found in (watched, alone)]
    cost = paired(*costs)
    table.lines += [
        Line("CPU per event, two pages followed", cost, "× without", at_most=1.03),
        Line("events/s, two pages followed", paired(*rates), "× without"),
    ]
    table.notes.append(
        f"Without a page: {median(rates[1]):,.0f} events/s, {median(costs[1]):.0f} µs of CPU each."
    )
    table.figures["followed"] = {
        **{"cpu_us_per_event": costs[0], "events_per_s": rates[0]},
        "cpu_share": [segment.busy for segment in watched],
    }
    table.figures["not followed"] = {
        **{"cpu_us_per_event": costs[1], "events_per_s": rates[1]},
        "cpu_share": [segment.busy for segment in alone],
    }


class _Follower:
    """Somebody who has a page open; `changes` counts what was sent to them."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.changes = 0
        self.ending = threading.Event()

    def follow(self, connection: socket.socket) -> None:
        """Read until it ends."""
        rest = b""
        while not self.ending.is_set():
            try:
                data = connection.recv(1 << 16)
            except TimeoutError:
                continue
            if not data:
                return
            *whole, rest = (rest + data).split(b"event: change\n")
            self.changes += len(whole)


@contextmanager
def _following(port: int, what: str) -> Iterator[_Follower]:
    """Open a page and see what changes, once the first has come."""
    follower = _Follower(what)
    with socket.create_connection(("127.0.0.1", port), timeout=_LOOK) as connection:
        request = f"GET /live?of={what} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        connection.sendall(request.encode())
        thread = threading.Thread(
            target=follower.follow, args=(connection,), name=f"follower-{what}"
        )
        thread.start()
        try:
            wait(lambda: follower.changes > 0, _ANSWER_LIMIT, f"{what} is followed")
            yield follower
        finally:
            follower.ending.set()
            thread.join(_ANSWER_LIMIT)
