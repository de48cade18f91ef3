"""The judge of owners finds what is wrong, and is told by the kernel where a host cannot know."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from math import inf

import pytest

from bridge.simulator.faults import Second
from bridge.simulator.world import World
from tests.brokers import wait_until
from tests.faults.cable import laid
from tests.faults.cluster_sockets import (
    KernelView,
    Span,
    established,
    open_sockets,
    overlaps,
    served_after,
    spans,
)
from tests.simulator.client import LIMIT, Client

HOST = "shelly-1-sim.shelly.cloud"


def span(opened: float, closed: float = inf, host: str = HOST) -> Span:
    return Span(host, 40_000, opened, closed)


@pytest.mark.parametrize(
    ("sockets", "wrong"),
    [
        ([span(0, 10), span(10, 20)], 0),
        ([span(0, 10.9), span(10, 20)], 0),
        ([span(0, 11.1), span(10, 20)], 1),
        ([span(0), span(10)], 1),
        ([span(0), span(29.5)], 0),
        ([span(0), span(5, 7), span(9, 12)], 2),
        ([span(0), span(10, host="shelly-2-sim.shelly.cloud")], 0),
    ],
)
def test_two_sockets_to_a_host_for_longer_than_a_second_are_found(
    sockets: list[Span], wrong: int
) -> None:
    assert len(overlaps(sockets, 1.0, now=30.0)) == wrong


def test_a_host_is_served_when_a_socket_lasts() -> None:
    sockets = [span(0, 10.2), span(12, 12.4), span(17, 40)]
    assert served_after(sockets, [HOST, "other"], at=10.0) == {HOST: 7.0, "other": inf}
    assert served_after([span(0)], [HOST], at=10.0) == {HOST: 0.0}
    assert open_sockets([span(0), span(1, 2)], [HOST, "other"]) == {HOST: 1, "other": 0}


def test_sockets_are_open_as_long_as_their_host_had_them() -> None:
    with World([HOST]) as world:
        world.host().faults.second = Second.ALLOW
        with Client(world), Client(world):
            assert open_sockets(spans(world), [HOST]) == {HOST: 2}
            wait_until(lambda: overlaps(spans(world), 0.1, time.monotonic()))
        assert world.wait_for(lambda: open_sockets(spans(world), [HOST]) == {HOST: 0}, LIMIT)


def test_the_kernels_table_is_read() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
        "   0: 0100007F:9C40 0100007F:17E1 01 00000000:00000000 00:00000000 00000000\n"
        "   1: 0100007F:9C41 0100007F:17E1 04 00000000:00000000 00:00000000 00000000\n"
        "   2: 0100007F:9C42 0100007F:17E2 01 00000000:00000000 00:00000000 00000000\n"
    )
    assert established(table, 6113) == {40_000}


_DIALS = """
import socket, ssl, sys, time
context = ssl.create_default_context(cafile=sys.argv[4])
plain = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
tls = context.wrap_socket(plain, server_hostname=sys.argv[3])
tls.sendall((
    f"GET /shelly/wss/hk_sock?t={sys.stdin.readline().strip()} HTTP/1.1\\r\\n"
    f"Host: {sys.argv[3]}\\r\\n"
    "Upgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n").encode())
time.sleep(60)
"""


def test_a_socket_whose_end_is_lost_on_the_way_is_over_when_its_own_kernel_says_so() -> None:
    with laid() as cable:
        if cable is None:
            pytest.skip("no network namespace can be made here")
        with (
            World([HOST], address=cable.here) as world,
            KernelView(cable.inside, world.port) as view,
        ):
            arguments = [cable.here, str(world.port), HOST, str(world.ca_file)]
            dials = subprocess.Popen(
                [*cable.inside, sys.executable, "-c", _DIALS, *arguments], stdin=subprocess.PIPE
            )
            try:
                assert dials.stdin is not None
                dials.stdin.write(world.tokens.issue({"itg": world.tag}).encode() + b"\n")
                dials.stdin.flush()
                assert world.wait_for(lambda: world.host().counters.sessions, 10)
                closed = closing(world, cable.there, view)
                cable.lose(True)
                os.kill(dials.pid, signal.SIGSTOP)
                assert closed() == math.inf, "a stopped process still has it"
                killed = time.monotonic()
                dials.kill()
                wait_until(lambda: closed() < math.inf, 5)
                assert killed <= closed() <= time.monotonic()
                assert world.host().counters.sessions[0].closed is None
                assert spans(world)[0].closed == math.inf
            finally:
                dials.kill()
                dials.wait(5)
                assert dials.stdin is not None
                dials.stdin.close()


def closing(world: World, far: str, view: KernelView) -> Callable[[], float]:
    return lambda: spans(world, far, view)[0].closed
