"""What notices things: doors, motion, tilt, and people in a zone.

Gen1 `sensor` and `accel`, BLU `window`, `motion` and `tilt`, Gen2+ `presencezone`.
"""

from __future__ import annotations

from bridge.core.kinds.convert import boolean, moment, number, positive
from bridge.core.kinds.entity import VIBRATION, flag, measured, when
from bridge.core.kinds.fields import Field, Table
from bridge.core.kinds.kind import Form, Kind, Origin
from bridge.core.kinds.meter import SOME_ERRORS
from bridge.core.model import Json

_OPEN = flag("opening")
_MOTION = flag("motion")
_TILT = measured(None, "Tilt")


def _gen1_open(value: Json) -> bool | None:
    return {"open": True, "close": False}.get(value) if isinstance(value, str) else None


DOOR = Kind(
    "door",
    "Door",
    "A door or window that is open or closed.",
    (
        Origin(
            "Gen1",
            "sensor",
            Form.FLAT,
            Table(
                fields=(Field("open", ("sensor", "state"), _gen1_open, "", _OPEN),), checked=True
            ),
            flat=("sensor",),
            having=("sensor", "state"),
        ),
        Origin(
            "BLU",
            "window",
            Form.COMPONENT,
            Table(fields=(Field("open", ("open",), boolean, "", _OPEN),)),
        ),
    ),
)

_GEN1_MOTION = Table(
    fields=(
        Field("motion", ("sensor", "motion"), boolean, "", _MOTION),
        Field("vibration", ("sensor", "vibration"), boolean, "", VIBRATION),
        Field(
            "active",
            ("sensor", "active"),
            boolean,
            "",
            flag(None, "Detection active", diagnostic=True, enabled=False),
        ),
        Field("last_motion", ("sensor", "timestamp"), moment, "", when("Last motion")),
    ),
    checked=True,
)

MOTION = Kind(
    "motion",
    "Motion",
    "A motion sensor.",
    (
        Origin(
            "Gen1",
            "sensor",
            Form.FLAT,
            _GEN1_MOTION,
            flat=("sensor",),
            having=("sensor", "motion"),
        ),
        Origin(
            "Gen1",
            "motion",
            Form.FLAT,
            Table(fields=(Field("motion", ("motion",), boolean, "", _MOTION),)),
            flat=("motion",),
        ),
        Origin(
            "BLU",
            "motion",
            Form.COMPONENT,
            Table(
                fields=(
                    Field("motion", ("motion",), boolean, "", _MOTION),
                    Field("motion", ("value",), boolean, "", _MOTION),
                )
            ),
        ),
    ),
)

TILT = Kind(
    "tilt",
    "Tilt",
    "How far a door or window is tilted, and whether it shakes.",
    (
        Origin(
            "Gen1",
            "accel",
            Form.FLAT,
            Table(
                fields=(
                    # −1 until the user calibrated it.
                    Field("tilt", ("accel", "tilt"), positive, "°", _TILT),
                    Field("vibration", ("accel", "vibration"), boolean, "", VIBRATION),
                )
            ),
            flat=("accel",),
        ),
        Origin(
            "BLU",
            "tilt",
            Form.COMPONENT,
            Table(
                fields=(
                    Field("tilt", ("value",), number, "°", _TILT),
                    Field("tilt", ("angle",), number, "°", _TILT),
                )
            ),
        ),
    ),
)

PRESENCE = Kind(
    "presence",
    "Presence",
    "Whether somebody is in a zone; number 0 is the sensor itself.",
    (
        Origin(
            "Gen2",
            "presencezone",
            Form.COMPONENT,
            Table(
                fields=(
                    Field("presence", ("value",), boolean, "", flag("occupancy")),
                    Field("objects", ("num_objects",), positive, "", measured(None, "Objects")),
                    SOME_ERRORS,
                )
            ),
        ),
        Origin("Gen2", "presence", Form.SINGLE, Table(fields=(), numbered=False)),
    ),
)

KINDS = (DOOR, MOTION, TILT, PRESENCE)
