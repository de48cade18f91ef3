"""Where several instances share the hosts, the page and the metrics say who has which."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.core import instances
from bridge.core.events import BrokerUp, HostGained, HostsKnown, LinkChanged, MessageArrived
from bridge.core.model import Cluster, LinkId, LinkState, Owner, SourceKind
from tests.core.dialogue import HOST, OTHER, OTHER_HOST, WALL, grant, settings
from tests.web.house import NAME, House, furnished, house, wait_for_text

SINCE = "2026-09-21 14:13:20 UTC"
THIRD = LinkId("shelly-9-eu.shelly.cloud")
HOSTILE = "<script>alert(1)</script>"
CHANGES = {
    "topics": replace(settings().topics, instance="attic"),
    "cluster": Cluster("attic", (HOST,), shared=True),
}


@pytest.fixture
def attic() -> Iterator[House]:
    with house(grants=(), changes=CHANGES) as made:
        held = grant(names=(NAME,))
        made.happens(
            BrokerUp("5"),
            HostGained(HOST, WALL, (held,), {}, {}, {}, ()),
            LinkChanged(HOST, SourceKind.INTEGRATOR, LinkState.CONNECTED),
            HostsKnown({HOST: Owner("attic", WALL), OTHER_HOST: Owner(HOSTILE, WALL), THIRD: None}),
        )
        yield furnished(made)


def test_the_page_shows_who_has_a_connection_and_since_when(attic: House) -> None:
    page = wait_for_text(attic.browser, "/", "another instance has it")
    assert page.says(f"attic since {SINCE}")
    assert page.says(f"{OTHER_HOST} another instance has it – {HOSTILE} since {SINCE}")
    assert page.says(f"{THIRD} nobody has it just now")
    assert HOSTILE not in page.text
    assert page.says("Instance attic")
    # What others have is not what is wrong here.
    assert page.says("All is well")


def test_the_page_names_a_host_that_nobody_may_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "PATIENCE", 0.1)
    with house(grants=(), changes=CHANGES) as made:
        made.happens(BrokerUp("5"), HostsKnown({OTHER_HOST: None}))
        page = wait_for_text(made.browser, "/", f"No instance may have {OTHER_HOST}")
        assert page.says(f"{OTHER_HOST} nobody may have it in no instance's cluster.hosts")


def test_the_page_of_a_shard_shows_whose_list_has_a_host() -> None:
    changes = {**CHANGES, "cluster": Cluster("attic", (HOST,))}
    given = grant(), grant(OTHER, host=OTHER_HOST)
    with house(grants=given, changes=changes) as made:
        body = json.dumps({"cluster": {"hosts": [OTHER_HOST]}}).encode()
        made.happens(BrokerUp("5"), MessageArrived("shelly/bridge/barn/info", body, 1.0))
        page = wait_for_text(made.browser, "/", "another instance has it")
        assert page.says(f"{OTHER_HOST} another instance has it – barn –")


def test_metrics_count_the_hosts_of_each_owner(attic: House) -> None:
    wait_for_text(attic.browser, "/", "another instance has it")
    families = text_string_to_metric_families(attic.browser.get("/metrics").text)
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert found["shelly_bridge_hosts", "attic"] == 1
    assert found["shelly_bridge_hosts", HOSTILE] == 1
    assert found["shelly_bridge_hosts_unowned",] == 1
    assert found["shelly_bridge_cluster_info", "attic"] == 1


def test_a_bridge_that_is_alone_says_nothing_of_owners() -> None:
    with house() as made:
        page = wait_for_text(furnished(made).browser, "/", "All is well")
        assert not page.says("Owner")
        assert not page.says("Instance")
        assert "hosts" not in made.browser.get("/metrics").text
