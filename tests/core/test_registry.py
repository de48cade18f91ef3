"""How devices and the ways to them are found."""

from __future__ import annotations

import pytest

from bridge.core.device import Device, Path
from bridge.core.links import Link
from bridge.core.model import Access, LinkId, LinkState, SourceKind
from bridge.core.registry import Registry
from tests.core.dialogue import DEVICE, HOST, OTHER_HOST, WALL, grant, override, settings

HOME, OUTBOUND = LinkId("home"), LinkId("outbound")


def add_link(registry: Registry, name: LinkId, kind: SourceKind, *, up: bool = True) -> None:
    state = LinkState.CONNECTED if up else LinkState.BACKOFF
    registry.links[name] = Link(name, kind, state, WALL, None if up else 1.0)


def three_ways() -> tuple[Registry, Device]:
    """A device that comes by all three of Shelly's systems, with control by each."""
    registry = Registry(settings())
    device, _ = registry.adopt(grant())
    for name, kind in ((HOME, SourceKind.ACCOUNT), (OUTBOUND, SourceKind.OUTBOUND)):
        device.paths[name] = Path(name, kind, access=Access.CONTROL)
        add_link(registry, name, kind)
    add_link(registry, HOST, SourceKind.INTEGRATOR)
    return registry, device


def way(registry: Registry, device: Device) -> LinkId:
    best = registry.best_path(device)
    assert best is not None
    return best.link


def test_the_local_way_is_the_best() -> None:
    registry, device = three_ways()
    assert way(registry, device) == OUTBOUND
    del device.paths[OUTBOUND]
    assert way(registry, device) == HOME


def test_unless_it_is_down_or_allows_no_control() -> None:
    registry, device = three_ways()
    add_link(registry, OUTBOUND, SourceKind.OUTBOUND, up=False)
    assert way(registry, device) == HOME
    device.paths[HOME].access = Access.READ
    assert way(registry, device) == HOST
    registry.links.clear()
    assert way(registry, device) == OUTBOUND


def test_only_some_ways_may_do() -> None:
    registry, device = three_ways()
    best = registry.best_path(device, {HOME, HOST})
    assert best is not None
    assert best.link == HOME
    assert registry.best_path(device, ()) is None


def test_there_may_be_none() -> None:
    assert Registry(settings()).best_path(Device(DEVICE)) is None


@pytest.mark.parametrize("name", [DEVICE, DEVICE.upper(), "cellar/pump"])
def test_a_device_is_found_by_its_id_and_its_alias(name: str) -> None:
    registry = Registry(settings(overrides=override(topic="cellar/pump")))
    device, new = registry.adopt(grant())
    assert new
    assert registry.find(name) is device


@pytest.mark.parametrize("name", ["", "Cellar/Pump", "abc", None, 5, [DEVICE], {}])
def test_by_nothing_else(name: object) -> None:
    registry = Registry(settings(overrides=override(topic="cellar/pump")))
    registry.adopt(grant())
    assert registry.find(name) is None


def test_a_new_consent_brings_what_changed() -> None:
    registry = Registry(settings())
    device, _ = registry.adopt(grant())
    again, new = registry.adopt(grant(names=("Tap",), code="", host=OTHER_HOST, control=False))
    assert again is device
    assert not new
    assert device.names == ("Tap",)
    assert device.code == "SNSW-002P16EU"
    assert list(device.paths) == [OTHER_HOST]
    assert device.paths[LinkId(OTHER_HOST)].access is Access.READ


def test_it_does_not_touch_other_ways_nor_what_the_cloud_said_of_access() -> None:
    registry, device = three_ways()
    registry.adopt(grant(control=False))
    assert set(device.paths) == {HOST, HOME, OUTBOUND}
    assert device.paths[HOST].access is Access.CONTROL


def test_a_dropped_device_is_unknown() -> None:
    registry = Registry(settings(overrides=override(topic="pump")))
    registry.adopt(grant())
    registry.drop(DEVICE)
    registry.drop(DEVICE)
    assert registry.find("pump") is None
    assert registry.find(DEVICE) is None
    assert not registry.roots
