"""Every topic is built and parsed here and nowhere else.

The layout below the base topic:

    bridge/state, bridge/info, bridge/devices, bridge/health, bridge/event, bridge/log
    bridge/hosts/<link>
    bridge/request/<name>, bridge/response/<name>
    <device>/availability, <device>/info, <device>/state, <device>/get
    <device>/raw/<component>
    <device>/rpc, <device>/rpc/response
    <device>/<kind>/<n>, .../<value>, .../set, .../set/<key>, .../result, .../event

where several instances share the hosts, each has `bridge/<instance>/...` in place of `bridge/...`,
and for Home Assistant, below its discovery prefix: device/<id>/config
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

BRIDGE = "bridge"
"""The reserved first level that no device may take."""

HUB = "shelly_bridge"
"""Home Assistant's id of a bridge that is alone; those of several begin so."""

_PART = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_FORBIDDEN = re.compile(r"[+#\x00-\x1f\x7f-\x9f\ud800-\udfff￾￿]")

_HOME_ASSISTANT = "homeassistant/"

RESERVED_KINDS = frozenset({"raw", "rpc", "set", "get"})
"""Kinds whose channels would be mistaken for other topics of a device."""

_DISCOVERY = re.compile(r".+/device/[A-Za-z0-9_-]+/config", re.ASCII)

_OWN_LEVELS = frozenset({"set", "get", "result", "event"})
"""Last levels of topics of ours, which no channel's number can be."""


def is_part(text: str) -> bool:
    """Whether `text` can be one level of a topic that we publish."""
    return _PART.fullmatch(text) is not None


def is_publishable(topic: str) -> bool:
    """Whether a topic named by somebody else can be published to: no wildcard, no control."""
    return 0 < len(topic) <= 1_000 and not topic.startswith("$") and not _FORBIDDEN.search(topic)


class Inbound(Enum):
    """What a message that reached us is about."""

    SET = "set"
    GET = "get"
    CALL = "rpc"
    REQUEST = "request"
    INSTANCE = "instance"
    HOME_ASSISTANT = "home_assistant"


@dataclass(frozen=True, slots=True)
class Parsed:
    """A topic that somebody published to: `name` is that of a device, request or instance."""

    about: Inbound
    name: str
    kind: str = ""
    number: int | str = 0
    """A text where no channel has such a number; its sender is to be told so."""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics below one base topic, and those of Home Assistant.

    `prefix` is that of its discovery, None where it is not wanted; `status` is where it says that
    it started. `instance` names the bridge where several share the devices.
    """

    base: str
    prefix: str | None = None
    status: str | None = None
    instance: str | None = None

    @property
    def state(self) -> str:
        """`online` or `offline`: the bridge itself, and its will."""
        return self.bridge("state")

    def bridge(self, name: str) -> str:
        """One of the bridge's own topics: `info`, `devices`, `health`, `event`, `log`."""
        return f"{self.base}/bridge/{f'{self.instance}/' if self.instance else ''}{name}"

    def host(self, link: str) -> str:
        """The state of one connection."""
        return self.bridge(f"hosts/{link}")

    def request(self, name: str) -> str:
        """Where somebody asks the bridge for something."""
        return self.bridge(f"request/{name}")

    def response(self, name: str) -> str:
        """Where a request's answer goes."""
        return self.bridge(f"response/{name}")

    @property
    def hub(self) -> str:
        """Home Assistant's id of the bridge itself."""
        return f"{HUB}_{self.instance}" if self.instance else HUB

    @property
    def instances(self) -> str | None:
        """The filter of `info` of all instances, which is retained; None where there is one."""
        return f"{self.base}/bridge/+/info" if self.instance else None

    def device(self, root: str, name: str) -> str:
        """A device's own topic: `availability`, `info`, `state`; `root` is its id or alias."""
        return f"{self.base}/{root}/{name}"

    def channel(self, root: str, kind: str, number: int | str) -> str:
        """The retained JSON of one channel."""
        return f"{self.base}/{root}/{kind}/{number}"

    def raw(self, root: str, component: str) -> str:
        """A component's payload as received."""
        return f"{self.base}/{root}/raw/{component}"

    def discovery(self, device: str) -> str:
        """Where Home Assistant looks for a device; raises `ValueError` if that is not wanted."""
        if self.prefix is None:
            raise ValueError("discovery is not wanted")
        return f"{self.prefix}/device/{device}/config"

    def is_discovery(self, topic: str) -> bool:
        """Whether it is a topic where Home Assistant looks for a device now."""
        below = self.prefix is not None and topic.startswith(f"{self.prefix}/device/")
        return below and self.was_discovery(topic)

    def was_discovery(self, topic: str) -> bool:
        """Whether it is, or was with other settings, a topic where Home Assistant looks."""
        return _DISCOVERY.fullmatch(topic) is not None

    def is_answer_box(self, topic: str) -> bool:
        """Whether somebody may have answers sent there: not where we or Home Assistant listen."""
        taken = (f"{self.base}/", _HOME_ASSISTANT, *([f"{self.prefix}/"] if self.prefix else []))
        return is_publishable(topic) and topic != self.status and not topic.startswith(taken)

    @property
    def scanned(self) -> tuple[str, ...]:
        """The filters of what is retained and may have been left by former runs.

        Of several instances each looks for its own, and for commands.
        """
        if self.instance is None:
            return (f"{self.base}/#",)
        commands = f"{self.base}/+/+/+/set"
        return (self.bridge("#"), commands, f"{commands}/+")

    def subscriptions(
        self, aliases: tuple[str, ...] = (), *, calls: bool = False
    ) -> tuple[str, ...]:
        """The filters of everything that may be told to us; never a bare `#`.

        Those of `<device>/rpc` only with `calls`.
        """
        roots = ("+", *(alias for alias in aliases if "/" in alias))
        filters = [self.request("#"), *([self.status] if self.status else [])]
        for root in roots:
            filters += [
                f"{self.base}/{root}/+/+/set",
                f"{self.base}/{root}/+/+/set/+",
                f"{self.base}/{root}/get",
                *([f"{self.base}/{root}/rpc"] if calls else []),
            ]
        return tuple(filters)

    def parse(self, topic: str) -> Parsed | None:
        """What a message to `topic` is about; None if the topic is none of ours."""
        if topic == self.status:
            return Parsed(Inbound.HOME_ASSISTANT, "")
        prefix = f"{self.base}/"
        if not topic.startswith(prefix) or not is_publishable(topic):
            return None
        rest = topic[len(prefix) :]
        if rest.startswith("bridge/"):
            return self._about_bridge(topic)
        parts = channel = rest.split("/")
        key = None
        if len(parts) >= 5 and parts[-2] == "set":
            *channel, key = parts
        if len(channel) >= 4 and channel[-1] == "set":
            return _command("/".join(channel[:-3]), channel[-3], channel[-2], key)
        if len(parts) >= 2 and parts[-1] == "get":
            return Parsed(Inbound.GET, "/".join(parts[:-1]))
        if len(parts) >= 2 and parts[-1] == "rpc":
            return Parsed(Inbound.CALL, "/".join(parts[:-1]))
        return None

    def _about_bridge(self, topic: str) -> Parsed | None:
        requests = self.request("")
        if topic.startswith(requests):
            return Parsed(Inbound.REQUEST, topic.removeprefix(requests))
        parts = topic.removeprefix(f"{self.base}/bridge/").split("/")
        if self.instance is not None and len(parts) == 2 and parts[1] == "info":
            return Parsed(Inbound.INSTANCE, parts[0])
        return None


def _command(root: str, kind: str, number: str, key: str | None) -> Parsed | None:
    """What a `/set` topic is about; None where a result could not be told apart from a command."""
    if _NUMBER.fullmatch(number):
        return Parsed(Inbound.SET, root, kind, int(number), key)
    if not is_part(number) or number in _OWN_LEVELS:
        return None
    return Parsed(Inbound.SET, root, kind, number, key)
