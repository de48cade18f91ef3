"""Who gets in: by password, by a form of ours, by the right name; nobody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from werkzeug.security import generate_password_hash

from bridge.listeners import ADMIN_WORKERS
from bridge.web.session import (
    COOKIE,
    DOOR_COOKIE,
    FIELD,
    GUESS_LIMIT,
    LIFETIME,
    MOST_SESSIONS,
    Sessions,
)
from tests.core.dialogue import DEVICE
from tests.web.house import Browser, House, furnished, house, wait_for_text

PASSWORD = "pass:wörd"
PATH = f"/devices/{DEVICE}"
SECRET_PAGES = ["/", "/devices", PATH, "/add", "/maintenance", "/metrics", "/diagnostics.json"]
FORMS = [
    f"{PATH}/relay/0",
    "/request/device/remove",
    "/request/device/options",
    "/request/options",
    "/retained",
    "/sign-out",
]


@pytest.fixture
def home() -> Iterator[House]:
    with house() as made:
        furnished(made)
        wait_for_text(made.browser, PATH, "Toggle")
        yield made


@pytest.fixture
def locked() -> Iterator[House]:
    with house(listen_host="192.0.2.1", password=PASSWORD) as made:
        yield furnished(made)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"x:{password}".encode()).decode()


def sign_in(browser: Browser, password: str = PASSWORD, to: str = "") -> int:
    token = browser.get(f"/sign-in?to={to}").token
    return browser.post("/sign-in", {FIELD: token, "password": password, "to": to}).status


@pytest.mark.parametrize("path", [*SECRET_PAGES, "/nowhere", "/live?of=overview", "/qr/x.svg"])
def test_without_a_password_a_browser_is_led_to_the_door(locked: House, path: str) -> None:
    page = locked.browser.get(path)
    assert page.status == 302
    assert page.headers["Location"].startswith("/sign-in?to=")


def test_the_right_password_opens_every_page(locked: House) -> None:
    browser = locked.browser
    assert sign_in(browser) == 303
    for path in SECRET_PAGES:
        if path != PATH:
            assert browser.get(path).status == 200
    browser.press("/", "/sign-out", {})
    assert browser.get("/").status == 302


def test_a_hashed_password_does_too() -> None:
    hashed = generate_password_hash(PASSWORD, method="pbkdf2:sha256:1000")
    with house(listen_host="192.0.2.1", password=hashed) as made:
        assert sign_in(made.browser, hashed) == 200
        assert sign_in(made.browser) == 303


def test_the_cookie_is_for_our_pages_only(locked: House) -> None:
    browser = locked.browser
    sign_in(browser)
    for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in browser.set_cookie
    assert PASSWORD not in browser.set_cookie


def test_the_cookie_lasts_on_with_every_visit(locked: House) -> None:
    browser = locked.browser
    sign_in(browser)
    session = browser.cookies[COOKIE]
    browser.get("/")
    assert browser.set_cookie.startswith(f"{COOKIE}={session};")
    assert f"Max-Age={LIFETIME:.0f}" in browser.set_cookie
    browser.press("/", "/sign-out", {})
    assert browser.set_cookie == ""


def test_signing_in_changes_the_cookie(locked: House) -> None:
    browser = locked.browser
    browser.get("/sign-in")
    before = browser.cookies[DOOR_COOKIE]
    sign_in(browser)
    assert browser.cookies[COOKIE] != before
    assert browser.get("/").status == 200
    thief = locked.browser
    thief.cookies[COOKIE] = before
    assert thief.get("/").status == 302


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 44, "' or 1=1", "../" * 14])
def test_an_invented_cookie_opens_nothing(locked: House, cookie: str) -> None:
    browser = locked.browser
    browser.cookies[COOKIE] = cookie
    assert browser.get("/").status == 302


def test_guessing_is_slow(locked: House) -> None:
    browser = locked.browser
    statuses = [sign_in(browser, f"guess {number}") for number in range(GUESS_LIMIT + 80)]
    assert statuses[:GUESS_LIMIT] == [200] * GUESS_LIMIT
    assert set(statuses[GUESS_LIMIT:]) == {429}
    assert sign_in(browser) == 429


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("/devices", "/devices"),
        ("/devices?search=x", "/devices?search=x"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/devices%0d%0aX: y", "/devices%0d%0aX: y"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_our_pages_only(locked: House, to: str, leads: str) -> None:
    browser = locked.browser
    token = browser.get("/sign-in").token
    page = browser.post("/sign-in", {FIELD: token, "password": PASSWORD, "to": to})
    assert page.status == 303
    assert page.headers["Location"].replace(" ", "%20") == leads.replace(" ", "%20")


@pytest.mark.parametrize("to", ["//[", "http://[", "//\u2100", "/[", "\x00"])
def test_a_way_back_that_is_no_address(
    locked: House, to: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = locked.browser
    page = browser.get(f"/sign-in?to={quote(to)}")
    assert page.status == 200
    fields = {FIELD: page.token, "password": PASSWORD, "to": to}
    page = browser.post("/sign-in", fields)
    assert (page.status, page.headers["Location"]) == (303, "/%5B" if to == "/[" else "/")
    assert "could not be answered" not in caplog.text


def test_guesses_at_once_are_counted_too() -> None:
    hashed = generate_password_hash(PASSWORD)
    with house(listen_host="192.0.2.1", password=hashed) as made:
        guess = {"Authorization": basic("guess"), "Accept": "application/json"}
        with ThreadPoolExecutor(ADMIN_WORKERS) as pool:
            pages = [pool.submit(made.browser.get, "/", **guess) for _ in range(GUESS_LIMIT * 2)]
        statuses = [page.result().status for page in pages]
        assert 1 <= statuses.count(401) <= GUESS_LIMIT
        assert set(statuses) == {401, 429}


def test_a_link_on_another_site_ends_no_session(locked: House) -> None:
    browser = locked.browser
    sign_in(browser)
    session = browser.cookies.pop(COOKIE)
    # As it is with such a link: the browser keeps the cookie to itself, also at the door.
    assert browser.get("/devices").status == 302
    assert browser.get("/sign-in?to=/devices").status == 200
    assert COOKIE not in browser.cookies
    browser.cookies[COOKIE] = session
    assert browser.get("/devices").status == 200


def test_who_came_by_a_link_can_go_on(locked: House) -> None:
    browser = locked.browser
    page = browser.get("/sign-in?to=/devices", Referer="https://home.example/lovelace")
    assert '<a href="/devices">go on</a>' in page.text
    page = browser.get("/sign-in?to=//evil.example", Referer="https://home.example/")
    assert "evil" not in page.text.replace('value="//evil.example"', "")
    for referrer in ("", f"http://127.0.0.1:{browser.port}/devices"):
        assert not browser.get("/sign-in", Referer=referrer).says("go on")


@pytest.mark.parametrize("path", FORMS)
def test_no_form_without_our_token(home: House, path: str) -> None:
    browser = home.browser
    browser.get("/")
    assert browser.post(path, {"key": "state", "value": "ON"}).status == 403
    assert browser.post(path, {FIELD: "0" * 64, "key": "state", "value": "ON"}).status == 403
    assert home.sent == []


@pytest.mark.parametrize("path", FORMS)
def test_no_form_without_a_cookie(home: House, path: str) -> None:
    token = home.browser.get(PATH).token
    assert home.browser.post(path, {FIELD: token, "key": "state", "value": "ON"}).status == 403
    assert home.sent == []


def test_no_form_with_the_token_of_another_browser(home: House) -> None:
    token, browser = home.browser.get(PATH).token, home.browser
    browser.get(PATH)
    fields = {FIELD: token, "key": "state", "value": "ON"}
    assert browser.post(f"{PATH}/relay/0", fields).status == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://[", "http://", ""]
)
def test_no_form_from_another_site(home: House, origin: str) -> None:
    fields = {"key": "state", "value": "ON"}
    page = home.browser.press(PATH, f"{PATH}/relay/0", fields, Origin=origin)
    assert page.status == 403
    assert home.sent == []


def test_a_form_from_our_own_site(home: House) -> None:
    browser = home.browser
    fields = {"key": "state", "value": "ON"}
    origin = f"http://127.0.0.1:{browser.port}"
    assert browser.press(PATH, f"{PATH}/relay/0", fields, Origin=origin).status == 303


@pytest.mark.parametrize("path", FORMS)
def test_behind_a_password_no_form_without_signing_in(locked: House, path: str) -> None:
    browser = locked.browser
    token = browser.get("/sign-in").token
    page = browser.post(path, {FIELD: token, "key": "state", "value": "ON"})
    assert page.status == 403
    assert locked.sent == []


def test_programs_may_read_with_the_password_but_press_nothing(locked: House) -> None:
    given = basic(PASSWORD)
    browser = locked.browser
    assert browser.get("/metrics", Authorization=given).status == 200
    assert browser.post("/retained", {}, Authorization=given).status == 403


def test_a_script_is_told_why_its_form_is_refused(locked: House) -> None:
    page = locked.browser.post("/retained", {}, Accept="application/json")
    assert json.loads(page.text)["message"] == "sign in first"


def test_pages_of_other_sites_cannot_load_ours_into_them(home: House) -> None:
    browser = home.browser
    for path in ("/live?of=overview", "/metrics", "/diagnostics.json", "/qr/consent.svg"):
        page = browser.get(path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
        assert page.status == 403
    assert browser.get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_a_name_that_was_rebound_to_loopback(home: House, host: str) -> None:
    for path in ("/", "/devices", "/live?of=overview", "/metrics"):
        assert home.browser.get(path, Host=host).status == 403


def test_behind_a_proxy_with_a_prefix() -> None:
    with house(password=PASSWORD, trusted_proxies=1) as made:
        browser = made.browser
        headers = {
            "X_Forwarded_Prefix": "/shelly",
            "X_Forwarded_Host": "home.example.org",
            "X_Forwarded_Proto": "https",
            "X_Forwarded_For": "192.0.2.7",
        }
        page = browser.get("/", **headers)
        assert page.headers["Location"] == "/shelly/sign-in?to=/"
        page = browser.get("/sign-in", **headers)
        assert 'href="/shelly/static/style.css"' in page.text
        fields = {FIELD: page.token, "password": PASSWORD, "to": "/devices"}
        origin = "https://home.example.org"
        done = browser.post("/sign-in", fields, Origin=origin, **headers)
        assert (done.status, done.headers["Location"]) == (303, "/shelly/devices")
        assert "Secure" in browser.set_cookie
        assert "Path=/shelly/" in browser.set_cookie
        assert browser.get("/", **headers).text.count('href="/shelly/') > 3


def test_without_a_proxy_its_headers_count_nothing(home: House) -> None:
    page = home.browser.get("/", X_Forwarded_Prefix="/evil", X_Forwarded_Host="evil.example")
    assert "evil" not in page.text


# Sessions


def test_a_session_ends_when_it_was_not_used_for_long() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    session = sessions.begin()
    now = LIFETIME - 1
    assert sessions.use(session)
    now += LIFETIME - 1
    assert sessions.use(session)
    now += LIFETIME + 1
    assert not sessions.use(session)


def test_there_are_only_so_many_sessions() -> None:
    sessions = Sessions()
    first = sessions.begin()
    for _ in range(MOST_SESSIONS):
        last = sessions.begin()
    assert not sessions.use(first)
    assert sessions.use(last)
    sessions.end(last)
    assert not sessions.use(last)
