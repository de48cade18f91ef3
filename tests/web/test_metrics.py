"""`/metrics` is what Prometheus reads, by its conventions for names."""

from __future__ import annotations

import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.core.dialogue import DEVICE, HOST
from tests.web import scrape


@pytest.fixture(scope="module")
def samples() -> dict[tuple[str, tuple[str, ...]], float]:
    page = scrape.metrics("mqtt")
    assert page.headers["Content-Type"].startswith("text/plain; version=")
    assert DEVICE not in page.text
    found = {}
    for family in text_string_to_metric_families(page.text):
        assert family.documentation
        for sample in family.samples:
            found[sample.name, tuple(sample.labels.values())] = sample.value
    return found


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("shelly_bridge_up", (), 0),
        ("shelly_bridge_mqtt_connected", (), 0),
        ("shelly_bridge_devices", ("online",), 1),
        ("shelly_bridge_devices", ("offline",), 0),
        ("shelly_bridge_devices_pending", (), 0),
        ("shelly_bridge_connection_up", (HOST, "integrator"), 1),
        ("shelly_bridge_connection_devices", (HOST, "integrator"), 1),
        ("shelly_bridge_connection_reconnects_total", (HOST, "integrator"), 0),
        ("shelly_bridge_command_results_total", ("ok",), 1),
        ("shelly_bridge_bad_input_total", ("json",), 1),
        ("shelly_bridge_inbox_events", (), 3),
        ("shelly_bridge_outbox_messages", (), 4),
        ("shelly_bridge_threads", (), 11),
        ("shelly_bridge_dropped_messages_total", (), 5),
        ("shelly_bridge_refused_publications_total", (), 6),
    ],
)
def test_what_is_measured(samples: Any, name: str, labels: tuple[str, ...], value: float) -> None:
    assert samples[name, labels] == value


def test_the_process_is_measured_too(samples: Any) -> None:
    names = {name for name, _ in samples}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total"} <= names


def test_names_follow_the_conventions(samples: Any) -> None:
    for name, _ in samples:
        assert re.fullmatch(r"(shelly_bridge|process)_[a-z0-9_]+", name)
        # Base units only.
        assert not re.search(r"_(ms|milliseconds|minutes|kilobytes|mib|percent)(_|$)", name)
