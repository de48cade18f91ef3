"""How simulated things behave: what is switched, glows, draws power, warms, is pressed.

They know time (unix s, handed in) and physics, but no generation and no wire format. A value
changes only in `advance`, `measure` and by an order, so that between two of them a device says
the same whenever it is asked.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from bridge.simulator.devices.orders import LightOrder, Order, Refused, RelayOrder

NEVER = math.inf


class Thing:
    """One channel's worth of the world."""

    def advance(self, now: float) -> None:
        """Let time pass until `now`."""

    def due(self) -> float:
        """When `advance` has something to do next."""
        return NEVER

    def measure(self, dice: Random) -> None:
        """Take a new sample of what is measured."""


class Actuator(Thing, ABC):
    """A thing that takes orders; `takes` is their kind."""

    takes: ClassVar[str]

    @abstractmethod
    def obey(self, order: Order, source: str, now: float) -> None:
        """Carry out an order of somebody called `source`, or raise `Refused`."""


class Outlet(Actuator):
    """An output with a load of `rated` W behind it; counts its energy in Wh."""

    takes = "relay"

    def __init__(self, rated: float) -> None:
        self.rated = rated
        self.on = False
        self.source = "init"
        self.power = 0.0
        self.energy = 0.0
        self.voltage = 230.0
        self.warmth = 45.0
        self.timer_started: float | None = None
        self.timer_seconds = 0.0
        self.counts = True
        """Whether it counts its own energy."""
        self._at: float | None = None

    def _level(self) -> float:
        return 1.0

    @property
    def current(self) -> float:
        """A, at a power factor of 1."""
        return round(self.power / self.voltage, 3)

    @property
    def minute(self) -> int:
        """The full minute (unix s) up to which it has counted."""
        return int((self._at or 0.0) // 60 * 60)

    @property
    def timer_left(self) -> float:
        """Seconds, as last counted, until the timer flips the output; 0 without one."""
        if self.timer_started is None or self._at is None:
            return 0.0
        return max(0.0, self.timer_started + self.timer_seconds - self._at)

    def due(self) -> float:
        return NEVER if self.timer_started is None else self.timer_started + self.timer_seconds

    def advance(self, now: float) -> None:
        flip = self.due()
        if flip <= now:
            self.switch(not self.on, "timer", flip)
        self._count(now)

    def measure(self, dice: Random) -> None:
        self.voltage = round(dice.uniform(227.0, 234.0), 1)
        swing = dice.uniform(0.98, 1.02)
        self.power = round(self.rated * self._level() * swing, 1) if self.on else 0.0
        self.warmth = round(dice.uniform(44.0, 47.0) + (8 if self.on else 0), 1)

    def switch(self, on: bool, source: str, now: float, timer: float | None = None) -> None:
        """Turn on or off; `timer` (s) flips back, and any earlier timer is forgotten."""
        self._count(now)
        self.on = on
        self.source = source
        self.timer_started = None if timer is None else now
        self.timer_seconds = timer or 0.0
        self.power = round(self.rated * self._level(), 1) if on else 0.0

    def turn(self, word: str | None, source: str, now: float, timer: float | None) -> None:
        """`on`, `off`, `toggle`, or None to stay."""
        on = {"on": True, "off": False, "toggle": not self.on, None: self.on}[word]
        self.switch(on, source, now, timer)

    def obey(self, order: Order, source: str, now: float) -> None:
        if not isinstance(order, RelayOrder):
            raise Refused("this channel is a relay")
        self.turn(order.turn, source, now, order.timeout)

    def _count(self, now: float) -> None:
        if self.counts and self._at is not None and now > self._at:
            self.energy += self.power * (now - self._at) / 3600
        self._at = now if self._at is None else max(now, self._at)


class Lamp(Outlet):
    """A light; `abilities` are the order's members that it understands.

    With `split` it is a Gen1 light: in mode `color` its level is `gain`, else `brightness`.
    """

    takes = "light"

    def __init__(
        self, rated: float, abilities: frozenset[str], *, mode: str = "white", split: bool = False
    ) -> None:
        self.abilities = abilities
        self.mode = mode
        self.split = split
        self.brightness = 50
        self.gain = 100
        self.white = 0
        self.rgb = [255, 255, 255]
        self.temp = 4000
        self.effect = 0
        self.transition = 0
        super().__init__(rated)

    def _level(self) -> float:
        if self.split and self.mode == "color":
            return self.gain / 100 * (sum(self.rgb) + self.white) / 1020
        if "red" in self.abilities and not self.split:
            parts = (*self.rgb, self.white) if "white" in self.abilities else (*self.rgb,)
            return self.brightness / 100 * sum(parts) / (255 * len(parts))
        return self.brightness / 100

    def obey(self, order: Order, source: str, now: float) -> None:
        if not isinstance(order, LightOrder):
            raise Refused("this channel is a light")
        for ability in ("temp", "white", "red", "effect"):
            if getattr(order, ability) is not None and ability not in self.abilities:
                raise Refused(f"this light has no {ability}")
        if order.mode is not None and "mode" in self.abilities:
            self.mode = order.mode
        self._level_by(order)
        for index, value in enumerate((order.red, order.green, order.blue)):
            if value is not None:
                self.rgb[index] = value
        for name in ("white", "temp", "effect", "transition"):
            value = getattr(order, name)
            if value is not None:
                setattr(self, name, value)
        self.turn(order.turn, source, now, order.timeout)

    def _level_by(self, order: LightOrder) -> None:
        if self.split:
            # What does not count in this mode is taken and has no effect, as on the device.
            if order.gain is not None:
                self.gain = order.gain
            if order.brightness is not None:
                self.brightness = order.brightness
            return
        level = order.gain if order.brightness is None else order.brightness
        if level is not None:
            self.brightness = level


class Phase(Thing):
    """One phase of a house: a load that wanders around `usual` W, negative where the sun pays."""

    def __init__(self, usual: float, energy: float = 0.0) -> None:
        self.usual = usual
        self.power = usual
        self.voltage = 230.0
        self.factor = 0.95
        self.energy = energy
        self.returned = 0.0
        self._at: float | None = None

    @property
    def apparent(self) -> float:
        """VA."""
        return round(abs(self.power) / self.factor, 1)

    @property
    def current(self) -> float:
        """A."""
        return round(self.apparent / self.voltage, 3)

    def advance(self, now: float) -> None:
        if self._at is not None and now > self._at:
            energy = self.power * (now - self._at) / 3600
            if energy >= 0:
                self.energy += energy
            else:
                self.returned -= energy
        self._at = now

    def measure(self, dice: Random) -> None:
        pull = (self.usual - self.power) * 0.2
        self.power = round(self.power + pull + dice.gauss(0, abs(self.usual) * 0.08 + 1), 1)
        self.voltage = round(dice.uniform(227.0, 234.0), 1)
        self.factor = round(dice.uniform(0.85, 0.99), 2)


class Climate(Thing):
    """A room with a battery-powered sensor in it."""

    def __init__(self, temperature: float = 21.0, humidity: float = 48.0) -> None:
        self._middle = temperature
        self.temperature = temperature
        self.humidity = humidity
        self.battery = 96
        self.lux = 120
        self.open = False
        self._now = 0.0

    def advance(self, now: float) -> None:
        self._now = now

    def measure(self, dice: Random) -> None:
        wave = math.sin(self._now % 86_400 / 86_400 * math.tau)
        self.temperature = round(self._middle + 2 * wave + dice.uniform(-0.2, 0.2), 1)
        self.humidity = round(48 - 6 * wave + dice.uniform(-0.5, 0.5), 1)
        self.lux = max(0, round(300 * wave + dice.uniform(0, 20)))
        if self.battery > 20 and dice.random() < 0.002:
            self.battery -= 1


class Input(Thing):
    """A wall switch or a button; with `fades` a press is forgotten after a second."""

    def __init__(self, kind: str, *, fades: bool = False, follower: Outlet | None = None) -> None:
        self.kind = kind
        self.on = False
        self.event = ""
        self.count = 0
        self._fades = fades
        self._follower = follower
        self._pressed = NEVER

    def press(self, event: str, now: float) -> None:
        """A button gets `event`; a switch is flipped, and its output follows."""
        if self.kind == "switch":
            self.on = not self.on
            if self._follower is not None:
                self._follower.switch(self.on, "switch", now)
            return
        self.event = event
        self.count += 1
        self._pressed = now

    def due(self) -> float:
        return self._pressed + 1.0 if self._fades and self.event else NEVER

    def advance(self, now: float) -> None:
        if self.due() <= now:
            self.event = ""


def fahrenheit(celsius: float) -> float:
    """°F of °C, as the devices round it."""
    return round(celsius * 1.8 + 32, 1)
