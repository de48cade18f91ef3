"""`shelly-bridge enroll`: points a device's outbound WebSocket at this bridge, or undoes that.

(Shelly docs, Gen2 Ws: the settings count after a reboot, and there is room for one server.)
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.assembly import mqtt_settings, outbound_place
from bridge.cli.options import add_config, load_config
from bridge.cli.registry import open_registry
from bridge.config import Config
from bridge.core.model import Json
from bridge.core.topics import Topics
from bridge.core.visitors import LINK
from bridge.device_http import DeviceClient, Identity, RefusedError
from bridge.errors import (
    AuthError,
    BridgeError,
    ConfigError,
    ConnectionLost,
    PeerError,
    Problem,
)
from bridge.mqtt.ask import ask

REBOOT_LIMIT = 60.0
"""How long (s) a device may take to come back and connect."""

ARRIVAL_LIMIT = 15.0
"""How long (s) it may take from there to MQTT."""

_LOOK = 0.5
"""How often (s) the device is asked anew; it has few connections, and cannot tell by itself."""

_REBOOT_DELAY = 500
"""Milliseconds that a device waits before it reboots, so that it can still answer."""

_NO_HANDLER = 404


class _Stopped(BridgeError):
    """It does not go on; the text says why."""


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "enroll", help="have a Gen2+ device connect to this bridge, without a cloud"
    )
    add_config(parser)
    parser.add_argument("address", metavar="ADDRESS", help="the device's address in the network")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="only show what is set in the device")
    what.add_argument("--remove", action="store_true", help="undo it: connect nowhere any more")
    parser.add_argument(
        "--password-file", metavar="F", type=Path, help="file with the device's password"
    )
    parser.add_argument(
        "--bridge",
        metavar="HOST[:PORT]",
        help="this machine's address as the device sees it, where that is not found out right",
    )
    parser.add_argument(
        "--ssl-ca",
        choices=("*", "ca.pem", "user_ca.pem"),
        default="*",
        help="with outbound.tls: what the device checks the certificate against (*: nothing)",
    )
    parser.add_argument("--yes", action="store_true", help="overwrite another server unasked")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Do it, telling every step; 1 if something did not work."""
    config = load_config(options)
    if not config.outbound.enabled:
        text = "must be true, or nothing listens for devices"
        raise ConfigError([Problem("configuration", None, "outbound.enabled", text)])
    try:
        client = DeviceClient(options.address, _password(options.password_file))
    except ValueError as error:
        sys.stderr.write(f"shelly-bridge enroll: {error}\n")
        return 2
    identity = client.identify()
    _say(f"{client.host}: {identity.model}, id {identity.id}, generation {identity.gen}")
    if identity.gen == 1:
        raise _Stopped(
            "a Gen1 device cannot connect to a server by WebSocket; it reaches the bridge by "
            "Shelly's cloud only"
        )
    enrolment = _Enrolment(config, client, identity, options)
    if options.status:
        enrolment.show()
    elif options.remove:
        enrolment.remove()
    else:
        enrolment.enroll()
    return 0


class _Enrolment:
    """One device, and what is set in it."""

    def __init__(
        self,
        config: Config,
        client: DeviceClient,
        identity: Identity,
        options: argparse.Namespace,
    ) -> None:
        self._config = config
        self._client = client
        self._identity = identity
        self._options = options
        with open_registry(config) as store:
            self._place = outbound_place(config, store.outbound_secret)
            self._bridge_id = store.bridge_id
        self._url = self._address()
        try:
            self._now = client.call("Ws.GetConfig")
        except RefusedError as error:
            if error.code != _NO_HANDLER:
                raise
            raise _Stopped(
                "the device has no outbound WebSocket; update its firmware (0.11 or newer)"
            ) from None

    def _address(self) -> str:
        """The address that the device is to connect to."""
        listen = self._config.outbound.listen
        if self._options.bridge is not None:
            return self._place.address_at(self._options.bridge)
        seen = self._client.own_address()
        if listen.is_loopback and not seen.startswith("127."):
            text = f"is {listen}, which no device can reach; listen on 0.0.0.0"
            raise ConfigError([Problem("configuration", None, "outbound.listen", text)])
        return self._place.address(seen)

    # What can be done

    def show(self) -> None:
        """Tell what is set."""
        _say(f"server: {_shown(self._now.get('server'))}")
        _say(f"enabled: {'yes' if self._now.get('enable') is True else 'no'}")
        _say(f"connected: {'yes' if self._connected() else 'no'}")
        here = self._is_ours and self._now.get("enable") is True
        _say(f"enrolled here: {'yes' if here else 'no'}")

    def enroll(self) -> None:
        """Point it here, and wait until it has come."""
        wanted = {"enable": True, "server": self._url, "ssl_ca": self._options.ssl_ca}
        if all(self._now.get(key) == value for key, value in wanted.items()):
            _say("the device is enrolled here already")
        else:
            self._ask_before_overwriting()
            self._set(wanted)
        if not _wait(self._connected, REBOOT_LIMIT):
            raise _Stopped(
                f"the device did not connect to {_shown(self._url)} within "
                f"{REBOOT_LIMIT:.0f} s; is the bridge running, and can the device reach it? "
                "The bridge's log names every refused connection and its reason"
            )
        _say("the device is connected")
        self._wait_for_arrival()

    def remove(self) -> None:
        """Have it connect nowhere any more."""
        server = self._now.get("server")
        if self._now.get("enable") is not True and server is None:
            # Perhaps it was reset, or its connection taken out by hand.
            _say("nothing is set in the device")
            self._take_away()
            return
        ours = self._is_ours
        if not ours:
            self._ask_before_overwriting()
        self._set({"enable": False, "server": None})
        if not _wait(lambda: not self._connected(), REBOOT_LIMIT):
            raise _Stopped(f"the device is still connected after {REBOOT_LIMIT:.0f} s")
        _say("the device does not connect to a server any more")
        if ours:
            self._take_away()

    @property
    def _is_ours(self) -> bool:
        server = self._now.get("server")
        return isinstance(server, str) and server.endswith(f"/shelly/{self._place.secret}")

    def _ask_before_overwriting(self) -> None:
        server = self._now.get("server")
        if self._is_ours or not server or self._options.yes:
            return
        used = "is connected to" if self._now.get("enable") is True else "has, switched off,"
        _say(f"the device {used} another server: {_shown(server)}")
        _say("there is room for one only; what uses it now will lose the device")
        sys.stdout.write("overwrite it? [y/N] ")
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise _Stopped("nothing was changed")

    def _set(self, wanted: dict[str, Json]) -> None:
        answer = self._client.call("Ws.SetConfig", {"config": wanted})
        _say(f"server set to {_shown(wanted['server'])}")
        if answer.get("restart_required") is False:
            return
        _say("the device reboots")
        self._client.call("Shelly.Reboot", {"delay_ms": _REBOOT_DELAY})
        # Until it goes down it still answers, and with what was before.
        _wait(self._is_away, 4 * _REBOOT_DELAY / 1_000)

    def _is_away(self) -> bool:
        try:
            self._client.call("Ws.GetStatus")
        except AuthError:
            raise
        except PeerError:
            return True
        return False

    def _connected(self) -> bool:
        """Whether the device says that it is connected; not while it reboots."""
        try:
            return self._client.call("Ws.GetStatus").get("connected") is True
        except (ConnectionLost, RefusedError):
            return bool(self._options.remove)

    def _wait_for_arrival(self) -> None:
        """Ask the bridge by MQTT whether the device is connected to it."""
        topics = Topics(self._config.mqtt.base_topic)
        found: dict[str, Json] = {}

        def there() -> bool:
            answer = self._ask("device/refresh") or {}
            data = answer.get("data")
            found.update(data if isinstance(data, dict) else {})
            return found.get("pending") is True or found.get("connected") is True

        try:
            arrived = _wait(there, ARRIVAL_LIMIT)
        except PeerError as error:
            _say(f"whether it is on MQTT cannot be seen: {error}")
            return
        if not arrived:
            raise _Stopped(
                "the device is connected to something at that address, but the bridge does not "
                "say that it is connected to it; look into the bridge's log"
            )
        if found.get("pending") is True:
            _say(
                "the device waits for your approval (outbound.approve: manual); publish its id to "
                f"{topics.request('device/approve')}"
            )
        else:
            _say(f"the device is on MQTT as {found.get('topic')}")

    def _ask(self, name: str, **more: Json) -> dict[str, Json] | None:
        """What the bridge answers to a request about the device; None if it does not."""
        topics = Topics(self._config.mqtt.base_topic)
        settings = mqtt_settings(self._config, self._bridge_id)
        return ask(settings, topics, name, {"id": self._identity.id, **more})

    def _take_away(self) -> None:
        """Have the bridge forget that the device connects to it, if it does know that."""
        try:
            answer = self._ask("device/remove", link=LINK)
        except PeerError as error:
            _say(f"the bridge cannot be asked to forget it: {error}")
            return
        if answer is None:
            _say("the bridge does not run; send device/remove later to have it forget the device")
            return
        data = answer.get("data")
        others = data.get("kept_by") if isinstance(data, dict) else None
        if answer.get("status") != "ok":
            _say(f"the bridge has nothing to forget: {answer.get('error')}")
        elif isinstance(others, list) and others:
            _say(f"the bridge keeps it, as it comes by {', '.join(map(str, others))} too")
        else:
            _say("the bridge has forgotten it")


def _shown(server: Json) -> str:
    """An address without what may be secret in it: the path, a password, what follows."""
    if not isinstance(server, str) or not server:
        return "none"
    scheme, found, rest = server.partition("://")
    if not found:
        return "something that is no address"
    place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    shown = f"{scheme}://{place}/…"
    return "".join(char if char.isprintable() else " " for char in shown)[:200]


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        # A command in the foreground: Ctrl-C ends the sleep, and nobody else could.
        time.sleep(_LOOK)
    return True


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise _Stopped(f"{file} cannot be read: {reason}") from None


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the command's output
