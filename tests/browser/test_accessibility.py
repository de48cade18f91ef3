"""People who cannot see or point use the page too: what axe-core finds, and the keyboard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import NARROW, WIDE, Demo, opened
from tests.npm import UnavailableError, installed

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]

VERSION = "4.11.0"
"""Of axe-core."""

PLACES = ["/", "/devices", "/devices?search=dimmer", "/add", "/maintenance", "/nowhere"]
_GRAVE = {"serious", "critical"}


@pytest.fixture(scope="module")
def axe() -> Path:
    try:
        return installed("axe-core", VERSION) / "axe.min.js"
    except UnavailableError as error:
        if "chromium" in os.environ.get("TESTS_REQUIRE", "").split(","):
            pytest.fail(f"axe-core is not there: {error}")
        pytest.skip(str(error))


def found(page: Page, axe: Path) -> list[str]:
    """What axe-core calls serious or worse."""
    # Tools come in from the side, past the page's own policy.
    page.evaluate(axe.read_text())
    result = page.evaluate("axe.run()")
    return [
        f"{each['id']}: {each['help']} ({node['html'][:120]})"
        for each in result["violations"]
        if each["impact"] in _GRAVE
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault(
    browser: Browser, demo: Demo, axe: Path, size: tuple[int, int], scheme: str
) -> None:
    with opened(browser, size) as visit:
        page = visit.page
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        faults = []
        for place in PLACES:
            page.goto(demo.address + place)
            faults += [f"{place} {fault}" for fault in found(page, axe)]
        for name in ("dimmer", "2pm 2", "rgbw"):
            page.goto(f"{demo.address}/devices?search={name}")
            page.locator("tbody th a").first.click()
            expect(page.locator("#about")).to_be_visible()
            faults += [f"{name} {fault}" for fault in found(page, axe)]
            page.goto(page.url + "/remove")
            faults += [f"remove {fault}" for fault in found(page, axe)]
        visit.complaints[:] = [each for each in visit.complaints if "404" not in each]
        assert faults == []


def test_axe_would_find_one(browser: Browser, axe: Path) -> None:
    with opened(browser) as visit:
        visit.page.set_content("<html><body><img src='data:,'><button></button></body></html>")
        visit.complaints.clear()
        assert found(visit.page, axe)


def test_the_keyboard_is_enough(browser: Browser, demo: Demo) -> None:
    with opened(browser) as visit:
        page = visit.page
        page.goto(f"{demo.address}/devices?search=plus+1pm")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        link = page.locator("tbody th a").first
        for _ in range(30):
            page.keyboard.press("Tab")
            if link.evaluate("each => each === document.activeElement"):
                break
        expect(link).to_be_focused()
        page.keyboard.press("Enter")
        on = page.get_by_role("button", name="On", exact=True).first
        for _ in range(30):
            page.keyboard.press("Tab")
            if on.evaluate("each => each === document.activeElement"):
                break
        expect(on).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".outcome").first).to_contain_text("done after")
        # What is replaced while it has the focus keeps it.
        expect(page.get_by_role("button", name="On", exact=True).first).to_be_focused()
