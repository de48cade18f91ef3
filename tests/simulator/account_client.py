"""A plain HTTP client of a simulated account, without any of the bridge's code."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import Any
from urllib.parse import urlencode

from bridge.simulator.account import Account
from bridge.simulator.world import World
from tests.simulator.client import LIMIT, Client

Json = Any

CLIENT = "shelly-diy"


def ask(
    world: World,
    host: str,
    method: str,
    target: str,
    form: dict[str, str] | None = None,
    token: str | None = None,
    *,
    timeout: float = LIMIT,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer; the host's name is the one TLS checks."""
    context = ssl.create_default_context(cafile=str(world.ca_file))
    connection = http.client.HTTPSConnection(host, 443, timeout=timeout, context=context)
    plain = socket.create_connection(world.resolver(host, 443), timeout)
    connection.sock = context.wrap_socket(plain, server_hostname=host)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, target, urlencode(form) if form else None, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def asked(world: World, *args: Any, **kwargs: Any) -> tuple[int, Json]:
    """Status and JSON."""
    status, _, body = ask(world, *args, **kwargs)
    return status, json.loads(body)


def login(world: World, account: Account, password: str | None = None) -> tuple[int, Json]:
    """POST /oauth/login; `password` is the SHA-1."""
    form = {"email": account.email, "password": password or account.sha1, "response_type": ""}
    return asked(world, "api.shelly.cloud", "POST", "/oauth/login", form | {"client_id": CLIENT})


def redeem(world: World, account: Account, code: str) -> tuple[int, Json]:
    """A token for a code."""
    form = {"client_id": CLIENT, "grant_type": "code", "code": code}
    return asked(world, account.host, "POST", "/oauth/auth", form)


def refresh(world: World, account: Account, token: str) -> tuple[int, Json]:
    """A token for a refresh token."""
    form = {"client_id": CLIENT, "grant_type": "refresh_token", "refresh_token": token}
    return asked(world, account.host, "POST", "/oauth/auth", form)


def all_status(world: World, account: Account, **options: Any) -> tuple[int, Json]:
    """`all_status` with `_dev_info` and without shared devices, unless told otherwise."""
    query = options.pop("query", "?show_info=true&no_shared=true")
    token = options.pop("token", None) or account.make_token()
    return asked(world, account.host, "GET", f"/device/all_status{query}", token=token)


def device_list(world: World, account: Account) -> tuple[int, Json]:
    """The names of all devices."""
    token = account.make_token()
    return asked(world, account.host, "POST", "/interface/device/list", {"x": ""}, token)


def connect(world: World, account: Account, token: str | None = None) -> Client:
    """A socket of the account."""
    return Client(world, account.host, jwt=token or account.make_token())
