"""A simulated Shelly world: devices, their owners' consents, cloud hosts, and all that goes wrong.

One thread runs the event loop that serves every host on one port; hosts differ by the name they
are asked by. One lock guards the devices, so that every method may be called by any thread.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from bridge.simulator.api import Api
from bridge.simulator.certificates import Authority, write_private
from bridge.simulator.clock import Clock
from bridge.simulator.cloud import Host, Viewer
from bridge.simulator.consent import Answer, ConsentCaller
from bridge.simulator.devices import catalog
from bridge.simulator.devices.base import Detail, Device, Status
from bridge.simulator.devices.model import Options
from bridge.simulator.devices.private import CANARIES
from bridge.simulator.eventloop import EventLoop
from bridge.simulator.exchange import Reply, Request
from bridge.simulator.identities import Identities
from bridge.simulator.integrator import Integrator
from bridge.simulator.listener import Listener
from bridge.simulator.load import Load
from bridge.simulator.schedule import Schedule
from bridge.simulator.tokens import DAY, Tokens
from bridge.simulator.wire import Wire, frame

Json = Any

HOST = "shelly-1-sim.shelly.cloud"
"""The first host of a world that was told no names."""

_TICK = 0.05
"""Seconds between two looks at which devices want to live on."""
_MOST_WAITING = 100_000
_OK = 200


class World:
    """The world; a context manager, or `start` and `stop`.

    `tag` and `token` are the integrator's. `clock` replaces the machine's time for devices.
    `report_every` (s) lets devices measure by themselves; without it nothing happens unasked.
    `directory` takes the certificate files, a temporary one otherwise.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (HOST,),
        *,
        tag: str = "ITG_SIM",
        token: str | None = None,
        port: int = 0,
        directory: Path | None = None,
        clock: Clock | None = None,
        report_every: float | None = None,
        token_lifetime: float = DAY,
        detail: Detail = Detail.MEMBERS,
    ) -> None:
        self.tag = tag
        self.token = token or f"sim-{secrets.token_hex(16)}"
        self.port = port
        self.detail = detail
        """How much of a Gen2+ status an event carries; may be changed at any time."""
        self._loop = EventLoop("simulator")
        self.soon = self._loop.soon
        """Has the world's thread call something."""
        lock = threading.RLock()
        self.lock: AbstractContextManager[object] = lock
        self.tokens = Tokens(token_lifetime)
        self.consent = ConsentCaller(tag)
        self.api = Api(tag, self.token, self.tokens, self._note)
        self._changed = threading.Condition(lock)
        self._clock = clock or Clock()
        self._report_every = report_every
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="shelly-sim-")
            directory = Path(self._temporary.name)
        self.directory = directory
        self._authority = Authority(self.directory)
        self._context = self._authority.server_context()
        self.ca_file = self._authority.ca_file
        self.trust_key_file = self.directory / "trust-key.pem"
        write_private(self.trust_key_file, self.consent.public_key_pem.encode())
        self.devices: list[Device] = []
        self._by_id: dict[str, Device] = {}
        self._identities = Identities()
        self._schedule = Schedule()
        self._viewers: list[Callable[[dict[str, Json]], Viewer | None]] = []
        integrator = Integrator(tag, self._by_id.get, self.lock)
        self._viewers.append(lambda claims: integrator if claims.get("itg") == tag else None)
        self._hosts: dict[str, Host] = {}
        for name in hosts:
            self._hosts[name] = self._make_host(name)
        self._authority.certify(self._context, self._hosts)
        self._outbox: deque[tuple[str, Device, Callable[[Viewer], bytes]]] = deque()

    # Life.

    def start(self) -> Self:
        """Serve; returns once `port` is known. Raises `StartError` when it is taken.

        After `go_down` it comes back on the same port, with the same devices.
        """
        listener = Listener(self.port, self._context, self._dispatch, self._is_mute)
        self.port = listener.port
        self._loop.start(lambda ready: self._serve(listener, ready))
        return self

    def stop(self) -> None:
        """End for good, within a few seconds; raises what had crashed. Safe to call twice."""
        self.go_down()
        if self._temporary is not None:
            self._temporary.cleanup()

    def go_down(self) -> None:
        """Cut every connection and stop listening, until `start`."""
        self._loop.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _serve(self, listener: Listener, ready: Callable[[], None]) -> None:
        listener.begin()
        ready()
        try:
            while True:
                await asyncio.sleep(_TICK)
                with self.lock:
                    self._schedule.run(self.now())
        finally:
            await listener.close()

    # Connections; in the loop's thread.

    def _dispatch(self, wire: Wire, request: Request) -> None:
        host = self._hosts.get(request.host)
        with self.lock:
            if not request.wants_websocket:
                self.api.serve(wire, request)
            elif host is None:
                wire.reply(Reply(404, b"no such host\n", "text/plain"))
            else:
                host.upgrade(wire, request)

    def _is_mute(self, name: str | None) -> bool:
        if name is None:
            return any(host.faults.mute for host in self._hosts.values())
        host = self._hosts.get(name)
        if host is None or not host.faults.mute:
            return False
        host.counters.unanswered += 1
        self._note()
        return True

    def _viewer_of(self, token: str) -> Viewer | None:
        claims = self.tokens.check(token)
        if claims is None:
            return None
        found = (viewer_of(claims) for viewer_of in self._viewers)
        return next((viewer for viewer in found if viewer is not None), None)

    # Where to find it.

    @property
    def api_url(self) -> str:
        """Base of the HTTPS endpoints; the same port as the hosts'."""
        return f"https://localhost:{self.port}"

    @property
    def allowed_hosts(self) -> list[str]:
        """Patterns that let every host pass, as the bridge's configuration has them."""
        return sorted(self._hosts)

    def resolver(self, host: str, port: int) -> tuple[str, int]:
        """The address to connect to instead of a simulated host's; any other stays."""
        return ("127.0.0.1", self.port) if host in self._hosts else (host, port)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must appear nowhere outside: the token, and those in settings."""
        return (self.token, *CANARIES)

    # Hosts and devices.

    def add_host(self, name: str) -> Host:
        """One more host; its name is added to the certificate."""
        with self.lock:
            host = self._hosts[name] = self._make_host(name)
            self._authority.certify(self._context, self._hosts)
        return host

    def _make_host(self, name: str) -> Host:
        return Host(name, self._viewer_of, self._note, self.soon)

    @property
    def hosts(self) -> list[Host]:
        """All hosts, in the order they were added."""
        return list(self._hosts.values())

    def host(self, name: str | None = None) -> Host:
        """The host of that name, or the first one."""
        return self.hosts[0] if name is None else self._hosts[name]

    def add_device(
        self,
        model: str,
        host: str | None = None,
        *,
        name: str | list[str] | None = None,
        hex_id: str | None = None,
        user: int | None = None,
        online: bool = True,
        control: bool = True,
        granted: bool = True,
        options: Options | None = None,
    ) -> Device:
        """A device of a model of `devices.catalog` at a host (the first one if None).

        All devices of a `user` should be at one host, as in the real cloud.
        """
        chosen = options or Options()
        if chosen.report_every is None:
            chosen = replace(chosen, report_every=self._report_every)
        kind = catalog.find(model)
        with self.lock:
            at = self.host(host).name
            owner = user or 1000 + list(self._hosts).index(at)
            identity = self._identities.make(kind, at, owner, name, hex_id)
            device = catalog.make(kind, identity, self, chosen)
            device.online, device.control, device.granted = online, control, granted
            if device.id in self._by_id:
                raise ValueError(f"there is a device {device.hex_id} already")
            self.devices.append(device)
            self._by_id[device.id] = device
            return device

    def move(self, device: Device, host: str) -> None:
        """Let another host serve a device; the old one answers `WRONG_HOST` from now on."""
        with self.lock:
            device.identity.host = self.host(host).name

    def set_online(self, device: Device, online: bool) -> None:
        """The device comes or goes; the cloud tells so, then what changed meanwhile."""
        with self.lock:
            device.online = online
            self._tell(device, lambda viewer: viewer.online_frame(device, online))
            device.publish()

    def grant(self, device: Device, *, control: bool = True) -> None:
        """The owner grants a device, and nobody is told."""
        with self.lock:
            device.granted, device.control = True, control

    def revoke(self, device: Device) -> None:
        """The owner withdraws a device, and nobody is told."""
        with self.lock:
            device.granted = False

    def grant_by_callback(self, device: Device, url: str, *, control: bool = True) -> Answer:
        """The owner grants a device; without a 200 from the callback nothing has changed."""
        before = device.granted, device.control
        self.grant(device, control=control)
        return self._settle(device, before, lambda: self.consent.add(url, device))

    def revoke_by_callback(self, device: Device, url: str) -> Answer:
        """The owner withdraws a device; without a 200 from the callback nothing has changed."""
        before = device.granted, device.control
        self.revoke(device)
        return self._settle(device, before, lambda: self.consent.remove(url, device))

    def _settle(
        self, device: Device, before: tuple[bool, bool], post: Callable[[], Answer]
    ) -> Answer:
        done = False
        try:
            answer = post()
            done = answer.status == _OK
            return answer
        finally:
            if not done:
                with self.lock:
                    device.granted, device.control = before

    def emit(self, host: str | None, message: str | bytes, *, binary: bool = False) -> None:
        """Send any message on every connection of a host; it need not be UTF-8 or JSON."""
        data = message.encode() if isinstance(message, str) else message
        self.host(host).write(frame(data, 2 if binary else 1))

    def run_load(
        self,
        rate: float | None,
        *,
        devices: Iterable[Device] | None = None,
        seconds: float | None = None,
        whole: bool = True,
        stamp: bool = False,
    ) -> Load:
        """Begin to emit numbered status events; see `load.Load`."""
        load = Load(self, list(devices or self.devices), rate, seconds, whole=whole, stamp=stamp)
        self.soon(load.begin)
        return load

    # Time.

    def now(self) -> float:
        """Unix s in this world."""
        return self._clock.now()

    def advance(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass at once, in steps, as far as devices are concerned."""
        with self.lock:
            left = seconds
            while left > 0:
                self._clock.skip(min(step, left))
                left -= step
                self._schedule.run(self.now())

    def wait_for(self, predicate: Callable[[], object], seconds: float = 10.0) -> bool:
        """Wait until something is true of this world; False when the time is up before.

        The predicate is called with the lock held, after every change.
        """
        with self._changed:
            return bool(self._changed.wait_for(lambda: bool(predicate()), seconds))

    # What devices and servers call.

    def reschedule(self, device: Device) -> None:
        """See `devices.base.Surroundings`."""
        self._schedule.put(device)

    def status_changed(self, device: Device, part: Status) -> None:
        """See `devices.base.Surroundings`."""
        self._tell(device, lambda viewer: viewer.status_frame(device, part))

    def settings_changed(self, device: Device) -> None:
        """See `devices.base.Surroundings`."""
        if device.online:
            self._tell(device, lambda viewer: viewer.settings_frame(device))

    def _tell(self, device: Device, message: Callable[[Viewer], bytes]) -> None:
        """Queue a message with the lock held: the order of changes is the order of messages."""
        if not self._loop.runs:
            return
        if len(self._outbox) >= _MOST_WAITING:
            raise RuntimeError("more happens in the simulated world than it can tell")
        self._outbox.append((device.host, device, message))
        if self._loop.is_current:
            self.flush()
        else:
            self.soon(self.flush)

    def flush(self) -> None:
        """Send what is queued; in the loop's thread."""
        with self.lock:
            while self._outbox:
                host, device, message = self._outbox.popleft()
                self._hosts[host].tell(device, message)
            self._changed.notify_all()

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()
