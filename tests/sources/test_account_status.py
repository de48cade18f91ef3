"""What an account tells of all its devices at once, and what is newer."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import OnlineReported, StatusReported
from bridge.core.merge import MOST_STATUS, merged, weight
from bridge.core.model import DeviceId, LinkId
from bridge.sources.account_status import Entry, Overlay, read

HOME, DEVICE = LinkId("home"), DeviceId("a8032abe54dc")
NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["switch:0", "input:0", "sys", "relays"])
MEMBERS = st.dictionaries(st.sampled_from("abc"), st.integers() | st.none(), max_size=3)
STATUS = st.dictionaries(KEYS, MEMBERS, max_size=4)


def test_the_identity_is_what_the_cloud_says_of_the_device() -> None:
    info = {"id": "A8032ABE54DC", "gen": "G2", "code": "SNSW-001P16EU", "online": False}
    (entry,), wrong, _ = read({"whatever": {"switch:0": {"id": 0}, "_dev_info": info}})
    assert entry == Entry(DEVICE, "SNSW-001P16EU", online=False, status={"switch:0": {"id": 0}})
    assert wrong == []


def test_without_that_the_key_and_the_status_tell() -> None:
    (entry, button), _, _ = read(
        {DEVICE: {"code": "SNSW-001P16EU"}, "XB042067635174480": {"_dev_info": []}}
    )
    assert (entry.device, entry.code, entry.online) == (DEVICE, "SNSW-001P16EU", True)
    assert (button.device, button.code) == ("XB042067635174480", None)


def test_an_array_stands_for_an_empty_object() -> None:
    (entry,), wrong, _ = read({DEVICE: []})
    assert (entry.status, wrong) == ({}, [])


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        (DEVICE, None, "listed_status"),
        (DEVICE, [1], "listed_status"),
        (DEVICE, "on", "listed_status"),
        ("../x", {}, "device_id"),
        (DEVICE, {"_dev_info": {"id": 5}}, "device_id"),
        (DEVICE, {"_dev_info": {"id": None}}, "device_id"),
        ("a8032abe54dd", {"_dev_info": {"id": "0cb815fd44e1"}}, "listed_twice"),
    ],
)
def test_what_is_no_device_is_named_and_the_others_are_there(
    key: str, value: Any, kind: str
) -> None:
    entries, wrong, _ = read({"0cb815fd44e1": {}, key: value})
    assert [entry.device for entry in entries] == ["0cb815fd44e1"]
    assert [error.kind for error in wrong] == [kind]


@given(st.dictionaries(st.text(max_size=14), NESTED, max_size=5))
def test_whatever_is_listed_it_is_an_entry_or_an_error(devices: dict[str, Any]) -> None:
    before = copy.deepcopy(devices)
    entries, wrong, _ = read(devices)
    assert len(entries) + len(wrong) == len(devices)
    assert all(str(error).isprintable() for error in wrong)
    assert devices == before


@given(answer=STATUS, told=st.lists(STATUS, max_size=4))
def test_what_came_since_is_laid_over_in_its_order(
    answer: dict[str, Any], told: list[dict[str, Any]]
) -> None:
    overlay = Overlay()
    expected: Any = copy.deepcopy(answer)
    for status in told:
        overlay.heard(StatusReported(HOME, DEVICE, status))
        expected = merged(expected, status)
    found = overlay.over(Entry(DEVICE, None, online=False, status=answer))
    assert found.status == expected
    assert found.online == bool(told)


def test_the_last_word_about_being_online_counts() -> None:
    overlay = Overlay()
    away = Entry(DEVICE, None, online=False, status={})
    overlay.heard(OnlineReported(HOME, DEVICE, online=True))
    assert overlay.over(away).online
    overlay.heard(OnlineReported(HOME, DEVICE, online=False))
    assert not overlay.over(away).online
    overlay.clear()
    assert overlay.over(Entry(DEVICE, None, online=True, status={})).online


def test_what_is_remembered_of_a_device_is_bounded_at_every_depth() -> None:
    overlay = Overlay()
    for begin in range(0, 4 * MOST_STATUS, 1_000):
        more = {f"member{number}": number for number in range(begin, begin + 1_000)}
        overlay.heard(StatusReported(HOME, DEVICE, {"switch:0": {"aenergy": more}}))
    overlay.heard(StatusReported(HOME, DEVICE, {"switch:0": {"aenergy": {"member0": "new"}}}))
    found = overlay.over(Entry(DEVICE, None, online=True, status={})).status
    assert 1_000 <= weight(found) <= MOST_STATUS
    assert found["switch:0"]["aenergy"]["member0"] == "new"
