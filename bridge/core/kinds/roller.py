"""Rollers: Gen1 `rollers[]` and Gen2+ `cover`, in Home Assistant's words for covers."""

from __future__ import annotations

from functools import partial

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


def _position(member: str, roller: Json) -> float | None:
    """The position; `member` tells whether it is known. Gen1 says 101 or −1 where it is not."""
    return None if boolean(roller.get(member)) is False else percent(roller.get("current_pos"))


def _calibrated(member: str, roller: Json) -> object:
    """Only a calibrated one knows its position, where nothing else tells (Shelly docs, Cover)."""
    if boolean(roller.get(member)) is None and _position(member, roller) is not None:
        return True
    return boolean(roller[member]) if member in roller else ABSENT


COVER = Table(
    fields=(
        Field("state", (), _state, entity=_STATE, members=("state",)),
        Field(
            "position",
            (),
            partial(_position, "pos_control"),
            "%",
            _POSITION,
            members=("current_pos", "pos_control"),
        ),
        Field("target", ("target_pos",), percent, "%", detail(None, "Target position")),
        Field("slat_position", ("slat_pos",), percent, "%", measured(None, "Slat position")),
        Field(
            "calibrated",
            (),
            partial(_calibrated, "pos_control"),
            entity=_CALIBRATED,
            members=("pos_control",),
        ),
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


def _gen1_state(roller: Json) -> str | None:
    """Its `state` is the direction of travel; at rest the position tells open from closed."""
    moving = roller.get("state")
    if moving == "stop":
        position = _position("positioning", roller)
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
            partial(_position, "positioning"),
            "%",
            _POSITION,
            members=("current_pos", "positioning"),
        ),
        Field(
            "calibrated",
            (),
            partial(_calibrated, "positioning"),
            entity=_CALIBRATED,
            members=("positioning",),
        ),
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
