"""Requests at the device listener: who may come in, and the reason for whoever may not."""

from __future__ import annotations

import pytest

from bridge.sources import outbound_door as door
from bridge.sources.outbound_door import Door, Refusal

SECRET = "s3cret-of-the-address"
UPGRADE = (("Host", "bridge"), ("Upgrade", "websocket"), ("Connection", "Upgrade"))


def head(
    target: str, *headers: tuple[str, str], method: str = "GET", version: str = "HTTP/1.1"
) -> bytes:
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("target", [f"/shelly/{SECRET}", f"/shelly/{SECRET}?device=1"])
def test_the_right_address_is_let_in(target: str) -> None:
    assert Door(SECRET).judge(head(target, *UPGRADE)) is None
    assert Door(SECRET).judge(head(target, ("upgrade", "WebSocket"))) is None


@pytest.mark.parametrize(
    ("request_head", "refusal"),
    [
        (head("/shelly/wrong", *UPGRADE), door.SECRET),
        (head("/shelly/", *UPGRADE), door.SECRET),
        (head(f"/shelly/{SECRET}x", *UPGRADE), door.SECRET),
        (head(f"/shelly/{SECRET[:-1]}", *UPGRADE), door.SECRET),
        (head(f"/shelly/{SECRET.upper()}", *UPGRADE), door.SECRET),
        (head("/", *UPGRADE), door.PATH),
        (head(f"/{SECRET}", *UPGRADE), door.PATH),
        (head(f"/Shelly/{SECRET}", *UPGRADE), door.PATH),
        (head("/relay/0?turn=on"), door.PAGE),
        (head(f"/shelly/{SECRET}"), door.PAGE),
        (head(f"/shelly/{SECRET}", ("Upgrade", "h2c")), door.PAGE),
        (head(f"/shelly/{SECRET}", *UPGRADE, method="POST"), door.METHOD),
        (head(f"/shelly/{SECRET}", *UPGRADE, version="SIP/2.0"), door.NOT_HTTP),
        (b"\r\n\r\n", door.NOT_HTTP),
        (b"hello\r\n\r\n", door.NOT_HTTP),
        (b"\xff\xfe\x00 \xff\r\n\r\n", door.NOT_HTTP),
    ],
)
def test_all_else_is_refused_with_its_reason(request_head: bytes, refusal: Refusal) -> None:
    assert Door(SECRET).judge(request_head) == refusal


def test_no_reason_holds_a_secret() -> None:
    found = Door(SECRET).judge(head("/shelly/nearly-right", *UPGRADE))
    assert found is not None
    assert SECRET not in found.text
    assert "nearly-right" not in found.text


def test_a_tls_hello_is_known_by_its_first_byte() -> None:
    assert door.begins_tls(b"\x16\x03\x01")
    assert not door.begins_tls(b"GET / HTTP/1.1")
    assert not door.begins_tls(b"")
