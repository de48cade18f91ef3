"""Puts the bridge together, starts its parts in order, and stops them in reverse.

web → sources → engine → MQTT → registry
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge import log, vitals
from bridge.assembly import engine_settings, integrator_settings, mqtt_settings
from bridge.config import Config
from bridge.core import jsontext
from bridge.core.engine import Engine
from bridge.core.model import (
    Adopt,
    DropGrant,
    GrantRevoked,
    GrantStored,
    Lane,
    Move,
    Now,
    Publish,
    Reconnect,
    Refresh,
    Release,
    SaveGrant,
    SaveTopics,
    ScanRetained,
    SendCommand,
    Vitals,
)
from bridge.core.results import iso
from bridge.engine_loop import EngineLoop, Executor
from bridge.httpclient import Resolver, same_address
from bridge.inbox import Inbox
from bridge.mqtt.client import MqttAdapter
from bridge.mqtt.outbox import Outbox
from bridge.sources.integrator import IntegratorSource
from bridge.store import Store
from bridge.store_writer import StoreWriter
from bridge.threads import Deadline

if TYPE_CHECKING:
    from bridge.web.server import WebServer

STOP_LIMIT = 9.0
"""A stop takes at most this long (s)."""

STUCK = 30.0
"""An engine that makes no round for this long (s) is stuck, and the process ends."""

_LOOK = 0.2

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Fate:
    """Why the bridge ends, once it does."""

    ending: threading.Event = field(default_factory=threading.Event)
    crashed: list[str] = field(default_factory=list)
    other_bridge: str | None = None
    asked: bool = False
    """Somebody wants it to stop."""

    def on_crash(self, thread: str, _: BaseException) -> None:
        """A dead thread ends the process: it must never be half alive."""
        self.crashed.append(thread)
        self.ending.set()

    def on_other_bridge(self, other: str) -> None:
        """Another bridge lives on our base topic."""
        self.other_bridge = other
        self.ending.set()


class Bridge:
    """The whole program but for the command line; `run` it once.

    `resolve` tells where a host name is, which only simulated clouds need.
    """

    def __init__(self, config: Config, resolve: Resolver = same_address) -> None:
        """Open the registry and bind the listeners; raises `StartError` or `StoreError`."""
        self._config = config
        self._fate = _Fate()
        self._store = Store.open(config.data_dir, exclusive=True)
        try:
            self._assemble(config, resolve)
        except BaseException:
            self._store.close()
            raise

    def _assemble(self, config: Config, resolve: Resolver) -> None:
        store, on_crash = self._store, self._fate.on_crash
        log.register_secret(store.callback_secret)
        settings = engine_settings(config, store.bridge_id, store.callback_secret)
        self._topics = settings.topics
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._writer = StoreWriter(store, on_crash)
        self._engine = Engine(settings, store.topics())
        aliases = tuple(device.topic for device in config.devices.values() if device.topic)
        self._mqtt = MqttAdapter(
            mqtt_settings(config, store.bridge_id),
            self._outbox,
            base_topic=config.mqtt.base_topic,
            bridge_id=store.bridge_id,
            subscriptions=settings.topics.subscriptions(aliases),
            sink=self._inbox.offer,
            on_overload=lambda message: self._loop.overload(message),
            on_other_bridge=self._fate.on_other_bridge,
            on_crash=on_crash,
            retain=config.mqtt.retain,
        )
        self._integrator = self._make_integrator(config, resolve)
        self._loop = EngineLoop(
            self._engine,
            self._inbox,
            self._outbox.put_all,
            self._executors(),
            self._vitals,
            on_crash,
        )
        self._web = self._make_web(config)
        self._forward = log.ForwardWarnings(self._publish_warning)

    def _make_integrator(self, config: Config, resolve: Resolver) -> IntegratorSource | None:
        if config.integrator is None:
            return None
        return IntegratorSource(
            integrator_settings(config, config.integrator, resolve),
            self._inbox.put,
            self._fate.on_crash,
            log.register_secret,
        )

    def _make_web(self, config: Config) -> list[WebServer]:
        """The HTTP listeners that are wanted; Flask is imported only for them."""
        if not config.web.admin.enabled and config.integrator is None:
            return []
        from bridge.listeners import make_listeners

        return make_listeners(
            config, self._store, self._notify, self.failed_parts, self._fate.on_crash
        )

    def _executors(self) -> dict[type, Executor]:
        """Which part carries out which effect."""
        executors: dict[type, Executor] = {
            SaveGrant: self._writer.put,
            DropGrant: self._writer.put,
            SaveTopics: self._writer.put,
            ScanRetained: lambda effect: self._mqtt.request_scan(effect.token),
        }
        source = self._integrator
        if source is not None:
            by_source: dict[type, Executor] = {
                SendCommand: source.send,
                Refresh: lambda effect: source.refresh(effect.link, effect.device),
                Reconnect: lambda effect: source.reconnect(effect.link),
                Adopt: lambda effect: source.adopt(effect.grant),
                Release: lambda effect: source.release(effect.device),
                Move: lambda effect: source.move(effect.device, effect.to),
            }
            executors |= by_source
        return executors

    # From the outside

    def run(self) -> int:
        """Start, work until `request_stop` or a crash, stop; gives the exit code."""
        try:
            self.start()
            self.wait()
        finally:
            code = self.stop()
        return code

    def start(self) -> None:
        """Start every part; returns at once."""
        logging.getLogger().addHandler(self._forward)
        for warning in self._config.warnings:
            _log.warning("%s", warning)
        grants = self._store.grants() if self._integrator is not None else []
        first = self._engine.restore(grants, Now(time.monotonic(), time.time()))
        self._writer.start()
        self._mqtt.start()
        if self._integrator is not None:
            self._integrator.start()
        self._loop.start(first)
        for server in self._web:
            server.start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait for the end, at most `seconds`, and see that the engine goes round meanwhile."""
        end = None if seconds is None else time.monotonic() + seconds
        beats, moved_at = -1, time.monotonic()
        while not self._fate.asked and not self._fate.ending.wait(_LOOK):
            now = time.monotonic()
            if end is not None and now >= end:
                return
            if self._loop.beats != beats:
                beats, moved_at = self._loop.beats, now
            elif now - moved_at > STUCK:
                _log.critical("the engine is stuck; the bridge ends")
                self._fate.crashed.append("engine")
                return
            if not self._mqtt.thread_alive or not self._loop.is_alive:
                self._fate.crashed.append("a thread that ended by itself")
                return

    def request_stop(self) -> None:
        """Have `run` or `wait` return soon; fit for a signal handler, so it takes no lock."""
        self._fate.asked = True

    def stop(self) -> int:
        """Stop every part within 9 s; gives the exit code. Safe to call twice."""
        deadline = Deadline(STOP_LIMIT)
        alive: list[str] = []
        # Shares, so that one part that hangs does not cost the others their farewell.
        web, sources, engine = Deadline(2), Deadline(5), Deadline(6)
        for server in self._web:
            alive += server.stop(web)
        if self._integrator is not None:
            alive += self._integrator.stop(sources)
        alive += self._loop.stop(engine)
        logging.getLogger().removeHandler(self._forward)
        farewell = Publish(self._topics.state, "offline", retain=self._config.mqtt.retain)
        alive += self._mqtt.stop(deadline, farewell)
        alive += self._writer.stop(deadline)
        self._store.close()
        for name in alive:
            _log.error("thread %s did not end in time", name)
        if self._fate.other_bridge is not None:
            _log.error(
                "another bridge (%s) is online on base topic %r; give this one its own "
                "mqtt.base_topic, or stop the other",
                self._fate.other_bridge,
                self._config.mqtt.base_topic,
            )
        return 1 if alive or self._fate.crashed or self._fate.other_bridge else 0

    @property
    def ports(self) -> dict[str, int]:
        """The port of each HTTP listener: `web-public`, `web-admin`."""
        return {server.name: server.port for server in self._web}

    def failed_parts(self) -> list[str]:
        """What does not work now: `mqtt`, `engine`, or the name of a crashed thread."""
        failed = list(self._fate.crashed)
        if not self._mqtt.connected:
            failed.append("mqtt")
        if not self._loop.is_alive:
            failed.append("engine")
        return failed

    # Between the parts

    def _notify(self, event: GrantStored | GrantRevoked) -> bool:
        self._inbox.put(event)
        return True

    def _vitals(self) -> Vitals:
        return Vitals(
            {
                **vitals.process(),
                "inbox": len(self._inbox),
                "outbox": len(self._outbox),
                "dropped_events": self._outbox.dropped_events,
                "refused_publications": self._mqtt.refused_publications,
            }
        )

    def _publish_warning(self, level: str, text: str) -> None:
        body = jsontext.dump({"level": level, "message": text, "ts": iso(time.time())})
        topic = self._topics.bridge("log")
        self._outbox.put(Publish(topic, body, retain=False, qos=0, lane=Lane.EVENT))
