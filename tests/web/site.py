"""A running public listener with a registry of its own, and callbacks as Shelly's cloud sends."""

from __future__ import annotations

import http.client
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.api_jws import PyJWS
from werkzeug.datastructures import Headers

from bridge.core.events import GrantRevoked, GrantStored
from bridge.core.hosts import HostRule
from bridge.core.ids import device_from_cloud
from bridge.core.model import Grant
from bridge.store import Store
from bridge.threads import Deadline
from bridge.web.consent import GrantStore, create_public_app
from bridge.web.scl_trust import TrustCheck
from bridge.web.server import WebServer

TAG = "ITG_TEST"
CLOUD_ID = "176685338322165"
DEVICE = device_from_cloud(CLOUD_ID)
HOST = "shelly-1-eu.shelly.cloud"

KEY = ec.generate_private_key(ec.SECP384R1())
"""Stands in for Shelly's key."""


_seconds = itertools.cycle(range(100))


def public_pem(key: ec.EllipticCurvePrivateKey = KEY) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def make_token(
    key: ec.EllipticCurvePrivateKey = KEY, headers: dict[str, Any] | None = None, **claims: Any
) -> str:
    """A token as Shelly's; a claim that is None is left out.

    Two tokens for a device differ in nothing but the second of their end, so each gets its own.
    """
    default = {"exp": int(time.time()) + 20 + next(_seconds), "itg": TAG, "did": CLOUD_ID}
    given = {name: value for name, value in {**default, **claims}.items() if value is not None}
    return PyJWS().encode(json.dumps(given).encode(), key, "ES384", headers)


def make_body(**fields: Any) -> dict[str, Any]:
    """The body of a grant as documented; a field that is `...` is left out."""
    default = {
        "userId": 12345,
        "deviceId": CLOUD_ID,
        "deviceType": "relay",
        "deviceCode": "SNSW-002P16EU",
        "accessGroups": "01",
        "action": "add",
        "host": HOST,
        "name": ["Pump", "Valve"],
    }
    return {name: value for name, value in {**default, **fields}.items() if value is not ...}


@dataclass(frozen=True)
class Answer:
    status: int
    content: dict[str, Any]
    headers: Headers


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        content = response.read()
        return Answer(response.status, json.loads(content or b"{}"), Headers(response.getheaders()))
    finally:
        connection.close()


@dataclass
class Site:
    """The listener, what it stored and what it told."""

    store: Store
    port: int = 0
    events: list[GrantStored | GrantRevoked] = field(default_factory=list)
    takes_events: bool = True
    failed_parts: list[str] = field(default_factory=list)

    def notify(self, event: GrantStored | GrantRevoked) -> bool:
        self.events.append(event)
        return self.takes_events

    @property
    def path(self) -> str:
        return f"/consent/{self.store.callback_secret}"

    @property
    def untouched(self) -> bool:
        """Whether nothing has had any effect yet."""
        return self.store.grants() == [] and self.events == []

    @property
    def grant(self) -> Grant:
        """The only stored grant."""
        (grant,) = self.store.grants()
        return grant

    def post(
        self,
        body: object = None,
        *,
        token: str | None = None,
        path: str | None = None,
        content_type: str = "application/json",
        forwarded: str = "",
    ) -> Answer:
        """Send a callback, complete and genuine unless something else is given.

        `body` is JSON, or the very bytes; an empty header is left out.
        """
        content = make_body() if body is None else body
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {
            "Content-Type": content_type,
            "SCL-Trust": make_token() if token is None else token,
            "X-Forwarded-For": forwarded,
        }
        sent = {name: value for name, value in headers.items() if value}
        return ask(self.port, "POST", path or self.path, raw, sent)


@contextmanager
def open_site(
    directory: Path, *, store: GrantStore | None = None, trusted_proxies: int = 0
) -> Iterator[Site]:
    """Run a listener on `directory`; `store` stands in for its registry where given."""
    crashes: list[BaseException] = []
    with Store.open(directory, exclusive=True) as registry:
        site = Site(registry)
        app = create_public_app(
            secret=registry.callback_secret,
            trust=TrustCheck(TAG, public_pem()),
            host_allowed=HostRule(["*.shelly.cloud"]).accepts,
            store=store or registry,
            notify=lambda event: site.notify(event),
            health=lambda: site.failed_parts,
        )
        server = WebServer(
            "web-public",
            app,
            "127.0.0.1",
            0,
            lambda _name, error: crashes.append(error),
            trusted_proxies=trusted_proxies,
        )
        site.port = server.port
        server.start()
        try:
            yield site
        finally:
            server.stop(Deadline(10))
    assert crashes == []
    assert not server.alive
