"""How the process is: memory and threads."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from bridge.core.model import Json

_STATM = Path("/proc/self/statm")


def process() -> dict[str, Json]:
    """Resident memory in MiB (null where the system does not tell) and the number of threads."""
    try:
        pages = int(_STATM.read_text().split()[1])
        memory: float | None = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
    except (OSError, ValueError, IndexError):
        memory = None
    return {"rss_mib": memory, "threads": threading.active_count()}
