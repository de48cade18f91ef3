"""The admin listener: health, and the ways to Shelly's pages for consents and logins.

Every page that is added here is behind the same guard: the `Host` header on loopback, the password
elsewhere.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, NotFound, TooManyRequests, Unauthorized

from bridge.web.answers import HealthCheck, create_app
from bridge.web.login import Account, add_login
from bridge.web.refusals import WINDOW, Refusals

GUESS_LIMIT = 20
"""Wrong passwords a minute and address."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


def create_admin_app(
    *,
    listen_host: str,
    password: str | None,
    consent_page: str | None,
    health: HealthCheck,
    accounts: Mapping[str, Account] = MappingProxyType({}),
) -> Flask:
    """The application of the admin listener.

    `listen_host` is the address it listens on; `password` may be None on loopback only.
    `consent_page` is the full address for device owners (see `consent_url`), None without an
    integrator licence. `accounts` can be logged in to.
    """
    local = is_loopback(listen_host)
    if not local and password is None:
        raise ValueError("an admin listener that others can reach needs a password")
    app = create_app(__name__, health)
    guesses = Refusals()

    @app.before_request
    def guard() -> None:
        if local and not _names_us(request.headers.get("Host", ""), listen_host):
            raise Forbidden
        if password is not None and request.endpoint != "healthz":
            _ask_password(password, guesses)

    @app.get("/consent", provide_automatic_options=False)
    def consent() -> Response:
        if consent_page is None:
            raise NotFound
        return Response(status=302, headers={"Location": consent_page})

    add_login(app, accounts)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a listener on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _names_us(header: str, listen_host: str) -> bool:
    """Whether a browser meant this machine: a page whose name was rebound to loopback did not."""
    try:
        host = urlsplit(f"//{header}").hostname
    except ValueError:
        return False
    return host in {"localhost", "127.0.0.1", "::1", listen_host.strip("[]").lower()}


def _ask_password(password: str, guesses: Refusals) -> None:
    if guesses.count(request.remote_addr) >= GUESS_LIMIT:
        raise TooManyRequests(retry_after=int(WINDOW))
    given = request.authorization
    if given is None or given.type != "basic":
        raise _unauthorized()
    if not secrets.compare_digest((given.password or "").encode(), password.encode()):
        guesses.add(request.remote_addr)
        raise _unauthorized()


def _unauthorized() -> Unauthorized:
    challenge = WWWAuthenticate("basic", {"realm": "shelly-bridge", "charset": "UTF-8"})
    return Unauthorized(www_authenticate=challenge)
