"""The record of retained topics, and of what was published on them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import DeviceId
from bridge.core.record import Fingerprints, TopicRecord

ONE, OTHER = DeviceId("a8032a5b000b"), DeviceId("a8032a5b000c")


def topics(device: str) -> set[str]:
    return {
        f"shelly/{device}/relay/0",
        f"shelly/{device}/info",
        f"homeassistant/device/{device}/config",
        "shelly/kitchen/lamp/relay/0",
    }


def test_what_former_runs_left_is_known() -> None:
    record = TopicRecord({ONE: topics(ONE), OTHER: set()})
    assert record.topics(ONE) == topics(ONE)
    assert record.topics(OTHER) == set()
    assert record.devices() == {ONE, OTHER}


def test_a_topic_is_new_once() -> None:
    record = TopicRecord({})
    assert record.add(ONE, f"shelly/{ONE}/info")
    assert not record.add(ONE, f"shelly/{ONE}/info")
    assert record.add(OTHER, f"shelly/{OTHER}/info")
    assert record.topics(OTHER) == {f"shelly/{OTHER}/info"}


def test_topics_are_forgotten_for_one_device_only() -> None:
    record = TopicRecord({ONE: topics(ONE), OTHER: topics(OTHER)})
    record.remove(ONE, {f"shelly/{ONE}/info", "unknown"})
    record.remove(DeviceId("unknown"), {"unknown"})
    assert record.topics(ONE) == topics(ONE) - {f"shelly/{ONE}/info"}
    assert record.topics(OTHER) == topics(OTHER)
    record.drop(ONE)
    assert record.devices() == {OTHER}


def test_devices_alike_share_their_record() -> None:
    record = TopicRecord({})
    for device in (ONE, OTHER):
        for topic in sorted(topics(device)):
            record.add(device, topic)
    assert record._patterns[ONE] is record._patterns[OTHER]


@given(st.sets(st.text(st.characters(exclude_characters="\0"), max_size=8)), st.integers(0, 3))
def test_every_topic_comes_back_as_it_was(found: set[str], size: int) -> None:
    device = DeviceId("ab"[:size] or "x")
    assert TopicRecord({device: found}).topics(device) == found


def test_a_text_is_new_until_it_was_published() -> None:
    last = Fingerprints()
    topic = f"shelly/{ONE}/info"
    assert last.is_new(ONE, topic, "a")
    assert not last.is_new(ONE, topic, "a")
    assert last.is_new(ONE, topic, "b")
    assert last.is_new(ONE, topic, "a")
    assert last.is_new(OTHER, f"shelly/{OTHER}/info", "a")
    assert last.forget(ONE, topic)
    assert not last.forget(ONE, topic)
    assert last.is_new(ONE, topic, "a")
