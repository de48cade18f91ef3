"""Rollers: Gen1 `rollers[]` and Gen2+ `cover`, in Home Assistant's words for covers."""

from __future__ import annotations

from bridge.core.kinds.convert import boolean, number, one_of, percent, text, words
from bridge.core.kinds.entity import POWER, choice, detail, flag, measured, told
from bridge.core.kinds.fields import ABSENT, Field, Table
from bridge.core.kinds.kind import Companion, Form, Kind, Origin
from bridge.core.kinds.meter import ERRORS, METERED, METERED_DROPPED, MOTOR_METERS
from bridge.core.kinds.relay import GEN1_ERRORS, SWITCHED_BY
from bridge.core.model import Json

STATES = ("open", "opening", "closed", "closing", "stopped")
"""The states a roller can be in; one that is calibrating itself counts as `stopped`."""

_STATE = choice(*STATES)
_POSITION = measured(None, "Position")
_CALIBRATED = flag(None, "Calibrated", diagnostic=True, enabled=False)
_CALIBRATING = flag("running", "Calibrating", diagnostic=True, enabled=False)
_OBSTRUCTION = flag("problem", "Obstruction")
_DIRECTION = told("Last direction", "open", "close")
_known = one_of(*STATES)
_direction = one_of("open", "close")


def _state(cover: Json) -> str | None:
    state = cover.get("state")
    return "stopped" if state == "calibrating" else _known(state)


def _position(cover: Json) -> float | None:
    if boolean(cover.get("pos_control")) is False:
        return None
    return percent(cover.get("current_pos"))


def _calibrated(cover: Json) -> object:
    """Only a calibrated one knows its position, where nothing else tells (Shelly docs, Cover)."""
    if boolean(cover.get("pos_control")) is None and _position(cover) is not None:
        return True
    return boolean(cover["pos_control"]) if "pos_control" in cover else ABSENT


COVER = Table(
    fields=(
        Field("state", (), _state, entity=_STATE, members=("state",)),
        Field(
            "position",
            (),
            _position,
            "%",
            _POSITION,
            members=("current_pos", "pos_control"),
        ),
        Field("target", ("target_pos",), percent, "%", detail(None, "Target position")),
        Field("slat_position", ("slat_pos",), percent, "%", measured(None, "Slat position")),
        Field("calibrated", (), _calibrated, entity=_CALIBRATED, members=("pos_control",)),
        Field(
            "calibrating",
            (),
            lambda cover: cover.get("state") == "calibrating",
            entity=_CALIBRATING,
            members=("state",),
        ),
        Field(
            "obstruction",
            (),
            lambda cover: "obstruction" in words(cover.get("errors")),
            entity=_OBSTRUCTION,
            members=("errors",),
        ),
        Field("last_direction", ("last_direction",), _direction, "", _DIRECTION),
        *METERED,
        SWITCHED_BY,
        ERRORS,
    ),
    dropped=METERED_DROPPED,
)
"""Shelly docs, Gen2 Cover."""


def _gen1_position(roller: Json) -> float | None:
    """An uncalibrated one says 101 or −1 for a position that it does not know."""
    if boolean(roller.get("positioning")) is False:
        return None
    return percent(roller.get("current_pos"))


def _gen1_calibrated(roller: Json) -> object:
    if boolean(roller.get("positioning")) is None and _gen1_position(roller) is not None:
        return True
    return boolean(roller["positioning"]) if "positioning" in roller else ABSENT


def _gen1_state(roller: Json) -> str | None:
    """Its `state` is the direction of travel; at rest the position tells open from closed."""
    moving = roller.get("state")
    if moving == "stop":
        position = _gen1_position(roller)
        return "open" if position == 100 else "closed" if position == 0 else "stopped"
    return {"open": "opening", "close": "closing"}.get(moving) if isinstance(moving, str) else None


def _gen1_power(roller: Json) -> object:
    if "power" not in roller:
        return ABSENT
    return None if boolean(roller.get("is_valid")) is False else number(roller.get("power"))


GEN1_ROLLER = Table(
    fields=(
        Field("state", (), _gen1_state, entity=_STATE, members=("state",)),
        Field(
            "position",
            (),
            _gen1_position,
            "%",
            _POSITION,
            members=("current_pos", "positioning"),
        ),
        Field("calibrated", (), _gen1_calibrated, entity=_CALIBRATED, members=("positioning",)),
        Field("calibrating", ("calibrating",), boolean, "", _CALIBRATING),
        Field(
            "obstruction",
            (),
            lambda roller: roller.get("stop_reason") == "obstacle",
            entity=_OBSTRUCTION,
            members=("stop_reason",),
        ),
        Field("last_direction", ("last_direction",), _direction, "", _DIRECTION),
        Field("stop_reason", ("stop_reason",), text, "", told("Stop reason")),
        Field("safety_switch", ("safety_switch",), boolean, "", flag("safety", "Safety switch")),
        Field("power", (), _gen1_power, "W", POWER, members=("power", "is_valid")),
        SWITCHED_BY,
        GEN1_ERRORS,
    )
)
"""Shelly docs, Gen1 Shelly 2.5."""

ROLLER = Kind(
    "roller",
    "Roller",
    "A roller, blind or other cover that a motor moves.",
    (
        Origin(
            "Gen1",
            "rollers",
            Form.ARRAY,
            GEN1_ROLLER,
            (Companion("meters", MOTOR_METERS, is_shared=True),),
            bare=True,
            decisive=("calibrated",),
        ),
        Origin("Gen2", "cover", Form.COMPONENT, COVER, bare=True, decisive=("calibrated",)),
    ),
    acts=True,
)
