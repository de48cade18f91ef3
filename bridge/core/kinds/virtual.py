"""Virtual components of Gen2+: values that the user or a script made (Shelly docs, Virtual)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from bridge.core.kinds.convert import moment, number, on_off, one_of, text, unchanged, words
from bridge.core.kinds.entity import LAST_UPDATED, Entity, choice, measured
from bridge.core.kinds.entity import on_off as shown_on_off
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Facts, Form, Kind, Origin

MOST_TABLES = 1_024
"""Tables that are kept for other devices with the same settings."""

_CLASSES = {
    "°C": "temperature",
    "W": "power",
    "V": "voltage",
    "A": "current",
    "Hz": "frequency",
    "lx": "illuminance",
    "hPa": "atmospheric_pressure",
    "VA": "apparent_power",
    "var": "reactive_power",
    "dBm": "signal_strength",
}
"""Units that leave no doubt about what is measured."""

_ROLES = {"current_humidity": ("humidity", "%"), "target_humidity": ("humidity", "%")}
"""Roles of Shelly's services that say more than the unit does."""

_ALWAYS = (
    Field("source", ("source",), text),
    Field("last_updated", ("last_update_ts",), moment, "", LAST_UPDATED),
)

BOOLEAN = Kind(
    "boolean",
    "Boolean",
    "A virtual switch.",
    (
        Origin(
            "Gen2",
            "boolean",
            Form.COMPONENT,
            Table(fields=(Field("state", ("value",), on_off, "", shown_on_off(None)), *_ALWAYS)),
        ),
    ),
    acts=True,
)


@lru_cache(MOST_TABLES)
def _number(unit: str, role: str) -> Table:
    device_class, wanted = _ROLES.get(role, (_CLASSES.get(unit), unit))
    entity = measured(device_class if unit == wanted else None)
    return Table(fields=(Field("value", ("value",), number, unit, entity), *_ALWAYS))


def _number_by(facts: Facts) -> Table:
    return _number(text(facts.get("unit")) or "", text(facts.get("role")) or "")


NUMBER = Kind(
    "number",
    "Number",
    "A virtual number; its unit and range are the user's.",
    (Origin("Gen2", "number", Form.COMPONENT, _number("", ""), tailored=_number_by),),
    acts=True,
)

TEXT = Kind(
    "text",
    "Text",
    "A virtual text.",
    (
        Origin(
            "Gen2",
            "text",
            Form.COMPONENT,
            Table(
                fields=(
                    Field("value", ("value",), text, "", Entity()),
                    *_ALWAYS,
                )
            ),
        ),
    ),
    acts=True,
)


@lru_cache(MOST_TABLES)
def _enum(options: tuple[str, ...]) -> Table:
    """With known options any other word is unknown, as Home Assistant refuses it."""
    convert = one_of(*options) if options else text
    shown = shown_options(options)
    entity = choice(*shown) if shown else Entity()
    return Table(fields=(Field("value", ("value",), convert, "", entity), *_ALWAYS))


def shown_options(options: Sequence[str]) -> tuple[str, ...]:
    """The options as Home Assistant can show them.

    It takes blanks at both ends away, so that options which differ by them are one for it, and
    the word `None` for no option at all.
    """
    plain = dict.fromkeys(option.strip() for option in options)
    return tuple(option for option in plain if option.lower() not in ("", "none"))


def _enum_by(facts: Facts) -> Table:
    return _enum(tuple(dict.fromkeys(words(facts.get("options")))))


ENUM = Kind(
    "enum",
    "Choice",
    "A virtual choice; its options are the user's.",
    (Origin("Gen2", "enum", Form.COMPONENT, _enum(()), tailored=_enum_by),),
    acts=True,
)

BUTTON = Kind(
    "button",
    "Button",
    "A virtual button: it has no reading, and tells presses as events.",
    (Origin("Gen2", "button", Form.COMPONENT, Table(fields=()), bare=True),),
    acts=True,
)

GROUP = Kind(
    "group",
    "Group",
    "The virtual components that are shown together.",
    (
        Origin(
            "Gen2",
            "group",
            Form.COMPONENT,
            Table(fields=(Field("value", ("value",), unchanged), *_ALWAYS)),
        ),
    ),
)

OBJECT = Kind(
    "object",
    "Object",
    "What a service keeps, as it writes it.",
    (
        Origin(
            "Gen2",
            "object",
            Form.COMPONENT,
            Table(fields=(Field("value", ("value",), unchanged), *_ALWAYS)),
        ),
    ),
)

KINDS = (BOOLEAN, NUMBER, TEXT, ENUM, BUTTON, GROUP, OBJECT)
