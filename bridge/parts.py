"""Makes the sources and the keeper of hosts, as far as the configuration wants them.

What needs a library of its own is imported only where it is wanted. `put` takes events for the
engine, `on_crash` hears of threads that died.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bridge import log
from bridge.assembly import (
    account_settings,
    integrator_settings,
    keeper_settings,
    outbound_settings,
)
from bridge.config import Config
from bridge.core.events import Event
from bridge.httpclient import Resolver
from bridge.sources.account import AccountSource
from bridge.sources.integrator import IntegratorSource
from bridge.store import Store
from bridge.store.logins import LoginVault
from bridge.threads import CrashHook

if TYPE_CHECKING:
    from bridge.cluster.keeper import Keeper
    from bridge.sources.outbound import OutboundSource

Put = Callable[[Event], None]


def integrator(
    config: Config, resolve: Resolver, put: Put, on_crash: CrashHook
) -> IntegratorSource | None:
    """The licence's cloud hosts; None without a licence."""
    if config.integrator is None:
        return None
    settings = integrator_settings(config, config.integrator, resolve)
    return IntegratorSource(settings, put, on_crash, log.register_secret)


def accounts(
    config: Config, resolve: Resolver, store: Store, put: Put, on_crash: CrashHook
) -> dict[str, AccountSource]:
    """The accounts by their names; what is stored of others is forgotten, if it is ours."""
    if config.database is None:
        store.keep_logins(config.accounts.keys())
    return {
        name: AccountSource(
            account_settings(config, name, resolve),
            LoginVault(store, name),
            put,
            on_crash,
            log.register_secret,
        )
        for name in config.accounts
    }


def outbound(
    config: Config, store: Store, put: Put, on_crash: CrashHook, beats: Callable[[], int]
) -> OutboundSource | None:
    """The listener for devices that connect to us; `beats` counts the rounds of the engine."""
    if not config.outbound.enabled:
        return None
    from bridge.sources.outbound import OutboundSource

    settings = outbound_settings(config, store.outbound_secret)
    log.register_secret(settings.secret, lasting=True)
    return OutboundSource(settings, put, on_crash, beats)


def keeper(
    config: Config,
    store: Store,
    integrator: IntegratorSource | None,
    accounts: Mapping[str, AccountSource],
    put: Put,
    on_crash: CrashHook,
    on_silence: Callable[[], None],
) -> Keeper | None:
    """Who agrees with other bridges on the hosts; None where there are no others."""
    settings = keeper_settings(config)
    if settings is None:
        return None
    from bridge.cluster.holders import Holders
    from bridge.cluster.keeper import Keeper

    holders = Holders(integrator, accounts)
    return Keeper(settings, store, holders, put, on_crash, on_silence=on_silence)
