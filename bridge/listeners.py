"""Makes the HTTP listeners that the configuration asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bridge.assembly import callback_address
from bridge.config import Config
from bridge.core.events import GrantRevoked, GrantStored
from bridge.core.hosts import HostRule
from bridge.errors import ConfigError, Problem, StartError
from bridge.store import Store
from bridge.threads import CrashHook, Deadline
from bridge.web.admin import create_admin_app
from bridge.web.answers import HealthCheck
from bridge.web.consent import create_public_app
from bridge.web.login import Account
from bridge.web.scl_trust import SHELLY_KEY, TrustCheck
from bridge.web.server import WebServer

ADMIN_CONNECTIONS = 100
"""Few, so that both listeners together stay below the usual limit of 1,024 open files."""


def make_listeners(
    config: Config,
    store: Store,
    accounts: Mapping[str, Account],
    notify: Callable[[GrantStored | GrantRevoked], bool],
    health: HealthCheck,
    on_crash: CrashHook,
) -> list[WebServer]:
    """Both listeners, bound and not yet serving; raises `StartError` for a port that is taken."""
    listeners: list[WebServer] = []
    try:
        _add_listeners(listeners, config, store, accounts, notify, health, on_crash)
    except StartError:
        for server in listeners:
            server.stop(Deadline(5))
        raise
    return listeners


def _add_listeners(
    listeners: list[WebServer],
    config: Config,
    store: Store,
    accounts: Mapping[str, Account],
    notify: Callable[[GrantStored | GrantRevoked], bool],
    health: HealthCheck,
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
            health=health,
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
        app = create_admin_app(
            listen_host=admin.listen.host,
            password=admin.password.reveal() if admin.password else None,
            consent_page=callback_address(config, store.callback_secret),
            health=health,
            accounts=accounts,
        )
        listeners.append(
            WebServer(
                "web-admin",
                app,
                admin.listen.host,
                admin.listen.port,
                on_crash,
                connection_limit=ADMIN_CONNECTIONS,
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
