"""`python -m benchmarks`: measure, print tables, write nothing else unless asked to."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.measurements import MEASUREMENTS, QUICK, Plan
from benchmarks.processes import split_cpus
from tests.brokers import mosquitto_path

_LIBRARIES = ("paho-mqtt", "websocket-client", "websockets")


def main() -> int:
    """Gives the exit code: 0 also when a target was missed, since this is no test."""
    options = _options()
    broker = mosquitto_path()
    if broker is None:
        print("The benchmarks need Mosquitto: apt-get install mosquitto", file=sys.stderr)
        return 1
    under_test, others = split_cpus()
    surroundings = _surroundings(broker)
    for name, text in surroundings.items():
        print(f"{name}: {text}")
    if others is None:
        print("There is only one CPU: all figures are too low.")
    else:
        os.sched_setaffinity(0, {others})
        print(f"Under test on CPU {under_test}; cloud, broker and subscriber on CPU {others}.")
    begin = time.monotonic()
    tables = {}
    for name in options.only or MEASUREMENTS:
        table = tables[name] = MEASUREMENTS[name](under_test, QUICK if options.quick else Plan())
        print("", *table.lines(), sep="\n", flush=True)
    print(f"\n{time.monotonic() - begin:.0f} s; load {_load()}")
    if options.json:
        found = {
            "surroundings": surroundings,
            "load_at_end": _load(),
            **{name: table.figures for name, table in tables.items()},
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="The bridge beside a bare loop of the same libraries, on this machine.",
    )
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    parser.add_argument(
        "--only", action="append", choices=list(MEASUREMENTS), help="one of the measurements"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write single values")
    return parser.parse_args()


def _surroundings(broker: str) -> dict[str, str]:
    said = subprocess.run([broker, "-h"], capture_output=True, text=True, check=False).stdout
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return {
        "CPU": f"{os.cpu_count()} × {_cpu_model()}",
        "Python": f"{platform.python_version()}; {libraries}",
        "broker": said.partition("\n")[0] or "mosquitto",
        "load at start": _load(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


if __name__ == "__main__":
    sys.exit(main())
