from __future__ import annotations

import json
import unicodedata
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import FrameError
from bridge.web.consent_body import Action, Consent, parse_consent
from tests.web.site import CLOUD_ID, DEVICE, HOST, make_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def parse(**fields: Any) -> Consent:
    return parse_consent(json.dumps(make_body(**fields)).encode())


def test_a_grant_as_documented() -> None:
    consent = parse()
    assert consent == Consent(
        device=DEVICE,
        cloud_id=CLOUD_ID,
        action=Action.ADD,
        digest=consent.digest,
        host=HOST,
        code="SNSW-002P16EU",
        type="relay",
        names=("Pump", "Valve"),
        claims_control=True,
        user="12345",
    )


def test_a_device_id_may_be_a_number() -> None:
    consent = parse(deviceId=int(CLOUD_ID))
    assert (consent.device, consent.cloud_id) == (DEVICE, CLOUD_ID)


def test_an_x_id_stays_as_it_is() -> None:
    assert parse(deviceId="XB1234abc").device == "XB1234abc"


@pytest.mark.parametrize(
    "device",
    [..., None, True, "", "0x1f", "-1", "1.5", 1.5, " 1", "1\n", "9" * 21, "a/b", "X+", "X#", []],
    ids=str,
)
def test_what_is_no_device(device: Any) -> None:
    for action in ("add", "remove"):
        with pytest.raises(FrameError):
            parse(deviceId=device, action=action)


@pytest.mark.parametrize(
    ("groups", "control"),
    [
        (..., False),
        (None, False),
        ("00", False),
        ("01", True),
        ("1", True),
        ("02", False),
        ("fF", True),
        ("FE", False),
        ("000000ff", True),
    ],
    ids=str,
)
def test_access_groups(groups: Any, control: bool) -> None:
    assert parse(accessGroups=groups).claims_control is control


@pytest.mark.parametrize(
    "groups", ["", "0x01", "g1", " 1", "+1", "1_0", 1, True, [], "1" * 9, "\u0661"]
)
def test_what_are_no_access_groups(groups: Any) -> None:
    with pytest.raises(FrameError):
        parse(accessGroups=groups)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        (..., ()),
        (None, ()),
        ([], ()),
        ("Pump", ("Pump",)),
        (["Pump", None, ""], ("Pump", "", "")),
        (["  Küche 🏠 ", "a\tb\r\nc\0\x7f\x9b"], ("Küche 🏠", "abc")),
        (["\u202egnp.exe", "a\u200cb", "a\u200db"], ("gnp.exe", "a\u200cb", "a\u200db")),
        (["x" * 1000], ("x" * 128,)),
    ],
)
def test_names(name: Any, names: tuple[str, ...]) -> None:
    assert parse(name=name).names == names


@pytest.mark.parametrize("name", [{}, True, [["a"]], [{}], [True], [1.5], ["a"] * 129])
def test_what_are_no_names(name: Any) -> None:
    with pytest.raises(FrameError):
        parse(name=name)


@pytest.mark.parametrize("host", [..., None, "", 5, [HOST], "a" * 254])
def test_what_is_no_host(host: Any) -> None:
    with pytest.raises(FrameError):
        parse(host=host)


@pytest.mark.parametrize("action", [..., None, "", "Add", "delete", True, ["add"]])
def test_what_is_no_action(action: Any) -> None:
    with pytest.raises(FrameError):
        parse(action=action)


def test_missing_texts_are_empty() -> None:
    consent = parse(deviceType=..., deviceCode=None, userId=...)
    assert (consent.type, consent.code, consent.user) == ("", "", "")
    with pytest.raises(FrameError):
        parse(deviceCode=["SHSW-1"])


def test_a_withdrawal_needs_only_the_device() -> None:
    consent = parse_consent(f'{{"deviceId": "{CLOUD_ID}", "action": "remove"}}'.encode())
    assert (consent.device, consent.action) == (DEVICE, Action.REMOVE)
    assert parse(action="remove", host=5, name={}, accessGroups="zz").device == DEVICE


def test_the_digest_is_of_the_meaning_not_the_spelling() -> None:
    spaced = json.dumps(make_body(), indent=3, sort_keys=True, ensure_ascii=False).encode()
    assert parse_consent(spaced).digest == parse().digest
    digests = {
        parse(**change).digest
        for change in (
            {},
            {"action": "remove"},
            {"host": "b.shelly.cloud"},
            {"accessGroups": "00"},
            {"name": ["Pump"]},
            {"more": 1},
            {"more": 1.5},
            {"action": "remove", "more": 1},
        )
    }
    assert len(digests) == 8


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"deviceId": "1", "deviceId": "2", "action": "remove"}',
        b'{"deviceId": "1", "action": "remove", "more": NaN}',
        b'{"deviceId": "1", "action": "remove", "more": 1e999}',
        b'{"deviceId": "1", "action": "remove", "more": "\\ud800"}',
        b'{"deviceId": "1", "action": "remove", "more": ' + b"9" * 5000 + b"}",
        b'{"deviceId": "1", "action": "remove", "more": ' + b"[" * 30000 + b"]" * 30000 + b"}",
        b'{"deviceId": "1", "action": "remove", "more": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
    ],
    ids=lambda body: body[:60],
)
def test_what_is_no_body(body: bytes) -> None:
    try:
        consent = parse_consent(body)
    except FrameError:
        return
    # How deep Python's reader goes depends on how deep its caller is.
    assert body.count(b'{"a":') == 900
    assert consent.action is Action.REMOVE


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(body: bytes) -> None:
    with suppress(FrameError):
        parse_consent(body)


@given(st.dictionaries(st.sampled_from(sorted(make_body())), JSON))
def test_any_value_of_any_field_parses_or_is_refused(fields: dict[str, Any]) -> None:
    try:
        consent = parse(**fields)
    except FrameError:
        return
    assert consent.device.isalnum() or consent.device.startswith("X")
    for text in (consent.code, consent.type, consent.user, *consent.names):
        assert len(text) <= 128
        # What is not assigned yet may be tomorrow's emoji.
        assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)
