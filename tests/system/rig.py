"""A whole system in this process: simulated cloud, broker, bridge, and somebody who listens."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bridge import config
from bridge.app import Bridge
from bridge.config import Config
from bridge.config.example import render
from bridge.core.ids import device_from_hex
from bridge.core.model import Grant
from bridge.simulator.broker import Broker
from bridge.simulator.consent import Answer
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import Peer, wait_until

HOSTS = ("shelly-1-sim.shelly.cloud", "shelly-2-sim.shelly.cloud")


def write_config(
    world: World, port: int, directory: Path, *, integrator: bool = True, **values: str
) -> Path:
    """A configuration file for a simulated world and a broker; `__` stands for a dot."""
    file = directory / "config.yaml"
    file.touch(mode=0o600)
    given = {key.replace("__", "."): value for key, value in values.items()}
    if integrator:
        given = {**_integrator(world), **given}
    file.write_text(
        render(
            {
                "mqtt.host": "127.0.0.1",
                "mqtt.port": str(port),
                "web.public.listen": "127.0.0.1:0",
                "web.admin.listen": "127.0.0.1:0",
                "reconnect.first": "0.2",
                "data_dir": str(directory / "data"),
                **given,
            }
        )
    )
    return file


def _integrator(world: World) -> dict[str, str]:
    return {
        "integrator.tag": world.tag,
        "integrator.token": world.token,
        "integrator.api_url": world.api_url,
        "integrator.wss_port": str(world.port),
        "integrator.ca_file": str(world.ca_file),
        "integrator.trust_key_file": str(world.trust_key_file),
        "integrator.allowed_hosts": "*.shelly.cloud,localhost",
        "web.public.url": "https://bridge.example.org",
    }


def store_grants(directory: Path, devices: list[Device]) -> None:
    """Let devices be granted before the bridge starts, as after a restart."""
    with Store.open(directory / "data", exclusive=True) as store:
        for device in devices:
            identity = device.identity
            grant = Grant(
                device_from_hex(device.hex_id),
                device.host,
                device.code,
                identity.type,
                tuple(identity.names),
                device.control,
            )
            store.put_grant(grant, at=1.0)


def callback_path(directory: Path) -> str:
    """Where the consent callback is, by the registry in the data directory of a bridge."""
    with Store.open(directory / "data", exclusive=False) as store:
        return f"/consent/{store.callback_secret}"


class Rig:
    """The system; use it as a context manager. `port` is another broker's, else one is made."""

    def __init__(
        self,
        directory: Path,
        *,
        hosts: tuple[str, ...] = HOSTS[:1],
        port: int | None = None,
        integrator: bool = True,
        ports_in_urls: bool = False,
        **values: str,
    ) -> None:
        self.directory = directory
        self._stack = ExitStack()
        self.world = World(hosts, ports_in_urls=ports_in_urls)
        self._port = port
        self._integrator = integrator
        self.values = values
        """What the configuration says besides; `__` stands for a dot."""
        self.broker: Broker | None = None
        self.exit_code: int | None = None
        self.resolved: list[str] = []
        """Every host name that the bridge wanted to connect to."""

    def __enter__(self) -> Self:
        self._stack.enter_context(self.world)
        if self._port is None:
            self.broker = self._stack.enter_context(Broker())
            self._port = self.broker.port
        self.settings = self._load()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _load(self) -> Config:
        file = write_config(
            self.world, self.port, self.directory, integrator=self._integrator, **self.values
        )
        return config.load(file, {})

    @property
    def port(self) -> int:
        """The broker's."""
        assert self._port is not None
        return self._port

    def add(self, model: str, host: str | None = None, **options: Any) -> Device:
        """A device, granted before the bridge starts."""
        return self.world.add_device(model, host, **options)

    def start(self) -> Self:
        """Start the bridge, with all devices that are granted now, and somebody who listens."""
        granted = [device for device in self.world.devices if device.granted]
        store_grants(self.directory, granted)
        self.bridge = Bridge(self.settings, self._resolve)
        self._stack.callback(self.stop)
        self.peer = self._stack.enter_context(Peer(self.port, "shelly/#"))
        self.bridge.start()
        return self

    def _resolve(self, host: str, port: int) -> tuple[str, int]:
        self.resolved.append(host)
        return self.world.resolver(host, port)

    def stop(self) -> None:
        """Stop the bridge; safe twice."""
        self.exit_code = self.bridge.stop()

    # What is on the broker

    def text(self, topic: str) -> str | None:
        """The newest payload of a topic; None if there is none, or it was cleared."""
        payload = self.peer.values.get(f"shelly/{topic}")
        return payload.decode() if payload else None

    def json(self, topic: str) -> Any:
        """The same, as JSON."""
        text = self.text(topic)
        return None if text is None else json.loads(text)

    def results(self, topic: str) -> list[dict[str, Any]]:
        """Every result of a channel."""
        return [json.loads(text) for text in self.peer.payloads(f"shelly/{topic}/result")]

    def topics_of(self, device: Device) -> list[str]:
        """The retained topics of a device that are not empty."""
        prefix = f"shelly/{device.hex_id}/"
        return [
            topic
            for topic, payload in list(self.peer.values.items())
            if topic.startswith(prefix) and payload and not topic.endswith(("/result", "/event"))
        ]

    def wait(self, condition: Callable[[], object], limit: float = 10.0, what: str = "") -> None:
        """Wait until something holds."""
        wait_until(condition, limit, what)

    def wait_online(self, *devices: Device, limit: float = 10.0) -> None:
        """Wait until devices are available and their channels are there."""
        for device in devices:
            self.wait(
                lambda device=device: (  # type: ignore[misc]  # mypy and lambda defaults
                    self.text(f"{device.hex_id}/availability") == "online"
                    and self.json(f"{device.hex_id}/info")["channels"]
                ),
                limit,
                f"{device.hex_id} is online",
            )

    # What people do

    def tell(self, topic: str, payload: str | bytes, **options: Any) -> None:
        """Publish to `shelly/<topic>`."""
        self.peer.publish(f"shelly/{topic}", payload, **options)

    @property
    def callback(self) -> str:
        """The address of the consent callback."""
        port = self.bridge.ports["web-public"]
        return f"http://127.0.0.1:{port}{callback_path(self.directory)}"

    def consent(self, device: Device, *, control: bool = True) -> Answer:
        """The owner grants a device."""
        return self.world.grant_by_callback(device, self.callback, control=control)

    def withdraw(self, device: Device) -> Answer:
        """The owner takes it back."""
        return self.world.revoke_by_callback(device, self.callback)


def threads_of_the_bridge() -> list[str]:
    """The names of the bridge's threads that live now."""
    ours = ("cloud-", "web-", "http-deadline", "mqtt-scan", "mqtt-resolve")
    named = {"engine", "mqtt", "outbound", "store-writer"}
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name in named or name.startswith(ours)]
