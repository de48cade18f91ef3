"""`shelly-bridge run` as it runs in earnest, but that all cloud hosts are on this machine.

Arguments: the CPUs to run on, with commas between them, and the configuration file.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any, cast


def main() -> int:
    """Run until SIGTERM; gives the exit code."""
    os.sched_setaffinity(0, map(int, sys.argv[1].split(",")))
    look_up: Any = socket.getaddrinfo

    def local(host: str, *others: Any, **named: Any) -> Any:
        """Nothing else of the network is replaced."""
        return look_up("127.0.0.1" if host.endswith(".shelly.cloud") else host, *others, **named)

    socket.getaddrinfo = cast(Any, local)
    from bridge.cli import main as run

    return run(["run", "-c", sys.argv[2]])


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    sys.exit(main())
