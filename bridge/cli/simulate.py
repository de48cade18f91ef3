"""`shelly-bridge simulate`: only the simulated Shelly world."""

from __future__ import annotations

import argparse
from typing import Any


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "simulate", help="run a simulated Shelly cloud, for people who develop against it"
    )
    parser.fill = _add_arguments
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the simulated world until a signal or the time is up."""
    from bridge.simulator import command

    return command.run(options)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    # Imported here since the bridge itself must not pay for it: 12 MB.
    from bridge.simulator import command, outbound_command

    command.add_arguments(parser)
    outbound_command.add_parser(parser.add_subparsers(metavar="device", required=False))
