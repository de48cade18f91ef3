"""Access tokens of the simulated cloud: JWTs that only this world accepts."""

from __future__ import annotations

import json
import math
import secrets
import threading
import time
from typing import Any

import jwt

Claims = dict[str, Any]

DAY = 86_400.0


class Tokens:
    """Issues and checks tokens; `lifetime` (s) counts for those issued from now on.

    All methods may be called by any thread.
    """

    def __init__(self, lifetime: float = DAY) -> None:
        self.lifetime = lifetime
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._revoked: set[str] = set()

    def issue(self, claims: Claims, lifetime: float | None = None) -> str:
        """A token that says `claims`, and by whom and until when it may be used.

        `lifetime` (s) replaces the usual one. `claims` replace what is said of the time; None
        leaves a claim out.
        """
        now = time.time()
        ends = now + (self.lifetime if lifetime is None else lifetime)
        whole = {"iat": int(now), "exp": ends, "jti": secrets.token_hex(8), **claims}
        said = {name: value for name, value in whole.items() if value is not None}
        with self._lock:
            key = self._key
        return jwt.encode(said, key, algorithm="HS256")

    def check(self, token: str) -> Claims | None:
        """What a token says; None if it is not ours, has expired or was revoked."""
        claims = self.read(token)
        if claims is None or "jti" not in claims:
            return None
        ends = claims.get("exp", math.inf)
        if not isinstance(ends, int | float) or ends <= time.time():
            return None
        with self._lock:
            return None if claims["jti"] in self._revoked else claims

    def read(self, token: str) -> Claims | None:
        """What a token of ours says, whether or not it is good any more."""
        with self._lock:
            key = self._key
        try:
            claims: Claims = json.loads(jwt.PyJWS().decode(token, key, algorithms=["HS256"]))
        except jwt.PyJWTError:
            return None
        return claims

    def revoke(self, token: str) -> None:
        """Refuse this token from now on."""
        claims = self.check(token)
        if claims is not None:
            with self._lock:
                self._revoked.add(claims["jti"])

    def revoke_all(self) -> None:
        """Refuse every token issued so far; open connections are not touched."""
        with self._lock:
            self._key = secrets.token_bytes(32)
