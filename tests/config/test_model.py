"""The configuration as a value."""

from __future__ import annotations

import dataclasses

import pytest

from bridge.config.secret import Secret
from tests.config.conftest import Load


def test_it_cannot_be_changed(config: Load) -> None:
    loaded = config("devices: {a8032abe54dc: {}}")
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.mqtt.host = "other"  # type: ignore[misc]  # must fail
    with pytest.raises(TypeError):
        loaded.devices["x"] = loaded.devices["a8032abe54dc"]  # type: ignore[index]  # must fail


def test_it_shows_no_secret_and_lists_them_for_the_log(config: Load) -> None:
    loaded = config().mqtt
    loaded = dataclasses.replace(loaded, password=Secret("canary-password"))
    whole = dataclasses.replace(config(), mqtt=loaded)
    assert "canary" not in repr(whole)
    assert "canary" not in str(whole)
    assert set(whole.secrets()) == {"canary-password", "canary-token"}
