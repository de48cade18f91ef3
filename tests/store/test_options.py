"""What was set of devices while the bridge ran is there after a restart."""

from __future__ import annotations

import pytest

from bridge.core.model import DeviceId, DeviceOptions
from bridge.store import Store
from tests.store.places import Place

DEVICE = DeviceId("a8032abe54dc")
OTHER = DeviceId("0cb815fd44e1")


def test_options_outlive_the_process(place: Place) -> None:
    kept = [DeviceOptions(OTHER, name="Boiler"), DeviceOptions(DEVICE, area="Cellar", throttle=5.0)]
    with place.open() as store:
        for options in kept:
            store.put_options(options)
    with place.open() as store:
        assert store.options() == kept


def test_later_options_take_the_place_of_earlier_ones(store: Store) -> None:
    store.put_options(DeviceOptions(DEVICE, name="Boiler", area="Cellar"))
    store.put_options(DeviceOptions(DEVICE, name="Pump"))
    assert store.options() == [DeviceOptions(DEVICE, name="Pump")]


def test_nothing_is_stored_of_nothing(store: Store) -> None:
    store.put_options(DeviceOptions(DEVICE, name="Boiler"))
    store.put_options(DeviceOptions(DEVICE))
    assert store.options() == []


@pytest.mark.parametrize("kept", [False, True])
def test_they_go_with_the_device(store: Store, *, kept: bool) -> None:
    store.put_options(DeviceOptions(DEVICE, name="Boiler"))
    store.forget_device(DEVICE, kept=kept)
    assert [options.device for options in store.options()] == ([DEVICE] if kept else [])
