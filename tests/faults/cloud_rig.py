"""What the tests of a cloud's faults share: connections through proxies, and what MQTT tells."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge import assembly, parts
from bridge.simulator.world import World
from bridge.sources.integrator import IntegratorSettings
from bridge.sources.timing import Timing
from tests.brokers import Peer
from tests.system.rig import Rig

LAMP = "SNSW-001P16EU"


def names(count: int) -> tuple[str, ...]:
    """So many names of cloud hosts."""
    return tuple(f"shelly-{number}-sim.shelly.cloud" for number in range(1, count + 1))


class DetourRig(Rig):
    """A system in which hosts are found elsewhere: `detours` maps a name to a port.

    With `system_names` the names are left to the system, which a test may replace.
    """

    def __init__(self, directory: Path, *, system_names: bool = False, **options: Any) -> None:
        super().__init__(directory, **options)
        self.detours: dict[str, int] = {}
        self._system_names = system_names

    def _resolve(self, host: str, port: int) -> tuple[str, int]:
        there = super()._resolve(host, port)
        if self._system_names:
            return host, there[1]
        return "127.0.0.1", self.detours.get(host, there[1])


def scale_timing(monkeypatch: pytest.MonkeyPatch, scale: float) -> Timing:
    """Let the limits of the integrator's connections be so many times as long.

    What a short connection is stays as it is: a busy machine needs its time to end one.
    """
    usual = Timing()
    timing = replace(
        usual,
        **{
            name: getattr(usual, name) * scale
            for name in (
                *("open_limit", "send_limit", "ping_interval", "silence_limit", "look"),
                *("token_limit", "answer_limit", "displaced_delay"),
            )
        },
    )
    made = assembly.integrator_settings

    def settings(*arguments: Any) -> IntegratorSettings:
        return replace(made(*arguments), timing=timing)

    monkeypatch.setattr(parts, "integrator_settings", settings)
    return timing


def told(peer: Peer, host: str) -> list[tuple[float, str, str | None]]:
    """Every state of a host that was published: when it was heard (monotonic s), state, error."""
    topic = f"shelly/bridge/hosts/{host}"
    found = []
    for message in list(peer.heard):
        if message.topic == topic and message.payload:
            document = json.loads(message.payload)
            found.append((message.timestamp, document["state"], document["error"]))
    return found


def states(peer: Peer, host: str) -> list[str]:
    """The same, without times and repetitions."""
    found: list[str] = []
    for _, state, _ in told(peer, host):
        if found[-1:] != [state]:
            found.append(state)
    return found


def first_told(peer: Peer, host: str, state: str, after: float = 0.0) -> float | None:
    """When a state of a host was first heard."""
    return next((at for at, now, _ in told(peer, host) if now == state and at >= after), None)


def connected(world: World) -> int:
    """How many connections the hosts have."""
    return sum(host.counters.open_now for host in world.hosts)


def asked_for_tokens(world: World) -> int:
    """How often a token was asked for."""
    return len(world.api.counters.token_requests)


def not_in_json(peer: Peer) -> list[bytes]:
    """What was heard with numbers that JSON does not have: infinite ones, and none at all."""
    wrong: list[bytes] = []
    for message in list(peer.heard):
        payload = bytes(message.payload)

        def look_at(text: str, payload: bytes = payload) -> float:
            number = float(text)
            if not math.isfinite(number):
                wrong.append(payload)
            return number

        # What is no JSON at all is text, such as `online`.
        with suppress(ValueError):
            json.loads(payload, parse_constant=look_at, parse_float=look_at)
    return wrong


@contextmanager
def look_ups(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, int], list[Any]]
) -> Iterator[list[str]]:
    """Replace the system's look-up of cloud hosts; gives the names that were looked up."""
    usual = socket.getaddrinfo
    asked: list[str] = []

    def look_up(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        if not str(host).endswith(".shelly.cloud"):
            found: list[Any] = usual(host, port, *arguments, **options)
            return found
        asked.append(host)
        return answer(host, port)

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", look_up)
        yield asked
