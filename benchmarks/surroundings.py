"""What was measured on, and with which libraries."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = ("paho-mqtt", "websocket-client", "websockets")


def surroundings(broker: str) -> dict[str, str]:
    """Texts for people; `broker` is the path of Mosquitto."""
    said = subprocess.run([broker, "-h"], capture_output=True, text=True, check=False).stdout
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return {
        "CPU": f"{os.cpu_count()} × {_cpu_model()}",
        "Python": f"{platform.python_version()}; {libraries}",
        "broker": said.partition("\n")[0] or "mosquitto",
        "load at start": load(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def load() -> str:
    """The system's load averages."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())
