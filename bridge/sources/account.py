"""Shelly's account API ("Real Time Events"): all devices of one account, no licence needed.

(Shelly docs, Cloud Control API, Real Time Events.)
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bridge.core.backoff import Backoff
from bridge.core.effects import SendCommand
from bridge.core.events import CommandNotSent, RefreshAnswered
from bridge.core.hosts import HostRule
from bridge.core.model import DeviceId, LinkId
from bridge.httpclient import HttpClient, Resolver, same_address
from bridge.sources.account_http import AccountHttp
from bridge.sources.account_link import AccountLink, Way
from bridge.sources.account_tokens import AccountTokens, Vault
from bridge.sources.base import Sink
from bridge.sources.credentials import Credentials
from bridge.sources.gate import Gate
from bridge.sources.session import PATH
from bridge.sources.timing import Timing
from bridge.threads import CrashHook, Deadline


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One of `accounts:` of the configuration, and how its host is reached. Times in s.

    `advice` says what a person can do to log in.
    """

    name: str
    credentials: Credentials | None
    client_id: str
    include_shared: bool
    native_rpc: bool
    allowed_hosts: HostRule
    api_url: str
    wss_port: int
    login_page: str
    context: ssl.SSLContext
    advice: str
    reconnect_first: float = 1.0
    reconnect_longest: float = 60.0
    resolve: Resolver = same_address
    timing: Timing = field(default_factory=Timing)
    exclusive: bool = False
    """It is not connected unless it is owned, as others may have it."""


def login_address(page: str, client_id: str, redirect: str, state: str) -> str:
    """Shelly's login `page`; it sends the browser to `redirect` with a code and the `state`.

    The state comes back as it is written here, so it must need no encoding. (Shelly docs.)
    """
    query = {"client_id": client_id, "redirect_uri": redirect, "state": state}
    return f"{page}?{urlencode(query)}"


def make_http(settings: AccountSettings) -> AccountHttp:
    """The way to ask the account's cloud over HTTPS."""
    timing = settings.timing
    http = HttpClient(settings.context, settings.resolve, timing.token_limit)
    return AccountHttp(http, settings.client_id, timing.pace, timing.status_limit)


def make_tokens(
    settings: AccountSettings,
    http: AccountHttp,
    vault: Vault,
    register_secret: Callable[[str], None],
) -> AccountTokens:
    """The account's tokens."""
    if settings.credentials is not None:
        register_secret(settings.credentials.sha1)
    return AccountTokens(
        http,
        vault,
        settings.allowed_hosts,
        api_url=settings.api_url,
        credentials=settings.credentials,
        advice=settings.advice,
        register_secret=register_secret,
    )


class AccountSource:
    """All devices of one account."""

    def __init__(
        self,
        settings: AccountSettings,
        vault: Vault,
        sink: Sink,
        on_crash: CrashHook,
        register_secret: Callable[[str], None],
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._vault = vault
        self._sink = sink
        self._on_crash = on_crash
        self._register_secret = register_secret
        self._http = make_http(settings)
        self._tokens = self._make_tokens()
        self._link: AccountLink | None = None
        """None while it is not owned."""
        self._gate: Gate | None = None
        self._ended: list[AccountLink] = []
        """Those before, as far as they may still live."""
        self._lock = threading.Lock()
        """Guards what follows: start and stop come from another thread than the rest."""
        self._started = False
        self._stopped = False
        if not settings.exclusive:
            self._link = self._make_link(sink)

    def start(self) -> None:
        """Log in and connect, unless it has to be owned."""
        with self._lock:
            if self._started or self._stopped or self._settings.exclusive:
                return
            self._started = True
            if self._link is not None:
                self._link.start()

    def own(self, link: LinkId) -> None:
        """Log in and connect; what others stored meanwhile of the login is used."""
        with self._lock:
            if self._stopped or self._link is not None or not self.serves(link):
                return
            self._ended = [each for each in self._ended if each.join(Deadline(0))]
            self._tokens = self._make_tokens()
            self._gate = Gate(self._sink)
            self._link = self._make_link(self._gate)
            self._link.start()

    def disown(self, link: LinkId, deadline: Deadline) -> bool:
        """Close the connection at once, and tell no more of it.

        Tells whether it is closed for sure by the deadline; to ask again only waits.
        """
        if not self.serves(link):
            return True
        with self._lock:
            if self._gate is not None and self._link is not None:
                self._gate.shut()
                self._link.request_stop()
                self._ended.append(self._link)
                self._gate = self._link = None
            ended = list(self._ended)
        return all(each.session.closed(deadline) for each in ended)

    def _make_tokens(self) -> AccountTokens:
        return make_tokens(self._settings, self._http, self._vault, self._register_secret)

    def _make_link(self, sink: Sink) -> AccountLink:
        settings = self._settings
        return AccountLink(
            LinkId(settings.name),
            Way(settings.wss_port, PATH, settings.context, settings.resolve),
            self._http,
            self._tokens,
            sink,
            Backoff(settings.reconnect_first, settings.reconnect_longest),
            settings.timing,
            self._on_crash,
            shared=settings.include_shared,
            native_rpc=settings.native_rpc,
            predecessor=self._ended[-1].session if self._ended else None,
        )

    def serves(self, link: LinkId) -> bool:
        """Whether the link is this account."""
        return link == self.name

    def send(self, command: SendCommand) -> CommandNotSent | None:
        """Send a command by the account's connection."""
        link = self._link
        if link is None or not self.serves(command.link):
            text = "there is no such account"
            return CommandNotSent(command.link, command.request, "host_down", text)
        return link.send(command)

    def refresh(self, link: LinkId, device: DeviceId) -> RefreshAnswered | None:
        """Ask the cloud for the device's whole state."""
        ours = self._link
        if ours is None or not self.serves(link) or not ours.ask(device):
            return RefreshAnswered(link, device, "failed")
        return None

    def reconnect(self, link: LinkId) -> None:
        """Close the account's connection and open it again."""
        ours = self._link
        if ours is not None and self.serves(link):
            ours.reconnect()

    def login_address(self, redirect: str, state: str) -> str:
        """Where somebody logs in to the account; see `login_address`."""
        settings = self._settings
        return login_address(settings.login_page, settings.client_id, redirect, state)

    def take_code(self, code: str) -> bool:
        """Log in with the code that came of it; raises `PeerError`. Any thread may call it.

        Tells whether the account is another user's than before.
        """
        another = self._tokens.take(code)
        self.reconnect(LinkId(self.name))
        return another

    def beats(self) -> dict[str, int]:
        """See `Source.beats`."""
        with self._lock:
            links = [*self._ended, *([] if self._link is None else [self._link])]
        return {name: count for each in links for name, count in each.beats().items()}

    def stop(self, deadline: Deadline) -> list[str]:
        """Close everything."""
        with self._lock:
            self._stopped = True
            links = [*self._ended, *([] if self._link is None else [self._link])]
        self._http.close()
        for link in links:
            link.request_stop()
        return [name for link in links for name in link.join(deadline)]
