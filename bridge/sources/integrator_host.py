"""One cloud host of the Integrator API: what its frames mean, and what to ask it.

(Shelly docs, Integrator API, Communication.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bridge.core import cloud
from bridge.core.backoff import Backoff
from bridge.core.cloud import ActionAnswered, CloudError
from bridge.core.hosts import HostRule
from bridge.core.model import (
    Access,
    AccessReported,
    BadInput,
    DeviceId,
    DeviceMoved,
    LinkChanged,
    LinkId,
    LinkRemoved,
    LinkState,
    RefreshAnswered,
    SettingsReported,
    SourceKind,
    StatusReported,
)
from bridge.errors import FrameError
from bridge.sources.base import Sink
from bridge.sources.session import CloudSession
from bridge.sources.token import Token, TokenKeeper
from bridge.sources.verification import Verification
from bridge.sources.websocket import Endpoint
from bridge.threads import CrashHook

MOST_HOPS = 3
"""How often in a row a device may be sent on to another host."""

MOST_OPEN_SETTINGS = 1_000


@dataclass(frozen=True, slots=True)
class Shared:
    """What all hosts of an integrator have in common."""

    tokens: TokenKeeper
    sink: Sink
    on_crash: CrashHook
    allowed_hosts: HostRule
    next_action: Iterator[int]
    """Numbers for `trid`, above those of commands."""
    hops: dict[DeviceId, int]
    """How often in a row each device was sent on; a lost update does no harm."""


class IntegratorHost:
    """The owner of one host's session."""

    def __init__(
        self,
        link: LinkId,
        endpoint: Endpoint,
        shared: Shared,
        backoff: Backoff,
        predecessor: CloudSession | None,
    ) -> None:
        self.link = link
        self._shared = shared
        self._sink = shared.sink
        self._lock = threading.Lock()
        """Guards what follows; held for moments only."""
        self._verification = Verification()
        self._settings_known: set[DeviceId] = set()
        self._settings_wanted: list[DeviceId] = []
        self._settings_asked: set[int] = set()
        self.session = CloudSession(
            link, endpoint, self, shared.sink, backoff, shared.on_crash, predecessor
        )

    # For the source, on the engine's thread

    def add(self, device: DeviceId) -> None:
        """Serve a device."""
        with self._lock:
            self._verification.add(device)
        self.session.wake()

    def remove(self, device: DeviceId) -> bool:
        """Serve it no more; tells whether none is left."""
        with self._lock:
            self._verification.remove(device)
            self._settings_known.discard(device)
            return not self._verification.devices

    def ask(self, device: DeviceId) -> None:
        """Ask for a device's access and state."""
        with self._lock:
            self._verification.ask(device)
        self.session.wake()

    # For the session, on its threads

    def token(self) -> Token:
        """The integrator's access token."""
        return self._shared.tokens.get()

    def token_refused(self, token: Token) -> None:
        """Get another one before the next connection."""
        self._shared.tokens.refused(token)

    def state_changed(self, state: LinkState, error: str | None, token: Token | None) -> None:
        """Tell the engine."""
        expires = token.expires if token is not None else None
        self._sink(LinkChanged(self.link, SourceKind.INTEGRATOR, state, error, expires))

    def opened(self) -> None:
        """Ask about every device: nothing is pushed after a connect."""
        with self._lock:
            self._verification.opened()

    def closed(self) -> None:
        """Nobody will answer what is still open."""
        with self._lock:
            unanswered = self._verification.closed()
            self._settings_asked.clear()
        for device in unanswered:
            self._sink(RefreshAnswered(self.link, device, "failed"))

    def ended(self) -> None:
        """Tell the engine that the connection is no more."""
        self._sink(LinkRemoved(self.link))

    def due(self) -> list[str]:
        """The questions to ask now."""
        now = time.monotonic()
        with self._lock:
            late = self._verification.overdue(now)
            asked = self._verification.next(now)
            wanted, self._settings_wanted = self._settings_wanted, []
        for device in late:
            self._sink(RefreshAnswered(self.link, device, "timeout"))
        return [
            *(self._action("DeviceVerify", device) for device in asked),
            *(self._action("DeviceGetSettings", device) for device in wanted),
        ]

    def _action(self, action: str, device: DeviceId) -> str:
        number = next(self._shared.next_action)
        if action == "DeviceGetSettings" and len(self._settings_asked) < MOST_OPEN_SETTINGS:
            self._settings_asked.add(number)
        return cloud.encode_action(action, device, number)

    def frame(self, data: bytes) -> None:
        """Take a frame in; what is wrong with it is counted, invalid UTF-8 ends the connection.

        (RFC 6455 asks for that.)
        """
        try:
            event = cloud.decode(data, self.link)
        except FrameError as error:
            if error.kind == "utf8":
                raise
            self._sink(BadInput(self.link, error.kind, str(error)))
            return
        if isinstance(event, ActionAnswered):
            self._answered(event)
        elif isinstance(event, CloudError):
            self._sink(BadInput(self.link, "cloud_error", f"the cloud says: {event.text!r}"))
        else:
            self._sink(event)

    def _answered(self, answer: ActionAnswered) -> None:
        device = answer.device
        with self._lock:
            ours = device in self._verification.devices
            for_settings = answer.request in self._settings_asked
            if for_settings:
                self._settings_asked.discard(answer.request)
        if not ours:
            text = "an answer about a device that was not asked about"
            self._sink(BadInput(self.link, "unexpected_answer", text, device))
        elif for_settings or answer.settings is not None:
            if answer.settings is not None:
                self._sink(SettingsReported(self.link, device, answer.settings))
        else:
            self._verified(answer)
            self.session.wake()

    def _verified(self, answer: ActionAnswered) -> None:
        device = answer.device
        granted = answer.result != "UNAUTHORIZED"
        with self._lock:
            self._verification.answered(device, time.monotonic(), granted=granted)
        handlers: dict[str, Callable[[ActionAnswered], str]] = {
            "OK": self._granted,
            "UNAUTHORIZED": self._not_granted,
            "WRONG_HOST": self._sent_on,
        }
        handler = handlers.get(answer.result)
        if handler is None:
            text = f"the cloud answers {answer.result!r} to DeviceVerify"
            self._sink(BadInput(self.link, "verify_refused", text, device))
        outcome = handler(answer) if handler else "failed"
        self._sink(RefreshAnswered(self.link, device, outcome))

    def _granted(self, answer: ActionAnswered) -> str:
        device = answer.device
        self._shared.hops.pop(device, None)
        access = Access.CONTROL if answer.control else Access.READ
        self._sink(AccessReported(self.link, device, access, answer.code))
        if answer.status is None:
            return "offline"
        self._sink(StatusReported(self.link, device, answer.status, full=True, code=answer.code))
        with self._lock:
            if device not in self._settings_known:
                self._settings_known.add(device)
                self._settings_wanted.append(device)
        return "ok"

    def _not_granted(self, answer: ActionAnswered) -> str:
        self._sink(AccessReported(self.link, answer.device, Access.NONE))
        return "not_authorized"

    def _sent_on(self, answer: ActionAnswered) -> str:
        """The device's owner was moved to another host; a few times in a row at most."""
        device, host = answer.device, answer.host or ""
        hops = self._shared.hops.get(device, 0)
        if not self._shared.allowed_hosts.accepts(host) or host == self.link:
            text = "the cloud sends a device on to a host that is not allowed"
            self._sink(BadInput(self.link, "host_not_allowed", text, device))
            return "failed"
        if hops >= MOST_HOPS:
            text = f"the cloud sent a device on {hops} times in a row; it stays where it is"
            self._sink(BadInput(self.link, "too_many_hops", text, device))
            return "failed"
        self._shared.hops[device] = hops + 1
        self._sink(DeviceMoved(self.link, device, LinkId(host)))
        return "moved"
