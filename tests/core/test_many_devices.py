"""Very many devices: whatever happens at once to all of them, the engine does in portions."""

from __future__ import annotations

from bridge.core.effects import Adopt, Effect, Publish
from bridge.core.engine import MOST_DUE, Engine
from bridge.core.events import BrokerUp, LinkChanged, StatusReported
from bridge.core.model import DeviceId, LinkState, Now, SourceKind
from bridge.core.refill import PORTION
from tests.core import payloads
from tests.core.dialogue import HOST, grant, settings

EACH = 12
"""Effects that one device gives at most at once: discovery, documents, channels, values."""
BESIDES = 20
"""Those that are not about a single device."""


class Counted:
    """An engine that serves so many devices, and how many effects it gave: all, and at once."""

    def __init__(self, count: int) -> None:
        self.engine = Engine(settings(), {})
        self.mono = 100.0
        self.devices = [DeviceId(f"{number:012x}") for number in range(1, count + 1)]
        first = self.engine.restore([grant(device) for device in self.devices], self.now)
        assert sum(isinstance(effect, Adopt) for effect in first) == count
        self.most = self.all = 0
        self.note(self.engine.handle(_CONNECTED, self.now))

    @property
    def now(self) -> Now:
        return Now(self.mono, 1_700_000_000 + self.mono)

    def note(self, effects: list[Effect]) -> None:
        self.all += len(effects)
        self.most = max(self.most, len(effects))

    def goes_on(self, seconds: float) -> None:
        """Ticks as the engine's thread makes them."""
        end = self.mono + seconds
        while (timer := self.engine.next_timer()) is not None and timer <= end:
            self.mono = max(self.mono, timer)
            self.note(self.engine.tick(self.now))
        self.mono = end


_CONNECTED = LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.CONNECTED)


def test_a_start_with_very_many_devices_keeps_no_round_long() -> None:
    many = Counted(20_000)
    many.note(many.engine.handle(BrokerUp("5"), many.now))
    many.goes_on(600)
    assert many.all >= 20_000
    assert many.most <= PORTION * EACH + BESIDES


def test_home_assistant_is_told_of_many_devices_in_portions() -> None:
    many = Counted(5 * MOST_DUE)
    for device in many.devices:
        status = payloads.two_switches()
        many.engine.handle(StatusReported(HOST, device, status, full=True), many.now)
    many.goes_on(10)
    assert many.all >= 5 * MOST_DUE
    assert many.most <= MOST_DUE * EACH + BESIDES
    many.all = many.most = 0
    many.note(many.engine.handle(BrokerUp("5"), many.now))
    many.goes_on(600)
    assert many.all >= 5 * MOST_DUE * 4
    assert many.most <= PORTION * EACH + BESIDES


def test_last_seen_of_very_many_devices_is_told_more_rarely() -> None:
    few, very_many = (told_in_ten_minutes(count) for count in (10, 20_000))
    assert few == 10
    # Each 200 s, so that it is 100 of them a second.
    assert very_many == 2


def told_in_ten_minutes(count: int) -> int:
    """How often the `info` of one device that says something each minute is published."""
    many = Counted(count)
    many.note(many.engine.handle(BrokerUp("5"), many.now))
    many.goes_on(1_000)
    device, told = many.devices[0], 0
    for minute in range(11):
        status = payloads.switch(0, apower=float(minute))
        effects = many.engine.handle(StatusReported(HOST, device, status), many.now)
        ours = [each for each in effects if isinstance(each, Publish)]
        told += sum(each.topic == f"shelly/{device}/info" for each in ours) if minute else 0
        many.mono += 60.5
    return told
