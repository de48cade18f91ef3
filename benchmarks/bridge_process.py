"""The whole bridge as it runs in earnest, but that all cloud hosts are on this machine.

Arguments: the CPU to run on, the configuration file.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def main() -> int:
    """Run until SIGTERM; gives the exit code."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    from bridge import config, log
    from bridge.app import Bridge

    settings = config.load(Path(sys.argv[2]), {})
    log.configure("warning", "text", settings.secrets())
    bridge = Bridge(settings, lambda _, port: ("127.0.0.1", port))
    signal.signal(signal.SIGTERM, lambda *_: bridge.request_stop())
    return bridge.run()


if __name__ == "__main__":
    sys.exit(main())
