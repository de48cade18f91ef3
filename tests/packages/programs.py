"""Programs of the system that tests of the packages use, and where the project's files are."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
UNIT = ROOT / "systemd" / "shelly-bridge.service"
TEMPLATE = ROOT / "systemd" / "shelly-bridge@.service"


def nginx_path() -> str | None:
    """Where nginx is installed; None if it is not."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A directory that `make` fills, once for all processes of a test run."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    place = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "whole").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
            (place / "whole").touch()
    return place
