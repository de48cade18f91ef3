"""Logging in to an account by browser: to Shelly's page, and back with a code.

(Shelly docs, Real Time Events: the page appends `state` to our address as it is.) Knows neither
accounts nor tokens.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

from flask import Flask, Response, render_template, request, url_for
from werkzeug.exceptions import BadRequest, NotFound

from bridge.errors import PeerError
from bridge.web.answers import answer, wants_page
from bridge.web.room import Room

STATE_LIMIT = 600.0
"""Seconds within which somebody has to come back from Shelly's page."""

MOST_STATES = 100
"""Logins that may be under way at once; the oldest one is forgotten first."""

LONGEST_CODE = 8_192

ANOTHER_USER = "the account is another user's now, whose devices replace those that were there"

_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)

_log = logging.getLogger(__name__)


class Account(Protocol):
    """What is needed of an account."""

    def login_address(self, redirect: str, state: str) -> str:
        """Shelly's page, which sends the browser to `redirect` with the `state`."""

    def take_code(self, code: str) -> bool:
        """Log in with a code; tells whether the account is another user's than before.

        Raises `PeerError`, whose text is fit to be shown.
        """


class States:
    """The logins that were begun here: each is good once, for its account, for ten minutes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def begin(self, account: str) -> str:
        """A new one; the text needs no encoding in an address."""
        state = secrets.token_urlsafe(32)
        with self._lock:
            self._begun[state] = (account, time.monotonic() + STATE_LIMIT)
            while len(self._begun) > MOST_STATES:
                self._begun.popitem(last=False)
        return state

    def end(self, account: str, state: str) -> bool:
        """Whether it was begun for this account and is good; it is used up, whatever it was."""
        with self._lock:
            whose, until = self._begun.pop(state, ("", 0.0))
        return whose == account and time.monotonic() < until


def add_login(app: Flask, accounts: Mapping[str, Account], room: Room) -> None:
    """Add `GET /login/<account>` and where the browser comes back to; it waits in `room` there."""
    states = States()

    @app.get("/login/<account>", provide_automatic_options=False)
    def login(account: str) -> Response:
        known = _known(accounts, account)
        host = request.headers.get("Host", "")
        if not _HOST.fullmatch(host):
            raise BadRequest
        back = f"{request.scheme}://{host}{url_for('callback', account=account)}"
        address = known.login_address(back, states.begin(account))
        return Response(status=302, headers={"Location": address})

    @app.get("/login/<account>/callback", provide_automatic_options=False)
    def callback(account: str) -> Response:
        known = _known(accounts, account)
        with room.place():
            return come_back(known, account)

    def come_back(known: Account, account: str) -> Response:
        code = request.args.get("code", "")
        if not states.end(account, request.args.get("state", "")):
            text = (
                "this login was not begun here, was used already, or took too long; begin anew, or "
                "paste this page's address into the command that printed the other one"
            )
            return _outcome("Not logged in", text, 400)
        if not code or len(code) > LONGEST_CODE:
            return _outcome("Not logged in", "Shelly's page gave no code", 400)
        try:
            another = known.take_code(code)
        except PeerError as error:
            _log.warning("the login to account %s failed: %s", account, error)
            return _outcome("Not logged in", str(error), 502)
        _log.info("somebody logged in to account %s", account)
        text = "logged in; this page can be closed"
        if another:
            text = f"{ANOTHER_USER}; {text}"
        return _outcome("Logged in", text, account=account)


def _outcome(title: str, text: str, status: int = 200, account: str | None = None) -> Response:
    """How it came out: a page for people, JSON for programs."""
    if wants_page():
        page = render_template("message.html", title=title, text=text)
        return Response(page, status, content_type="text/html; charset=utf-8")
    if account is None:
        return answer({"ok": False, "error": text}, status)
    return answer({"ok": True, "account": account, "message": text})


def _known(accounts: Mapping[str, Account], name: str) -> Account:
    found = accounts.get(name)
    if found is None:
        raise NotFound
    return found
