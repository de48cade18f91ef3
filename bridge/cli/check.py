"""`shelly-bridge check`: is the configuration right, and can everything in it be reached?"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from bridge import log
from bridge.assembly import account_settings, integrator_settings, mqtt_settings
from bridge.cli import advice
from bridge.cli.database_check import check_database
from bridge.cli.options import add_config, load_config
from bridge.cli.outbound_check import check_outbound
from bridge.cli.registry import open_registry
from bridge.cli.table import print_table
from bridge.config import Config
from bridge.dial import Attempt, describe
from bridge.errors import BridgeError, PeerError
from bridge.httpclient import HttpClient, Resolver, same_address
from bridge.mqtt.scan import try_login
from bridge.sources.account import AccountSettings, make_http, make_tokens
from bridge.sources.integrator import IntegratorSettings, fetch_token
from bridge.sources.token import TokenKeeper
from bridge.store import DataDirError
from bridge.store.logins import LoginVault

CONNECT_LIMIT = 10.0

WHEN_WRONG = (
    "nothing was tried, since the configuration is missing or wrong; mend it and check again, "
    'or have "shelly-bridge init" ask a few questions and write one'
)
"""What is said besides, where there is no configuration that is of use."""


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("check", help="check the configuration and try everything in it")
    add_config(parser)
    parser.add_argument("--offline", action="store_true", help="check the configuration only")
    parser.add_argument(
        "--show-secret",
        action="store_true",
        help="print the address that devices connect to with the secret in it",
    )
    parser.set_defaults(execute=execute, when_wrong=WHEN_WRONG)


def execute(options: argparse.Namespace) -> int:
    """Print a table of what was tried, with what to do about a failure; 1 if there is one."""
    config = load_config(options)
    log.configure("error", "text", config.secrets())
    checks: list[tuple[str, Callable[[], str]]] = [
        ("configuration", lambda: "; ".join(config.warnings) or "no problems"),
    ]
    database = config.database
    if database is None:
        checks.append(("data directory", lambda: _data_dir(config)))
    if not options.offline:
        if database is not None:
            checks.append(("database", partial(check_database, database.reveal())))
        checks += _online(config, same_address)
        if config.outbound.enabled:
            show = options.show_secret
            checks.append(("outbound", lambda: check_outbound(config, show_secret=show)))
    rows, failed = [], False
    for name, check in checks:
        try:
            rows.append([name, "ok", check()])
        except DataDirError:
            raise
        except BridgeError as error:
            failed = True
            rows.append([name, "failed", str(error)])
            rows.append(["", "", f"-> {advice.about(name, error)}"])
    print_table(("what", "result", "details"), rows)
    return 1 if failed else 0


def _online(config: Config, resolve: Resolver) -> list[tuple[str, Callable[[], str]]]:
    checks: list[tuple[str, Callable[[], str]]] = [("broker", partial(_broker, config))]
    if config.integrator is not None:
        settings = integrator_settings(config, config.integrator, resolve)
        checks.append(("integrator token", partial(_token, settings)))
        checks += [
            (f"host {host}", partial(_host, settings, host)) for host in _hosts(config, settings)
        ]
    for name in config.accounts:
        account = account_settings(config, name, resolve)
        checks.append((f"account {name}", partial(_account, config, account)))
    return checks


def _hosts(config: Config, settings: IntegratorSettings) -> list[str]:
    try:
        with open_registry(config, create=False) as store:
            granted = {grant.host for grant in store.grants()}
    except BridgeError:
        granted = set()
    return sorted({*settings.hosts, *granted})


def _data_dir(config: Config) -> str:
    with open_registry(config) as store:
        count = len(store.grants())
    return f"{config.data_dir}, {count} granted devices"


def _broker(config: Config) -> str:
    protocol = try_login(mqtt_settings(config, "check"), timeout=CONNECT_LIMIT)
    return f"{config.mqtt.host}:{config.mqtt.port}, MQTT {protocol}"


def _token(settings: IntegratorSettings) -> str:
    http = HttpClient(settings.context, settings.resolve)
    TokenKeeper(lambda: fetch_token(http, settings), lambda _: None).get("")
    return "the cloud gave an access token"


def _account(config: Config, settings: AccountSettings) -> str:
    """Get a token, as the bridge would, and remember it: what is used up must not be lost."""
    with open_registry(config, writable=True) as store:
        vault = LoginVault(store, settings.name)
        token = make_tokens(settings, make_http(settings), vault, log.register_secret).get()
    host = urlsplit(token.base).hostname or ""
    return f"logged in; {host} is {_host(settings, host)}"


def _host(settings: IntegratorSettings | AccountSettings, host: str) -> str:
    """Reach a cloud host with TLS; its only WebSocket is left to the bridge that may be running."""
    address = settings.resolve(host, settings.wss_port)
    try:
        with Attempt(f"check-{host}", CONNECT_LIMIT) as attempt:
            secured = attempt.connect(address, settings.context, host)
            version = secured.version()
            attempt.close(secured)
    except OSError as error:
        raise PeerError(describe(error)) from None
    return f"reachable, {version}"
