"""How large a fault test is: short for every commit, long by `make soak`."""

from __future__ import annotations

import os
import random

LONG = os.environ.get("FAULTS") == "long"
"""Whether the figures of docs/reliability.md are wanted in full."""


def scaled(short: float, long: float) -> float:
    """A number of seconds, or of anything, for the form that runs."""
    return long if LONG else short


def seed() -> int:
    """Where a random script starts; printed, and given again by `FAULTS_SEED`."""
    found = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(2**32)))
    show(f"FAULTS_SEED={found}")
    return found


def show(figures: str) -> None:
    """Tell what was measured: with `-s`, or when the test fails."""
    print(figures)  # noqa: T201
