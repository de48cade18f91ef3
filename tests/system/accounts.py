"""Accounts in the whole system: how a bridge is told of them, and how people log in."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from bridge.core.logins import Login
from bridge.simulator.account import Account
from bridge.simulator.devices.base import Device
from bridge.store import Store
from tests.system.rig import Rig

EMAIL = "somebody@example.org"
PASSWORD = "canary-pässword"


@dataclass(frozen=True)
class Page:
    """What an HTTP server answered."""

    status: int
    location: str
    body: str


class AccountRig(Rig):
    """A system without an integrator, with the account `home`; `login` by e-mail and password."""

    def __init__(
        self, directory: Path, *, login: bool = False, integrator: bool = False, **values: str
    ) -> None:
        super().__init__(directory, integrator=integrator)
        self.values |= values
        self.account: Account = self.world.add_account(EMAIL, PASSWORD)
        self.password_file = directory / "password"
        if login:
            self.write_password(PASSWORD)

    def __enter__(self) -> Self:
        self.values = {
            "accounts__home__ca_file": str(self.world.ca_file),
            **self.values,
        }
        return super().__enter__()

    def write_password(self, password: str) -> None:
        """Have the bridge log in by itself."""
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(password)
        self.values |= {
            "accounts__home__email": EMAIL,
            "accounts__home__password_file": str(self.password_file),
        }

    def device(self, model: str, **options: Any) -> Device:
        """One more device of the account."""
        return self.world.add_device(model, account=self.account, **options)

    @property
    def link(self) -> dict[str, Any]:
        """What `bridge/hosts/home` says."""
        return self.json("bridge/hosts/home") or {}

    def wait_for_login_needed(self) -> None:
        """Wait until somebody has to log in."""
        self.wait(lambda: self.link.get("state") == "auth_required", what="auth_required")

    def get(self, path: str) -> Page:
        """Ask our own page."""
        port = self.bridge.ports["web-admin"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
            return Page(response.status, response.getheader("Location") or "", body)
        finally:
            connection.close()

    def log_in_by_browser(self) -> Page:
        """As a browser does it: to Shelly's page, there with e-mail and password, and back."""
        there = urlsplit(self.get("/login/home").location)
        back = urlsplit(self._at_shellys(f"{there.path}?{there.query}"))
        return self.get(f"{back.path}?{back.query}")

    def _at_shellys(self, path: str) -> str:
        """Fill in the form of Shelly's page; where the browser is sent then."""
        context = ssl.create_default_context(cafile=str(self.world.ca_file))
        connection = http.client.HTTPSConnection("localhost", self.world.port, context=context)
        form = urlencode({"email": EMAIL, "password": PASSWORD})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", path, form, headers)
            response = connection.getresponse()
            response.read()
            assert response.status == 302
            return response.getheader("Location") or ""
        finally:
            connection.close()

    def stored(self) -> Login:
        """What the registry has of the account."""
        with Store.open(self.settings.data_dir, exclusive=False) as store:
            return store.login("home")
