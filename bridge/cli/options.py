"""What several subcommands share."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bridge import config
from bridge.config import Config, environment
from bridge.errors import ConfigError


def add_config(parser: argparse.ArgumentParser) -> None:
    """The option `-c FILE`."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        help="the configuration; default: $SHELLY_BRIDGE_CONFIG, ./config.yaml, "
        "/etc/shelly-bridge/config.yaml",
    )


def load_config(options: argparse.Namespace) -> Config:
    """The configuration that the options name, or that the environment alone gives.

    Raises `ConfigError`.
    """
    try:
        path = config.find(options.config, os.environ)
    except ConfigError:
        named = options.config is not None or environment.CONFIG in os.environ
        if named or not any(name.startswith(environment.PREFIX) for name in os.environ):
            raise
        path = None
    return config.load(path, os.environ)


class CommandParser(argparse.ArgumentParser):
    """The parser of a subcommand; one with `fill` learns its arguments when they are needed."""

    fill: Callable[[argparse.ArgumentParser], None] | None = None

    def parse_known_args(  # type: ignore[override]  # the library has overloads for namespaces
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As the library's, once the arguments are there."""
        fill, self.fill = self.fill, None
        if fill is not None:
            fill(self)
        return super().parse_known_args(args, namespace)


def positive(text: str) -> float:
    """A number above 0, for `type`."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError("must be a number above 0")
    return number
