"""An account's e-mail address and password, and how a refused pair is known again.

What is kept of them is a salted hash that takes long to guess.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

_ROUNDS = 100_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """With which an account can be logged in to without anybody's help."""

    email: str
    sha1: str = field(repr=False)
    """Of the password, lower-case hex; as good as the password itself."""


def fingerprint(known: Credentials, salt: bytes | None = None) -> str:
    """What tells later whether the credentials are still the same, and does not give them away."""
    salt = salt or secrets.token_bytes(16)
    text = f"{known.email}\0{known.sha1}".encode()
    return f"{salt.hex()}${hashlib.pbkdf2_hmac('sha256', text, salt, _ROUNDS).hex()}"


def is_fingerprint(stored: str, known: Credentials) -> bool:
    """Whether what is stored was made of these credentials."""
    try:
        salt = bytes.fromhex(stored.partition("$")[0])
    except ValueError:
        return False
    return bool(salt) and secrets.compare_digest(stored, fingerprint(known, salt))
