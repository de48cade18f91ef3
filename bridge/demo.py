"""A whole world in one process: broker, simulated Shelly cloud, and the bridge between them."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bridge import config, log
from bridge.app import Bridge
from bridge.config import Config
from bridge.config.example import render
from bridge.errors import StartError
from bridge.simulator.broker import Broker
from bridge.simulator.devices.base import Device
from bridge.simulator.outbound import Unit
from bridge.simulator.world import World
from bridge.store import Store

MODELS = (
    "SNSW-001P16EU",
    "SNSW-102P16EU:cover",
    "SHSW-25:relay",
    "S3DM-0A101WWL",
    "SHSW-25:roller",
    "SNDC-0D4P10WW:rgbw",
    "SHRGBW2:color",
    "SNSN-0024X",
    "SPEM-003CEBEU",
    "SHSW-PM",
    "SNSN-0013A",
    "SBHT-003C",
)
"""What the demo's home has, in this order and over again."""

_READ_ONLY, _OFFLINE = 9, 11
"""Every so many-th device may only be read, or is offline."""

UNSHARED = ("SNSW-001P16EU", "SHSW-PM")
"""Devices whose owner has not shared them yet."""

OF_THE_ACCOUNT = ("SNSW-001P16EU", "SHSW-25:roller")
"""Devices of an account that nobody has logged in to yet."""

LOCAL = "S3SW-001P16EU"
"""A device that connects to the bridge by itself, and waits to be let in."""

EMAIL, PASSWORD = "demo@example.org", "demo"

_REPORT_EVERY = 5.0
_MQTT_PORT = 1883


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the bridge listens; its addresses stand in the configuration, so none is 0."""

    public: int
    admin: int
    outbound: int


_USUAL = Ports(8090, 8080, 8082)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the demo is to show; `rate` is events/s, `mqtt` a broker that is there already."""

    hosts: int = 2
    devices: int = 12
    rate: float | None = None
    seconds: float | None = None
    mqtt: tuple[str, int] | None = None


def run(wanted: Wanted, tell: Callable[[str], None], started: Callable[[Bridge], None]) -> int:
    """Run until the bridge is asked to stop or the time is up; gives the exit code.

    `tell` prints a line; `started` is given the bridge as soon as it runs.
    """
    names = [f"shelly-{number}-sim.shelly.cloud" for number in range(1, wanted.hosts + 1)]
    with ExitStack() as stack:
        broker = wanted.mqtt or ("127.0.0.1", stack.enter_context(_own_broker()).port)
        world = stack.enter_context(World(names, report_every=_REPORT_EVERY))
        prefix = "shelly-bridge-demo-"
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        # That nobody has logged in to the account yet is no news.
        log.configure("error", "text", [world.token])
        bridge, settings = _make_bridge(world, broker, directory)
        try:
            bridge.start()
            started(bridge)
            devices = furnish(world, wanted.devices)
            give_consent(world, devices, callback_url(bridge, settings))
            add_others(world, bridge, settings)
            if wanted.rate:
                world.run_load(wanted.rate, seconds=wanted.seconds)
            for line in _instructions(broker, bridge, devices):
                tell(line)
            bridge.wait(wanted.seconds)
            tell("stopping …")
        finally:
            code = bridge.stop()
    return code


def _make_bridge(world: World, broker: tuple[str, int], directory: Path) -> tuple[Bridge, Config]:
    """A bridge with its pages on the usual ports, or on others if somebody has one of these."""
    settings = configure(world, broker, directory, _USUAL)
    try:
        return Bridge(settings, world.resolver), settings
    except StartError:
        settings = configure(world, broker, directory, _free_ports())
        return Bridge(settings, world.resolver), settings


def _free_ports() -> Ports:
    """Ports that nobody listened on a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        return Ports(*(each.getsockname()[1] for each in sockets))


def configure(world: World, broker: tuple[str, int], directory: Path, ports: Ports) -> Config:
    """A configuration for a simulated world, with its files in `directory`."""
    token_file = directory / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(world.token)
    file = directory / "config.yaml"
    file.touch(mode=0o600)
    file.write_text(
        render(
            {
                "mqtt.host": broker[0],
                "mqtt.port": str(broker[1]),
                "integrator.tag": world.tag,
                "integrator.token_file": str(token_file),
                "integrator.api_url": world.api_url,
                "integrator.wss_port": str(world.port),
                "integrator.ca_file": str(world.ca_file),
                "integrator.trust_key_file": str(world.trust_key_file),
                "integrator.consent_page": world.consent_url,
                "accounts.home.ca_file": str(world.ca_file),
                "accounts.home.login_page": world.login_url,
                "outbound.enabled": "true",
                "outbound.listen": f"127.0.0.1:{ports.outbound}",
                "outbound.approve": "manual",
                "web.public.listen": f"127.0.0.1:{ports.public}",
                "web.public.url": f"http://127.0.0.1:{ports.public}",
                "web.admin.listen": f"127.0.0.1:{ports.admin}",
                "data_dir": str(directory / "data"),
            }
        )
    )
    return config.load(file, {})


def furnish(world: World, count: int) -> list[Device]:
    """Put devices of many models on the world's hosts, not yet granted to anybody."""
    names = [host.name for host in world.hosts]
    return [
        world.add_device(
            MODELS[number % len(MODELS)],
            names[number % len(names)],
            online=number % _OFFLINE != _OFFLINE - 1,
            control=number % _READ_ONLY != _READ_ONLY - 1,
            granted=False,
        )
        for number in range(count)
    ]


def give_consent(world: World, devices: list[Device], url: str) -> None:
    """Let the owners grant their devices, as Shelly's cloud tells us; raises `StartError`."""
    for device in devices:
        answer = world.grant_by_callback(device, url, control=device.control)
        if answer.status != 200:
            raise StartError(f"the consent callback answered {answer.status}")


def add_others(world: World, bridge: Bridge, settings: Config) -> None:
    """What somebody can add on the status page: by consent, by login, by letting it in."""
    for model in UNSHARED:
        world.add_device(model, granted=False)
    account = world.add_account(EMAIL, PASSWORD)
    for model in OF_THE_ACCOUNT:
        world.add_device(model, account=account)
    with Store.open(settings.data_dir, exclusive=False) as store:
        secret = store.outbound_secret
    port = bridge.ports["outbound"]
    unit = Unit(world, world.add_device(LOCAL, granted=False))
    unit.dial(f"ws://127.0.0.1:{port}/shelly/{secret}")


def callback_url(bridge: Bridge, settings: Config) -> str:
    """The address of the bridge's own consent callback."""
    with Store.open(settings.data_dir, exclusive=False) as store:
        return f"http://127.0.0.1:{bridge.ports['web-public']}/consent/{store.callback_secret}"


def _instructions(broker: tuple[str, int], bridge: Bridge, devices: list[Device]) -> Iterator[str]:
    host, port = broker
    at = f"-p {port}" if host in ("127.0.0.1", "localhost") else f"-h {host} -p {port}"
    yield f"{len(devices)} simulated Shelly devices are on MQTT at {host}:{port}."
    yield f"Status page: http://127.0.0.1:{bridge.ports['web-admin']}/"
    yield f"  (its account is {EMAIL} with the password {PASSWORD})"
    yield "Try, in another terminal:"
    yield f"  mosquitto_sub {at} -v -t 'shelly/#'"
    for number, kind, word in ((0, "relay", "ON"), (1, "roller", "CLOSE"), (3, "light", "ON")):
        if number < len(devices):
            topic = f"shelly/{devices[number].hex_id}/{kind}/0"
            yield f"  mosquitto_pub {at} -t {topic}/set -m {word}"
    yield "Ctrl-C ends it."


@contextmanager
def _own_broker() -> Iterator[Broker]:
    """The embedded broker, on the usual port or, if somebody has that, on any."""
    broker = Broker(port=_MQTT_PORT)
    try:
        broker.start()
    except OSError:
        broker = Broker()
        broker.start()
    try:
        yield broker
    finally:
        broker.stop()
