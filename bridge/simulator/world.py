"""A simulated Shelly world: devices, their owners, cloud hosts, and all that goes wrong.

One thread runs the event loop that serves every host on one port; hosts differ by the name they
are asked by. One lock guards the devices, so that every method may be called by any thread.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from bridge.simulator.account import CODE_LIFETIME, TOKEN_LIFETIME, Account, Accounts
from bridge.simulator.account_api import PAGE_PATH, AccountApi
from bridge.simulator.account_socket import AccountSocket
from bridge.simulator.api import Api
from bridge.simulator.certificates import Authority, write_private
from bridge.simulator.clock import Clock
from bridge.simulator.cloud import Host, Viewer
from bridge.simulator.consent import Answer, ConsentCaller
from bridge.simulator.consent_page import PAGE_PATH as CONSENT_PATH
from bridge.simulator.consent_page import ConsentPage
from bridge.simulator.devices import catalog
from bridge.simulator.devices.base import Detail, Device, Status
from bridge.simulator.devices.model import Options
from bridge.simulator.devices.private import CANARIES
from bridge.simulator.eventloop import EventLoop
from bridge.simulator.exchange import Request
from bridge.simulator.front import Front
from bridge.simulator.identities import Identities
from bridge.simulator.integrator import Integrator
from bridge.simulator.listener import Listener
from bridge.simulator.load import Load
from bridge.simulator.outbox import Outbox
from bridge.simulator.schedule import Schedule
from bridge.simulator.tokens import DAY, Claims, Tokens
from bridge.simulator.wire import Wire, frame

Json = Any

HOST = "shelly-1-sim.shelly.cloud"
"""The first host of a world that was told no names."""

PAGES = ("api.shelly.cloud", "my.shelly.cloud")
"""Names of Shelly's that every world answers to, besides those of its hosts."""

_TICK = 0.05
"""Seconds between two looks at which devices want to live on."""
_OK = 200


class World:
    """The world; a context manager, or `start` and `stop`.

    `tag` and `token` are the integrator's. `clock` replaces the machine's time for devices.
    `report_every` (s) lets devices measure by themselves; without it nothing happens unasked.
    `directory` takes the certificate files, a temporary one otherwise. With `ports_in_urls` the
    tokens of accounts name the port as well, for clients without `resolver`.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (HOST,),
        *,
        tag: str = "ITG_SIM",
        token: str | None = None,
        port: int = 0,
        directory: Path | None = None,
        clock: Clock | None = None,
        report_every: float | None = None,
        token_lifetime: float = DAY,
        detail: Detail = Detail.MEMBERS,
        ports_in_urls: bool = False,
        address: str = "127.0.0.1",
    ) -> None:
        self.tag = tag
        self.token = token or f"sim-{secrets.token_hex(16)}"
        self.address = address
        """Where it listens."""
        self.port = port
        self.detail = detail
        """How much of a Gen2+ status an event carries; may be changed at any time."""
        self._loop = EventLoop("simulator")
        self.soon = self._loop.soon
        """Has the world's thread call something."""
        lock = threading.RLock()
        self.lock: AbstractContextManager[object] = lock
        self.tokens = Tokens(token_lifetime)
        self.consent = ConsentCaller(tag)
        self.api = Api(tag, self.token, self.tokens, self._note)
        self.accounts = Accounts()
        self.account_api = AccountApi(self.api, self.accounts, self.tokens)
        self._changed = threading.Condition(lock)
        self._clock = clock or Clock()
        self._report_every = report_every
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="shelly-sim-")
            directory = Path(self._temporary.name)
        self.directory = directory
        self._authority = Authority(self.directory)
        self._context = self._authority.server_context()
        self.ca_file = self._authority.ca_file
        self.trust_key_file = self.directory / "trust-key.pem"
        write_private(self.trust_key_file, self.consent.public_key_pem.encode())
        self.devices: list[Device] = []
        self._by_id: dict[str, Device] = {}
        ConsentPage(self.api, self, self.soon)
        self._identities = Identities()
        self._schedule = Schedule()
        self.watchers: list[Callable[[Device, Status | None], None]] = []
        """Told, with the lock held, of every report (None: of new settings) at once."""
        self._ports_in_urls = ports_in_urls
        integrator = Integrator(tag, self._by_id.get, self.lock)
        self._front = Front(self.api, self.tokens, self._note, self.soon)
        self._front.viewers += [
            lambda claims, _host: integrator if claims.get("itg") == tag else None,
            self._account_socket,
        ]
        for name in hosts:
            self._front.add(name)
        self._certify()
        self._outbox = Outbox(self._loop, self._front, self._changed)

    # Life.

    def start(self) -> Self:
        """Serve; returns once `port` is known. Raises `StartError` when it is taken.

        After `go_down` it comes back on the same port, with the same devices.
        """
        listener = Listener(
            self.port, self._context, self._dispatch, self._front.is_mute, self.address
        )
        self.port = listener.port
        self._loop.start(lambda ready: self._serve(listener, ready))
        return self

    def stop(self) -> None:
        """End for good, within a few seconds; raises what had crashed. Safe to call twice."""
        self.go_down()
        if self._temporary is not None:
            self._temporary.cleanup()

    def go_down(self) -> None:
        """Cut every connection and stop listening, until `start`."""
        self._loop.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _serve(self, listener: Listener, ready: Callable[[], None]) -> None:
        listener.begin()
        ready()
        try:
            while True:
                await asyncio.sleep(_TICK)
                with self.lock:
                    self._schedule.run(self.now())
        finally:
            await listener.close()

    # Connections; in the loop's thread.

    def _dispatch(self, wire: Wire, request: Request) -> None:
        with self.lock:
            self._front.dispatch(wire, request)

    def _account_socket(self, claims: Claims, host: str) -> Viewer | None:
        account = self.accounts.by_claims(claims)
        if account is None or not self.account_api.is_good(account, claims, host):
            return None
        return AccountSocket(account, claims, self._by_id.get, self.lock)

    # Where to find it.

    @property
    def api_url(self) -> str:
        """Base of the HTTPS endpoints; the same port as the hosts'."""
        return f"https://localhost:{self.port}"

    @property
    def allowed_hosts(self) -> list[str]:
        """Patterns that let every host pass, as the bridge's configuration has them."""
        return sorted(self._front.hosts)

    def resolver(self, host: str, port: int) -> tuple[str, int]:
        """The address to connect to instead of a simulated host's; any other stays."""
        ours = host in self._front.hosts or host in PAGES
        return (self.address, self.port) if ours else (host, port)

    @property
    def login_url(self) -> str:
        """The page where people log in to accounts, as `https://my.shelly.cloud/…` in reality."""
        return self.api_url + PAGE_PATH

    @property
    def consent_url(self) -> str:
        """The page where owners share devices, as `https://my.shelly.cloud/…` in reality."""
        return self.api_url + CONSENT_PATH

    def server_url(self, host: str) -> str:
        """See `account.Cloud`."""
        return f"https://{host}:{self.port}" if self._ports_in_urls else f"https://{host}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must appear nowhere outside: the token, accounts', and those in settings."""
        theirs = [text for account in self.accounts for text in account.secrets]
        return (self.token, *CANARIES, *theirs)

    # Hosts and devices.

    def add_host(self, name: str) -> Host:
        """One more host; its name is added to the certificate."""
        with self.lock:
            host = self._front.add(name)
            self._certify()
        return host

    def _certify(self) -> None:
        self._authority.certify(self._context, (*self._front.hosts, *PAGES))

    @property
    def hosts(self) -> list[Host]:
        """All hosts, in the order they were added."""
        return list(self._front.hosts.values())

    def host(self, name: str | None = None) -> Host:
        """The host of that name, or the first one."""
        return self.hosts[0] if name is None else self._front.hosts[name]

    def add_account(
        self,
        email: str,
        password: str | None = None,
        *,
        host: str | None = None,
        token_lifetime: float = TOKEN_LIFETIME,
        code_lifetime: float = CODE_LIFETIME,
    ) -> Account:
        """A Shelly account at a host (the first one if None); its password is made if None."""
        with self.lock:
            at = self.host(host).name
            return self.accounts.make(email, password, at, self, token_lifetime, code_lifetime)

    def cut_off(self, account: Account, code: int, reason: str) -> None:
        """See `account.Cloud`."""
        for host in self.hosts:
            host.close(code, reason, viewer=account.name)

    def add_device(
        self,
        model: str,
        host: str | None = None,
        *,
        name: str | list[str] | None = None,
        hex_id: str | None = None,
        user: int | None = None,
        online: bool = True,
        control: bool = True,
        granted: bool | None = None,
        account: Account | None = None,
        shared: Iterable[Account] = (),
        options: Options | None = None,
    ) -> Device:
        """A device of a model of `devices.catalog` at a host (the first one if None).

        All devices of a `user` should be at one host, as in the real cloud; those of an `account`
        are at its host. Without `granted` the integrator sees the devices of no account.
        """
        chosen = options or Options()
        if chosen.report_every is None:
            chosen = replace(chosen, report_every=self._report_every)
        kind = catalog.find(model)
        with self.lock:
            at = self.host(host if account is None else account.host).name
            if host not in (None, at):
                raise ValueError(f"the account is at {at}")
            owner = user or 1000 + self.hosts.index(self.host(at))
            if account is not None:
                owner = account.user_id
            identity = self._identities.make(kind, at, owner, name, hex_id)
            device = catalog.make(kind, identity, self, chosen)
            device.online, device.control = online, control
            device.granted = account is None if granted is None else granted
            if device.id in self._by_id:
                raise ValueError(f"there is a device {device.hex_id} already")
            self.devices.append(device)
            self._by_id[device.id] = device
            if account is not None:
                account.take(device)
            for other in shared:
                other.share(device)
            return device

    def move(self, device: Device, host: str) -> None:
        """Let another host serve a device; the old one answers `WRONG_HOST` from now on."""
        with self.lock:
            device.identity.host = self.host(host).name

    def set_online(self, device: Device, online: bool) -> None:
        """The device comes or goes; the cloud tells so, then what changed meanwhile."""
        with self.lock:
            device.online = online
            self._outbox.tell(device, lambda viewer: viewer.online_frame(device, online))
            device.publish()

    def grant(self, device: Device, *, control: bool = True) -> None:
        """The owner grants a device, and nobody is told."""
        with self.lock:
            device.granted, device.control = True, control

    def revoke(self, device: Device) -> None:
        """The owner withdraws a device, and nobody is told."""
        with self.lock:
            device.granted = False

    def grant_by_callback(self, device: Device, url: str, *, control: bool = True) -> Answer:
        """The owner grants a device; without a 200 from the callback nothing has changed."""
        before = device.granted, device.control
        self.grant(device, control=control)
        return self._settle(device, before, lambda: self.consent.add(url, device))

    def revoke_by_callback(self, device: Device, url: str) -> Answer:
        """The owner withdraws a device; without a 200 from the callback nothing has changed."""
        before = device.granted, device.control
        self.revoke(device)
        return self._settle(device, before, lambda: self.consent.remove(url, device))

    def _settle(
        self, device: Device, before: tuple[bool, bool], post: Callable[[], Answer]
    ) -> Answer:
        done = False
        try:
            answer = post()
            done = answer.status == _OK
            return answer
        finally:
            if not done:
                with self.lock:
                    device.granted, device.control = before

    def emit(self, host: str | None, message: str | bytes, *, binary: bool = False) -> None:
        """Send any message on every connection of a host; it need not be UTF-8 or JSON."""
        data = message.encode() if isinstance(message, str) else message
        self.host(host).write(frame(data, 2 if binary else 1))

    def run_load(
        self,
        rate: float | None,
        *,
        devices: Iterable[Device] | None = None,
        seconds: float | None = None,
        whole: bool = True,
        stamp: bool = False,
    ) -> Load:
        """Begin to emit numbered status events; see `load.Load`."""
        load = Load(self, list(devices or self.devices), rate, seconds, whole=whole, stamp=stamp)
        self.soon(load.begin)
        return load

    # Time.

    def now(self) -> float:
        """Unix s in this world."""
        return self._clock.now()

    def advance(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass at once, in steps, as far as devices are concerned."""
        with self.lock:
            left = seconds
            while left > 0:
                self._clock.skip(min(step, left))
                left -= step
                self._schedule.run(self.now())

    def wait_for(self, predicate: Callable[[], object], seconds: float = 10.0) -> bool:
        """Wait until something is true of this world; False when the time is up before.

        The predicate is called with the lock held, after every change.
        """
        with self._changed:
            return bool(self._changed.wait_for(lambda: bool(predicate()), seconds))

    # What devices and servers call.

    def reschedule(self, device: Device) -> None:
        """See `devices.base.Surroundings`."""
        self._schedule.put(device)

    def status_changed(self, device: Device, part: Status) -> None:
        """See `devices.base.Surroundings`."""
        for watch in self.watchers:
            watch(device, part)
        self._outbox.tell(device, lambda viewer: viewer.status_frame(device, part))

    def settings_changed(self, device: Device) -> None:
        """See `devices.base.Surroundings`."""
        for watch in self.watchers:
            watch(device, None)
        if device.online:
            self._outbox.tell(device, lambda viewer: viewer.settings_frame(device))

    def flush(self) -> None:
        """Send what is queued; in the loop's thread."""
        self._outbox.flush()

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()
