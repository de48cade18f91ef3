"""F23: two threads use one TLS connection, in both directions at once, and nothing is lost."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from bridge.core.backoff import Backoff
from bridge.core.model import LinkState
from bridge.simulator.wire import frame
from bridge.sources.session import Outgoing
from tests.brokers import wait_until
from tests.faults.scale import scaled, show
from tests.sources.peers import TlsPeer, accept_websocket, read_frame
from tests.sources.session_rig import PATIENT, Kept


@pytest.mark.timeout(600)
def test_sends_against_receives_on_one_session_lose_no_connection() -> None:
    number = int(scaled(5_000, 100_000))
    arrived: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        accept_websocket(connection)

        def talk() -> None:
            for n in range(number):
                connection.sendall(frame(b"%d" % n + b"." * 300))

        talker = threading.Thread(target=talk)
        talker.start()
        while len(arrived) < number:
            arrived.append(read_frame(connection)[1])
        talker.join(300)
        connection.recv(1)

    with TlsPeer(serve) as peer:
        kept = Kept(peer, PATIENT, Backoff(0.05, 0.1))
        kept.session.start()
        kept.owner.wait(LinkState.CONNECTED)
        begin = time.monotonic()
        for n in range(number):
            # The line for commands is short, and the writer takes one after the other.
            while kept.session.send(Outgoing(n, f"{n}" + "-" * 100, time.monotonic() + 600)):
                assert not kept.owner.in_state(LinkState.BACKOFF)
                time.sleep(0.0005)
        wait_until(lambda: len(arrived) == number, 300, "everything was sent")
        wait_until(lambda: len(kept.owner.frames) == number, 300, "everything came")
        seconds = time.monotonic() - begin
        show(f"{number} of each in {seconds:.0f} s")
        assert [int(each.rstrip(b"-")) for each in arrived] == list(range(number))
        assert [int(each.rstrip(b".")) for each in kept.owner.frames] == list(range(number))
        assert peer.connections == 1
        assert not kept.owner.in_state(LinkState.BACKOFF)
        kept.stop()
        assert kept.recorder.crashes == []
        assert kept.recorder.events == []
