"""`shelly-bridge run`: the bridge, in the foreground."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from types import FrameType
from typing import Any

from bridge import log
from bridge.app import Bridge
from bridge.cli.options import add_config, load_config


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("run", help="run the bridge in the foreground")
    add_config(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; a second signal ends the process at once."""
    config = load_config(options)
    log.configure(config.log.level, config.log.format, config.secrets())
    bridge = Bridge(config)
    stop_on_signals(bridge)
    return bridge.run()


def stop_on_signals(bridge: Bridge) -> None:
    """Stop cleanly on SIGTERM and SIGINT, and at once when asked a second time."""
    asked = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        if asked.is_set():
            os._exit(128 + number)
        asked.set()
        bridge.request_stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
