"""What the bridge knows of one device: its merged status, its channels, the ways to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern

from bridge.core.kinds.catalog import Channel, ChannelKey, Facts, is_alike, layout, readers
from bridge.core.kinds.fields import Values
from bridge.core.merge import MOST_MEMBERS, MOST_STATUS, grows, member_weight, merged, weight
from bridge.core.model import Access, DeviceId, Json, LinkId, SourceKind
from bridge.core.presses import PRESS, Press, Presses
from bridge.core.sharing import alike, compact, same

MOST_KEYS = 256
"""More keys than any channel reports; a component that invents more is not followed."""

NOWHERE = LinkId("")
"""Stands for a link where there is only one."""

_UNSEEN = object()
"""Stands for a member that was never reported, as `null` is a value."""


class ChannelState:
    """A channel with its last values and the time (unix s) they last changed.

    The values are kept without their keys, which all devices of a model share.
    """

    __slots__ = (
        "_keys",
        "_row",
        "_sent_keys",
        "_sent_row",
        "changed_at",
        "channel",
        "limited",
        "reshaped",
        "sent_at",
    )

    def __init__(
        self, channel: Channel, values: Values | None = None, changed_at: float = 0.0
    ) -> None:
        self.channel = channel
        self._keys: tuple[str, ...] = ()
        self._row: tuple[Json, ...] = ()
        self.values = values or {}
        self._sent_keys: tuple[str, ...] = ()
        self._sent_row: tuple[Json, ...] | None = None
        self.changed_at = changed_at
        """When a value last changed (unix s)."""
        self.sent_at = 0.0
        """When the values were published last (monotonic s)."""
        self.reshaped = False
        """The last update brought new keys, or changed what the channel can do."""
        self.limited = False
        """The cloud refused more than on and off for this light; until the next whole status."""

    @property
    def values(self) -> Values:
        """The values by their keys; a new object each time."""
        return dict(zip(self._keys, self._row, strict=True))

    @values.setter
    def values(self, values: Values) -> None:
        self._keys, self._row = same(tuple(values)), tuple(values.values())

    @property
    def sent(self) -> Values:
        """The same as published last."""
        return dict(zip(self._sent_keys, self._sent_row or (), strict=True))

    @property
    def is_sent(self) -> bool:
        """Whether what was published last is still so."""
        return self._sent_row is self._row

    def mark_sent(self) -> None:
        """The values were published."""
        self._sent_keys, self._sent_row = self._keys, self._row

    def update(self, status: Mapping[str, Json], wall: float) -> bool:
        """Read the channel anew; tells whether a value changed.

        Keys that were reported once stay, as unknown.
        """
        values = self.channel.read(status)
        keys, self.reshaped = tuple(values), False
        if keys != self._keys:
            known = self.values
            if len(known) <= MOST_KEYS:
                values |= {key: None for key in known if key not in values}
            if values == known:
                return False
            self.reshaped = len(values) != len(known) or self._is_decided_anew(values, known)
            self.values = values
        else:
            row = tuple(values.values())
            if row == self._row:
                return False
            decisive = self.channel.decisive
            self.reshaped = bool(decisive) and self._is_decided_anew(values, self.values)
            self._row = row
        self.changed_at = wall
        return True

    def _is_decided_anew(self, values: Values, known: Values) -> bool:
        return any(values.get(key) != known.get(key) for key in self.channel.decisive)


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
    away: bool = False
    """It connects to us, and is not connected now."""


@dataclass(slots=True)
class Changes:
    """What a new status did to a device."""

    changed: list[ChannelState] = field(default_factory=list)
    removed: list[ChannelKey] = field(default_factory=list)
    """Channels that went, also those in whose place another component is now."""
    layout: bool = False
    """Channels came, went or moved, or can do other things now."""
    presses: list[Press] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Component keys that cannot have a topic."""
    oversized: list[str] = field(default_factory=list)
    """Components that told more than is followed."""
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
    listed_name: str | None = None
    """From an account's list: as it is called in Shelly's app."""
    channel_names: Mapping[str, str] = field(default_factory=dict)
    """From the settings, by component."""
    code: str = ""
    revision: int = 0
    """Of the consent, as the registry counts them."""
    control_saved: bool | None = None
    """What the registry says of control."""
    mode: str | None = None
    facts: Mapping[str, Facts] = field(default_factory=dict)
    """From the settings, by component."""
    firmware: str | None = None
    status: dict[str, Json] = field(default_factory=dict)
    channels: dict[ChannelKey, ChannelState] = field(default_factory=dict)
    paths: dict[LinkId, Path] = field(default_factory=dict)
    last_seen: float | None = None
    """When it said something last (unix s)."""
    wake_period: float | None = None
    """Seconds between its reports; None for a device that is always there."""
    is_whole: bool = False
    """A whole status came since the start."""
    is_settled: bool = False
    """Its settings came since the start."""
    configured_period: float | None = None
    """What its settings say of that."""
    heard_at: float | None = None
    """When it said something last, or since when it is waited for (monotonic s)."""
    online: bool | None = None
    """As published; None before the first verdict."""
    offline_reason: str | None = None
    available_since: float | None = None
    _readers: Mapping[str, tuple[ChannelKey, ...]] = field(default_factory=dict)
    presses: Presses = field(default_factory=Presses)

    def apply(
        self, status: dict[str, Json], *, full: bool, wall: float, link: LinkId = NOWHERE
    ) -> Changes:
        """Take a status in that came by a link: an overlay, or (`full`) the whole.

        Presses are told for overlays only; a snapshot that is read again is no new press.
        """
        changes = Changes()
        if full:
            self.presses.snapshot(link, status, wall)
        else:
            changes.presses = self.presses.told(link, status, self.status.get("inputs"), wall)
        self.is_whole |= full
        reshaped = self._drop_missing(status, changes) if full else False
        reshaped |= self._take_in(status, changes, full=full)
        if reshaped:
            self._lay_out(changes, wall)
        self._read(changes, wall)
        if full:
            self._lift_limits(changes)
        return changes

    def _lift_limits(self, changes: Changes) -> None:
        for state in self.channels.values():
            if state.limited:
                state.limited = False
                changes.layout = True

    def _drop_missing(self, status: dict[str, Json], changes: Changes) -> bool:
        """Forget what a whole status no longer has; tells whether there was anything."""
        gone = self.status.keys() - status.keys()
        for key in gone:
            del self.status[key]
            changes.components.append(key)
        return bool(gone)

    def _take_in(self, status: dict[str, Json], changes: Changes, *, full: bool) -> bool:
        """Lay a status over the known one; tells whether the channels may be others now."""
        reshaped = False
        held: int | None = None
        for key, value in status.items():
            old = self.status.get(key, _UNSEEN)
            if old == value and type(old) is type(value):
                continue
            new = self._settled(key, value) if full else merged(old, self._settled(key, value))
            if new is old or (new == old and type(new) is type(old)):
                continue
            if old is _UNSEEN or grows(old, new):
                held = weight(self.status) if held is None else held
                more = self._room(key, new, held)
                if more is None:
                    changes.oversized.append(key)
                    continue
                held += more
            if full or old is _UNSEEN:
                key, new = intern(key), compact(new)
            self.status[key] = new
            changes.components.append(key)
            reshaped = reshaped or old is _UNSEEN or not is_alike(old, new)
        return reshaped

    def _room(self, key: str, new: Json, held: int) -> int | None:
        """What a member that grows adds to the weight `held`; None if that is too much."""
        own = more = weight(new)
        if key in self.status:
            more -= weight(self.status[key])
        elif len(self.status) < MOST_MEMBERS:
            more += member_weight(key)
        else:
            return None
        return None if own > MOST_MEMBERS or held + more > MOST_STATUS else more

    def settle(self, mode: str | None, facts: Mapping[str, Facts], wall: float) -> Changes:
        """Take in what the settings decide: the Gen1 mode, and facts about components."""
        changes = Changes()
        self.is_settled = True
        mode = mode or self.mode
        if mode != self.mode or facts != self.facts:
            self.mode, self.facts = mode, alike(facts)
            self._lay_out(changes, wall)
        return changes

    def _settled(self, key: str, value: Json) -> Json:
        """A press passes; what stays is only that there is such a button."""
        return {} if key.startswith(PRESS) else value

    def _lay_out(self, changes: Changes, wall: float) -> None:
        channels, refused = layout(self.status, self.mode, self.facts)
        changes.refused += refused
        wanted = {channel.key: channel for channel in channels}
        changes.removed = [
            key
            for key, state in self.channels.items()
            if key not in wanted or wanted[key].component != state.channel.component
        ]
        for key in changes.removed:
            del self.channels[key]
        self._readers = readers(tuple(channels))
        for key, channel in wanted.items():
            state = self.channels.get(key)
            if state is None:
                state = self.channels[key] = ChannelState(channel, changed_at=wall)
                state.update(self.status, wall)
                changes.layout = True
                changes.changed.append(state)
            elif state.channel.keys != channel.keys or state.channel.facts != channel.facts:
                state.channel = channel
                if state.update(self.status, wall):
                    changes.changed.append(state)
                    changes.layout |= state.reshaped
            else:
                state.channel = channel
        changes.layout |= bool(changes.removed)

    def _read(self, changes: Changes, wall: float) -> None:
        done = {state.channel.key for state in changes.changed}
        for component in changes.components:
            for key in self._readers.get(component, ()):
                if key not in done:
                    done.add(key)
                    state = self.channels[key]
                    if state.update(self.status, wall):
                        changes.changed.append(state)
                        changes.layout |= state.reshaped
