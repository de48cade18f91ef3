"""What can be tried of a configuration that is only being made, without storing anything.

Values are those of the file by their dotted keys, here with the secrets themselves. All trials
give a line that tells how it went, or raise a `BridgeError`.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bridge import log
from bridge.assembly import account_settings, integrator_settings, mqtt_settings
from bridge.config import Config, Listen, environment, load
from bridge.errors import BridgeError
from bridge.httpclient import HttpClient, same_address
from bridge.mqtt.scan import try_login
from bridge.sources.account import make_http
from bridge.sources.integrator import fetch_token
from bridge.sources.token import TokenKeeper

CONNECT_LIMIT = 10.0
"""How long (s) a broker may take."""

_LIKE_ABSOLUTE = ("/", "~/", "${")

Values = Mapping[str, str]


def loaded(values: Values, directory: Path) -> Config:
    """The configuration that a file in `directory` with these values would give.

    Raises `ConfigError`; its problems have the right keys, but variables as their places.
    """
    environ = {
        name: text for name, text in os.environ.items() if not name.startswith(environment.PREFIX)
    }
    for key, text in values.items():
        path = key.endswith("_file") or key == "data_dir"
        relative = path and text and not text.startswith(_LIKE_ABSOLUTE)
        environ[environment.variable(key)] = str(directory / text) if relative else text
    return load(None, environ)


def completed(values: Values) -> dict[str, str]:
    """The values with something for whatever is needed and still missing."""
    made = {"mqtt.host": "localhost", **values, "outbound.enabled": "true"}
    if any(key.startswith("integrator.") for key in values):
        made.setdefault("integrator.tag", "unknown")
        if "integrator.token_file" not in made:
            made.setdefault("integrator.token", "unknown")
    return made


def try_broker(values: Values, directory: Path) -> str:
    """Log in at the broker."""
    config = loaded(completed(values), directory)
    for secret in config.secrets():
        log.register_secret(secret)
    settings = mqtt_settings(config, f"init-{secrets.token_hex(4)}")
    return f"MQTT {try_login(settings, timeout=CONNECT_LIMIT)}"


def try_token(values: Values, directory: Path) -> str:
    """Get an access token as the integrator; it is not kept."""
    config = loaded(completed(values), directory)
    if config.integrator is None:
        raise BridgeError("there is no integrator")
    log.register_secret(config.integrator.token.reveal())
    settings = integrator_settings(config, config.integrator, same_address)
    http = HttpClient(settings.context, settings.resolve)
    TokenKeeper(lambda: fetch_token(http, settings), log.register_secret).get("")
    return "the cloud gave an access token"


def try_account(values: Values, directory: Path, name: str, email: str, password: str) -> str:
    """Have the cloud look at an e-mail address and password; its code is thrown away."""
    row = f"accounts.{name}."
    mine = {f"{row}include_shared": "false"}
    mine |= {key: text for key, text in values.items() if key.startswith(row)}
    for key in ("email", "password_file", "password_sha1_file"):
        mine.pop(row + key, None)
    settings = account_settings(loaded(completed(mine), directory), name, same_address)
    sha1 = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest()
    log.register_secret(password)
    log.register_secret(sha1)
    http = make_http(replace(settings, credentials=None))
    log.register_secret(http.log_in(settings.api_url, email, sha1))
    return "the cloud takes them"


def try_listener(listen: Listen) -> str:
    """Listen for a moment."""
    # Imported here since no other command but `run` needs what serves pages.
    from bridge.web.server import bind

    bind(str(listen), listen.host, listen.port).close()
    return "the port is free"
