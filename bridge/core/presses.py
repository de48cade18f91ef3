"""Button presses in what devices report: each is told once, whatever repeats it.

A press has no frame of its own. Gen1 counts presses in `inputs[].event_cnt`; for Gen2+ and BLU the
cloud shows one in `v_eve:N`. Frames repeat what they told before, a device may come by several
links, and a snapshot may overtake a frame. (Shelly docs; the cloud's example client.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.kinds import input as inputs
from bridge.core.kinds.convert import number
from bridge.core.model import Json, LinkId

PRESS = "v_eve:"
"""How the members of a status begin that show presses and nothing else."""

WINDOW = 10.0
"""Seconds within which the same press may come by another link, or a frame be overtaken."""

MOST_RECENT = 1_000

_BUTTON = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Press:
    """A button was pressed; told once and never kept."""

    number: int
    event_type: str


@dataclass(slots=True)
class _Told:
    """A press that was told, by which links it came, and what tells it from others."""

    press: Press
    mark: Json
    links: set[LinkId]
    at: float


@dataclass(slots=True)
class _Link:
    """What one link said last: Gen1's `inputs`, and the count of states."""

    inputs: Json = None
    serial: Json = None
    shown: set[Press] = field(default_factory=set)
    """The presses that frames with that count showed."""
    overtaken: Json = None
    """Gen1's `inputs` before the last snapshot."""
    snapshot_serial: float | None = None
    snapshot_at: float = 0.0


@dataclass(slots=True)
class Presses:
    """The presses of one device. Times are unix s."""

    _links: dict[LinkId, _Link] = field(default_factory=dict)
    _told: list[_Told] = field(default_factory=list)

    def snapshot(self, link: LinkId, status: Mapping[str, Json], wall: float) -> None:
        """A whole status came: what it counts is no new press, but a frame may be behind it."""
        if "inputs" not in status and link not in self._links:
            return  # nothing that counts, so that no frame can be behind it
        said = self._links.setdefault(link, _Link())
        said.overtaken, said.inputs = said.inputs, status.get("inputs")
        said.snapshot_serial, said.snapshot_at = number(status.get("serial")), wall

    def told(
        self, link: LinkId, status: Mapping[str, Json], known: Json, wall: float
    ) -> list[Press]:
        """The new presses in a partial status; `known` are the `inputs` known so far."""
        if "inputs" not in status and not any(key.startswith(PRESS) for key in status):
            return []
        said = self._links.setdefault(link, _Link())
        return [
            *self._counted(link, said, status, known, wall),
            *self._shown(link, said, status, wall),
        ]

    def is_new(self, link: LinkId, press: Press, mark: Json, wall: float) -> bool:
        """Whether a press is not one that another link told a moment ago; then it is told.

        Equal presses have the same `mark`; one without a mark equals any.
        """
        self._told = [told for told in self._told[-MOST_RECENT:] if abs(wall - told.at) < WINDOW]
        for told in self._told:
            same = told.mark == mark or mark is None or told.mark is None
            if same and told.press == press and link not in told.links:
                told.links.add(link)
                return False
        self._told.append(_Told(press, mark, {link}, wall))
        return True

    def forget(self, link: LinkId) -> None:
        """The device does not come by that link any more."""
        self._links.pop(link, None)

    def _counted(
        self, link: LinkId, said: _Link, status: Mapping[str, Json], known: Json, wall: float
    ) -> list[Press]:
        """Gen1: a count that is another one than in the frame before."""
        new = status.get("inputs")
        if new is None:
            return []
        if _is_behind(said, status, wall):
            old, said.overtaken = said.overtaken, new
        else:
            old, said.inputs = (known if said.inputs is None else said.inputs), new
        found = []
        for index, event_type in inputs.gen1_presses(old, new):
            press = Press(index, event_type)
            if self.is_new(link, press, new[index].get("event_cnt"), wall):
                found.append(press)
        return found

    def _shown(
        self, link: LinkId, said: _Link, status: Mapping[str, Json], wall: float
    ) -> list[Press]:
        """Gen2+: shown at all, and not by a frame that this one repeats.

        The count is a time in 10 ms, so another frame may have it too: one that shows no press.
        """
        serial = status.get("serial", status.get("ts"))
        if serial is not None and serial != said.serial:
            said.serial, said.shown = serial, set()
        found = []
        for key, value in status.items():
            name = key.removeprefix(PRESS)
            event_type = inputs.press(value) if key.startswith(PRESS) else None
            if event_type is not None and _BUTTON.fullmatch(name):
                press = Press(int(name), event_type)
                if serial is not None:
                    if press in said.shown or len(said.shown) >= MOST_RECENT:
                        continue
                    said.shown.add(press)
                if self.is_new(link, press, serial, wall):
                    found.append(press)
        return found


def _is_behind(said: _Link, status: Mapping[str, Json], wall: float) -> bool:
    """Whether a frame is older than the last snapshot, which came by another connection."""
    serial = number(status.get("serial"))
    if serial is None or said.snapshot_serial is None:
        return False
    return serial <= said.snapshot_serial and abs(wall - said.snapshot_at) < WINDOW
