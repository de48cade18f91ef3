"""An exception in each thread that the bridge ever starts: it goes on, or it ends with an error.

Never is it half alive, or silent; and no command is carried out twice. Which threads there are is
asked of the running bridge, so that one that is added and not broken here fails the test.
"""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bridge.simulator.broker import Broker
from bridge.simulator.devices.base import Device
from bridge.simulator.outbound import Unit
from bridge.simulator.world import World
from tests.brokers import Peer, wait_until
from tests.system.process import BridgeProcess, quiet_port
from tests.system.rig import store_grants, write_config

RELAY = "SNSW-001P16EU"
EMAIL, PASSWORD = "somebody@example.org", "canary-password"
SECRET = "the-secret-of-the-outbound-address"
ENDS_WITHIN = 5.0
"""After an exception that ends it (s)."""


class Whole:
    """The bridge as a process with every kind of source, and what is around it."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.world = stack.enter_context(World(("localhost",), ports_in_urls=True))
        self.broker = stack.enter_context(Broker())
        self.peer = stack.enter_context(Peer(self.broker.port, "shelly/#"))
        self._stack = stack
        account = self.world.add_account(EMAIL, PASSWORD)
        self.granted = self.world.add_device(RELAY)
        self.own = self.world.add_device(RELAY, account=account)
        self.visitor = self.world.add_device(RELAY, granted=False)
        self.ports = {name: quiet_port() for name in ("outbound", "public", "admin")}
        store_grants(directory, [self.granted])

    def start(self, *places: str, every: bool = True) -> BridgeProcess:
        """Start it, and wait until all devices are there; without `every` not for the account's."""
        password = self.directory / "password"
        password.touch(mode=0o600)
        password.write_text(PASSWORD)
        config = write_config(
            self.world,
            self.broker.port,
            self.directory,
            mqtt__host="localhost",
            integrator__hosts="localhost",
            accounts__home__email=EMAIL,
            accounts__home__password_file=str(password),
            accounts__home__ca_file=str(self.world.ca_file),
            accounts__home__login_page=self.world.login_url,
            accounts__home__api_url=self.world.api_url,
            accounts__home__wss_port=str(self.world.port),
            accounts__home__allowed_hosts="localhost",
            outbound__enabled="true",
            outbound__listen=f"127.0.0.1:{self.ports['outbound']}",
            outbound__secret=SECRET,
            web__public__listen=f"127.0.0.1:{self.ports['public']}",
            web__admin__listen=f"127.0.0.1:{self.ports['admin']}",
        )
        broken = {"BREAK": ";".join(places)} if places else {}
        bridge = BridgeProcess(config, THREADS=str(self.directory / "threads"), **broken)
        self._stack.enter_context(bridge)
        self.unit = Unit(self.world, self.visitor)
        self.unit.dial(f"ws://127.0.0.1:{self.ports['outbound']}/shelly/{SECRET}")
        awaited = self.devices if every else (self.granted, self.visitor)
        wait_until(lambda: all(map(self.is_there, awaited)), 30, "the devices are there")
        return bridge

    @property
    def devices(self) -> tuple[Device, ...]:
        """One of each source."""
        return self.granted, self.own, self.visitor

    def is_there(self, device: Device) -> bool:
        """Whether its channel is published."""
        return bool(self.peer.values.get(f"shelly/{device.hex_id}/relay/0"))

    def toggle(self) -> None:
        """Tell all devices to change their output."""
        for device in self.devices:
            self.peer.publish(f"shelly/{device.hex_id}/relay/0/set", "TOGGLE")

    def happen(self) -> None:
        """Let all devices tell something, which every source has to pass on."""
        for device in self.devices:
            device.channels[0].thing.power = 7.0  # type: ignore[attr-defined]  # it measures
            with self.world.lock:
                device.publish()

    def scan(self) -> None:
        """Ask for what is retained."""
        self.peer.publish("shelly/bridge/request/retained/clean", "{}")

    def visit(self, port: str = "admin") -> int | None:
        """The HTTP status of the health page; None if there is no answer."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.ports[port]}/healthz", timeout=5
            ) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def drop(self) -> None:
        """Cut the connections to the cloud."""
        self.world.host().drop()

    def cut(self) -> None:
        """Cut the connection to the broker; the listener's is the broker's as well."""
        self.broker.cut()
        self.peer.close()


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with ExitStack() as stack:
        yield Whole(tmp_path, stack)


class Break(NamedTuple):
    """How a thread is broken: what fails in it, and what makes it come there."""

    place: str
    then: Callable[[Whole], Any] = lambda _: None


HOST, LINK = "bridge.sources.integrator_host:IntegratorHost", "bridge.sources.account_link"

DEADLY = {
    "MainThread": Break("bridge.watch:Watch.look"),
    "engine": Break("bridge.core.engine:Engine.tick"),
    "mqtt": Break("bridge.mqtt.publisher:Publisher.work"),
    "mqtt-scan": Break("bridge.mqtt.client:scan_retained", Whole.scan),
    "cloud-localhost-read": Break(f"{HOST}.frame", Whole.happen),
    "cloud-localhost-write": Break(f"{HOST}.due", Whole.drop),
    "cloud-home-read": Break(f"{LINK}:AccountLink.frame", Whole.happen),
    "cloud-home-write": Break(f"{LINK}:AccountLink.due", Whole.drop),
    "cloud-home-ask": Break("bridge.sources.account_errands:Errands._pause", Whole.drop),
    "outbound": Break("bridge.sources.outbound:OutboundSource.message", Whole.happen),
    "outbound-feed": Break("bridge.inbox:Inbox.put", Whole.happen),
    "store-writer": Break("bridge.store_writer:StoreWriter._write", Whole.happen),
    "web-public": Break("waitress.wasyncore:loop"),
    "web-admin": Break("waitress.wasyncore:loop"),
}
"""Without these threads the bridge is of no use: their end is its own."""

HARMLESS = {
    "mqtt-resolve": Break("socket:getaddrinfo", Whole.cut),
    "cloud-.*-open-aid": Break("bridge.dial:Attempt._limit", Whole.drop),
    "http-.*-aid": Break("socket:getaddrinfo"),
    "waitress-[0-9]+": Break("waitress.channel:HTTPChannel.service", Whole.visit),
    "source-stop": Break("bridge.sources.integrator:IntegratorSource.stop"),
}
"""These do one piece of work; who waits for it does without."""


def test_every_thread_is_broken_here(whole: Whole) -> None:
    bridge = whole.start()
    whole.scan()
    wait_until(lambda: "mqtt-scan" in (whole.directory / "threads").read_text())
    assert bridge.terminate() == 0
    started = set((whole.directory / "threads").read_text().split())
    known = {*DEADLY, *HARMLESS} - {"MainThread"}
    assert [name for name in started if not any(re.fullmatch(one, name) for one in known)] == []
    assert [one for one in known if not any(re.fullmatch(one, name) for name in started)] == []


@pytest.mark.parametrize("thread", DEADLY)
def test_an_exception_that_cannot_be_survived_ends_it_with_an_error(
    whole: Whole, thread: str
) -> None:
    place, then = DEADLY[thread]
    bridge = whole.start(f"{place} {thread}", every="home" in thread)
    whole.toggle()
    bridge.arm()
    then(whole)
    wait_until(lambda: "broken" in bridge.log, 15, "it is broken")
    broken = time.monotonic()
    assert bridge.running.wait(20) == 1
    assert time.monotonic() - broken <= ENDS_WITHIN
    assert "ZeroDivisionError: broken on purpose" in bridge.log
    assert max(map(toggled, whole.devices)) <= 1


def test_what_does_one_piece_of_work_may_fail_at_it(whole: Whole) -> None:
    places = [f"{each.place} {thread}" for thread, each in HARMLESS.items()]
    bridge = whole.start(*places).arm()
    for each in HARMLESS.values():
        each.then(whole)
    expected = [thread for thread in HARMLESS if thread != "source-stop"]
    wait_until(lambda: all(f"broken {each}" in bridge.log for each in expected), 20, "all broke")
    with Peer(whole.broker.port, "shelly/#") as whole.peer:
        wait_until(lambda: whole.visit() == 200, 20, "all is well again")
        whole.toggle()
        wait_until(lambda: all(map(toggled, whole.devices)), 20, "commands are carried out")
        # A source that fails at its end costs the others nothing.
        assert bridge.terminate() == 1
        wait_until(lambda: whole.peer.values["shelly/bridge/state"] == b"offline")
    assert bridge.log.count("ZeroDivisionError: broken on purpose") == len(HARMLESS)
    assert [toggled(device) for device in whole.devices] == [1, 1, 1]


def toggled(device: Device) -> int:
    """How often a device was told to change its output."""
    return sum("oggle" in f"{order.cmd} {order.params}" for order in device.received)
