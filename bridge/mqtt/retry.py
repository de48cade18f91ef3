"""When and with which protocol version the broker is tried next.

Pure: it is told how each attempt ended and answers with a delay.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from paho.mqtt.enums import MQTTProtocolVersion

from bridge.core.backoff import Backoff
from bridge.mqtt.connection import V5, V311, Failure

FIRST = 0.5
LONGEST = 3.3
"""Times 1.5, since delays are jittered: attempts are at most 5 s apart."""

CREDENTIALS_FIRST = 10.0
CREDENTIALS_LONGEST = 48.0
"""A wrong password does not become right by itself, and brokers lock people out. With less jitter
(times 0.75 to 1.25) than usual, attempts are at most 60 s apart and under 20 in ten minutes."""

SILENT_CLOSES = 3
"""After MQTT 5 has worked, so many closes without CONNACK make us try 3.1.1 again."""


class Retry:
    """`version` is what the next attempt should speak."""

    def __init__(self, protocol: str, chance: Callable[[], float] = random.random) -> None:
        self._fixed = {"5": V5, "3.1.1": V311}.get(protocol)
        self._chance = chance
        self._usual = Backoff(FIRST, LONGEST)
        self._credentials = Backoff(CREDENTIALS_FIRST, CREDENTIALS_LONGEST)
        self._silent_closes = 0
        self._worked: MQTTProtocolVersion | None = None
        self.version = self._fixed or V5

    def opened(self) -> None:
        """The broker took us: this version is right and so is the password."""
        self._worked = self.version
        self._silent_closes = 0
        self._credentials = Backoff(CREDENTIALS_FIRST, CREDENTIALS_LONGEST)

    def ended(self, lived: float) -> float:
        """A connection ended after `lived` s; seconds to wait."""
        self._usual.ended(lived)
        return self._usual.next_delay(self._chance())

    def failed(self, failure: Failure) -> float:
        """An attempt failed; seconds to wait."""
        tried, self.version = self.version, self._next_version(failure)
        if failure is Failure.CREDENTIALS:
            return self._credentials.next_delay(0.25 + self._chance() / 2)
        if failure is Failure.VERSION and (tried, self.version) == (V5, V311):
            return 0.0
        return self._usual.next_delay(self._chance())

    def _next_version(self, failure: Failure) -> MQTTProtocolVersion:
        if self._fixed is not None:
            return self._fixed
        if failure is Failure.UNREACHABLE:
            return self.version
        if self.version == V311:
            return V5
        if failure is Failure.VERSION:
            return V311
        if failure is Failure.SILENT:
            self._silent_closes += 1
            if self._worked != V5 or self._silent_closes >= SILENT_CLOSES:
                self._silent_closes = 0
                return V311
        return V5
