"""What is told about the broker, in the log and to the engine: changes, not attempts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from bridge.core.events import BrokerDown, BrokerUp, Event

_log = logging.getLogger(__name__)

LASTING = 10.0
"""Seconds after which a connection counts as up, and its end is worth a new line."""


class Reports:
    """One line per change of the reason; only the newest word to the engine, until it is taken."""

    def __init__(
        self, name: str, sink: Callable[[Event], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._sink = sink
        self._clock = clock
        self._reason: str | None = None
        self._quiet = False
        self._up_since: float | None = None
        self._news: BrokerUp | BrokerDown | None = None

    def up(self, protocol: str, owner: str | None) -> None:
        """The broker took us and our subscriptions."""
        self._up_since = self._clock()
        self._news = BrokerUp(protocol, owner)
        if not self._quiet:
            _log.info("connected to the MQTT broker %s, MQTT %s", self._name, protocol)

    def tick(self) -> None:
        """Called now and then while the connection lasts."""
        if self._up_since is None or self._reason is None:
            return
        if self._clock() - self._up_since >= LASTING:
            if self._quiet:
                _log.info("the connection to the MQTT broker %s lasts", self._name)
            self._reason, self._quiet = None, False

    def down(self, text: str) -> None:
        """The connection ended, or could not be opened, because of `text`."""
        changed = text != self._reason
        if changed:
            _log.warning("MQTT broker %s: %s", self._name, text)
        if changed or self._up_since is not None:
            self._news = BrokerDown(text)
        self._quiet = not changed
        self._reason, self._up_since = text, None

    def tell(self) -> BrokerUp | BrokerDown | None:
        """Offer the engine what it does not know yet; what it took now, if anything."""
        news = self._news
        if news is None or not self._sink(news):
            return None
        self._news = None
        return news

    @property
    def waiting(self) -> bool:
        """Whether the engine still has to be told."""
        return self._news is not None
