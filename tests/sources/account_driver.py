"""The account source, with a simulated cloud as its far side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from bridge.core.hosts import HostRule
from bridge.core.ids import device_from_hex
from bridge.core.logins import NONE, Login
from bridge.core.model import DeviceId, LinkId
from bridge.errors import StoreError
from bridge.simulator.account import Account, digest
from bridge.simulator.account_faults import Asked
from bridge.simulator.devices.base import Device
from bridge.simulator.world import World
from bridge.sources.account import AccountSettings, AccountSource
from bridge.sources.account_tokens import Credentials
from bridge.sources.timing import Timing
from bridge.tls import cloud_context
from tests.sources.contract import Driver
from tests.sources.integrator_driver import TIMING
from tests.sources.recorder import Recorder

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


class AccountDriver(Driver):
    """A source that is logged in to an account with two devices."""

    threads = ("cloud-", "http-")

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
    ) -> None:
        self.world = world
        self.recorder = Recorder()
        self.looked_up: list[str] = []
        self.registered: list[str] = []
        self.account: Account = world.add_account(EMAIL, PASSWORD)
        self.host = world.host()
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
            resolve=self._resolve,
            timing=timing,
        )
        self.source: AccountSource = AccountSource(
            settings, self.vault, self.recorder, self.recorder.crashed, self.registered.append
        )
        self.link = LinkId(NAME)
        self.lamp = world.add_device("SNSW-001P16EU", account=self.account)
        self.other = world.add_device("SNSN-0024X", account=self.account, online=False)
        self.device = id_of(self.lamp)
        self.sleeper = id_of(self.other)

    def _resolve(self, host: str, port: int) -> tuple[str, int]:
        self.looked_up.append(host)
        return self.world.resolver(host, port)

    @property
    def secrets(self) -> tuple[str, ...]:  # type: ignore[override]  # tokens come while it runs
        return self.world.secrets

    def begin(self) -> None:
        self.source.start()

    def mute(self, on: bool) -> None:
        self.host.faults.mute = on

    def freeze(self) -> None:
        self._in_the_world(self.host.freeze)

    def drop(self) -> None:
        self.host.drop()

    def withhold(self, on: bool) -> None:
        if on:
            self.account.hold(Asked.STATUS)
        else:
            self.account.release()

    def say(self, data: bytes) -> None:
        self.world.emit(self.host.name, data)

    def report(self) -> None:
        self.lamp.measure()

    def opened(self) -> int:
        return len(self.account.counters.opened)

    def unanswered(self) -> int:
        return self.host.counters.unanswered

    def received(self) -> int:
        return len(self.lamp.received)

    def asked(self, *kinds: Asked) -> int:
        """How many HTTP requests of these kinds, or of any, there were."""
        return self.account.counters.count(*kinds)

    def _in_the_world(self, act: Callable[[], None]) -> None:
        """Do something, and wait until the world's thread has done it."""
        act()
        done = threading.Event()
        self.world.soon(done.set)
        assert done.wait(5)


def id_of(device: Device) -> DeviceId:
    """The device as the core knows it."""
    return device_from_hex(device.hex_id)


AccountMaker = Callable[..., AccountDriver]
"""Makes a driver with options of its own, which is stopped in the end."""
