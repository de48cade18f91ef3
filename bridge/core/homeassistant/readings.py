"""Entities for what can only be read: one for each described key that a channel has reported."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bridge.core.device import ChannelState
from bridge.core.homeassistant.entities import (
    CONTROLS,
    Draft,
    Options,
    Place,
    component_id,
    is_key,
    render,
    rendered,
    value_of,
)
from bridge.core.kinds.entity import Entity
from bridge.core.kinds.fields import Field

LONGEST_STATE = 255
"""Characters that Home Assistant takes for a state."""

_ITSELF = frozenset({"state", "value"})
"""Keys that are what a channel is about."""


def readings(place: Place, state: ChannelState, without: Collection[str]) -> Iterator[Draft]:
    """The entities of a channel's keys, except those that another entity shows already."""
    values = state.values
    for field in state.channel.fields:
        entity = field.entity
        if entity is None or field.key in without or field.key not in values:
            continue
        if is_key(field.key):
            yield _reading(place, field, entity)


def _reading(place: Place, field: Field, entity: Entity) -> Draft:
    sensor = entity.platform == "sensor"
    options: Options = {"stat_t": place.topic, "val_tpl": _template(field, entity)}
    options |= _sensor(field, entity) if sensor else _binary(entity)
    if entity.device_class is not None:
        options["dev_cla"] = entity.device_class
    if entity.diagnostic:
        options["ent_cat"] = "diagnostic"
    if not entity.enabled:
        options["en"] = False
    unclassed = entity.device_class in (None, "enum")
    itself = unclassed or (field.key in _ITSELF and place.kind in CONTROLS)
    return Draft(
        component_id(place.kind, place.number, entity.platform, field.key),
        entity.platform,
        place,
        options,
        label=entity.name,
        is_channel=entity.name is None and itself,
    )


def _sensor(field: Field, entity: Entity) -> Options:
    options: Options = {}
    if entity.state_class is not None:
        options["stat_cla"] = entity.state_class
    if field.unit:
        options["unit_of_meas"] = field.unit
    if entity.options:
        options["ops"] = list(entity.options)
    return options


def _binary(entity: Entity) -> Options:
    on, off = entity.words
    return {} if (on, off) == ("ON", "OFF") else {"pl_on": on, "pl_off": off}


def _template(field: Field, entity: Entity) -> str:
    value = value_of(field.key)
    if entity.template is not None:
        return render(f"{{% set value = {value} %}}{entity.template}")
    numeric = field.unit or entity.state_class
    if entity.platform == "sensor" and not (numeric or entity.device_class or entity.options):
        return render(f"{{{{ ({value} | string)[:{LONGEST_STATE}] }}}}")
    return rendered(field.key, exact=entity.device_class in ("timestamp", "enum"))
