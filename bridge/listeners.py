"""Makes the HTTP listeners that the configuration asks for."""

from __future__ import annotations

from collections.abc import Callable

from bridge.config import Config
from bridge.core.events import GrantRevoked, GrantStored
from bridge.core.hosts import HostRule
from bridge.errors import ConfigError, Problem, StartError
from bridge.store import Store
from bridge.threads import CrashHook, Deadline
from bridge.web.admin import create_admin_app
from bridge.web.consent import create_public_app
from bridge.web.desk import MOST_LOOKS
from bridge.web.live import MOST_VIEWERS
from bridge.web.room import MOST_WAITING
from bridge.web.scl_trust import SHELLY_KEY, TrustCheck
from bridge.web.server import WebServer
from bridge.web.site import Site

ADMIN_WORKERS = MOST_VIEWERS + MOST_WAITING + MOST_LOOKS + 2
"""Enough for all that may wait at once and for the health check, whose asker would end the bridge
if it got no answer."""

ADMIN_CONNECTIONS = 100
"""Few, so that both listeners together stay below the usual limit of 1,024 open files."""


def make_listeners(
    config: Config,
    store: Store,
    notify: Callable[[GrantStored | GrantRevoked], bool],
    site: Site,
    on_crash: CrashHook,
) -> list[WebServer]:
    """Both listeners; the admin's pages are about `site`.

    They are bound and not yet serving; raises `StartError` for a port that is taken.
    """
    listeners: list[WebServer] = []
    try:
        _add_listeners(listeners, config, store, notify, site, on_crash)
    except StartError:
        for server in listeners:
            server.stop(Deadline(5))
        raise
    return listeners


def _add_listeners(
    listeners: list[WebServer],
    config: Config,
    store: Store,
    notify: Callable[[GrantStored | GrantRevoked], bool],
    site: Site,
    on_crash: CrashHook,
) -> None:
    public, admin = config.web.public, config.web.admin
    if public.enabled and config.integrator is not None:
        app = create_public_app(
            secret=store.callback_secret,
            trust=TrustCheck(config.integrator.tag, _trust_key(config)),
            host_allowed=HostRule(config.integrator.allowed_hosts).accepts,
            store=store,
            notify=notify,
            health=site.health,
        )
        listeners.append(
            WebServer(
                "web-public",
                app,
                public.listen.host,
                public.listen.port,
                on_crash,
                trusted_proxies=public.trusted_proxies,
            )
        )
    if admin.enabled:
        app = create_admin_app(site)
        listeners.append(
            WebServer(
                "web-admin",
                app,
                admin.listen.host,
                admin.listen.port,
                on_crash,
                trusted_proxies=site.trusted_proxies,
                connection_limit=ADMIN_CONNECTIONS,
                workers=ADMIN_WORKERS,
                stopping=site.stopping,
            )
        )


def _trust_key(config: Config) -> str:
    if config.integrator is None or config.integrator.trust_key_file is None:
        return SHELLY_KEY
    try:
        return config.integrator.trust_key_file.read_text()
    except (OSError, UnicodeDecodeError):
        key, text = "integrator.trust_key_file", "cannot be read"
        raise ConfigError([Problem("configuration", None, key, text)]) from None
