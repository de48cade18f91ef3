"""What the processes under test are started with: their files, and the bridge's consents."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bridge import config
from bridge.config.example import render
from bridge.core.model import DeviceId, Grant
from bridge.simulator.cloud import SOCKET_PATH
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from bridge.store import Store

BRIDGE_TOPIC = "shelly"

_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it


def write_private(file: Path, text: str) -> Path:
    """Write a file that nobody else may read."""
    file.touch(mode=0o600)
    file.write_text(text)
    return file


def for_bridge(
    directory: Path,
    world: World,
    mqtt_port: int,
    *,
    hosts: Sequence[str],
    devices: Iterable[Device],
    web: bool,
    others: Mapping[str, str] | None = None,
) -> Path:
    """The bridge's configuration file, after its consents were put into a new registry."""
    granted = list(devices)
    # The grants name the hosts; without any, the configuration has to.
    named = () if granted else hosts
    values = _values(directory, world, mqtt_port, named, web=web) | dict(others or {})
    file = write_private(directory / "config.yaml", render(values))
    _store(config.load(file, {}).data_dir, granted)
    return file


def for_instance(
    directory: Path, world: World, mqtt_port: int, *, name: str, database: str, max_hosts: int
) -> Path:
    """The configuration file of one of several bridges that share a registry in PostgreSQL."""
    values = _values(directory, world, mqtt_port, (), web=True) | {
        "cluster.instance": name,
        "cluster.database_file": str(write_private(directory / "database", database)),
        "cluster.max_hosts": str(max_hosts),
    }
    return write_private(directory / "config.yaml", render(values))


def _values(
    directory: Path, world: World, mqtt_port: int, hosts: Sequence[str], *, web: bool
) -> dict[str, str]:
    return {
        "mqtt.host": "127.0.0.1",
        "mqtt.port": str(mqtt_port),
        "mqtt.base_topic": BRIDGE_TOPIC,
        "integrator.tag": world.tag,
        "integrator.token_file": str(write_private(directory / "token", world.token)),
        "integrator.hosts": ",".join(hosts),
        "integrator.api_url": world.api_url,
        "integrator.wss_port": str(world.port),
        "integrator.ca_file": str(world.ca_file),
        "integrator.trust_key_file": str(world.trust_key_file),
        "web.public.enabled": "true" if web else "false",
        "web.public.listen": "127.0.0.1:0",
        "web.public.url": "http://127.0.0.1",
        "web.admin.enabled": "true" if web else "false",
        "web.admin.listen": "127.0.0.1:0",
        "log.level": "warning",
        "data_dir": str(directory / "data"),
    }


def _store(data_dir: Path, devices: Iterable[Device]) -> None:
    """Each consent waits for the disk, so the registry is made in memory and moved."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as made:
        with Store.open(Path(made, "data"), exclusive=True) as store:
            for device in devices:
                store.put_grant(_grant(device), at=time.time())
        shutil.copytree(Path(made, "data"), data_dir)


def _grant(device: Device) -> Grant:
    identity = device.identity
    names = tuple(identity.names)
    return Grant(
        DeviceId(device.hex_id), device.host, device.code, identity.type, names, control=True
    )


def for_base(directory: Path, world: World, mqtt_port: int, hosts: Sequence[str]) -> Path:
    """The bare loop's file."""
    settings = {
        "mqtt_port": mqtt_port,
        "cloud_port": world.port,
        "ca_file": str(world.ca_file),
        "path": f"{SOCKET_PATH}?t={world.tokens.issue({'itg': world.tag})}",
        "hosts": list(hosts),
    }
    return write_private(directory / "base.json", json.dumps(settings))
