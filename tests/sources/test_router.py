"""Several sources as one: each link has one source, and what nobody serves is given back."""

from __future__ import annotations

import threading

from bridge.core.commands import RelayCommand, Target, Turn
from bridge.core.effects import SendCommand
from bridge.core.events import CommandNotSent, RefreshAnswered
from bridge.core.model import DeviceId, LinkId
from bridge.sources.router import Router
from bridge.threads import Deadline

DEVICE = DeviceId("a8032abe54dc")


class FakeSource:
    """Serves one link, and remembers what it was told."""

    def __init__(self, link: str, together: threading.Barrier | None = None) -> None:
        self.link = LinkId(link)
        self.told: list[str] = []
        self._together = together
        self.rounds = 0

    def start(self) -> None:
        self.told.append("start")

    def serves(self, link: LinkId) -> bool:
        return link == self.link

    def send(self, _: SendCommand) -> CommandNotSent | None:
        self.told.append("send")
        return None

    def refresh(self, _link: LinkId, _device: DeviceId) -> RefreshAnswered | None:
        self.told.append("refresh")
        return None

    def reconnect(self, _: LinkId) -> None:
        self.told.append("reconnect")

    def beats(self) -> dict[str, int]:
        return {f"thread-of-{self.link}": self.rounds}

    def stop(self, _: Deadline) -> list[str]:
        if self._together is not None:
            self._together.wait(5)
        return [f"thread-of-{self.link}"]


def command(link: str) -> SendCommand:
    target = Target("switch", 0)
    return SendCommand(LinkId(link), DEVICE, target, RelayCommand(Turn.ON), 7, 1e12)


def test_what_concerns_a_link_goes_to_its_source() -> None:
    home, cabin = FakeSource("home"), FakeSource("cabin")
    router = Router([home, cabin])
    router.start()
    assert router.send(command("cabin")) is None
    assert router.refresh(LinkId("cabin"), DEVICE) is None
    router.reconnect(LinkId("cabin"))
    assert cabin.told == ["start", "send", "refresh", "reconnect"]
    assert home.told == ["start"]
    assert router.serves(LinkId("home"))


def test_what_nobody_serves_is_given_back() -> None:
    router = Router([FakeSource("home")])
    refused = router.send(command("gone"))
    assert refused is not None
    assert (refused.link, refused.request, refused.status) == ("gone", 7, "host_down")
    answer = router.refresh(LinkId("gone"), DEVICE)
    assert answer == RefreshAnswered(LinkId("gone"), DEVICE, "failed")
    router.reconnect(LinkId("gone"))
    assert not router.serves(LinkId("gone"))


def test_the_threads_of_all_are_counted() -> None:
    home, cabin = FakeSource("home"), FakeSource("cabin")
    cabin.rounds = 3
    assert Router([home, cabin]).beats() == {"thread-of-home": 0, "thread-of-cabin": 3}


def test_all_are_stopped_at_the_same_time() -> None:
    together = threading.Barrier(3)
    router = Router([FakeSource(name, together) for name in "abc"])
    assert sorted(router.stop(Deadline(5))) == ["thread-of-a", "thread-of-b", "thread-of-c"]
    assert not together.broken


def test_one_that_hangs_is_named() -> None:
    hold = threading.Barrier(2)
    router = Router([FakeSource("a", hold), FakeSource("b")])
    assert sorted(router.stop(Deadline(0.2))) == ["source-stop", "thread-of-b"]
    hold.wait(5)
