"""The status page in a real browser, against the demo: what people see and do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.brokers import Peer, wait_until
from tests.browser.conftest import NARROW, WIDE, Demo, opened, running_demo

pytestmark = [pytest.mark.chromium, pytest.mark.timeout(180)]

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
SEEN = """seen => {
  Object.defineProperty(document, "hidden", { value: !seen, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
PLACES = ["/", "/devices", "/add", "/maintenance"]


def find(page: Page, demo: Demo, words: str) -> None:
    """Find a device by search and open it."""
    page.goto(f"{demo.address}/devices")
    page.get_by_role("searchbox").fill(words)
    page.get_by_role("button", name="Find").click()
    page.locator("tbody th a").first.click()
    expect(page.locator("#about")).to_be_visible()


def card(page: Page, title: str) -> Locator:
    """The card of a channel."""
    return page.locator("section.card", has=page.get_by_role("heading", name=title))


def state_of(peer: Peer, topic: str) -> str:
    payload = peer.values.get(topic)
    return str(json.loads(payload)["state"]) if payload else ""


def topic_of(place: Locator) -> str:
    text = place.locator(".topic code").text_content()
    assert text is not None
    return text


@SIZES
@pytest.mark.parametrize("path", PLACES)
def test_every_page_fits(
    browser: Browser, demo: Demo, size: tuple[int, int], path: str, tmp_path: Path
) -> None:
    with opened(browser, size) as visit:
        visit.page.goto(demo.address + path)
        expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
        wide = visit.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0]
        visit.page.screenshot(path=tmp_path / "page.png", full_page=True)


@SIZES
def test_a_relay_is_switched(
    browser: Browser, demo: Demo, peer: Peer, size: tuple[int, int]
) -> None:
    with opened(browser, size) as visit:
        page = visit.page
        find(page, demo, "plus 1pm")
        relay = card(page, "relay 0").first
        topic = topic_of(relay)
        for name, state in (("On", "ON"), ("Off", "OFF"), ("Toggle", "ON")):
            relay.get_by_role("button", name=name, exact=True).click()
            expect(relay.locator(".outcome")).to_contain_text("done after")
            wait_until(lambda state=state: state_of(peer, topic) == state)  # type: ignore[misc]  # mypy and lambda defaults
            pressed = relay.get_by_role("button", name="On", exact=True)
            expect(pressed).to_have_attribute("aria-pressed", "true" if state == "ON" else "false")


@SIZES
def test_a_roller_is_moved(browser: Browser, demo: Demo, peer: Peer, size: tuple[int, int]) -> None:
    with opened(browser, size) as visit:
        page = visit.page
        find(page, demo, "2pm")
        roller = card(page, "roller 0").first
        topic = topic_of(roller)
        roller.get_by_role("slider", name="Position").fill("40")
        wait_until(lambda: json.loads(peer.values[topic])["position"] == 40, 60)
        expect(roller.locator(".readings")).to_contain_text("40 %")
        roller.get_by_role("button", name="Open").click()
        wait_until(lambda: state_of(peer, topic) in {"opening", "open"}, 30)
        roller.get_by_role("button", name="Stop").click()
        wait_until(lambda: state_of(peer, topic) in {"stopped", "open"}, 30)


def test_a_light_is_dimmed(browser: Browser, demo: Demo, peer: Peer) -> None:
    with opened(browser) as visit:
        page = visit.page
        find(page, demo, "dimmer")
        light = card(page, "light 0").first
        topic = topic_of(light)
        light.get_by_role("slider", name="Brightness").fill("73")
        wait_until(lambda: json.loads(peer.values[topic])["brightness"] == 73)
        expect(light.locator(".readings")).to_contain_text("73 %")


def test_what_happens_is_seen_without_loading_again(
    browser: Browser, demo: Demo, peer: Peer
) -> None:
    with opened(browser) as visit:
        page = visit.page
        page.goto(f"{demo.address}/devices?search=plus+1pm")
        row = page.locator("tbody tr").first
        expect(row).to_contain_text("online")
        device = (row.get_attribute("id") or "").removeprefix("device-")
        topic = f"shelly/{device}/relay/0"
        wait_until(lambda: peer.values.get(topic))
        for _ in range(2):
            other = "OFF" if state_of(peer, topic) == "ON" else "ON"
            peer.publish(f"{topic}/set", other)
            expect(row).to_contain_text(re.compile(rf"relay\s+{other}"))
            wait_until(lambda other=other: state_of(peer, topic) == other)  # type: ignore[misc]  # mypy and lambda defaults


def test_a_slider_follows_what_others_do(browser: Browser, demo: Demo, peer: Peer) -> None:
    with opened(browser) as visit:
        page = visit.page
        find(page, demo, "dimmer")
        light = card(page, "light 0").first
        topic = topic_of(light)
        slider = light.get_by_role("slider", name="Brightness")
        for level in (21, 84):
            peer.publish(f"{topic}/set", json.dumps({"brightness": level}))
            expect(slider).to_have_value(str(level))
            expect(light.locator("output").first).to_have_text(str(level))
        # The one that came meanwhile works as the first one did.
        slider.fill("35")
        wait_until(lambda: json.loads(peer.values[topic])["brightness"] == 35)


def test_a_page_that_nobody_sees_follows_nothing_until_it_is_seen(
    browser: Browser, demo: Demo, peer: Peer
) -> None:
    with opened(browser) as visit:
        page = visit.page
        find(page, demo, "dimmer")
        expect(page.locator("#followed")).to_be_visible()
        light = card(page, "light 0").first
        topic = topic_of(light)
        page.evaluate(SEEN, False)
        asked = page.evaluate("performance.getEntriesByType('resource').length")
        peer.publish(f"{topic}/set", json.dumps({"brightness": 11}))
        wait_until(lambda: json.loads(peer.values[topic])["brightness"] == 11)
        expect(light.locator(".readings")).not_to_contain_text("11 %")
        assert page.evaluate("performance.getEntriesByType('resource').length") <= asked + 1
        page.evaluate(SEEN, True)
        expect(light.locator(".readings")).to_contain_text("11 %")


def test_a_bridge_that_ends_is_said_to_be_gone(browser: Browser) -> None:
    with opened(browser) as visit:
        page = visit.page
        with running_demo("--devices", "2") as short:
            page.goto(short.address)
            expect(page.locator("#followed")).to_be_visible()
            expect(page.locator("#stale")).to_be_hidden()
        expect(page.locator("#stale")).to_contain_text("does not answer", timeout=40_000)
        # The browser says so as well.
        visit.complaints.clear()


def test_a_device_that_can_be_told_nothing_has_no_controls(browser: Browser, demo: Demo) -> None:
    with opened(browser) as visit:
        page = visit.page
        find(page, demo, "i4")
        about = page.locator("#about")
        expect(about).to_contain_text("SNSN-0024X")
        assert page.locator("form[data-command]").count() == 0


def test_devices_are_sorted_by_a_press_on_the_head(browser: Browser, demo: Demo) -> None:
    with opened(browser) as visit:
        page = visit.page
        page.goto(f"{demo.address}/devices")
        first = page.locator("tbody tr").first.text_content()
        page.locator("thead").get_by_role("link", name="Device").click()
        expect(page.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
        assert page.locator("tbody tr").first.text_content() != first


def test_a_device_is_renamed(browser: Browser, demo: Demo, peer: Peer) -> None:
    with opened(browser) as visit:
        page = visit.page
        find(page, demo, "pro 3em")
        page.get_by_label("Name").fill("House <b>meter</b>")
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("House <b>meter</b>")
        expect(page.get_by_role("status").first).to_contain_text("The new name is in use.")
        wait_until(
            lambda: any(
                each["name"] == "House <b>meter</b>"
                for each in json.loads(peer.values["shelly/bridge/devices"])
            ),
            15,
        )


# Ways to add devices


def test_an_owner_gives_consent(browser: Browser, demo: Demo, peer: Peer) -> None:
    with opened(browser) as visit:
        page = visit.page
        page.goto(f"{demo.address}/add")
        page.get_by_role("link", name=re.compile("Open Shelly.s page")).click()
        expect(page.get_by_role("heading", name="Simulated Shelly consent")).to_be_visible()
        unticked = page.locator("input[type=checkbox]:not(:checked)").first
        device = unticked.get_attribute("value")
        assert peer.values.get(f"shelly/{device}/availability") is None
        unticked.check()
        page.get_by_role("button", name=re.compile("Share")).click()
        expect(page.get_by_text("Done: 1 changed.")).to_be_visible()
        # The simulated page has no icon.
        visit.complaints.clear()
        page.goto(f"{demo.address}/devices?search={device}")
        expect(page.locator(f"#device-{device}")).to_contain_text("online")
        wait_until(lambda: peer.values.get(f"shelly/{device}/availability") == b"online")


def test_somebody_logs_in_to_the_account(browser: Browser, demo: Demo) -> None:
    with opened(browser) as visit:
        page = visit.page
        page.goto(demo.address)
        row = page.locator("#connections tr", has_text="home")
        expect(row).to_contain_text("somebody has to log in")
        row.get_by_role("link", name="Log in").click()
        page.get_by_label("E-mail").fill(demo.email)
        page.get_by_label("Password").fill(demo.password)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Logged in")).to_be_visible()
        # The simulated page is not ours to complain about.
        visit.complaints.clear()
        page.goto(demo.address)
        expect(page.locator("#connections tr", has_text="home")).to_contain_text("connected")
        page.goto(f"{demo.address}/devices?search=home")
        expect(page.locator("tbody tr").first).to_contain_text("online")


def test_a_device_is_let_in(browser: Browser, demo: Demo) -> None:
    with opened(browser) as visit:
        page = visit.page
        page.goto(demo.address)
        waiting = page.locator("#waiting")
        expect(waiting).to_contain_text("1PM Gen3")
        waiting.get_by_role("button", name="Let in").click()
        expect(page.get_by_text("The device is let in.")).to_be_visible()
        expect(page.locator("#waiting")).to_be_hidden()
        page.goto(f"{demo.address}/devices?search=outbound")
        expect(page.locator("tbody tr").first).to_contain_text("online")


# Without a script


@SIZES
def test_without_a_script_it_reads_and_switches(
    browser: Browser, demo: Demo, peer: Peer, size: tuple[int, int]
) -> None:
    with opened(browser, size, script=False) as visit:
        page = visit.page
        find(page, demo, "shelly 1pm 10")
        page.goto(f"{demo.address}/devices?search=plus+1pm")
        page.locator("tbody th a").first.click()
        relay = card(page, "relay 0").first
        topic = topic_of(relay)
        for name in ("Off", "On"):
            card(page, "relay 0").first.get_by_role("button", name=name, exact=True).click()
            expect(page.get_by_role("status").first).to_contain_text("done after")
            wait_until(lambda name=name: state_of(peer, topic) == name.upper())  # type: ignore[misc]  # mypy and lambda defaults
        page.get_by_role("link", name="Overview").click()
        expect(page.locator("#connections")).to_contain_text("connected")
