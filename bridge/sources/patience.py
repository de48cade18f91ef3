"""When a token may be asked for again, so that no failure ends in a storm of questions."""

from __future__ import annotations

import math
import time
from random import random

from bridge.core.backoff import Backoff
from bridge.errors import AuthError, PeerError
from bridge.httpclient import NotReachedError
from bridge.sources.jwt import TokenUnavailableError

YOUNG = 60.0
"""A token that is refused within this time (s) of its issue was probably never good."""

_NOT_REACHED = 45.0
"""A cloud that was not even reached is not bothered by the next attempt, which comes within (s)."""

_MOST_REFUSED = 2
"""A refresh token and a code are all that a login has."""

REFUSED_BY_HOSTS = "the hosts refuse the token that the cloud gives"


class Patience:
    """Remembers what went wrong, and until when to wait. Its user's lock guards it."""

    def __init__(self) -> None:
        self._failure: PeerError | None = None
        self._retry_at = 0.0
        self._asked_at = 0.0
        self._refusals = 0
        """Young tokens in a row that a host refused."""
        self._after_failure = _backoff()
        self._after_refusal = _backoff()

    def check(self) -> None:
        """Raise `TokenUnavailableError` while nothing may be asked."""
        now = time.monotonic()
        if self._failure is not None and now < self._retry_at:
            raise _unavailable(self._failure, self._retry_at - now)

    def asking(self) -> None:
        """A token is being asked for."""
        self._asked_at = time.monotonic()

    def failed(self, failure: PeerError, at_least: float = 0.0) -> TokenUnavailableError:
        """There is none: let nobody ask for a while, `at_least` s."""
        return self._wait(failure, self._after_failure, at_least)

    def succeeded(self) -> None:
        """There is one."""
        self._failure = None
        self._after_failure = _backoff()

    def refused(self) -> bool:
        """A host did not take the newest token; tells whether it took no young one in a row.

        Then nothing may be asked before a delay.
        """
        young = time.monotonic() - self._asked_at < YOUNG
        self._refusals = self._refusals + 1 if young else 0
        if self._refusals < 2:
            self._after_refusal = _backoff()
            return False
        self._wait(AuthError(REFUSED_BY_HOSTS), self._after_refusal)
        return True

    def forgive(self) -> None:
        """Somebody did something about it: ask at once."""
        self._failure = None
        self._refusals = 0
        self._after_failure, self._after_refusal = _backoff(), _backoff()

    def _wait(
        self, failure: PeerError, backoff: Backoff, at_least: float = 0.0
    ) -> TokenUnavailableError:
        delay = backoff.next_delay(0.25 + random() / 2)  # noqa: S311 - jitter
        if isinstance(failure, NotReachedError):
            delay = min(delay, _NOT_REACHED * (0.5 + random() / 2))  # noqa: S311 - jitter
        delay = max(delay, at_least)
        self._failure, self._retry_at = failure, time.monotonic() + delay
        return _unavailable(failure, delay)


def _unavailable(cause: PeerError, retry_after: float) -> TokenUnavailableError:
    return TokenUnavailableError(str(cause), retry_after, refused=isinstance(cause, AuthError))


def _backoff() -> Backoff:
    """Slower than reconnects: ten minutes of refusals must not look like an attack."""
    return Backoff(first=2.0, longest=120.0)


class Refusals:
    """What was refused once, and is forgotten only if that happens again `pause` s later."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._refused_at: dict[str, float] = {}

    def rests(self, secret: str) -> bool:
        """Whether it was refused lately, so that it is not the time to try it again."""
        at = self._refused_at.get(secret)
        return at is not None and time.monotonic() < at + self._pause

    def is_over(self, secret: str) -> bool:
        """It was refused; whether that was the second time, so that it is to be forgotten."""
        if self._refused_at.pop(secret, None) is not None:
            return True
        self._refused_at[secret] = time.monotonic()
        while len(self._refused_at) > _MOST_REFUSED:
            del self._refused_at[next(iter(self._refused_at))]
        return False

    def next_in(self) -> float:
        """Seconds until something may be tried once more; endless if nothing waits for that."""
        now = time.monotonic()
        waits = (at + self._pause - now for at in self._refused_at.values())
        return min((wait for wait in waits if wait > 0), default=math.inf)

    def forgive(self) -> None:
        """Begin anew."""
        self._refused_at.clear()
