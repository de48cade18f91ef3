"""`shelly-bridge simulate`: a Shelly world for people who develop against Shelly's APIs."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bridge.errors import BridgeError, ConnectionLost, StartError
from bridge.simulator.certificates import write_private
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
        "--directory",
        type=Path,
        metavar="DIR",
        help="where ca.pem, trust-key.pem and passwords are written",
    )
    parser.add_argument(
        "--consent",
        type=_callback,
        metavar="URL",
        help="grant all devices: the bridge's callback, or what `consent-url` prints",
    )
    parser.add_argument(
        "--account",
        type=_account,
        action="append",
        default=[],
        metavar="EMAIL[=FILE]",
        help="a Shelly account that owns devices, several times for several; FILE holds its "
        "password, else one is made up and kept in DIR",
    )


def run(arguments: argparse.Namespace) -> int:
    """Simulate until SIGINT, SIGTERM or the time is up; 0, or 1 when it could not start."""
    ending = threading.Event()
    try:
        with stopped_by_signals(ending), _directory(arguments.directory) as directory:
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
        ports_in_urls=True,
    )
    files = [
        _add_account(world, number, email, file)
        for number, (email, file) in enumerate(arguments.account)
    ]
    populate(world, arguments.devices, metered=loaded)
    with world:
        sys.stdout.write(describe(world, files))
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

    They belong to the accounts at their host in turn, if there are any, and can be granted to the
    integrator all the same. With `metered` only models that a load can use.
    """
    models = [model.key for model in MODELS]
    if metered:
        models = ["SNSW-001P16EU", "SHSW-PM", "SNSW-102P16EU:switch", "S3DM-0A101WWL"]
    hosts = world.hosts
    accounts = {
        host.name: [account for account in world.accounts if account.host == host.name]
        for host in hosts
    }
    for number in range(count):
        host = hosts[number % len(hosts)].name
        owners = accounts[host]
        owner = owners[number // len(hosts) % len(owners)] if owners else None
        world.add_device(models[number % len(models)], host, account=owner, granted=True)


def _add_account(world: World, number: int, email: str, file: Path | None) -> Path:
    """Add an account; gives the file with its password, which is made if need be."""
    chosen = file or world.directory / f"account-{number + 1}-password"
    password = _password(chosen) if file is not None or chosen.exists() else None
    hosts = world.hosts
    host = hosts[number % len(hosts)].name
    try:
        account = world.add_account(email, password, host=host)
    except ValueError as error:
        raise StartError(str(error)) from None
    if password is None:
        write_private(chosen, f"{account.password}\n".encode())
    return chosen


def _password(file: Path) -> str:
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise StartError(f"cannot read {file}: {reason}") from None
    if not password:
        raise StartError(f"{file} holds no password")
    return password


def describe(world: World, password_files: Sequence[Path] = ()) -> str:
    """What to put into `config.yaml` to use the world, and what to know besides.

    `password_files` are those of the accounts, in their order.
    """
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
    if password_files:
        lines += _describe_accounts(world, password_files)
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


def _describe_accounts(world: World, password_files: Sequence[Path]) -> Iterator[str]:
    accounts = list(zip(world.accounts, password_files, strict=True))
    yield "accounts:"
    for number, (account, file) in enumerate(accounts):
        yield f"  - name: account-{number + 1}"
        yield f"    email: {account.email}"
        yield f"    password_file: {file}"
        yield f"    api_url: {world.api_url}"
        yield f"    wss_port: {world.port}"
        yield f"    ca_file: {world.ca_file}"
        yield f"    allowed_hosts: [{account.host}]"
        yield f"    login_page: {world.login_url}"
    yield from ("", f"The page where people log in to these accounts is {world.login_url}", "")


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
def stopped_by_signals(ending: threading.Event) -> Iterator[None]:
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


def _account(text: str) -> tuple[str, Path | None]:
    """E-mail, and the file with the password if one is named."""
    email, given, file = text.partition("=")
    name, at, domain = email.partition("@")
    good = name and at and domain and email.isprintable() and " " not in email
    if not good or (given and not file):
        raise argparse.ArgumentTypeError("not an e-mail address, or one with =FILE")
    return email, Path(file) if file else None


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
