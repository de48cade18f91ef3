"""What the sender of a command is told (topic conventions 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from bridge.core.commands import RelayCommand, Target, Turn
from bridge.core.effects import Lane, Publish
from bridge.core.model import Json, LinkId, Now, SourceKind
from bridge.core.results import RESULT_EXPIRY, Order, Route, Sender, Stage, iso, result
from tests.core.dialogue import DEVICE, HOST, ROOT
from tests.core.strategies import OBJECTS

NOW = Now(1_000.5, 1_790_000_000.25)


def sender(**changes: Any) -> Sender:
    return Sender(f"{ROOT}/relay/0", 1_000.0, **changes)


def order(told: Sender) -> Order:
    route = Route(DEVICE, ("relay", 0), Target("switch", 0), HOST, SourceKind.INTEGRATOR)
    return Order(told, route, RelayCommand(Turn.ON), 1_010.0, request=17)


def publications(effects: Any) -> list[Publish]:
    assert all(isinstance(effect, Publish) for effect in effects)
    return list(effects)


def test_a_result_in_full() -> None:
    told = sender(wanted={"state": "ON"}, id="my-42", qos=1)
    (publish,) = publications(order(told).result("ok", Stage.CONFIRMED, NOW))
    assert publish.topic == f"{ROOT}/relay/0/result"
    assert json.loads(publish.payload) == {
        "id": "my-42",
        "status": "ok",
        "stage": "confirmed",
        "command": {"state": "ON"},
        "via": "integrator:shelly-7-eu.shelly.cloud",
        "trid": 17,
        "ms": 500,
        "error": None,
        "ts": "2026-09-21T14:13:20.250Z",
    }
    assert (publish.retain, publish.lane) == (False, Lane.EVENT)
    assert publish.expiry == RESULT_EXPIRY == 60
    assert publish.properties == (("source", "integrator"), ("device", DEVICE))


def test_a_refusal_before_there_was_a_way() -> None:
    (publish,) = publications(result(sender(), "unknown", Stage.REFUSED, NOW, "no such device"))
    body = json.loads(publish.payload)
    assert (body["via"], body["trid"], body["error"]) == (None, None, "no such device")
    assert publish.properties == ()


def test_a_refusal_names_the_device_where_that_is_known() -> None:
    told = sender(device=DEVICE, failures="shelly/bridge/event")
    here, event = publications(result(told, "invalid", Stage.REFUSED, NOW, "state: missing"))
    assert here.properties == (("device", DEVICE),)
    assert json.loads(event.payload)["device"] == DEVICE


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_result_has_the_quality_of_its_request(qos: int) -> None:
    (publish,) = publications(result(sender(qos=qos), "ok", Stage.ACCEPTED, NOW))
    assert publish.qos == qos


def test_a_result_goes_where_it_was_asked_for_too() -> None:
    told = sender(response_topic="answers/1", correlation=b"\x00\xff")
    here, there = publications(order(told).result("error", Stage.SENT, NOW, "no"))
    assert (here.topic, here.correlation) == (f"{ROOT}/relay/0/result", None)
    assert (there.topic, there.correlation) == ("answers/1", b"\x00\xff")
    assert here.payload == there.payload
    assert not there.retain


def test_a_short_command_is_repeated_and_a_long_one_is_not() -> None:
    (publish,) = publications(
        result(sender(wanted={"state": "x" * 500}), "invalid", Stage.SENT, NOW)
    )
    assert json.loads(publish.payload)["command"] == {"too_long": True}


@given(OBJECTS)
def test_a_result_is_short_whatever_was_wanted(wanted: dict[str, Json]) -> None:
    for publish in publications(result(sender(wanted=wanted), "invalid", Stage.REFUSED, NOW)):
        assert len(publish.payload) < 4_000


@pytest.mark.parametrize(
    ("wall", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_790_000_000.9999, "2026-09-21T14:13:20.999Z"),
        (1e11, "5138-11-16T09:46:40.000Z"),
    ],
)
def test_times_are_iso_8601_in_utc(wall: float, text: str) -> None:
    assert iso(wall) == text


def test_links_are_told_by_kind_and_name() -> None:
    route = Route(DEVICE, ("relay", 0), Target("switch", 0), LinkId("home"), SourceKind.ACCOUNT)
    (publish,) = publications(result(sender(), "ok", Stage.ACCEPTED, NOW, route=route))
    assert json.loads(publish.payload)["via"] == "account:home"
