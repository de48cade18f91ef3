"""Who should own what: everybody, evenly, never too many, and nobody changes hands for nothing."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cluster.shares import PATIENCE, Mate, Shares
from bridge.core.model import LinkId

ANY = Mate(None, frozenset(), 64)

Owners = dict[LinkId, str | None]


def links(*names: str) -> list[LinkId]:
    return [LinkId(name) for name in names]


def hosts(count: int) -> list[LinkId]:
    return links(*(f"shelly-{number}-sim.shelly.cloud" for number in range(count)))


def unowned(names: list[LinkId]) -> Owners:
    return dict.fromkeys(names)


def claim_all(mates: dict[str, Mate], owners: Owners, waited: dict[LinkId, int]) -> None:
    """One look of everybody at the same state; of two who want the same, one gets it."""
    wishes = {name: Shares(name, mates, owners).claims(waited) for name in mates}
    for name, wished in wishes.items():
        for link in wished:
            if owners[link] is None:
                owners[link] = name


def run(mates: dict[str, Mate], owners: Owners, looks: int) -> list[Owners]:
    """How the owners change when everybody does what it should; one state for each look."""
    states = [dict(owners)]
    waited: Counter[LinkId] = Counter()
    for _ in range(looks):
        for link, owner in owners.items():
            waited[link] = waited[link] + 1 if owner is None else 0
        claim_all(mates, owners, waited)
        for name in mates:
            given_up = Shares(name, mates, states[-1]).release()
            if given_up is not None and owners[given_up] == name:
                owners[given_up] = None
        states.append(dict(owners))
    return states


def counts(mates: dict[str, Mate], owners: Owners) -> dict[str, int]:
    return {name: list(owners.values()).count(name) for name in mates}


# One look


def test_one_instance_takes_everything_at_once() -> None:
    found = Shares("a", {"a": ANY}, unowned(hosts(5))).claims({})
    assert sorted(found) == hosts(5)


def test_instances_that_see_the_same_want_different_hosts() -> None:
    mates = {"a": ANY, "b": ANY, "c": ANY}
    found = [Shares(name, mates, unowned(hosts(100))).claims({}) for name in mates]
    assert sorted(len(each) for each in found) == [33, 33, 34]
    assert sorted(link for each in found for link in each) == sorted(hosts(100))


def test_the_hosts_of_a_dead_one_go_to_those_who_own_the_fewest() -> None:
    owners: Owners = dict(zip(hosts(8), ["a", "a", "a", "b", None, None, None, None], strict=True))
    mates = {"a": ANY, "b": ANY}
    assert len(Shares("a", mates, owners).claims({})) == 1
    assert len(Shares("b", mates, owners).claims({})) == 3


def test_hosts_that_few_may_own_are_not_crowded_out() -> None:
    mates = {"a": Mate(None, frozenset(), 1), "b": Mate((hosts(1)[0],), frozenset(), 1)}
    owners = unowned(hosts(2))
    claim_all(mates, owners, {})
    assert owners == dict(zip(hosts(2), ["b", "a"], strict=True))


def test_what_somebody_does_not_take_is_taken_by_another_after_some_looks() -> None:
    mates = {"a": ANY, "frozen": ANY}
    owners: Owners = {hosts(2)[0]: "a", hosts(2)[1]: None}
    shares = Shares("a", mates, owners)
    assert shares.claims({hosts(2)[1]: PATIENCE - 1}) == []
    assert shares.claims({hosts(2)[1]: PATIENCE}) == [hosts(2)[1]]


def test_accounts_go_to_those_who_have_them_configured() -> None:
    (account,) = links("home")
    mates = {"a": ANY, "b": Mate((), frozenset({"home"}), 64)}
    owners = unowned([account])
    assert Shares("a", mates, owners).claims({account: 100}) == []
    assert Shares("b", mates, owners).claims({}) == [account]


def test_nothing_is_given_up_while_something_can_be_taken() -> None:
    mates = {"a": ANY, "b": ANY}
    owners: Owners = dict(zip(hosts(4), ["a", "a", "a", None], strict=True))
    assert Shares("a", mates, owners).release() is None
    owners[hosts(4)[3]] = "a"
    assert Shares("a", mates, owners).release() is not None


def test_nothing_is_given_up_for_somebody_who_may_not_have_it_or_has_no_room() -> None:
    owners: Owners = dict.fromkeys(hosts(4), "a")
    foreign = Mate(("shelly-9-sim.shelly.cloud",), frozenset(), 64)
    assert Shares("a", {"a": ANY, "b": foreign}, owners).release() is None
    assert Shares("a", {"a": ANY, "b": Mate(None, frozenset(), 0)}, owners).release() is None


def test_a_difference_of_one_moves_nothing() -> None:
    owners: Owners = dict(zip(hosts(5), ["a", "a", "b", "b", "a"], strict=True))
    for name in ("a", "b"):
        assert Shares(name, {"a": ANY, "b": ANY}, owners).release() is None


# Many looks

MATES = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        Mate,
        st.one_of(
            st.none(),
            st.sampled_from([(), ("*.shelly.cloud",), tuple(hosts(4)), tuple(hosts(9)[3:])]),
        ),
        st.frozensets(st.sampled_from(["home", "office"])),
        st.integers(0, 12),
    ),
    min_size=1,
)
LINKS = st.lists(st.sampled_from([*hosts(20), *links("home", "office")]), unique=True)


@given(MATES, LINKS, st.randoms(use_true_random=False))
def test_nobody_ever_owns_too_many_or_what_is_not_for_it(
    mates: dict[str, Mate], names: list[LinkId], choice: random.Random
) -> None:
    accounts = {link for mate in mates.values() for link in mate.accounts}
    owners: Owners = dict.fromkeys(name for name in names if "." in name or name in accounts)
    for state in run(mates, owners, 10 + choice.randrange(20)):
        for name, mate in mates.items():
            mine = [link for link, owner in state.items() if owner == name]
            assert len(mine) <= mate.most
            for link in mine:
                allowed = link in mate.accounts if "." not in link else mate.takes_host(link)
                assert allowed


@given(
    st.integers(1, 7),
    st.integers(0, 60),
    st.randoms(use_true_random=False),
)
def test_equals_share_evenly_and_then_nothing_moves_any_more(
    instances: int, number: int, choice: random.Random
) -> None:
    mates = {f"i{index}": Mate(None, frozenset(), 64) for index in range(instances)}
    owners: Owners = {link: choice.choice([None, *mates, "i0", "i0"]) for link in hosts(number)}
    states = run(mates, owners, 3 * number + 10)
    spread = counts(mates, states[-1]).values()
    assert sum(spread) == number
    assert max(spread) - min(spread) <= 1
    assert states[-1] == states[-5]


@given(st.integers(2, 6), st.integers(1, 60))
def test_a_newcomer_is_given_its_share_and_no_host_moves_twice(instances: int, number: int) -> None:
    mates = {f"i{index}": Mate(None, frozenset(), 64) for index in range(instances)}
    before: Owners = {}
    for index, link in enumerate(hosts(number)):
        before[link] = f"i{index % (instances - 1)}"
    states = run(mates, dict(before), 2 * number + 4)
    newcomer = f"i{instances - 1}"
    for link in before:
        path = [state[link] for state in states if state[link] is not None]
        assert [then for now, then in pairwise(path) if now != then] in ([], [newcomer])
    assert counts(mates, states[-1])[newcomer] == number // instances


@pytest.mark.parametrize("dead", ["a", "b", "c"])
def test_the_hosts_of_a_dead_one_are_taken_within_one_look(dead: str) -> None:
    mates = {"a": ANY, "b": ANY, "c": ANY}
    owners = unowned(hosts(99))
    claim_all(mates, owners, {})
    left = {name: mate for name, mate in mates.items() if name != dead}
    owners = {link: None if owner == dead else owner for link, owner in owners.items()}
    claim_all(left, owners, {})
    assert None not in owners.values()
    assert max(counts(left, owners).values()) == 50
