"""Home Assistant's own judgement of discovery and state messages, for every supported release.

    python -m tests.homeassistant.ha_check [--self-test] [FILE.jsonl or folder of them …]

A line is `{"topic": …, "payload": …}`, optionally with `"retain": true/false`, in the order in
which the bridge published; every file is shown to a fresh Home Assistant.
Exit status: 0 nothing found, 1 findings or a failed self-test, 2 a file cannot be read or the
oracle broke, 3 the environment cannot be made on this machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.homeassistant import selftest
from tests.homeassistant.environment import Environment, Unavailable, prepare

ORACLE = Path(__file__).parent / "oracle"
FOUND = 1
BROKEN = 2
UNAVAILABLE = 3
_ORACLE_FOUND = 3
_LIMIT = 600.0
"""Seconds one release may take over all files."""
_TEXT_WIDTH = 600


class OracleError(Exception):
    """The oracle did not do its work; the text is what it said."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What the oracle reports of a message."""

    file: str
    kind: str
    topic: str
    text: str
    component: str
    release: str


def judge(environment: Environment, lines: str) -> list[Finding]:
    """Run the oracle of one release over all input; raises OracleError."""
    try:
        done = environment.run(ORACLE, lines, _LIMIT)
    except subprocess.TimeoutExpired as error:
        raise OracleError(f"{environment.release}: no answer within {_LIMIT:g} s") from error
    if done.returncode not in (0, _ORACLE_FOUND):
        raise OracleError(f"{environment.release}: {done.stderr.strip()}")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [Finding(release=environment.release, **entry) for entry in found]


def table(findings: Iterable[Finding]) -> list[str]:
    """Lines for people; what differs only in release or component is told once."""
    grouped: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.file, finding.kind, finding.topic, finding.text)
        grouped.setdefault(key, []).append(finding)
    lines = []
    for (file, kind, topic, text), group in sorted(grouped.items()):
        releases = ", ".join(sorted({finding.release for finding in group}))
        components = ", ".join(sorted({finding.component for finding in group} - {""}))
        where = f"{topic} [{components}]" if components else topic
        shown = text if len(text) <= _TEXT_WIDTH else f"{text[:_TEXT_WIDTH]}…"
        lines.append(f"{file}  {kind:<17}  {where}\n    {shown}  ({releases})")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="ha_check", description="Show MQTT messages to Home Assistant's own code."
    )
    parser.add_argument("--self-test", action="store_true", help="judge messages of known quality")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.jsonl or folder")
    options = parser.parse_args(arguments)
    if not options.self_test and not options.files:
        parser.error("name a FILE.jsonl or a folder, or --self-test")

    started = time.monotonic()
    try:
        lines = "".join(_read(path) for path in options.files)
        lines += selftest.lines() if options.self_test else ""
        environments = prepare(sorted((ORACLE / "releases").glob("*.txt")), _say)
        prepared = time.monotonic()
        with ThreadPoolExecutor() as pool:
            judged = pool.map(lambda environment: judge(environment, lines), environments)
            found = {
                each.release: findings for each, findings in zip(environments, judged, strict=True)
            }
    except Unavailable as error:
        return _fail(UNAVAILABLE, f"cannot make the environment: {error}")
    except (OSError, UnicodeDecodeError) as error:
        return _fail(BROKEN, str(error))
    except OracleError as error:
        return _fail(BROKEN, f"the oracle broke: {error}")

    wrong = _failed_cases(found) if options.self_test else []
    mine = [each for every in found.values() for each in every if not selftest.is_case(each.file)]
    rows = table(mine)
    tested = f"self-test of {len(selftest.CASES)} cases: {len(wrong)} failed; "
    total = f"findings: {len(rows)} ({time.monotonic() - started:.0f} s, "
    total += f"of which {prepared - started:.0f} s to prepare)"
    summary = f"Home Assistant {', '.join(found)}: {tested if options.self_test else ''}{total}"
    sys.stdout.writelines(f"{line}\n" for line in (*wrong, *rows, summary))
    return FOUND if wrong or mine else 0


def _failed_cases(found: Mapping[str, Sequence[Finding]]) -> list[str]:
    """A line for each case of the self-test that went wrong on a release."""
    failed = []
    for release, findings in found.items():
        told = {(each.file, each.kind, each.component) for each in findings}
        failed += [f"{release}: {text}" for text in selftest.failures(told)]
    return failed


def _fail(status: int, text: str) -> int:
    _say(text)
    return status


def _say(text: str) -> None:
    sys.stderr.write(f"ha-check: {text}\n")


def _read(path: Path) -> str:
    """The lines of a file, or of every file in a folder, each behind a line that names it.

    Raises FileNotFoundError for a folder without any.
    """
    files = [path]
    if path.is_dir():
        files = sorted(path.glob("*.jsonl"))
        if not files:
            raise FileNotFoundError(f"there is no .jsonl file in {path}")
    return "".join(_named(file, str(file) if file == path else file.stem) for file in files)


def _named(file: Path, name: str) -> str:
    text = file.read_text(encoding="utf-8")
    return f"{json.dumps({'file': name})}\n{text}\n"


if __name__ == "__main__":
    sys.exit(main())
