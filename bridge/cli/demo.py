"""`shelly-bridge demo`: see the main job at once, without account, devices or broker."""

from __future__ import annotations

import argparse
from typing import Any

from bridge.cli.options import positive
from bridge.cli.run import StopSignals


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("demo", help="a broker, a simulated cloud and the bridge")
    parser.add_argument("--hosts", type=_count, default=2, metavar="N", help="cloud hosts")
    parser.add_argument("--devices", type=_count, default=12, metavar="N")
    parser.add_argument("--rate", type=positive, metavar="EVENTS_PER_S", help="load besides")
    parser.add_argument("--seconds", type=positive, metavar="S", help="end after this time")
    parser.add_argument(
        "--mqtt", type=_address, metavar="HOST:PORT", help="use this broker; default: one inside"
    )
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run until a signal, or the time is up."""
    from bridge import demo

    wanted = demo.Wanted(
        options.hosts, options.devices, options.rate, options.seconds, options.mqtt
    )
    return demo.run(wanted, lambda line: print(line, flush=True), StopSignals().stop)  # noqa: T201 - the command's output


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError("must be from 1 to 100000")
    return number


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError("must be HOST:PORT")
    return host.strip("[]"), int(port)
