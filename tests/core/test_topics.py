"""The layout below the base topic (topic conventions 2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.topics import Inbound, Parsed, Topics, is_part, is_publishable

TOPICS = Topics("shelly")
DEVICE = "a8032abe54dc"


def test_every_topic_is_where_people_look_for_it() -> None:
    assert TOPICS.state == "shelly/bridge/state"
    assert TOPICS.bridge("devices") == "shelly/bridge/devices"
    assert TOPICS.host("shelly-7-eu.shelly.cloud") == "shelly/bridge/hosts/shelly-7-eu.shelly.cloud"
    assert TOPICS.response("device/verify") == "shelly/bridge/response/device/verify"
    assert TOPICS.device(DEVICE, "availability") == "shelly/a8032abe54dc/availability"
    assert TOPICS.channel(DEVICE, "relay", 0) == "shelly/a8032abe54dc/relay/0"
    assert TOPICS.raw(DEVICE, "switch:0") == "shelly/a8032abe54dc/raw/switch:0"
    assert Topics("home/shelly").channel("kitchen/blind", "roller", 1) == (
        "home/shelly/kitchen/blind/roller/1"
    )


@pytest.mark.parametrize(
    ("topic", "parsed"),
    [
        (f"shelly/{DEVICE}/relay/0/set", Parsed(Inbound.SET, DEVICE, "relay", 0)),
        (
            f"shelly/{DEVICE}/roller/12/set/position",
            Parsed(Inbound.SET, DEVICE, "roller", 12, "position"),
        ),
        (f"shelly/{DEVICE}/relay/0/set/set", Parsed(Inbound.SET, DEVICE, "relay", 0, "set")),
        (f"shelly/{DEVICE}/relay/0/set/get", Parsed(Inbound.SET, DEVICE, "relay", 0, "get")),
        ("shelly/kitchen/blind/roller/0/set", Parsed(Inbound.SET, "kitchen/blind", "roller", 0)),
        (
            "shelly/kitchen/blind/roller/0/set/position",
            Parsed(Inbound.SET, "kitchen/blind", "roller", 0, "position"),
        ),
        (f"shelly/{DEVICE}/get", Parsed(Inbound.GET, DEVICE)),
        ("shelly/kitchen/blind/get", Parsed(Inbound.GET, "kitchen/blind")),
        ("shelly/bridge/request/health_check", Parsed(Inbound.REQUEST, "health_check")),
        ("shelly/bridge/request/device/refresh", Parsed(Inbound.REQUEST, "device/refresh")),
    ],
)
def test_what_is_told_to_us_is_understood(topic: str, parsed: Parsed) -> None:
    assert TOPICS.parse(topic) == parsed


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "shelly",
        "shelly/",
        "other/a8032abe54dc/relay/0/set",
        "shellyx/a8032abe54dc/relay/0/set",
        f"shelly/{DEVICE}",
        f"shelly/{DEVICE}/relay/0",
        f"shelly/{DEVICE}/relay/0/result",
        f"shelly/{DEVICE}/relay/set",
        # A result there would look like a command, or could not be published.
        f"shelly/{DEVICE}/relay/set/set",
        f"shelly/{DEVICE}/relay/result/set",
        f"shelly/{DEVICE}/relay/a b/set",
        f"shelly/{DEVICE}/relay//set/state",
        f"shelly/{DEVICE}/relay/0/set/a/b",
        "shelly/bridge/state",
        "shelly/bridge/get",
        "shelly/bridge/relay/0/set",
        "shelly/bridge/response/health_check",
        # Not what a broker would deliver; an answer could not be published there.
        "shelly/+/relay/0/set",
        "shelly/#/get",
        "shelly/bridge/request/a+b",
        "shelly/a\x00/relay/0/set",
        "shelly/" + "a" * 70_000 + "/relay/0/set",
    ],
)
def test_everything_else_is_none_of_ours(topic: str) -> None:
    assert TOPICS.parse(topic) is None


@pytest.mark.parametrize("number", ["x", "-1", "00", "9999999999", "1.5"])
def test_a_command_to_what_is_no_channel_is_a_command_still(number: str) -> None:
    topic = f"shelly/{DEVICE}/relay/{number}"
    assert TOPICS.parse(f"{topic}/set") == Parsed(Inbound.SET, DEVICE, "relay", number)
    assert TOPICS.parse(f"{topic}/set/state") == Parsed(
        Inbound.SET, DEVICE, "relay", number, "state"
    )
    assert TOPICS.channel(DEVICE, "relay", number) == topic


LEVEL = st.from_regex(r"[A-Za-z0-9_.-]{1,12}", fullmatch=True)
ROOT = st.lists(LEVEL, min_size=1, max_size=3).map("/".join)
BASE = st.lists(LEVEL, min_size=1, max_size=2).map("/".join)


@given(BASE, ROOT.filter(lambda root: root.split("/")[0] != "bridge"), LEVEL, st.integers(0, 999))
def test_a_channel_s_set_topics_parse_back(base: str, root: str, kind: str, number: int) -> None:
    topics = Topics(base)
    channel = topics.channel(root, kind, number)
    assert topics.parse(f"{channel}/set") == Parsed(Inbound.SET, root, kind, number)
    keyed = topics.parse(f"{channel}/set/brightness")
    assert keyed == Parsed(Inbound.SET, root, kind, number, "brightness")
    assert topics.parse(topics.device(root, "get")) == Parsed(Inbound.GET, root)


@given(st.text(max_size=60).map("shelly/{}".format) | st.text(max_size=20))
def test_any_topic_is_parsed_or_not(topic: str) -> None:
    parsed = TOPICS.parse(topic)
    if parsed is not None:
        assert is_publishable(TOPICS.channel(parsed.name, parsed.kind, parsed.number))


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic filter matches (MQTT 5, 4.7)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        (f"shelly/{DEVICE}/relay/0/set", True),
        (f"shelly/{DEVICE}/relay/0/set/state", True),
        (f"shelly/{DEVICE}/get", True),
        ("shelly/boiler/relay/0/set", True),
        ("shelly/kitchen/blind/roller/0/set", True),
        ("shelly/kitchen/blind/roller/0/set/position", True),
        ("shelly/kitchen/blind/get", True),
        ("shelly/bridge/request/device/refresh", True),
        # What the bridge says itself must not come back to it.
        (f"shelly/{DEVICE}/relay/0", False),
        (f"shelly/{DEVICE}/relay/0/state", False),
        (f"shelly/{DEVICE}/relay/0/result", False),
        (f"shelly/{DEVICE}/availability", False),
        ("shelly/bridge/response/device/refresh", False),
        ("shelly/bridge/state", False),
    ],
)
def test_what_is_subscribed(topic: str, wanted: bool) -> None:
    filters = TOPICS.subscriptions(("boiler", "kitchen/blind"))
    assert any(matches(pattern, topic) for pattern in filters) is wanted
    assert not any(pattern.endswith("/#") for pattern in filters if "/request/" not in pattern)


@pytest.mark.parametrize(
    "topic", ["a", "answers/1", "a/$b", "shelly", "homeassistantx/a", "Ünïcode", "a b"]
)
def test_an_answer_may_go_anywhere_else(topic: str) -> None:
    assert TOPICS.is_answer_box(topic)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "shelly/bridge/state",
        "shelly/x/relay/0/set",
        "homeassistant/status",
        "$SYS/a",
        "a/+/b",
        "a/#",
        "a\x00b",
        "a\nb",
        "a\x9fb",
        "\ud800",
        "a\ufffeb",
        "a" * 1_001,
    ],
)
def test_but_not_where_it_could_do_harm(topic: str) -> None:
    assert not TOPICS.is_answer_box(topic)


HOME = Topics("shelly", prefix="ha/two", status="ha/status")


def test_where_home_assistant_looks_and_speaks() -> None:
    assert HOME.discovery(DEVICE) == f"ha/two/device/{DEVICE}/config"
    assert HOME.is_discovery(HOME.discovery("shelly_bridge"))
    assert HOME.parse("ha/status") == Parsed(Inbound.HOME_ASSISTANT, "")
    assert "ha/status" in HOME.subscriptions()
    assert TOPICS.parse("homeassistant/status") is None
    assert not any("status" in pattern for pattern in TOPICS.subscriptions())


def test_where_home_assistant_looked_with_other_settings() -> None:
    former = f"homeassistant/device/{DEVICE}/config"
    assert HOME.was_discovery(former)
    assert not HOME.is_discovery(former)
    assert not TOPICS.is_discovery(former)
    for topic in (
        f"homeassistant/device/{DEVICE}/status",
        "device/a/config",
        "x/device/a.b/config",
    ):
        assert not HOME.was_discovery(topic)
    with pytest.raises(ValueError, match="not wanted"):
        TOPICS.discovery(DEVICE)


@pytest.mark.parametrize("topic", ["ha/two/device/x/config", "ha/status", "homeassistant/x"])
def test_no_answer_goes_to_home_assistant(topic: str) -> None:
    assert not HOME.is_answer_box(topic)


@pytest.mark.parametrize("text", ["power", "a.b-c_1", "A" * 64])
def test_a_key_that_can_be_a_level(text: str) -> None:
    assert is_part(text)


@pytest.mark.parametrize("text", ["", "a/b", "a b", "+", "#", "é", "$a", "a\n", "A" * 65])
def test_a_key_that_cannot(text: str) -> None:
    assert not is_part(text)


ATTIC = Topics("home/shelly", prefix="homeassistant", status="ha/status", instance="attic")


def test_one_of_several_instances_has_own_topics_of_the_bridge() -> None:
    assert ATTIC.state == "home/shelly/bridge/attic/state"
    assert ATTIC.bridge("info") == "home/shelly/bridge/attic/info"
    assert ATTIC.host("a.shelly.cloud") == "home/shelly/bridge/attic/hosts/a.shelly.cloud"
    assert ATTIC.request("restart") == "home/shelly/bridge/attic/request/restart"
    assert ATTIC.response("restart") == "home/shelly/bridge/attic/response/restart"
    assert (ATTIC.hub, HOME.hub) == ("shelly_bridge_attic", "shelly_bridge")
    assert (ATTIC.instances, HOME.instances) == ("home/shelly/bridge/+/info", None)
    # Those of devices are the same, whoever serves them.
    for name in ("availability", "get"):
        assert ATTIC.device(DEVICE, name) == f"home/shelly/{DEVICE}/{name}"
    assert ATTIC.discovery(DEVICE) == HOME.discovery(DEVICE).replace("ha/two", "homeassistant")
    filters = ATTIC.subscriptions()
    assert "home/shelly/bridge/attic/request/#" in filters
    assert not any(each.startswith("home/shelly/bridge/request") for each in filters)


@pytest.mark.parametrize(
    ("topic", "parsed"),
    [
        ("bridge/attic/request/device/verify", Parsed(Inbound.REQUEST, "device/verify")),
        ("bridge/barn/info", Parsed(Inbound.INSTANCE, "barn")),
        (f"{DEVICE}/relay/0/set", Parsed(Inbound.SET, DEVICE, "relay", 0)),
        ("bridge/request/restart", None),
        ("bridge/barn/request/restart", None),
        ("bridge/barn/state", None),
        ("bridge/barn/hosts/info", None),
        ("bridge/info", None),
    ],
)
def test_what_is_told_to_one_of_several_instances(topic: str, parsed: Parsed | None) -> None:
    assert ATTIC.parse(f"home/shelly/{topic}") == parsed


def test_a_bridge_that_is_alone_knows_no_instances() -> None:
    assert TOPICS.parse("shelly/bridge/barn/info") is None
    assert TOPICS.parse("shelly/bridge/attic/request/restart") is None


def test_where_leftovers_are_looked_for() -> None:
    assert TOPICS.scanned == ("shelly/#",)
    assert ATTIC.scanned == (
        "home/shelly/bridge/attic/#",
        "home/shelly/+/+/+/set",
        "home/shelly/+/+/+/set/+",
    )
