"""How a roller behaves: a motor that needs its time, and may or may not know where it stands."""

from __future__ import annotations

from random import Random

from bridge.simulator.devices.orders import Order, PositionOrder, Refused, RollerOrder
from bridge.simulator.devices.things import NEVER, Actuator

OPENING, RESTING, CLOSING = 1, 0, -1

_REPORT = 1.0
"""Seconds between two positions told on the way."""


class Shutter(Actuator):
    """A motor of `rated` W that needs `travel` s from one end to the other.

    `position` is 0 (closed) – 100; uncalibrated it is true all the same, but may not be told.
    """

    takes = "roller"

    def __init__(
        self,
        travel: float = 15.0,
        *,
        calibrated: bool = True,
        slats: bool = False,
        rated: float = 140.0,
        position: float = 100.0,
    ) -> None:
        self.travel = travel
        self.calibrated = calibrated
        self.slat: int | None = 100 if slats else None
        self.position = position
        self.direction = RESTING
        self.last_direction: int | None = None
        self.target: int | None = None
        self.source = "init"
        self.stop_reason = "normal"
        self.started = 0.0
        self.power = 0.0
        self.energy = 0.0
        self.voltage = 230.0
        self.warmth = 45.0
        self._rated = rated
        self._from = position
        self._end = NEVER
        self._seen = 0.0

    @property
    def shown(self) -> int:
        """The position in whole percent."""
        return round(self.position)

    @property
    def minute(self) -> int:
        """The full minute (unix s) up to which it has counted."""
        return int(self._seen // 60 * 60)

    def due(self) -> float:
        return min(self._end, self._seen + _REPORT) if self.direction else NEVER

    def measure(self, dice: Random) -> None:
        self.voltage = round(dice.uniform(227.0, 234.0), 1)
        self.warmth = round(dice.uniform(44.0, 47.0), 1)

    def advance(self, now: float) -> None:
        if not self.direction:
            return
        until = min(now, self._end)
        self.energy += self.power * max(0.0, until - self._seen) / 3600
        way = (until - self.started) * 100 / self.travel
        self.position = min(100.0, max(0.0, self._from + self.direction * way))
        self._seen = until
        if now >= self._end:
            self._rest("normal")

    def obey(self, order: Order, source: str, now: float) -> None:
        self.advance(now)
        if isinstance(order, PositionOrder):
            self._position(order, source, now)
        elif not isinstance(order, RollerOrder):
            raise Refused("this channel is a roller")
        elif order.go == "stop":
            self.source = source
            self._rest("normal")
        else:
            goal = 100 if order.go == "open" else 0
            self._drive(goal, source, now, order.duration, told=False)

    def block(self, now: float) -> None:
        """Something is in the way: the motor stops."""
        self.advance(now)
        if self.direction:
            self._rest("obstacle")

    def _position(self, order: PositionOrder, source: str, now: float) -> None:
        if not self.calibrated:
            raise Refused("the roller is not calibrated")
        if order.slat_pos is not None or order.slat_rel is not None:
            if self.slat is None:
                raise Refused("the roller has no slats")
            slat = order.slat_pos if order.slat_pos is not None else self.slat
            self.slat = min(100, max(0, slat + (order.slat_rel or 0)))
            self.source = source
        if order.pos is not None or order.rel is not None:
            goal = order.pos if order.pos is not None else self.shown + (order.rel or 0)
            self._drive(min(100, max(0, goal)), source, now, None, told=True)

    def _drive(
        self, goal: int, source: str, now: float, duration: float | None, *, told: bool
    ) -> None:
        self.source = source
        self.stop_reason = "normal"
        way = goal - self.position
        if not way:
            self._rest("normal")
            return
        seconds = abs(way) * self.travel / 100
        self.direction = OPENING if way > 0 else CLOSING
        self.last_direction = self.direction
        self.target = goal if told else None
        self.started = self._seen = now
        self.power = self._rated
        self._from = self.position
        self._end = now + (seconds if duration is None else min(seconds, duration))

    def _rest(self, reason: str) -> None:
        self.direction = RESTING
        self.target = None
        self.power = 0.0
        self.stop_reason = reason
        self._end = NEVER
        # A journey by position ends on a whole percent, whatever the clock's grain was.
        if abs(self.position - self.shown) < 0.01:
            self.position = float(self.shown)
