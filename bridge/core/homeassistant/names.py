"""What people read in Home Assistant: the names of devices and entities.

Names come from users and clouds and may hold anything. They are values of the message and never
part of a template, so it is enough to take out what no line of text should hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count

from bridge.core.homeassistant.entities import Draft, Place

LONGEST = 100
"""Characters of a name that are shown."""

_UNFIT = re.compile(
    # Controls, line separators, half characters, and what turns the direction of writing.
    "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+"
)

_LATE = {"bthomedevice": 1, "bthomesensor": 2}
"""Kinds that are named after all others."""

_SAID_OTHERWISE = {"pm1": "PM1", "pm10": "PM10", "pm25": "PM2.5", "ph": "pH"}
"""Device classes that Home Assistant does not show as they are written."""


def clean(text: str | None) -> str | None:
    """A name in one line and of bearable length; None if nothing is left of it."""
    if text is None:
        return None
    line = " ".join(_UNFIT.sub(" ", text[: 20 * LONGEST]).split())
    return line[:LONGEST].strip() or None


@lru_cache(256)
def of_class(device_class: str) -> str:
    """What Home Assistant calls an entity of this class that has no name."""
    said = _SAID_OTHERWISE.get(device_class)
    return said or device_class.replace("_", " ").capitalize()


def give_names(drafts: Sequence[Draft], device: str) -> None:
    """Name the entities of the Home Assistant device that is called `device`.

    The entity that a device is all about has no name of its own, what a class names has none
    either, and no two of a platform have the same.
    """
    labels = {draft.id: _label(draft) for draft in drafts}
    often = Counter(labels.values())
    called = device.casefold()
    taken: set[tuple[str, str | None]] = set()
    for draft in sorted(drafts, key=_turn):
        label = labels[draft.id]
        name = _name(draft, label, called, is_only=often[label] == 1)
        by_class = name is not None and name == label and draft.label is None
        shown, ends = name, _ends(draft.place)
        folded = None if shown is None else shown.casefold()
        while (draft.platform, folded) in taken or (folded == called and not by_class):
            shown = f"{name or draft.place.title or device} {next(ends)}"
            folded, by_class = shown.casefold(), False
        taken.add((draft.platform, folded))
        if not by_class:
            draft.options["name"] = shown


def _turn(draft: Draft) -> tuple[int, int]:
    """Who takes a name first: what is heard of BLE devices comes and goes, and gives way."""
    return _LATE.get(draft.place.kind, 0), draft.place.index


def _ends(place: Place) -> Iterator[int]:
    """What tells names apart; of a BLE device it does not depend on what else there is."""
    if place.is_apart:
        yield from (*([place.index + 1] if place.index else []), place.number)
    yield from count(2)


def _label(draft: Draft) -> str:
    """What an entity is called within its channel; empty where it is the channel itself."""
    if draft.label is not None or draft.is_channel:
        return draft.label or ""
    return of_class(draft.options["dev_cla"])


def _name(draft: Draft, label: str, called: str, *, is_only: bool) -> str | None:
    """The name that an entity should have; None for that of the device (which is `called` so)."""
    place = draft.place
    if draft.is_channel:
        return None if place.is_main or place.title.casefold() == called else place.title
    if place.is_main or place.title.casefold() == called:
        return label
    return label if is_only and not (place.is_named or place.is_apart) else _full(place, label)


def _full(place: Place, label: str) -> str:
    """The channel's name and what of it this is; once only where both say the same."""
    title = place.title.casefold()
    if title == label.casefold() or (not place.is_named and title.startswith(label.casefold())):
        return place.title
    small = label[1:2].islower() or not label[1:].strip()
    return f"{place.title} {label[0].lower() + label[1:] if small else label}"[:LONGEST]
