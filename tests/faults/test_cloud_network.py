"""F24: names that cannot be resolved, hosts that only IPv6 reaches, and a cable that is pulled."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cloud_rig import LAMP, DetourRig, connected, look_ups, names, scale_timing, told
from tests.faults.proxy import Proxy
from tests.faults.scale import scaled, show

TWO = names(2)
HEALED = 60.0
"""Seconds within which everything is right again."""


def unknown(_host: str, _port: int) -> list[Any]:
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def by_ipv6(port: int) -> Callable[[str, int], list[Any]]:
    """What the system says of a name that has an IPv6 address only."""
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))]
    return lambda _host, _port: found


def by_ipv4(_host: str, port: int) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def error_of(rig: DetourRig, host: str) -> str:
    """The last error of a host that was told."""
    return [error for _, _, error in told(rig.peer, host) if error][-1]


@pytest.mark.timeout(500)
@pytest.mark.parametrize("starts", [True, False], ids=["at the start", "later"])
def test_names_that_cannot_be_resolved_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: bool
) -> None:
    """Delays are at their longest when names are found again, as they are after five minutes."""
    scale = scaled(0.05, 1.0)
    scale_timing(monkeypatch, scale)
    with DetourRig(
        tmp_path,
        hosts=TWO,
        system_names=True,
        reconnect__first=f"{scale}",
        reconnect__longest=f"{60 * scale}",
        integrator__api_url="https://api.shelly.cloud",
    ) as rig:
        lamps = [rig.add(LAMP, host) for host in TWO]
        if not starts:
            with look_ups(monkeypatch, by_ipv4):
                rig.start().wait_online(*lamps)
        with look_ups(monkeypatch, unknown) as asked:
            if starts:
                rig.start()
            for host in rig.world.hosts:
                host.drop()
            threading.Event().wait(scaled(6, 150))
        # Without a token hosts need not be looked for.
        assert 2 <= len(asked) <= 40
        assert connected(rig.world) == 0
        assert all(error_of(rig, host).endswith("cannot be resolved") for host in TWO)
        with look_ups(monkeypatch, by_ipv4):
            back = time.monotonic()
            rig.wait(lambda: connected(rig.world) == len(TWO), HEALED)
            show(f"healed after {time.monotonic() - back:.1f} s")
            rig.wait_online(*lamps)


def test_a_look_up_that_hangs_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timing = scale_timing(monkeypatch, 0.05)
    release = threading.Event()

    def hang(host: str, port: int) -> list[Any]:
        release.wait(30)
        return by_ipv4(host, port)

    with DetourRig(tmp_path, hosts=TWO, system_names=True) as rig:
        lamp = rig.add(LAMP)
        with look_ups(monkeypatch, by_ipv4):
            rig.start().wait_online(lamp)
        with look_ups(monkeypatch, hang) as asked:
            lost = time.monotonic()
            rig.world.host().drop()
            rig.wait(lambda: len(asked) >= 3, 20)
            assert error_of(rig, TWO[0]) == "it did not answer in time"
            # Two attempts, and the pauses after a loss and after them.
            assert time.monotonic() - lost <= 2 * timing.open_limit + 3
            assert rig.bridge.failed_parts() == []
            release.set()
        with look_ups(monkeypatch, by_ipv4):
            rig.wait(lambda: connected(rig.world) == 1, 20)
            rig.wait_online(lamp)


def test_hosts_that_only_ipv6_reaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6 or not _has_loopback():
        pytest.skip("this machine has no IPv6 loopback")
    with DetourRig(tmp_path, hosts=TWO, system_names=True) as rig:
        lamp = rig.add(LAMP)
        with Proxy(rig.world.port, "::1") as proxy, look_ups(monkeypatch, by_ipv6(proxy.port)):
            rig.start().wait_online(lamp)
            assert len(proxy.opened) == 1
            proxy.cut()
            rig.wait(lambda: len(proxy.opened) == 2)
            lamp.change(0, on=True)
            rig.wait(lambda: rig.json(f"{lamp.hex_id}/relay/0")["state"] == "ON")
            rig.stop()


def _has_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
