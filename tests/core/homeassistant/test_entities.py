"""Ids and templates: an id has one platform for ever, and a template only plain keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.homeassistant.entities import CONTROLS, component_id, is_key, value_of
from bridge.core.kinds.all import KINDS
from tests.core.homeassistant.guard import PLATFORMS


@pytest.mark.parametrize(("kind", "platform"), CONTROLS.items())
def test_the_id_without_a_key_is_of_one_platform(kind: str, platform: str) -> None:
    assert component_id(kind, 0, platform) == f"{kind}_0"
    for other in PLATFORMS.keys() - {platform}:
        with pytest.raises(ValueError, match="is no"):
            component_id(kind, 0, other)


def test_no_kind_is_called_as_another_and_a_number() -> None:
    for kind in KINDS:
        assert not any(part.isdecimal() for part in kind.name.split("_"))


KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
KINDS_AND_MORE = st.sampled_from([kind.name for kind in KINDS])


def ids(kind: str, number: int, key: str) -> Iterator[tuple[str, str]]:
    """Every id that can be made of a key, and its platform."""
    for platform in PLATFORMS:
        for each in (key, None):
            try:
                yield component_id(kind, number, platform, each), platform
            except ValueError:
                continue


@given(
    st.lists(st.tuples(KINDS_AND_MORE, st.integers(0, 999), KEYS), min_size=1, max_size=6),
    st.sampled_from(["", "_binary_sensor", "_event", "_button"]),
)
def test_no_id_serves_two_platforms(places: list[tuple[str, int, str]], ending: str) -> None:
    owner: dict[str, str] = {}
    for kind, number, key in places:
        for each in (key, f"{key}{ending}"):
            for component, platform in ids(kind, number, each):
                assert owner.setdefault(component, platform) == platform


@pytest.mark.parametrize(
    "key", ["", "a b", "a-b", "é", "A", "1a", "a'b", "a}}", "x_binary_sensor", "a" * 65, "_a"]
)
def test_an_odd_key_is_nowhere(key: str) -> None:
    assert not is_key(key)
    with pytest.raises(ValueError, match="plain key"):
        value_of(key)
    with pytest.raises(ValueError, match="plain key"):
        component_id("relay", 0, "sensor", key)


def test_a_key_that_is_a_method_of_an_object_is_quoted() -> None:
    assert value_of("power") == "value_json.power"
    assert value_of("items") == "value_json['items']"


def test_every_described_key_can_be_shown() -> None:
    for kind in KINDS:
        for origin in kind.origins:
            for field in origin.fields:
                assert field.entity is None or is_key(field.key)
