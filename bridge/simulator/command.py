"""`shelly-bridge simulate`: a Shelly world for people who develop against Shelly's APIs."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bridge.errors import BridgeError, ConnectionLost, StartError
from bridge.simulator.devices.catalog import MODELS
from bridge.simulator.world import World
from bridge.threads import spawn

PORT = 6113
"""Shelly's own port of the cloud sockets."""

_HIGHEST_PORT = 65_535
_REPORT_EVERY = 10.0
_ROUND = 5.0
"""Seconds between two attempts to grant what could not be granted before."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `simulate`."""
    parser.add_argument("--hosts", type=_count, default=1, metavar="N", help="cloud hosts (1)")
    parser.add_argument(
        "--devices", type=_count, default=len(MODELS), metavar="N", help="devices (one per model)"
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        metavar="R",
        help="numbered status events per second; without it the devices live by themselves",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="end by itself after S seconds")
    parser.add_argument(
        "--port", type=_port, default=PORT, metavar="P", help=f"port on 127.0.0.1 ({PORT})"
    )
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help="where ca.pem and trust-key.pem are written"
    )
    parser.add_argument(
        "--consent",
        type=_callback,
        metavar="URL",
        help="grant all devices: the bridge's callback, or what `consent-url` prints",
    )


def run(arguments: argparse.Namespace) -> int:
    """Simulate until SIGINT, SIGTERM or the time is up; 0, or 1 when it could not start."""
    ending = threading.Event()
    try:
        with _signals(ending), _directory(arguments.directory) as directory:
            _simulate(arguments, directory, ending)
    except (BridgeError, OSError) as error:
        sys.stderr.write(f"shelly-bridge simulate: {error}\n")
        return 1
    return 0


def _simulate(arguments: argparse.Namespace, directory: Path, ending: threading.Event) -> None:
    loaded = arguments.rate is not None
    world = World(
        host_names(arguments.hosts),
        port=arguments.port,
        directory=directory,
        report_every=None if loaded else _REPORT_EVERY,
    )
    populate(world, arguments.devices, metered=loaded)
    with world:
        sys.stdout.write(describe(world))
        sys.stdout.flush()
        granting = None
        if arguments.consent:
            granting = spawn(
                "consents",
                lambda: _grant_all(world, arguments.consent, ending),
                lambda _name, _error: ending.set(),
            )
        load = world.run_load(arguments.rate) if loaded else None
        ending.wait(arguments.seconds)
        ending.set()
        if granting is not None:
            granting.join(world.consent.timeout)
        if load is not None:
            load.stop()
            sys.stdout.write(f"{load.sent} events sent, {load.held_back} held back\n")


def host_names(count: int) -> list[str]:
    """Names that lead to this machine: `localhost`, which always does, then `*.localhost`."""
    return ["localhost", *(f"shelly-{number}.localhost" for number in range(2, count + 1))]


def populate(world: World, count: int, *, metered: bool = False) -> None:
    """Add `count` devices of all models in turn, evenly over the hosts.

    With `metered` only models that a load can use.
    """
    models = [model.key for model in MODELS]
    if metered:
        models = ["SNSW-001P16EU", "SHSW-PM", "SNSW-102P16EU:switch", "S3DM-0A101WWL"]
    hosts = world.hosts
    for number in range(count):
        world.add_device(models[number % len(models)], hosts[number % len(hosts)].name)


def describe(world: World) -> str:
    """What to put into `config.yaml` to use the world, and what to know besides."""
    hosts = [host.name for host in world.hosts]
    lines = [
        f"A Shelly world is simulated with {len(world.devices)} devices. Put into config.yaml:",
        "",
        "integrator:",
        f"  tag: {world.tag}",
        f"  token: {world.token}",
        f"  api_url: {world.api_url}",
        f"  wss_port: {world.port}",
        f"  ca_file: {world.ca_file}",
        f"  trust_key_file: {world.trust_key_file}",
        f"  allowed_hosts: [{', '.join(hosts)}]",
        f"  hosts: [{', '.join(hosts)}]",
        "",
    ]
    lost = _unknown(hosts)
    if lost:
        lines += ["This machine does not know all these names. Add to /etc/hosts:", ""]
        lines += [f"127.0.0.1 {' '.join(lost)}", ""]
    lines += [
        "The bridge learns of devices by consent callbacks: start it, then simulate with",
        "--consent URL, where URL is its callback or what `shelly-bridge consent-url` prints.",
        "",
    ]
    lines += ["The devices, each with the id in hex, the model, and the host:", ""]
    lines += [f"{device.hex_id}  {device.code}  {device.host}" for device in world.devices]
    return "\n".join(lines) + "\n"


def _unknown(hosts: Iterable[str]) -> list[str]:
    """The names that this machine cannot resolve."""
    lost = []
    for host in hosts:
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            lost.append(host)
    return lost


def _grant_all(world: World, url: str, ending: threading.Event) -> None:
    """Post the callback of every device until each was taken; the receiver may start later."""
    left = list(world.devices)
    said = ""
    while left and not ending.is_set():
        device = left[0]
        try:
            answer = world.grant_by_callback(device, url)
        except ConnectionLost as error:
            problem = str(error)
        else:
            if answer.status == 200:
                left.pop(0)
                continue
            problem = f"the consent callback was answered with HTTP {answer.status}"
        if problem != said:
            sys.stderr.write(f"{problem}; trying again every {_ROUND:.0f} s\n")
            said = problem
        ending.wait(_ROUND)
    if not left:
        sys.stdout.write(f"consent was given for {len(world.devices)} devices\n")
        sys.stdout.flush()


@contextmanager
def _signals(ending: threading.Event) -> Iterator[None]:
    """Have SIGINT and SIGTERM set `ending`."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: ending.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _directory(chosen: Path | None) -> Iterator[Path]:
    """The chosen directory, made if need be, or a temporary one."""
    if chosen is None:
        with tempfile.TemporaryDirectory(prefix="shelly-sim-") as made:
            yield Path(made)
        return
    try:
        chosen.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"cannot make {chosen}: {error.strerror}") from None
    yield chosen


def _callback(text: str) -> str:
    """The callback's address; it is taken out of the address of Shelly's consent page."""
    try:
        inner = parse_qs(urlsplit(text).query).get("cb", [text])[0]
        parts = urlsplit(inner)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError("not an address that begins with http:// or https://")
    return inner


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError("not a port")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number
