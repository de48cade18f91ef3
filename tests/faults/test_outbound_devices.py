"""Devices that connect to the bridge, in masses or with bad intent: nobody else notices.

Whoever does something bad here knows the secret of the address; who does not gets no further than
the door. (F22, A10.)
"""

from __future__ import annotations

import json
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from bridge.core.visitors import MOST_PENDING
from bridge.simulator.outbound import Unit
from bridge.simulator.world import World
from bridge.sources import outbound_allowance
from tests.brokers import MosquittoProcess, Peer, wait_until
from tests.faults.devices import Stranger, frame, notification
from tests.faults.scale import scaled, show
from tests.sources.dialer import Dialer, Dialers
from tests.system.process import BridgeProcess, quiet_port
from tests.system.rig import write_config

pytestmark = pytest.mark.mosquitto

SECRET = "the-secret-of-the-outbound-address"
ELSEWHERE = "127.0.0.2"
"""Where those are who mean no good."""

MEASURED = scaled(2, 60)
"""Seconds for which others are watched meanwhile."""

SLOW = 5.0
"""What a command may take at the most on a machine that is busy with other tests (s)."""


class House:
    """The bridge, its broker, and one device that does nothing wrong."""

    def __init__(self, directory: Path, **values: str) -> None:
        self.port = quiet_port()
        self._directory = directory
        self._stack = ExitStack()
        self._values = {
            "outbound.enabled": "true",
            "outbound.listen": f"127.0.0.1:{self.port}",
            "outbound.secret": SECRET,
            "commands.min_interval": "0",
            "web.admin.enabled": "false",
            **values,
        }
        self._number = 0

    def __enter__(self) -> Self:
        enter = self._stack.enter_context
        self.world = enter(World(["localhost"]))
        broker = enter(MosquittoProcess())
        file = write_config(
            self.world, broker.port, self._directory, integrator=False, **self._values
        )
        self.bridge = enter(BridgeProcess(file))
        self._broker = broker.port
        self.peer = self.listen("shelly/bridge/#")
        self.wait(lambda: b'"connected"' in self.told("bridge/hosts/outbound"))
        self.good = Unit(self.world, self.world.add_device("SNSW-001P16EU", granted=False))
        self.ear = self.listen(f"shelly/{self.good.device.hex_id}/#")
        self.good.dial(self.url)
        if "outbound.approve" in self._values:
            self.approve(self.good.device.hex_id)
        self.wait(lambda: f"{self._root}/relay/0" in self.ear.values)
        self.command()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/shelly/{SECRET}"

    @property
    def _root(self) -> str:
        return f"shelly/{self.good.device.hex_id}"

    def listen(self, topic: str) -> Peer:
        return self._stack.enter_context(Peer(self._broker, topic))

    def told(self, topic: str) -> bytes:
        return self.peer.values.get(f"shelly/{topic}", b"")

    def wait(self, condition: Callable[[], object], limit: float = 30.0) -> None:
        wait_until(condition, limit)

    def approve(self, hex_id: str) -> None:
        self.wait(lambda: hex_id.encode() in self.told("bridge/devices"))
        self.peer.publish("shelly/bridge/request/device/approve", hex_id)

    def finals(self) -> list[dict[str, Any]]:
        """The results that end a command to the good device."""
        results = map(json.loads, self.ear.payloads(f"{self._root}/relay/0/result"))
        return [result for result in results if result["stage"] != "accepted"]

    def command(self) -> float:
        """Switch the good device; how long that took from MQTT to MQTT (s)."""
        self._number += 1
        state = "ON" if self._number % 2 else "OFF"
        begin = time.monotonic()
        body = json.dumps({"state": state, "id": self._number})
        self.ear.publish(f"{self._root}/relay/0/set", body)
        self.wait(lambda: len(self.finals()) == self._number)
        result = self.finals()[-1]
        assert (result["id"], result["status"], result["stage"]) == (
            self._number,
            "ok",
            "confirmed",
        )
        return time.monotonic() - begin

    def watch(self, seconds: float = MEASURED) -> tuple[list[float], float]:
        """How long commands take for a while, and the most memory meanwhile (MiB)."""
        times: list[float] = []
        most = 0.0
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(times) < 5:
            times.append(self.command())
            most = max(most, self.bridge.memory)
            time.sleep(0.05)
        return times, most

    def assert_undisturbed(self, before: float, grown: float) -> None:
        """The good device answers as ever, and memory stays below what it may be."""
        times, most = self.watch()
        typical, slowest = statistics.median(times), max(times)
        show(
            f"{len(times)} commands: p50 {typical * 1e3:.0f} ms, slowest {slowest * 1e3:.0f} ms; "
            f"memory +{most - before:.1f} MiB"
        )
        assert typical < SLOW
        assert most - before < grown
        assert self.good.opened == 1
        assert self.bridge.running.poll() is None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made


@contextmanager
def attack(round_of_it: Callable[[], bool]) -> Iterator[None]:
    """Something bad is done all the while; a round tells whether it got anything done."""
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                done = round_of_it()
            except AssertionError:
                # What is waited for never comes when the house is closed already.
                if not over.is_set():
                    raise
                return
            if not done:
                over.wait(0.01)

    thread = threading.Thread(target=run, name="attack")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


class Crowd:
    """Connections that each say to be another device, all from one address."""

    def __init__(self, house: House, count: int, say: Callable[[str, int], bytes]) -> None:
        self._house = house
        self._say = say
        self._number = 0
        self._ids = [f"b8{number:010x}" for number in range(count)]
        self.members: dict[str, Stranger] = {}

    def __enter__(self) -> Self:
        for hex_id in self._ids:
            self.members[hex_id] = Stranger(self._house.port, SECRET, ELSEWHERE)
        return self

    def __exit__(self, *_: object) -> None:
        for stranger in self.members.values():
            stranger.close()

    def __call__(self) -> bool:
        busy = False
        for hex_id, stranger in self.members.items():
            if stranger.is_done:
                self._number += 1
                stranger.left = memoryview(self._say(hex_id, self._number))
            busy |= stranger.push()
            stranger.read()
        return busy


def value(hex_id: str, number: int) -> bytes:
    """What a plug tells all the time."""
    part = {"switch:0": {"id": 0, "apower": number}}
    return notification(hex_id, "NotifyStatus", **part)


def components(hex_id: str, number: int) -> bytes:
    """More components than any device has, all of which change."""
    parts = {f"switch:{each}": {"id": each, "output": number % 2 == 0} for each in range(1_000)}
    return notification(hex_id, "NotifyStatus", **parts)


def members(hex_id: str, number: int) -> bytes:
    """New members all the time."""
    parts = {f"c{each}:0": {f"m{number}-{m}": m for m in range(8)} for each in range(200)}
    return notification(hex_id, "NotifyStatus", **parts)


def test_a_device_that_floods_slows_nobody_but_itself(house: House) -> None:
    before = house.bridge.memory
    with Crowd(house, 1, value) as crowd, attack(crowd):
        house.assert_undisturbed(before, 15.0)


@pytest.mark.parametrize("say", [value, components, members])
def test_many_invented_devices_slow_nobody_together(
    house: House, say: Callable[[str, int], bytes]
) -> None:
    before = house.bridge.memory
    with Crowd(house, int(scaled(100, 250)), say) as crowd, attack(crowd):
        house.assert_undisturbed(before, 50.0)


def test_invented_ids_come_to_an_end(house: House) -> None:
    before, most = house.bridge.memory, int(outbound_allowance.NEWCOMERS.most)
    tried = 0

    def invent() -> bool:
        nonlocal tried
        tried += 1
        stranger = Stranger(house.port, SECRET, ELSEWHERE)
        stranger.push(value(f"b8{tried:010x}", tried))
        last.append(stranger)
        if len(last) > 50:
            last.pop(0).close()
        return True

    last: list[Stranger] = []
    with attack(invent):
        house.wait(lambda: tried > most + 300)
        house.assert_undisturbed(before, 50.0)
    for stranger in last:
        stranger.close()
    listed = json.loads(house.told("bridge/devices"))
    assert 1 < len(listed) <= most + 10
    assert "too many different devices have come from its address" in house.bridge.log


def test_a_thief_at_the_address_of_a_device_disturbs_no_other(tmp_path: Path) -> None:
    """As it may be the device itself that comes back, the newest wins, and it is told."""
    with House(tmp_path, **{"commands.timeout": str(SLOW)}) as house:
        _steal_beside(house)


def _steal_beside(house: House) -> None:
    before = house.bridge.memory
    victim = Unit(house.world, house.world.add_device("SNSW-001P16EU", granted=False))
    root = f"shelly/{victim.device.hex_id}"
    ear = house.listen(f"{root}/#")
    victim.dial(house.url)
    house.wait(lambda: f"{root}/relay/0" in ear.values)

    def steal() -> bool:
        with Stranger(house.port, SECRET) as thief:
            opened = victim.opened
            thief.push(value(victim.device.hex_id, 5))
            wait_until(lambda: victim.opened > opened, 30)
        return True

    with attack(steal):
        for number in range(10):
            ear.publish(f"{root}/relay/0/set", json.dumps({"state": "ON", "id": number}))
        house.assert_undisturbed(before, 15.0)

        def ended() -> list[int]:
            results = map(json.loads, ear.payloads(f"{root}/relay/0/result"))
            return [result["id"] for result in results if result["stage"] != "accepted"]

        house.wait(lambda: len(ended()) >= 10)
    assert sorted(ended()) == list(range(10))
    assert "two connections take turns" in house.bridge.log


# F22


def crowd_of(dialers: Dialers, house: House, count: int) -> list[Dialer]:
    return [dialers.add(house.url, f"c8032a{number:06x}") for number in range(count)]


def all_told(crowd: list[Dialer], times: int) -> bool:
    return all(len(device.calls("Shelly.GetStatus")) >= times for device in crowd)


def test_two_hundred_devices_come_back_at_once_past_handshakes_that_never_end(
    house: House,
) -> None:
    before = house.bridge.memory
    ear = house.listen("shelly/+/availability")
    with Dialers() as dialers, ExitStack() as halves:
        crowd = crowd_of(dialers, house, 200)
        begin = time.monotonic()
        for device in crowd:
            device.dial()
        house.wait(lambda: all_told(crowd, 1))
        first = time.monotonic() - begin
        house.wait(lambda: list(ear.values.values()).count(b"online") == 201)
        shown = time.monotonic() - begin
        for _ in range(200):
            half = socket.create_connection(
                ("127.0.0.1", house.port), 10, source_address=(ELSEWHERE, 0)
            )
            halves.enter_context(half).sendall(b"GET /shelly/")
        begin = time.monotonic()
        for device in crowd:
            device.drop()
        command = house.command()
        house.wait(lambda: all_told(crowd, 2))
        again = time.monotonic() - begin
        show(f"first {first:.2f} s, shown {shown:.2f} s, again {again:.2f} s, {command=:.3f} s")
        assert again < 5.0
        house.assert_undisturbed(before, 30.0)
        assert b"offline" not in ear.values.values()
        assert {device.opened for device in crowd} == {2}


def test_a_device_that_never_reads_is_alone_with_that(house: House) -> None:
    before = house.bridge.memory
    with Dialers() as dialers:
        crowd = crowd_of(dialers, house, 199)
        for device in crowd:
            device.dial()
        house.wait(lambda: all_told(crowd, 1))
        with Stranger(house.port, SECRET, ELSEWHERE) as deaf:
            # It says who it is, has itself pinged in answer to every frame, and reads nothing.
            ask = b'{"src":"shellyplus1-b80000000001","id":"%b","method":"x"}' % (b"x" * 4_000)
            with attack(lambda: deaf.push(frame(ask))):
                house.assert_undisturbed(before, 40.0)
        assert all(device.opened == 1 for device in crowd)


# A10


def test_the_id_of_a_live_device_is_refused_from_elsewhere(house: House) -> None:
    hex_id = house.good.device.hex_id
    with Stranger(house.port, SECRET, ELSEWHERE) as thief:
        thief.push(notification(hex_id, "NotifyStatus", **{"switch:0": {"id": 0, "apower": 999}}))
        house.wait(lambda: "somebody connects as the device" in house.bridge.log)
        house.wait(lambda: (thief.read(), not thief.is_open)[1])
    house.command()
    assert house.good.opened == 1
    assert json.loads(house.ear.values[f"shelly/{hex_id}/relay/0"])["power"] != 999


def test_a_thousand_connections_and_foreign_answers_change_nothing(house: House) -> None:
    before = house.bridge.memory
    hex_id = house.good.device.hex_id
    source = f"shellyplus1pm-{hex_id}"
    with ExitStack() as stack:
        for _ in range(1_000):
            half = socket.create_connection(
                ("127.0.0.1", house.port), 10, source_address=(ELSEWHERE, 0)
            )
            stack.enter_context(half)
        other = stack.enter_context(Stranger(house.port, SECRET, ELSEWHERE))
        other.push(value("b80000000001", 1))

        def answer() -> bool:
            foreign = b"".join(
                frame({"id": number, "src": name, "result": {}})
                for number in range(1, 9)
                for name in (source, "shellyplus1pm-b80000000001")
            )
            other.read()
            return other.push(foreign)

        with attack(answer):
            house.assert_undisturbed(before, 40.0)
    assert "an answer to nothing that was asked" in house.bridge.log
    assert "in the name of another" in house.bridge.log


def test_an_unknown_id_waits_and_what_waits_has_an_end(tmp_path: Path) -> None:
    with House(tmp_path, **{"outbound.approve": "manual"}) as house:
        before = house.bridge.memory
        everything = house.listen("shelly/#")
        with Crowd(house, MOST_PENDING + 50, value) as crowd, attack(crowd):
            house.wait(lambda: house.told("bridge/devices").count(b'"b8') >= MOST_PENDING)
            house.assert_undisturbed(before, 30.0)
            listed = json.loads(house.told("bridge/devices"))
        assert len(listed) <= MOST_PENDING + 1
        assert all(each["pending"] for each in listed if each["id"].startswith("b8"))
        assert not [topic for topic in everything.values if topic.startswith("shelly/b8")]
