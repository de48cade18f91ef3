"""What strangers write, and who is signed in no more, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from bridge.core.events import LinkChanged, StatusReported
from bridge.core.model import LinkState, SourceKind
from bridge.web import live
from tests.browser.conftest import NARROW, WIDE, opened
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, grant
from tests.web.house import house, wait_for_text

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(120)]

PATH = f"/devices/{DEVICE}"
LONG = "W" * 64
HOSTILE = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_long_words_fit(browser: Browser, size: tuple[int, int]) -> None:
    with house(grants=[grant(names=(LONG, LONG), code=LONG)], broker=f"{LONG}.lan:1883") as made:
        made.add({**payloads.two_switches(), "text:200": {"id": 200, "value": LONG * 2}})
        made.happens(LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.BACKOFF, LONG * 2))
        wait_for_text(made.browser, PATH, "Toggle")
        with opened(browser, size) as visit:
            for path in ("/", "/devices", PATH, f"{PATH}/remove"):
                visit.page.goto(f"http://127.0.0.1:{made.browser.port}{path}")
                wide = visit.page.evaluate("document.documentElement.scrollWidth")
                assert wide <= size[0], path


@pytest.mark.parametrize(("path", "part"), [("/", "connections"), (PATH, "readings-text-200")])
def test_what_comes_while_somebody_looks_stays_words(
    browser: Browser, path: str, part: str
) -> None:
    with house() as made:
        made.add({**payloads.two_switches(), "text:200": {"id": 200, "value": "hello"}})
        wait_for_text(made.browser, PATH, "hello")
        with opened(browser) as visit:
            page = visit.page
            page.goto(f"http://127.0.0.1:{made.browser.port}{path}")
            expect(page.locator("#followed")).to_be_visible()
            made.happens(
                LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.BACKOFF, HOSTILE),
                StatusReported(HOST, DEVICE, {"text:200": {"id": 200, "value": HOSTILE}}),
            )
            expect(page.locator(f"#{part}")).to_contain_text(HOSTILE)
            assert page.locator("img").count() == 0
            assert page.locator("script").count() == 1


def test_who_is_signed_in_no_more_is_led_to_the_door(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LONGEST", 1.0)
    with house(listen_host="192.0.2.1", password="pass") as made, opened(browser) as visit:
        page = visit.page
        page.goto(f"http://127.0.0.1:{made.browser.port}/")
        page.get_by_label("Password").fill("pass")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#followed")).to_be_visible()
        page.context.clear_cookies()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        # The browser tells of the refusal, too.
        visit.complaints[:] = [each for each in visit.complaints if "401" not in each]
