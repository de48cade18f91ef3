"""`shelly-bridge run`: the bridge, in the foreground."""

from __future__ import annotations

import argparse
import os
import signal
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
    signals = StopSignals()
    config = load_config(options)
    log.configure(config.log.level, config.log.format, config.secrets())
    bridge = Bridge(config)
    signals.stop(bridge)
    return bridge.run()


class StopSignals:
    """SIGTERM and SIGINT: the first one stops cleanly, another one at once.

    Made first of all, so that a signal during the start is not lost.
    """

    def __init__(self) -> None:
        self._asked = False
        self._bridge: Bridge | None = None
        signal.signal(signal.SIGTERM, self._receive)
        signal.signal(signal.SIGINT, self._receive)

    def stop(self, bridge: Bridge) -> None:
        """Have signals stop this bridge; at once if there was one already."""
        self._bridge = bridge
        if self._asked:
            bridge.request_stop()

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._asked:
            os._exit(128 + number)
        self._asked = True
        if self._bridge is not None:
            self._bridge.request_stop()
