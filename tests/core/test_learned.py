"""What settings tell, and what of them is thrown away."""

from __future__ import annotations

import pytest
from hypothesis import given

from bridge.core.learned import LONGEST_NAME, Learned, clean, firmware_in, learn
from bridge.core.model import Json
from tests.core.strategies import JSON, OBJECTS


def test_settings_of_gen2() -> None:
    settings: dict[str, Json] = {
        "sys": {"device": {"name": "Cellar", "fw_id": "2024-x", "mac": "A8032ABE54DC"}},
        "switch:0": {"id": 0, "name": "Pump"},
        "switch:1": {"id": 1, "name": None},
        "wifi": {"sta": {"ssid": "attic", "pass": "hunter2"}},
        "DeviceInfo": {"ver": "1.4.4", "model": "SNSW-002P16EU", "name": None},
    }
    assert learn(settings) == Learned(
        "Cellar", None, "1.4.4", "SNSW-002P16EU", {"switch:0": "Pump"}
    )


def test_settings_of_gen1() -> None:
    settings: dict[str, Json] = {
        "name": "Boiler",
        "mode": "relay",
        "fw": "20230913-113610/v1.14.0",
        "device": {"type": "SHSW-25", "mac": "A8032ABE54DC"},
        "relays": [{"name": "Left"}, {"name": ""}, "x"],
        "login": {"username": "admin", "password": "hunter2"},
    }
    assert learn(settings) == Learned(
        "Boiler", "relay", "20230913-113610/v1.14.0", "SHSW-25", {"relays:0": "Left"}
    )


def test_a_name_of_the_device_info_and_a_firmware_id_will_do() -> None:
    assert learn({"DeviceInfo": {"name": "Hall"}}).name == "Hall"
    assert learn({"sys": {"device": {"fw_id": "x1"}}}).firmware == "x1"


@given(OBJECTS)
def test_any_settings_can_be_read(settings: dict[str, Json]) -> None:
    learn(settings)


@given(JSON, JSON, JSON)
def test_members_of_any_type_are_survived(one: Json, two: Json, three: Json) -> None:
    learn({"sys": one, "device": two, "DeviceInfo": three, "relays": one, "switch:0": two})
    firmware_in({"update": one, "getinfo": two})


def test_the_firmware_that_a_status_mentions() -> None:
    assert firmware_in({"update": {"old_version": "v1.14.0"}}) == "v1.14.0"
    assert firmware_in({"getinfo": {"fw_info": {"device": "x", "fw": "v1.13.0"}}}) == "v1.13.0"
    assert firmware_in({"switch:0": {}}) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Pump", "Pump"),
        ("  Pump\n", "Pump"),
        ("a\x00b\x1fc\x7fd", "a b c d"),
        ("Küche +/#", "Küche +/#"),
        ("x" * 1_000, "x" * LONGEST_NAME),
        ("", None),
        (" \t", None),
        (5, None),
        (None, None),
    ],
)
def test_a_name_is_made_fit_to_be_shown(value: Json, name: str | None) -> None:
    assert clean(value) == name
