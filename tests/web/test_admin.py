from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bridge.threads import Deadline
from bridge.web.addresses import is_loopback
from bridge.web.admin import create_admin_app
from bridge.web.server import WebServer
from bridge.web.session import GUESS_LIMIT
from tests.web.admin_site import make_site
from tests.web.site import Answer, ask

PAGE = "https://my.shelly.cloud/integrator.html?itg=ITG_TEST&cb=https%3A%2F%2Fb.example.org%2Fc"
PASSWORD = "pass:wörd"

Admin = Callable[..., int]
"""Starts an admin listener; its port."""


@pytest.fixture
def admin() -> Iterator[Admin]:
    with ExitStack() as stack:

        def start(
            listen_host: str = "127.0.0.1",
            password: str | None = None,
            consent_page: str | None = PAGE,
            failed: tuple[str, ...] = (),
        ) -> int:
            site = make_site(
                listen_host=listen_host,
                password=password,
                consent_page=consent_page,
                health=lambda: list(failed),
            )
            app = create_admin_app(site)
            # Tests listen on loopback whatever the application believes.
            server = WebServer("web-admin", app, "127.0.0.1", 0, lambda *_: None)
            stack.callback(server.stop, Deadline(10))
            server.start()
            return server.port

        yield start


def basic(password: str, user: str = "anybody") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def get(port: int, path: str, headers: dict[str, str] | None = None) -> Answer:
    return ask(port, "GET", path, headers=headers)


def test_health(admin: Admin) -> None:
    answer = get(admin(), "/healthz")
    assert (answer.status, answer.content) == (200, {"status": "ok"})
    answer = get(admin(failed=("mqtt",)), "/healthz")
    assert (answer.status, answer.content) == (503, {"status": "failed", "parts": ["mqtt"]})


def test_consent_leads_to_shellys_page(admin: Admin) -> None:
    answer = get(admin(), "/consent")
    assert answer.status == 302
    assert answer.headers["Location"] == PAGE
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


def test_consent_without_an_integrator(admin: Admin) -> None:
    assert get(admin(consent_page=None), "/consent").status == 404


@pytest.mark.parametrize("path", ["/x", "/consent/x", "/consent/", "/healthz/", "/static/x"])
def test_everything_else_is_not_found(admin: Admin, path: str) -> None:
    answer = get(admin(), path)
    assert (answer.status, answer.content) == (404, {"ok": False, "error": "not found"})


def test_other_methods(admin: Admin) -> None:
    port = admin()
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(port, method, "/consent").status == 405
        assert ask(port, method, "/healthz").status == 405


@pytest.mark.parametrize("path", ["/healthz", "/consent", "/x"])
def test_a_browser_gets_nothing_to_run_or_frame(admin: Admin, path: str) -> None:
    headers = get(admin(), path).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "LOCALHOST:8080", "127.0.0.1:1", "[::1]", "[::1]:8080"]
)
def test_names_of_this_machine(admin: Admin, host: str) -> None:
    assert get(admin(), "/consent", {"Host": host}).status == 302


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "0.0.0.0",  # noqa: S104 - a header, nothing listens there
        "[::",
        "",
        ":",
    ],
)
def test_a_name_that_was_rebound_to_loopback(admin: Admin, host: str) -> None:
    for path in ("/consent", "/healthz", "/x"):
        answer = get(admin(), path, {"Host": host})
        assert answer.status == 403
        assert "Location" not in answer.headers


def test_the_address_it_listens_on_is_a_name_too(admin: Admin) -> None:
    assert get(admin("127.0.0.2"), "/consent", {"Host": "127.0.0.2:8080"}).status == 302
    assert get(admin("[::1]"), "/consent", {"Host": "[::1]:8080"}).status == 302


def test_others_need_the_password(admin: Admin) -> None:
    port = admin("192.0.2.1", PASSWORD)
    for path in ("/consent", "/x"):
        answer = get(port, path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert "Location" not in answer.headers
    assert get(port, "/consent", basic(PASSWORD)).status == 302
    assert get(port, "/consent", basic(PASSWORD, user="")).status == 302
    assert get(port, "/x", basic(PASSWORD)).status == 404


def test_a_password_on_loopback_counts(admin: Admin) -> None:
    port = admin(password=PASSWORD)
    assert get(port, "/consent").status == 401
    assert get(port, "/consent", basic(PASSWORD)).status == 302


def test_health_needs_no_password(admin: Admin) -> None:
    assert get(admin("192.0.2.1", PASSWORD), "/healthz").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        basic(""),
        basic(PASSWORD + "x"),
        basic(PASSWORD[:-1]),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Digest username={PASSWORD.encode().hex()}"},
    ],
    ids=lambda headers: str(headers["Authorization"])[:14],
)
def test_wrong_passwords(admin: Admin, headers: dict[str, str]) -> None:
    assert get(admin("192.0.2.1", PASSWORD), "/consent", headers).status == 401


def test_guessing_is_slow(admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    port = admin("192.0.2.1", PASSWORD)
    for _ in range(GUESS_LIMIT):
        assert get(port, "/consent", basic("my-guess")).status == 401
    # From now on even the right one, or the answer would tell.
    assert get(port, "/consent", basic("my-guess")).status == 429
    assert get(port, "/consent", basic(PASSWORD)).status == 429
    # Who owns the bridge can see it, and the log does not grow with the guesses.
    told = [each.getMessage() for each in caplog.records if "a wrong password" in each.message]
    assert len(told) == GUESS_LIMIT
    assert told[0] == "a wrong password for the page, from 127.0.0.1"
    assert told[-1].endswith("further ones are not looked at for a minute")
    assert "my-guess" not in caplog.text


def test_it_does_not_start_open_to_others() -> None:
    with pytest.raises(ValueError, match="password"):
        create_admin_app(make_site(listen_host="::"))
    with pytest.raises(ValueError, match="password"):
        create_admin_app(make_site(trusted_proxies=1))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.5.5.5", "::1", "[::1]", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "::", "192.0.2.1", "localhost.example", "127.1"])
def test_no_loopback(host: str) -> None:
    assert not is_loopback(host)
