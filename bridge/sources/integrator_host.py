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
from bridge.core.cloud import ActionAnswered
from bridge.core.events import (
    AccessReported,
    BadInput,
    DeviceMoved,
    LinkChanged,
    LinkRemoved,
    RefreshAnswered,
    SettingsReported,
    StatusReported,
)
from bridge.core.hosts import HostRule
from bridge.core.model import Access, DeviceId, LinkId, LinkState, SourceKind
from bridge.sources import frames
from bridge.sources.base import Sink
from bridge.sources.jwt import Token
from bridge.sources.session import CloudSession
from bridge.sources.timing import Timing
from bridge.sources.token import TokenKeeper
from bridge.sources.turns import Turns
from bridge.sources.verification import SettingsQueue, Verification
from bridge.sources.websocket import Endpoint
from bridge.threads import CrashHook

MOST_HOPS = 3
"""How often in a row a device may be sent on to another host."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What all hosts of an integrator have in common."""

    tokens: TokenKeeper
    turns: Turns
    sink: Sink
    on_crash: CrashHook
    timing: Timing
    allowed_hosts: HostRule
    next_action: Iterator[int]
    """Numbers for `trid`, above those of commands."""
    hops: dict[DeviceId, int]
    """How often in a row each device was sent on; a lost update does no harm."""


class IntegratorHost:
    """The owner of one host's session."""

    displaced = "somebody else seems to use this integrator's only connection to the host"

    def __init__(
        self,
        link: LinkId,
        endpoint: Endpoint,
        shared: Shared,
        backoff: Backoff,
        predecessor: CloudSession | None,
        sink: Sink,
    ) -> None:
        self.link = link
        self._endpoint = endpoint
        self._shared = shared
        self._sink = sink
        self._lock = threading.Lock()
        """Guards what follows; held for moments only."""
        self._verification = Verification(shared.timing.answer_limit)
        self._settings = SettingsQueue()
        self._released = False
        self.session = CloudSession(
            link, self, sink, backoff, shared.on_crash, shared.timing, predecessor
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
            self._settings.remove(device)
            return not self._verification.devices

    def ask(self, device: DeviceId) -> bool:
        """Ask for a device's access and state; False if that is not possible now."""
        with self._lock:
            asked = self._verification.ask(device)
        self.session.wake()
        return asked

    def release(self) -> CloudSession:
        """Close the connection for good; gives the session that is ending."""
        self._released = True
        self.session.request_stop()
        return self.session

    # For the session, on its threads

    def turn(self) -> float:
        """All hosts take turns, since all may have been lost at once."""
        return self._shared.turns.take()

    def token(self) -> Token:
        """The integrator's access token."""
        return self._shared.tokens.get(self.link)

    def endpoint(self, _: Token) -> Endpoint:
        """The host; all of them take the same token."""
        return self._endpoint

    def token_refused(self, token: Token) -> None:
        """Get another one before the next connection."""
        self._shared.tokens.refused(self.link, token)

    def unserved(self, _: Token) -> None:
        """Nothing to do: the host was named by consents, not by the token."""

    def state_changed(self, state: LinkState, error: str | None, token: Token | None) -> None:
        """Tell the engine."""
        expires = token.expires if token is not None else None
        if token is not None:
            self._shared.tokens.taken(self.link, token)
        self._sink(LinkChanged(self.link, SourceKind.INTEGRATOR, state, error, expires))

    def opened(self) -> None:
        """Ask about every device: nothing is pushed after a connect."""
        with self._lock:
            self._verification.opened()

    def closed(self) -> None:
        """Nobody will answer what is still open."""
        with self._lock:
            unanswered = self._verification.closed()
            self._settings.closed()
        for device in unanswered:
            self._sink(RefreshAnswered(self.link, device, "failed"))

    def ended(self) -> None:
        """Tell the engine that there is no such connection any more, unless the bridge ends."""
        self._shared.tokens.forget(self.link)
        if self._released:
            self._sink(LinkRemoved(self.link))

    def due(self) -> list[str]:
        """The questions to ask now."""
        now = time.monotonic()
        questions = []
        with self._lock:
            late = self._verification.overdue(now)
            for device in self._verification.next(now):
                number = next(self._shared.next_action)
                questions.append(cloud.encode_action("DeviceVerify", device, number))
            for device in self._settings.next():
                number = next(self._shared.next_action)
                self._settings.asked(number, device)
                questions.append(cloud.encode_action("DeviceGetSettings", device, number))
        for device in late:
            self._sink(RefreshAnswered(self.link, device, "timeout"))
        return questions

    def due_at(self) -> float:
        """When a question is to be asked again, or its answer is late."""
        with self._lock:
            return self._verification.due_at()

    def frame(self, data: bytes) -> None:
        """Take a frame in; invalid UTF-8 ends the connection."""
        event = frames.read(data, self.link, self._sink)
        if isinstance(event, ActionAnswered):
            self._answered(event)
        elif event is not None:
            self._sink(event)

    def _answered(self, answer: ActionAnswered) -> None:
        device = answer.device
        with self._lock:
            ours = device in self._verification.devices
            for_settings = self._settings.answered(answer.request)
            if ours and answer.settings is not None:
                self._settings.came(device)
        if not ours:
            # Settings may come after the device was moved away.
            if not for_settings:
                text = "an answer about a device that was not asked about"
                self._sink(BadInput(self.link, "unexpected_answer", text, device))
        elif answer.settings is not None:
            self._sink(SettingsReported(self.link, device, answer.settings))
        elif not for_settings:
            self._verified(answer)
            self.session.wake()

    def _verified(self, answer: ActionAnswered) -> None:
        device = answer.device
        with self._lock:
            awaited = self._verification.answered(device)
        handlers: dict[str, Callable[[ActionAnswered], str]] = {
            "OK": self._granted,
            "UNAUTHORIZED": self._not_granted,
            "WRONG_HOST": self._sent_on,
        }
        outcome = handlers.get(answer.result, self._refused)(answer)
        if awaited:
            self._sink(RefreshAnswered(self.link, device, outcome))

    def _granted(self, answer: ActionAnswered) -> str:
        device = answer.device
        with self._lock:
            self._verification.good(device)
        self._shared.hops.pop(device, None)
        access = Access.CONTROL if answer.control else Access.READ
        self._sink(AccessReported(self.link, device, access, answer.code))
        if answer.status is None:
            return "offline"
        self._sink(StatusReported(self.link, device, answer.status, full=True, code=answer.code))
        with self._lock:
            self._settings.want(device)
        return "ok"

    def _not_granted(self, answer: ActionAnswered) -> str:
        self._postpone(answer.device)
        self._sink(AccessReported(self.link, answer.device, Access.NONE))
        return "not_authorized"

    def _sent_on(self, answer: ActionAnswered) -> str:
        """The device's owner was moved to another host; a few times in a row at most."""
        device, host = answer.device, answer.host or ""
        if not self._shared.allowed_hosts.accepts(host) or host == self.link:
            self._postpone(device)
            text = "the cloud sends a device on to a host that is not allowed"
            self._sink(BadInput(self.link, "host_not_allowed", text, device))
            return "failed"
        hops = self._shared.hops.pop(device, 0)
        if hops >= MOST_HOPS:
            self._postpone(device)
            text = f"the cloud sent a device on {hops} times in a row; it stays where it is"
            self._sink(BadInput(self.link, "too_many_hops", text, device))
            return "failed"
        self._shared.hops[device] = hops + 1
        self._sink(DeviceMoved(self.link, device, LinkId(host)))
        return "moved"

    def _refused(self, answer: ActionAnswered) -> str:
        text = f"the cloud answers {answer.result!r} to DeviceVerify"
        self._sink(BadInput(self.link, "verify_refused", text, answer.device))
        with self._lock:
            self._verification.retry(answer.device, time.monotonic())
        return "failed"

    def _postpone(self, device: DeviceId) -> None:
        with self._lock:
            self._verification.postpone(device, time.monotonic())
