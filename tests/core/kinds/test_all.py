"""The list of kinds: complete in itself, and such that Home Assistant takes every entity."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from bridge.core import topics
from bridge.core.kinds.all import ACTING, BY_NAME, KINDS
from bridge.core.kinds.bthome import OBJECTS, OF_MODELS
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.input import GEN1_EVENTS
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.model import Json

MU = "\N{GREEK SMALL LETTER MU}"

SENSORS: dict[str | None, tuple[set[str], set[str | None]]] = {
    None: (
        {"", "%", "K", "°", "min", "ppm", "pulse", "rpm", "m/s²", "°/s", "ms"},
        {None, "measurement", "total", "total_increasing"},
    ),
    "apparent_power": ({"VA"}, {"measurement"}),
    "atmospheric_pressure": ({"hPa"}, {"measurement"}),
    "battery": ({"%"}, {"measurement"}),
    "carbon_dioxide": ({"ppm"}, {"measurement"}),
    "conductivity": ({f"{MU}S/cm"}, {"measurement"}),
    "current": ({"A"}, {"measurement"}),
    "distance": ({"mm", "m"}, {"measurement"}),
    "duration": ({"s", "min"}, {None, "measurement"}),
    "energy": ({"kWh"}, {"total_increasing"}),
    "enum": ({""}, {None}),
    "frequency": ({"Hz"}, {"measurement"}),
    "gas": ({"m³"}, {"total"}),
    "humidity": ({"%"}, {"measurement"}),
    "illuminance": ({"lx"}, {"measurement"}),
    "moisture": ({"%"}, {"measurement"}),
    "pm10": ({f"{MU}g/m³"}, {"measurement"}),
    "pm25": ({f"{MU}g/m³"}, {"measurement"}),
    "power": ({"W"}, {"measurement"}),
    "power_factor": ({""}, {"measurement"}),
    "precipitation": ({"mm"}, {"measurement"}),
    "reactive_power": ({"var"}, {"measurement"}),
    "signal_strength": ({"dBm"}, {"measurement"}),
    "speed": ({"m/s"}, {"measurement"}),
    "temperature": ({"°C"}, {"measurement"}),
    "timestamp": ({""}, {None}),
    "volatile_organic_compounds": ({f"{MU}g/m³"}, {"measurement"}),
    "voltage": ({"V"}, {"measurement"}),
    "volume": ({"L", "mL"}, {"total"}),
    "volume_flow_rate": ({"m³/h"}, {"measurement"}),
    "volume_storage": ({"L"}, {"measurement"}),
    "water": ({"L"}, {"total"}),
    "weight": ({"kg", "lb"}, {"measurement"}),
    "wind_direction": ({"°"}, {"measurement_angle"}),
    "wind_speed": ({"m/s"}, {"measurement"}),
}
"""Units and state classes by device class (Home Assistant 2025.10, sensor/const.py)."""

BINARY_SENSORS = {
    *("battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door"),
    *("garage_door", "gas", "heat", "light", "lock", "moisture", "motion", "moving", "occupancy"),
    *("opening", "plug", "power", "presence", "problem", "running", "safety", "smoke", "sound"),
    *("tamper", "vibration", "window"),
}

ITSELF = {"state", "value"}
"""Keys that are what the channel is about, and are named as it is."""


def tables(origin: Origin) -> Iterator[Table]:
    yield origin.table
    yield from origin.others.values()
    yield from (companion.table for companion in origin.companions)


def fields() -> list[tuple[str, Field]]:
    """Every described key, with its place in the documentation."""
    found = [
        (f"{kind.name}.{field.key}", field)
        for kind in KINDS
        for origin in kind.origins
        for table in tables(origin)
        for field in table.fields
    ]
    meanings = [*OBJECTS.items(), *OF_MODELS.items()]
    return found + [
        (f"bthomesensor {number}", Field("value", ("value",), each.convert, each.unit, each.entity))
        for number, each in meanings
    ]


@pytest.mark.parametrize(("name", "field"), fields())
def test_home_assistant_takes_what_a_field_says(name: str, field: Field) -> None:
    entity = field.entity
    if entity is None:
        return
    if entity.platform == "binary_sensor":
        assert entity.device_class in {None, *BINARY_SENSORS}
        assert entity.state_class is None
        assert not field.unit
        assert not entity.options
    else:
        units, state_classes = SENSORS[entity.device_class]
        assert field.unit in units
        assert entity.state_class in state_classes
        assert bool(entity.options) == (entity.device_class == "enum")
    assert entity.name or entity.device_class not in (None, "enum") or field.key in ITSELF, name


@pytest.mark.parametrize(("_name", "field"), fields())
def test_a_field_has_a_plain_key_and_a_place(_name: str, field: Field) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", field.key)
    assert field.path or field.members or field.key in {"state", "type"}


@pytest.mark.parametrize(("_name", "field"), fields())
def test_a_choice_never_says_another_word(_name: str, field: Field) -> None:
    if field.entity is None or not field.entity.options:
        return
    options = field.entity.options
    assert len(set(options)) == len(options)
    if field.path:
        odd: tuple[Json, ...] = ("nonsense", "", None, 5, [], {})
        assert {field.convert(word) for word in odd} == {None}
        said = {field.convert(word) for word in (*options, *GEN1_EVENTS)}
        assert said - {None} == set(options)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_can_be_described(kind: Kind) -> None:
    assert topics.is_part(kind.name)
    assert kind.name not in topics.RESERVED_KINDS
    assert kind.title[0].isupper()
    assert kind.text.endswith(".")
    assert kind.origins
    for origin in kind.origins:
        assert re.match(r"(Gen\d(, BLU)?|BLU|All) ", origin.wire)
        for table in tables(origin):
            assert all(reason and not reason.endswith(".") for reason in table.dropped.values())
        keys = [field.key for field in origin.fields]
        assert len(set(keys)) == len(keys)


def test_no_two_kinds_share_a_name_or_a_title() -> None:
    assert len(BY_NAME) == len(KINDS)
    assert len({kind.title for kind in KINDS}) == len(KINDS)


def test_no_member_of_a_status_is_read_by_two_kinds() -> None:
    places = [
        (origin.form, origin.key)
        for kind in KINDS
        for origin in kind.origins
        if origin.form is not Form.FLAT and not origin.place
    ]
    assert len(set(places)) == len(places)


def test_what_is_read_in_several_ways_says_the_same() -> None:
    for kind in KINDS:
        units: dict[str, str] = {}
        for origin in kind.origins:
            for field in origin.fields:
                assert units.setdefault(field.key, field.unit) == field.unit, (kind, field.key)


def test_kinds_that_take_commands_bear_their_names_alone() -> None:
    assert {
        *("relay", "light", "roller", "input", "thermostat", "cury", "cb"),
        *("boolean", "number", "text", "enum", "button", "valve"),
    } <= ACTING


def test_where_a_kind_is_found_is_told_in_words() -> None:
    assert [origin.wire for origin in BY_NAME["relay"].origins] == [
        "Gen1 `relays[]` with `meters[]`",
        "Gen2 `switch:N`",
    ]
    assert [origin.wire for origin in BY_NAME["sys"].origins] == [
        "Gen1 all other members of the status",
        "Gen2 `sys`",
    ]
    assert BY_NAME["battery"].origins[0].wire == "Gen1 `bat`, `charger`"
    assert BY_NAME["temperature"].origins[1].wire == "Gen1 `ext_temperature.N`"
