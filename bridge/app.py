"""Puts the bridge together, starts its parts in order, and stops them in reverse.

web → cluster → sources → engine → MQTT → registry
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bridge import log, parts, vitals
from bridge.assembly import engine_settings, instance_name, is_mixed, mqtt_settings, site
from bridge.collector import keep_collections_short
from bridge.config import Config
from bridge.core import jsontext
from bridge.core.effects import Lane, Publish
from bridge.core.engine import Engine
from bridge.core.events import GrantRevoked, GrantStored, Vitals
from bridge.core.model import DeviceId, LinkId, Now
from bridge.core.publications import THE_BRIDGE
from bridge.core.results import iso
from bridge.engine_loop import EngineLoop, Executor
from bridge.errors import BridgeError
from bridge.executors import executors
from bridge.httpclient import Resolver, same_address
from bridge.inbox import Inbox
from bridge.mqtt.client import MqttAdapter
from bridge.mqtt.outbox import Outbox
from bridge.notify import Notifier
from bridge.sources.base import Source
from bridge.sources.router import Router
from bridge.store import Store
from bridge.store_writer import StoreWriter
from bridge.supervision import Supervision
from bridge.threads import Deadline
from bridge.watch import Watch
from bridge.web.desk import Desk
from bridge.web.site import Site, Warned

if TYPE_CHECKING:
    from bridge.sources.outbound import OutboundSource
    from bridge.web.server import WebServer

STOP_LIMIT = 7.5
"""A stop takes at most this long (s); after 10 s service managers kill."""

STOP_SHARES = (2.0, 4.0, 5.0, 6.5)
"""When (s) after its begin web, sources, engine and MQTT have ended; the registry has the rest."""

MOST_WARNINGS = 20
"""Lines of the log that the status page shows."""

_LOOK = 0.2
_WATCH = 1.0
"""How often (s) it is looked whether all parts go on."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Fate:
    """Why the bridge ends, once it does."""

    ending: threading.Event = field(default_factory=threading.Event)
    crashed: list[str] = field(default_factory=list)
    other_bridge: str | None = None
    asked: bool = False
    """Somebody wants it to stop."""
    restart: bool = False
    """And to start again."""

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
        self._store = _open_store(config)
        self._outbound: OutboundSource | None = None
        try:
            self._assemble(config, resolve)
        except BaseException:
            if self._outbound is not None:
                self._outbound.stop(Deadline(1))
            self._store.close()
            raise

    def _assemble(self, config: Config, resolve: Resolver) -> None:
        store, on_crash = self._store, self._fate.on_crash
        log.register_secret(store.callback_secret, lasting=True)
        settings = engine_settings(config, store.bridge_id, store.callback_secret)
        self._topics = settings.topics
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._warned: deque[Warned] = deque(maxlen=MOST_WARNINGS)
        self._rates = vitals.Rates()
        self._desk = Desk(self._inbox.offer, settings.topics)
        self._writer = StoreWriter(store, on_crash)
        alone = config.database is None
        if alone and config.cluster is not None:
            store.run_as(instance_name(config.cluster), alone=THE_BRIDGE)
        known = store.topics(granted=alone), store.published(granted=alone)
        self._engine = Engine(settings, *known)
        aliases = tuple(device.topic for device in config.devices.values() if device.topic)
        self._mqtt = MqttAdapter(
            mqtt_settings(config, store.bridge_id),
            self._outbox,
            base_topic=config.mqtt.base_topic,
            bridge_id=store.bridge_id,
            instance=settings.topics.instance,
            subscriptions=settings.topics.subscriptions(aliases, calls=bool(settings.rpc_methods)),
            sink=self._inbox.offer,
            on_overload=lambda message: self._loop.overload(message),
            on_other_bridge=self._fate.on_other_bridge,
            on_crash=on_crash,
            retain=config.mqtt.retain,
        )
        put = self._inbox.put
        self._integrator = parts.integrator(config, resolve, put, on_crash)
        self._accounts = parts.accounts(config, resolve, store, put, on_crash)
        self._outbound = parts.outbound(config, store, put, on_crash, lambda: self._loop.beats)
        self._keeper = parts.keeper(
            config,
            store,
            self._integrator,
            self._accounts,
            self._inbox.push,
            on_crash,
            self._mqtt.break_off,
        )
        self._sources = Router(self._all_sources())
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

    def _all_sources(self) -> list[Source]:
        integrator: list[Source] = [] if self._integrator is None else [self._integrator]
        outbound: list[Source] = [] if self._outbound is None else [self._outbound]
        return [*integrator, *self._accounts.values(), *outbound]

    def _make_web(self, config: Config) -> list[WebServer]:
        """The HTTP listeners that are wanted; Flask is imported only for them."""
        public = config.web.public.enabled and config.integrator is not None
        if not (public or config.web.admin.enabled):
            return []
        from bridge.listeners import make_listeners

        return make_listeners(
            config,
            self._store,
            self._notify,
            self._make_site(config),
            self._fate.on_crash,
        )

    def _make_site(self, config: Config) -> Site:
        return site(
            config,
            self._store,
            self._accounts,
            self._desk,
            self.failed_parts,
            lambda: self._vitals().values,
            lambda: tuple(self._warned),
        )

    def _executors(self) -> dict[type, Executor]:
        """Which part carries out which effect."""
        return executors(
            sources=self._sources,
            integrator=self._integrator,
            outbound=self._outbound,
            writer=self._writer,
            mqtt=self._mqtt,
            outbox=self._outbox,
            desk=self._desk,
            restart=self._request_restart,
        )

    # From the outside

    def run(self) -> int:
        """Start, work until `request_stop` or a crash, stop; gives the exit code.

        A service manager that started the process hears of all that.
        """
        supervision = Supervision(Notifier(os.environ))
        try:
            self.start()
            keep_collections_short()
            self.wait(supervision=supervision)
        except BridgeError:
            raise
        except Exception as error:  # noqa: BLE001 - the last resort, so that secrets are left out
            _log.critical("the bridge crashed", exc_info=error)
            self._fate.crashed.append("main")
        finally:
            supervision.ending(restart=self._fate.restart)
            code = self.stop()
        return code

    def start(self) -> None:
        """Start every part; returns at once."""
        logging.getLogger().addHandler(self._forward)
        for warning in self._config.warnings:
            _log.warning("%s", warning)
        # What several bridges share, each is told of when it is to serve it.
        ours = self._integrator is not None and self._keeper is None
        grants = self._store.grants() if ours else []
        visitors = self._store.visitors() if self._outbound is not None else []
        now = Now(time.monotonic(), time.time())
        options = self._store.options()
        first = self._engine.restore(grants, now, visitors, options, self._homes())
        if self._keeper is not None:
            # Before anything else: whose name is taken must not speak for its owner.
            self._keeper.start(lambda: self._fate.asked)
        self._writer.start()
        self._mqtt.start()
        self._sources.start()
        self._loop.start(first)
        for server in self._web:
            server.start()

    def _homes(self) -> dict[DeviceId, LinkId]:
        """The hosts of all consents, where others may serve what comes here by other ways."""
        if self._keeper is None or not is_mixed(self._config):
            return {}
        return {device: LinkId(host) for device, host in self._store.homes().items()}

    def wait(self, seconds: float | None = None, supervision: Supervision | None = None) -> None:
        """Wait for the end, at most `seconds`, and see that all parts go on meanwhile."""
        end = None if seconds is None else time.monotonic() + seconds
        watch, next_watch = Watch(self._beats), 0.0
        while not self._fate.asked and not self._fate.ending.wait(_LOOK):
            now = time.monotonic()
            if end is not None and now >= end:
                return
            if now >= next_watch:
                next_watch = now + _WATCH
                watch.look(now)
                # Whoever looks at the page must not be what happens there.
                events = self._loop.events - self._desk.asked
                self._rates.sample(now, events, self._mqtt.published)
                if watch.stuck:
                    _log.critical("stuck, so the bridge ends: %s", ", ".join(watch.stuck))
                    self._fate.crashed += watch.stuck
                    return
            ready = self._mqtt.connected
            if supervision is not None and supervision.due(now, ready=ready):
                alive = not watch.late
                supervision.look(now, ready=ready, alive=alive, status=self._status())
            if not self._mqtt.thread_alive or not self._loop.is_alive:
                self._fate.crashed.append("a thread that ended by itself")
                return

    def request_stop(self) -> None:
        """Have `run` or `wait` return soon; fit for a signal handler, so it takes no lock."""
        self._fate.asked = True

    def _request_restart(self) -> None:
        _log.info("a restart was asked for by MQTT")
        self._fate.restart = self._fate.asked = True

    @property
    def restart_wanted(self) -> bool:
        """Whether somebody asked for a restart; whoever ran the bridge has to see to it."""
        return self._fate.restart

    def stop(self) -> int:
        """Stop every part within `STOP_LIMIT`; gives the exit code. Safe to call twice."""
        deadline = Deadline(STOP_LIMIT)
        alive: list[str] = []
        # Shares, so that one part that hangs does not cost the others their farewell.
        web, sources, engine, mqtt = (Deadline(share) for share in STOP_SHARES)
        for server in self._web:
            alive += server.stop(web)
        if self._keeper is not None:
            alive += self._keeper.stop(sources)
        alive += self._sources.stop(sources)
        alive += self._loop.stop(engine)
        logging.getLogger().removeHandler(self._forward)
        farewell = Publish(self._topics.state, "offline", retain=self._config.mqtt.retain)
        alive += self._mqtt.stop(mqtt, farewell)
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
        """The port of each listener: `web-public`, `web-admin`, `outbound`."""
        outbound = {} if self._outbound is None else {"outbound": self._outbound.port}
        return {server.name: server.port for server in self._web} | outbound

    def failed_parts(self) -> list[str]:
        """What does not work now: `mqtt`, `engine`, or the name of a crashed thread."""
        failed = list(self._fate.crashed)
        if not self._mqtt.connected:
            failed.append("mqtt")
        if not self._loop.is_alive:
            failed.append("engine")
        if self._keeper is not None and self._keeper.state != "connected":
            failed.append("cluster")
        return failed

    def _beats(self) -> dict[str, int]:
        """How often each part came round."""
        own = {"engine": self._loop.beats, "mqtt": self._mqtt.beats}
        keeper = {} if self._keeper is None else self._keeper.beats()
        return own | self._sources.beats() | keeper

    def _status(self) -> str:
        """How the bridge is, in a line for people."""
        mqtt = self._config.mqtt
        broker = "connected to" if self._mqtt.connected else "waiting for"
        return f"{broker} the broker {mqtt.host}:{mqtt.port}; {self._engine.summary()}"

    # Between the parts

    def _notify(self, event: GrantStored | GrantRevoked) -> bool:
        if self._keeper is None:
            self._inbox.put(event)
        else:
            # Whoever serves the host reads it from the registry.
            self._keeper.wake()
        return True

    def _vitals(self) -> Vitals:
        return Vitals(
            {
                **vitals.process(),
                **self._rates.values(),
                "loop_delay_ms": round(self._loop.delay * 1_000, 1),
                "inbox": len(self._inbox),
                "outbox": len(self._outbox),
                "dropped_events": self._outbox.dropped_events,
                "refused_publications": self._mqtt.refused_publications,
            }
        )

    def _publish_warning(self, level: str, text: str) -> None:
        now = time.time()
        self._warned.append(Warned(now, level, text))
        body = jsontext.dump({"level": level, "message": text, "ts": iso(now)})
        topic = self._topics.bridge("log")
        self._outbox.put(Publish(topic, body, retain=False, qos=0, lane=Lane.EVENT))


def _open_store(config: Config) -> Store:
    """The registry, of this bridge alone or shared."""
    if config.database is None:
        return Store.open(config.data_dir, exclusive=True)
    return Store.connect(config.database.reveal())
