"""The pictures in `docs/images/`: the status page of a demo, as a browser shows it.

    python -m tests.documentation.pictures

takes some minutes, as the plots have a point every half minute. Look at what it made.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import Demo, running_demo

IMAGES = Path(__file__).parents[2] / "docs" / "images"

WIDTH = 1280
_SHORTEST, _TALLEST = 800, 1_300
_PAUSE = 30_000
"""Milliseconds between two values of the light, and two points of its plot."""

_BRIGHTNESS = (20, 45, 80, 100, 70, 30, 60)


def main() -> int:
    """The program; returns its exit status."""
    IMAGES.mkdir(exist_ok=True)
    with running_demo() as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        context = browser.new_context(
            viewport={"width": WIDTH, "height": _SHORTEST},
            color_scheme="light",
            locale="en-GB",
            ignore_https_errors=True,
        )
        page = context.new_page()
        _log_in(page, demo)
        _use_light(page, demo)
        _shoot(page, IMAGES / "device.png")
        page.goto(demo.address)
        _shoot(page, IMAGES / "status-page.png")
        browser.close()
    return 0


def _log_in(page: Page, demo: Demo) -> None:
    """Log the demo's account in, so that all connections are up."""
    page.goto(demo.address)
    page.locator("#connections").get_by_role("link", name="Log in").click()
    page.get_by_label("E-mail").fill(demo.email)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Logged in").wait_for()


def _use_light(page: Page, demo: Demo) -> None:
    """Give a dimmer a name and some values, so that there is something to plot."""
    page.goto(f"{demo.address}/devices?search=dimmer")
    page.locator("tbody th a").first.click()
    page.get_by_label("Name").fill("Kitchen light")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("button", name="On", exact=True).click()
    for brightness in _BRIGHTNESS:
        page.get_by_role("slider", name="Brightness").fill(f"{brightness}")
        page.wait_for_timeout(_PAUSE)
    page.reload()


def _shoot(page: Page, file: Path) -> None:
    """The whole page, but not endlessly far down."""
    page.get_by_text("live", exact=True).wait_for()
    page.set_viewport_size({"width": WIDTH, "height": _SHORTEST})
    height = min(page.evaluate("document.documentElement.scrollHeight"), _TALLEST)
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.screenshot(path=file)


if __name__ == "__main__":
    sys.exit(main())
