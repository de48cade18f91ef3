"""All kinds that there are, and where each is found in a status."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.core.kinds import (
    alarms,
    bthome,
    detection,
    environment,
    system,
    virtual,
    weather,
)
from bridge.core.kinds.battery import BATTERY_KIND
from bridge.core.kinds.breaker import BREAKER
from bridge.core.kinds.cury import CURY
from bridge.core.kinds.input import INPUT
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.kinds.light import LIGHT
from bridge.core.kinds.meter import METER
from bridge.core.kinds.relay import RELAY
from bridge.core.kinds.roller import ROLLER
from bridge.core.kinds.thermostat import THERMOSTAT

KINDS: tuple[Kind, ...] = (
    RELAY,
    LIGHT,
    ROLLER,
    INPUT,
    METER,
    *environment.KINDS,
    BATTERY_KIND,
    *alarms.KINDS,
    *detection.KINDS,
    THERMOSTAT,
    CURY,
    BREAKER,
    *virtual.KINDS,
    *bthome.KINDS,
    *weather.KINDS,
    *system.KINDS,
)
"""In the order of the documentation."""

BY_NAME = {kind.name: kind for kind in KINDS}

Found = tuple[Kind, Origin]


def _of(form: Form) -> Iterator[Found]:
    return (
        (kind, origin)
        for kind in KINDS
        for origin in kind.origins
        if origin.form is form and origin.table is not system.SYS
    )


BY_KEY: dict[tuple[Form, str], Found] = {
    (form, found[1].key): found for form in Form if form is not Form.FLAT for found in _of(form)
}
"""How a member of the status is read, by its form and its name without the number."""

FLAT: tuple[Found, ...] = tuple(_of(Form.FLAT))
"""Gen1's kinds that are put together from members of the status itself."""

FLAT_KEYS = frozenset(key for _, origin in FLAT for key in origin.flat)

TELLING = tuple(sorted({origin.having[1] for _, origin in FLAT if origin.having}))
"""Members of objects whose presence decides about the kind."""

OWNERS: dict[str, tuple[str, ...]] = {}
"""Components that are read into the channels of others, and the others."""

for _kind in KINDS:
    for _origin in _kind.origins:
        for _companion in _origin.companions:
            OWNERS[_companion.key] = (*OWNERS.get(_companion.key, ()), _origin.key)

ACTING = frozenset(kind.name for kind in KINDS if kind.acts)
"""Kinds that take commands or tell presses: what is unknown may not bear their names."""
