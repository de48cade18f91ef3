from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import StartError
from bridge.web.scl_trust import SHELLY_KEY, Reason, TrustCheck, TrustRefused, TrustToken
from tests.web.site import CLOUD_ID, KEY, TAG, make_token, public_pem

ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
"""Of the curve P-384."""

CHECK = TrustCheck(TAG, public_pem())


def encode(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def check(token: str | None) -> TrustToken:
    return CHECK.check(token, time.time())


def reason(token: str | None) -> Reason:
    with pytest.raises(TrustRefused) as caught:
        check(token)
    assert not token or len(token) < 10 or token not in str(caught.value)
    return caught.value.reason


def twin(token: str) -> str:
    """The same token with the other valid form (r, n-s) of its signature."""
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    other = (ORDER - int.from_bytes(raw[48:])).to_bytes(48)
    return f"{signed}.{encode(raw[:48] + other)}"


def test_a_genuine_token_names_its_device_and_end() -> None:
    token = check(make_token(exp=int(time.time()) + 60))
    assert token.device == CLOUD_ID
    assert 80 < token.expires - time.time() <= 90


def test_a_device_id_may_be_a_number() -> None:
    assert check(make_token(did=int(CLOUD_ID))).device == CLOUD_ID


def test_claims_and_headers_that_nobody_documents_do_no_harm() -> None:
    extra: dict[str, Any] = {"sub": 5, "aud": "x", "iss": 1, "jti": 2, "nbf": 9e9, "more": [1]}
    token = make_token(headers={"kid": "any", "jwk": {"kty": "EC"}}, **extra)
    assert check(token).device == CLOUD_ID


def test_the_signature_twin_is_the_same_token() -> None:
    token = make_token()
    other = twin(token)
    assert other != token
    assert check(other) == check(token)


def test_unsigned_and_wrongly_signed_tokens() -> None:
    good = make_token()
    header, payload, _ = good.split(".")
    for algorithm in ("none", "None", "nOnE", "", None, ["ES384"], 5):
        for signature in ("", encode(b"x" * 96)):
            forged = f"{encode({'alg': algorithm})}.{payload}.{signature}"
            assert reason(forged) is Reason.SIGNATURE
    assert reason(f"{header}.{payload}.{encode(bytes(96))}") is Reason.SIGNATURE
    assert reason(f"{header}.{payload}.") is Reason.SIGNATURE
    assert reason(make_token(ec.generate_private_key(ec.SECP384R1()))) is Reason.SIGNATURE


def test_the_public_key_is_no_shared_secret() -> None:
    _, payload, _ = make_token().split(".")
    for secret in (public_pem(), public_pem().strip()):
        signed = f"{encode({'alg': 'HS384'})}.{payload}"
        mark = hmac.digest(secret.encode(), signed.encode(), "sha384")
        assert reason(f"{signed}.{encode(mark)}") is Reason.SIGNATURE


def test_a_key_that_comes_along_is_not_used() -> None:
    foreign = ec.generate_private_key(ec.SECP384R1())
    numbers = foreign.public_key().public_numbers()
    jwk = {
        "kty": "EC",
        "crv": "P-384",
        "x": encode(numbers.x.to_bytes(48)),
        "y": encode(numbers.y.to_bytes(48)),
    }
    for headers in ({"jwk": jwk}, {"jku": "https://evil.example"}, {"kid": "../../dev/null"}):
        assert reason(make_token(foreign, headers=headers)) is Reason.SIGNATURE


def test_a_critical_header_that_we_do_not_know() -> None:
    assert reason(make_token(headers={"crit": ["exp"], "exp": 1})) is Reason.MALFORMED


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "é.ü.ß",
        " ",
        encode(b"[" * 6000) + ".e30.x",
        encode(b"\xff") + ".e30.x",
        encode({"alg": "ES384"}) + "." + encode(b"\xff\xfe") + ".x",
        "9" * 8000,
        ("x" * 100_000),
        make_token()[:-10],
        f"{make_token()}, {make_token()}",
        f"Bearer {make_token()}",
    ],
    ids=lambda token: token[:12],
)
def test_what_is_no_token(token: str) -> None:
    assert reason(token) in {Reason.MALFORMED, Reason.SIGNATURE}


def test_no_token() -> None:
    assert reason(None) is Reason.MISSING
    assert reason("") is Reason.MISSING


def test_signed_but_no_object() -> None:
    for payload in (b"[]", b"5", b"null", b"{", b"[" * 5000):
        signed = f"{encode({'alg': 'ES384'})}.{encode(payload)}"
        assert reason(f"{signed}.{sign(signed)}") is Reason.MALFORMED


def sign(signed: str) -> str:
    r, s = decode_dss_signature(KEY.sign(signed.encode(), ec.ECDSA(SHA384())))
    return encode(r.to_bytes(48) + s.to_bytes(48))


@pytest.mark.parametrize("claim", ["exp", "itg", "did"])
def test_a_claim_is_missing(claim: str) -> None:
    gone: dict[str, Any] = {claim: None}
    assert reason(make_token(**gone)) is Reason.CLAIMS


@pytest.mark.parametrize("ahead", [-29, 0, 60, 120, 149])
def test_fresh_tokens(ahead: int) -> None:
    now = time.time()
    token = CHECK.check(make_token(exp=int(now) + ahead), int(now))
    assert token.expires == int(now) + ahead + 30


@pytest.mark.parametrize("ahead", [-30, -31, -3600, -10 * 365 * 86400])
def test_expired_tokens_point_at_the_clock(ahead: int) -> None:
    now = 1_800_000_000
    with pytest.raises(TrustRefused) as caught:
        CHECK.check(make_token(exp=now + ahead), now)
    assert caught.value.reason is Reason.EXPIRED
    assert "clock of this machine says 2027-01-15T08:00:00+00:00" in str(caught.value)


@pytest.mark.parametrize("ahead", [151, 10 * 86400, 10 * 365 * 86400])
def test_tokens_that_live_too_long_point_at_the_clock(ahead: int) -> None:
    now = 1_800_000_000
    with pytest.raises(TrustRefused) as caught:
        CHECK.check(make_token(exp=now + ahead), now)
    assert caught.value.reason is Reason.TOO_FAR_AHEAD
    assert "clock" in str(caught.value)


def test_a_clock_that_stands_at_1970() -> None:
    with pytest.raises(TrustRefused, match="clock of this machine says 1970-01-01"):
        CHECK.check(make_token(), 0.0)


@pytest.mark.parametrize(
    "exp",
    [True, "1800000000", [], {}, float("nan"), float("inf"), -1, 10**400, 1e300, "x"],
    ids=str,
)
def test_an_end_that_is_no_time(exp: Any) -> None:
    assert reason(make_token(exp=exp)) is Reason.CLAIMS


@pytest.mark.parametrize("tag", ["ITG_OTHER", "itg_test", "", [TAG], 5, {}])
def test_a_token_for_somebody_else(tag: Any) -> None:
    assert reason(make_token(itg=tag)) is Reason.OTHER_TAG


@pytest.mark.parametrize("did", [True, 1.5, [CLOUD_ID], {"a": 1}])
def test_a_device_that_is_no_id(did: Any) -> None:
    assert reason(make_token(did=did)) is Reason.CLAIMS


TOKEN = make_token()


@given(
    position=st.integers(0, len(TOKEN) - 1),
    replacement=st.characters(min_codepoint=32, max_codepoint=255),
)
def test_a_token_is_good_only_as_it_was_signed(position: int, replacement: str) -> None:
    changed = TOKEN[:position] + replacement + TOKEN[position + 1 :]
    try:
        accepted = check(changed)
    except TrustRefused:
        return
    # All that may differ is the signature's spelling, which nothing depends on.
    assert changed.rpartition(".")[0] == TOKEN.rpartition(".")[0]
    assert accepted == check(TOKEN)


def test_what_is_remembered_is_the_signed_part() -> None:
    token = make_token()
    signed = token.rpartition(".")[0].encode()
    assert check(token).signed == hashlib.sha256(signed).digest()


def test_shellys_published_key_is_the_default() -> None:
    TrustCheck(TAG, SHELLY_KEY)
    with pytest.raises(TrustRefused) as caught:
        TrustCheck(TAG).check(make_token(), time.time())
    assert caught.value.reason is Reason.SIGNATURE


def test_keys_that_cannot_be_used() -> None:
    private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    other_curve = public_pem(ec.generate_private_key(ec.SECP256R1()))
    for key in ("", "no key", private, other_curve, SHELLY_KEY.replace("MHYw", "MHYx")):
        with pytest.raises(StartError, match="P-384"):
            TrustCheck(TAG, key)
