"""Random faults, numbered values, one judge: nothing goes backwards, the newest value stays."""

from __future__ import annotations

import random
import threading

import pytest

from bridge.core.effects import Lane
from bridge.core.events import BrokerUp, Event
from bridge.mqtt.publisher import Pace
from bridge.simulator.broker import Broker
from tests.brokers import wait_until
from tests.mqtt.rig import BASE, CLIENT_ID, Rig, state

TOPICS = 50
FAULTS = 8


class Source(threading.Thread):
    """The engine's part: numbered values all the time, and everything again after a connect."""

    def __init__(self, seed: int) -> None:
        super().__init__(name="source", daemon=True)
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._done = threading.Event()
        self.quiet = threading.Event()
        self._up = threading.Event()
        self._count = 0
        self.values = dict.fromkeys(range(TOPICS), 0)
        self.rig: Rig

    def sink(self, event: Event) -> None:
        if isinstance(event, BrokerUp):
            self._up.set()

    def run(self) -> None:
        while not self._done.wait(0.002):
            if self._up.is_set():
                self._up.clear()
                self.rig.outbox.put_all(
                    [state(number, value, Lane.REFILL) for number, value in self.values.items()]
                )
            if not self.quiet.is_set():
                number = self._random.randrange(TOPICS)
                self._count += 1
                self.values[number] = self._count
                self.rig.outbox.put(state(number, self._count))

    def finish(self) -> None:
        self._done.set()
        self.join(5)


def harm(broker: Broker, chance: random.Random) -> None:
    """One fault, over after at most half a second."""
    pause = threading.Event()
    fault = chance.choice(["cut", "freeze", "withhold", "refuse", "forget", "restart"])
    if fault == "cut":
        broker.cut()
    elif fault == "freeze":
        broker.freeze()
        pause.wait(chance.uniform(0, 0.5))
        broker.thaw()
    elif fault == "withhold":
        broker.withhold_puback = True
        pause.wait(chance.uniform(0, 0.3))
        if chance.random() < 0.7:
            broker.cut()
        broker.withhold_puback = False
    elif fault == "refuse":
        broker.refuse = True
        broker.cut()
        pause.wait(chance.uniform(0, 0.5))
        broker.refuse = False
    elif fault == "forget":
        broker.cut()
        broker.forget()
    else:
        broker.stop()
        pause.wait(chance.uniform(0, 0.3))
        broker.start()


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_goes_backwards_and_the_newest_value_stays(broker: Broker, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    source = Source(seed)
    pace = Pace(refill_wait=0.3, refill_rate=2_000.0)
    source.rig = rig = Rig(broker.port, keepalive=1, pace=pace, listener=source.sink)
    with rig:
        source.start()
        pause = threading.Event()
        for _ in range(FAULTS):
            pause.wait(chance.uniform(0, 1.0))
            harm(broker, chance)
        source.quiet.set()

        def healed() -> bool:
            newest = {f"{BASE}/{n}/relay/0": str(v).encode() for n, v in source.values.items()}
            return newest.items() <= broker.retained.items()

        wait_until(healed, 20, f"the newest values are retained, seed {seed}")
        source.finish()
    seen: dict[str, int] = {}
    for entry in broker.wire_log:
        if entry.client_id == CLIENT_ID and entry.packet == "PUBLISH" and "/relay/" in entry.topic:
            value = int(entry.payload)
            assert value >= seen.get(entry.topic, 0), f"{entry.topic} went backwards, seed {seed}"
            seen[entry.topic] = value
