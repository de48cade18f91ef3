"""The wall clock is wrong, from the start or suddenly: only what must know the time suffers.

All waiting is by monotonic time. Consents are refused, since whether they are fresh cannot be told,
and the log says that it is about the clock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.faults import CommandFault
from bridge.simulator.world import World
from tests.brokers import Peer, wait_until
from tests.system.process import BridgeProcess, quiet_port, wait_healthy
from tests.system.rig import callback_path, store_grants, write_config

RELAY = "SNSW-001P16EU"
YEAR = 365.25 * 86_400

WRONG = {
    "ten years ahead": lambda: 10 * YEAR,
    "an hour behind": lambda: -3_600.0,
    "1970": lambda: -time.time(),
}
"""By how much (s) the clock is wrong."""


class Clocked:
    """A world, a broker, and the bridge whose clock is wrong."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.world = stack.enter_context(World())
        self.broker = stack.enter_context(Broker())
        self.peer = stack.enter_context(Peer(self.broker.port, "shelly/#"))
        self.relay = self.world.add_device(RELAY)
        self.silent = self.world.add_device(RELAY)
        self.silent.command_fault = CommandFault.IGNORE
        store_grants(directory, [self.relay, self.silent])
        self.public = quiet_port()
        config = write_config(
            self.world,
            self.broker.port,
            directory,
            web__public__listen=f"127.0.0.1:{self.public}",
            commands__timeout="2",
            reconnect__first="2",
            reconnect__longest="2",
        )
        self.callback = f"http://127.0.0.1:{self.public}{callback_path(directory)}"
        self._config = config
        self._stack = stack

    def start(self, first: float, then: float) -> BridgeProcess:
        """The bridge with this clock, once all devices are there."""
        clock = f"{first},{then}"
        bridge = self._stack.enter_context(BridgeProcess(self._config, CLOCK=clock, QUICK="0"))
        for device in (self.relay, self.silent):
            topic = f"shelly/{device.hex_id}/relay/0"
            wait_until(lambda topic=topic: self.peer.values.get(topic), 20)  # type: ignore[misc]  # mypy and lambda defaults
        wait_healthy(self.public)
        return bridge

    def set(self, hex_id: str) -> list[bytes]:
        """Send a command, and give the results once the last one is there."""
        topic = f"shelly/{hex_id}/relay/0"
        before = len(self.peer.payloads(f"{topic}/result"))
        self.peer.publish(f"{topic}/set", "TOGGLE")

        def final() -> bool:
            told = self.peer.payloads(f"{topic}/result")[before:]
            return any(b'"accepted"' not in each for each in told)

        wait_until(final, 10, "the final result")
        return self.peer.payloads(f"{topic}/result")[before:]

    def check(self, bridge: BridgeProcess) -> None:
        """State flows, commands end as they should, and there is no storm of anything."""
        assert b'"confirmed"' in self.set(self.relay.hex_id)[-1]
        # Its time limit is a timer, as everything is that waits.
        assert b'"timeout"' in self.set(self.silent.hex_id)[-1]
        host = self.world.host()
        assert (len(host.counters.opened), len(host.counters.refused)) == (1, 0)
        assert len(self.world.api.counters.token_requests) == 1
        assert len(host.counters.verifies) <= 2 * len(self.world.devices)
        assert self.broker.connections <= 4
        assert "Traceback" not in bridge.log

    def consent(self) -> int:
        """An owner grants another device; the HTTP status."""
        device = self.world.add_device(RELAY, granted=False)
        return self.world.grant_by_callback(device, self.callback).status


@pytest.fixture
def clocked(tmp_path: Path) -> Iterator[Clocked]:
    with ExitStack() as stack:
        yield Clocked(tmp_path, stack)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_clock_that_is_wrong_from_the_start(clocked: Clocked, wrong: str) -> None:
    bridge = clocked.start(WRONG[wrong](), 0.0)
    assert clocked.consent() == 401
    refusals = [line for line in bridge.log.splitlines() if "consent refused" in line]
    assert len(refusals) == 1
    assert "the clock of this machine says" in refusals[0]
    clocked.check(bridge)
    bridge.arm()
    assert clocked.consent() == 200
    assert bridge.terminate() == 0


@pytest.mark.parametrize("wrong", ["ten years ahead", "an hour behind"])
def test_a_clock_that_goes_wrong_later(clocked: Clocked, wrong: str) -> None:
    bridge = clocked.start(0.0, WRONG[wrong]())
    assert clocked.consent() == 200
    clocked.check(bridge)
    # What waits while the clock is set goes on as if nothing had happened.
    host = clocked.world.host()
    topic = f"shelly/{clocked.silent.hex_id}/relay/0"
    told = len(clocked.peer.payloads(f"{topic}/result"))
    clocked.peer.publish(f"{topic}/set", "TOGGLE")
    wait_until(lambda: host.counters.commands >= 3, 10, "the command is under way")
    host.faults.refuse = 503
    host.drop()
    wait_until(lambda: host.counters.refused, 10, "the host is waited for")
    bridge.arm()
    host.faults.refuse = None
    wait_until(lambda: len(clocked.peer.payloads(f"{topic}/result")) > told, 10, "its end")
    wait_until(lambda: host.counters.open_now == 1, 10, "the host is back")
    assert clocked.consent() == 401
    assert "the clock of this machine says" in bridge.log
    wait_until(lambda: b'"confirmed"' in clocked.set(clocked.relay.hex_id)[-1], 20, "it is back")
    # A clock that makes each token look old costs one more, not one for each attempt.
    assert len(clocked.world.api.counters.token_requests) <= 2
    assert bridge.terminate() == 0
