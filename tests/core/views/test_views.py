"""What is shown of the engine's state to somebody who looks (pages and scrapers)."""

from __future__ import annotations

from typing import TypeVar

import pytest

from bridge.core.effects import SendCommand, Show
from bridge.core.events import BadInput, BrokerUp, Looked
from bridge.core.model import LinkState, SourceKind
from bridge.core.views import shown
from bridge.core.views.asked import Courses, OneDevice, Only, Overview, Sort, Table, View
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, OTHER, Dialogue, grant, online, override

ASKER = 7

_Shown = TypeVar("_Shown")


def look(dialogue: Dialogue, view: View, kind: type[_Shown]) -> _Shown:
    """What the only answer shows."""
    show = dialogue.says(Looked(ASKER, view)).one(Show)
    assert (show.asker, show.final) == (ASKER, True)
    assert isinstance(show.document, kind)
    return show.document


@pytest.fixture
def dialogue() -> Dialogue:
    return online(status=payloads.two_switches(), overrides=override(area="Cellar"))


def two_devices() -> Dialogue:
    other = grant(OTHER, names=("Attic",), code="SHSW-25", control=False)
    dialogue = Dialogue(grant(names=("Boiler",)), other)
    dialogue.connects()
    dialogue.reports(payloads.two_switches(), full=True)
    return dialogue


def test_the_bridge_as_a_whole(dialogue: Dialogue) -> None:
    dialogue.says(BrokerUp("5"), BadInput(HOST, "json", "not JSON"))
    bridge = look(dialogue, Overview(), shown.Bridge)
    assert (bridge.version, bridge.protocol, bridge.home_assistant) == ("1.2.3", "5", True)
    assert bridge.devices == {"online": 1}
    assert bridge.sources == {SourceKind.INTEGRATOR: 1}
    assert bridge.bad_input == {"json": 1}
    assert bridge.events["StatusReported"] == 1
    (connection,) = bridge.connections
    assert (connection.id, connection.state) == (HOST, LinkState.CONNECTED)
    assert (connection.devices, connection.reconnects) == (1, 0)


def test_a_lost_connection_says_why(dialogue: Dialogue) -> None:
    dialogue.loses()
    (connection,) = look(dialogue, Overview(), shown.Bridge).connections
    assert (connection.state, connection.error) == (LinkState.BACKOFF, "reset")


def test_a_device_with_all_that_is_known(dialogue: Dialogue) -> None:
    device = look(dialogue, OneDevice(DEVICE), shown.Device)
    assert (device.row.id, device.row.area, device.row.online) == (DEVICE, "Cellar", True)
    assert device.row.sources == ((SourceKind.INTEGRATOR, HOST),)
    relay = next(each for each in device.channels if (each.kind, each.number) == ("relay", 0))
    assert relay.topic == f"shelly/{DEVICE}/relay/0"
    assert relay.commands == ("state", "timer")
    state, *rest = relay.readings
    assert (state.key, state.value) in {("state", "ON"), ("state", "OFF")}
    assert {reading.unit for reading in rest if reading.key == "power"} == {"W"}


def test_a_device_is_found_by_its_alias() -> None:
    dialogue = online(status=payloads.two_switches(), overrides=override(topic="boiler"))
    assert look(dialogue, OneDevice("boiler"), shown.Device).row.root == "boiler"


@pytest.mark.parametrize("view", [OneDevice("ffffffffffff"), Courses("nobody")])
def test_nothing_is_shown_of_a_device_that_is_not_there(dialogue: Dialogue, view: View) -> None:
    assert dialogue.says(Looked(ASKER, view)).one(Show).document is None


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", {DEVICE, OTHER}),
        ("boiler", {DEVICE}),
        ("BOIL", {DEVICE}),
        ("shsw-25", {OTHER}),
        (DEVICE[-4:], {DEVICE}),
        ("shelly-7", {DEVICE, OTHER}),
        ("attic shelly", {OTHER}),
        ("nothing", set()),
    ],
)
def test_devices_are_found_by_name_id_model_and_connection(search: str, found: set[str]) -> None:
    rows = look(two_devices(), Table(search), shown.Rows)
    assert {row.id for row in rows.rows} == found
    assert (rows.found, rows.total) == (len(found), 2)


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (Only.ALL, {DEVICE, OTHER}),
        (Only.ONLINE, {DEVICE}),
        (Only.OFFLINE, {OTHER}),
        (Only.CONTROLLED, {DEVICE}),
    ],
)
def test_devices_are_filtered(only: Only, found: set[str]) -> None:
    rows = look(two_devices(), Table(only=only), shown.Rows)
    assert {row.id for row in rows.rows} == found


@pytest.mark.parametrize("sort", list(Sort))
def test_every_order_works_in_both_directions(sort: Sort) -> None:
    dialogue = two_devices()
    up = look(dialogue, Table(sort=sort), shown.Rows).rows
    down = look(dialogue, Table(sort=sort, descending=True), shown.Rows).rows
    assert {row.id for row in up} == {row.id for row in down} == {DEVICE, OTHER}
    if sort in {Sort.NAME, Sort.MODEL}:
        assert up == tuple(reversed(down))
    if sort is Sort.LAST_SEEN:
        assert up[-1].id == down[-1].id == OTHER


def test_a_part_of_the_table() -> None:
    dialogue = two_devices()
    rows = look(dialogue, Table(first=1, count=1), shown.Rows)
    assert [row.name for row in rows.rows] == ["Boiler"]
    assert (rows.found, rows.total) == (2, 2)


def test_a_row_shows_what_says_most(dialogue: Dialogue) -> None:
    (row,) = look(dialogue, Table(), shown.Rows).rows
    keys = [reading.key for reading in row.readings]
    assert keys[:2] == ["relay 0", "relay 1"]
    assert len(keys) <= 6


def test_channels_alike_are_told_apart_whatever_their_numbers() -> None:
    status = {f"temperature:{number}": {"id": number, "tC": 20.5} for number in (100, 101)}
    (row,) = look(online(status=status), Table(), shown.Rows).rows
    assert [each.key for each in row.readings] == ["temperature 100", "temperature 101"]


def test_looking_publishes_nothing_and_changes_nothing(dialogue: Dialogue) -> None:
    before = dict(dialogue.broker)
    reply = dialogue.says(Looked(1, Overview()), Looked(2, Table()), Looked(3, OneDevice(DEVICE)))
    assert [show.asker for show in reply.all(Show)] == [1, 2, 3]
    assert reply.topics == []
    assert dialogue.broker == before


# Commands and requests from our own pages


def test_every_result_of_a_command_is_shown_to_who_sent_it(dialogue: Dialogue) -> None:
    sent = dialogue.sets("relay/0/set", '{"state": "ON"}', asker=ASKER)
    accepted = dialogue.answers(sent.one(SendCommand)).one(Show)
    assert (accepted.asker, accepted.final) == (ASKER, False)
    assert isinstance(accepted.document, dict)
    assert accepted.document["stage"] == "accepted"
    confirmed = dialogue.reports({"switch:0": {"id": 0, "output": True}}).one(Show)
    assert isinstance(confirmed.document, dict)
    assert (confirmed.document["stage"], confirmed.final) == ("confirmed", True)


def test_a_refused_command_is_shown_and_published_alike(dialogue: Dialogue) -> None:
    reply = dialogue.sets("relay/0/set", "perhaps", asker=ASKER)
    show = reply.one(Show)
    assert show.final
    assert show.document == reply.json(f"shelly/{DEVICE}/relay/0/result")


def test_commands_of_others_are_shown_to_nobody(dialogue: Dialogue) -> None:
    assert dialogue.sets("relay/0/set", "perhaps").all(Show) == []


def test_the_answer_to_a_request_is_shown(dialogue: Dialogue) -> None:
    reply = dialogue.asks("health_check", asker=ASKER)
    assert reply.one(Show).document == reply.json("shelly/bridge/response/health_check")


def test_final_results_are_counted(dialogue: Dialogue) -> None:
    dialogue.answers(dialogue.sets("relay/0/set", "ON").one(SendCommand))
    dialogue.reports({"switch:0": {"id": 0, "output": True}})
    dialogue.sets("relay/0/set", "perhaps")
    assert look(dialogue, Overview(), shown.Bridge).results == {"ok": 1, "invalid": 1}
