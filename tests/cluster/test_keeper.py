"""Who owns what, with real locks: everything has an owner, nothing ever has two."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from bridge.cluster.keeper import NAME, Keeper
from bridge.cluster.locks import View, lock_key
from bridge.cluster.settings import KeeperSettings
from bridge.cluster.shares import Mate
from bridge.core.events import (
    ConsentsKnown,
    DeviceLost,
    GrantRevoked,
    GrantStored,
    HostGained,
    HostLost,
    HostsKnown,
)
from bridge.core.model import DeviceId, DeviceOptions, LinkId
from bridge.errors import StartError
from bridge.store import Store
from bridge.store.records import Holdings
from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.cluster.conftest import Maker
from tests.cluster.rig import (
    FAST,
    Change,
    Instance,
    RecordingHolder,
    consent,
    grant,
    hosts,
    overlaps,
)
from tests.cluster.test_following import Stored
from tests.faults.proxy import Proxy
from tests.postgres import PASSWORD, PostgresServer

pytestmark = [pytest.mark.postgres, pytest.mark.quiet]

LIMIT = 30.0

_AGE = "SELECT extract(epoch FROM now() - pg_postmaster_start_time())"


def owned(*instances: Instance) -> list[str]:
    return sorted(link for each in instances for link in each.holder.owned)


def all_owned(links: list[LinkId], *instances: Instance) -> None:
    wait_until(
        lambda: owned(*instances) == sorted(links),
        LIMIT,
        f"{sorted(links)} owned, not {owned(*instances)}",
    )


def balanced(links: list[LinkId], *instances: Instance) -> None:
    """Wait until everything is owned, and nobody has two more than somebody else."""

    def even() -> bool:
        counts = [len(each.holder.owned) for each in instances]
        return sum(counts) == len(links) and max(counts) - min(counts) <= 1

    wait_until(even, LIMIT, "an even spread")
    all_owned(links, *instances)


def goes_on(instance: Instance, rounds: int) -> None:
    """Wait until the keeper came round so many times."""
    first = instance.keeper.beats()[NAME]
    wait_until(lambda: instance.keeper.beats()[NAME] > first + rounds, LIMIT)


def consented(server: PostgresServer, count: int) -> str:
    """The address of a new registry with a consent on each of so many hosts."""
    address = server.database()
    with Store.connect(address) as store:
        consent(store, hosts(count))
    return address


def started(make: Maker, address: str, *names: str, **options: object) -> list[Instance]:
    found = [make(name, address, **options) for name in names]
    for each in found:
        each.start()
    return found


# Taking


def test_one_instance_owns_everything_and_is_told_what_is_stored(
    make: Maker, database: str, store: Store
) -> None:
    grants = consent(store, hosts(2))
    store.set_topics(grants[0].device, {"shelly/a/info"})
    store.set_published(grants[0].device, (("relay", (("0", "switch"),)),))
    (a,) = started(make, database, "a", accounts=("home",), named=("shelly-9-sim.shelly.cloud",))
    links = [*hosts(2), LinkId("home"), LinkId("shelly-9-sim.shelly.cloud")]
    all_owned(links, a)
    assert a.keeper.owned == set(links)
    assert a.keeper.state == "connected"
    gained = {event.link: event for event in a.recorder.of(HostGained)}
    assert gained.keys() == set(links)
    first = gained[hosts(2)[0]]
    assert first.grants == (grants[0],)
    assert first.revisions == {grants[0].device: store.revision(grants[0].device)}
    assert first.topics == {grants[0].device: {"shelly/a/info"}}
    assert first.published == {grants[0].device: (("relay", (("0", "switch"),)),)}
    assert abs(first.since - time.time()) < 60
    told = a.recorder.wait(HostsKnown, lambda event: None not in event.hosts.values())
    owner = told.hosts[hosts(2)[0]]
    assert owner is not None
    assert (owner.instance, owner.since) == ("a", first.since)


def test_the_engine_hears_of_a_host_before_it_is_connected(
    make: Maker, database: str, store: Store
) -> None:
    consent(store, hosts(1))
    a = make("a", database)
    connected: list[int] = []

    def own(link: LinkId) -> None:
        assert link == hosts(1)[0]
        connected.append(len(a.recorder.of(HostGained)))

    a.holder.own = own  # type: ignore[method-assign]  # spy
    a.start()
    wait_until(lambda: connected == [1], LIMIT)


def test_patterns_and_numbers_limit_what_is_owned(make: Maker, database: str, store: Store) -> None:
    consent(store, hosts(4))
    (a,) = started(make, database, "a", patterns=(hosts(4)[3],))
    (b,) = started(make, database, "b", most=2)
    wait_until(lambda: len(b.holder.owned) == 2, LIMIT)
    assert a.holder.owned == {hosts(4)[3]}
    goes_on(b, 10)
    assert len(b.holder.owned) == 2


def test_without_an_integrator_no_host_is_owned(make: Maker, database: str, store: Store) -> None:
    consent(store, hosts(1))
    (a,) = started(make, database, "a", patterns=None, accounts=("home",))
    all_owned([LinkId("home")], a)
    told = a.recorder.wait(HostsKnown, lambda event: event.hosts.get(LinkId("home")) is not None)
    assert told.hosts[hosts(1)[0]] is None


def test_what_somebody_had_is_connected_only_after_a_while(
    make: Maker, database: str, store: Store, history: list[Change]
) -> None:
    consent(store, hosts(3))
    (a,) = started(make, database, "a")
    all_owned(hosts(3), a)
    a.stop()
    (b,) = started(make, database, "b")
    all_owned(hosts(3), b)
    ends = {change.link: change.at for change in history if change.instance == "a"}
    for change in history:
        if change.instance == "b":
            assert change.at - ends[change.link] >= FAST.take_over


def test_instances_that_start_together_have_their_share_at_once(
    make: Maker, database: str, store: Store, history: list[Change]
) -> None:
    consent(store, hosts(30))
    timing = replace(FAST, join=1.5)
    together = [make(name, database, timing=timing) for name in "abc"]
    starting = [threading.Thread(target=each.start) for each in together]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join(LIMIT)
    all_owned(hosts(30), *together)
    assert [each for each in history if not each.owns] == []


def test_a_third_one_is_given_its_share_slowly_and_nothing_swings(
    make: Maker, database: str, store: Store, history: list[Change]
) -> None:
    consent(store, hosts(9))
    a, b = started(make, database, "a", "b")
    balanced(hosts(9), a, b)
    del history[:]
    (c,) = started(make, database, "c")
    balanced(hosts(9), a, b, c)
    gone = [change for change in history if not change.owns]
    assert {change.instance for change in history if change.owns} == {"c"}
    assert len(gone) == len({change.link for change in gone}) == 3
    for name in ("a", "b"):
        times = [change.at for change in gone if change.instance == name]
        assert all(then - now >= FAST.rest for now, then in pairwise(times))
    assert overlaps(history) == []


def test_whoever_stops_leaves_its_hosts_to_the_others(
    make: Maker, database: str, store: Store, history: list[Change]
) -> None:
    consent(store, hosts(6))
    a, b = started(make, database, "a", "b")
    balanced(hosts(6), a, b)
    lost = set(a.holder.owned)
    a.stop()
    assert a.holder.owned == set()
    assert {event.link for event in a.recorder.of(HostLost)} >= lost
    all_owned(hosts(6), b)
    assert overlaps(history) == []


def test_a_host_that_is_not_closed_for_sure_stays_locked(
    make: Maker, database: str, store: Store, history: list[Change]
) -> None:
    consent(store, hosts(2))
    (a,) = started(make, database, "a")
    all_owned(hosts(2), a)
    a.holder.stuck = set(hosts(2))
    (b,) = started(make, database, "b")
    lost = a.recorder.wait(HostLost).link
    goes_on(b, 20)
    assert b.holder.owned == set()
    a.holder.stuck = set()
    wait_until(lambda: b.holder.owned == {lost}, LIMIT)
    assert len(a.recorder.of(HostLost)) == 1
    assert overlaps(history) == []


# What is stored meanwhile


def test_consents_of_any_instance_reach_the_owner(make: Maker, database: str, store: Store) -> None:
    first = grant(1, hosts(2)[0])
    store.put_grant(first, at=1.0)
    (a,) = started(make, database, "a")
    all_owned(hosts(1), a)
    second = grant(2, hosts(1)[0])
    store.put_grant(second, at=2.0)
    a.keeper.wake()
    assert a.recorder.wait(GrantStored).grant == second
    assert a.recorder.of(GrantStored)[0].revision == store.revision(second.device)
    new = grant(3, hosts(2)[1])
    store.put_grant(new, at=3.0)
    found = a.recorder.wait(HostGained, lambda event: event.link == hosts(2)[1])
    assert found.grants == (new,)
    revision = store.revision(first.device)
    store.delete_grant(first.device)
    revoked = a.recorder.wait(GrantRevoked)
    assert (revoked.device, revoked.revision) == (first.device, revision)


def test_a_device_that_moves_goes_from_one_owner_to_the_other(
    make: Maker, database: str, store: Store
) -> None:
    one, two = hosts(2)
    consent(store, [one, two])
    (a,) = started(make, database, "a", patterns=(one,))
    (b,) = started(make, database, "b", patterns=(two,))
    all_owned(hosts(2), a, b)
    device = DeviceId(f"{1:012x}")
    store.set_topics(device, {"shelly/x/relay/0"})
    store.set_published(device, (("", (("relay", "switch"),)),))
    store.put_options(DeviceOptions(device, name="Boiler"))
    store.put_grant(grant(1, two), at=2.0)
    assert a.recorder.wait(DeviceLost).device == device
    stored = b.recorder.wait(GrantStored)
    assert stored.grant == grant(1, two)
    assert stored.topics == {"shelly/x/relay/0"}
    assert stored.published == (("", (("relay", "switch"),)),)
    assert stored.options == DeviceOptions(device, name="Boiler")
    # Its old host is nobody's any more.
    wait_until(lambda: one not in a.holder.owned, LIMIT)
    assert a.recorder.wait(HostLost).link == one
    store.update_grant(device, host=one)
    assert b.recorder.wait(DeviceLost).device == device
    found = a.recorder.wait(HostGained, lambda event: event.link == one, count=2)
    assert found.grants == (grant(1, one),)


def test_what_the_owner_itself_stored_is_no_news(make: Maker, database: str, store: Store) -> None:
    (given,) = consent(store, hosts(1))
    (a,) = started(make, database, "a")
    all_owned(hosts(1), a)
    a.store.update_grant(given.device, control=False)
    store.put_grant(grant(2, hosts(1)[0]), at=2.0)
    a.keeper.wake()
    assert a.recorder.wait(GrantStored).grant.device == DeviceId(f"{2:012x}")
    assert len(a.recorder.of(GrantStored)) == 1


def test_consents_taken_back_while_nobody_owned_the_host_are_told(
    make: Maker, database: str, store: Store
) -> None:
    (given,) = consent(store, hosts(1))
    store.delete_grant(given.device)
    (a,) = started(make, database, "a")
    assert a.recorder.wait(HostGained).withdrawn == (given.device,)
    store.forget_device(given.device)
    a.recorder.wait(HostLost)
    wait_until(lambda: a.holder.owned == set(), LIMIT)


def test_after_too_many_changes_everything_is_told_anew(
    make: Maker, database: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.cluster.reading.MOST_CHANGES", 2)
    consent(store, hosts(1))
    (a,) = started(make, database, "a")
    all_owned(hosts(1), a)
    consent(store, hosts(1) * 5, first=2)
    found = a.recorder.wait(HostGained, lambda event: len(event.grants) == 6)
    assert found.since == a.recorder.of(HostGained)[0].since
    assert a.recorder.of(HostLost) == []


# Refusals


def test_consents_for_hosts_of_others_are_told_where_devices_come_by_other_ways_too(
    make: Maker, database: str, store: Store
) -> None:
    one, two = hosts(2)
    first, second = consent(store, [one, two])
    (a,) = started(make, database, "a", patterns=None, accounts=("home",), mixed=True)
    (b,) = started(make, database, "b")
    all_owned(hosts(2), b)
    a.recorder.wait(HostGained)
    # Before anything is owned, as the first list of an account is held against it.
    kinds = [type(event) for event in a.recorder.events]
    assert kinds.index(ConsentsKnown) < kinds.index(HostGained)
    assert a.recorder.of(ConsentsKnown) == [
        ConsentsKnown({first.device: one, second.device: two}, whole=True)
    ]
    store.update_grant(first.device, host=two)
    told = ConsentsKnown({first.device: LinkId(two)})
    a.recorder.wait(ConsentsKnown, lambda event: event == told)
    store.delete_grant(first.device)
    # Its host's owner clears its topics now, and the other one hears only of the end of that.
    b.recorder.wait(GrantRevoked)
    store.forget_device(first.device)
    gone = ConsentsKnown({first.device: None})
    a.recorder.wait(ConsentsKnown, lambda event: event == gone)
    assert a.recorder.of(GrantRevoked) == []
    assert b.recorder.of(ConsentsKnown) == []


def test_a_name_belongs_to_one_instance(make: Maker, database: str) -> None:
    started(make, database, "a")
    second = make("a", database)
    with pytest.raises(StartError, match="another instance is called a") as caught:
        second.start()
    assert PASSWORD not in str(caught.value)
    assert second.keeper.beats() == {}


def test_a_pooler_is_refused(make: Maker, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psycopg.ConnectionInfo.backend_pid", property(lambda _: 1))
    with pytest.raises(StartError, match="pooler"):
        make("a", database).start()


def test_a_name_is_free_again_as_soon_as_its_session_is_missed(make: Maker, database: str) -> None:
    (a,) = started(make, database, "a")
    second = make("a", database)
    thread = threading.Thread(target=second.start)
    thread.start()
    a.stop()
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert second.keeper.state == "connected"


def test_a_start_that_waits_for_the_name_is_over_with_the_stop(make: Maker, database: str) -> None:
    started(make, database, "a")
    second = make("a", database)
    begin = time.monotonic()
    second.keeper.start(lambda: True)
    assert time.monotonic() - begin < FAST.name
    assert second.keeper.state == "waiting"


# Doubts


def test_when_postgresql_dies_everything_is_closed_at_once_and_owned_again_after(
    make: Maker, server: PostgresServer, history: list[Change], caplog: pytest.LogCaptureFixture
) -> None:
    address = consented(server, 20)
    # Also on a busy machine both are back while what they had is left to them.
    timing = replace(FAST, noticed=LIMIT / 3)
    a, b = started(make, address, "a", "b", timing=timing)
    balanced(hosts(20), a, b)
    # A server that does not wait for its disk would forget who owned what a moment ago.
    server.execute("CHECKPOINT", address)
    del history[:]
    before = {name: set(each.holder.owned) for name, each in (("a", a), ("b", b))}
    server.kill()
    wait_until(lambda: owned(a, b) == [], LIMIT)
    assert len(history) == 20
    for name in ("a", "b"):
        times = [each.at for each in history if each.instance == name and not each.owns]
        assert max(times) - min(times) < 1
    assert {each.keeper.state for each in (a, b)} == {"waiting"}
    # A server that ends its sessions tells nothing of the network.
    assert a.silences == b.silences == []
    for each in (a, b):
        each.recorder.wait(HostLost, count=len(before[each.name]))
    server.start()
    all_owned(hosts(20), a, b)
    assert {name: each.holder.owned for name, each in (("a", a), ("b", b))} == before
    assert overlaps(history) == []
    assert PASSWORD not in caplog.text
    assert str(server.port) not in caplog.text


def test_after_a_loss_others_are_given_time_to_notice_theirs(
    make: Maker, server: PostgresServer, history: list[Change]
) -> None:
    address = consented(server, 6)
    with Proxy(server.port) as proxy:
        port = str(proxy.port)
        slow = make("a", address.replace(f":{server.port}/", f":{port}/"))
        quick = make("b", address)
        for each in (slow, quick):
            each.start()
        balanced(hosts(6), slow, quick)
        theirs = set(slow.holder.owned)
        # For some time after its start everybody waits for everybody anyway.
        wait_until(lambda: server.execute(_AGE)[0][0] > FAST.noticed, LIMIT, "it ran for long")
        # As when a replica takes over: all locks are gone at once, and one of them hears nothing.
        proxy.freeze()
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'", address
        )
        wait_until(lambda: quick.keeper.owned >= theirs, LIMIT, "the other one has them")
        all_owned(hosts(6), quick)
    assert overlaps(history) == []


def test_an_instance_that_starts_gives_those_that_are_not_there_time_to_notice(
    make: Maker, server: PostgresServer, history: list[Change]
) -> None:
    address = consented(server, 3)
    with Proxy(server.port) as proxy:
        slow = make("a", address.replace(f":{server.port}/", f":{proxy.port}/"))
        slow.start()
        all_owned(hosts(3), slow)
        wait_until(lambda: server.execute(_AGE)[0][0] > FAST.noticed, LIMIT, "it ran for long")
        proxy.freeze()
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'", address
        )
        (fresh,) = started(make, address, "b")
        wait_until(lambda: fresh.keeper.owned == set(hosts(3)), LIMIT, "the new one has them")
    assert overlaps(history) == []


def test_what_somebody_gives_up_who_is_there_is_free_at_once() -> None:
    (link,) = hosts(1)
    settings = KeeperSettings("postgresql://name@server/none", "a", ())
    holder = RecordingHolder("a", lambda _: None)
    now = 1000.0
    keeper = Keeper(settings, Stored(), holder, lambda _: None, lambda *_: None, lambda: now)
    keeper._signed_in = now
    mate = Mate(None, frozenset(), 64)
    view = View({"a": mate, "b": mate}, {link: None}, frozenset(), {link: "b"}, 1, 3600.0)
    assert keeper._owner(view, link) is None
    assert keeper._owner(replace(view, mates={"a": mate}), link) == "b"
    # All come back to a server that was started anew, and each is to have what it had.
    assert keeper._owner(replace(view, age=1.0), link) == "b"
    now += keeper._timing.noticed
    assert keeper._owner(replace(view, mates={"a": mate}), link) is None


def test_nothing_happens_between_the_doubt_and_the_last_closed_connection(
    make: Maker, server: PostgresServer
) -> None:
    address = consented(server, 5)
    (a,) = started(make, address, "a")
    all_owned(hosts(5), a)
    order: list[str] = []
    disown, locks = a.holder.disown, a.keeper._locks

    def closing(link: LinkId, deadline: Deadline) -> bool:
        order.append("disown")
        return disown(link, deadline)

    opening, ending = locks.open, locks.close
    a.holder.disown = closing  # type: ignore[method-assign]  # spy

    async def open_() -> None:
        order.append("open")
        await opening()

    async def close() -> None:
        order.append("close")
        await ending()

    locks.open, locks.close = open_, close  # type: ignore[method-assign]  # spies
    a.recorder.events.clear()
    server.kill()
    wait_until(lambda: "open" in order, LIMIT)
    assert set(order[: order.index("close")]) == {"disown"}
    assert owned(a) == []


def test_a_frozen_postgresql_is_given_up(
    make: Maker, server: PostgresServer, history: list[Change]
) -> None:
    address = consented(server, 4)
    (a,) = started(make, address, "a")
    all_owned(hosts(4), a)
    server.freeze()
    begin = time.monotonic()
    wait_until(lambda: owned(a) == [], LIMIT)
    assert time.monotonic() - begin >= FAST.statement - FAST.interval
    wait_until(lambda: a.silences, LIMIT)
    server.thaw()
    all_owned(hosts(4), a)
    assert overlaps(history) == []


def test_a_process_that_stood_still_closes_everything_first(
    make: Maker, database: str, store: Store, history: list[Change]
) -> None:
    consent(store, hosts(3))
    jump = [0.0]
    (a,) = started(make, database, "a", clock=lambda: time.monotonic() + jump[0])
    all_owned(hosts(3), a)
    jump[0] = FAST.interval + FAST.late + 1
    a.recorder.wait(HostLost, count=3)
    all_owned(hosts(3), a)
    assert len(history) == 9
    assert len(a.silences) == 1


def test_nothing_is_connected_after_the_process_stood_still_while_it_read(
    make: Maker, database: str, store: Store, history: list[Change]
) -> None:
    consent(store, hosts(1))
    jump = [0.0]
    a = make("a", database, clock=lambda: time.monotonic() + jump[0])
    reading = a.keeper._reader.holdings
    asked: list[LinkId] = []

    async def holdings(link: LinkId) -> Holdings:
        found = await reading(link)
        if not asked:
            assert history == []
            jump[0] += FAST.interval + FAST.late + 1
        asked.append(link)
        return found

    a.keeper._reader.holdings = holdings  # type: ignore[method-assign]  # a pause of the machine
    a.start()
    all_owned(hosts(1), a)
    assert len(asked) > 1
    assert len(history) == 1


def test_a_postgresql_that_is_slow_but_answers_costs_no_connection(
    make: Maker,
    database: str,
    store: Store,
    history: list[Change],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consent(store, hosts(2))
    timing = replace(FAST, late=2.0, read=1.2, read_again=0.1)
    (a,) = started(make, database, "a", timing=timing)
    all_owned(hosts(2), a)
    del history[:]
    execute = psycopg.AsyncConnection.execute

    async def slowly(*given: Any, **more: Any) -> Any:
        await asyncio.sleep(1.2)
        return await execute(*given, **more)

    def hosts_slowly() -> set[str]:
        time.sleep(1.5)
        return set(hosts(2))

    monkeypatch.setattr(a.store, "hosts", hosts_slowly)
    monkeypatch.setattr(psycopg.AsyncConnection, "execute", slowly)
    goes_on(a, 6)
    monkeypatch.undo()
    assert history == []


def test_where_nothing_can_be_written_what_is_owned_stays_connected(
    make: Maker,
    database: str,
    store: Store,
    history: list[Change],
    postgres: PostgresServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    consent(store, hosts(2))
    (a,) = started(make, database, "a")
    all_owned(hosts(2), a)
    postgres.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$",
        database,
    )
    postgres.execute(
        "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE OR DELETE ON shelly_bridge.owners "
        "FOR EACH ROW EXECUTE FUNCTION full_disk()",
        database,
    )
    del history[:]
    consent(store, hosts(3)[2:], first=3)
    wait_until(lambda: "no more hosts can be taken" in caplog.text, LIMIT)
    goes_on(a, 10)
    assert history == []
    postgres.execute("DROP TRIGGER full_disk ON shelly_bridge.owners", database)
    all_owned(hosts(3), a)
    assert len(history) == 1


def test_a_clock_of_the_server_that_was_set_back_leaves_no_host_alone(
    make: Maker, database: str, store: Store
) -> None:
    consent(store, hosts(2))
    (a,) = started(make, database, "a")
    all_owned(hosts(2), a)
    b = make("b", database)
    looking = b.keeper._locks.look

    async def look(links: Iterable[LinkId]) -> View:
        return replace(await looking(links), age=-3600.0)

    b.keeper._locks.look = look  # type: ignore[method-assign]  # the server's clock
    a.stop()
    b.start()
    all_owned(hosts(2), b)


def test_locks_that_are_gone_are_noticed(
    make: Maker, database: str, store: Store, postgres: PostgresServer
) -> None:
    consent(store, hosts(3))
    (a,) = started(make, database, "a")
    all_owned(hosts(3), a)
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'shelly-bridge a' AND datname = current_database()",
        database,
    )
    a.recorder.wait(HostLost, count=3)
    all_owned(hosts(3), a)


def test_a_mistake_of_ours_leaves_nothing_connected(
    make: Maker, database: str, store: Store
) -> None:
    consent(store, hosts(3))
    a = make("a", database)
    a.start()
    all_owned(hosts(3), a)
    a.keeper._locks.look = None  # type: ignore[assignment, method-assign]  # a bug
    wait_until(lambda: a.recorder.crashes, LIMIT)
    assert a.holder.owned == set()
    a.recorder.crashes.clear()


# Keep


def test_with_keep_nothing_is_closed_and_everything_is_locked_again(
    make: Maker, server: PostgresServer, history: list[Change]
) -> None:
    address = consented(server, 6)
    a, b = started(make, address, "a", "b", keep=True)
    balanced(hosts(6), a, b)
    for each in (a, b):
        each.recorder.events.clear()
    before = len(history)
    server.restart()
    for each in (a, b):
        goes_on(each, 5)
    wait_until(lambda: {each.keeper.state for each in (a, b)} == {"connected"}, LIMIT)
    rows = server.execute(
        "SELECT (classid::int8 << 32) | objid::int8 FROM pg_locks WHERE locktype = 'advisory'",
        address,
    )
    assert {lock_key(a.store.bridge_id, "host", link) for link in hosts(6)} <= {
        key for (key,) in rows
    }
    assert len(history) == before
    assert a.recorder.of(HostLost) == b.recorder.of(HostLost) == []


def test_with_keep_what_another_took_meanwhile_is_closed_at_once(
    make: Maker, server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    address = consented(server, 2)
    (a,) = started(make, address, "a", keep=True)
    all_owned(hosts(2), a)
    key = a.keeper._locks._lock_of(hosts(1)[0])
    opening = a.keeper._locks.open
    rival: list[psycopg.Connection[tuple[object, ...]]] = []

    async def open_() -> None:
        await opening()
        if not rival:
            rival.append(psycopg.connect(address, autocommit=True))
            rival[0].execute("SELECT pg_advisory_lock(%s)", (key,))

    a.keeper._locks.open = open_  # type: ignore[method-assign]  # somebody is faster
    server.restart()
    assert a.recorder.wait(HostLost).link == hosts(1)[0]
    assert a.holder.owned == {hosts(2)[1]}
    rival[0].close()
    all_owned(hosts(2), a)


# The thread


def test_the_thread_has_a_name_a_count_and_an_end(make: Maker, database: str, store: Store) -> None:
    consent(store, hosts(1))
    a = make("a", database)
    assert a.keeper.beats() == {}
    a.start()
    first = a.keeper.beats()[NAME]
    wait_until(lambda: a.keeper.beats()[NAME] > first, LIMIT)
    assert [each.name for each in threading.enumerate() if each.name == NAME] == [NAME]
    a.stop()
    a.keeper.wake()
    assert a.keeper.beats() == {}


def test_a_stop_does_not_wait_for_a_frozen_postgresql(make: Maker, server: PostgresServer) -> None:
    address = consented(server, 1)
    (a,) = started(make, address, "a")
    all_owned(hosts(1), a)
    server.freeze()
    rounds = a.keeper.beats()[NAME]
    wait_until(lambda: a.keeper.beats()[NAME] >= rounds, LIMIT)
    begin = time.monotonic()
    assert a.keeper.stop(Deadline(5)) == []
    assert time.monotonic() - begin < FAST.statement
    assert a.holder.owned == set()
    server.thaw()


def test_without_postgresql_the_start_goes_on(make: Maker, server: PostgresServer) -> None:
    address = consented(server, 1)
    a = make("a", address)
    server.stop()
    a.start()
    assert a.keeper.state == "waiting"
    server.start()
    all_owned(hosts(1), a)
