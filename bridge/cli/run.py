"""`shelly-bridge run`: the bridge, in the foreground."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from types import FrameType
from typing import Any

from bridge import log
from bridge.app import Bridge
from bridge.cli.options import add_config, load_config

WHEN_WRONG = (
    'not started, since the configuration is missing or wrong; "shelly-bridge check" looks at it, '
    '"shelly-bridge init" asks a few questions and writes one'
)
"""What is said besides, where there is no configuration that is of use."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("run", help="run the bridge in the foreground")
    add_config(parser)
    parser.set_defaults(execute=execute, when_wrong=WHEN_WRONG)


def execute(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; a second signal ends the process at once."""
    signals = StopSignals()
    config = load_config(options)
    log.configure(config.log.level, config.log.format, config.secrets())
    log.last_resort()
    # A core file would hold every secret; those who look for a crash may raise it again.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    bridge = Bridge(config)
    signals.stop(bridge)
    code = bridge.run()
    if code == 0 and bridge.restart_wanted and not signals.asked:
        _start_again()
    return code


def _start_again() -> None:
    """Become a new process by the same command; a signal meanwhile waits for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves again


class StopSignals:
    """SIGTERM and SIGINT: the first one stops cleanly, another one at once.

    Made first of all, so that a signal during the start is not lost.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether one came."""
        self._bridge: Bridge | None = None
        for number in _SIGNALS:
            signal.signal(number, self._receive)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def stop(self, bridge: Bridge) -> None:
        """Have signals stop this bridge; at once if there was one already."""
        self._bridge = bridge
        if self.asked:
            bridge.request_stop()

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self.asked:
            os._exit(128 + number)
        self.asked = True
        if self._bridge is not None:
            self._bridge.request_stop()
