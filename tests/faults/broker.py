"""The simulator's broker, which can harm one client alone, with a whole log."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from bridge.simulator.broker import Broker, WireEntry
from bridge.simulator.broker_session import Session
from bridge.simulator.mqtt_packets import Kind, Message

LOG_LIMIT = 1_000_000
"""Packets that are kept; a test that makes more should not need the log."""


class Logged(NamedTuple):
    """A packet of the wire log and when it passed, in monotonic s."""

    at: float
    entry: WireEntry


class FaultBroker(Broker):
    """`simulator.broker.Broker` (refuse, freeze, cut, forget) that can harm one client alone.

    `victim` is how the client's id begins; the default is the bridge's. `withhold_puback` is for
    the victim only.
    """

    def __init__(self, *, victim: str = "shelly-bridge", **options: Any) -> None:
        super().__init__(**options)
        self.victim = victim
        self._log: list[Logged] = []

    # What tests look at.

    @property
    def log(self) -> list[Logged]:
        """Every packet in the order it passed, with its time; not only the last ones."""
        return list(self._log)

    def published(self, topic: str | None = None) -> list[bytes]:
        """The payloads that the victim published to a topic, or to all, as on the wire."""
        return [
            entry.payload
            for _, entry in self.log
            if entry.direction == "in"
            and entry.packet == "PUBLISH"
            and entry.client_id.startswith(self.victim)
            and topic in (None, entry.topic)
        ]

    def connects(self) -> list[float]:
        """When the victim sent a CONNECT, in monotonic s."""
        return [
            at
            for at, entry in self.log
            if entry.packet == "CONNECT" and entry.client_id.startswith(self.victim)
        ]

    # What sessions ask for; in the loop's thread only.

    def withholds(self, sender: Session, message: Message) -> bool:
        """See `Hub`."""
        return sender.client_id.startswith(self.victim) and super().withholds(sender, message)

    def record(
        self,
        session: Session,
        direction: str,
        kind: Kind,
        message: Message | None = None,
        duplicate: bool = False,
    ) -> None:
        """See `Hub`."""
        super().record(session, direction, kind, message, duplicate)
        if len(self._log) < LOG_LIMIT:
            self._log.append(Logged(time.monotonic(), self._wire[-1]))
