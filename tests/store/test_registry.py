from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bridge.core.model import DeviceId, Grant
from bridge.errors import StoreError
from bridge.store import Proof, ProofReused, Store
from bridge.store.proofs import PROOF_LIMIT
from tests.store.places import Place

DEVICE = DeviceId("a8032abe54dc")
OTHER = DeviceId("b0a732000001")
GRANT = Grant(
    DEVICE, "shelly-1-eu.shelly.cloud", "SNSW-002P16EU", "relay", ("Pump", "Välve"), False, "12345"
)
PROOF = Proof(b"signed", b"body", seen=100.0, expires=200.0)


@contextmanager
def reopened(store: Store, place: Place) -> Iterator[Store]:
    store.close()
    with place.open() as again:
        yield again


def test_id_and_secret_are_made_once(store: Store, place: Place) -> None:
    first = store.bridge_id, store.callback_secret
    assert len(bytes.fromhex(store.bridge_id)) == 4
    assert len(store.callback_secret) >= 32
    with reopened(store, place) as again:
        assert (again.bridge_id, again.callback_secret) == first


PUBLISHED = (("", (("last_seen", "sensor"), ("relay_0", "switch"))), ("relay_1", (("a", "b"),)))


def test_what_home_assistant_was_told_is_kept(store: Store, place: Place) -> None:
    store.set_published(DEVICE, (("", (("relay_0", "light"),)),))
    store.set_published(DEVICE, PUBLISHED)
    store.set_published(OTHER, PUBLISHED[:1])
    with reopened(store, place) as again:
        assert again.published() == {DEVICE: PUBLISHED, OTHER: PUBLISHED[:1]}
        again.set_published(OTHER, ())
        again.set_published(OTHER, ())
        assert again.published() == {DEVICE: PUBLISHED}


def test_what_home_assistant_was_told_goes_with_the_device(store: Store) -> None:
    store.set_published(DEVICE, PUBLISHED)
    store.forget_device(DEVICE)
    assert store.published() == {}


def test_a_copy_of_another_bridges_registry_has_nothing_to_clear_of_it(
    store: Store, place: Place
) -> None:
    alone, east = DeviceId("shelly_bridge"), DeviceId("shelly_bridge_east")
    store.put_grant(GRANT, at=1.0)
    for device in (DEVICE, OTHER, alone, east):
        store.set_topics(device, {f"shelly/{device}"})
        store.set_published(device, PUBLISHED)
    store.run_as("west", alone=alone)
    assert store.topics().keys() == store.published().keys() == {DEVICE, alone}
    # From now on it is its own.
    store.set_topics(OTHER, {"shelly/x"})
    with reopened(store, place) as again:
        again.run_as("west", alone=alone)
        assert again.topics().keys() == {DEVICE, alone, OTHER}
        again.run_as("east", alone=alone)
        assert again.topics().keys() == {DEVICE, alone}


@pytest.mark.parametrize("text", ["{", "1", "[1]", "[[1]]", '[["", 5]]', '[["", [["a"]]]]'])
def test_a_damaged_record_is_named(store: Store, place: Place, text: str) -> None:
    store.set_published(DEVICE, PUBLISHED)
    place.execute(f"UPDATE discovery SET published = '{text}'")  # noqa: S608 - our text
    with pytest.raises(StoreError, match=f"components of {DEVICE}"):
        store.published()


def test_repr_does_not_show_the_secret(store: Store) -> None:
    assert store.callback_secret not in repr(store)


def test_grants_survive_a_restart(store: Store, place: Place) -> None:
    assert store.put_grant(GRANT, at=100.0)
    assert store.put_grant(replace(GRANT, device=OTHER, names=()), at=100.0)
    with reopened(store, place) as again:
        assert again.grants() == [GRANT, replace(GRANT, device=OTHER, names=())]
        one, other = again.grants()
        assert one.host is other.host
        assert one.code is other.code
        assert again.grant(DEVICE) == GRANT


def test_a_device_without_a_grant_is_none(store: Store) -> None:
    assert store.grant(DEVICE) is None


def test_a_later_grant_replaces_the_earlier_one(store: Store) -> None:
    store.put_grant(GRANT, at=100.0)
    store.put_grant(replace(GRANT, host="other.shelly.cloud", names=("Pump",)), at=101.0)
    assert store.grants() == [replace(GRANT, host="other.shelly.cloud", names=("Pump",))]


def test_a_deleted_grant_is_gone_but_its_topics_are_known(store: Store) -> None:
    store.put_grant(GRANT, at=100.0)
    store.set_topics(DEVICE, {"shelly/a8032abe54dc/relay/0"})
    assert store.delete_grant(DEVICE)
    assert not store.delete_grant(DEVICE)
    assert store.grants() == []
    assert store.topics() == {DEVICE: {"shelly/a8032abe54dc/relay/0"}}


def test_a_device_granted_anew_is_not_forgotten_by_an_older_wish(store: Store) -> None:
    store.put_grant(GRANT, at=100.0)
    store.set_topics(DEVICE, {"shelly/a8032abe54dc/relay/0"})
    store.forget_device(DEVICE, revision=0)
    store.update_grant(DEVICE, revision=0, host="other.shelly.cloud")
    assert store.grants() == [GRANT]
    assert store.topics()


def test_update_changes_only_what_is_given(store: Store) -> None:
    store.put_grant(GRANT, at=100.0)
    store.update_grant(DEVICE, control=True)
    assert store.grant(DEVICE) == replace(GRANT, control=True)
    store.update_grant(DEVICE, host="b.shelly.cloud", code="X")
    assert store.grant(DEVICE) == replace(GRANT, control=True, host="b.shelly.cloud", code="X")
    store.update_grant(DEVICE, control=False)
    assert store.grant(DEVICE) == replace(GRANT, host="b.shelly.cloud", code="X")


def test_update_does_not_bring_a_withdrawn_grant_back(store: Store) -> None:
    store.update_grant(DEVICE, control=True)
    assert store.grants() == []


def test_topics_are_replaced_per_device(store: Store, place: Place) -> None:
    store.set_topics(DEVICE, frozenset({"a", "b"}))
    store.set_topics(OTHER, frozenset({"c"}))
    store.set_topics(DEVICE, frozenset({"b", "d"}))
    with reopened(store, place) as again:
        assert again.topics() == {DEVICE: {"b", "d"}, OTHER: {"c"}}
        again.set_topics(OTHER, frozenset())
        assert again.topics() == {DEVICE: {"b", "d"}}


def test_much_is_remembered_at_once(store: Store, place: Place) -> None:
    many = {
        DeviceId(f"{number:012x}"): {f"{number}/{topic}" for topic in range(3)}
        for number in range(70)
    }
    store.remember({DEVICE: {"a"}}, {DEVICE: PUBLISHED, OTHER: PUBLISHED})
    store.remember({**many, DEVICE: set()}, {**dict.fromkeys(many, PUBLISHED), OTHER: ()})
    with reopened(store, place) as again:
        assert again.topics() == many
        assert again.published() == {**dict.fromkeys(many, PUBLISHED), DEVICE: PUBLISHED}


def test_what_is_known_of_devices_without_a_grant_can_be_read_alone(store: Store) -> None:
    store.put_grant(GRANT, at=1)
    told = (("", (("relay_0", "switch"),)),)
    for device in (DEVICE, OTHER):
        store.set_topics(device, {f"shelly/{device}/info"})
        store.set_published(device, told)
    assert store.topics(granted=False) == {OTHER: {f"shelly/{OTHER}/info"}}
    assert store.published(granted=False) == {OTHER: told}
    assert store.topics().keys() == store.published().keys() == {DEVICE, OTHER}


def test_a_proof_is_good_once(store: Store) -> None:
    assert store.put_grant(GRANT, at=100.0, proof=PROOF)
    assert not store.put_grant(replace(GRANT, code="changed"), at=101.0, proof=PROOF)
    assert not store.delete_grant(DEVICE, proof=PROOF)
    assert store.grants() == [GRANT]


def test_a_proof_is_not_good_for_another_body(store: Store) -> None:
    store.put_grant(GRANT, at=100.0, proof=PROOF)
    with pytest.raises(ProofReused):
        store.put_grant(replace(GRANT, code="changed"), at=101.0, proof=replace(PROOF, body=b"2"))
    with pytest.raises(ProofReused):
        store.delete_grant(DEVICE, proof=replace(PROOF, body=b"2"))
    assert store.grants() == [GRANT]


def test_a_proof_of_a_withdrawal_of_nothing_counts_as_used(store: Store) -> None:
    assert not store.delete_grant(DEVICE, proof=PROOF)
    with pytest.raises(ProofReused):
        store.put_grant(GRANT, at=101.0, proof=replace(PROOF, body=b"2"))


def test_proofs_survive_a_restart(store: Store, place: Place) -> None:
    store.put_grant(GRANT, at=100.0, proof=PROOF)
    with (
        reopened(store, place) as again,
        pytest.raises(ProofReused),
    ):
        again.put_grant(GRANT, at=101.0, proof=replace(PROOF, body=b"2"))


def test_the_memory_of_proofs_is_bounded_and_empties_by_itself(store: Store) -> None:
    # Filled by hand: ten thousand durable writes would take too long.
    with store._transaction() as connection:
        connection.executemany(
            "INSERT INTO used_proofs VALUES (?, ?, ?)",
            [(number.to_bytes(4), b"body", 200.0) for number in range(PROOF_LIMIT)],
        )
    with pytest.raises(StoreError):
        store.put_grant(GRANT, at=199.0, proof=replace(PROOF, seen=199.0))
    assert store.grants() == []
    assert store.put_grant(GRANT, at=200.5, proof=replace(PROOF, seen=200.5))


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError):
        store.grants()
    with pytest.raises(StoreError):
        store.put_grant(GRANT, at=100.0)


def test_damaged_names_are_an_error(store: Store) -> None:
    store.put_grant(GRANT, at=100.0)
    with store._transaction() as connection:
        connection.execute("UPDATE grants SET names = '[\"Pu'")
    with pytest.raises(StoreError):
        store.grants()


def test_many_threads_may_write_at_once(store: Store) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 10):
            store.put_grant(replace(GRANT, device=DeviceId(f"{number:06x}")), at=100.0)

    threads = [threading.Thread(target=write, args=(10 * part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(store.grants()) == 40
