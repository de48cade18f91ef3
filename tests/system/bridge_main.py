"""`shelly-bridge run` in a process of its own, for which every cloud host is on this machine.

`python -m tests.system.bridge_main CONFIG`; with `CRASH_AFTER_COMMIT` set it dies between the
commit of a consent and the answer to its callback.
"""

from __future__ import annotations

import os
import signal
import sys

from bridge import app, cli
from bridge.cli import run
from bridge.config import Config
from bridge.web import consent


def here(_: str, port: int) -> tuple[str, int]:
    """The address of every host."""
    return "127.0.0.1", port


def make_bridge(config: Config) -> app.Bridge:
    """The bridge, with that way to find hosts."""
    return app.Bridge(config, here)


def die(*_: object, **__: object) -> None:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    vars(run)["Bridge"] = make_bridge
    if "CRASH_AFTER_COMMIT" in os.environ:
        vars(consent)["answer"] = die
    sys.exit(cli.main(["run", "-c", sys.argv[1]]))
