"""`shelly-bridge login`: links a Shelly account where no browser reaches the bridge's own page."""

from __future__ import annotations

import argparse
import secrets
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bridge import log
from bridge.assembly import account_settings, login_page
from bridge.cli.options import add_config, load_config
from bridge.cli.registry import open_registry
from bridge.errors import PeerError
from bridge.httpclient import same_address
from bridge.sources.account import login_address, make_http, make_tokens
from bridge.store.logins import LoginVault

WRONG_USAGE = 2
LONGEST_INPUT = 16_384

_SOMEWHERE = "http://127.0.0.1:8080/login/{}"
"""Where the browser is sent if we have no page: nobody has to be there."""


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("login", help="link a Shelly account")
    parser.add_argument("account", metavar="ACCOUNT", help="its name in the configuration")
    add_config(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print Shelly's address, take what came of it from standard input, store the tokens.

    A running bridge notices the new login by itself.
    """
    config = load_config(options)
    name = options.account
    if name not in config.accounts:
        known = ", ".join(config.accounts) or "none"
        text = f"there is no account {name!a} in the configuration; there are: {known}"
        print(f"shelly-bridge: {text}", file=sys.stderr)  # noqa: T201 - the command's output
        return WRONG_USAGE
    log.configure("error", "text", config.secrets())
    settings = account_settings(config, name, same_address)
    state = secrets.token_urlsafe(24)
    back = f"{login_page(config, name) or _SOMEWHERE.format(name)}/callback"
    # Opened first: it would be a pity to learn only in the end that nothing can be stored.
    with open_registry(config, writable=True) as store:
        _tell("Open this address in a browser, anywhere, and log in:")
        _tell("")
        _tell(f"  {login_address(settings.login_page, settings.client_id, back, state)}")
        _tell("")
        _tell("The browser then goes to an address that may not exist; that does not matter.")
        _tell("Paste that whole address here (or the code in it):")
        sys.stdout.flush()
        code = read_code(sys.stdin.readline(LONGEST_INPUT), state)
        http = make_http(settings)
        tokens = make_tokens(settings, http, LoginVault(store, name), log.register_secret)
        another = tokens.take(code)
    if another:
        _tell("The account is another user's now, whose devices replace those that were there.")
    _tell(f"Logged in to account {name}. A bridge that runs notices it within seconds.")
    return 0


def read_code(pasted: str, state: str) -> str:
    """The code in what somebody pasted: the address of the page, or only the code.

    Raises `PeerError` if the address belongs to another login.
    """
    text = pasted.strip()
    if not text:
        raise PeerError("nothing was pasted")
    if "?" not in text:
        return text
    try:
        query = parse_qs(urlsplit(text).query)
    except ValueError:
        query = {}
    if not query.get("code"):
        raise PeerError("there is no code in this address")
    given = query.get("state", [""])[0]
    if not secrets.compare_digest(given.encode(), state.encode()):
        raise PeerError("this address belongs to another login; begin anew")
    return query["code"][0]


def _tell(text: str) -> None:
    print(text)  # noqa: T201 - the command's output
