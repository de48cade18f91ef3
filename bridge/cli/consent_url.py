"""`shelly-bridge consent-url`: the address that a device owner opens to grant devices."""

from __future__ import annotations

import argparse
from typing import Any

from bridge.assembly import callback_address
from bridge.cli.options import add_config, load_config
from bridge.cli.registry import open_registry
from bridge.errors import ConfigError, Problem


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "consent-url", help="print the address that a device owner must open"
    )
    add_config(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print the address; the registry, with the secret in the address, is made if need be."""
    config = load_config(options)
    with open_registry(config) as store:
        address = callback_address(config, store.callback_secret)
    if address is None:
        text = "missing: say how Shelly's cloud reaches the consent callback"
        raise ConfigError([Problem("configuration", None, "web.public.url", text)])
    print(address)  # noqa: T201 - the command's output
    return 0
