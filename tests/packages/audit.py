"""Whether anything in `constraints/tested.txt` has a known vulnerability: pip-audit's verdict.

`python -m tests.packages.audit`. Where the service that knows cannot be reached it says so and
passes; what comes after the module's name goes on to pip-audit.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.packages.constraints import TESTED

LIMIT = 300.0
"""Seconds in which the service has answered for all, or has not been reached."""

_NOT_REACHED = re.compile(
    r"^(requests\.exceptions\.|pip_audit\._service\.interface\.(ConnectionError|ServiceError))"
    r"|Could not connect|not redirecting properly",
    re.MULTILINE,
)
"""What pip-audit says on standard error, in a traceback or a line, when nobody answers it."""


def audit(pins: Path, options: Sequence[str] = ()) -> tuple[int, list[str]]:
    """The exit code (0: nothing known, or nobody to ask) and what to tell, in lines."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(pins), "--format=json"]
    command += ["--no-deps", "--disable-pip", "--progress-spinner=off", "--timeout=10", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        return 0, [f"not audited: the vulnerability service did not answer within {LIMIT:.0f} s"]
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if done.returncode and _NOT_REACHED.search(done.stderr):
            return 0, ["not audited: the vulnerability service cannot be reached"]
        return 1, ["pip-audit failed", *done.stderr.splitlines()[-10:]]
    return verdict(found)


def verdict(found: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """What follows from pip-audit's `dependencies`: each has `vulns`, or a `skip_reason`."""
    bad = [
        f"{each['name']} {each['version']}: {vulnerability['id']}, "
        f"mended in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for each in found
        for vulnerability in each.get("vulns", ())
    ]
    unknown = [each["name"] for each in found if "skip_reason" in each]
    if bad:
        return 1, bad
    if not found:
        return 1, ["pip-audit saw no package"]
    # A mirror that answers "not found" for every package is not the service.
    if len(unknown) == len(found):
        return 0, ["not audited: the vulnerability service cannot be reached, only a mirror"]
    if unknown:
        return 1, [f"the vulnerability service does not know: {', '.join(unknown)}"]
    return 0, [f"audited: nothing is known against {len(found)} packages"]


def main() -> int:
    """Gives the exit code."""
    code, lines = audit(TESTED, sys.argv[1:])
    sys.stdout.write("\n".join([*lines, ""]))
    return code


if __name__ == "__main__":
    sys.exit(main())
