"""`SCL-Trust`: the signed token by which Shelly's cloud proves that a consent callback is its own.

Knows nothing of HTTP or of what is done with a callback. The token covers the integrator tag and
the device, but neither the body nor the action. Source: Shelly docs, Integrator API, Users.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bridge.errors import PeerError, StartError

SHELLY_KEY = """\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE3Kx+6C/0ZbnelYUgucUo4/X4xt1NCmEL
coyLpgkuLHume4VLZnQjtXeYgzr2FUdsO/ip8SzssSu3CEU9ArvB+yGIlW7l1yLt
wHVs/2zXrL0riL++7jdoQCpTGanFVzpM
-----END PUBLIC KEY-----
"""
"""The key that Shelly publishes (Shelly docs, Integrator API, Users)."""

LIFETIME = 120
"""Seconds for which Shelly issues a token."""
LEEWAY = 30
"""Seconds that the two clocks may differ."""

_LONGEST = 8192

# All time rules are ours: PyJWT has no upper limit for `exp`, and one clock must judge both ends.
# Claims that Shelly does not document are not looked at.
_OPTIONS: Any = {
    "require": ["exp", "itg", "did"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Reason(StrEnum):
    """Why a token was refused."""

    MISSING = "missing"
    MALFORMED = "malformed"
    SIGNATURE = "signature"
    CLAIMS = "claims"
    EXPIRED = "expired"
    TOO_FAR_AHEAD = "too_far_ahead"
    OTHER_TAG = "other_tag"
    OTHER_DEVICE = "other_device"
    REUSED = "reused"


class TrustRefused(PeerError):
    """A token was refused; the text is fit for the log and holds nothing of the token."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TrustToken:
    """A token that Shelly signed, for our tag, and that is fresh."""

    device: str
    """The id of the device as text, in the cloud's form."""
    signed: bytes
    """SHA-256 of the signed part. Not of the token: ECDSA accepts a second form of a signature."""
    expires: float
    """Unix s after which the token is refused."""


class TrustCheck:
    """Checks tokens against one key and one integrator tag."""

    def __init__(self, tag: str, key: str = SHELLY_KEY) -> None:
        """`key` is a PEM text; `StartError` if it is not a public key of the curve P-384."""
        self._tag = tag
        self._key = _load(key)

    def check(self, token: str | None, now: float) -> TrustToken:
        """The token, if it is genuine at `now` (unix s); otherwise `TrustRefused`."""
        if not token:
            raise TrustRefused(Reason.MISSING, "there is no SCL-Trust header")
        claims = self._verified_claims(token)
        expires = _expiry(claims["exp"], now)
        if claims["itg"] != self._tag:
            raise TrustRefused(Reason.OTHER_TAG, "the token is for another integrator tag")
        device = claims["did"]
        if isinstance(device, bool) or not isinstance(device, str | int):
            raise TrustRefused(Reason.CLAIMS, "the token's device id is neither text nor number")
        signed = token.rpartition(".")[0].encode()
        return TrustToken(str(device), hashlib.sha256(signed).digest(), expires)

    def _verified_claims(self, token: str) -> dict[str, Any]:
        if len(token) > _LONGEST:
            raise TrustRefused(Reason.MALFORMED, "the token is too long")
        try:
            found = jwt.decode_complete(token, self._key, algorithms=["ES384"], options=_OPTIONS)
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            text = "the token is not signed with Shelly's key"
            raise TrustRefused(Reason.SIGNATURE, text) from None
        except jwt.MissingRequiredClaimError as error:
            raise TrustRefused(Reason.CLAIMS, f"the token has no {error.claim}") from None
        # Older PyJWT lets out what its JSON and base64 readers raise.
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TrustRefused(Reason.MALFORMED, "the token is malformed") from None
        # RFC 7515 4.1.11; older PyJWT does not look at it.
        if "crit" in found["header"]:
            raise TrustRefused(Reason.MALFORMED, "the token has critical headers")
        claims: dict[str, Any] = found["payload"]
        return claims


def _expiry(value: object, now: float) -> float:
    """When the token ends, leeway included."""
    # The comparison also turns NaN, infinity and integers beyond any float away.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise TrustRefused(Reason.CLAIMS, "the token's exp is not a time")
    ahead = value - now
    if ahead <= -LEEWAY:
        text = f"the token expired {-ahead:.0f} s ago; {_clock(now)}"
        raise TrustRefused(Reason.EXPIRED, text)
    if ahead > LIFETIME + LEEWAY:
        text = f"the token ends in {ahead:.0f} s, but lives only {LIFETIME} s; {_clock(now)}"
        raise TrustRefused(Reason.TOO_FAR_AHEAD, text)
    return float(value) + LEEWAY


def _clock(now: float) -> str:
    said = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    return f"the clock of this machine says {said}: if that is wrong, set it"


def _load(pem: str) -> EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP384R1):
        raise StartError("the SCL-Trust key is not the PEM text of a public key of curve P-384")
    return key
