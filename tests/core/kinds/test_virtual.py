"""Virtual components and BTHome sensors, whose settings say what they mean."""

from __future__ import annotations

import pytest

from bridge.core.kinds.entity import Entity
from bridge.core.kinds.fields import Field
from bridge.core.model import Json
from tests.core.kinds.reads import channels, only, values


def component(value: Json) -> dict[str, Json]:
    """A virtual component."""
    return {"value": value, "source": "rpc", "last_update_ts": 1_790_000_000}


def field_of(name: str, key: str, **facts: Json) -> Field:
    """The described key of a channel whose component has these settings."""
    found = channels({name: component(5)}, facts={name: facts})
    (channel,) = found.values()
    (field,) = (each for each in channel.fields if each.key == key)
    return field


def entity_of(name: str, key: str = "value", **facts: Json) -> Entity:
    """The entity of that key."""
    entity = field_of(name, key, **facts).entity
    assert entity is not None
    return entity


@pytest.mark.parametrize(("value", "state"), [(True, "ON"), (False, "OFF"), (None, None)])
def test_a_boolean_is_on_or_off(value: Json, state: Json) -> None:
    assert only({"boolean:200": component(value)}) == (
        "boolean/200",
        {"state": state, "source": "rpc", "last_updated": "2026-09-21T14:13:20Z"},
    )


def test_values_of_the_others_are_as_they_are() -> None:
    status = {
        "number:200": component(3.5),
        "text:201": component("word"),
        "enum:202": component("a"),
        "group:203": component(["number:200"]),
        "object:204": component({"any": [1, {"thing": None}]}),
        "number:205": component("5"),
        "text:206": component(7),
    }
    assert values(status, "number/200")["value"] == 3.5
    assert values(status, "text/201")["value"] == "word"
    assert values(status, "enum/202")["value"] == "a"
    assert values(status, "group/203")["value"] == ["number:200"]
    assert values(status, "object/204")["value"] == {"any": [1, {"thing": None}]}
    assert values(status, "number/205")["value"] is None
    assert values(status, "text/206")["value"] is None


def test_a_value_that_was_never_set_has_no_time() -> None:
    assert values({"text:200": {"value": "", "last_update_ts": 0}}, "text/200") == {
        "value": "",
        "last_updated": None,
    }


def test_a_button_is_there_though_it_says_nothing() -> None:
    assert only({"button:200": {}}) == ("button/200", {})


@pytest.mark.parametrize(
    ("facts", "device_class", "unit"),
    [
        ({"unit": "°C"}, "temperature", "°C"),
        ({"unit": "W"}, "power", "W"),
        ({"unit": "apples"}, None, "apples"),
        ({"unit": "%", "role": "current_humidity"}, "humidity", "%"),
        ({"unit": "parts", "role": "current_humidity"}, None, "parts"),
        ({"unit": "%"}, None, "%"),
        ({}, None, ""),
        ({"unit": ["W"], "role": {}}, None, ""),
    ],
)
def test_the_unit_of_a_number_is_the_user_s(
    facts: dict[str, Json], device_class: str | None, unit: str
) -> None:
    assert field_of("number:200", "value", **facts).unit == unit
    entity = entity_of("number:200", **facts)
    assert (entity.device_class, entity.state_class) == (device_class, "measurement")


def test_a_choice_is_one_of_its_options() -> None:
    options = ["a", "b"]
    assert entity_of("enum:200", options=options) == Entity(device_class="enum", options=("a", "b"))
    status = {"enum:200": component("c")}
    assert values(status, "enum/200", options=options)["value"] is None
    assert values(status, "enum/200", options=["c"])["value"] == "c"
    assert values(status, "enum/200")["value"] == "c"


@pytest.mark.parametrize("options", [None, [], "a", [5, None], {"a": 1}])
def test_options_that_are_none_are_not_known(options: Json) -> None:
    assert entity_of("enum:200", options=options) == Entity()


def test_home_assistant_is_told_no_options_that_it_cannot_show() -> None:
    options = ["eco", " eco", "None", " full ", " "]
    assert entity_of("enum:200", options=options).options == ("eco", "full")
    status = {"enum:200": component("None")}
    # On MQTT they are as good as any other.
    assert values(status, "enum/200", options=options)["value"] == "None"
    assert entity_of("enum:200", options=["None"]) == Entity()


def test_devices_with_the_same_settings_share_their_fields() -> None:
    one, other = (
        channels({"number:200": {}, f"number:{number}": component(1)}, facts=facts)
        for number, facts in (
            (200, {"number:200": {"unit": "bar"}}),
            (201, {"number:201": {"unit": "bar", "min": 5}}),
        )
    )
    assert one["number/200"].fields == other["number/201"].fields
    assert all(
        a is b for a, b in zip(one["number/200"].fields, other["number/201"].fields, strict=True)
    )


# BTHome


@pytest.mark.parametrize(
    ("object_id", "device_class", "unit", "platform"),
    [
        (1, "battery", "%", "sensor"),
        (5, "illuminance", "lx", "sensor"),
        (13, "pm25", "\N{GREEK SMALL LETTER MU}g/m³", "sensor"),
        (33, "motion", "", "binary_sensor"),
        (45, "window", "", "binary_sensor"),
        (46, "humidity", "%", "sensor"),
        (63, None, "°", "sensor"),
        (69, "temperature", "°C", "sensor"),
        (77, "energy", "kWh", "sensor"),
    ],
)
def test_the_object_id_says_what_a_sensor_is(
    object_id: int, device_class: str | None, unit: str, platform: str
) -> None:
    entity = entity_of("bthomesensor:200", obj_id=object_id, idx=0)
    assert (entity.device_class, entity.platform) == (device_class, platform)
    assert field_of("bthomesensor:200", "value", obj_id=object_id).unit == unit


@pytest.mark.parametrize("object_id", [None, 58, 250, -5, "69", True, 10**30])
def test_without_a_meaning_a_value_is_passed_on(object_id: Json) -> None:
    assert field_of("bthomesensor:200", "value", obj_id=object_id).entity is None
    status = {"bthomesensor:200": {"id": 200, "value": "x", "last_updated_ts": 0}}
    assert values(status, "bthomesensor/200", obj_id=object_id) == {
        "value": "x",
        "last_updated": None,
    }


@pytest.mark.parametrize(
    ("object_id", "value", "shown"),
    [(69, 23.4, 23.4), (69, 999, None), (33, 1, True), (46, 101, None), (1, True, None)],
)
def test_a_value_fits_its_meaning(object_id: int, value: Json, shown: Json) -> None:
    status = {"bthomesensor:200": {"id": 200, "value": value}}
    assert values(status, "bthomesensor/200", obj_id=object_id)["value"] == shown


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"obj_id": 69, "idx": 0, "model_id": 8}, "Target temperature"),
        ({"obj_id": 69, "idx": 1, "model_id": 8}, "Current temperature"),
        ({"obj_id": 68, "idx": 1, "model_id": 11}, "Wind gust"),
        ({"obj_id": 69, "idx": 1, "model_id": 3}, None),
        ({"obj_id": 69, "idx": 7, "model_id": 8}, None),
    ],
)
def test_a_model_may_mean_something_of_its_own(facts: dict[str, Json], name: str | None) -> None:
    assert entity_of("bthomesensor:200", **facts).name == name


@pytest.mark.parametrize("object_id", [31, 40])
def test_locked_and_safe_are_off_in_home_assistant(object_id: int) -> None:
    assert entity_of("bthomesensor:200", obj_id=object_id).words == ("False", "True")


def test_a_ble_device_that_was_never_heard() -> None:
    status = {
        "bthomedevice:201": {
            "id": 201,
            "rssi": None,
            "battery": None,
            "packet_id": None,
            "last_updated_ts": None,
            "paired": False,
        }
    }
    assert only(status) == (
        "bthomedevice/201",
        {"rssi": None, "battery": None, "last_updated": None, "paired": False},
    )


def test_what_a_ble_device_tells_itself_is_not_shown_once_more() -> None:
    owned: dict[str, Json] = {"obj_id": 1, "owner": "bthomedevice:200"}
    assert not entity_of("bthomesensor:201", **owned).enabled
    assert entity_of("bthomesensor:201", obj_id=1).enabled
    assert entity_of("bthomesensor:201", obj_id=69, owner="bthomedevice:200").enabled
    assert field_of("bthomesensor:201", "last_updated", **owned).entity is None
    assert field_of("bthomedevice:200", "last_updated").entity is not None


@pytest.mark.parametrize("object_id", [71, 72, 75, 76, 78, 79])
def test_what_came_out_may_also_be_less_than_before(object_id: int) -> None:
    assert entity_of("bthomesensor:200", obj_id=object_id).state_class == "total"
