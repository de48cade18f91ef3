"""What can be made to go wrong with one Shelly account, and what is counted of it."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Json = Any

_KEPT = 100_000


class Asked(Enum):
    """The kinds of HTTP requests that concern an account."""

    PAGE = "login page"
    LOGIN = "login"
    CODE = "code for token"
    REFRESH = "refresh token for token"
    STATUS = "all status"
    LIST = "device list"


class Answer(Enum):
    """What such a request is answered; what has no meaning for one is as `GOOD`."""

    GOOD = "good"
    REFUSED = "refused"
    """As a wrong password, code, token: whatever was sent, and nothing is used up."""
    ERROR_500 = "500"
    HTML = "html"
    """200 with a web page, as a proxy or captive portal has it."""
    EMPTY = "empty"
    REDIRECT = "redirect"
    HANG = "hang"
    """The request is read and never answered."""
    CUT = "cut"
    """The connection ends in the middle of the answer."""
    HUGE = "huge"
    """A body that does not end."""
    LARGE = "large"
    """The good answer with 5 MB that nobody needs."""
    NOT_OK = "not ok"
    """200, and `isok` is false."""
    LIST = "list"
    """The answer is a list."""
    LISTS = "lists"
    """Every member of the answer is in a list."""
    TOO_MANY = "429"
    MAX_REQ = "401 max_req"
    """Too many requests, as a 401 that speaks of `max_req`."""
    NOT_A_JWT = "not a jwt"
    """Code and tokens are words."""
    ARRAYS = "arrays"
    """`all_status`: objects inside of the devices' status are empty arrays."""
    NO_INFO = "no info"
    """`all_status`: no `_dev_info`, although asked for."""
    GARBAGE = "garbage"
    """`all_status` and device list: entries that are no devices between those that are."""


class RateLimit(Enum):
    """How an account's second request of devices within a second is refused."""

    NONE = "none"
    HTTP_429 = "429"
    HTTP_401 = "401"
    """With `max_req` in the body."""


class RollerWords(Enum):
    """The words of the `roller` command that the account's server accepts."""

    UP_DOWN = "up, down, stop"
    OPEN_CLOSE = "open, close, stop"
    BOTH = "both"


@dataclass(slots=True)
class AccountFaults:
    """The switches of one account."""

    answers: dict[Asked, Answer] = field(default_factory=dict)
    """What is not named is answered well."""
    delay: float = 0.0
    """Seconds before any HTTP answer."""
    rate_limit: RateLimit = RateLimit.NONE
    refused_status: int = 401
    """HTTP status of a refusal by login and token endpoints; the real one is not documented."""
    single_use: bool = True
    """A code gives one token only."""
    lock_after: int | None = None
    """Wrong passwords in a row after which the right one is refused as well."""
    code_claims: dict[str, Json] = field(default_factory=dict)
    """Said by codes instead of the truth; None leaves a claim out."""
    token_claims: dict[str, Json] = field(default_factory=dict)
    """The same of access tokens: `{"exp": None}`, `{"user_api_url": "https://elsewhere"}`."""
    close_at_expiry: bool = False
    """Sockets are closed with 4401 when their token expires."""
    tells_settings: bool = False
    """`Shelly:Settings` reaches sockets; whether it does is not documented."""
    roller_words: RollerWords = RollerWords.UP_DOWN
    rpc_error: Json = None
    """Every RPC gets this error: `"UNAUTHORIZED"`, or `{"code": -103, "message": "…"}`."""


@dataclass(slots=True)
class AccountCounters:
    """What was asked of an account; times are monotonic s, oldest first, the oldest dropped.

    Requests that cannot be told to be an account's are only in `api.counters`.
    """

    asked: deque[tuple[float, Asked]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    refused: Counter[Asked] = field(default_factory=Counter)
    limited: int = 0
    """Requests that the rate limit refused."""
    opened: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """When sockets were opened."""
    commands: int = 0
    rpcs: int = 0

    def note(self, asked: Asked) -> None:
        """A request came."""
        self.asked.append((time.monotonic(), asked))

    def times(self, *kinds: Asked) -> list[float]:
        """When there were requests of these kinds, or of any."""
        return [at for at, kind in list(self.asked) if not kinds or kind in kinds]

    def count(self, *kinds: Asked) -> int:
        """How many requests of these kinds there were, or of any."""
        return len(self.times(*kinds))

    def most_within(self, seconds: float, *kinds: Asked) -> int:
        """The most requests of these kinds, or of any, that came within a time."""
        times = self.times(*kinds)
        return max(
            (sum(first <= at < first + seconds for at in times) for first in times), default=0
        )
