"""`/metrics` in Prometheus's text format; imported when somebody first asks.

Names follow Prometheus's conventions: base units, `_total` for what only grows. No label names a
device, as there may be many thousands.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import InfoMetricFamily as Info
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from bridge.core.model import Json, LinkState, SourceKind
from bridge.core.views.shown import Bridge
from bridge.web.site import Site

CONTENT_TYPE = CONTENT_TYPE_LATEST

_GAUGES = {
    "inbox": ("inbox_events", "Events that wait for the engine."),
    "outbox": ("outbox_messages", "Messages that wait for the broker."),
    "threads": ("threads", "Threads of the process."),
}

_COUNTERS = {
    "dropped_events": ("dropped_messages", "Messages that were dropped because too many waited."),
    "refused_publications": ("refused_publications", "Messages that no broker would take."),
}


class _Shown(Collector):
    """Asks the engine when Prometheus asks us."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def collect(self) -> Iterator[Metric]:
        """All that is measured now."""
        site = self._site
        return families(site.desk.overview(), site.vitals(), site.health())


def exposition(site: Site) -> bytes:
    """What is measured now; raises `BusyError` if the engine does not answer."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Shown(site))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def families(bridge: Bridge, vitals: Mapping[str, Json], failed: list[str]) -> Iterator[Metric]:
    """Everything that is measured."""
    yield Info("shelly_bridge", "The bridge.", value={"version": bridge.version})
    yield Gauge("shelly_bridge_start_time_seconds", "When it started.", value=bridge.started)
    yield Gauge("shelly_bridge_up", "Whether all of it works.", value=float(not failed))
    connected = float("mqtt" not in failed)
    yield Gauge("shelly_bridge_mqtt_connected", "Whether the broker has us.", value=connected)
    devices = Gauge("shelly_bridge_devices", "Devices by availability.", labels=["availability"])
    for word in ("online", "offline", "unknown"):
        devices.add_metric([word], bridge.devices.get(word, 0))
    yield devices
    waiting = len(bridge.waiting)
    yield Gauge("shelly_bridge_devices_pending", "Devices that wait for approval.", value=waiting)
    yield from _connections(bridge)
    if bridge.instance is not None:
        yield from _owners(bridge, bridge.instance)
    for name, text, counts, label in (
        ("events", "What happened, by its kind.", bridge.events, "event"),
        ("command_results", "Final results of commands.", bridge.results, "status"),
        ("bad_input", "What was not as the protocol says.", bridge.bad_input, "kind"),
    ):
        counter = Counter(f"shelly_bridge_{name}", text, labels=[label])
        for word, count in sorted(counts.items()):
            counter.add_metric([word], count)
        yield counter
    for key, (name, text) in _GAUGES.items():
        yield Gauge(f"shelly_bridge_{name}", text, value=_number(vitals.get(key)))
    for key, (name, text) in _COUNTERS.items():
        yield Counter(f"shelly_bridge_{name}", text, value=_number(vitals.get(key)))


def _connections(bridge: Bridge) -> Iterator[Metric]:
    labels = ["connection", "kind"]
    up = Gauge("shelly_bridge_connection_up", "Whether it is connected.", labels=labels)
    here = Gauge("shelly_bridge_connection_devices", "Devices that come by it.", labels=labels)
    again = Counter(
        "shelly_bridge_connection_reconnects", "Connects after the first.", labels=labels
    )
    for each in bridge.connections:
        names = [each.id, each.kind.value]
        up.add_metric(names, float(each.state is LinkState.CONNECTED))
        here.add_metric(names, each.devices)
        again.add_metric(names, each.reconnects)
    yield from (up, here, again)


def _owners(bridge: Bridge, instance: str) -> Iterator[Metric]:
    """Who has which of the hosts that several instances share."""
    yield Info("shelly_bridge_cluster", "The instance.", value={"instance": instance})
    shared = [each for each in bridge.connections if each.kind is not SourceKind.OUTBOUND]
    owners = [each.owner for each in shared] + [each.owner for each in bridge.elsewhere]
    hosts = Gauge("shelly_bridge_hosts", "Hosts and accounts by who has them.", labels=["owner"])
    counts = Counts(owner.instance for owner in owners if owner is not None)
    for owner, count in sorted(counts.items()):
        hosts.add_metric([owner], count)
    yield hosts
    free = owners.count(None)
    yield Gauge("shelly_bridge_hosts_unowned", "Hosts and accounts that nobody has.", value=free)


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
