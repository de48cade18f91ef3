"""The pages: what they show, of whom, and that strangers' words stay words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from bridge.core.events import BadInput, BrokerUp, LinkChanged, StatusReported
from bridge.core.ids import device_from_hex
from bridge.core.model import Access, LinkId, LinkState, SourceKind
from bridge.core.registry import Override
from bridge.core.topics import Topics
from bridge.web.desk import Desk
from bridge.web.regions import PER_PAGE
from bridge.web.site import Outbound, Warned
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, OTHER, grant
from tests.web.house import NAME, House, furnished, house, wait_for_text

CONSENT = "https://my.shelly.cloud/integrator.html?itg=ITG_TEST&cb=https%3A%2F%2Fb.example.org"
PAGES = ["/", "/devices", f"/devices/{DEVICE}", "/add", "/maintenance", f"/devices/{DEVICE}/remove"]
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) '",
    "{{ 'x' * 9 }}{% raw %}",
    "</title><script>alert(1)</script>",
    "\u202egnp.exe",
]


@pytest.fixture
def home() -> Iterator[House]:
    with house() as made:
        yield furnished(made)


class Markup(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole(home: House, path: str) -> None:
    browser = home.browser
    wait_for_text(browser, "/devices", NAME)
    page = browser.get(path)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    markup = Markup(page.text)
    assert len(set(markup.ids)) == len(markup.ids)
    assert markup.tags.count("h1") == 1
    # Nothing in the page itself may run or bring a style, as the policy forbids it.
    assert "style" not in markup.tags
    assert not [name for name, _ in markup.attributes if name == "style" or name.startswith("on")]
    assert markup.tags.count("script") == 1
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_the_overview_says_that_all_is_well(home: House) -> None:
    page = wait_for_text(home.browser, "/", "All is well.")
    assert page.says(HOST)
    assert page.says("connected")


def test_the_overview_says_that_there_is_no_device() -> None:
    with house(grants=()) as made:
        page = wait_for_text(made.browser, "/", "There is no device yet. Add devices")
        assert not page.says("All is well")


def test_the_overview_says_what_is_wrong(home: House) -> None:
    home.happens(LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.BACKOFF, "no route to host"))
    page = wait_for_text(home.browser, "/", "1 of 1 connections is not up.")
    assert page.says("no route to host")
    with house(health=lambda: ["mqtt"], broker="broker.lan:1883") as broken:
        assert broken.browser.get("/").says("The MQTT broker at broker.lan:1883 cannot be reached")


def test_an_account_that_nobody_is_logged_in_to_is_no_failure(home: House) -> None:
    home.happens(LinkChanged(LinkId("home"), SourceKind.ACCOUNT, LinkState.AUTH_REQUIRED))
    page = wait_for_text(home.browser, "/", "Somebody has to log in to home")
    assert page.says("All else is well.")
    home.happens(LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.BACKOFF, "reset"))
    wait_for_text(home.browser, "/", "2 of 2 connections are not up.")


def test_the_overview_has_the_last_warnings() -> None:
    warned = [Warned(1_790_000_000.0, "warning", "a canary sang"), Warned(0.0, "error", "it fell")]
    with house(warnings=lambda: warned) as made:
        page = made.browser.get("/")
        assert page.says("2026-09-21 14:13:20 UTC warning a canary sang")
        assert page.text.index("it fell") < page.text.index("a canary sang")


def test_the_version_of_mqtt(home: House) -> None:
    home.happens(BrokerUp("5"))
    wait_for_text(home.browser, "/", "MQTT 5")


def test_a_device_in_the_table(home: House) -> None:
    page = wait_for_text(home.browser, "/devices", "online")
    for words in (NAME, DEVICE, "SNSW-002P16EU", HOST, "relay 0", "1 device"):
        assert page.says(words)


def test_the_table_is_searched_and_sorted() -> None:
    grants = [grant(names=("Boiler",)), grant(OTHER, names=("Attic",), code="SHSW-25")]
    with house(grants=grants) as made:
        made.add(payloads.two_switches())
        browser = made.browser
        page = wait_for_text(browser, "/devices", "2 devices")
        assert page.text.index("Attic") < page.text.index("Boiler")
        page = browser.get("/devices?sort=name&order=down")
        assert page.text.index("Boiler") < page.text.index("Attic")
        page = browser.get("/devices?search=shsw-25")
        assert page.says("1 of 2 devices")
        assert not page.says("Boiler")
        assert browser.get("/devices?search=nobody").says("0 of 2 devices. Nothing fits; show all")
        page = browser.get("/devices?sort=nonsense&only=nonsense&page=-3&order=up")
        assert page.says("Boiler")


@pytest.mark.parametrize(
    "asked", ["endpoint=x", "_scheme=javascript&_external=1", "_method=POST", "_anchor=x&root=y"]
)
def test_what_an_address_says_besides_changes_nothing(home: House, asked: str) -> None:
    page = home.browser.get(f"/devices?{asked}&search=b")
    assert page.status == 200
    links = [value or "" for name, value in Markup(page.text).attributes if name == "href"]
    assert any("search=b" in link for link in links)
    assert all(link.startswith(("/", "#")) for link in links)
    assert not [link for link in links if "x" in link.partition("?")[2]]


def test_many_devices_come_in_pages() -> None:
    grants = [
        grant(device_from_hex(f"a8032abe{number:04x}"), names=(f"Lamp {number:03}",))
        for number in range(PER_PAGE + 1)
    ]
    with house(grants=grants) as made:
        browser = made.browser
        page = wait_for_text(browser, "/devices", f"{PER_PAGE + 1} devices")
        assert page.says("Page 1 of 2")
        assert not page.says("Lamp 050")
        assert browser.get("/devices?page=2").says("Lamp 050")


def test_a_device_with_its_channels(home: House) -> None:
    wait_for_text(home.browser, "/devices", NAME)
    page = home.browser.get(f"/devices/{DEVICE}")
    for words in (
        NAME,
        f"shelly/{DEVICE}/relay/0",
        "Toggle",
        "power",
        "0 W",
        "read and control it",
    ):
        assert page.says(words)


def test_a_device_that_may_only_be_read_has_no_controls() -> None:
    with house() as made:
        made.add(payloads.two_switches(), access=Access.READ)
        page = wait_for_text(made.browser, f"/devices/{DEVICE}", "only read it")
        assert not page.says("Toggle")


@pytest.mark.parametrize("path", ["/devices/nobody", "/devices/", "/nowhere", "/qr/x.svg"])
def test_what_is_not_there(home: House, path: str) -> None:
    page = home.browser.get(path)
    assert page.status == 404
    assert page.says("Not Found")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../admin.py",
        "/static/%2e%2e/admin.py",
        "/devices/../../etc/passwd",
        "//evil.example",
    ],
)
def test_no_way_out_of_the_pages(home: House, path: str) -> None:
    page = home.browser.get(path)
    assert page.status in {404, 403}
    assert "create_admin_app" not in page.text


def test_how_devices_are_added() -> None:
    outbound = Outbound(host="192.168.1.2", port=8082, encrypted=False, secret="canary")
    with house(consent_page=CONSENT, outbound=outbound) as made:
        page = made.browser.get("/add")
        assert page.says("ws://192.168.1.2:8082/shelly/canary")
        assert page.says(CONSENT)
        for what in ("consent", "outbound"):
            picture = made.browser.get(f"/qr/{what}.svg")
            assert picture.headers["Content-Type"] == "image/svg+xml"
            assert Markup(picture.text).tags[0] == "svg"


def test_the_address_for_devices_is_the_one_the_browser_uses() -> None:
    outbound = Outbound(host=None, port=8082, encrypted=True, secret="canary")
    with house(password="pass", listen_host="192.0.2.1", outbound=outbound) as made:
        browser = made.browser
        browser.press("/sign-in", "/sign-in", {"password": "pass"})
        page = browser.get("/add", Host="bridge.lan:8080")
        assert page.says("wss://bridge.lan:8082/shelly/canary")
        assert browser.get("/add", Host="[::").status == 200


def test_without_any_way_it_is_said_what_to_do(home: House) -> None:
    assert home.browser.get("/add").says("shelly-bridge init")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_of_strangers_stay_words(hostile: str) -> None:
    overrides: dict[Any, Override] = {DEVICE: Override(area=hostile)}
    with house(grants=[grant(names=(hostile,))], changes={"overrides": overrides}) as made:
        made.add({**payloads.two_switches(), "text:200": {"value": hostile}})
        made.happens(
            LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.CONNECTED, hostile),
            BadInput(HOST, "json", hostile),
        )
        browser = made.browser
        wait_for_text(browser, "/devices", "relay 0")
        for path in [*PAGES, f"/devices?search={'%3Cscript%3E'}", f"/devices/{DEVICE}/remove"]:
            page = browser.get(path)
            assert page.status == 200
            markup = Markup(page.text)
            assert markup.tags.count("script") == 1
            assert not [name for name, _ in markup.attributes if name.startswith("on")]
            assert ("src", "x") not in markup.attributes
            assert "x" * 9 not in page.text


def test_a_value_that_is_long_is_cut(home: House) -> None:
    home.happens(StatusReported(HOST, DEVICE, {"text:200": {"id": 200, "value": "x" * 2_000}}))
    page = wait_for_text(home.browser, f"/devices/{DEVICE}", "text 200")
    assert "x" * 200 not in page.text.replace('value="' + "x" * 2_000, "")


def test_an_engine_that_has_no_time_is_said_so() -> None:
    with house(desk=Desk(lambda _: False, Topics("shelly"))) as made:
        page = made.browser.get("/devices")
        assert page.status == 503
        assert page.says("too much to do")


def test_a_plot_says_once_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.core.views.courses.FIRST_STEP", 0.05)
    with house() as made:
        browser = furnished(made).browser
        page = wait_for_text(browser, f"/devices/{DEVICE}", "power from")
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page.text)
    labels = re.findall(r'<svg [^>]*aria-label="([^"]*)"', page.text)
    assert captions
    assert [re.sub(r"<[^>]*>", "", caption) for caption in captions] == labels
