"""Prometheus's own judge of names and help texts has nothing to say against `/metrics`."""

from __future__ import annotations

import pytest

from tests.web import scrape

pytestmark = pytest.mark.promtool


def test_promtool_finds_nothing_to_say_of_a_bridge_at_work() -> None:
    text = scrape.metrics().text
    assert "shelly_bridge_bad_input_total{" in text
    assert scrape.promtool("check", "metrics", given=text) == (0, "")


def test_promtool_does_judge() -> None:
    name = "shelly_bridge_age_minutes"
    code, said = scrape.promtool("check", "metrics", given=f"# TYPE {name} gauge\n{name} 1\n")
    assert code != 0
    assert name in said
