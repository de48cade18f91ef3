"""Only plain names below an allowed pattern may ever be connected to."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.hosts import HostRule, is_host_name, is_pattern

RULE = HostRule(["*.shelly.cloud"])

HOSTILE: list[object] = [
    # Names that only look like the vendor's.
    "shelly.cloud",
    ".shelly.cloud",
    "x.shelly.cloud.evil.com",
    "x.shelly.cloudy",
    "x.shelly.clou",
    "xshelly.cloud",
    "evil-shelly.cloud",
    "shelly.cloud.evil.com",
    "x.shelly-cloud",
    "x.shelly.cloud.",
    "x..shelly.cloud",
    "..shelly.cloud",
    "*.shelly.cloud",
    # URL parts that a later step might cut or read differently.
    "evil.com#.shelly.cloud",
    "evil.com/.shelly.cloud",
    "evil.com?.shelly.cloud",
    "evil.com\\.shelly.cloud",
    "evil.com:443.shelly.cloud",
    "evil.com%2f.shelly.cloud",
    "evil.com%00.shelly.cloud",
    "evil.com;.shelly.cloud",
    "evil.com,x.shelly.cloud",
    "evil.com&x.shelly.cloud",
    "user@x.shelly.cloud",
    "user:password@x.shelly.cloud",
    "evil.com@x.shelly.cloud",
    "x.shelly.cloud:6113",
    "x.shelly.cloud:",
    "x.shelly.cloud/",
    "x.shelly.cloud/path",
    "x.shelly.cloud?t=1",
    "x.shelly.cloud#",
    "wss://x.shelly.cloud",
    "//x.shelly.cloud",
    # Addresses in every spelling.
    "127.0.0.1",
    "[::1]",
    "::1",
    "2130706433",
    "0x7f000001",
    "127.0x1",
    "localhost",
    # Ends, blanks and controls.
    "x.shelly.cloud\n",
    "x.shelly.cloud\r\n",
    "\nx.shelly.cloud",
    "evil.com\n.shelly.cloud",
    "evil.com\r\nHost: .shelly.cloud",
    "evil.com\x00.shelly.cloud",
    "x.shelly.cloud\x00",
    " x.shelly.cloud",
    "x.shelly.cloud ",
    "evil.com .shelly.cloud",
    "evil.com\t.shelly.cloud",
    # Case and look-alikes.
    "X.shelly.cloud",
    "x.Shelly.Cloud",
    "x.shelly.cl\u043eud",
    "x.\u0455helly.cloud",
    "x.shelly\u3002cloud",
    "x\uff0eshelly.cloud",
    "\uff58.shelly.cloud",
    "x\u200b.shelly.cloud",
    "x.shelly.cloud\u202e",
    "\u212a.shelly.cloud",
    "\u0661.shelly.cloud",
    "evil.com\u2044.shelly.cloud",
    "evil.com\u2028.shelly.cloud",
    # Labels and lengths that DNS does not know.
    "-x.shelly.cloud",
    "x-.shelly.cloud",
    "_x.shelly.cloud",
    "a" * 64 + ".shelly.cloud",
    "a" * 300 + ".shelly.cloud",
    "a." * 121 + "shelly.cloud",
    "",
    ".",
    # Not text at all.
    None,
    5,
    True,
    b"x.shelly.cloud",
    ["x.shelly.cloud"],
    {"host": "x.shelly.cloud"},
]


@pytest.mark.parametrize("host", HOSTILE, ids=repr)
def test_hostile_hosts_are_refused(host: object) -> None:
    assert not RULE.accepts(host)


@pytest.mark.parametrize(
    "host",
    [
        "shelly-1-eu.shelly.cloud",
        "shelly-49-eu.shelly.cloud",
        "a.b.shelly.cloud",
        "7.shelly.cloud",
        "xn--bcher-kva.shelly.cloud",
        "a" * 63 + ".shelly.cloud",
        "a." * 120 + "shelly.cloud",
    ],
)
def test_names_below_the_pattern_are_accepted(host: str) -> None:
    assert RULE.accepts(host)


def test_a_pattern_without_a_star_is_that_host_alone() -> None:
    rule = HostRule(["localhost", "one.example.org"])
    assert rule.accepts("localhost")
    assert rule.accepts("one.example.org")
    assert not rule.accepts("two.one.example.org")
    assert not rule.accepts("example.org")


def test_no_pattern_accepts_nothing() -> None:
    assert not HostRule([]).accepts("shelly-1-eu.shelly.cloud")


@pytest.mark.parametrize(
    "pattern",
    ["", "*", "*.", "**", "*.*.cloud", "a.*.cloud", "*shelly.cloud", "*.shelly.cloud:1", "*.A.b"],
)
def test_a_wrong_pattern_is_refused(pattern: str) -> None:
    assert not is_pattern(pattern)
    with pytest.raises(ValueError, match="host pattern"):
        HostRule([pattern])


@given(st.one_of(st.text(), st.from_regex(r"[a-z0-9.\-]*\.shelly\.cloud\s?")))
def test_whatever_is_accepted_is_a_plain_name_of_the_vendor(host: str) -> None:
    if RULE.accepts(host):
        assert re.fullmatch(r"([a-z0-9-]{1,63}\.)+shelly\.cloud", host, re.ASCII)
        assert len(host) <= 253
        assert is_host_name(host)
