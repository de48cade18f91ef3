"""Several engines with one broker and one registry, and who of them owns which host.

The registry behaves as the shared one does: all instances hear at once of what changed in it, and
whoever gets a host is told what is stored of its devices.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.core.effects import (
    DropGrant,
    Effect,
    Publish,
    Refresh,
    SaveComponents,
    SaveGrant,
    SaveTopics,
    ScanRetained,
    SendCommand,
)
from bridge.core.events import (
    BrokerUp,
    CommandAnswered,
    ConsentsKnown,
    DeviceLost,
    DeviceMoved,
    DevicesListed,
    GrantRevoked,
    GrantStored,
    HostGained,
    HostLost,
    LinkChanged,
    RetainedFound,
    SettingsReported,
)
from bridge.core.model import (
    Cluster,
    DeviceId,
    Grant,
    LinkId,
    LinkState,
    ListedDevice,
    Published,
    SourceKind,
)
from tests.core import payloads
from tests.core.dialogue import HOST, OTHER_HOST, WALL, Dialogue, Reply, grant, settings
from tests.core.homeassistant.guard import Guard

A, B = "attic", "barn"
HOME = LinkId("home")
SETTINGS = {"sys": {"device": {"name": "Boiler"}}}


class Instance(Dialogue):
    """An engine that shares the hosts with others."""

    def __init__(
        self,
        name: str = A,
        *grants: Grant,
        patterns: tuple[str, ...] = (),
        shared: bool = True,
        mixed: bool = True,
        together: Together | None = None,
        **changes: Any,
    ) -> None:
        self.name = name
        self.together = together
        told = replace(settings().topics, instance=name)
        given = {"topics": told, "cluster": Cluster(name, patterns, shared, mixed), **changes}
        super().__init__(*grants, **given)
        if together is not None:
            self.broker, self.guard = together.broker, together.guard

    def gains(self, *grants: Grant, link: LinkId = HOST, **changes: Any) -> Reply:
        """A host is this one's from now on; stored is what is given, and nothing else."""
        revisions = {each.device: 1 for each in grants}
        return self.says(replace(HostGained(link, WALL, grants, revisions, {}, {}, ()), **changes))

    def lists(self, *devices: DeviceId) -> Reply:
        """The account is connected, and these are its devices."""
        return self.says(
            LinkChanged(HOME, SourceKind.ACCOUNT, LinkState.CONNECTED),
            DevicesListed(HOME, tuple(ListedDevice(each, grant().code) for each in devices)),
        )

    def introduces(self, name: str, *patterns: str) -> Reply:
        """Another instance publishes which hosts it may own."""
        body = json.dumps({"cluster": {"instance": name, "hosts": patterns, "shared": True}})
        return self.says(self.message(f"shelly/bridge/{name}/info", body))

    def _heard(self, effects: Iterable[Effect]) -> Reply:
        effects = list(effects)
        if self.together is not None:
            self.together.judge(self, effects)
        return super()._heard(effects)


@dataclass
class Stored:
    """What the shared registry holds."""

    grants: dict[DeviceId, Grant] = field(default_factory=dict)
    revisions: dict[DeviceId, int] = field(default_factory=dict)
    topics: dict[DeviceId, frozenset[str]] = field(default_factory=dict)
    published: dict[DeviceId, Published] = field(default_factory=dict)
    withdrawn: dict[DeviceId, str] = field(default_factory=dict)
    changed: list[DeviceId] = field(default_factory=list)
    """What the instances have not been told yet."""

    def put(self, given: Grant) -> None:
        """Store a consent."""
        self.grants[given.device] = given
        self.withdrawn.pop(given.device, None)
        self._count(given.device)

    def delete(self, device: DeviceId) -> None:
        """Delete one."""
        self.withdrawn[device] = self.grants.pop(device).host
        self._count(device)

    def _count(self, device: DeviceId) -> None:
        self.revisions[device] = self.revisions.get(device, 0) + 1
        self.changed.append(device)

    def holdings(self, link: LinkId) -> HostGained:
        """What whoever gets the host is told."""
        grants = tuple(each for each in self.grants.values() if each.host == link)
        withdrawn = tuple(each for each, host in self.withdrawn.items() if host == link)
        devices = {*(each.device for each in grants), *withdrawn}
        return HostGained(
            link,
            WALL,
            grants,
            {each: self.revisions[each] for each in devices},
            {each: self.topics[each] for each in devices & self.topics.keys()},
            {each: self.published[each] for each in devices & self.published.keys()},
            (),
            withdrawn,
        )

    def home(self, device: DeviceId) -> LinkId | None:
        """The host of a device with a consent, or of one that is still to be cleared."""
        given = self.grants.get(device)
        host = self.withdrawn.get(device) if given is None else given.host
        return None if host is None else LinkId(host)

    def write(self, effect: Effect) -> None:
        """Carry out what concerns the registry."""
        match effect:
            case SaveTopics(device, told):
                self.topics[device] = told
            case SaveComponents(device, published):
                self.published[device] = published
            case DropGrant(device) if self.revisions.get(device) == effect.revision:
                assert device not in self.grants
                self.changed.append(device)
                self.withdrawn.pop(device, None)
                if not effect.kept:
                    self.topics.pop(device, None)
                    self.published.pop(device, None)
            case SaveGrant(device) if self.revisions.get(device) == effect.revision:
                known = self.grants.get(device)
                if known is not None and effect.host not in (None, known.host):
                    self.grants[device] = replace(known, host=effect.host)
                    self._count(device)
                elif known is not None:
                    self.changed.append(device)


class Together:
    """Two instances, the world they serve, and what must hold whatever happens.

    Every retained message of a device must come from the owner of its host, at that moment; so must
    every command. Who has the account, which lists some of them, serves what has no consent.
    """

    def __init__(self, homes: dict[DeviceId, LinkId], listed: Iterable[DeviceId] = ()) -> None:
        self.broker: dict[str, str] = {}
        self.guard = Guard()
        self.stored = Stored()
        self.owners: dict[LinkId, str | None] = {HOST: None, OTHER_HOST: None, HOME: None}
        self.listed = frozenset(listed)
        self.had_account = False
        """Somebody had the account once."""
        self.homes = dict(homes)
        """On which host each device is, or was last."""
        self.on = dict.fromkeys(homes, False)
        """Whether each device's relay is on: the truth."""
        self.rollers = dict.fromkeys(homes, False)
        """Whether each device moves a shutter in place of its relays."""
        self.sent: list[tuple[Instance, SendCommand]] = []
        self.asked: list[tuple[Instance, DeviceId]] = []
        """Devices that instances ask the account for."""
        self.commands: dict[int, bool] = {}
        """Whether each command is to have a result; by its id."""
        self.finals: dict[int, list[str]] = {}
        """The final results of every command, by its id."""
        self.instances = {name: self._new(name) for name in (A, B)}
        for device, link in homes.items():
            self.consents(device, link)

    def _new(self, name: str) -> Instance:
        known, disk = self.stored.topics, self.stored.published
        fresh = Instance(name, known=known, disk=disk, together=self, logins={HOME: None})
        devices = (*self.stored.grants, *self.stored.withdrawn)
        fresh.says(ConsentsKnown({each: self.stored.home(each) for each in devices}, whole=True))
        return fresh

    # What must hold

    def judge(self, instance: Instance, effects: list[Effect]) -> None:
        """Hold what an instance does against what it may, and carry it out."""
        for effect in effects:
            if isinstance(effect, SaveTopics | SaveComponents | DropGrant | SendCommand):
                self._check(instance, effect.device, effect)
            self.stored.write(effect)
            if isinstance(effect, SendCommand):
                self.sent.append((instance, effect))
            elif isinstance(effect, Refresh) and effect.link == HOME:
                self.asked.append((instance, effect.device))
            elif isinstance(effect, Publish):
                self._judge(instance, effect)

    def _judge(self, instance: Instance, publish: Publish) -> None:
        if publish.topic.endswith("/result"):
            body = json.loads(publish.payload)
            if (body["status"], body["stage"]) != ("ok", "accepted"):
                self.finals.setdefault(body["id"], []).append(body["status"])
        for device in self.homes:
            if publish.retain and device in publish.topic:
                self._check(instance, device, publish)

    def _check(self, instance: Instance, device: DeviceId, effect: Effect) -> None:
        home = self.homes.get(device)
        if home is None:
            return
        may = {self.owners[home]}
        if self.stored.home(device) is None and device in self.listed:
            may.add(self.owners[HOME])
        assert instance.name in may, f"{may} have it, and {instance.name} did {effect}"

    # What happens

    def gains(self, name: str, link: LinkId) -> None:
        """An instance gets a host that nobody has, or is told anew what belongs to its own."""
        if self.owners[link] in (None, name):
            self.owners[link] = name
            self.instances[name].says(self.stored.holdings(link))
            if link == HOME:
                self.had_account = True
                self.instances[name].lists(*sorted(self.listed))
                for device in sorted(self.listed):
                    status = self.status(device)
                    self.instances[name].reports(status, device=device, link=HOME, full=True)
            else:
                self.instances[name].connects(link)
            self._poll()

    def loses(self, link: LinkId) -> None:
        """The owner gives a host away."""
        name, self.owners[link] = self.owners[link], None
        if name is not None:
            self.instances[name].says(HostLost(link))

    def dies(self, name: str) -> None:
        """An instance is killed and started anew; nobody hears of its commands any more."""
        self.owners = {link: None if own == name else own for link, own in self.owners.items()}
        known = self.instances[name]
        fresh = self._new(name)
        fresh.mono = known.mono
        self.instances[name] = fresh
        for scan in fresh.says(BrokerUp("5", fresh.settings.bridge_id)).all(ScanRetained):
            found = tuple((topic, payload.encode()) for topic, payload in self.broker.items())
            fresh.says(RetainedFound(scan.token, found, complete=True))
        for number in self.commands.keys() - self.finals.keys():
            self.commands[number] = False

    def tells(self, device: DeviceId, *, on: bool) -> None:
        """A device switches."""
        self.on[device] = on
        for owner, link in [] if self.rollers[device] else self._ways(device):
            owner.reports({"switch:0": {"output": on}}, device=device, link=link)

    def tells_all(self, device: DeviceId) -> None:
        """A device tells everything, as it does after its host was connected."""
        for owner, link in self._ways(device):
            owner.reports(self.status(device), device=device, link=link, full=True)
            owner.says(SettingsReported(link, device, SETTINGS))

    def reshapes(self, device: DeviceId) -> None:
        """Somebody chooses the device's other profile."""
        self.rollers[device] = not self.rollers[device]
        self.tells_all(device)

    def status(self, device: DeviceId) -> dict[str, Any]:
        """The whole status of a device."""
        if self.rollers[device]:
            return {**payloads.shutter(), "id": device}
        whole: dict[str, Any] = {**payloads.two_switches(), "id": device}
        whole["switch:0"]["output"] = self.on[device]
        return whole

    def tells_late(self, name: str, device: DeviceId) -> None:
        """Something comes from a connection that its instance has lost meanwhile."""
        link = self.homes[device]
        if self.owners[link] != name:
            self.instances[name].loses(link)
            self.instances[name].reports({"switch:0": {"output": True}}, device=device, link=link)

    def commanded(self, device: DeviceId, *, on: bool) -> None:
        """Somebody publishes a command, and all instances get it."""
        number = len(self.commands) + 1
        owner = self._server(device)
        self.commands[number] = owner is not None
        body = json.dumps({"state": "ON" if on else "OFF", "id": number})
        for each in self.instances.values():
            each.says(each.message(f"shelly/{device}/relay/0/set", body))

    def answered(self, number: int, *, ok: bool) -> None:
        """The cloud answers one of the commands that it was sent."""
        if not self.sent:
            return
        instance, sent = self.sent.pop(number % len(self.sent))
        if instance is self.instances[instance.name]:
            instance.says(CommandAnswered(sent.link, sent.request, ok))
        if ok:
            self.tells(sent.device, on=getattr(sent.command, "turn", None) == "on")

    def consents(self, device: DeviceId, link: LinkId) -> None:
        """The device's owner gives consent, for a device that is on this host."""
        self.homes[device] = link
        self.stored.put(grant(device, host=link))
        self._poll()

    def withdraws(self, device: DeviceId) -> None:
        """The device's owner withdraws it."""
        if device in self.stored.grants:
            self.stored.delete(device)
            self._poll()

    def moves(self, device: DeviceId, link: LinkId) -> None:
        """The cloud serves a device from another host from now on."""
        owner, before = self._server(device), self.homes[device]
        if owner is not None and link != before:
            self.homes[device] = link
            owner.says(DeviceMoved(before, device, link))
            self._poll()

    def wait(self, seconds: float) -> None:
        """Time passes."""
        for each in self.instances.values():
            each.waits(seconds)
        self._poll()
        asked, self.asked = self.asked, []
        for instance, device in asked:
            if instance is self.instances.get(self.owners[HOME] or ""):
                instance.reports(self.status(device), device=device, link=HOME, full=True)

    def broker_is_new(self) -> None:
        """The broker comes back empty."""
        self.broker.clear()
        for each in self.instances.values():
            each.says(BrokerUp("5"))

    def _server(self, device: DeviceId) -> Instance | None:
        """Who serves a device just now."""
        name = self.owners[self.homes[device]]
        return self.instances[name] if name and device in self.stored.grants else None

    def _ways(self, device: DeviceId) -> list[tuple[Instance, LinkId]]:
        """Who hears of a device just now, and by which link."""
        owner, name = self._server(device), self.owners[HOME]
        ways = [] if owner is None else [(owner, self.homes[device])]
        if name is not None and device in self.listed:
            ways.append((self.instances[name], HOME))
        return ways

    def _poll(self) -> None:
        """Every instance hears of what changed in the registry."""
        while self.stored.changed:
            device = self.stored.changed.pop(0)
            given = self.stored.grants.get(device)
            revision = self.stored.revisions[device]
            for each in self.instances.values():
                each.says(ConsentsKnown({device: self.stored.home(device)}))
            for name, each in self.instances.items():
                topics = self.stored.topics.get(device, frozenset())
                published = self.stored.published.get(device, ())
                if given is None:
                    home = self.stored.home(device)
                    each.says(GrantRevoked(device, revision, home, topics, published))
                elif self.owners[LinkId(given.host)] == name:
                    each.says(GrantStored(given, revision, topics, published))
                else:
                    each.says(DeviceLost(device))
