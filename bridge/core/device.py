"""What the bridge knows of one device: its merged status, its channels, the ways to reach it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern

from bridge.core.kinds import input as inputs
from bridge.core.kinds.catalog import Channel, layout, shape
from bridge.core.kinds.fields import Values
from bridge.core.merge import merged
from bridge.core.model import Access, DeviceId, Json, LinkId, SourceKind

MOST_KEYS = 256
"""More keys than any channel reports; a component that invents more is not followed."""

MOST_MEMBERS = 512
"""More members than any status or component has; what invents more is not followed either."""

ChannelKey = tuple[str, int]
"""Kind and number of a channel."""

_PRESS = "v_eve:"
_BUTTON = re.compile(r"[0-9]{1,6}", re.ASCII)
_UNSEEN = object()
"""Stands for a member that was never reported, as `null` is a value."""


@dataclass(slots=True)
class ChannelState:
    """A channel with its last values and the time (unix s) they last changed."""

    channel: Channel
    values: Values = field(default_factory=dict)
    changed_at: float = 0.0
    """When a value last changed (unix s)."""
    sent: Values = field(default_factory=dict)
    """What was published last, and at what monotonic time."""
    sent_at: float = 0.0

    @property
    def is_sent(self) -> bool:
        """Whether what was published last is still so."""
        return self.sent is self.values

    def update(self, status: Mapping[str, Json], wall: float) -> bool:
        """Read the channel anew; tells whether a value changed.

        Keys that were reported once stay, as unknown.
        """
        values = self.channel.read(status)
        known = self.values
        if known and len(known) <= MOST_KEYS:
            for key in known:
                if key not in values:
                    values[key] = None
        if values == known:
            return False
        self.values = values
        self.changed_at = wall
        return True


@dataclass(slots=True)
class Path:
    """One way to a device: by which link, and what the link said of it there."""

    link: LinkId
    kind: SourceKind
    online: bool | None = None
    """None until the source told."""
    silent: bool = False
    """It was asked and did not answer in time."""
    access: Access = Access.READ


@dataclass(frozen=True, slots=True)
class Press:
    """A button press, which is told once and never kept."""

    number: int
    event_type: str


@dataclass(slots=True)
class Changes:
    """What a new status did to a device."""

    changed: list[ChannelState] = field(default_factory=list)
    removed: list[ChannelKey] = field(default_factory=list)
    """Channels that went, also those in whose place another component is now."""
    layout: bool = False
    """Channels came, went or moved."""
    presses: list[Press] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Component keys that cannot have a topic."""
    components: list[str] = field(default_factory=list)
    """Members of the status that changed."""


@dataclass(slots=True)
class Device:
    """One device, whatever way it reaches us. Only the engine's thread touches it."""

    id: DeviceId
    names: tuple[str, ...] = ()
    """From the consent: one for each channel."""
    name: str | None = None
    """From the settings."""
    channel_names: Mapping[str, str] = field(default_factory=dict)
    """From the settings, by component."""
    code: str = ""
    revision: int = 0
    """Of the consent, as the registry counts them."""
    control_saved: bool | None = None
    """What the registry says of control."""
    mode: str | None = None
    firmware: str | None = None
    status: dict[str, Json] = field(default_factory=dict)
    channels: dict[ChannelKey, ChannelState] = field(default_factory=dict)
    paths: dict[LinkId, Path] = field(default_factory=dict)
    last_seen: float | None = None
    """When something of it came last (unix s)."""
    online: bool | None = None
    """As published; None before the first verdict."""
    offline_reason: str | None = None
    available_since: float | None = None
    _shapes: dict[str, object] = field(default_factory=dict)
    _readers: dict[str, tuple[ChannelState, ...]] = field(default_factory=dict)
    _last_serial: Json = None

    def apply(self, status: dict[str, Json], *, full: bool, wall: float) -> Changes:
        """Take a status in: an overlay, or (`full`) the whole.

        Presses are told for overlays only; a snapshot that is read again is no new press.
        """
        changes = Changes()
        if not full:
            changes.presses = self._presses(status)
        reshaped = self._drop_missing(status, changes) if full else False
        reshaped |= self._take_in(status, changes, full=full)
        if reshaped:
            self._lay_out(changes, wall)
        self._read(changes, wall)
        return changes

    def _drop_missing(self, status: dict[str, Json], changes: Changes) -> bool:
        """Forget what a whole status no longer has; tells whether there was anything."""
        gone = self.status.keys() - status.keys()
        for key in gone:
            del self.status[key]
            self._shapes.pop(key, None)
            changes.components.append(key)
        return bool(gone)

    def _take_in(self, status: dict[str, Json], changes: Changes, *, full: bool) -> bool:
        """Lay a status over the known one; tells whether the channels may be others now."""
        reshaped = False
        for key, value in status.items():
            old = self.status.get(key, _UNSEEN)
            if old == value and type(old) is type(value):
                continue
            new = self._settled(key, value) if full else merged(old, self._settled(key, value))
            if new is old or (new == old and type(new) is type(old)):
                continue
            if _is_endless(new) or (old is _UNSEEN and len(self.status) >= MOST_MEMBERS):
                changes.refused.append(key)
                continue
            if full or old is _UNSEEN:
                key, new = intern(key), _shared(new)
            self.status[key] = new
            changes.components.append(key)
            form = shape(new)
            if key not in self._shapes or self._shapes[key] != form:
                self._shapes[key] = form
                reshaped = True
        return reshaped

    def set_mode(self, mode: str | None, wall: float) -> Changes:
        """Take in the Gen1 mode, which decides between relays and rollers."""
        changes = Changes()
        if mode is not None and mode != self.mode:
            self.mode = mode
            self._lay_out(changes, wall)
        return changes

    def _settled(self, key: str, value: Json) -> Json:
        """A press passes; what stays is only that there is such a button."""
        return {} if key.startswith(_PRESS) else value

    def _presses(self, status: dict[str, Json]) -> list[Press]:
        # The cloud counts states by `serial`; the same one again is a repetition.
        serial = status.get("serial", status.get("ts"))
        repeated = serial is not None and serial == self._last_serial
        if serial is not None:
            self._last_serial = serial
        presses = [
            Press(number, event_type)
            for number, event_type in inputs.gen1_presses(
                self.status.get("inputs"), status.get("inputs")
            )
        ]
        if repeated:
            return presses
        for key, value in status.items():
            if key.startswith(_PRESS):
                number = key.removeprefix(_PRESS)
                event_type = inputs.press(value)
                if event_type is not None and _BUTTON.fullmatch(number):
                    presses.append(Press(int(number), event_type))
        return presses

    def _lay_out(self, changes: Changes, wall: float) -> None:
        channels, refused = layout(self.status, self.mode)
        changes.refused += refused
        wanted = {(channel.kind, channel.number): channel for channel in channels}
        changes.removed = [
            key
            for key, state in self.channels.items()
            if key not in wanted or wanted[key].component != state.channel.component
        ]
        for key in changes.removed:
            del self.channels[key]
        self._readers = {}
        for key, channel in wanted.items():
            state = self.channels.get(key)
            if state is None:
                state = self.channels[key] = ChannelState(channel, changed_at=wall)
                state.update(self.status, wall)
                changes.layout = True
                changes.changed.append(state)
            elif state.channel.keys != channel.keys:
                state.channel = channel
                if state.update(self.status, wall):
                    changes.changed.append(state)
            else:
                state.channel = channel
            for member in channel.keys:
                self._readers[member] = (*self._readers.get(member, ()), state)
        changes.layout |= bool(changes.removed)

    def _read(self, changes: Changes, wall: float) -> None:
        done = {id(state) for state in changes.changed}
        for component in changes.components:
            for state in self._readers.get(component, ()):
                if id(state) not in done:
                    done.add(id(state))
                    if state.update(self.status, wall):
                        changes.changed.append(state)


def _shared(value: Json) -> Json:
    """The same value, its member names shared with all devices: a third of its memory less."""
    if isinstance(value, dict):
        return {intern(key): _shared(item) for key, item in value.items()}
    return [_shared(item) for item in value] if isinstance(value, list) else value


def _is_endless(value: Json) -> bool:
    return isinstance(value, dict | list) and len(value) > MOST_MEMBERS
