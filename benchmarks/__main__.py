"""`python -m benchmarks`: measure, print tables, write nothing else unless asked to."""

from __future__ import annotations

import argparse
import compileall
import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.limit import OutOfTimeError, at_most
from benchmarks.parts import ON_REQUEST, PARTS
from benchmarks.plan import LIMITS, QUICK, Plan
from benchmarks.processes import split_cpus
from benchmarks.report import Line, Table, aligned
from benchmarks.surroundings import load, surroundings
from tests.brokers import mosquitto_path

_SHORTEST = 0.1


def main() -> int:
    """Gives the exit code: 0 also when a target was missed, 1 when a part could not be measured."""
    options = _options()
    broker = mosquitto_path()
    if broker is None:
        print("The benchmarks need Mosquitto: apt-get install mosquitto", file=sys.stderr)
        return 1
    under_test, others = split_cpus()
    around = surroundings(broker)
    for name, text in around.items():
        print(f"{name}: {text}")
    if others is None:
        print("There is only one CPU: all figures are too low.")
    else:
        os.sched_setaffinity(0, {others})
        print(f"Under test on CPU {under_test}; cloud, broker and subscriber on CPU {others}.")
    for name in ("bridge", "benchmarks"):
        # As pip does; where Python writes no bytecode, every start would compile all of it anew.
        compileall.compile_dir(Path(__file__).parents[1] / name, quiet=1)
    plan = QUICK if options.quick else Plan()
    if options.pairs is not None:
        plan = replace(plan, pairs=options.pairs)
    begin = time.monotonic()
    tables: dict[str, Table] = {}
    failures: dict[str, str] = {}
    for name in options.only or (part for part in PARTS if part not in ON_REQUEST):
        left = begin + plan.limit - time.monotonic()
        seconds = LIMITS[name] if name in ON_REQUEST else min(LIMITS.get(name, left), left)
        _measure(name, under_test, plan, seconds, tables, failures)
    print("", *_summary(tables, failures), sep="\n")
    print(f"\n{time.monotonic() - begin:.0f} s; load {load()}")
    if options.json:
        _write(options.json, around, tables, failures)
    return 1 if failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="The bridge beside a bare loop of the same libraries, on this machine.",
    )
    parser.add_argument("--quick", action="store_true", help="less of everything, in minutes")
    parser.add_argument(
        "--only", action="append", choices=list(PARTS), help="one part; may be repeated"
    )
    parser.add_argument(
        "--pairs", type=_count, metavar="N", help=f"pairs of runs (default: {Plan().pairs})"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write single values")
    return parser.parse_args()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _measure(
    name: str,
    cpu: int,
    plan: Plan,
    seconds: float,
    tables: dict[str, Table],
    failures: dict[str, str],
) -> None:
    """One part; what goes wrong with it is told, and costs the others nothing but time."""
    begin = time.monotonic()
    try:
        with at_most(max(seconds, _SHORTEST), name):
            table = PARTS[name](cpu, plan, tables)
    except (OSError, RuntimeError, OutOfTimeError) as error:
        failures[name] = f"{type(error).__name__}: {error}"
        print(f"\n{name}: not measured: {failures[name]}", flush=True)
        return
    if table is None:
        return
    tables[name] = table
    print("", *table.text(), sep="\n")
    print(f"  ({name}: {time.monotonic() - begin:.0f} s)", flush=True)


def _summary(tables: dict[str, Table], failures: dict[str, str]) -> Iterable[str]:
    """Every promised figure in one table."""
    lines = [
        (name, *line.cells())
        for name, table in tables.items()
        for line in table.lines
        if line.reached is not None
    ]
    lines += [(name, "not measured", "", "", "", "MISSED") for name in failures]
    if lines:
        yield "All targets"
        yield from aligned([("part", "figure", "value", "", "target", ""), *lines])
        yield f"  {sum(line[-1] == 'ok' for line in lines)} of {len(lines)} reached"


def _write(
    file: Path, around: dict[str, str], tables: dict[str, Table], failures: dict[str, str]
) -> None:
    found = {
        "surroundings": around | {"load at end": load()},
        "parts": {
            name: {
                "title": table.title,
                "head": table.head,
                "rows": table.rows,
                "lines": [_line(line) for line in table.lines],
                "notes": table.notes,
                "figures": table.figures,
            }
            for name, table in tables.items()
        },
        "not_measured": failures,
    }
    file.write_text(json.dumps(found, indent=1) + "\n")


def _line(line: Line) -> dict[str, object]:
    return asdict(line) | {"reached": line.reached}


if __name__ == "__main__":
    # So that what was started is stopped as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
