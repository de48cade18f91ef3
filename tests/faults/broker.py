"""The broker that does harm at a chosen moment: the simulator's, with triggers and a whole log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from bridge.simulator.broker import Broker, WireEntry
from bridge.simulator.broker_session import Session
from bridge.simulator.mqtt_packets import Connect, Kind, Message, connack

Trigger = Callable[[Message], bool]
"""Whether the harm is to be done at this publication."""

LOG_LIMIT = 1_000_000
"""Packets that are kept; a test that makes more should not need the log."""

_UNAVAILABLE = {4: 3, 5: 0x88}
"""CONNACK codes of a broker that will not serve now (MQTT 3.1.1, 3.2.2.3; MQTT 5.0, 3.2.2.2)."""


class Logged(NamedTuple):
    """A packet of the wire log and when it passed, in monotonic s."""

    at: float
    entry: WireEntry


class FaultBroker(Broker):
    """`simulator.broker.Broker` (refuse, freeze, cut, forget) that can harm one client alone.

    `victim` is how the client's id begins; the default is the bridge's. `withhold_puback` is for
    the victim only, and `swallow` for those of its publications that it says yes to.
    `cut_before_puback` is asked likewise: where it says yes, the message is taken and passed on,
    and the connection is cut before it is acknowledged; the trigger is then used up.
    `refuse_connect` answers every CONNECT of the victim with "server unavailable".
    """

    def __init__(self, *, victim: str = "shelly-bridge", **options: Any) -> None:
        super().__init__(**options)
        self.victim = victim
        self.cut_before_puback: Trigger | None = None
        self.swallow: Trigger | None = None
        self.refuse_connect = False
        self.cuts = 0
        self.refused_connects = 0
        self._log: list[Logged] = []
        self._cut_at: Message | None = None

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

    def admit(self, session: Session, connect: Connect) -> tuple[bytes, bool]:
        """See `Hub`."""
        if self.refuse_connect and connect.client_id.startswith(self.victim):
            self.refused_connects += 1
            return connack(connect.level, _UNAVAILABLE[connect.level]), False
        return super().admit(session, connect)

    def route(self, sender: Session | None, message: Message) -> None:
        """See `Hub`."""
        super().route(sender, message)
        if sender is None or not sender.client_id.startswith(self.victim):
            return
        if self.cut_before_puback is not None and self.cut_before_puback(message):
            self.cut_before_puback = None
            self.cuts += 1
            self._cut_at = message
            sender.abort()

    def withholds(self, sender: Session, message: Message) -> bool:
        """See `Hub`."""
        if not sender.client_id.startswith(self.victim):
            return False
        if self.withhold_puback or message is self._cut_at:
            return True
        return self.swallow is not None and self.swallow(message)

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
