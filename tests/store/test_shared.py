"""What bridges that share a registry learn from it of each other's changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from bridge.core.model import DeviceId, DeviceOptions, Grant, Visitor
from bridge.store import Changes, Holdings, Store
from tests.brokers import wait_until
from tests.store.places import Place, SharedDatabase

DEVICE, OTHER = DeviceId("a8032abe54dc"), DeviceId("b0a732000001")
HOST, OTHER_HOST = "shelly-1-eu.shelly.cloud", "shelly-2-eu.shelly.cloud"
GRANT = Grant(DEVICE, HOST, "SNSW-002P16EU", "relay", ("Pump",), False)
PUBLISHED = (("", (("relay_0", "switch"),)),)


def newest(store: Store) -> int:
    found = store.changes(None)
    assert found is not None
    return found.newest


def test_a_host_s_holdings_are_all_of_its_devices_and_of_no_others(store: Store) -> None:
    for device, host in ((DEVICE, HOST), (OTHER, OTHER_HOST)):
        store.put_grant(replace(GRANT, device=device, host=host), at=1.0)
        store.set_topics(device, {f"shelly/{device}/relay/0"})
        store.set_published(device, PUBLISHED)
        store.put_options(DeviceOptions(device, name="Boiler"))
    assert store.holdings(HOST) == Holdings(
        grants=(GRANT,),
        revisions={DEVICE: store.revision(DEVICE)},
        topics={DEVICE: frozenset({f"shelly/{DEVICE}/relay/0"})},
        published={DEVICE: PUBLISHED},
        options=(DeviceOptions(DEVICE, name="Boiler"),),
        withdrawn=(),
    )
    assert store.hosts() == {HOST, OTHER_HOST}
    assert store.holdings("shelly-3-eu.shelly.cloud").grants == ()


def test_the_hosts_of_devices_are_known_until_nothing_is_left_of_a_consent(
    store: Store, place: Place
) -> None:
    for device, host in ((DEVICE, HOST), (OTHER, OTHER_HOST)):
        store.put_grant(replace(GRANT, device=device, host=host), at=1.0)
    assert store.homes() == {DEVICE: HOST, OTHER: OTHER_HOST}
    assert store.homes([DEVICE, DeviceId("0cb815fd44e1")]) == {DEVICE: HOST}
    assert store.homes([]) == {}
    store.delete_grant(DEVICE)
    # Where others share the registry, the owner of the host has something to clear.
    left = {DEVICE: HOST} if isinstance(place, SharedDatabase) else {}
    assert store.homes([DEVICE]) == left
    store.forget_device(DEVICE)
    assert store.homes() == {OTHER: OTHER_HOST}


@pytest.mark.postgres
def test_it_is_told_when_nothing_is_left_of_a_consent(shared: SharedDatabase) -> None:
    with shared.open() as writer, shared.open() as reader:
        writer.put_grant(GRANT, at=1.0)
        writer.delete_grant(DEVICE)
        since = newest(reader)
        writer.forget_device(DEVICE, revision=writer.revision(DEVICE))
        found = reader.changes(since)
        assert found is not None
        assert found.devices == (DEVICE,)


def test_each_consent_has_a_higher_revision_than_all_before(store: Store) -> None:
    assert store.revision(DEVICE) == 0
    store.put_grant(GRANT, at=1.0)
    first = store.revision(DEVICE)
    store.update_grant(DEVICE, control=True, host=HOST, revision=first)
    assert store.revision(DEVICE) == first > 0
    store.delete_grant(DEVICE)
    store.put_grant(GRANT, at=2.0)
    assert store.revision(DEVICE) > first
    store.forget_device(DEVICE, revision=first)
    assert store.grants() == [GRANT]


def test_a_withdrawn_device_can_be_forgotten_by_the_revision_that_is_known(store: Store) -> None:
    store.put_grant(GRANT, at=1.0)
    known = store.revision(DEVICE)
    store.set_topics(DEVICE, {"a"})
    store.delete_grant(DEVICE)
    store.forget_device(DEVICE, revision=known)
    assert store.topics() == {}


def test_a_device_that_came_by_another_way_too_is_forgotten_later(store: Store) -> None:
    store.put_grant(GRANT, at=1.0)
    known = store.revision(DEVICE)
    store.put_visitor(Visitor(DEVICE, name="Boiler"))
    store.forget_device(DEVICE, revision=known, kept=True)
    # It goes on connecting by itself.
    assert store.visitors() == [Visitor(DEVICE, name="Boiler")]
    store.set_topics(DEVICE, {"a"})
    store.forget_device(DEVICE, revision=known)
    assert (store.topics(), store.visitors()) == ({}, [])


def test_a_registry_of_one_bridge_tells_of_no_changes(place: Place) -> None:
    if isinstance(place, SharedDatabase):
        pytest.skip("is shared")
    with place.open() as store:
        assert store.changes(None) == Changes(0)
        store.put_grant(GRANT, at=1.0)
        assert store.changes(0) == Changes(0)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda store: store.put_grant(GRANT, at=2.0), True),
        (lambda store: store.delete_grant(DEVICE), True),
        (lambda store: store.delete_grant(OTHER), False),
        (lambda store: store.update_grant(DEVICE, control=True), True),
        (lambda store: store.update_grant(DEVICE, control=False, host=HOST), False),
        (lambda store: store.put_options(DeviceOptions(DEVICE, name="Boiler")), True),
        (lambda store: store.put_options(DeviceOptions(DEVICE)), True),
        (lambda store: store.forget_device(DEVICE), True),
        (lambda store: store.forget_device(OTHER), False),
        (lambda store: store.set_topics(DEVICE, {"a"}), False),
        (lambda store: store.set_published(DEVICE, PUBLISHED), False),
    ],
)
def test_every_change_of_a_grant_or_of_options_is_told(
    shared: SharedDatabase, change: Callable[[Store], object], told: bool
) -> None:
    with shared.open() as writer, shared.open() as reader:
        writer.put_grant(GRANT, at=1.0)
        since = newest(reader)
        change(writer)
        found = reader.changes(since)
        assert found is not None
        assert found.devices == ((DEVICE,) if told else ())
        assert reader.changes(found.newest) == Changes(found.newest)


@pytest.mark.postgres
def test_who_missed_too_much_is_told_so(
    shared: SharedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.store.journal.KEPT", 5)
    with shared.open() as store:
        since = newest(store)
        for _ in range(4):
            store.put_grant(GRANT, at=1.0)
        assert store.changes(since) == Changes(newest(store), (DEVICE,))
        store.put_grant(GRANT, at=1.0)
        assert store.changes(since) is None
        # A registry that was put back from a backup has not come so far.
        assert store.changes(newest(store) + 1) is None
    assert shared.execute("SELECT count(*) FROM changes") == [(5,)]


@pytest.mark.postgres
def test_an_older_wish_of_another_bridge_undoes_no_newer_consent(shared: SharedDatabase) -> None:
    with shared.open() as one, shared.open() as other:
        one.put_grant(GRANT, at=1.0)
        known = one.revision(DEVICE)
        assert other.revision(DEVICE) == known
        other.put_grant(replace(GRANT, names=("anew",)), at=2.0)
        one.forget_device(DEVICE, revision=known)
        one.update_grant(DEVICE, revision=known, host=OTHER_HOST)
        assert one.grants() == [replace(GRANT, names=("anew",))]


@pytest.mark.postgres
def test_a_host_there_and_back_is_told_from_nothing_at_all(shared: SharedDatabase) -> None:
    with shared.open() as one, shared.open() as other:
        one.put_grant(GRANT, at=1.0)
        first = one.revision(DEVICE)
        one.update_grant(DEVICE, revision=first, host=OTHER_HOST)
        second = other.revision(DEVICE)
        other.update_grant(DEVICE, revision=second, host=HOST)
        assert one.grant(DEVICE) == GRANT
        assert first < second < one.revision(DEVICE)
        # What the first one still wants to say of it comes too late.
        one.update_grant(DEVICE, revision=first, control=True)
        assert one.grant(DEVICE) == GRANT


def test_a_host_that_one_bridge_alone_notes_makes_no_wish_of_it_too_late(place: Place) -> None:
    if isinstance(place, SharedDatabase):
        pytest.skip("told by the test above")
    with place.open() as store:
        store.put_grant(GRANT, at=1.0)
        first = store.revision(DEVICE)
        store.update_grant(DEVICE, revision=first, host=OTHER_HOST)
        store.update_grant(DEVICE, revision=first, control=True)
        assert store.grant(DEVICE) == replace(GRANT, host=OTHER_HOST, control=True)


@pytest.mark.postgres
def test_a_withdrawn_consent_is_left_for_the_owner_of_the_host(shared: SharedDatabase) -> None:
    with shared.open() as store:
        store.put_grant(GRANT, at=1.0)
        store.set_topics(DEVICE, {"shelly/a/relay/0"})
        store.set_published(DEVICE, PUBLISHED)
        store.delete_grant(DEVICE)
        found = store.holdings(HOST)
        assert (found.grants, found.withdrawn) == ((), (DEVICE,))
        assert found.topics == {DEVICE: frozenset({"shelly/a/relay/0"})}
        assert found.published == {DEVICE: PUBLISHED}
        assert store.hosts() == {HOST}
        # Its owner forgets it by the number that it was told.
        assert found.revisions == {DEVICE: store.revision(DEVICE)} != {DEVICE: 0}
        store.forget_device(DEVICE, revision=found.revisions[DEVICE])
        assert store.hosts() == set()
        assert store.holdings(HOST) == Holdings((), {}, {}, {}, (), ())


@pytest.mark.postgres
def test_a_consent_given_anew_ends_the_withdrawal(shared: SharedDatabase) -> None:
    with shared.open() as store:
        store.put_grant(GRANT, at=1.0)
        store.delete_grant(DEVICE)
        store.put_grant(replace(GRANT, host=OTHER_HOST), at=2.0)
        assert store.holdings(HOST).withdrawn == store.holdings(OTHER_HOST).withdrawn == ()
        assert store.hosts() == {OTHER_HOST}


@pytest.mark.postgres
def test_a_change_gets_its_number_when_those_before_are_there(shared: SharedDatabase) -> None:
    def someone_waits() -> bool:
        return bool(shared.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))

    with shared.open() as one, shared.open() as other, shared.open() as reader:
        since = newest(reader)
        with one._transaction() as work:
            one._journal.changed(work, DEVICE)
            later = threading.Thread(
                target=other.put_grant, args=(replace(GRANT, device=OTHER),), kwargs={"at": 1.0}
            )
            later.start()
            wait_until(someone_waits)
            assert reader.changes(since) == Changes(since)
        later.join(10)
        found = reader.changes(since)
        assert found is not None
        assert found.devices == (DEVICE, OTHER)


@pytest.mark.postgres
def test_a_reader_that_polls_ends_with_what_is_stored(shared: SharedDatabase) -> None:
    def write(first: int) -> None:
        with shared.open() as store:
            for number in range(first, first + 40):
                device = DeviceId(f"{number % 7:012x}")
                if number % 3:
                    store.put_grant(replace(GRANT, device=device, code=str(number)), at=1.0)
                else:
                    store.delete_grant(device)

    with shared.open() as reader:
        since = newest(reader)
        known: dict[DeviceId, Grant | None] = {}
        writers = [threading.Thread(target=write, args=(40 * part,)) for part in range(2)]
        for writer in writers:
            writer.start()
        writing = True
        while writing:
            writing = any(writer.is_alive() for writer in writers)
            found = reader.changes(since)
            assert found is not None
            since = found.newest
            known |= {device: reader.grant(device) for device in found.devices}
        assert [known[device] for device in sorted(known) if known[device]] == reader.grants()


@pytest.mark.postgres
def test_a_snapshot_is_of_one_moment(shared: SharedDatabase) -> None:
    with shared.open() as one, shared.open() as other:
        one.put_grant(GRANT, at=1.0)
        with one._snapshot() as work:
            assert work.query("SELECT count(*) FROM grants") == [(1,)]
            other.put_grant(replace(GRANT, device=OTHER), at=1.0)
            assert work.query("SELECT count(*) FROM grants") == [(1,)]
        assert len(one.grants()) == 2
