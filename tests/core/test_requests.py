"""`bridge/request/<name>` and its answers (topic conventions 2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core.effects import (
    DropGrant,
    Lane,
    Publish,
    Reconnect,
    Refresh,
    Release,
    Restart,
    ScanRetained,
)
from bridge.core.events import BadInput, BrokerUp, RefreshAnswered, Vitals
from bridge.core.requests import LONGEST_REQUEST, MANAGING, MOST_OPEN
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, ROOT, Dialogue, Reply, grant, online, override

NAMES = [
    *("health_check", "device/refresh", "device/verify", "device/remove", "host/reconnect"),
    *("consent_url", "retained/clean", "discovery/republish", "restart"),
]


@pytest.fixture
def dialogue() -> Dialogue:
    return online(status=payloads.two_switches())


def answer(reply: Reply, name: str) -> Any:
    (publish,) = reply.on(f"shelly/bridge/response/{name}")
    assert (publish.retain, publish.lane, publish.expiry) == (False, Lane.EVENT, 60)
    return json.loads(publish.payload)


def refused(reply: Reply, name: str) -> str:
    body = answer(reply, name)
    assert body["status"] == "error"
    assert body["data"] == {}
    text: str = body["error"]
    return text


def test_health(dialogue: Dialogue) -> None:
    body = answer(dialogue.asks("health_check"), "health_check")
    assert body == {
        "data": {
            "healthy": True,
            "hosts": {HOST: "connected"},
            "health": {},
            "bad_input": {},
        },
        "status": "ok",
    }
    dialogue.says(BadInput("x", "json", "no JSON"), Vitals({"rss": 5}))
    dialogue.loses()
    data = answer(dialogue.asks("health_check"), "health_check")["data"]
    assert not data["healthy"]
    assert data["hosts"] == {HOST: "backoff"}
    assert data["health"]["rss"] == 5
    assert data["bad_input"] == {"json": 1}


def test_health_is_published_once_a_minute(dialogue: Dialogue) -> None:
    reply = dialogue.says(Vitals({"rss": 5}))
    (publish,) = reply.on("shelly/bridge/health")
    assert (publish.retain, publish.qos) == (True, 0)
    assert reply.json("shelly/bridge/health") == {
        "ts": "2026-09-21T14:13:20.000Z",
        "rss": 5,
        "devices": 1,
        "bad_input": {},
    }


@pytest.mark.parametrize(
    "payload", [json.dumps({"id": DEVICE}), DEVICE, f'"{DEVICE}"', f" {DEVICE.upper()} "]
)
def test_refresh(dialogue: Dialogue, payload: str) -> None:
    reply = dialogue.asks("device/refresh", payload)
    assert reply.one(Refresh) == Refresh(HOST, DEVICE)
    data = {"id": DEVICE, "topic": f"shelly/{DEVICE}", "connected": False}
    assert answer(reply, "device/refresh") == {"data": data, "status": "ok"}


@pytest.mark.parametrize("name", ["device/refresh", "device/verify"])
def test_a_device_cannot_be_asked_while_its_host_is_down(dialogue: Dialogue, name: str) -> None:
    dialogue.loses()
    assert "down" in refused(dialogue.asks(name, DEVICE), name)


@pytest.mark.parametrize(
    ("outcome", "good"),
    [
        ("ok", True),
        ("offline", True),
        ("not_authorized", True),
        ("moved", True),
        ("timeout", False),
        ("failed", False),
    ],
)
def test_verify_is_answered_when_the_cloud_has_spoken(
    dialogue: Dialogue, outcome: str, good: bool
) -> None:
    reply = dialogue.asks("device/verify", json.dumps({"id": DEVICE, "transaction": 7}))
    assert reply.one(Refresh) == Refresh(HOST, DEVICE)
    assert reply.topics == []
    body = answer(dialogue.says(RefreshAnswered(HOST, DEVICE, outcome)), "device/verify")
    assert body["data"] == {"id": DEVICE, "result": outcome}
    assert body["transaction"] == 7
    assert body["status"] == ("ok" if good else "error")
    assert ("error" in body) is not good
    assert dialogue.says(RefreshAnswered(HOST, DEVICE, "ok")).topics == []


def test_verify_is_answered_even_if_the_device_is_gone_meanwhile(dialogue: Dialogue) -> None:
    dialogue.asks("device/verify", DEVICE)
    reply = dialogue.asks("device/remove", DEVICE)
    assert answer(reply, "device/verify")["status"] == "error"
    assert dialogue.says(RefreshAnswered(HOST, DEVICE, "failed")).effects == []


def test_not_too_many_may_wait(dialogue: Dialogue) -> None:
    for _ in range(MOST_OPEN):
        assert dialogue.asks("device/verify", DEVICE).topics == []
    assert "too many" in refused(dialogue.asks("device/verify", DEVICE), "device/verify")
    reply = dialogue.says(RefreshAnswered(HOST, DEVICE, "ok"))
    assert len(reply.topics) == MOST_OPEN


def test_remove(dialogue: Dialogue) -> None:
    reply = dialogue.asks("device/remove", DEVICE)
    assert reply.one(DropGrant).device == DEVICE
    assert reply.one(Release) == Release(DEVICE)
    assert answer(reply, "device/remove") == {"data": {"id": DEVICE}, "status": "ok"}
    dialogue.waits(10)
    assert not [topic for topic in dialogue.broker if topic.startswith(ROOT)]
    assert dialogue.holds("shelly/bridge/devices") == []
    assert "no such device" in refused(dialogue.asks("device/remove", DEVICE), "device/remove")


@pytest.mark.parametrize("key", ["id", "host"])
def test_reconnect(dialogue: Dialogue, key: str) -> None:
    reply = dialogue.asks("host/reconnect", json.dumps({key: HOST}))
    assert reply.one(Reconnect) == Reconnect(HOST)
    assert answer(reply, "host/reconnect")["data"] == {"id": HOST}


@pytest.mark.parametrize("payload", ["", "evil.example", '{"id":5}', '{"id":null}', '{"id":[]}'])
def test_only_connections_that_there_are(dialogue: Dialogue, payload: str) -> None:
    reply = dialogue.asks("host/reconnect", payload)
    assert not reply.all(Reconnect)
    assert HOST in refused(reply, "host/reconnect")


def test_the_consent_address_goes_only_to_who_asks() -> None:
    dialogue = Dialogue(grant(), consent_url="https://my.shelly.cloud/integrator.html?cb=secret")
    body = answer(dialogue.asks("consent_url"), "consent_url")
    assert body["data"] == {"url": "https://my.shelly.cloud/integrator.html?cb=secret"}
    assert "secret" not in repr(dialogue.says(BrokerUp("5"), Vitals({})).effects)
    assert "web.public.url" in refused(Dialogue().asks("consent_url"), "consent_url")


# All requests


@pytest.mark.parametrize("name", [*NAMES, "nonsense"])
@pytest.mark.parametrize(
    "payload", ["nobody", '{"id":', '{"id":{}}', '{"id":null,"id":1}', "[1]", "\x00", '"', "é"]
)
def test_every_request_is_answered_or_waits(dialogue: Dialogue, name: str, payload: str) -> None:
    reply = dialogue.asks(name, payload)
    if not reply.all(ScanRetained):
        assert answer(reply, name)["status"] in ("ok", "error")


@pytest.mark.parametrize("payload", [b"\xff\xfe", b'{"id":"\xff"}'])
def test_binary_is_refused(dialogue: Dialogue, payload: bytes) -> None:
    reply = dialogue.says(dialogue.message("shelly/bridge/request/device/refresh", payload))
    assert refused(reply, "device/refresh")


def test_an_unknown_request_names_those_that_there_are(dialogue: Dialogue) -> None:
    text = refused(dialogue.asks("restart_all"), "restart_all")
    assert all(name in text for name in NAMES)


@pytest.mark.parametrize("transaction", [1, "a", None, True, {"b": [1.5]}])
def test_a_transaction_is_echoed(dialogue: Dialogue, transaction: Any) -> None:
    for payload in ({"transaction": transaction, "id": DEVICE}, {"transaction": transaction}):
        body = answer(dialogue.asks("device/refresh", json.dumps(payload)), "device/refresh")
        assert body["transaction"] == transaction


def test_without_one_there_is_none(dialogue: Dialogue) -> None:
    assert "transaction" not in answer(dialogue.asks("health_check"), "health_check")


def test_a_request_has_its_limits(dialogue: Dialogue) -> None:
    assert "longer" in refused(dialogue.asks("health_check", " " * (LONGEST_REQUEST + 1)), NAMES[0])


def test_a_stored_request_is_never_run(dialogue: Dialogue) -> None:
    reply = dialogue.asks("device/remove", DEVICE, retain=True, stored=True)
    assert "retained" in refused(reply, "device/remove")
    assert not reply.all(Release)


def test_an_answer_goes_to_the_response_topic_too(dialogue: Dialogue) -> None:
    reply = dialogue.asks("health_check", response_topic="answers/9", correlation=b"\x07")
    here, there = reply.all(Publish)
    assert (there.topic, there.correlation, there.payload) == ("answers/9", b"\x07", here.payload)
    reply = dialogue.asks("health_check", response_topic="shelly/bridge/state")
    assert reply.topics == ["shelly/bridge/response/health_check"]


def test_devices_are_found_by_their_alias() -> None:
    dialogue = online(status=payloads.two_switches(), overrides=override(topic="cellar/pump"))
    assert dialogue.asks("device/refresh", "cellar/pump").one(Refresh).device == DEVICE


@pytest.mark.parametrize("payload", ["", "PRESS", "{}"])
def test_a_restart_is_answered_first(dialogue: Dialogue, payload: str) -> None:
    reply = dialogue.asks("restart", payload)
    assert answer(reply, "restart") == {"data": {}, "status": "ok"}
    assert reply.one(Restart) == Restart()


def test_a_restart_that_the_broker_kept_is_none(dialogue: Dialogue) -> None:
    reply = dialogue.asks("restart", retain=True, stored=True)
    assert "never run" in refused(reply, "restart")
    assert not reply.all(Restart)


@pytest.mark.parametrize("name", sorted(MANAGING))
def test_what_manages_the_bridge_can_be_kept_from_mqtt(name: str) -> None:
    dialogue = online(status=payloads.two_switches(), manage=False, consent_url="https://x")
    reply = dialogue.asks(name, DEVICE)
    assert "mqtt.manage is off" in refused(reply, name)
    assert not [each for each in reply.effects if not isinstance(each, Publish)]
    shown = dialogue.asks(name, DEVICE, asker=7)
    assert not [each for each in shown.all(Publish) if "mqtt.manage" in each.payload]


def test_other_requests_are_nobody_s_secret() -> None:
    dialogue = online(status=payloads.two_switches(), manage=False)
    assert answer(dialogue.asks("health_check"), "health_check")["status"] == "ok"
    assert dialogue.asks("device/refresh", DEVICE).one(Refresh).device == DEVICE
