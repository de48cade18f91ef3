"""Who is asked about what: accounts by their names, everything else of the integrator."""

from __future__ import annotations

from bridge.cluster.holders import Holders
from bridge.core.model import LinkId
from bridge.threads import Deadline
from tests.cluster.rig import Change, RecordingHolder, hosts

HOME, (HOST,) = LinkId("home"), hosts(1)


def test_every_link_goes_to_its_holder() -> None:
    changes: list[Change] = []
    integrator = RecordingHolder("integrator", changes.append)
    account = RecordingHolder("account", changes.append)
    holders = Holders(integrator, {"home": account})
    for link in (HOME, HOST):
        holders.own(link)
    assert (account.owned, integrator.owned) == ({HOME}, {HOST})
    account.stuck = {HOME}
    assert not holders.disown(HOME, Deadline(0))
    assert holders.disown(HOST, Deadline(0))
    assert (account.owned, integrator.owned) == ({HOME}, set())


def test_hosts_of_nobody_are_never_connected() -> None:
    holders = Holders(None, {})
    holders.own(HOST)
    assert holders.disown(HOST, Deadline(0))
