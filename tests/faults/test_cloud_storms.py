"""F12 and F13: many hosts at once, and tokens that are refused or not given.

What ten minutes of refusals cost is calculated in tests/sources/test_token.py.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.faults import TokenAnswer
from bridge.simulator.world import World
from tests.brokers import Peer, wait_until
from tests.faults.cloud_rig import (
    LAMP,
    DetourRig,
    asked_for_tokens,
    connected,
    names,
    states,
    told,
)
from tests.faults.scale import scaled, show
from tests.system.process import BridgeProcess
from tests.system.rig import store_grants, write_config

MANY = 100
TWO = names(2)
SIXTEEN = names(16)


def wait_back(world: World, lost: float) -> list[float]:
    """Wait until all hosts are connected again; when each was, in order."""
    wait_until(
        lambda: all(host.counters.opened[-1] > lost for host in world.hosts), 60, "all are back"
    )
    return sorted(host.counters.opened[-1] for host in world.hosts)


@pytest.mark.timeout(180)
def test_a_hundred_hosts_that_are_lost_at_once_come_back_one_by_one(tmp_path: Path) -> None:
    """F12: no storm of connections, and one token for all of them."""
    hosts = names(MANY)
    with ExitStack() as stack:
        world = stack.enter_context(World(hosts))
        broker = stack.enter_context(Broker())
        lamp = world.add_device(LAMP, hosts[-1])
        store_grants(tmp_path, [lamp])
        config = write_config(
            world,
            broker.port,
            tmp_path,
            integrator__hosts=",".join(hosts),
            reconnect__first="1",
        )
        peer = stack.enter_context(Peer(broker.port, "shelly/#"))
        bridge = stack.enter_context(BridgeProcess(config))
        wait_until(lambda: connected(world) == MANY, 60, "all hosts are open")
        wait_until(lambda: peer.values.get(f"shelly/{lamp.hex_id}/relay/0"), 10)
        for again in range(int(scaled(1, 3))):
            # Two short connections in a row would look as if somebody else took the place.
            threading.Event().wait(11 if again else 0)
            lost = time.monotonic()
            for host in world.hosts:
                host.drop()
            back = wait_back(world, lost)
            show(f"first after {back[0] - lost:.1f} s, all within {back[-1] - back[0]:.1f} s")
            assert back[0] - lost >= 0.5
            assert back[-1] - back[0] >= 5
        assert asked_for_tokens(world) == 1
        assert all(host.counters.most_open == 1 for host in world.hosts)
        assert bridge.terminate() == 0


def test_a_host_that_takes_no_token_troubles_no_other(tmp_path: Path) -> None:
    """Hosts differ: what one refuses, others take."""
    with DetourRig(tmp_path, hosts=SIXTEEN, reconnect__longest="0.5") as rig:
        bad, others = rig.world.hosts[0], rig.world.hosts[1:]
        bad.faults.refuse = 401
        lamps = [rig.add(LAMP, host.name) for host in rig.world.hosts]
        rig.start().wait_online(*lamps[1:])
        rig.wait(lambda: "auth_required" in states(rig.peer, bad.name), 15)
        assert asked_for_tokens(rig.world) <= 3
        for host in others:
            host.drop()
        rig.wait(lambda: all(len(host.counters.opened) == 2 for host in others))
        error = next(text for _, state, text in told(rig.peer, bad.name) if state != "connecting")
        assert error is not None
        for host in others:
            assert "auth_required" not in states(rig.peer, host.name)
        asked = asked_for_tokens(rig.world)
        assert asked <= 3
        # It is taken again as soon as it takes what the others take.
        bad.faults.refuse = None
        rig.tell("bridge/request/host/reconnect", f'{{"id": "{bad.name}"}}')
        rig.wait_online(lamps[0], limit=30)
        assert asked_for_tokens(rig.world) == asked


def test_a_token_that_expired_is_replaced_once_for_all(tmp_path: Path) -> None:
    """F13: 401 on connect."""
    with DetourRig(tmp_path, hosts=SIXTEEN) as rig:
        lamps = [rig.add(LAMP, host.name) for host in rig.world.hosts]
        rig.start().wait_online(*lamps)
        rig.world.tokens.revoke_all()
        for host in rig.world.hosts:
            host.drop()
        rig.wait(lambda: all(len(host.counters.opened) == 2 for host in rig.world.hosts), 20)
        rig.wait_online(*lamps)
        assert asked_for_tokens(rig.world) == 2


@pytest.mark.timeout(500)
def test_without_tokens_open_connections_stay_and_the_cloud_is_not_hammered(tmp_path: Path) -> None:
    """F13: the token endpoint fails while one host has to be connected anew."""
    with DetourRig(tmp_path, hosts=TWO, reconnect__longest="1") as rig:
        first, second = rig.world.hosts
        here, there = rig.add(LAMP, first.name), rig.add(LAMP, second.name)
        rig.start().wait_online(here, there)
        rig.world.tokens.revoke_all()
        rig.world.api.faults.token = TokenAnswer.ERROR_500
        lost = time.monotonic()
        second.drop()
        seconds = scaled(6, 240)
        load = rig.world.run_load(20, devices=[here], seconds=seconds)
        assert load.wait(seconds + 10)
        energy = pytest.approx(load.number(here) / 1000)
        rig.wait(lambda: rig.json(f"{here.hex_id}/relay/0")["energy"] == energy)
        asked = asked_for_tokens(rig.world) - 1
        show(f"{asked} questions in {time.monotonic() - lost:.0f} s")
        # 2, 4, 8 … 120 s apart, less a quarter.
        assert 2 <= asked <= scaled(4, 9)
        assert len(first.counters.opened) == 1
        error = told(rig.peer, second.name)[-1][2] or ""
        assert "HTTP 500" in error
        rig.world.api.faults.token = TokenAnswer.GOOD
        rig.tell("bridge/request/host/reconnect", f'{{"id": "{second.name}"}}')
        rig.wait_online(there, limit=180)
