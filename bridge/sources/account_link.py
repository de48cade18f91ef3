"""The connection of one account: what its frames mean, and how its devices are commanded.

(Shelly docs, Real Time Events.)
"""

from __future__ import annotations

import logging
import math
import ssl
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from bridge.core import cloud
from bridge.core.backoff import Backoff
from bridge.core.cloud import ActionAnswered
from bridge.core.commands import Go, RollerCommand
from bridge.core.effects import SendCommand
from bridge.core.events import BadInput, CommandAnswered, CommandNotSent, LinkChanged
from bridge.core.model import DeviceId, LinkId, LinkState, SourceKind
from bridge.httpclient import Resolver
from bridge.sources import frames
from bridge.sources.account_errands import Errands
from bridge.sources.account_http import AccountHttp
from bridge.sources.account_roll import Roll
from bridge.sources.account_tokens import AccountTokens
from bridge.sources.base import Sink
from bridge.sources.jwt import Token
from bridge.sources.session import CloudSession, Outgoing
from bridge.sources.timing import Timing
from bridge.sources.websocket import Endpoint
from bridge.threads import CrashHook, Deadline

MOST_OPEN = 256
"""Commands without an answer that are remembered."""

_log = logging.getLogger(__name__)

_UNAUTHORIZED = "UNAUTHORIZED"
"""The error of a native call that the cloud does not let through (any more)."""


@dataclass(frozen=True, slots=True)
class Way:
    """How an account's host is reached: everything but its name."""

    port: int
    path: str
    context: ssl.SSLContext
    resolve: Resolver


@dataclass(frozen=True, slots=True)
class _Move:
    """A roller's move on its way, and in which words."""

    command: SendCommand
    up_down: bool


Remembered = TypeVar("Remembered")


class AccountLink:
    """The owner of the account's session."""

    displaced = "the host ends every connection at once; perhaps it allows no more of this account"

    def __init__(
        self,
        link: LinkId,
        way: Way,
        http: AccountHttp,
        tokens: AccountTokens,
        sink: Sink,
        backoff: Backoff,
        timing: Timing,
        on_crash: CrashHook,
        *,
        shared: bool,
        native_rpc: bool,
        predecessor: CloudSession | None = None,
    ) -> None:
        """`predecessor` is a stopped session of the same account; its end is waited for."""
        self.link = link
        self._way = way
        self._tokens = tokens
        self._sink = sink
        self._wants_native = native_rpc
        self._lock = threading.Lock()
        """Guards what follows; held for moments only."""
        self._native = False
        self._state = LinkState.CONNECTING
        self._moves: OrderedDict[int, _Move] = OrderedDict()
        """Rollers' moves without an answer, while it is not known which words are taken."""
        self._calls: OrderedDict[int, bool] = OrderedDict()
        """Native calls without an answer."""
        self._up_down: bool | None = None
        """Which words for a roller the server takes; None until it took some."""
        self._roll = Roll(link, sink, timing.list_again)
        self._errands = Errands(
            link,
            http,
            tokens,
            self._roll,
            sink,
            timing,
            shared=shared,
            renewed=self._renewed,
            stuck=self.reconnect,
        )
        self.session = CloudSession(link, self, sink, backoff, on_crash, timing, predecessor)
        self._on_crash = on_crash

    def start(self) -> None:
        """Begin to connect; once."""
        self._errands.start(self._on_crash)
        self.session.start()

    def request_stop(self) -> None:
        """Begin to end; returns at once."""
        self._errands.request_stop()
        self.session.request_stop()

    def join(self, deadline: Deadline) -> list[str]:
        """Wait for all threads; gives the names of those that still live."""
        return [*self.session.join(deadline), *self._errands.join(deadline)]

    def beats(self) -> dict[str, int]:
        """See `Source.beats`."""
        return self.session.beats() | self._errands.beats()

    def reconnect(self) -> None:
        """Close the connection and open it again."""
        self.session.reconnect()

    # For the source, on the engine's thread

    def send(self, command: SendCommand) -> CommandNotSent | None:
        """Send a command soon, or say at once why not."""
        with self._lock:
            up_down = self._up_down is True
            if command.native:
                _remember(self._calls, command.request, True)
            elif self._up_down is None and _has_words(command):
                _remember(self._moves, command.request, _Move(command, up_down=False))
        return self._pass_on(command, up_down=up_down)

    def ask(self, device: DeviceId) -> bool:
        """Ask for a device's state; False if that is not possible now."""
        return self._errands.ask(device)

    def _pass_on(self, command: SendCommand, *, up_down: bool) -> CommandNotSent | None:
        text = cloud.encode_command(command, up_down=up_down)
        return self.session.send(Outgoing(command.request, text, command.deadline))

    # For the session, on its threads

    def turn(self) -> float:
        """Nobody goes first: accounts are few."""
        return 0.0

    def token(self) -> Token:
        """The account's access token."""
        return self._tokens.get()

    def endpoint(self, token: Token) -> Endpoint:
        """The host that the token is for."""
        way = self._way
        host = urlsplit(token.base).hostname or ""
        return Endpoint(host, way.port, way.path, way.context, way.resolve)

    def token_refused(self, token: Token) -> None:
        """Get another one before the next connection."""
        self._tokens.refused(token)

    def unserved(self, token: Token) -> None:
        """The host does not know what the token is for."""
        self._tokens.unserved(token)

    def state_changed(self, state: LinkState, error: str | None, token: Token | None) -> None:
        """Tell the engine."""
        with self._lock:
            self._state = state
            self._native = self._wants_native and state is LinkState.CONNECTED
        if state in (LinkState.CONNECTED, LinkState.AUTH_REQUIRED):
            self._errands.look_for_login(needed=state is LinkState.AUTH_REQUIRED)
        self._tell(state, error, token)

    def _tell(self, state: LinkState, error: str | None, token: Token | None) -> None:
        expires = token.expires if token is not None else None
        kind = SourceKind.ACCOUNT
        self._sink(LinkChanged(self.link, kind, state, error, expires, native_rpc=self._native))

    def opened(self) -> None:
        """Ask for everything: nothing is pushed after a connect."""
        self._tokens.accepted()
        self._roll.opened()
        self._errands.opened()

    def closed(self) -> None:
        """Nobody will answer what is still open."""
        with self._lock:
            self._moves.clear()
            self._calls.clear()
        self._errands.closed()

    def ended(self) -> None:
        """Nothing to tell: an account only ends with the bridge."""

    def due(self) -> list[str]:
        """Nothing: questions go over HTTPS."""
        return []

    def due_at(self) -> float:
        """Never, for the same reason."""
        return math.inf

    def frame(self, data: bytes) -> None:
        """Take a frame in; invalid UTF-8 ends the connection."""
        event = frames.read(data, self.link, self._sink)
        if isinstance(event, CommandAnswered):
            self._answered(event)
        elif isinstance(event, ActionAnswered):
            text = "an answer that only integrators get"
            self._sink(BadInput(self.link, "unexpected_answer", text, event.device))
        elif event is not None and not self._roll.heard(event, time.monotonic()):
            self._errands.nudge()

    def _answered(self, answer: CommandAnswered) -> None:
        """Pass an answer on, unless a roller's other words are to be tried first."""
        with self._lock:
            native = self._calls.pop(answer.request, False)
            move = self._moves.pop(answer.request, None)
            if move is not None and answer.ok:
                self._up_down = move.up_down
            again = move is not None and not answer.ok and not move.up_down and not self._up_down
            degrades = native and self._native and answer.text == _UNAUTHORIZED
            self._native = self._native and not degrades
        if move is not None and again:
            self._try_other_words(move.command)
            return
        self._sink(answer)
        if degrades:
            _log.warning("%s: the cloud takes no native calls any more", self.link)
            self._tell(LinkState.CONNECTED, None, None)

    def _try_other_words(self, command: SendCommand) -> None:
        """Once for each move, and only until the server has taken some words."""
        with self._lock:
            _remember(self._moves, command.request, _Move(command, up_down=True))
        not_sent = self._pass_on(command, up_down=True)
        if not_sent is not None:
            self._sink(not_sent)

    # For the thread that asks

    def _renewed(self, token: Token) -> None:
        """There is a new token, which the open connection does not need."""
        with self._lock:
            connected = self._state is LinkState.CONNECTED
        if connected:
            self._tell(LinkState.CONNECTED, None, token)


def _has_words(command: SendCommand) -> bool:
    """Whether it is a move for which servers have different words."""
    return isinstance(command.command, RollerCommand) and command.command.go is not Go.STOP


def _remember(what: OrderedDict[int, Remembered], request: int, value: Remembered) -> None:
    what[request] = value
    while len(what) > MOST_OPEN:
        what.popitem(last=False)
