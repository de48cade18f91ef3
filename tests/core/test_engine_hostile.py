"""Whatever a cloud, a device or an MQTT client says: the engine survives, and so do its topics.

Every publication of a `Dialogue` is held against the rules for topics and payloads.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.cloud import decode
from bridge.core.events import (
    AccessReported,
    BadInput,
    BrokerDown,
    BrokerUp,
    CommandAnswered,
    CommandNotSent,
    DeviceMoved,
    Event,
    GrantRevoked,
    GrantStored,
    LinkChanged,
    LinkRemoved,
    MessageArrived,
    OnlineReported,
    RefreshAnswered,
    RetainedFound,
    SettingsReported,
    StatusReported,
    Vitals,
)
from bridge.core.ids import cloud_id
from bridge.core.model import Access, Json, LinkState, SourceKind
from bridge.errors import FrameError
from tests.core import payloads
from tests.core.dialogue import (
    DEVICE,
    HOST,
    OTHER,
    OTHER_HOST,
    ROOT,
    Dialogue,
    grant,
    online,
    override,
)
from tests.core.strategies import COMPONENTS, JSON, OBJECTS, statuses

EVERYTHING: dict[str, Any] = {"values": True, "device_state": True, "raw": True}
OPTIONS = st.sampled_from(
    [
        {},
        EVERYTHING,
        {**EVERYTHING, "overrides": override(throttle=3.0)},
        {**EVERYTHING, "overrides": override(topic="cellar/pump")},
    ]
)


def framed(status: dict[str, Json]) -> StatusReported | None:
    """A status as it comes: through a frame's text; None for one that is no frame."""
    frame = {"event": "Shelly:StatusOnChange", "deviceId": cloud_id(DEVICE), "status": status}
    try:
        event = decode(json.dumps(frame).encode(), HOST)
    except FrameError:
        return None
    assert isinstance(event, StatusReported)
    return event


def bad_input(dialogue: Dialogue) -> dict[str, int]:
    dialogue.says(Vitals({}))
    counted: dict[str, int] = dialogue.holds("shelly/bridge/health")["bad_input"]
    return counted


def is_nothing(key: str, value: Json) -> bool:
    """Members that have no channel: the cloud's own, and components that are empty."""
    if key in ("id", "code", "ts", "serial", "getinfo") or key.startswith("_"):
        return True
    return value in ([], {})


@given(COMPONENTS, JSON | OBJECTS | st.lists(OBJECTS, max_size=3))
def test_any_json_under_any_key_is_published_or_counted(key: str, value: Json) -> None:
    dialogue = online(**EVERYTHING)
    event = framed({key: value})
    if event is None or is_nothing(key, value):
        return
    dialogue.says(event)
    channels = (
        dialogue.holds(f"{ROOT}/info")["channels"] if f"{ROOT}/info" in dialogue.broker else []
    )
    for channel in channels:
        assert channel["topic"].startswith(f"{ROOT}/")
        assert set(dialogue.holds(channel["topic"])) >= {"ts"}
    assert channels or bad_input(dialogue)


def state_below(root: str, dialogue: Dialogue) -> dict[str, str]:
    """What the broker holds of a device, but for `info`, which tells the time."""
    return {
        topic: payload
        for topic, payload in dialogue.broker.items()
        if topic.startswith(root) and topic != f"{root}info" and payload != "{}"
    }


@given(st.lists(st.tuples(statuses(), st.booleans()), min_size=1, max_size=4), OPTIONS)
def test_any_statuses_in_any_order(
    told: list[tuple[dict[str, Json], bool]], options: dict[str, Any]
) -> None:
    dialogue = online(**options)
    for status, full in told:
        event = framed(status)
        if event is not None:
            dialogue.reports(event.status, full=full)
            dialogue.waits(0.7)
    dialogue.waits(10)
    root = "shelly/cellar/pump/" if "cellar" in repr(options) else f"{ROOT}/"
    held = state_below(root, dialogue)
    # A broker that lost everything is told the same again.
    dialogue.broker.clear()
    dialogue.says(BrokerUp("5"))
    assert state_below(root, dialogue) == held
    # And one more word takes all of it away.
    dialogue.says(GrantRevoked(DEVICE))
    dialogue.waits(2)
    assert not [topic for topic in dialogue.broker if topic.startswith(root)]


LEVELS = st.sampled_from(
    [
        *(DEVICE, "relay", "light", "roller", "input", "0", "1", "set", "get", "state", "result"),
        *("bridge", "request", "response", "hosts", "device", "refresh", "retained", "clean"),
        *("+", "#", "", "$SYS", "a\x00b", "\x07", "..", "brightness", "é", "x" * 300),
    ]
)
TOPICS = st.lists(LEVELS, max_size=7).map(lambda levels: "/".join(["shelly", *levels]))
PAYLOADS = (
    st.sampled_from([b"", b"ON", b"TOGGLE", b"40", b"--1", b"\xff\x00", b"[" * 9_000, b"{}"])
    | st.binary(max_size=20)
    | JSON.map(json.dumps).map(str.encode)
    | OBJECTS.map(json.dumps).map(str.encode)
)
MESSAGES = st.builds(
    MessageArrived,
    TOPICS,
    PAYLOADS,
    st.floats(900.0, 1_000.0),
    retain=st.booleans(),
    stored=st.booleans(),
    duplicate=st.booleans(),
    qos=st.integers(0, 2),
    response_topic=st.sampled_from(
        [None, "answers/1", "shelly/bridge/state", "homeassistant/x", "a/#", "$SYS/x", "\x00", ""]
    ),
    correlation=st.none() | st.binary(max_size=4),
)


@given(MESSAGES, st.sampled_from(payloads.every()))
def test_any_message_of_any_client(message: MessageArrived, status: dict[str, Json]) -> None:
    dialogue = online(status=status, **EVERYTHING)
    before = dict(dialogue.broker)
    dialogue.says(message)
    dialogue.engine.overloaded(message, dialogue.now)
    if "/request/" not in message.topic:
        # Nobody but the devices changes what is retained.
        assert dialogue.broker == before


DEVICES = st.sampled_from([DEVICE, OTHER])
LINKS = st.sampled_from([HOST, OTHER_HOST])
GRANTS = st.builds(
    grant, DEVICES, host=LINKS, names=st.lists(st.text(max_size=5), max_size=2).map(tuple)
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(StatusReported, LINKS, DEVICES, statuses(), full=st.booleans()),
    st.builds(SettingsReported, LINKS, DEVICES, OBJECTS),
    st.builds(OnlineReported, LINKS, DEVICES, st.booleans()),
    st.builds(
        AccessReported, LINKS, DEVICES, st.sampled_from(Access), st.none() | st.text(max_size=5)
    ),
    st.builds(DeviceMoved, LINKS, DEVICES, LINKS),
    st.builds(
        RefreshAnswered, LINKS, DEVICES, st.sampled_from(["ok", "offline", "timeout", "failed"])
    ),
    st.builds(CommandAnswered, LINKS, st.integers(0, 5), st.booleans(), st.text(max_size=5)),
    st.builds(CommandNotSent, LINKS, st.integers(0, 5), st.just("host_down"), st.just("")),
    st.builds(
        LinkChanged,
        LINKS,
        st.just(SourceKind.INTEGRATOR),
        st.sampled_from(LinkState),
        st.none() | st.text(max_size=5),
        st.none() | st.floats(0, 1e11),
    ),
    st.builds(LinkRemoved, LINKS),
    st.builds(BadInput, st.text(max_size=5), st.text(max_size=5), st.text(max_size=5)),
    st.builds(GrantStored, GRANTS),
    st.builds(GrantRevoked, DEVICES),
    st.builds(BrokerUp, st.sampled_from(["5", "3.1.1"]), st.none() | st.just("0a1b2c3d")),
    st.builds(BrokerDown, st.text(max_size=5)),
    st.builds(
        RetainedFound,
        st.integers(0, 3),
        st.lists(st.tuples(TOPICS, st.binary(max_size=3)), max_size=4).map(tuple),
        st.booleans(),
    ),
    st.builds(Vitals, st.just({"rss": 1})),
    MESSAGES,
)


@given(st.lists(EVENTS, max_size=20), OPTIONS)
def test_any_events_in_any_order(events: list[Event], options: dict[str, Any]) -> None:
    dialogue = Dialogue(grant(), **options)
    dialogue.connects()
    for event in events:
        dialogue.says(event)
        dialogue.waits(0.4)
    dialogue.says(GrantRevoked(DEVICE), GrantRevoked(OTHER))
    dialogue.waits(60)
    dialogue.stops()
    # What is left is the bridge's own.
    own = {topic for topic in dialogue.broker if topic.startswith("shelly/bridge/")}
    assert dialogue.broker.keys() - own <= {"homeassistant/device/shelly_bridge/config"}
    assert dialogue.holds("shelly/bridge/devices") == []
