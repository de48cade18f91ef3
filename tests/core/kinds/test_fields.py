"""The table form of a kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.kinds.convert import kwh_from_wh, number, on_off
from bridge.core.kinds.fields import ABSENT, PLAIN, WHOLE, Field, Table, described
from bridge.core.model import Json
from tests.core.strategies import JSON


def half(component: Json) -> object:
    return component["whole"] / 2 if "whole" in component else ABSENT


TABLE = Table(
    fields=(
        Field("state", ("output",), on_off),
        Field("energy", ("aenergy", "total"), kwh_from_wh, "kWh"),
        Field("half", (), half, members=("whole",)),
    ),
    dropped={"errors": "they are worked out", "aenergy.by_minute": "the total holds them"},
)


def test_a_table_renames_converts_and_passes_on() -> None:
    component = {"id": 0, "output": True, "aenergy": {"total": 5000}, "tag": "x", "errors": ["e"]}
    assert TABLE.read(component) == {"state": "ON", "energy": 5.0, "tag": "x"}


def test_what_is_absent_gives_no_key() -> None:
    assert TABLE.read({"aenergy": {"by_minute": []}}) == {}
    assert TABLE.read({"aenergy": None, "output": None}) == {"state": None}


def test_a_value_can_be_worked_out_of_the_whole_component() -> None:
    assert TABLE.read({"whole": 6}) == {"half": 3}


def test_no_member_passes_for_one_of_our_keys() -> None:
    assert TABLE.read({"state": "x", "energy": 5, "half": 7, "id": 8, "_attrs": {}}) == {}


def test_a_field_says_where_it_is_read() -> None:
    assert [field.wire for field in TABLE.fields] == [
        ("output",),
        ("aenergy.total",),
        ("whole",),
    ]


CHECKED = Table(
    fields=(Field("power", ("power",), number), Field("lux", ("light", "lux"), number)),
    checked=True,
)


@pytest.mark.parametrize("told", [False, "false", 0])
def test_what_calls_itself_invalid_is_unknown(told: Json) -> None:
    assert CHECKED.read({"power": 0, "is_valid": told}) == {"power": None}
    assert CHECKED.read({"power": 5, "light": {"lux": 0, "is_valid": told}}) == {
        "power": 5,
        "lux": None,
    }


@pytest.mark.parametrize("told", [True, "true", None, "x"])
def test_anything_else_is_valid(told: Json) -> None:
    assert CHECKED.read({"power": 0, "is_valid": told, "light": {"is_valid": False}}) == {
        "power": 0
    }


def test_of_two_fields_for_one_key_the_last_that_is_there_decides() -> None:
    table = Table((Field("value", ("one",), number), Field("value", ("two",), number, "V")))
    assert table.read({"two": 2, "one": 1}) == {"value": 2}
    assert table.read({"one": 1}) == {"value": 1}
    assert [field.unit for field in described(table)] == ["V"]


def test_the_first_of_several_tables_decides() -> None:
    one = Table((Field("value", ("a",), number, "V"),))
    two = Table((Field("value", ("b",), number, "A"), Field("more", ("c",), number)))
    assert [(field.key, field.unit) for field in described(one, two)] == [
        ("value", "V"),
        ("more", ""),
    ]


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_an_unknown_kind_keeps_its_members(component: dict[str, Json]) -> None:
    expected = {key: value for key, value in component.items() if key not in ("id", "_attrs")}
    assert PLAIN.read({**component, "id": 3, "_attrs": {}}) == expected


def test_a_component_without_a_number_keeps_its_id() -> None:
    assert WHOLE.read({"id": "x", "_attrs": 1, "uptime": 5}) == {"id": "x", "uptime": 5}
