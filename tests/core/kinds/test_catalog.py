"""Which channels a status has, found from its keys alone."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.commands import Target
from bridge.core.kinds.catalog import MOST_CHANNELS, layout, shape
from bridge.core.model import Json
from tests.core import payloads
from tests.core.strategies import JSON, statuses


def found(status: dict[str, Json], mode: str | None = None) -> dict[str, str]:
    """`<kind>/<n>` → Shelly's component."""
    channels, _ = layout(status, mode)
    return {f"{channel.kind}/{channel.number}": channel.component for channel in channels}


def values(status: dict[str, Json], channel: str) -> dict[str, Json]:
    channels, _ = layout(status)
    (wanted,) = (each for each in channels if f"{each.kind}/{each.number}" == channel)
    return wanted.read(status)


def test_a_device_with_two_outputs() -> None:
    assert found(payloads.two_switches()) == {
        "relay/0": "switch:0",
        "relay/1": "switch:1",
        "input/0": "input:0",
        "input/1": "input:1",
        "sys/0": "sys",
        "wifi/0": "wifi",
        "cloud/0": "cloud",
        "mqtt/0": "mqtt",
    }


def test_what_the_cloud_adds_is_no_channel() -> None:
    status = {"id": "a8032abe54dc", "code": "X", "ts": 1, "serial": 2, "getinfo": {"fw_info": {}}}
    assert found({**status, "_updated": "x", "_dev_info": {"id": 1}, "_sleeping": True}) == {}


def test_a_device_of_gen1() -> None:
    assert found(payloads.gen1_relay()) == {
        "relay/0": "relays:0",
        "input/0": "inputs:0",
        "wifi/0": "wifi_sta",
        "sys/0": "sys",
    }
    assert values(payloads.gen1_relay(), "sys/0") == {
        "temperature": 31.5,
        "overtemperature": False,
        "update_status": "idle",
        "mac": "A8032ABE54DC",
    }


def test_members_of_the_status_itself_are_published_with_gen2_s_sys() -> None:
    status: dict[str, Json] = {"a": 1, "sys": {"uptime": 5}, "z": None}
    assert found(status) == {"sys/0": "sys"}
    assert values(status, "sys/0") == {"a": 1, "uptime": 5, "z": None}


def test_in_roller_mode_the_relays_mean_nothing_and_the_meters_are_the_motor_s() -> None:
    assert found(payloads.gen1_roller()) == {"roller/0": "rollers:0"}
    assert found(payloads.gen1_roller(), "roller") == found(payloads.gen1_roller())


def test_in_relay_mode_it_is_the_other_way_round() -> None:
    assert found(payloads.gen1_roller(), "relay") == {
        "relay/0": "relays:0",
        "relay/1": "relays:1",
    }


def test_a_bulb_s_meter_belongs_to_the_bulb() -> None:
    assert found(payloads.gen1_bulb()) == {"light/0": "lights:0"}


def test_a_meter_without_an_output_is_its_own_channel() -> None:
    status = {"relays": [{"ison": True}], "meters": [{"power": 1}, {"power": 2, "total": 120}]}
    assert found(status) == {"relay/0": "relays:0", "meter/1": "meters:1"}
    assert values(status, "meter/1") == {"power": 2, "energy": 0.002}


def test_thermometers_on_an_add_on() -> None:
    status = payloads.gen1_addon()
    channels = found(status)
    assert channels["temperature/100"] == "ext_temperature:0"
    assert channels["temperature/101"] == "ext_temperature:1"
    assert "humidity/100" not in channels
    assert values(status, "temperature/101") == {"hwID": "28bb", "temperature": 55.0}


def test_kinds_that_are_not_known_keep_shelly_s_keys() -> None:
    status = {"foo:1": {"id": 1, "aValue": 3.5}, "bar": {"id": "x"}, "baz": [{"id": 2, "b": 1}]}
    assert values(status, "foo/1") == {"aValue": 3.5}
    assert values(status, "bar/0") == {"id": "x"}
    assert values(status, "baz/0") == {"b": 1}


def test_a_thermometer_behind_a_gateway() -> None:
    assert found(payloads.thermometer()) == {
        "temperature/0": "temperature:0",
        "humidity/0": "humidity:0",
        "battery/0": "devicepower:0",
        "reporter/0": "reporter",
    }


def test_presses_that_come_for_an_input_are_no_channel_of_their_own() -> None:
    assert found({"v_eve:2": {"id": 2, "ev": ""}}) == {"input/2": "v_eve:2"}
    assert found({"v_eve:2": {}, "input:2": {"id": 2}}) == {"input/2": "input:2"}


def test_what_is_counted_belongs_to_what_measures() -> None:
    status: dict[str, Json] = {"em:0": {"id": 0}, "emdata:0": {"id": 0}}
    assert found(status) == {"meter/0": "em:0"}
    (channel,) = layout(status)[0]
    assert channel.keys == ("em:0", "emdata:0")
    assert found({"emdata:0": {"id": 0}}) == {"meter/0": "emdata:0"}
    assert found({"emdata:0": {"id": 0}, "em:0": {}}) == {"meter/0": "emdata:0"}


def test_channels_are_shared_by_all_devices() -> None:
    one, other = (layout(payloads.two_switches())[0] for _ in range(2))
    assert all(a is b for a, b in zip(one, other, strict=True))


def test_what_the_settings_say_is_a_device_s_own() -> None:
    facts = {"number:200": {"unit": "W"}}
    (channel,) = layout({"number:200": {"value": 5}}, None, facts)[0]
    assert channel.facts == {"unit": "W"}
    assert [field.unit for field in channel.fields if field.key == "value"] == ["W"]
    (other,) = layout({"number:200": {"value": 5}})[0]
    assert other.facts == {}


def test_the_cloud_writes_empty_objects_as_arrays() -> None:
    assert found({"switch:0": [], "ble": [], "ht_ui": [], "em:0": []}) == {"relay/0": "switch:0"}
    assert values({"switch:0": []}, "relay/0") == {"errors": []}


def test_what_gen1_says_about_itself_is_one_channel_with_its_other_members() -> None:
    status: dict[str, Json] = {
        "uptime": 5,
        "update": {"status": "idle", "has_update": True, "new_version": "v2"},
        "actions_stats": {"skipped": 3},
        "fw_info": {"fw": "v1"},
        "unixtime": 1_790_000_000,
        "tmp": {"tC": 41.5, "tF": 106.7, "is_valid": True},
    }
    assert found(status) == {"sys/0": "sys"}
    assert values(status, "sys/0") == {
        "uptime": 5,
        "update_status": "idle",
        "actions_skipped": 3,
        "temperature": 41.5,
    }


def test_a_component_that_is_no_object_is_kept_under_its_name() -> None:
    assert values({"switch:0": 7}, "relay/0") == {"switch": 7, "errors": []}
    assert values({"foo:1": "x"}, "foo/1") == {"foo": "x"}


LIGHTS = {
    "cct:0": {"ct": 3000},
    "light:0": {"output": True},
    "light:1": {"output": True},
    "rgb:0": {"rgb": [1, 2, 3]},
    "rgbcct:0": {"mode": "cct"},
    "rgbw:0": {"white": 1},
}


@given(st.permutations(sorted(LIGHTS)))
def test_lights_that_want_the_same_number_are_told_apart_in_one_order(order: list[str]) -> None:
    assert found({key: LIGHTS[key] for key in order}) == {
        "light/0": "rgb:0",
        "light/1": "rgbw:0",
        "light/2": "rgbcct:0",
        "light/3": "light:0",
        "light/4": "light:1",
        "light/5": "cct:0",
    }


def test_the_command_still_goes_to_the_component_s_own_number() -> None:
    channels, _ = layout({"rgb:0": {}, "light:0": {}, "light:1": {}})
    assert [(channel.number, channel.target) for channel in channels] == [
        (0, Target("rgb", 0)),
        (1, Target("light", 0)),
        (2, Target("light", 1)),
    ]


@given(statuses(), st.randoms(use_true_random=False), st.sampled_from([None, "relay", "roller"]))
def test_the_order_of_arrival_never_matters(
    status: dict[str, Json], random: Random, mode: str | None
) -> None:
    keys = list(status)
    random.shuffle(keys)
    shuffled = {key: status[key] for key in keys}
    assert found(shuffled, mode) == found(status, mode)


def test_an_object_and_a_component_of_one_name_keep_their_order() -> None:
    status: dict[str, Json] = {"foo:0": {"a": 1}, "foo": {"0": {"b": 2}}}
    turned = dict(reversed(status.items()))
    assert values(status, "foo/0") == values(turned, "foo/0")
    assert values(status, "foo/1") == values(turned, "foo/1")


@pytest.mark.parametrize(
    "key",
    [
        "a/b:0",
        "+:0",
        "#",
        "$SYS",
        "switch:00",
        "switch:-1",
        "switch:1234567",
        "a:b:c",
        "",
        "\x00",
        "x" * 65,
        "temp erature:0",
        "é:0",
        "raw:0",
        "set",
        "get:1",
        "rpc",
    ],
)
def test_a_key_that_cannot_be_a_topic_is_refused(key: str) -> None:
    channels, refused = layout({key: {"a": 1}, "switch:0": {"output": True}})
    assert [channel.component for channel in channels] == ["switch:0"]
    assert refused == [key]


@pytest.mark.parametrize(
    "key", ["relay", "relay:0", "roller", "roller:1", "light", "valve:0", "gas", "thermostat"]
)
@pytest.mark.parametrize("value", [{"state": "x"}, [{"state": "x"}], {"0": {"state": "x"}}])
def test_what_only_calls_itself_commandable_is_refused(key: str, value: Json) -> None:
    channels, refused = layout({key: value, "switch:0": {"output": True}})
    assert [channel.component for channel in channels] == ["switch:0"]
    assert refused == [key]


def test_no_device_has_more_channels_than_that() -> None:
    status: dict[str, Json] = {f"foo:{number}": {"a": 1} for number in range(MOST_CHANNELS + 10)}
    channels, refused = layout({**status, "switch:0": {"output": True}})
    assert len(channels) == MOST_CHANNELS
    assert channels[0].component == "switch:0"
    assert len(refused) == 11


@given(statuses())
def test_every_channel_has_an_address_of_its_own(status: dict[str, Json]) -> None:
    channels, _ = layout(status)
    addresses = [(channel.kind, channel.number) for channel in channels]
    assert len(set(addresses)) == len(addresses)
    for channel in channels:
        channel.read(status)
        # A reader must do with what a later status holds, too.
        channel.read({})


@given(st.sampled_from(sorted(payloads.two_switches())), JSON, JSON)
def test_equal_shapes_give_equal_channels(key: str, one: Json, two: Json) -> None:
    if shape(one) != shape(two):
        return
    status = payloads.two_switches()
    assert found({**status, key: one}).keys() == found({**status, key: two}).keys()


@given(st.sampled_from(["tmp", "sensor", "accel", "bat", "flood", "em:0", "relays"]), JSON, JSON)
def test_that_is_so_where_contents_decide(key: str, one: Json, two: Json) -> None:
    if shape(one) == shape(two):
        assert found({key: one}).keys() == found({key: two}).keys()


def test_what_decides_about_channels_is_a_member_s_shape() -> None:
    one, two = {"0": {"tC": 5}}, {"0": {"tC": 5}, "1": {"tC": 6}}
    assert shape(one) != shape(two)
    assert shape(one) == shape({"0": {"tC": 7, "hwID": "28aa"}})
    assert shape({"motion": True}) != shape({"state": "open"})
    assert shape({"output": True}) == shape({"output": False, "apower": 5})
    assert shape([{}]) != shape([{}, {}])


def test_what_is_unknown_and_empty_has_no_channel() -> None:
    assert found({"foo:1": {}, "foo:2": [], "bar": {}, "baz": []}) == {}
