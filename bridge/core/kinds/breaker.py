"""Circuit breakers of the Pro line: `cb`."""

from __future__ import annotations

from bridge.core.kinds.convert import boolean, celsius, on_off, positive
from bridge.core.kinds.entity import INTERNAL_TEMPERATURE, Entity, flag
from bridge.core.kinds.entity import on_off as shown_on_off
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.kinds.meter import ERRORS, FAHRENHEIT
from bridge.core.kinds.relay import SWITCHED_BY

_CYCLES = Entity(
    state_class="total_increasing", name="Switching cycles", diagnostic=True, enabled=False
)

BREAKER = Kind(
    "cb",
    "Circuit breaker",
    "A circuit breaker; `safety` says that it tripped or was locked by hand.",
    (
        Origin(
            "Gen2",
            "cb",
            Form.COMPONENT,
            Table(
                fields=(
                    Field("state", ("output",), on_off, "", shown_on_off("power")),
                    Field("safety", ("safety",), boolean, "", flag("safety", "Tripped or locked")),
                    Field(
                        "temperature", ("temperature", "tC"), celsius, "°C", INTERNAL_TEMPERATURE
                    ),
                    Field("total_cycles", ("total_cycles",), positive, "", _CYCLES),
                    SWITCHED_BY,
                    ERRORS,
                ),
                dropped={"temperature.tF": FAHRENHEIT},
            ),
        ),
    ),
    acts=True,
)
