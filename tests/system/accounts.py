"""Accounts in the whole system: how a bridge is told of them, and how people log in."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from bridge.config import Config
from bridge.core.logins import Login
from bridge.simulator.account import Account
from bridge.simulator.devices.base import Device
from bridge.store import Store
from tests.system.process import ROOT
from tests.system.rig import HOSTS, Rig

EMAIL = "somebody@example.org"
PASSWORD = "canary-pässword"


@dataclass(frozen=True)
class Page:
    """What an HTTP server answered."""

    status: int
    location: str
    body: str


class AccountRig(Rig):
    """A system without an integrator, with the account `home`; `login` by e-mail and password.

    With `near` its cloud is found by other processes as well.
    """

    def __init__(
        self,
        directory: Path,
        *,
        login: bool = False,
        integrator: bool = False,
        near: bool = False,
        **values: str,
    ) -> None:
        hosts = ("localhost",) if near else HOSTS[:1]
        super().__init__(directory, hosts=hosts, integrator=integrator, ports_in_urls=near)
        self.values |= values
        if near:
            self.values["accounts__home__allowed_hosts"] = "localhost"
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

    def _load(self) -> Config:
        # Only a world that runs knows its port.
        self.values["accounts__home__login_page"] = self.world.login_url
        return super()._load()

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
        back = urlsplit(self._at_shellys(self.get("/login/home").location))
        return self.get(f"{back.path}?{back.query}")

    def log_in_by_command(self) -> str:
        """As `shelly-bridge login home` does it, in a process of its own; gives what it printed."""
        config = self.directory / "config.yaml"
        with subprocess.Popen(
            [sys.executable, "-m", "bridge", "login", "home", "-c", str(config)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            lines = (line.strip() for line in process.stdout)
            address = next(line for line in lines if line.startswith("https://"))
            process.stdin.write(f"{self._at_shellys(address)}\n")
            process.stdin.close()
            printed = "\n".join(lines)
        assert process.returncode == 0
        return printed

    def _at_shellys(self, address: str) -> str:
        """Fill in the form of Shelly's page; where the browser is sent then."""
        there = urlsplit(address)
        assert address.startswith(f"{self.world.login_url}?")
        path = f"{there.path}?{there.query}"
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
