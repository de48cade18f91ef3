"""F9: hosts that fall silent in every phase are given up in time, and the others go on."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.brokers import wait_until
from tests.faults.cloud_rig import LAMP, DetourRig, first_told, names, scale_timing, states
from tests.faults.proxy import Proxy, Towards
from tests.faults.scale import scaled, show

GOOD, MUTE, DRIP, HALF, NO_PONG, GONE = HOSTS = names(6)
OPEN, FRAME, PING = 15.0, 40.0, 60.0
"""Seconds within which the page wants them given up."""


@pytest.mark.timeout(180)
def test_hosts_that_fall_silent_are_given_up_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = scaled(0.1, 1.0)
    scale_timing(monkeypatch, scale)
    with ExitStack() as stack:
        rig = stack.enter_context(DetourRig(tmp_path, hosts=HOSTS, availability__grace="0.1"))
        drip = stack.enter_context(Proxy(rig.world.port))
        gone = stack.enter_context(Proxy(rig.world.port))
        rig.detours = {DRIP: drip.port, GONE: gone.port}
        drip.trickle(scale, [Towards.CLIENT])
        rig.world.host(MUTE).faults.mute = True
        rig.world.host(NO_PONG).faults.no_pong = True
        lamps = {host: rig.add(LAMP, host) for host in HOSTS}
        started = time.monotonic()
        rig.start()
        rig.wait_online(*(lamps[host] for host in (GOOD, HALF, NO_PONG, GONE)))
        begin = time.monotonic()
        rig.world.host(HALF).half_frame()
        gone.freeze()
        limits = {MUTE: OPEN, DRIP: OPEN, HALF: FRAME, GONE: FRAME, NO_PONG: PING}
        for host, limit in limits.items():
            wait_until(
                lambda host=host: first_told(rig.peer, host, "backoff"),  # type: ignore[misc]  # mypy and lambda defaults
                limit * scale + 5,
                f"{host} is given up",
            )
        found = {}
        for host, limit in limits.items():
            given_up = first_told(rig.peer, host, "backoff")
            assert given_up is not None
            found[host] = given_up - (started if limit == OPEN else begin)
            # A busy machine may be a moment late.
            assert found[host] <= limit * scale + 1
        show(str({host: round(seconds, 1) for host, seconds in found.items()}))
        assert states(rig.peer, GOOD)[-1:] == ["connected"]
        assert "backoff" not in states(rig.peer, GOOD)
        lamps[GOOD].change(0, on=True)
        rig.wait(lambda: rig.json(f"{lamps[GOOD].hex_id}/relay/0")["state"] == "ON")
        # Everything is right again when they speak.
        rig.world.host(MUTE).faults.mute = False
        rig.world.host(NO_PONG).faults.no_pong = False
        drip.heal()
        gone.heal()
        rig.wait_online(*lamps.values(), limit=60 * scale + 10)
        assert rig.bridge.failed_parts() == []


@pytest.mark.parametrize("towards", list(Towards))
def test_a_connection_that_is_half_closed_is_opened_again(tmp_path: Path, towards: Towards) -> None:
    with DetourRig(tmp_path) as rig, Proxy(rig.world.port) as proxy:
        rig.detours = {HOSTS[0]: proxy.port}
        lamp = rig.add(LAMP)
        rig.start().wait_online(lamp)
        proxy.half_close(towards)
        rig.wait(lambda: len(rig.world.host().counters.opened) == 2)
        lamp.change(0, on=True)
        rig.wait(lambda: rig.json(f"{lamp.hex_id}/relay/0")["state"] == "ON")


def test_a_reset_and_a_closed_door_are_survived(tmp_path: Path) -> None:
    with DetourRig(tmp_path, reconnect__longest="0.5") as rig, Proxy(rig.world.port) as proxy:
        rig.detours = {HOSTS[0]: proxy.port}
        lamp = rig.add(LAMP)
        rig.start().wait_online(lamp)
        proxy.refuse()
        proxy.cut()
        rig.wait(lambda: states(rig.peer, HOSTS[0]).count("backoff") >= 2)
        assert proxy.open == 0
        proxy.accept()
        rig.wait(lambda: proxy.open == 1)
        lamp.change(0, on=True)
        rig.wait(lambda: rig.json(f"{lamp.hex_id}/relay/0")["state"] == "ON")
