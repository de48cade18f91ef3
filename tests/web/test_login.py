"""Logging in to an account by browser: to Shelly's page and back, once, for this account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import AuthError, PeerError
from bridge.threads import Deadline
from bridge.web import login
from bridge.web.admin import create_admin_app
from bridge.web.login import MOST_STATES, STATE_LIMIT, States
from bridge.web.server import WebServer
from bridge.web.session import FIELD
from tests.web.admin_site import make_site
from tests.web.house import Browser
from tests.web.site import Answer, ask
from tests.web.test_admin import basic

CODE = "eyJh.canary-code.c2ln"


class FakeAccount:
    """Remembers the codes that it is given."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.problem: PeerError | None = None
        self.another = False

    def login_address(self, redirect: str, state: str) -> str:
        return (
            f"https://my.shelly.cloud/oauth_login.html?redirect_uri={quote(redirect)}&state={state}"
        )

    def take_code(self, code: str) -> bool:
        if self.problem is not None:
            raise self.problem
        self.codes.append(code)
        return self.another


class Page:
    """A listener with two accounts."""

    def __init__(self, port: int, home: FakeAccount, cabin: FakeAccount) -> None:
        self.port = port
        self.home = home
        self.cabin = cabin

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return ask(self.port, "GET", path, headers=headers)

    def begin(self, account: str = "home") -> dict[str, str]:
        """Go to Shelly's page; what its address says."""
        answer = self.get(f"/login/{account}")
        assert answer.status == 302
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: values[0] for name, values in query.items()}

    def come_back(self, state: str, code: str = CODE, account: str = "home") -> Answer:
        return self.get(f"/login/{account}/callback?code={quote(code)}&state={quote(state)}")


@contextmanager
def listener(
    listen_host: str = "127.0.0.1", password: str | None = None, trusted_proxies: int = 0
) -> Iterator[Page]:
    home, cabin = FakeAccount(), FakeAccount()
    accounts = {"home": home, "cabin": cabin}
    site = make_site(
        listen_host=listen_host,
        password=password,
        accounts=accounts,
        trusted_proxies=trusted_proxies,
    )
    server = WebServer(
        "web-admin",
        create_admin_app(site),
        "127.0.0.1",
        0,
        lambda *_: None,
        trusted_proxies=trusted_proxies,
    )
    server.start()
    try:
        yield Page(server.port, home, cabin)
    finally:
        server.stop(Deadline(10))


@pytest.fixture
def page() -> Iterator[Page]:
    with listener() as running:
        yield running


@pytest.fixture(scope="module")
def lasting() -> Iterator[Page]:
    with listener() as running:
        yield running


def test_the_browser_is_sent_to_shelly_and_comes_back_with_a_code(page: Page) -> None:
    sent = page.begin()
    assert sent["redirect_uri"] == f"http://127.0.0.1:{page.port}/login/home/callback"
    assert len(sent["state"]) >= 32
    assert quote(sent["state"], safe="") == sent["state"]
    answer = page.come_back(sent["state"])
    assert (answer.status, answer.content["ok"], answer.content["account"]) == (200, True, "home")
    assert page.home.codes == [CODE]
    assert page.cabin.codes == []
    assert CODE not in str(answer.content)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_behind_a_prefix_the_browser_comes_back_there() -> None:
    headers = {"X-Forwarded-Prefix": "/shelly", "Accept": "text/html"} | basic("pass")
    with listener(password="pass", trusted_proxies=1) as page:
        place = page.get("/login/home", headers).headers["Location"]
        back = parse_qs(urlsplit(place).query)["redirect_uri"][0]
        assert urlsplit(back).path == "/shelly/login/home/callback"


def test_a_login_of_another_user_is_told(page: Page) -> None:
    assert "another user's" not in str(page.come_back(page.begin()["state"]).content)
    page.home.another = True
    assert "another user's" in str(page.come_back(page.begin()["state"]).content)


def test_a_state_is_good_once(page: Page) -> None:
    state = page.begin()["state"]
    assert page.come_back(state).status == 200
    assert page.come_back(state).status == 400
    assert page.home.codes == [CODE]


def test_a_state_is_good_for_its_account_only_and_then_used_up(page: Page) -> None:
    state = page.begin("home")["state"]
    assert page.come_back(state, account="cabin").status == 400
    assert page.come_back(state, account="home").status == 400
    assert page.home.codes == page.cabin.codes == []


def test_a_state_is_good_for_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(
        login, "time", type("Clock", (), {"monotonic": staticmethod(lambda: now[0])})
    )
    states = States()
    early, late = states.begin("home"), states.begin("home")
    now[0] += STATE_LIMIT - 1
    assert states.end("home", early)
    now[0] += 2
    assert not states.end("home", late)


def test_the_oldest_of_too_many_logins_is_forgotten() -> None:
    states = States()
    begun = [states.begin("home") for _ in range(MOST_STATES + 1)]
    assert len(set(begun)) == MOST_STATES + 1
    assert not states.end("home", begun[0])
    assert states.end("home", begun[1])


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?code=x&state=x", "?code=&state="])
def test_a_way_back_that_nobody_went_to(page: Page, query: str) -> None:
    answer = page.get(f"/login/home/callback{query}")
    assert answer.status == 400
    assert "not begun here" in answer.content["error"]
    assert page.home.codes == []


def test_a_way_back_without_a_code(page: Page) -> None:
    for code in ("", "x" * 10_000):
        answer = page.come_back(page.begin()["state"], code)
        assert (answer.status, page.home.codes) == (400, [])


@pytest.mark.parametrize(
    "problem", [AuthError("the cloud does not take it"), PeerError("HTTP 500")]
)
def test_what_goes_wrong_is_told(page: Page, problem: PeerError) -> None:
    page.home.problem = problem
    answer = page.come_back(page.begin()["state"])
    assert (answer.status, answer.content) == (502, {"ok": False, "error": str(problem)})


@pytest.mark.parametrize(
    "path", ["/login", "/login/", "/login/other", "/login/home/", "/login/x/y"]
)
def test_there_is_nothing_else(page: Page, path: str) -> None:
    assert page.get(path).status == 404


def test_others_need_the_password() -> None:
    with listener("192.0.2.1", "pass:wörd") as page:
        assert page.get("/login/home").status == 401
        # Browsers keep the cookie to themselves on the way back; the state is what proves it.
        assert page.get("/login/home/callback?code=x&state=y").status == 400
        assert page.home.codes == []
        headers = basic("pass:wörd") | {"Host": "bridge.lan:8080"}
        answer = page.get("/login/home", headers)
        sent = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert sent["redirect_uri"] == ["http://bridge.lan:8080/login/home/callback"]


@pytest.mark.parametrize("host", ["a/b", "a b", "a@b", "a?b", "", "x" * 300, "[::1", "a:b:c"])
def test_a_host_that_is_none_is_sent_nowhere(host: str) -> None:
    with listener("192.0.2.1", "pass") as page:
        answer = page.get("/login/home", basic("pass") | {"Host": host})
        assert answer.status == 400
        assert "Location" not in answer.headers


@settings(max_examples=50, deadline=None)
@given(code=st.text(max_size=40), state=st.text(max_size=40))
def test_whatever_comes_back_is_answered_in_one_way(lasting: Page, code: str, state: str) -> None:
    answer = lasting.come_back(quote(state, errors="replace"), quote(code, errors="replace"))
    assert answer.status == 400
    assert lasting.home.codes == []


def test_a_browser_is_told_in_words_and_keeps_its_session() -> None:
    with listener("192.0.2.1", "pass:wörd") as page:
        browser = Browser(page.port)
        token = browser.get("/sign-in").token
        assert browser.post("/sign-in", {FIELD: token, "password": "pass:wörd"}).status == 303
        signed_in = dict(browser.cookies)
        query = parse_qs(urlsplit(browser.get("/login/home").headers["Location"]).query)
        # Coming back from another site the browser keeps the cookie to itself.
        stranger = Browser(page.port)
        back = f"/login/home/callback?code={quote(CODE)}&state={query['state'][0]}"
        came = stranger.get(back)
        assert came.status == 200
        assert came.says("Logged in")
        assert stranger.set_cookie == ""
        assert page.home.codes == [CODE]
        assert stranger.get(back).says("was used already")
        assert browser.cookies == signed_in
