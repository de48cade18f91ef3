"""The thread that asks an account's cloud over HTTPS: for all devices, their names, new tokens.

It has its own so that neither frames nor commands wait for an answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from random import random

from bridge.core.backoff import LASTED, Backoff
from bridge.core.events import RefreshAnswered
from bridge.core.model import DeviceId, LinkId
from bridge.errors import AuthError, PeerError
from bridge.httpclient import NoAnswerError, RateLimitedError
from bridge.sources import jwt
from bridge.sources.account_http import AccountHttp, NotServedError
from bridge.sources.account_roll import Listing, Roll
from bridge.sources.account_status import read
from bridge.sources.account_tokens import AFTER_RATE_LIMIT, AccountTokens
from bridge.sources.base import Sink
from bridge.sources.jwt import Token, TokenUnavailableError
from bridge.sources.timing import Timing
from bridge.threads import CrashHook, Deadline, spawn

_RENEW_AGAIN = 30.0
"""Seconds after which a token that could not be renewed is tried to be renewed again."""

_RARELY = 5
"""Times the usual pause between two looks for a new login, while none is needed."""

_log = logging.getLogger(__name__)


class Errands:
    """What is to be asked for one account, and when.

    `renewed` is told of a new token, `stuck` that there is none (any more), or another one.
    """

    def __init__(
        self,
        link: LinkId,
        http: AccountHttp,
        tokens: AccountTokens,
        roll: Roll,
        sink: Sink,
        timing: Timing,
        *,
        shared: bool,
        renewed: Callable[[Token], None],
        stuck: Callable[[], None],
    ) -> None:
        self._link = link
        self._http = http
        self._tokens = tokens
        self._roll = roll
        self._sink = sink
        self._timing = timing
        self._shared = shared
        self._renewed = renewed
        self._stuck = stuck
        self._backoff = Backoff(2 * timing.pace, 60.0)
        self._changed = threading.Condition()
        """Guards what follows; held for moments only."""
        self._stopping = False
        self._open = False
        self._login_needed = False
        self._everything = False
        """All devices are to be told of, since a connection was opened."""
        self._asked: set[DeviceId] = set()
        """Single devices that are asked for."""
        self._names_wanted = False
        self._not_before = 0.0
        self._refill_at = 0.0
        self._renew_at = 0.0
        self._look_at = 0.0
        self._thread: threading.Thread | None = None
        self._rounds = 0
        self._last_problem = ""
        self._token: Token | None = None
        """The one that was used last."""

    def start(self, on_crash: CrashHook) -> None:
        """Begin to work; once."""
        self._thread = spawn(f"cloud-{self._link}-ask", self._run, on_crash)

    def request_stop(self) -> None:
        """Begin to end; returns at once."""
        with self._changed:
            self._stopping = True
            self._open = False
            self._changed.notify()

    def beats(self) -> dict[str, int]:
        """See `Source.beats`."""
        thread = self._thread
        return {thread.name: self._rounds} if thread is not None and thread.is_alive() else {}

    def join(self, deadline: Deadline) -> list[str]:
        """Wait for the thread; gives its name if it still lives."""
        if self._thread is None:
            return []
        self._thread.join(deadline.remaining())
        return [self._thread.name] if self._thread.is_alive() else []

    # For other threads

    def opened(self) -> None:
        """A connection is open: nothing is pushed after that, so ask for everything."""
        with self._changed:
            self._open = self._everything = not self._stopping
            self._not_before = 0.0
            self._changed.notify()

    def closed(self) -> None:
        """It is not any more; nobody gets an answer."""
        with self._changed:
            self._open = self._everything = False
            unanswered, self._asked = self._asked, set()
        for device in sorted(unanswered):
            self._sink(RefreshAnswered(self._link, device, "failed"))

    def ask(self, device: DeviceId) -> bool:
        """Ask for one device; False if that is not possible now."""
        with self._changed:
            if not self._open or not self._roll.has(device):
                return False
            self._asked.add(device)
            self._changed.notify()
            return True

    def look_for_login(self, *, needed: bool) -> None:
        """Whether somebody has to log in."""
        with self._changed:
            self._login_needed = needed
            if needed:
                self._look_at = 0.0
            self._changed.notify()

    def nudge(self) -> None:
        """There may be something to do: a device spoke that is not listed."""
        with self._changed:
            self._changed.notify()

    # The thread

    def _run(self) -> None:
        while True:
            self._rounds += 1
            with self._changed:
                if not self._stopping:
                    self._changed.wait(self._pause())
                if self._stopping:
                    return
            self._look()
            self._renew()
            if self._is_due():
                self._fetch()
            if self._names_wanted and self._open:
                self._fetch_names()

    def _pause(self) -> float:
        """How long there is nothing to do (s)."""
        now = time.monotonic()
        due = [self._look_at]
        if self._open:
            due += [max(at, self._not_before) for at in self._reasons()]
            due.append(max(self._tokens.renew_at() or float("inf"), self._renew_at))
        return max(0.0, min(due) - now)

    def _reasons(self) -> list[float]:
        """When to ask for the devices."""
        at_once = [0.0] if self._everything or self._asked else []
        wanted = self._roll.wanted_at
        return [*at_once, *([] if wanted is None else [wanted]), self._refill_at]

    def _is_due(self) -> bool:
        now = time.monotonic()
        with self._changed:
            return self._open and now >= self._not_before and now >= min(self._reasons())

    def _look(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        times = 1 if self._login_needed else _RARELY
        self._look_at = now + times * self._timing.look_for_login
        if self._tokens.look():
            _log.info("%s: somebody logged in", self._link)
            self._stuck()

    def _renew(self) -> None:
        now = time.monotonic()
        at = self._tokens.renew_at()
        if not self._open or at is None or now < max(at, self._renew_at):
            return
        self._renew_at = now + _RENEW_AGAIN
        try:
            token = self._tokens.get()
        except TokenUnavailableError as error:
            self._no_token(error)
            return
        if now < token.good_until:
            self._renew_at = 0.0
            self._renewed(token)

    def _fetch(self) -> None:
        """Ask for all devices, and tell of those that somebody wants to know of."""
        now = time.monotonic()
        with self._changed:
            everything, asked = self._everything or now >= self._refill_at, frozenset(self._asked)
        epoch = self._roll.ask()
        try:
            answer = self._listing(epoch)
        except PeerError as error:
            self._failed(error)
            outcome = "timeout" if isinstance(error, NoAnswerError) else "failed"
            self._give_up(self._awaited(asked), outcome)
            return
        now = time.monotonic()
        asked = self._awaited(asked)
        if not self._roll.take(answer, asked, now, everything=everything):
            self._give_up(asked, "failed")
            return
        self._backoff.ended(LASTED)
        self._last_problem = ""
        with self._changed:
            if everything:
                self._everything = False
                self._refill_at = now + self._timing.refill
                self._names_wanted = True

    def _listing(self, epoch: int) -> Listing:
        token = self._token = self._tokens.get()
        own = None
        if self._shared:
            entries, _, unread = read(self._http.all_status(token, shared=False))
            own = unread | {entry.device for entry in entries}
        entries, wrong, unread = read(self._http.all_status(token, shared=self._shared))
        return Listing(epoch, entries, wrong, own, unread, jwt.user(token.text))

    def _awaited(self, asked: frozenset[DeviceId]) -> frozenset[DeviceId]:
        """Those who still wait for an answer, which they get now: a lost connection is one too."""
        with self._changed:
            left = asked & self._asked
            self._asked -= left
        return left

    def _give_up(self, devices: frozenset[DeviceId], outcome: str) -> None:
        for device in sorted(devices):
            self._sink(RefreshAnswered(self._link, device, outcome))

    def _failed(self, error: PeerError) -> None:
        """There is no answer: wait, and see to what was wrong."""
        wait = self._backoff.next_delay(random())  # noqa: S311 - jitter
        if isinstance(error, TokenUnavailableError):
            self._no_token(error)
            wait = max(wait, min(error.retry_after, LASTED))
        elif isinstance(error, RateLimitedError):
            wait = max(wait, error.retry_after or 0.0, AFTER_RATE_LIMIT)
        elif isinstance(error, AuthError) and self._token is not None:
            self._tokens.refused(self._token)
            wait = 0.0
        elif isinstance(error, NotServedError) and self._token is not None:
            self._tokens.unserved(self._token)
        self._not_before = time.monotonic() + wait
        problem = str(error)
        level = logging.DEBUG if problem == self._last_problem else logging.WARNING
        self._last_problem = problem
        if self._open:
            _log.log(level, "%s: the devices are not known: %s", self._link, problem)

    def _no_token(self, error: TokenUnavailableError) -> None:
        if error.refused and self._open:
            # Only without a connection it is told that somebody has to log in.
            self._stuck()

    def _fetch_names(self) -> None:
        """Ask for the names, which not every server answers; then there are none."""
        self._names_wanted = False
        try:
            self._roll.name(self._http.names(self._tokens.get()))
        except PeerError as error:
            _log.debug("%s: no names of devices: %s", self._link, error)
