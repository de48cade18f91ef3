"""What the engine hears of the registry, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bridge.cluster.estate import Estate
from bridge.cluster.following import Follower
from bridge.cluster.reading import Reader
from bridge.core.events import ConsentsKnown, DeviceLost, Event, GrantRevoked, GrantStored
from bridge.core.model import DeviceId, Grant, LinkId
from bridge.store.records import Belongings, Changes, Holdings
from tests.cluster.rig import Change, RecordingHolder, grant, hosts, run_loop

OURS, THEIRS = hosts(2)
FIRST, SECOND, THIRD = (DeviceId(f"{number:012x}") for number in (1, 2, 3))


class Stored:
    """A registry; `since` is what its journal still has."""

    bridge_id = "0a1b2c3d"

    def __init__(self, *grants: Grant) -> None:
        self.grants = {each.device: each for each in grants}
        self.withdrawn: dict[DeviceId, str] = {}
        self.journal: list[DeviceId] = []
        self.since = 0
        self.asked_for_homes = 0

    def put(self, given: Grant) -> None:
        self.grants[given.device] = given
        self.journal.append(given.device)

    def delete(self, device: DeviceId) -> None:
        self.withdrawn[device] = self.grants.pop(device).host
        self.journal.append(device)

    def changes(self, since: int | None) -> Changes | None:
        if since is not None and since < self.since:
            return None
        newest = len(self.journal)
        changed = () if since is None else tuple(dict.fromkeys(self.journal[since:]))
        return Changes(newest, changed)

    def hosts(self) -> set[str]:
        return {each.host for each in self.grants.values()}

    def homes(self, devices: Sequence[DeviceId] | None = None) -> dict[DeviceId, str]:
        self.asked_for_homes += 1
        found = {device: each.host for device, each in self.grants.items()} | self.withdrawn
        return {device: host for device, host in found.items() if device in (devices or found)}

    def holdings(self, host: str) -> Holdings:
        grants = tuple(each for each in self.grants.values() if each.host == host)
        return Holdings(grants, dict.fromkeys((each.device for each in grants), 1), {}, {}, (), ())

    def grant(self, device: DeviceId) -> Grant | None:
        return self.grants.get(device)

    def revision(self, device: DeviceId) -> int:
        return 1 + self.journal.count(device)

    def belongings(self, devices: Sequence[DeviceId]) -> Belongings:
        return Belongings({device: frozenset({f"{device}/info"}) for device in devices}, {}, ())


class Rig:
    """A follower that owns one host."""

    def __init__(self, *grants: Grant, mixed: bool = True) -> None:
        self.stored = Stored(*grants)
        self.told: list[Event] = []
        noted: list[Change] = []
        estate = Estate(RecordingHolder("a", noted.append), self.told.append)
        estate.gain(OURS, 1.0, self.stored.holdings(OURS))
        self.told.clear()
        self.follower = Follower(
            Reader(self.stored, 5, homes=mixed),
            estate,
            self.told.append,
            lambda: 0.0,
            10.0,
            mixed=mixed,
        )

    async def hear(self) -> tuple[bool, list[Event]]:
        """Whether all is to be read anew, and what the engine heard."""
        self.told.clear()
        anew = await self.follower.hear(len(self.stored.journal))
        return anew, list(self.told)


def test_first_all_consents_are_told_and_then_what_changes() -> None:
    async def main() -> None:
        rig = Rig(grant(1, OURS), grant(2, THEIRS))
        anew, told = await rig.hear()
        assert anew
        assert told == [ConsentsKnown({FIRST: LinkId(OURS), SECOND: LinkId(THEIRS)}, whole=True)]
        assert rig.follower.hosts == {OURS, THEIRS}
        assert await rig.hear() == (False, [])
        rig.stored.put(grant(1, THEIRS))
        # Whom it belongs to is told before what that means for the ways it comes by.
        assert await rig.hear() == (
            False,
            [ConsentsKnown({FIRST: LinkId(THEIRS)}), DeviceLost(FIRST)],
        )
        del rig.stored.grants[SECOND]
        rig.stored.journal.append(SECOND)
        assert await rig.hear() == (False, [ConsentsKnown({SECOND: None})])

    run_loop(main())


def test_who_missed_too_much_hears_of_all_consents_anew() -> None:
    async def main() -> None:
        rig = Rig(grant(1, OURS))
        await rig.hear()
        rig.stored.put(grant(2, THEIRS))
        rig.stored.since = 1
        anew, told = await rig.hear()
        assert anew
        assert told == [ConsentsKnown({FIRST: LinkId(OURS), SECOND: LinkId(THEIRS)}, whole=True)]

    run_loop(main())


@pytest.mark.parametrize("mixed", [True, False])
def test_the_owner_of_the_host_hears_of_each_consent_that_is_gone(mixed: bool) -> None:
    async def main() -> None:
        rig = Rig(grant(1, OURS), mixed=mixed)
        await rig.hear()
        # Given and withdrawn within one look.
        for device, host in ((SECOND, OURS), (THIRD, THEIRS)):
            rig.stored.put(grant(int(device), host))
            rig.stored.delete(device)
        # Another consent for it, of the same kind.
        rig.stored.put(grant(1, OURS))
        rig.stored.delete(FIRST)
        _, told = await rig.hear()
        gone = [each for each in told if isinstance(each, GrantRevoked)]
        assert [(each.device, each.revision, each.host) for each in gone] == [
            (device, rig.stored.revision(device), LinkId(OURS)) for device in (SECOND, FIRST)
        ]
        assert gone[0].topics == {f"{SECOND}/info"}
        # Moved and withdrawn: whoever has the new host clears it.
        rig = Rig(grant(1, OURS), mixed=mixed)
        await rig.hear()
        rig.stored.put(grant(1, THEIRS))
        rig.stored.delete(FIRST)
        _, told = await rig.hear()
        assert [each for each in told if not isinstance(each, ConsentsKnown)] == [DeviceLost(FIRST)]

    run_loop(main())


@pytest.mark.parametrize("host", [OURS, THEIRS])
def test_where_devices_come_by_consent_alone_the_registry_is_not_asked_for_more(host: str) -> None:
    async def main() -> None:
        rig = Rig(grant(1, OURS), mixed=False)
        assert await rig.hear() == (True, [])
        given = grant(2, host)
        rig.stored.put(given)
        _, told = await rig.hear()
        assert told == ([GrantStored(given, 2)] if host == OURS else [])
        assert rig.stored.asked_for_homes == 0

    run_loop(main())
