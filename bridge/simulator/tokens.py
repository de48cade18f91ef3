"""Access tokens of the simulated cloud: JWTs that only this world accepts."""

from __future__ import annotations

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

    def issue(self, claims: Claims) -> str:
        """A token that says `claims`, and by whom and until when it may be used."""
        now = time.time()
        whole = {**claims, "iat": int(now), "exp": now + self.lifetime, "jti": secrets.token_hex(8)}
        with self._lock:
            key = self._key
        return jwt.encode(whole, key, algorithm="HS256")

    def check(self, token: str) -> Claims | None:
        """What a token says; None if it is not ours, has expired or was revoked."""
        with self._lock:
            key = self._key
        try:
            claims: Claims = jwt.decode(
                token, key, algorithms=["HS256"], options={"require": ["exp", "jti"]}
            )
        except jwt.PyJWTError:
            return None
        with self._lock:
            return None if claims["jti"] in self._revoked else claims

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
