"""Shelly's Integrator API: one connection per cloud host, for all devices granted there.

(Shelly docs, Integrator API, Communication.)
"""

from __future__ import annotations

import itertools
import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.core import cloud
from bridge.core.backoff import Backoff
from bridge.core.effects import SendCommand
from bridge.core.events import CommandNotSent, LinkChanged, RefreshAnswered
from bridge.core.hosts import HostRule, is_host_name
from bridge.core.model import DeviceId, Grant, Json, LinkId, LinkState, SourceKind
from bridge.httpclient import HttpClient, Resolver, same_address
from bridge.sources.base import Sink
from bridge.sources.gate import Gate
from bridge.sources.integrator_host import IntegratorHost, Shared
from bridge.sources.session import PATH, CloudSession, Outgoing
from bridge.sources.timing import Timing
from bridge.sources.token import TokenKeeper
from bridge.sources.turns import Turns
from bridge.sources.websocket import Endpoint
from bridge.threads import CrashHook, Deadline

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IntegratorSettings:
    """`integrator:` of the configuration, and how its hosts are reached. Times in s."""

    tag: str
    token: str = field(repr=False)
    hosts: tuple[str, ...]
    allowed_hosts: HostRule
    api_url: str
    wss_port: int
    context: ssl.SSLContext
    reconnect_first: float = 1.0
    reconnect_longest: float = 60.0
    resolve: Resolver = same_address
    timing: Timing = field(default_factory=Timing)
    exclusive: bool = False
    """Nothing is connected that is not owned, as others may have it."""


def fetch_token(http: HttpClient, settings: IntegratorSettings) -> dict[str, Json]:
    """The cloud's answer to a request for an access token; raises `PeerError`."""
    base = settings.api_url.rstrip("/")
    url = f"{base}/integrator/get_access_token"
    return http.post_form(url, {"itg": settings.tag, "token": settings.token})


class IntegratorSource:
    """All connections of one integrator."""

    def __init__(
        self,
        settings: IntegratorSettings,
        sink: Sink,
        on_crash: CrashHook,
        register_secret: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._http = HttpClient(settings.context, settings.resolve, settings.timing.token_limit)
        self._shared = Shared(
            tokens=TokenKeeper(lambda: fetch_token(self._http, settings), register_secret),
            turns=Turns(settings.timing.apart),
            sink=sink,
            on_crash=on_crash,
            timing=settings.timing,
            allowed_hosts=settings.allowed_hosts,
            next_action=itertools.count(cloud.HIGHEST_REQUEST + 1),
            hops={},
        )
        self._lock = threading.Lock()
        """Guards what follows: start and stop come from another thread than the rest."""
        self._hosts: dict[LinkId, IntegratorHost] = {}
        self._ending: dict[LinkId, CloudSession] = {}
        self._places: dict[DeviceId, LinkId] = {}
        self._owned: dict[LinkId, Gate] = {}
        """Only where hosts have to be owned."""
        self._stopped = False

    def start(self) -> None:
        """Open the connections that the configuration names, unless they have to be owned."""
        with self._lock:
            if self._stopped or self._settings.exclusive:
                return
            for host in self._settings.hosts:
                self._host(LinkId(host))

    def serves(self, link: LinkId) -> bool:
        """Whether the link is one of this integrator's hosts."""
        return link in self._hosts

    def own(self, link: LinkId) -> None:
        """Connect to a host from now on, if anything is wanted of it."""
        with self._lock:
            if self._stopped or link in self._owned:
                return
            self._owned[link] = Gate(self._shared.sink)
            devices = [device for device, place in self._places.items() if place == link]
            if devices or link in self._settings.hosts:
                host = self._host(link)
                for device in devices:
                    host.add(device)

    def disown(self, link: LinkId, deadline: Deadline) -> bool:
        """Close a host's connection at once, and tell no more of it; forgets its devices.

        Tells whether it is closed for sure by the deadline; to ask again only waits.
        """
        with self._lock:
            gate = self._owned.pop(link, None)
            if gate is not None:
                gate.shut()
                self._places = {
                    device: place for device, place in self._places.items() if place != link
                }
            host = self._hosts.pop(link, None)
            if host is not None:
                self._ending[link] = host.release()
            session = self._ending.get(link)
        return session is None or session.closed(deadline)

    def adopt(self, grant: Grant) -> LinkChanged | None:
        """Serve a granted device on its host, or say that it is not allowed (any more)."""
        return self.move(grant.device, LinkId(grant.host))

    def move(self, device: DeviceId, to: LinkId) -> LinkChanged | None:
        """The same for a device that is to be served on another host from now on."""
        if not self._settings.allowed_hosts.accepts(to):
            if not is_host_name(to):
                return None
            _log.warning("device %s: its host %s is not in integrator.allowed_hosts", device, to)
            error = "the host is not in integrator.allowed_hosts"
            return LinkChanged(to, SourceKind.INTEGRATOR, LinkState.DISABLED, error)
        with self._lock:
            if self._stopped:
                return None
            if self._places.get(device, to) != to:
                self._leave(device)
            self._places[device] = to
            if not self._settings.exclusive or to in self._owned:
                self._host(to).add(device)
        return None

    def release(self, device: DeviceId) -> None:
        """Serve a device no more; its host's connection is closed if it was the last."""
        with self._lock:
            self._shared.hops.pop(device, None)
            self._leave(device)

    def send(self, command: SendCommand) -> CommandNotSent | None:
        """Send a command by its host's connection."""
        host = self._hosts.get(command.link)
        if host is None:
            text = "there is no connection to the device's host"
            return CommandNotSent(command.link, command.request, "host_down", text)
        text = cloud.encode_command(command)
        return host.session.send(Outgoing(command.request, text, command.deadline))

    def refresh(self, link: LinkId, device: DeviceId) -> RefreshAnswered | None:
        """Ask the cloud for the device's access and whole state."""
        host = self._hosts.get(link)
        if host is None or not host.ask(device):
            return RefreshAnswered(link, device, "failed")
        return None

    def reconnect(self, link: LinkId) -> None:
        """Close the host's connection and open it again."""
        host = self._hosts.get(link)
        if host is not None:
            host.session.reconnect()

    def beats(self) -> dict[str, int]:
        """See `Source.beats`."""
        with self._lock:
            sessions = [host.session for host in self._hosts.values()]
        return {name: count for each in sessions for name, count in each.beats().items()}

    def stop(self, deadline: Deadline) -> list[str]:
        """Close everything."""
        with self._lock:
            self._stopped = True
            hosts = list(self._hosts.values())
            sessions = [*(host.session for host in hosts), *self._ending.values()]
        self._http.close()
        for session in sessions:
            session.request_stop()
        return [name for session in sessions for name in session.join(deadline)]

    def _leave(self, device: DeviceId) -> None:
        place = self._places.pop(device, None)
        host = None if place is None else self._hosts.get(place)
        if place is None or host is None:
            return
        if host.remove(device) and place not in self._settings.hosts:
            self._ending[place] = self._hosts.pop(place).release()

    def _host(self, link: LinkId) -> IntegratorHost:
        host = self._hosts.get(link)
        if host is None:
            settings = self._settings
            host = self._hosts[link] = IntegratorHost(
                link,
                Endpoint(link, settings.wss_port, PATH, settings.context, settings.resolve),
                self._shared,
                Backoff(settings.reconnect_first, settings.reconnect_longest),
                self._ending.pop(link, None),
                self._owned.get(link, self._shared.sink),
            )
            host.session.start()
        return host
