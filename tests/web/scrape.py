"""What a scraper gets from a bridge at work, and Prometheus's own tool to judge it."""

from __future__ import annotations

import subprocess

from bridge.core.events import BadInput
from tests.core.dialogue import DEVICE, HOST
from tests.web.house import Page, furnished, house, wait_for_text

VITALS = {"inbox": 3, "outbox": 4, "threads": 11, "dropped_events": 5, "refused_publications": 6}


def metrics(*failed: str) -> Page:
    """`/metrics` when everything that it can tell of has happened, and these parts have failed."""
    with house(vitals=lambda: VITALS, health=lambda: list(failed)) as made:
        furnished(made).happens(BadInput(HOST, "json", "not JSON"))
        browser, path = made.browser, f"/devices/{DEVICE}"
        wait_for_text(browser, path, "Toggle")
        browser.press(path, f"{path}/relay/0", {"key": "state", "value": "ON"})
        return browser.get("/metrics", Accept="text/plain")


def promtool(*arguments: str, given: str = "") -> tuple[int, str]:
    """The exit code of promtool and all that it says."""
    done = subprocess.run(
        ["promtool", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
