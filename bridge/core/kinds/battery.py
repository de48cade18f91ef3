"""Batteries: Gen1 `bat` and `charger`, Gen2+ and BLU `devicepower`."""

from __future__ import annotations

from bridge.core.kinds.convert import boolean, percent, positive
from bridge.core.kinds.entity import BATTERY, Entity, flag
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.kinds.meter import SOME_ERRORS

_VOLTAGE = Entity(device_class="voltage", state_class="measurement", diagnostic=True, enabled=False)

_GEN1 = Table(
    fields=(
        Field("battery", ("bat", "value"), percent, "%", BATTERY),
        Field("voltage", ("bat", "voltage"), positive, "V", _VOLTAGE),
        Field(
            "charging",
            ("charger",),
            boolean,
            "",
            flag("battery_charging", diagnostic=True),
        ),
    )
)

_GEN2 = Table(
    fields=(
        Field("battery", ("battery", "percent"), percent, "%", BATTERY),
        Field("voltage", ("battery", "V"), positive, "V", _VOLTAGE),
        Field(
            "external_power",
            ("external", "present"),
            boolean,
            "",
            flag("power", "External power", diagnostic=True),
        ),
        SOME_ERRORS,
    )
)

BATTERY_KIND = Kind(
    "battery",
    "Battery",
    "The battery, and whether the device has power from outside.",
    (
        Origin("Gen1", "bat", Form.FLAT, _GEN1, flat=("bat", "charger")),
        Origin("Gen2, BLU", "devicepower", Form.COMPONENT, _GEN2),
    ),
)
