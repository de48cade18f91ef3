"""Virtual components: values that people and services make up, each with its settings.

(Shelly docs, Gen2 Virtual components; ids from 200.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from bridge.simulator.devices.base import Channel, Status
from bridge.simulator.devices.orders import Refused
from bridge.simulator.devices.readings import nothing
from bridge.simulator.devices.things import Thing

Json = Any

PUSHES = ("single_push", "double_push", "triple_push", "long_push")


class Virtual(Thing):
    """One value; `config` are its settings, `role` its function in a service that owns it.

    With `swing` it is measured and wanders.
    """

    def __init__(
        self,
        kind: str,
        value: Json,
        config: Mapping[str, Json],
        *,
        role: str | None = None,
        swing: float = 0.0,
    ) -> None:
        self.kind = kind
        self.value = value
        self.config = dict(config)
        self.role = role
        self.source = ""
        self.changed = 0
        """Unix s, 0 before the first change."""
        self._middle = value
        self._swing = swing
        self._now = 0.0

    def advance(self, now: float) -> None:
        self._now = now

    def measure(self, dice: Random) -> None:
        if self._swing:
            self.value = round(self._middle + dice.uniform(-self._swing, self._swing), 1)
            self.source, self.changed = "sys", int(self._now)

    def set(self, value: Json, source: str, now: float) -> None:
        """Take a new value, or raise `Refused`."""
        access = str(self.config.get("access", "*"))
        if access != "*" and "w" not in access:
            raise Refused("the value cannot be set")
        if not _CHECKS[self.kind](value, self.config):
            raise Refused(f"Argument 'value' is no {self.kind} that is allowed")
        self.value, self.source, self.changed = value, source, int(now)

    @property
    def attributes(self) -> Status:
        """What `Shelly.GetComponents` says besides."""
        return {} if self.role is None else {"owner": "service:0", "role": self.role}


def _number(value: Json, config: Mapping[str, Json]) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return bool(config["min"] <= value <= config["max"])


_CHECKS: dict[str, Callable[[Json, Mapping[str, Json]], bool]] = {
    "boolean": lambda value, _config: isinstance(value, bool),
    "number": _number,
    "text": lambda value, config: isinstance(value, str) and len(value) <= config["max_len"],
    "enum": lambda value, config: value is None or value in config["options"],
}


def _virtual(thing: Virtual, number: int, name: str) -> Channel:
    key = f"{thing.kind}:{number}"

    def tell() -> Status:
        said = {"value": thing.value, "source": thing.source, "last_update_ts": thing.changed}
        return {key: said}

    def configure(_name: str | None) -> Status:
        owner = "" if thing.role is None else "service:0"
        usual = {"id": number, "name": name, "access": "*", "owner": owner, "persisted": False}
        return {key: usual | thing.config}

    return Channel(thing, number, tell, configure, thing.kind)


def boolean(
    number: int,
    name: str,
    value: bool,
    titles: tuple[str, str] = ("", ""),
    *,
    view: str = "toggle",
    access: str = "*",
    role: str | None = None,
) -> Channel:
    """A flag; `titles` for false and true, `view` is `toggle` or `label`."""
    config = {"access": access, "default_value": value, "meta": _meta(view, titles=list(titles))}
    return _virtual(Virtual("boolean", value, config, role=role), number, name)


def number(
    number: int,
    name: str,
    value: float,
    span: tuple[float, float],
    unit: str = "",
    *,
    step: float = 1,
    view: str = "slider",
    role: str | None = None,
) -> Channel:
    """A number within `span` that can be set; `view` is `slider`, `field` or `progressbar`."""
    low, high = span
    meta = _meta(view, unit=unit, step=step)
    config = {"access": "crw", "default_value": value, "min": low, "max": high, "meta": meta}
    return _virtual(Virtual("number", value, config, role=role), number, name)


def measured(
    number: int,
    name: str,
    value: float,
    span: tuple[float, float],
    unit: str,
    role: str | None,
    swing: float,
) -> Channel:
    """A number that can only be read and wanders by `swing`."""
    low, high = span
    meta = _meta("label", unit=unit)
    config = {"access": "cr", "default_value": value, "min": low, "max": high, "meta": meta}
    return _virtual(Virtual("number", value, config, role=role, swing=swing), number, name)


def text(number: int, name: str, value: str, *, view: str = "field", access: str = "*") -> Channel:
    """A text of at most 255 characters; `view` is `field`, `label` or `image`."""
    config = {"access": access, "default_value": value, "max_len": 255, "meta": _meta(view)}
    return _virtual(Virtual("text", value, config), number, name)


def enum(
    number: int,
    name: str,
    value: str,
    titles: Mapping[str, str],
    *,
    view: str = "dropdown",
    access: str = "*",
    role: str | None = None,
) -> Channel:
    """One of the options, each with its title; `view` is `dropdown` or `label`."""
    meta = _meta(view, titles=dict(titles))
    config = {"access": access, "default_value": value, "options": list(titles), "meta": meta}
    return _virtual(Virtual("enum", value, config, role=role), number, name)


class Button(Thing):
    """A virtual button; nothing can be seen of it but what it was told."""

    def __init__(self) -> None:
        self.pushes: list[str] = []


def button(number: int, name: str) -> Channel:
    """A button without a state."""
    key = f"button:{number}"
    # The cloud's PHP makes an empty array of every empty object.
    config = {"id": number, "name": name, "access": "*", "owner": "", "meta": _meta("button")}
    return Channel(Button(), number, lambda: {key: []}, lambda _name: {key: config}, "button")


def group(number: int, name: str, *members: str) -> Channel:
    """Other components under one name."""
    key = f"group:{number}"
    said = {"value": list(members), "source": "rpc", "last_update_ts": 0}
    config = {"id": number, "name": name, "access": "*", "owner": "", "meta": _meta("group")}
    return Channel(Thing(), number, lambda: {key: said}, lambda _name: {key: config})


def service() -> Channel:
    """The program that owns components with a role."""
    state = {"etag": "0123456789abcdef", "state": "running", "stats": {"mem": 732}}
    return Channel(Thing(), 0, lambda: {"service:0": state}, nothing)


def _meta(view: str, **ui: Json) -> Status:
    return {"ui": {"view": view, "icon": None, **ui}}
