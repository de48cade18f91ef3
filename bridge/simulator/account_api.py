"""The HTTP endpoints of Shelly accounts: OAuth, and what there is to know of the devices.

(Shelly docs, Real Time Events; `/oauth/login` and `/interface/device/list` are the web app's.)
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from bridge.simulator.account import CLIENT, Account, Accounts, digest
from bridge.simulator.account_faults import Answer, Asked
from bridge.simulator.api import Api
from bridge.simulator.delivery import Delivery, refusal
from bridge.simulator.devices.base import Device
from bridge.simulator.exchange import Reply, Request
from bridge.simulator.tokens import Claims, Tokens
from bridge.simulator.wire import Wire

Json = Any

PAGE_PATH = "/oauth_login.html"
LOGIN_PATH = "/oauth/login"
TOKEN_PATH = "/oauth/auth"  # noqa: S105 - a path
STATUS_PATH = "/device/all_status"
LIST_PATH = "/interface/device/list"

_SHA1 = re.compile(r"[0-9a-f]{40}", re.ASCII)
_OK = 200
_PAGE = """<!doctype html>
<title>Simulated Shelly login</title>
<h1>Simulated Shelly login</h1>
<p>{text}</p>
<form method="post" action="{path}">
{hidden}
<p><label>E-mail <input name="email" type="email" required></label></p>
<p><label>Password <input name="password" type="password" required></label></p>
<p><button>Log in</button></p>
</form>
"""


class AccountApi:
    """Answers requests that concern accounts; lives in the world's event loop."""

    def __init__(self, api: Api, accounts: Accounts, tokens: Tokens) -> None:
        """Has its paths answered by `api`."""
        self.client = CLIENT
        """The only client id that is known."""
        self.redirects: re.Pattern[str] | None = None
        """What redirect addresses must match; None: any address of http or https."""
        self._accounts = accounts
        self._tokens = tokens
        self._delivery = Delivery()
        api.add(PAGE_PATH, self._page, "GET", "POST")
        api.add(LOGIN_PATH, self._login, "POST")
        api.add(TOKEN_PATH, self._token, "POST", "GET")
        api.add(STATUS_PATH, self._status, "GET", "POST")
        api.add(LIST_PATH, self._list, "POST", "GET")

    # A code.

    def _page(self, wire: Wire, request: Request) -> None:
        """Show the form; with the right e-mail and password (or its SHA-1) go back with a code."""
        given = request.query | request.form()
        back = given.get("redirect_uri", "")
        sent = back + given.get("state", "")
        if given.get("client_id") != self.client or not self._may_go(sent, back):
            wire.reply(Reply(400, b"wrong client_id, redirect_uri or state", "text/plain"))
            return
        if "email" not in given:
            wire.reply(_form(given, "Log in with the account of a simulated world."))
            return
        account = self._accounts.by_email(given["email"])
        password = given.get("password", "")
        sha1 = password if _SHA1.fullmatch(password) else digest(password)
        if account is not None:
            account.counters.note(Asked.PAGE)
            refused = account.faults.answers.get(Asked.PAGE) is Answer.REFUSED
            if not refused and account.may_log_in(sha1):
                wire.reply(_going_back(back, given.get("state"), account.make_code(self.client)))
                return
            account.counters.refused[Asked.PAGE] += 1
        wire.reply(_form(given, "E-mail or password is wrong."))

    def _may_go(self, sent: str, back: str) -> bool:
        if not sent.isprintable() or not sent.isascii():
            return False
        if self.redirects is not None:
            return self.redirects.fullmatch(back) is not None
        try:
            parts = urlsplit(back)
            return parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            return False

    def _login(self, wire: Wire, request: Request) -> None:
        form = request.form()
        account = self._accounts.by_email(form.get("email", ""))
        if account is None:
            wire.reply(Reply.of(refusal("wrong_credentials", "Wrong e-mail or password."), 401))
            return

        def make() -> tuple[int, Json]:
            if form.get("client_id") != self.client or not account.may_log_in(
                form.get("password", "")
            ):
                return _refused(account, Asked.LOGIN, "Wrong e-mail or password.")
            return _OK, {"isok": True, "data": {"code": account.make_code(self.client)}}

        self._serve(account, Asked.LOGIN, wire, make)

    # A token.

    def _token(self, wire: Wire, request: Request) -> None:
        form = request.form() if request.method == "POST" else request.query
        grant = form.get("grant_type")
        account: Account | None = None
        if grant == "refresh_token":
            account = self._accounts.by_refresh_token(form.get("refresh_token", ""))
        elif grant == "code":
            account = self._accounts.by_claims(self._tokens.read(form.get("code", "")))
        if account is None:
            wire.reply(Reply.of(refusal("wrong_parameter", "Wrong parameter."), 401))
            return
        asked = Asked.REFRESH if grant == "refresh_token" else Asked.CODE

        def make() -> tuple[int, Json]:
            client = form.get("client_id", "")
            good = client == self.client and (
                account.renews(form["refresh_token"])
                if asked is Asked.REFRESH
                else account.redeem(form["code"], client)
            )
            if not good:
                return _refused(account, asked, "Wrong parameter.")
            return _OK, {
                "access_token": account.make_token(client),
                "token_type": "Bearer",
                "expires_in": round(account.token_lifetime),
                "refresh_token": account.refresh_token,
            }

        self._serve(account, asked, wire, make)

    # The devices.

    def _status(self, wire: Wire, request: Request) -> None:
        given = request.query | request.form()
        info, own = (given.get(key) == "true" for key in ("show_info", "no_shared"))

        def make(account: Account) -> Json:
            devices = account.devices if own else (*account.devices, *account.shared)
            entries = {device.hex_id: _snapshot(device, info=info) for device in devices}
            # The cloud's PHP makes an empty array of every empty object.
            return {"devices_status": entries or [], "pending_notifications": []}

        self._devices(Asked.STATUS, wire, request, make)

    def _list(self, wire: Wire, request: Request) -> None:
        def make(account: Account) -> Json:
            devices = (*account.devices, *account.shared)
            return {"devices": {device.hex_id: _listed(device) for device in devices} or []}

        self._devices(Asked.LIST, wire, request, make)

    def _devices(
        self, asked: Asked, wire: Wire, request: Request, make: Callable[[Account], Json]
    ) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip() if kind.lower() == "bearer" else ""
        account = self._accounts.by_claims(self._tokens.read(token))
        if account is None:
            wire.reply(Reply.of(refusal("invalid_token", "Unauthorized."), 401))
            return
        claims = self._tokens.check(token)

        def answer() -> tuple[int, Json]:
            if not self.is_good(account, claims, request.host):
                account.counters.refused[asked] += 1
                return 401, refusal("invalid_token", "Unauthorized.")
            return _OK, {"isok": True, "data": make(account)}

        self._serve(account, asked, wire, answer)

    @staticmethod
    def is_good(account: Account, claims: Claims | None, host: str) -> bool:
        """Whether a token that says `claims` opens the account at a host."""
        return claims is not None and account.accepts(claims) and account.host == host

    def _serve(
        self, account: Account, asked: Asked, wire: Wire, make: Callable[[], tuple[int, Json]]
    ) -> None:
        account.counters.note(asked)
        self._delivery.answer(account, asked, wire, make)


def _refused(account: Account, asked: Asked, text: str) -> tuple[int, Json]:
    account.counters.refused[asked] += 1
    return account.faults.refused_status, refusal("wrong_parameter", text)


def _going_back(back: str, state: str | None, code: str) -> Reply:
    """The redirect; `state` is appended as it came, without any encoding."""
    mark = "&" if "?" in back else "?"
    rest = "" if state is None else f"&state={state}"
    return Reply(302, headers={"Location": f"{back}{mark}code={quote(code)}{rest}"})


def _form(given: Mapping[str, str], text: str) -> Reply:
    hidden = "\n".join(
        f'<input type="hidden" name="{name}" value="{html.escape(given.get(name, ""))}">'
        for name in ("client_id", "redirect_uri", "state")
    )
    page = _PAGE.format(text=text, path=PAGE_PATH, hidden=hidden)
    return Reply(200, page.encode(), "text/html; charset=utf-8")


def _snapshot(device: Device, *, info: bool) -> Json:
    """What `all_status` says of a device."""
    entry = device.known()
    entry["_updated"] = datetime.fromtimestamp(device.updated, UTC).strftime("%Y-%m-%d %H:%M:%S")
    if device.sleeps:
        entry["_sleeping"] = True
    if info or device.generation == "GBLE":
        entry["_dev_info"] = {
            "id": device.hex_id,
            "gen": device.generation,
            "code": device.code,
            "online": device.online,
        }
    return entry


def _listed(device: Device) -> Json:
    return {
        "id": device.hex_id,
        "name": device.title,
        "type": device.code,
        "gen": device.generation,
        "category": device.identity.type,
    }
