"""A real engine with some devices behind a real admin listener, and a browser with cookies."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Self
from urllib.parse import urlencode

from bridge.core.effects import Effect, Publish, ScanRetained, SendCommand, Show
from bridge.core.engine import Engine
from bridge.core.events import (
    AccessReported,
    CommandAnswered,
    Event,
    LinkChanged,
    RetainedFound,
    StatusReported,
    Vitals,
)
from bridge.core.model import Access, DeviceId, LinkState, Now, SourceKind
from bridge.engine_loop import EngineLoop
from bridge.inbox import Inbox
from bridge.listeners import ADMIN_WORKERS
from bridge.threads import Deadline
from bridge.web.admin import create_admin_app
from bridge.web.desk import Desk
from bridge.web.server import WebServer
from bridge.web.session import FIELD
from tests.brokers import wait_until
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, grant, settings
from tests.web.admin_site import make_site

NAME = "Boiler"
_TOKEN = re.compile(rf'name="{FIELD}" value="([0-9a-f]+)"')


@dataclass
class Page:
    """What a browser got."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def token(self) -> str:
        """The token of its first form."""
        found = _TOKEN.search(self.text)
        assert found is not None, self.text
        return found[1]

    def says(self, words: str) -> bool:
        """Whether people read these words on it."""
        plain = unescape(re.sub(r"<[^>]*>", " ", self.text))
        return words in " ".join(plain.split())


class Browser:
    """Keeps cookies, asks for pages, and follows no redirect."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.set_cookie = ""

    def get(self, path: str, **headers: str) -> Page:
        """Open a page; `_` in the name of a header stands for a dash."""
        return self.ask("GET", path, None, headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        """Send a form."""
        return self.ask("POST", path, urlencode(fields), headers)

    def press(self, page: str, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        """Open a page and send one of its forms."""
        token = self.get(page).token
        return self.post(path, {FIELD: token, **fields}, **headers)

    def ask(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> Page:
        """Any request."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Accept": "text/html", **given}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        self.set_cookie = answer.getheader("Set-Cookie", "")
        if self.set_cookie:
            name, _, rest = self.set_cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return Page(answer.status, dict(answer.getheaders()), text)


@dataclass
class House:
    """The engine, the listener, and what they did."""

    inbox: Inbox = field(default_factory=Inbox)
    published: list[Publish] = field(default_factory=list)
    sent: list[SendCommand] = field(default_factory=list)
    others: list[Effect] = field(default_factory=list)
    answers: bool = True
    """Whether the cloud answers commands, and the device does what it is told."""
    crashed: list[str] = field(default_factory=list)
    server: WebServer | None = None

    @property
    def browser(self) -> Browser:
        """A new browser."""
        assert self.server is not None
        return Browser(self.server.port)

    def happens(self, *events: Event) -> Self:
        """Let the engine hear of something."""
        for event in events:
            self.inbox.put(event)
        return self

    def add(
        self, status: dict[str, Any], device: DeviceId = DEVICE, access: Access = Access.CONTROL
    ) -> Self:
        """Let a device tell its whole state."""
        return self.happens(
            AccessReported(HOST, device, access), StatusReported(HOST, device, status, full=True)
        )

    def on_topic(self, topic: str) -> list[str]:
        """What was published on a topic."""
        return [publish.payload for publish in list(self.published) if publish.topic == topic]

    def _send(self, effect: SendCommand) -> None:
        self.sent.append(effect)
        if self.answers:
            component, number = effect.target.component, effect.target.number
            on = getattr(effect.command, "turn", None) == "on"
            done = {f"{component}:{number}": {"id": number, "output": on}}
            self.happens(
                CommandAnswered(effect.link, effect.request, ok=True),
                StatusReported(effect.link, effect.device, done),
            )

    def _scan(self, token: int) -> None:
        gone = (("shelly/0cb815fd44e1/relay/0", b"{}"),)
        self.happens(RetainedFound(token, gone, complete=True))


@contextmanager
def house(
    *, grants: Any = None, changes: Mapping[str, Any] | None = None, **site: Any
) -> Iterator[House]:
    """A connected house; `changes` are of the engine's settings, `site` of the listener's."""
    made = House()
    told = settings(courses=True, **(changes or {}))
    engine = Engine(told, {})
    desk = Desk(made.inbox.offer, told.topics)
    executors = _Executors(made, desk)
    loop = EngineLoop(
        engine,
        made.inbox,
        made.published.extend,
        executors,
        lambda: Vitals({}),
        lambda name, _: made.crashed.append(name),
    )
    given = (grant(names=(NAME,)),) if grants is None else grants
    loop.start(engine.restore(given, Now(1.0, 1.0)))
    stopping = threading.Event()
    app = create_admin_app(make_site(**{"desk": desk, "stopping": stopping, **site}))
    made.server = WebServer(
        "web-admin",
        app,
        "127.0.0.1",
        0,
        lambda name, _: made.crashed.append(name),
        workers=ADMIN_WORKERS,
        stopping=stopping,
        trusted_proxies=site.get("trusted_proxies", 0),
    )
    made.server.start()
    made.happens(LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.CONNECTED))
    try:
        yield made
    finally:
        left = made.server.stop(Deadline(10)) + loop.stop(Deadline(10))
        assert left == []
        assert made.crashed == []


class _Executors(dict[type, Any]):
    """Carries out what matters here, and notes the rest."""

    def __init__(self, made: House, desk: Desk) -> None:
        super().__init__(
            {
                Show: desk.show,
                SendCommand: made._send,
                ScanRetained: lambda effect: made._scan(effect.token),
            }
        )
        self._made = made

    def __missing__(self, kind: type) -> Any:
        return lambda effect: self._made.others.append(effect)


def wait_for_text(browser: Browser, path: str, words: str) -> Page:
    """A page once people read these words on it."""
    found: list[Page] = []

    def there() -> bool:
        found[:] = [browser.get(path)]
        return found[0].says(words)

    wait_until(there, 10, words)
    return found[0]


def furnished(made: House) -> House:
    """The device tells its state."""
    return made.add(payloads.two_switches())
