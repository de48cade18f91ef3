"""The registry is asked beside the loop, and whoever asks is never kept waiting for long."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from bridge.cluster.reading import Reader
from bridge.core.model import DeviceId, Grant, LinkId
from bridge.errors import StoreError
from bridge.store.records import Belongings, Changes, Holdings
from tests.brokers import wait_until
from tests.cluster.rig import grant, hosts, run_loop

EMPTY = Holdings((), {}, {}, {}, (), ())


class SlowRegistry:
    """Answers when it may."""

    bridge_id = "0a1b2c3d"

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = 0

    def changes(self, since: int | None) -> Changes | None:
        if since == 0:
            return None
        return Changes(9, () if since is None else (DeviceId("a"), DeviceId("b")))

    def hosts(self) -> set[str]:
        return {*hosts(2)}

    def homes(self, devices: Sequence[DeviceId] | None = None) -> dict[DeviceId, str]:
        everything = {DeviceId(each): hosts(1)[0] for each in ("a", "c")}
        return {each: host for each, host in everything.items() if each in (devices or everything)}

    def holdings(self, host: str) -> Holdings:
        self.asked += 1
        assert self.may_answer.wait(10)
        if host == "broken":
            raise StoreError("the registry is damaged")
        return EMPTY

    def grant(self, device: DeviceId) -> Grant | None:
        return grant(1, hosts(1)[0]) if device == "a" else None

    def revision(self, device: DeviceId) -> int:
        return 8 if device == "a" else 0

    def belongings(self, devices: Sequence[DeviceId]) -> Belongings:
        return Belongings({device: frozenset({"t"}) for device in devices}, {}, ())


def test_news_are_what_changed_and_all_hosts() -> None:
    async def main() -> None:
        reader = Reader(SlowRegistry(), 5)
        first = await reader.news(None)
        assert (first.newest, first.devices) == (9, None)
        assert first.hosts == set(hosts(2))
        assert (await reader.news(0)).devices is None
        given = grant(1, hosts(1)[0])
        news = await reader.news(5)
        assert news.devices == (("a", given, 8), ("b", None, 0))
        assert news.belongings.topics == {"a": {"t"}}

    run_loop(main())


def test_the_hosts_of_devices_are_told_to_whoever_wants_to_know() -> None:
    async def main() -> None:
        reader = Reader(SlowRegistry(), 5, homes=True)
        (host,) = hosts(1)
        assert (await reader.news(None)).homes == {"a": host, "c": host}
        assert (await reader.news(5)).homes == {"a": host, "b": None}
        assert (await Reader(SlowRegistry(), 5).news(None)).homes == {}

    run_loop(main())


def test_a_consent_that_comes_in_between_is_never_told_with_the_number_of_the_next() -> None:
    class Busy(SlowRegistry):
        consents = 1

        def grant(self, device: DeviceId) -> Grant | None:  # noqa: ARG002 - protocol
            found = grant(self.consents, hosts(1)[0])
            self.consents += 1
            return found

        def revision(self, device: DeviceId) -> int:  # noqa: ARG002 - protocol
            found = self.consents
            self.consents += 1
            return found

    async def main() -> None:
        news = await Reader(Busy(), 5).news(5)
        assert news.devices is not None
        for _, found, revision in news.devices:
            assert found is not None
            assert int(found.device, 16) > revision

    run_loop(main())


def test_where_each_device_takes_long_everything_is_to_be_read_anew() -> None:
    class Distant(SlowRegistry):
        def revision(self, device: DeviceId) -> int:
            time.sleep(0.2)
            return super().revision(device)

    async def main() -> None:
        news = await Reader(Distant(), 0.5).news(5)
        assert (news.newest, news.devices) == (9, None)

    run_loop(main())


def test_an_answer_that_is_late_is_given_up_and_the_next_question_waits_for_its_end() -> None:
    registry = SlowRegistry()

    async def main() -> None:
        reader = Reader(registry, 0.05)
        with pytest.raises(StoreError, match="in time"):
            await reader.holdings(hosts(1)[0])
        with pytest.raises(StoreError, match="busy"):
            await reader.holdings(hosts(1)[0])
        assert registry.asked == 1
        registry.may_answer.set()
        patient = Reader(registry, 5)
        assert await patient.holdings(hosts(1)[0]) == EMPTY
        with pytest.raises(StoreError, match="damaged"):
            await patient.holdings(LinkId("broken"))
        assert await patient.holdings(hosts(1)[0]) == EMPTY
        while True:
            try:
                await reader.holdings(hosts(1)[0])
                break
            except StoreError:
                await asyncio.sleep(0.01)

    run_loop(main())
    wait_until(lambda: "cluster-read" not in [each.name for each in threading.enumerate()])


def test_everything_that_takes_longer_to_read_is_told_to_whoever_asks_again() -> None:
    class Large(SlowRegistry):
        def homes(self, devices: Sequence[DeviceId] | None = None) -> dict[DeviceId, str]:
            self.asked += 1
            assert self.may_answer.wait(10)
            return super().homes(devices)

    registry = Large()

    async def main() -> None:
        reader = Reader(registry, 0.05, homes=True)
        for _ in range(3):
            with pytest.raises(StoreError, match="in time"):
                await reader.news(None)
        registry.may_answer.set()
        while True:
            try:
                news = await reader.news(None)
                break
            except StoreError:
                await asyncio.sleep(0.01)
        assert news.devices is None
        assert set(news.homes) == {"a", "c"}
        assert registry.asked == 1
        # It is told once.
        assert (await reader.news(5)).devices is not None

    run_loop(main())
