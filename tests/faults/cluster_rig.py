"""A cluster: PostgreSQL, a broker, hosts, and three bridges, one of them behind a cable."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge.core.ids import device_from_hex
from bridge.core.model import Grant
from bridge.simulator.devices.base import Device
from bridge.simulator.faults import Second
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import MosquittoProcess, free_port, wait_until
from tests.faults.cable import Cable
from tests.faults.cluster_sockets import (
    KernelView,
    Span,
    open_sockets,
    overlaps,
    served_after,
    spans,
)
from tests.faults.consents import MODEL
from tests.postgres import PostgresServer
from tests.system.process import BridgeProcess, quiet_port
from tests.system.rig import write_config

NAMES = ("one", "two", "three")
TOGETHER = 1.0
"""Seconds for which a host may have two sockets."""


def host_names(count: int) -> list[str]:
    """So many names of cloud hosts."""
    return [f"shelly-{number}-sim.shelly.cloud" for number in range(1, count + 1)]


def grant_of(device: Device) -> Grant:
    """What is stored of a consent."""
    identity = device.identity
    return Grant(
        device_from_hex(device.hex_id),
        device.host,
        device.code,
        identity.type,
        tuple(identity.names),
        device.control,
    )


def availability(discovery: bytes | None) -> set[str]:
    """The topics that a discovery message takes a device's availability from."""
    return {place["t"] for place in json.loads(discovery)["avty"]} if discovery else set()


class Instance(BridgeProcess):
    """One bridge of the cluster."""

    def __init__(self, name: str, config: Path, address: str, public: int, **options: Any) -> None:
        """`address` and `public` are where it takes consents."""
        super().__init__(config, **options)
        self.name = name
        self.public = f"http://{address}:{public}"
        self.hidden = False
        """Stopped, or behind a cable that loses everything."""

    @property
    def lives(self) -> bool:
        """Whether it runs and can be reached."""
        return not self.hidden and self.process is not None and self.process.poll() is None

    def start(self) -> Self:
        """Start it."""
        self.hidden = False
        super().start()
        return self

    def freeze(self) -> None:
        """Stop it with SIGSTOP."""
        self.hidden = True
        self.running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.running.send_signal(signal.SIGCONT)
        self.hidden = False


class Cluster:
    """The system; a context manager. With a cable the last instance is at its other end.

    Hosts bear two sockets: otherwise the newer one would end the older, and hide what is wrong.
    """

    def __init__(
        self,
        directory: Path,
        postgres_cluster: Path,
        hosts: int,
        *,
        names: Sequence[str] = NAMES,
        cable: Cable | None = None,
        **values: str,
    ) -> None:
        """`values` are of all configurations, `__` standing for a dot."""
        self.directory = directory
        self.cable = cable
        self.address = "127.0.0.1" if cable is None else cable.here
        # What is answered must survive the server's death.
        self.postgres = PostgresServer(postgres_cluster, listen=self.address, durable=True)
        self.hosts = host_names(hosts)
        self.world = World(self.hosts, address=self.address)
        for host in self.world.hosts:
            host.faults.second = Second.ALLOW
        self.instances: dict[str, Instance] = {}
        self.devices: list[Device] = []
        self.began = 0.0
        """Since when sockets are judged (monotonic s)."""
        self._names = names
        self._values = values
        self._draw = random.Random()  # noqa: S311 - which instance takes a consent
        self._stack = ExitStack()
        self._view: KernelView | None = None
        self._secret = ""

    def __enter__(self) -> Self:
        try:
            self.postgres = self._stack.enter_context(self.postgres)
            self._stack.enter_context(self.world)
            # Another listener for whoever is behind the cable.
            far = free_port()
            extra = "" if self.cable is None else f"listener {far} {self.address}"
            self.broker = self._stack.enter_context(MosquittoProcess(extra))
            if self.cable is not None:
                view = KernelView(self.cable.inside, self.world.port)
                self._view = self._stack.enter_context(view)
            for name in self._names:
                self.instances[name] = self._make(name, far, self.directory)
            self._stack.callback(self._kill)
            self.began = time.monotonic()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _make(self, name: str, far_port: int, parent: Path, **more: str) -> Instance:
        cable = self.cable if name == self._names[-1] else None
        directory = parent / name
        directory.mkdir(mode=0o700)
        database = directory / "database"
        database.touch(mode=0o600)
        database.write_text(self.postgres.address)
        address, public = ("127.0.0.1" if cable is None else cable.there), quiet_port()
        values: dict[str, Any] = {
            "mqtt__host": "127.0.0.1" if cable is None else cable.here,
            "web__public__listen": f"{address}:{public}",
            "cluster__instance": name,
            "cluster__database_file": str(database),
            **self._values,
            **more,
        }
        port = self.broker.port if cable is None else far_port
        config = write_config(self.world, port, directory, **values)
        inside = [] if cable is None else cable.inside
        far = f"{self.address}:{self.world.port}"
        return Instance(name, config, address, public, inside=inside, FAR=far)

    def _kill(self) -> None:
        for instance in self.instances.values():
            instance.kill()

    # Life.

    def add_devices(self, each: int) -> list[Device]:
        """So many granted devices at each host."""
        devices = [self.world.add_device(MODEL, host) for host in self.hosts for _ in range(each)]
        self.devices += devices
        return devices

    def start(self, *names: str) -> None:
        """Start these instances, or all, after the consents were stored."""
        with Store.connect(self.postgres.address) as store:
            for device in self.devices:
                store.put_grant(grant_of(device), at=1.0)
            self._secret = store.callback_secret
        for name in names or self._names:
            self.instances[name].start()

    def stop(self) -> None:
        """End all politely; each must end without a fault."""
        running = [one for one in self.instances.values() if one.process is not None]
        for instance in running:
            instance.running.send_signal(signal.SIGTERM)
        codes = {instance.name: instance.running.wait(15) for instance in running}
        assert set(codes.values()) == {0}, codes
        for instance in running:
            for word in ("CRITICAL", "Traceback"):
                assert word not in instance.log, f"{instance.name}: {instance.log[-3000:]}"

    def living(self) -> list[Instance]:
        """The instances that run and can be reached."""
        return [instance for instance in self.instances.values() if instance.lives]

    @property
    def far(self) -> Instance:
        """The instance behind the cable."""
        return self.instances[self._names[-1]]

    def callback(self, name: str | None = None) -> str:
        """Where this instance takes consents, or any that lives."""
        living = self.living() or list(self.instances.values())
        chosen = self._draw.choice(living) if name is None else self.instances[name]
        return f"{chosen.public}/consent/{self._secret}"

    def another(self, name: str, directory: Path, **values: str) -> Instance:
        """One more instance of this name, with `values` of its own, which does not run yet."""
        return self._make(name, self.broker.port, directory, **values)

    def stored(self) -> set[str]:
        """The hex ids of the devices that are granted."""
        with Store.connect(self.postgres.address) as store:
            return {str(grant.device) for grant in store.grants()}

    def owners(self) -> Counter[str]:
        """How many hosts each instance has, by what the registry shows."""
        rows = self.postgres.execute("SELECT instance FROM shelly_bridge.owners")
        return Counter(instance for (instance,) in rows)

    # Sockets.

    def spans(self) -> list[Span]:
        """All sockets there were."""
        far = None if self.cable is None else self.cable.there
        return spans(self.world, far, self._view)

    def overlaps(self) -> list[str]:
        """Hosts that had two for too long."""
        return overlaps(self.spans(), TOGETHER, time.monotonic())

    def sockets(self) -> dict[str, int]:
        """How many each host has now."""
        return open_sockets(self.spans(), self.hosts)

    def wait_served(self, limit: float) -> None:
        """Wait until every host has its one socket."""
        try:
            wait_until(self._is_served, limit, "one socket to each host")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.sockets()}; {self.overlaps()}") from None

    def _is_served(self) -> bool:
        for instance in self.instances.values():
            code = None if instance.process is None else instance.process.poll()
            if code == 1 and "PostgreSQL cannot be reached" in instance.log[-300:]:
                # It started just then, and a service manager does that once more.
                instance.start()
                continue
            assert code in (None, 0, -signal.SIGKILL), f"{instance.name}: {instance.log[-3000:]}"
        # A look at all sockets is dear, and this one is taken again and again.
        time.sleep(0.1)
        return set(self.sockets().values()) == {1}

    def took(self, since: float) -> float:
        """How long (s) after a moment the last host was served again."""
        return max(served_after(self.spans(), self.hosts, since).values())


def end_by_watchdog(instance: Instance, stopped: float) -> None:
    """Stop an instance for so long (s), and then kill it, as a service manager does."""
    instance.freeze()
    time.sleep(stopped)
    os.kill(instance.running.pid, signal.SIGKILL)
    instance.running.wait(10)
