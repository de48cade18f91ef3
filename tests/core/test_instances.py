"""The lists of hosts of all instances, and the hosts that are in nobody's."""

from __future__ import annotations

import pytest

from bridge.core.effects import Log, Show
from bridge.core.events import BrokerUp, HostsKnown, Looked, RetainedFound
from bridge.core.instances import PATIENCE
from bridge.core.model import LinkId, Owner
from bridge.core.retained import AT_START
from bridge.core.views.asked import Overview
from bridge.core.views.shown import Bridge
from tests.core.cluster import A, Instance
from tests.core.dialogue import HOST, OTHER_HOST, WALL, Reply, grant

OWN = f"shelly/bridge/{A}"
DOCUMENT = f"{OWN}/hosts/{OTHER_HOST}"
FREE = HostsKnown({HOST: Owner(A, WALL), OTHER_HOST: None})


def told(reply: Reply) -> list[str]:
    """The hosts of which it is told that nobody may own them."""
    return [
        reply.json(f"{OWN}/event")["host"] for kind in reply.happened() if kind == "host_unowned"
    ]


def listening(*patterns: str) -> Instance:
    """An instance that may own these hosts, and knows of one more."""
    instance = Instance(patterns=patterns or (HOST,))
    instance.says(BrokerUp("5"), FREE)
    return instance


def test_a_host_in_nobodys_list_is_reported_once() -> None:
    instance = listening()
    assert told(instance.waits(PATIENCE - 0.1)) == []
    reply = instance.waits(0.2)
    assert told(reply) == [OTHER_HOST]
    assert OTHER_HOST in reply.one(Log).text
    document = instance.holds(DOCUMENT)
    assert (document["state"], document["error"]) == (
        "disabled",
        "in no instance's cluster.hosts",
    )
    assert (document["kind"], document["owner"]) == ("integrator", None)
    instance.says(FREE)
    assert told(instance.waits(60)) == []
    # It is part of what is retained, and no leftover.
    instance.says(RetainedFound(AT_START, ((DOCUMENT, b"{}"),), complete=True))
    assert DOCUMENT in instance.broker
    instance.broker.clear()
    instance.says(BrokerUp("5"))
    assert instance.holds(DOCUMENT) == document


def test_a_host_that_somebody_may_own_after_all() -> None:
    instance = listening()
    instance.waits(PATIENCE)
    instance.introduces("barn", "*.shelly.cloud")
    assert DOCUMENT not in instance.broker
    # And then nobody again.
    instance.says(instance.message("shelly/bridge/barn/info", b""))
    assert told(instance.waits(PATIENCE)) == [OTHER_HOST]
    instance.says(HostsKnown({OTHER_HOST: Owner("barn", WALL)}))
    assert DOCUMENT not in instance.broker


def test_a_list_that_comes_in_time() -> None:
    instance = listening()
    instance.waits(PATIENCE - 1)
    instance.introduces("barn", OTHER_HOST)
    instance.introduces("barn", HOST)
    assert told(instance.waits(PATIENCE - 1)) == []
    assert told(instance.waits(1)) == [OTHER_HOST]


@pytest.mark.parametrize("patterns", [("*.shelly.cloud",), (OTHER_HOST,)])
def test_hosts_that_are_in_a_list(patterns: tuple[str, ...]) -> None:
    assert told(listening(*patterns).waits(60)) == []
    other = listening()
    other.introduces("barn", *patterns)
    assert told(other.waits(60)) == []


def test_who_has_no_list_may_own_all() -> None:
    instance = Instance()
    instance.says(BrokerUp("5"), FREE)
    assert told(instance.waits(60)) == []
    other = listening()
    other.introduces("barn")
    assert told(other.waits(60)) == []


def test_nothing_is_told_before_the_lists_of_others_can_be_known() -> None:
    instance = Instance(patterns=(HOST,))
    instance.says(FREE)
    assert told(instance.waits(60)) == []
    instance.says(BrokerUp("5"))
    assert told(instance.waits(PATIENCE)) == [OTHER_HOST]


def test_accounts_are_in_no_list() -> None:
    instance = Instance(patterns=(HOST,))
    instance.says(BrokerUp("5"), HostsKnown({LinkId("home"): None}))
    assert told(instance.waits(60)) == []


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{",
        "[]",
        '{"cluster": 1}',
        '{"cluster": {}}',
        '{"cluster": {"hosts": "*.shelly.cloud"}}',
        '{"cluster": {"hosts": [1]}}',
        '{"cluster": {"hosts": ["*"]}}',
        '{"cluster": {"hosts": [["*.shelly.cloud"]]}}',
    ],
)
def test_what_is_no_list_is_none(payload: str) -> None:
    instance = listening()
    instance.says(instance.message("shelly/bridge/barn/info", payload))
    assert told(instance.waits(PATIENCE)) == [OTHER_HOST]


def test_nobody_can_speak_in_our_name() -> None:
    instance = listening()
    instance.introduces(A, "*.shelly.cloud")
    assert told(instance.waits(PATIENCE)) == [OTHER_HOST]


def test_no_more_instances_are_followed_than_there_can_be() -> None:
    instance = listening()
    for number in range(1_000):
        instance.introduces(f"i{number}", HOST)
    instance.introduces("barn", OTHER_HOST)
    assert told(instance.waits(PATIENCE)) == [OTHER_HOST]
    instance.introduces("i5", OTHER_HOST)
    assert DOCUMENT not in instance.broker


def test_a_shard_knows_of_a_host_by_its_consents() -> None:
    instance = Instance(A, grant(), grant(host=OTHER_HOST), patterns=(HOST,), shared=False)
    instance.says(BrokerUp("5"))
    assert told(instance.waits(PATIENCE)) == [OTHER_HOST]
    instance.introduces("barn", OTHER_HOST)
    assert DOCUMENT not in instance.broker
    # Whose list has it has it for good; and then nobody again.
    (show,) = instance.says(Looked(1, Overview())).all(Show)
    assert isinstance(show.document, Bridge)
    (other,) = show.document.elsewhere
    assert (other.id, other.owner) == (OTHER_HOST, Owner("barn", 0.0))
    instance.says(instance.message("shelly/bridge/barn/info", b""))
    assert told(instance.waits(PATIENCE)) == [OTHER_HOST]
