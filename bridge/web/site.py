"""What the admin listener's pages are about: everything that they need, in one value."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge.core.model import Json
from bridge.web.desk import Desk

if TYPE_CHECKING:
    from bridge.web.answers import HealthCheck
    from bridge.web.login import Account


@dataclass(frozen=True, slots=True)
class Warned:
    """A line of the log that was a warning or worse; `at` in unix s."""

    at: float
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Outbound:
    """Where devices connect to us; `host` is None for every address of this machine."""

    host: str | None
    port: int
    encrypted: bool
    secret: str = field(repr=False)

    def address(self, seen: str) -> str:
        """What a device has to be told, with the secret; `seen` is a name of this machine."""
        host = self.host or seen
        return self.address_at(f"[{host}]" if ":" in host else host)

    def address_at(self, place: str) -> str:
        """The same for a `place` that devices see: a host, IPv6 in brackets, and perhaps a port."""
        if ":" not in place.rpartition("]")[2]:
            place = f"{place}:{self.port}"
        scheme = "wss" if self.encrypted else "ws"
        return f"{scheme}://{place}/shelly/{self.secret}"


@dataclass(frozen=True, slots=True)
class Site:
    """`listen_host` is the address that is listened on; `password` may be None on loopback only.

    `trusted_proxies` reverse proxies stand in front. `consent_page` is the full address for
    device owners (see `consent_url`), None without an integrator licence. `accounts` can be logged
    in to. `broker` says where the MQTT broker is. `stopping` is set when the listener ends.
    """

    listen_host: str
    health: HealthCheck
    desk: Desk
    password: str | None = None
    trusted_proxies: int = 0
    consent_page: str | None = None
    accounts: Mapping[str, Account] = field(default_factory=dict)
    outbound: Outbound | None = None
    broker: str = ""
    vitals: Callable[[], Mapping[str, Json]] = dict
    warnings: Callable[[], Sequence[Warned]] = tuple
    stopping: threading.Event = field(default_factory=threading.Event)
