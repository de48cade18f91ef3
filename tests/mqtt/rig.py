"""An adapter with everything around it that a test wants to look at."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from bridge.core.effects import Lane, Publish
from bridge.core.events import BrokerDown, BrokerUp, Event, MessageArrived
from bridge.mqtt import ConnectionSettings, MqttAdapter, Outbox
from bridge.mqtt.publisher import Pace
from bridge.simulator.broker import Broker, WireEntry
from bridge.threads import Deadline
from tests.brokers import wait_until

CLIENT_ID = "bridge-under-test"
BASE = "shelly"
STATE = f"{BASE}/bridge/state"
RELAY = f"{BASE}/1/relay/0"
COMMAND = f"{RELAY}/set"
SET = f"{BASE}/+/+/+/set"
FAREWELL = Publish(STATE, "offline")


def published(broker: Broker, topic: str) -> list[WireEntry]:
    """What the bridge published to a topic, in the order of the wire."""
    return [entry for entry in broker.wire_log if entry[:4] == (CLIENT_ID, "in", "PUBLISH", topic)]


def values(broker: Broker, topic: str) -> list[str]:
    """The payloads that the bridge published to a topic, in the order of the wire."""
    return [entry.payload.decode() for entry in published(broker, topic)]


def state(number: int, value: object, lane: Lane = Lane.STATE) -> Publish:
    """A retained value of the topic `shelly/<number>/relay/0`."""
    return Publish(f"{BASE}/{number}/relay/0", str(value), lane=lane)


class Rig:
    """Runs an adapter; fails the test if its thread crashed.

    `greets`: says `online` after every connect, as the engine does. `listener` is told every
    event that the inbox took.
    """

    def __init__(
        self,
        port: int,
        *,
        subscriptions: tuple[str, ...] = (SET,),
        bridge_id: str = "ours",
        instance: str | None = None,
        pace: Pace | None = None,
        host: str = "127.0.0.1",
        greets: bool = False,
        listener: Callable[[Event], None] | None = None,
        **settings: Any,
    ) -> None:
        self.outbox = Outbox()
        self.events: list[Event] = []
        self.overloaded: list[MessageArrived] = []
        self.others: list[str] = []
        self.crashes: list[BaseException] = []
        self.inbox_full = False
        self._greets = greets
        self._listener = listener
        self.adapter = MqttAdapter(
            ConnectionSettings(host, port, CLIENT_ID, **settings),
            self.outbox,
            base_topic=BASE,
            bridge_id=bridge_id,
            instance=instance,
            subscriptions=subscriptions,
            sink=self._sink,
            on_overload=self.overloaded.append,
            on_other_bridge=self.others.append,
            on_crash=lambda _, error: self.crashes.append(error),
            pace=pace or Pace(refill_wait=0.1),
        )

    def _sink(self, event: Event) -> bool:
        if self.inbox_full:
            return False
        self.events.append(event)
        if self._listener is not None:
            self._listener(event)
        if self._greets and isinstance(event, BrokerUp):
            self.outbox.put(Publish(STATE, "online"))
        return True

    def __enter__(self) -> Self:
        self.adapter.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        assert not self.crashes

    def stop(self, limit: float = 5.0) -> list[str]:
        """Stop it as the program does."""
        return self.adapter.stop(Deadline(limit), FAREWELL)

    def wait_up(self, times: int = 1, limit: float = 10.0) -> None:
        """Wait until the engine was told of so many connections."""
        wait_until(lambda: len(self.ups) >= times and self.adapter.connected, limit, "connected")

    @property
    def ups(self) -> list[BrokerUp]:
        """Every `BrokerUp` so far."""
        return [event for event in list(self.events) if isinstance(event, BrokerUp)]

    @property
    def downs(self) -> list[BrokerDown]:
        """Every `BrokerDown` so far."""
        return [event for event in list(self.events) if isinstance(event, BrokerDown)]

    @property
    def messages(self) -> list[MessageArrived]:
        """Every message so far."""
        return [event for event in list(self.events) if isinstance(event, MessageArrived)]
