"""What a written text means: one reader per kind of value.

A reader takes the text and returns the value, or raises `Wrong` with words that say what is
wanted. Readers look at nothing but their text; what concerns several keys is in `rules.py`,
what concerns files in `files.py`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import SplitResult, parse_qsl, urlsplit

from bridge.config.model import Listen
from bridge.core.hosts import is_host_name, is_pattern
from bridge.core.ids import device_from_hex
from bridge.core.topics import BRIDGE, RESERVED_KINDS, is_part, is_publishable
from bridge.errors import FrameError

Reader = Callable[[str], object]

_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}", re.ASCII)
_LISTEN = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+)):([0-9]{1,5})", re.ASCII)
_NOT_IN_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_METHOD = re.compile(r"[A-Za-z0-9]{1,40}(?:\.[A-Za-z0-9]{1,40}){1,2}", re.ASCII)
_NOT_IN_URL = re.compile(r"[^!-~]|[\"<>\\^`{|}]")

_ACCOUNT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", re.ASCII)
_OTHER_LINKS = frozenset({"outbound"})
_SHA1 = re.compile(r"[0-9A-Fa-f]{40}", re.ASCII)

_INSTANCE = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_OWN_LEVELS = frozenset(
    {"state", "info", "devices", "health", "event", "log", "hosts", "request", "response"}
)
"""Below `bridge/`, where a bridge on its own has them, and instances have their names."""

_POSTGRESQL = "postgresql://"
_PLACES = frozenset({"host", "hostaddr", "port"})

_LONGEST_TOPIC = 200
_LONGEST_SHOWN = 40


class Wrong(Exception):
    """A text that does not mean what its key wants; says what would. Never holds a secret."""


def shown(text: str) -> str:
    """A wrong text, quoted for a message: one line and short. Never for a secret."""
    cut = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return repr(cut)


def has_controls(text: str) -> bool:
    """Whether a text holds characters that break or reorder lines, or half a character."""
    return _NOT_IN_TEXT.search(text) is not None


def version(text: str) -> int:
    """The version of the configuration's form; there is only one so far."""
    if text != "1":
        raise Wrong(f"this bridge reads version 1, not {shown(text)}")
    return 1


def flag(text: str) -> bool:
    """`true`, `yes`, `on`, `false`, `no` or `off`, in any case."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Wrong(f"must be true or false, not {shown(text)}")


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise Wrong(f"must be a whole number from {low} to {high}, not {shown(text)}")
        return int(text)

    return read


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A duration from `low` to `high` seconds; fractions are fine."""

    def read(text: str) -> float:
        if not _DECIMAL.fullmatch(text) or not low <= float(text) <= high:
            raise Wrong(f"must be a number of seconds from {low:g} to {high:g}, not {shown(text)}")
        return float(text)

    return read


def choice(*words: str) -> Callable[[str], str]:
    """One of the given words."""

    def read(text: str) -> str:
        if text not in words:
            raise Wrong(f"must be one of {', '.join(words)}, not {shown(text)}")
        return text

    return read


def line(longest: int) -> Callable[[str], str]:
    """One line of text, not empty, up to `longest` characters."""

    def read(text: str) -> str:
        if not text.strip():
            raise Wrong("must not be empty")
        if len(text) > longest:
            raise Wrong(f"must have at most {longest} characters")
        if has_controls(text):
            raise Wrong("must not hold control characters or line breaks")
        return text

    return read


def broker(text: str) -> str:
    """The broker's host name or IP address, without scheme and port."""
    if _is_address(text):
        return text
    if "/" in text or ":" in text:
        raise Wrong("must be a host name or address alone; the port goes to mqtt.port")
    if not re.fullmatch(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?", text, re.ASCII):
        raise Wrong(f"must be a host name or an IP address, not {shown(text)}")
    return text


def topic(text: str) -> str:
    """A topic to publish below or to listen to; its levels are not empty."""
    if not text or len(text) > _LONGEST_TOPIC:
        raise Wrong(f"must be a topic of 1 to {_LONGEST_TOPIC} characters")
    if "$" in text or not is_publishable(text):
        raise Wrong("must not hold +, #, $ or control characters")
    if "" in text.split("/"):
        raise Wrong("must not begin or end with a slash, nor hold two in a row")
    return text


def alias(text: str) -> str:
    """The topic of a device in place of its id: plain levels, the first one not `bridge`."""
    parts = text.split("/")
    if len(text) > _LONGEST_TOPIC or not all(map(is_part, parts)) or {".", ".."} & set(parts):
        raise Wrong(
            "must be made of letters a-z, digits, _ . - and, between levels, a slash; "
            f"not {shown(text)}"
        )
    if parts[0] == BRIDGE:
        raise Wrong(f"must not begin with {BRIDGE!r}, which is the bridge's own")
    if RESERVED_KINDS & set(parts):
        raise Wrong(f"must not hold the levels {', '.join(sorted(RESERVED_KINDS))}")
    return text


def device_id(text: str) -> str:
    """A device's id as topics carry it: lower-case hex, or an `X…` id."""
    try:
        device = device_from_hex(text)
    except FrameError:
        raise Wrong("is not a device id (hex number of 6 to 16 digits, or X…)") from None
    if device != text:
        raise Wrong(f"device ids are written in lower case: {device}")
    return device


def account(text: str) -> str:
    """What an account is called in topics and addresses."""
    if not _ACCOUNT.fullmatch(text):
        raise Wrong("must be made of letters a-z, digits and, between them, -; at most 32")
    if text in _OTHER_LINKS:
        raise Wrong(f"{text} is the name of another connection")
    return text


def sha1(text: str) -> str:
    """A SHA-1 in hex."""
    if not _SHA1.fullmatch(text):
        raise Wrong("must hold a SHA-1: 40 hex digits")
    return text.lower()


def cloud_host(text: str) -> str:
    """A plain DNS name."""
    if not is_host_name(text):
        raise Wrong(f"must be a host name in lower case without port, not {shown(text)}")
    return text


def host_pattern(text: str) -> str:
    """A plain DNS name, or `*.` and one."""
    if not is_pattern(text):
        raise Wrong(f"must be a host name, or *. and a host name, not {shown(text)}")
    return text


def instance(text: str) -> str:
    """What one of several bridges is called: a level of topics."""
    if not _INSTANCE.fullmatch(text):
        raise Wrong(f"must be 1 to 32 letters a-z, A-Z, digits, _ and -, not {shown(text)}")
    if text in _OWN_LEVELS:
        raise Wrong(f"{text} is another topic of the bridge")
    return text


def database(text: str) -> str:
    """The address of a PostgreSQL server and database, as libpq takes it; never shown.

    One server: locks are held by a server alone, so two of them would have two owners.
    """
    if not text.startswith(_POSTGRESQL):
        raise Wrong(f"must begin with {_POSTGRESQL}")
    if "#" in text or _NOT_IN_URL.search(text):
        raise Wrong("must not hold blanks and special characters; write them as %20, %23, …")
    try:
        parts = urlsplit(text)
        several = "," in parts.netloc.rpartition("@")[2]
        wrong = not several and parts.port == 0
    except ValueError:
        several, wrong = False, True
    if wrong:
        raise Wrong(f"must be like {_POSTGRESQL}name:password@db.example.org/shelly")
    if several or any(name in _PLACES and "," in to for name, to in parse_qsl(parts.query)):
        raise Wrong("must name one server")
    return text


def rpc_method(text: str) -> str:
    """A method of the devices' RPC, such as `Switch.Set`; there are no wildcards."""
    if not _METHOD.fullmatch(text):
        raise Wrong(f"must be a method such as Switch.Set, not {shown(text)}")
    return text


def listen(text: str) -> Listen:
    """`host:port` or `[IPv6]:port`; port 0 is any free one."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise Wrong(
            f"must be address:port, such as 127.0.0.1:8080 or [::1]:8080, not {shown(text)}"
        )
    host = match[1] or match[2]
    if match[1] and not _is_address(host):
        raise Wrong("must hold an IPv6 address between the brackets")
    if match[2] and not (_is_address(host) or is_host_name(host)):
        raise Wrong(f"{shown(host)} is neither a host name nor an address")
    return Listen(host, int(match[3]))


def https_url(text: str) -> str:
    """An `https://` URL without user, query and fragment; a slash at its end is dropped."""
    if _url(text).scheme != "https":
        _bad_url("must begin with https://")
    return text.rstrip("/")


def callback_url(text: str) -> str:
    """As `https_url`; plain `http://` only for this machine itself."""
    parts = _url(text)
    loopback = Listen(parts.hostname or "", 0).is_loopback
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        _bad_url("must begin with https:// (Shelly's cloud calls it)")
    return text.rstrip("/")


def _url(text: str) -> SplitResult:
    if _NOT_IN_URL.search(text):
        _bad_url("must be a URL without blanks and special characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        _bad_url("must be a URL with a host and, if need be, a port")
    if not parts.hostname or port == 0:
        _bad_url("must be a URL with a host, such as https://example.org")
    if "@" in parts.netloc:
        _bad_url("must not hold a user name or password")
    if "?" in text or "#" in text:
        _bad_url("must end with the path: no ? and no #")
    return parts


def _bad_url(text: str) -> NoReturn:
    """A URL is never shown, since somebody may have written a password into it."""
    raise Wrong(text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
