"""The account source, with a simulated cloud as its far side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from bridge.core.hosts import HostRule
from bridge.core.logins import NONE, Login
from bridge.core.model import LinkId
from bridge.errors import StoreError
from bridge.simulator.account import Account, digest
from bridge.simulator.account_faults import Asked
from bridge.simulator.world import World
from bridge.sources.account import AccountSettings, AccountSource
from bridge.sources.credentials import Credentials
from bridge.sources.timing import Timing
from bridge.tls import cloud_context
from tests.sources.cloud_driver import CloudDriver
from tests.sources.integrator_driver import TIMING

NAME = "home"
EMAIL, PASSWORD = "somebody@example.org", "canary-pässword"
ADVICE = "log in: shelly-bridge login home"

FAST = replace(TIMING, pace=0.02, status_limit=0.4, list_again=0.3, look_for_login=0.05)
"""Nobody waits for long, and questions may follow each other fast."""


class MemoryVault:
    """Keeps the login in memory, as the store keeps it on disk."""

    def __init__(self, login: Login = NONE) -> None:
        self.login = login
        self.full = False
        """Whether nothing can be written."""
        self._lock = threading.Lock()

    def load(self) -> Login:
        """What is stored."""
        return self.login

    def save(self, login: Login) -> bool:
        """Store it, unless a newer login is there."""
        if self.full:
            raise StoreError("the disk is full")
        with self._lock:
            if login.count < self.login.count:
                return False
            self.login = login
            return True


class AccountDriver(CloudDriver):
    """A source that is logged in to an account with two devices."""

    def __init__(
        self,
        world: World,
        *,
        allowed: tuple[str, ...] = ("*.shelly.cloud",),
        password: str | None = PASSWORD,
        logged_in: bool = True,
        shared: bool = False,
        native_rpc: bool = False,
        timing: Timing = FAST,
        exclusive: bool = False,
    ) -> None:
        self.account: Account = world.add_account(EMAIL, PASSWORD)
        lamp = world.add_device("SNSW-001P16EU", account=self.account)
        other = world.add_device("SNSN-0024X", account=self.account, online=False)
        super().__init__(world, lamp, other)
        self.registered: list[str] = []
        self.vault = MemoryVault()
        if logged_in:
            self.vault.login = Login(
                access=self.account.make_token(),
                refresh=self.account.refresh_token,
                base=world.server_url(self.account.host),
            )
        settings = AccountSettings(
            name=NAME,
            credentials=None if password is None else Credentials(EMAIL, digest(password)),
            client_id="shelly-diy",
            include_shared=shared,
            native_rpc=native_rpc,
            allowed_hosts=HostRule(allowed),
            api_url=world.api_url,
            wss_port=6113,
            login_page=world.login_url,
            context=cloud_context(world.ca_file),
            advice=ADVICE,
            reconnect_first=0.05,
            reconnect_longest=0.2,
            resolve=self.resolve,
            timing=timing,
            exclusive=exclusive,
        )
        self.source: AccountSource = AccountSource(
            settings, self.vault, self.recorder, self.recorder.crashed, self.registered.append
        )
        self.link = LinkId(NAME)

    @property
    def secrets(self) -> tuple[str, ...]:  # type: ignore[override]  # tokens come while it runs
        return self.world.secrets

    def begin(self) -> None:
        self.source.start()

    def withhold(self, on: bool) -> None:
        if on:
            self.account.hold(Asked.STATUS)
        else:
            self.account.release()

    def opened(self) -> int:
        return len(self.account.counters.opened)

    def asked(self, *kinds: Asked) -> int:
        """How many HTTP requests of these kinds, or of any, there were."""
        return self.account.counters.count(*kinds)


AccountMaker = Callable[..., AccountDriver]
"""Makes a driver with options of its own, which is stopped in the end."""
