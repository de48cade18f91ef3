"""`shelly-bridge simulate device`: one device that connects to a server, with its web page."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from bridge.errors import BridgeError, StartError
from bridge.simulator.command import stopped_by_signals
from bridge.simulator.devices.base import Device
from bridge.simulator.devices.catalog import MODELS
from bridge.simulator.devices.gen2 import Gen2Device
from bridge.simulator.outbound import Unit
from bridge.simulator.outbound_http import DevicePage
from bridge.simulator.world import World
from bridge.threads import spawn

MODEL = "SNSW-001P16EU"
PORT = 8083
"""Of the device's web page."""

_REPORT_EVERY = 10.0
_WAKE_EVERY = 60.0
_ID = re.compile(r"[0-9a-fA-F]{12}", re.ASCII)


def add_parser(kinds: Any) -> None:
    """The arguments of `simulate device`."""
    parser = kinds.add_parser("device", help="one device that connects to a server by itself")
    names = sorted(model.key for model in MODELS if model.generation == "G2")
    parser.add_argument(
        "--model", default=MODEL, metavar="CODE", help=f"its model ({MODEL}): {', '.join(names)}"
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="what it connects to, ws:// or wss://; without it `enroll` can tell it",
    )
    parser.add_argument("--id", type=_hex, metavar="HEX", help="its id, 12 digits")
    parser.add_argument(
        "--http-port", type=int, default=PORT, metavar="P", help=f"its page on 127.0.0.1 ({PORT})"
    )
    parser.add_argument(
        "--password-file", type=Path, metavar="F", help="it wants the password in this file"
    )
    parser.add_argument(
        "--wake",
        type=float,
        default=_WAKE_EVERY,
        metavar="S",
        help=f"a model that sleeps wakes every S seconds ({_WAKE_EVERY:.0f})",
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="end by itself after S seconds")
    parser.set_defaults(execute=run)


def run(arguments: argparse.Namespace) -> int:
    """Simulate until SIGINT, SIGTERM or the time is up; 0, or 1 when it could not start."""
    ending = threading.Event()
    try:
        with (
            stopped_by_signals(ending),
            tempfile.TemporaryDirectory(prefix="shelly-sim-") as directory,
            World(directory=Path(directory), report_every=_REPORT_EVERY) as world,
        ):
            _simulate(arguments, world, ending)
    except (BridgeError, OSError) as error:
        sys.stderr.write(f"shelly-bridge simulate device: {error}\n")
        return 1
    return 0


def _simulate(arguments: argparse.Namespace, world: World, ending: threading.Event) -> None:
    try:
        device = world.add_device(arguments.model, hex_id=arguments.id, granted=False)
    except ValueError as error:
        raise StartError(str(error)) from None
    password = None
    if arguments.password_file is not None:
        password = arguments.password_file.read_text().rstrip("\r\n")
    unit = Unit(world, device) if isinstance(device, Gen2Device) else None
    page = DevicePage(world, device, unit, password=password, port=arguments.http_port)
    sys.stdout.write(_described(device, page, arguments.server))
    sys.stdout.flush()
    waking = None
    if unit is not None and arguments.server:
        unit.dial(arguments.server)
    if unit is not None and device.sleeps:
        waking = spawn("wake", lambda: _wake(unit, arguments.wake, ending), lambda *_: ending.set())
    ending.wait(arguments.seconds)
    ending.set()
    if waking is not None:
        waking.join(5)


def _wake(unit: Unit, seconds: float, ending: threading.Event) -> None:
    while not ending.wait(seconds):
        unit.wake()


def _described(device: Device, page: DevicePage, server: str | None) -> str:
    lines = [
        f"{device.code}, id {device.hex_id}, is simulated at {page.address}.",
        "It connects to the server that it was told."
        if server
        else f"Have it connect to the bridge: shelly-bridge enroll {page.address}",
    ]
    return "\n".join(lines) + "\n"


def _hex(text: str) -> str:
    if not _ID.fullmatch(text):
        raise argparse.ArgumentTypeError("not an id of 12 hex digits")
    return text.lower()
