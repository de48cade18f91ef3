"""Answers to the challenges of devices that have a password: digest with SHA-256.

Devices want it over HTTP (RFC 7616), and in their own RPC with other words for the same thing.
(Shelly docs, Gen2 Authentication.)
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from bridge.core import jsontext
from bridge.core.model import Json
from bridge.errors import AuthError, FrameError

USER = "admin"
"""There is no other."""

_ALGORITHM = "SHA-256"
_PAIR = re.compile(r'([a-zA-Z]+)\s*=\s*(?:"([^"\\]{0,256})"|([^\s",]{1,256}))', re.ASCII)
_FIT = re.compile(r"[A-Za-z0-9._:+/=@-]{1,256}", re.ASCII)
_LONGEST_NONCE = 20


@dataclass(slots=True)
class RpcChallenge:
    """A device's challenge in RPC; `answer` counts how often it was used."""

    realm: str
    nonce: int | str
    count: int
    counts_in_text: bool
    """Wall Displays send the count as a text, and want it so."""

    @classmethod
    def read(cls, message: str) -> RpcChallenge:
        """The challenge in an error 401; raises `AuthError` if there is none that we can take."""
        try:
            told = jsontext.parse_object(message.encode("utf-8", "replace"))
        except FrameError:
            told = {}
        realm, nonce = told.get("realm"), told.get("nonce")
        _check(told.get("algorithm", _ALGORITHM), realm)
        if not isinstance(nonce, int | str) or len(str(nonce)) > _LONGEST_NONCE:
            raise AuthError("it wants a password in a way that is not known")
        count = told.get("nc", 1)
        return cls(str(realm), nonce, 1, isinstance(count, str))

    def answer(self, password: str) -> dict[str, Json]:
        """What proves that we know the password, once."""
        proof, cnonce = _proof(
            self.realm, password, str(self.nonce), str(self.count), "dummy_method:dummy_uri"
        )
        answer: dict[str, Json] = {
            "realm": self.realm,
            "username": USER,
            "nonce": self.nonce,
            "nc": str(self.count) if self.counts_in_text else self.count,
            "cnonce": cnonce,
            "response": proof,
            "algorithm": _ALGORITHM,
        }
        self.count += 1
        return answer


def http_answer(challenge: str, password: str, method: str, path: str) -> str:
    """The `Authorization` that answers a `WWW-Authenticate`; raises `AuthError`."""
    scheme, _, rest = challenge.partition(" ")
    told = {name.lower(): quoted or bare for name, quoted, bare in _PAIR.findall(rest)}
    realm, nonce = told.get("realm"), told.get("nonce", "")
    _check(told.get("algorithm", "MD5"), realm)
    if scheme.lower() != "digest" or not _FIT.fullmatch(nonce):
        raise AuthError("it wants a password in a way that is not known")
    count = "00000001"
    proof, cnonce = _proof(str(realm), password, nonce, count, f"{method}:{path}")
    parts = {
        "username": USER,
        "realm": realm,
        "nonce": nonce,
        "uri": path,
        "response": proof,
        "cnonce": cnonce,
    }
    quoted = ", ".join(f'{name}="{value}"' for name, value in parts.items())
    return f"Digest {quoted}, algorithm={_ALGORITHM}, qop=auth, nc={count}"


def _proof(realm: str, password: str, nonce: str, count: str, what: str) -> tuple[str, str]:
    """The proof, and the number of our own that is in it."""
    cnonce = str(secrets.randbelow(2**31))
    who = _hash(f"{USER}:{realm}:{password}")
    return _hash(f"{who}:{nonce}:{count}:{cnonce}:auth:{_hash(what)}"), cnonce


def _check(algorithm: Json, realm: Json) -> None:
    if algorithm != _ALGORITHM or not isinstance(realm, str) or not _FIT.fullmatch(realm):
        raise AuthError("it wants a password in a way that is not known")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
