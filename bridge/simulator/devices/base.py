"""What every simulated device is and can do, whatever its generation.

A device is a list of channels; a channel is a thing and how its generation tells of it. The
device works out what to report; who is told, and whether, is the world's business.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Any, ClassVar, Protocol

from bridge.simulator.devices.orders import OPEN_CLOSE, Refused, RpcError, Words, parse
from bridge.simulator.devices.shutter import Shutter
from bridge.simulator.devices.things import NEVER, Actuator, Input, Outlet, Thing
from bridge.simulator.faults import CommandFault

Json = Any
Status = dict[str, Json]

_KEPT = 10_000
"""Commands that a device remembers."""


class Detail(Enum):
    """How much of a Gen2+ status an event carries; the cloud promises nothing."""

    MEMBERS = "members"
    """Only the members of a component that changed."""
    COMPONENTS = "components"
    """Whole components, those that changed."""
    WHOLE = "whole"


class Surroundings(Protocol):
    """What a device needs of the world."""

    lock: AbstractContextManager[object]
    detail: Detail

    def now(self) -> float:
        """Unix s."""

    def status_changed(self, device: Device, part: Status) -> None:
        """The device reports."""

    def settings_changed(self, device: Device) -> None:
        """The device's settings changed."""

    def reschedule(self, device: Device) -> None:
        """The device's next due time may have changed."""


Native = Callable[["Device", str, Json, bool], Json]
"""Carries out a native call: device, method, parameters, whether only to pretend."""


@dataclass(frozen=True, slots=True)
class Received:
    """One command as it reached a device; `at` is monotonic s, `refusal` None when carried out.

    Of a native call `cmd` is the method.
    """

    at: float
    cmd: Json
    params: Json
    trid: Json
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Channel:
    """A thing and how it is told.

    `tell` gives the channel's part of the status, `configure` its part of the settings.
    `component` is its type where it can be called natively, such as `switch`.
    """

    thing: Thing
    number: int
    tell: Callable[[], Status]
    configure: Callable[[str | None], Status]
    component: str = ""


@dataclass(slots=True)
class Identity:
    """Who a device is; `names` has one entry per channel."""

    code: str
    type: str
    hex_id: str
    """Lower-case hex, or an `X…` id."""
    names: list[str]
    host: str
    user: int
    app: str = ""
    prefix: str = ""
    extra: dict[str, str] = field(default_factory=dict)


class Device(ABC):
    """A simulated device. Everything public may be called by any thread."""

    generation = "G2"
    source = "SHC"
    """The word for the cloud in `source` members."""
    native: ClassVar[Native | None] = None
    """What carries out native calls, if it can."""

    def __init__(
        self,
        identity: Identity,
        channels: Sequence[Channel],
        world: Surroundings,
        *,
        sleeps: bool = False,
    ) -> None:
        self.identity = identity
        self.channels = tuple(channels)
        self.online = True
        self.granted = True
        self.control = True
        self.sleeps = sleeps
        self.command_fault: CommandFault | None = None
        """What becomes of commands to this device; None: as its host's faults say."""
        self.version = 0
        """Rises whenever something but a measured value may have changed."""
        self.world = world
        self.dice = Random(identity.hex_id)  # noqa: S311 - noise on measured values
        self.born = world.now()
        self._report_every = NEVER
        self._next_report = NEVER
        self._received: deque[Received] = deque(maxlen=_KEPT)
        self.told = self._components()
        self.updated = self.born
        """When it reported last (unix s)."""

    # Who it is.

    @property
    def hex_id(self) -> str:
        """As it appears in a status and on MQTT."""
        return self.identity.hex_id

    @property
    def id(self) -> str:
        """As it appears in the cloud's frames: decimal, or the `X…` id."""
        hex_id = self.identity.hex_id
        return hex_id if hex_id.startswith("X") else str(int(hex_id, 16))

    @property
    def code(self) -> str:
        """Shelly's model code."""
        return self.identity.code

    @property
    def host(self) -> str:
        """The cloud host that serves it."""
        return self.identity.host

    @property
    def names(self) -> list[str]:
        """As the owner named its channels."""
        return list(self.identity.names)

    @property
    def title(self) -> str:
        """As the owner named it in the app."""
        return self.identity.extra.get("title", "")

    # What it tells.

    def status(self) -> Status:
        """The whole status as the cloud knows it."""
        with self.world.lock:
            return self._components() | self._surroundings()

    def known(self) -> Status:
        """What the cloud stored of it: of an offline device as it was before."""
        with self.world.lock:
            components = self._components() if self.online else self.told
            return components | self._surroundings()

    @abstractmethod
    def settings(self) -> Status:
        """The settings, with (made-up) secrets in them as on real devices."""

    @abstractmethod
    def _surroundings(self) -> Status:
        """What the status holds besides the channels."""

    @abstractmethod
    def changes(self, *, whole: bool = False) -> Status:
        """What an event would carry now; empty when there is nothing to tell."""

    def excerpt(self, channel: Channel) -> Status:
        """What an event carries when only a channel's measured values changed."""
        return channel.tell()

    def _components(self) -> Status:
        status: Status = {}
        for channel in self.channels:
            for key, value in channel.tell().items():
                if isinstance(value, list) and isinstance(status.get(key), list):
                    status[key] = status[key] + value
                else:
                    status[key] = value
        return status

    def _configured(self) -> Status:
        """The channels' part of the settings."""
        settings: Status = {}
        for index, channel in enumerate(self.channels):
            name = self.identity.names[index] if index < len(self.identity.names) else None
            for key, value in channel.configure(name).items():
                if isinstance(value, list) and isinstance(settings.get(key), list):
                    settings[key] = settings[key] + value
                else:
                    settings[key] = value
        return settings

    # What happens to it.

    @property
    def received(self) -> tuple[Received, ...]:
        """The commands that came, oldest first."""
        with self.world.lock:
            return tuple(self._received)

    def execute(
        self,
        cmd: Json,
        params: Json,
        trid: Json,
        *,
        pretend: bool = False,
        words: Words = OPEN_CLOSE,
    ) -> Refused | None:
        """Carry out a command without reporting yet; gives the refusal if there is one.

        With `pretend` it is checked and counted, but nothing is done. A roller is moved by `words`.
        """
        refusal = None
        try:
            kind, number, order = parse(cmd, params, words)
            actuator = self._actuator(kind, number)
            if not pretend:
                self.version += 1
                actuator.obey(order, self.source, self.world.now())
        except Refused as error:
            refusal = error
        self._note(cmd, params, trid, refusal)
        return refusal

    def _note(self, cmd: Json, params: Json, trid: Json, refusal: Exception | None) -> None:
        text = None if refusal is None else str(refusal)
        self._received.append(Received(time.monotonic(), cmd, params, trid, text))

    def call(self, method: str, params: Json, trid: Json, *, pretend: bool = False) -> Json:
        """Carry out a native call without reporting yet; gives its result, or raises `RpcError`.

        Only Gen2+ devices can; `pretend` is as in `execute`.
        """
        refusal = None
        try:
            native = type(self).native
            if native is None:
                raise RpcError("WRONG_ID")
            self.version += 1
            return native(self, method, params, pretend)
        except RpcError as error:
            refusal = error
            raise
        finally:
            self._note(method, params, trid, refusal)

    def _actuator(self, kind: str, number: int) -> Actuator:
        found = None
        for channel in self.channels:
            if isinstance(channel.thing, Actuator) and channel.thing.takes == kind:
                found = channel.thing
                if channel.number == number:
                    return found
        if found is None:
            raise Refused(f"the device takes no {kind} command")
        raise Refused(f"the device has no {kind} {number}")

    def press(self, number: int = 0, event: str = "S") -> None:
        """Press button `number` (`S`, `SS`, `SSS`, `L`, …) or flip switch `number`."""
        with self.world.lock:
            self._input(number).press(event, self.world.now())
            # The cloud tells Gen2+ presses as a value: equal ones in a row must be told as well.
            self.told.pop(f"v_eve:{number}", None)
            self.publish()

    def _input(self, number: int) -> Input:
        for channel in self.channels:
            if isinstance(channel.thing, Input) and channel.number == number:
                return channel.thing
        raise ValueError(f"{self.code} has no input {number}")

    def change(self, number: int = 0, **values: Json) -> None:
        """Change members of the thing behind channel `number` by hand, and report.

        `on` of an output switches it as if by its own button.
        """
        with self.world.lock:
            thing = self._thing(number, set(values))
            now = self.world.now()
            thing.advance(now)
            if isinstance(thing, Outlet) and "on" in values:
                thing.switch(values.pop("on"), "button", now)
            for name, value in values.items():
                setattr(thing, name, value)
            self.publish()

    def _thing(self, number: int, members: set[str]) -> Thing:
        """The first thing of that number that has all the members."""
        for channel in self.channels:
            if channel.number == number and all(hasattr(channel.thing, name) for name in members):
                return channel.thing
        raise ValueError(f"{self.code} has no channel {number} with {sorted(members)}")

    def block(self, number: int = 0) -> None:
        """Put something in the way of roller `number`."""
        with self.world.lock:
            thing = self._thing(number, {"block"})
            if isinstance(thing, Shutter):
                thing.block(self.world.now())
            self.publish()

    def rename(self, *names: str) -> None:
        """The owner gives the channels other names; the cloud tells the new settings."""
        with self.world.lock:
            self.identity.names = list(names)
            self.identity.extra["title"] = names[0] if names else ""
            self.world.settings_changed(self)

    def report_every(self, seconds: float) -> None:
        """Measure and report by itself from now on, the first time within `seconds`."""
        with self.world.lock:
            self._report_every = seconds
            self._next_report = self.world.now() + seconds * self.dice.random()
            self.world.reschedule(self)

    def measure(self) -> None:
        """Take new samples of everything and report them; a sleeper wakes for it."""
        with self.world.lock:
            self._measure(self.world.now())

    def _measure(self, now: float) -> None:
        for channel in self.channels:
            channel.thing.advance(now)
            channel.thing.measure(self.dice)
        self.publish(whole=self.sleeps)

    def pass_time(self) -> float:
        """Let the device live until now, with the lock held; gives when it is due next."""
        now = self.world.now()
        if self.due() > now:
            return self.due()
        if now >= self._next_report:
            self._next_report = now + self._report_every
            self._measure(now)
        else:
            for channel in self.channels:
                channel.thing.advance(now)
            self.publish()
        return self.due()

    def due(self) -> float:
        """When it wants time to pass next (unix s)."""
        nearest = min((channel.thing.due() for channel in self.channels), default=NEVER)
        return min(nearest, self._next_report)

    def publish(self, *, whole: bool = False) -> None:
        """Report what changed since the last report, with the lock held; offline it stays."""
        self.version += 1
        self.world.reschedule(self)
        if not self.online:
            return
        part = self.changes(whole=whole)
        if part:
            self.told = self._components()
            self.updated = self.world.now()
            self.world.status_changed(self, part)
