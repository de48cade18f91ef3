"""Requests and answers of the simulated servers: just enough HTTP/1.1 to be asked and to reply."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = Any

LARGEST = 65_536
"""Bytes of a request's head, and of its body."""


class BadRequest(ValueError):
    """What came is not a request that these servers take."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower-case, `host` is the name without a port."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""
    head: bytes = field(default=b"", repr=False)
    """The first part as it came, for those who must read it again."""

    @property
    def host(self) -> str:
        """The host that is meant."""
        return self.headers.get("host", "").rpartition(":")[0] or self.headers.get("host", "")

    @property
    def wants_websocket(self) -> bool:
        """Whether it asks to become a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"

    def form(self) -> dict[str, str]:
        """The fields of a form in the body."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


def read_head(head: bytes) -> tuple[Request, int]:
    """The request of `head` (with its empty line), and the length of the body that follows."""
    try:
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                headers[name.lower()] = value.strip()
        parts = urlsplit(target)
        length = int(headers.get("content-length", "0"))
    except ValueError:
        raise BadRequest("not a request") from None
    if not 0 <= length <= LARGEST or "transfer-encoding" in headers:
        raise BadRequest("the body is too long or of no known length")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(method, parts.path, query, headers, head=head), length


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; the connection ends with it."""

    status: int = 200
    body: bytes = b""
    type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Json, status: int = 200) -> Reply:
        """A JSON answer."""
        return cls(status, json.dumps(value, separators=(",", ":")).encode())

    def encode(self, *, length: int | None = None) -> bytes:
        """As sent; `length` announces another length than the body has."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [
            f"HTTP/1.1 {self.status} {phrase}",
            f"Content-Type: {self.type}",
            f"Content-Length: {len(self.body) if length is None else length}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
            "Connection: close",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body
