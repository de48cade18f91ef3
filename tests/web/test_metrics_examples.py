"""The examples for Prometheus and Grafana ask for what `/metrics` really has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.packages.programs import EXAMPLES
from tests.web import scrape

DASHBOARD = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
SCRAPE = EXAMPLES / "prometheus.yml"
TARGETS = [
    pytest.param(target, id=f"{panel['title']} {target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
CHOSEN = {"$__rate_interval": "2m", "$instance": "127.0.0.1:8080"}
"""What Grafana puts in the place of variables."""


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """The labels of each name that a scraper gets, and those that Prometheus adds."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(scrape.metrics().text):
        for sample in family.samples:
            found.setdefault(sample.name, {"instance", "job"}).update(sample.labels)
    return found


def names(query: str) -> list[str]:
    """The metrics in a query: each is followed by which series of it are meant."""
    return re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{", query)


@pytest.mark.parametrize("target", TARGETS)
def test_a_query_asks_for_what_is_there(labels: dict[str, set[str]], target: Any) -> None:
    query = target["expr"]
    asked = names(query)
    assert len(asked) == 1
    assert asked[0] in labels
    # Somebody may have several bridges.
    assert 'instance=~"$instance"' in query
    used = {label for some in re.findall(r"by \(([^)]*)\)", query) for label in some.split(", ")}
    used |= set(re.findall(r'(\w+)=~?"', query))
    used |= set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert used <= labels[asked[0]]


@pytest.mark.parametrize("target", TARGETS)
def test_what_only_grows_is_shown_by_its_growth(target: Any) -> None:
    query = target["expr"]
    for name in names(query):
        grows = name.endswith("_total")
        assert grows == bool(re.search(r"(rate|increase)\(", query))
        assert grows == ("[$__rate_interval]" in query)


def test_nothing_that_the_bridge_measures_is_left_out(labels: dict[str, set[str]]) -> None:
    shown = {name for target in TARGETS for name in names(target.values[0]["expr"])}  # type: ignore[index]  # pytest says object
    ours = {name for name in labels if name.startswith("shelly_bridge_")}
    assert ours == {name for name in shown if name.startswith("shelly_bridge_")}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total"} <= shown


def datasources(value: Any) -> Iterator[Any]:
    """Every datasource that is named, however deep."""
    if isinstance(value, dict):
        if "datasource" in value:
            yield value["datasource"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from datasources(each)


def test_the_dashboard_can_be_imported_anywhere() -> None:
    assert DASHBOARD["schemaVersion"] >= 38
    assert (DASHBOARD["id"], DASHBOARD["uid"]) == (None, None)
    first, *others = DASHBOARD["templating"]["list"]
    assert (first["type"], first["query"], first["name"]) == (
        "datasource",
        "prometheus",
        "datasource",
    )
    assert [each["name"] for each in others] == ["instance"]
    for variable in (first, *others):
        assert (variable["current"], variable["options"]) == ({}, [])
    found = list(datasources(DASHBOARD))
    assert len(found) == len(DASHBOARD["panels"]) + len(TARGETS) + len(others)
    assert all(each == {"type": "prometheus", "uid": "${datasource}"} for each in found)


def test_panels_have_names_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    for key in ("id", "title"):
        assert len({panel[key] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells


@pytest.mark.promtool
def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = []
    for number, target in enumerate(TARGETS):
        query = target.values[0]["expr"]  # type: ignore[index]  # pytest says object
        for variable, chosen in CHOSEN.items():
            query = query.replace(variable, chosen)
        rules.append({"record": f"query_{number}", "expr": query})
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    code, said = scrape.promtool("check", "rules", str(file))
    assert code == 0, said
    assert f"{len(rules)} rules found" in said


@pytest.mark.promtool
def test_prometheus_understands_the_example() -> None:
    code, said = scrape.promtool("check", "config", str(SCRAPE))
    assert code == 0, said


def test_the_example_has_the_usual_port_and_no_password_in_it() -> None:
    (job,) = yaml.safe_load(SCRAPE.read_text())["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8080"]}]
    assert set(job["basic_auth"]) == {"username", "password_file"}
