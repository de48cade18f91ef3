"""How Home Assistant shows a value that can only be read, and the values that many kinds have.

(Home Assistant, `homeassistant/components/sensor/const.py`: classes and their units; which values
are shown from the start is what its own Shelly integration does.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Entity:
    """One read-only entity; its unit is that of the field it belongs to.

    `name` is None where the class names it, and for what the channel itself is about, which is
    named as the channel. `template` is Jinja with `value` for the key's value.
    """

    platform: Literal["sensor", "binary_sensor"] = "sensor"
    device_class: str | None = None
    state_class: str | None = None
    name: str | None = None
    diagnostic: bool = False
    enabled: bool = True
    options: tuple[str, ...] = ()
    """All words that a sensor of class `enum` can say."""
    words: tuple[str, str] = ("True", "False")
    """What a binary sensor's template gives for on and off."""
    template: str | None = None


def measured(device_class: str | None, name: str | None = None) -> Entity:
    """A measurement that everybody wants to see."""
    return Entity(device_class=device_class, state_class="measurement", name=name)


def detail(device_class: str | None, name: str | None = None) -> Entity:
    """A measurement that few want to see: there, but disabled at first."""
    return Entity(device_class=device_class, state_class="measurement", name=name, enabled=False)


def counted(device_class: str | None, name: str | None = None, *, enabled: bool = True) -> Entity:
    """A total that only grows."""
    return Entity(
        device_class=device_class, state_class="total_increasing", name=name, enabled=enabled
    )


def told(name: str, *options: str, enabled: bool = False) -> Entity:
    """A word; `options` are all there are, where that is known."""
    return Entity(
        device_class="enum" if options else None, name=name, options=options, enabled=enabled
    )


def choice(*options: str, name: str | None = None, enabled: bool = True) -> Entity:
    """One of a few words that are all known."""
    return Entity(device_class="enum", name=name, options=options, enabled=enabled)


def flag(
    device_class: str | None,
    name: str | None = None,
    *,
    diagnostic: bool = False,
    enabled: bool = True,
) -> Entity:
    """A value that is true or false."""
    return Entity("binary_sensor", device_class, name=name, diagnostic=diagnostic, enabled=enabled)


def on_off(device_class: str | None, name: str | None = None) -> Entity:
    """A value that is `ON` or `OFF`."""
    return Entity("binary_sensor", device_class, name=name, words=("ON", "OFF"))


def when(name: str) -> Entity:
    """A moment."""
    return Entity(device_class="timestamp", name=name, diagnostic=True, enabled=False)


POWER = measured("power")
APPARENT_POWER = measured("apparent_power")
REACTIVE_POWER = measured("reactive_power")
ENERGY = counted("energy")
RETURNED_ENERGY = counted("energy", "Returned energy")
VOLTAGE = detail("voltage")
CURRENT = detail("current")
FREQUENCY = detail("frequency")
POWER_FACTOR = measured("power_factor")
TEMPERATURE = measured("temperature")
INTERNAL_TEMPERATURE = Entity(
    device_class="temperature",
    state_class="measurement",
    name="Device temperature",
    diagnostic=True,
    enabled=False,
)
BATTERY = Entity(device_class="battery", state_class="measurement", diagnostic=True)
SIGNAL = Entity(
    device_class="signal_strength", state_class="measurement", diagnostic=True, enabled=False
)
VIBRATION = flag("vibration")
LAST_UPDATED = when("Last updated")
PROBLEM = Entity(
    "binary_sensor",
    "problem",
    name="Problem",
    diagnostic=True,
    words=("ON", "OFF"),
    template="{{ 'ON' if value else 'OFF' }}",
)
SOURCE = told("Switched by")
