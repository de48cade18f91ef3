"""The discovery messages of a device: one, or one more for each of its main channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from bridge.core import abilities, documents, jsontext
from bridge.core.device import Device
from bridge.core.homeassistant.controls import controls
from bridge.core.homeassistant.entities import Draft, Options, Place, rendered
from bridge.core.homeassistant.names import clean, give_names
from bridge.core.homeassistant.readings import readings
from bridge.core.kinds.all import BY_NAME
from bridge.core.kinds.catalog import Channel, ChannelKey
from bridge.core.kinds.convert import number, text
from bridge.core.model import Access
from bridge.core.publications import THE_BRIDGE
from bridge.core.registry import Registry

ORIGIN = "shelly-mqtt-bridge"

BRIDGE = THE_BRIDGE
"""What Home Assistant's ids of devices and entities begin with, whichever bridge has them."""

LARGEST = 45_000
"""Bytes of a message's components; a device that invents more does not get them all.

The rest of what a message holds is for the stubs of components that go.
"""

_MAINS = frozenset({"relay", "light", "roller", "thermostat", "cb"})
"""Kinds that a device is there for; one that has a single channel of them bears its name."""

_PARTS = _MAINS | {"meter"}
"""Kinds whose channels can be Home Assistant devices of their own."""

_VALVE = "blutrv"
"""The component of a valve on a radiator, which is a BLE device besides."""

_HEARD = frozenset({"bthomedevice", "bthomesensor"})
"""Kinds of what a gateway hears of BLE devices."""


@dataclass(frozen=True, slots=True)
class Message:
    """One discovery message: what it says of the device, and its components by their ids.

    `part` tells the messages of a device apart; it is empty for the device as a whole.
    """

    part: str
    frame: Options
    components: Mapping[str, Options]


def messages(registry: Registry, device: Device) -> list[Message]:
    """All that Home Assistant is told of a device."""
    settings = registry.settings
    name = clean(registry.name(device)) or device.id
    places = _places(registry, device)
    own: list[Draft] = []
    parts: dict[str, tuple[Place, list[Draft]]] = {}
    doubled = {
        ("bthomedevice", _owner(state.channel))
        for state in device.channels.values()
        if state.channel.target.component == _VALVE
    }
    several = sum(place.kind in _PARTS for place in places.values()) > 1
    for key, place in places.items():
        state = device.channels[key]
        is_part = settings.device_per_channel and several and place.kind in _PARTS
        place = replace(place, is_main=True) if is_part else place
        acting, shown = controls(place, state)
        drafts = [*acting, *readings(place, state, shown)]
        if key in doubled:
            _disable(drafts)
        if is_part:
            parts[f"{place.kind}_{place.number}"] = (place, drafts)
        else:
            own += drafts
    own += _of_the_device(registry, device)
    told = [_message(registry, device, "", _description(registry, device, name), name, own)]
    for part, (place, drafts) in parts.items():
        title = _title_of_part(place, name)
        told.append(
            _message(registry, device, part, _part_of(registry, device, part, title), title, drafts)
        )
    return [message for message in told if message.components]


def origin(registry: Registry) -> Options:
    """Who sends the messages."""
    return {"name": ORIGIN, "sw": registry.settings.version}


def _message(
    registry: Registry,
    device: Device,
    part: str,
    described: Options,
    name: str,
    drafts: list[Draft],
) -> Message:
    if registry.settings.hide_diagnostics:
        drafts = [draft for draft in drafts if not draft.is_diagnostic or _is_battery(draft)]
    give_names(drafts, name)
    topics = registry.settings.topics
    frame: Options = {
        "dev": described,
        "o": origin(registry),
        "avty": [
            {"t": topics.state},
            {"t": topics.device(registry.root(device.id), "availability")},
        ],
        "avty_mode": "all",
        "qos": 1,
    }
    components = {
        draft.id: {
            "p": draft.platform,
            "uniq_id": f"{BRIDGE}_{device.id}_{draft.id}",
            **draft.options,
        }
        for draft in drafts
    }
    return Message(part, frame, _fitting(components))


def _is_battery(draft: Draft) -> bool:
    """Whether it tells when somebody has to bring a new battery."""
    return draft.options.get("dev_cla") == "battery" and "en" not in draft.options


def _fitting(components: dict[str, Options]) -> dict[str, Options]:
    """As many components as one message holds, those that matter most first."""
    if jsontext.size(components) <= LARGEST:
        return components
    left, kept = LARGEST, set()
    by_weight = sorted(components.items(), key=lambda item: _lightness(item[1]))
    for component, options in by_weight:
        size = jsontext.size({component: options})
        if size <= left:
            left -= size
            kept.add(component)
    return {component: options for component, options in components.items() if component in kept}


def _lightness(options: Options) -> tuple[bool, bool, bool]:
    """What can be done without rather is greater."""
    return "ent_cat" in options, "en" in options, options["p"] in ("sensor", "binary_sensor")


def _description(registry: Registry, device: Device, name: str) -> Options:
    return {
        "ids": [f"{BRIDGE}_{device.id}"],
        "name": name,
        **_hardware(registry, device),
        "sn": device.id,
        "via_device": registry.settings.topics.hub,
    }


def _part_of(registry: Registry, device: Device, part: str, title: str) -> Options:
    return {
        "ids": [f"{BRIDGE}_{device.id}_{part}"],
        "name": title,
        **_hardware(registry, device),
        "via_device": f"{BRIDGE}_{device.id}",
    }


def _title_of_part(place: Place, device: str) -> str:
    if place.is_named and place.title.casefold() != device.casefold():
        return place.title
    return f"{device} {_usual_title(place.kind, place.number)}"


def _hardware(registry: Registry, device: Device) -> Options:
    """What is known of the make; an unknown text is left out, as null would be refused."""
    code = clean(device.code)
    known = {
        "mdl": code,
        "mdl_id": code,
        "sw": clean(device.firmware),
        "sa": clean(registry.override(device.id).area),
    }
    return {"mf": "Shelly", **{key: value for key, value in known.items() if value is not None}}


def _places(registry: Registry, device: Device) -> dict[ChannelKey, Place]:
    names = documents.channel_names(device)
    mains = [key for key in device.channels if key[0] in _MAINS]
    withdrawn = abilities.access(device) is Access.NONE
    root = registry.root(device.id)
    places = {}
    for key, state in sorted(device.channels.items()):
        # Access is perhaps withdrawn only for a while; until then the entities are unavailable.
        commands = abilities.commands(registry, device, state, withdrawn=withdrawn)
        topic = registry.settings.topics.channel(root, *key)
        name = clean(names.get(key))
        places[key] = _place(state.channel, name, topic, commands, is_only=mains == [key])
    return places


def _place(
    channel: Channel, name: str | None, topic: str, commands: Iterable[str], *, is_only: bool
) -> Place:
    """What is said of a channel; `is_only` for the only one that the device is there for."""
    facts = channel.facts
    name = name or clean(text(facts.get("device")))
    owner = _owner(channel)
    heard = channel.kind == "bthomesensor" and owner
    called = ("bthomedevice", owner) if heard else (channel.kind, channel.number)
    is_valve = channel.target.component == _VALVE
    is_apart = channel.kind in _HEARD or (is_valve and name is not None)
    return Place(
        kind=channel.kind,
        number=channel.number,
        topic=topic,
        title=name or _usual_title(*called),
        commands=frozenset(commands),
        is_named=name is not None,
        is_main=is_only and not is_apart,
        is_apart=is_apart,
        index=round(number(facts.get("idx")) or 0),
    )


def _owner(channel: Channel) -> int:
    """The BLE device that a channel is of; 0, which none is called, for all others."""
    return round(number(channel.facts.get("owner")) or 0)


def _disable(drafts: list[Draft]) -> None:
    """What a valve's own channel tells as well need not be there twice."""
    for draft in drafts:
        if draft.platform == "sensor":
            draft.options["en"] = False


def _usual_title(kind: str, number: int) -> str:
    known = BY_NAME.get(kind)
    return f"{known.title if known else kind} {number}"


def _of_the_device(registry: Registry, device: Device) -> Iterator[Draft]:
    """The firmware, and when it was heard of last: that counts also while it is not available."""
    topics = registry.settings.topics
    root = registry.root(device.id)
    whole = Place("device", 0, "", "", is_main=True)
    if documents.update(device) is not None:
        told: Options = {"dev_cla": "firmware", "ent_cat": "diagnostic"}
        told["stat_t"] = topics.device(root, "update")
        yield Draft("firmware", "update", whole, told)
    seen: Options = {
        "stat_t": topics.device(root, "info"),
        "val_tpl": rendered("last_seen", exact=True),
        "dev_cla": "timestamp",
        "ent_cat": "diagnostic",
        "avty": [{"t": topics.state}],
    }
    if device.wake_period is None:
        seen["en"] = False
    yield Draft("last_seen", "sensor", whole, seen, label="Last seen")
