"""`shelly-bridge run` for which every cloud host is at one address of another machine.

`python -m tests.faults.far_bridge CONFIG ADDRESS`.
"""

from __future__ import annotations

import sys

from bridge import app, cli
from bridge.cli import run
from bridge.config import Config


def make_bridge(config: Config) -> app.Bridge:
    """The bridge, with that way to find hosts."""
    return app.Bridge(config, lambda _, port: (sys.argv[2], port))


if __name__ == "__main__":
    vars(run)["Bridge"] = make_bridge
    sys.exit(cli.main(["run", "-c", sys.argv[1]]))
