"""What a simulated account is told of its devices by HTTP."""

from __future__ import annotations

import http.client
import re
import threading
import time
from typing import Any

import pytest

from bridge.simulator.account import Account
from bridge.simulator.account_faults import Answer, Asked, RateLimit
from bridge.simulator.devices.catalog import MODELS
from bridge.simulator.world import World
from tests.simulator.account_client import all_status, ask, asked, connect, device_list, login
from tests.simulator.client import LIMIT
from tests.simulator.conftest import HOSTS

PLUG = "SNSW-001P16EU"


@pytest.fixture
def account(world: World) -> Account:
    return world.add_account("me@example.org")


def entries(world: World, account: Account, **options: Any) -> Any:
    status, answer = all_status(world, account, **options)
    assert (status, answer["isok"]) == (200, True)
    return answer["data"]["devices_status"]


def test_a_snapshot_holds_every_device_of_the_account(world: World, account: Account) -> None:
    devices = [world.add_device(model.key, account=account) for model in MODELS]
    world.add_device(PLUG)
    found = entries(world, account)
    assert set(found) == {device.hex_id for device in devices}
    for device in devices:
        entry = found[device.hex_id]
        assert entry.pop("_dev_info") == {
            "id": device.hex_id,
            "gen": device.generation,
            "code": device.code,
            "online": True,
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", entry.pop("_updated"))
        assert entry.pop("_sleeping", False) is device.sleeps
        assert entry == device.status()


def test_what_is_asked_for_is_told(world: World, account: Account) -> None:
    other = world.add_account("you@example.org")
    mine = world.add_device(PLUG, account=account)
    ble = world.add_device("SBHT-003C", account=account)
    theirs = world.add_device(PLUG, account=other, shared=[account])
    assert set(entries(world, account)) == {mine.hex_id, ble.hex_id}
    plain = entries(world, account, query="")
    assert set(plain) == {mine.hex_id, ble.hex_id, theirs.hex_id}
    assert "_dev_info" not in plain[mine.hex_id]
    assert plain[mine.hex_id]["code"] == PLUG
    assert plain[ble.hex_id]["_dev_info"]["gen"] == "GBLE"


def test_of_an_offline_device_the_last_state_is_known(world: World, account: Account) -> None:
    device = world.add_device(PLUG, account=account)
    world.set_online(device, False)
    device.change(0, on=True)
    before = entries(world, account)[device.hex_id]
    assert (before["switch:0"]["output"], before["_dev_info"]["online"]) == (False, False)
    world.advance(90.0)
    world.set_online(device, True)
    after = entries(world, account)[device.hex_id]
    assert (after["switch:0"]["output"], after["_dev_info"]["online"]) == (True, True)
    assert after["_updated"] > before["_updated"]


def test_without_devices_there_is_an_empty_array(world: World, account: Account) -> None:
    assert entries(world, account) == []
    assert device_list(world, account)[1]["data"]["devices"] == []


def test_names_are_those_of_the_app(world: World, account: Account) -> None:
    boiler = world.add_device(PLUG, name="Boiler", account=account)
    double = world.add_device("SHSW-25:relay", name="Attic", account=account)
    ble = world.add_device("SBHT-003C", name="Cellar", account=account)
    boiler.rename("Pump")
    status, answer = device_list(world, account)
    assert (status, answer["isok"]) == (200, True)
    names = {key: entry["name"] for key, entry in answer["data"]["devices"].items()}
    assert names == {boiler.hex_id: "Pump", double.hex_id: "Attic", ble.hex_id: "Cellar"}


@pytest.mark.parametrize("token", [None, "x", "code", "old"])
def test_a_token_is_needed(world: World, account: Account, token: str | None) -> None:
    old = account.make_token()
    account.revoke()
    given = {"code": account.make_code(), "old": old}.get(token or "", token)
    for method, path in (("GET", "/device/all_status"), ("POST", "/interface/device/list")):
        status, answer = asked(world, account.host, method, path, token=given)
        assert (status, answer["isok"]) == (401, False)
        assert "max_req" not in answer["errors"]
    token = account.make_token()
    assert asked(world, HOSTS[1], "GET", "/device/all_status", token=token)[0] == 401


@pytest.mark.parametrize(
    ("limit", "status"), [(RateLimit.HTTP_429, 429), (RateLimit.HTTP_401, 401)]
)
def test_two_requests_in_a_second_are_one_too_many(
    world: World, account: Account, limit: RateLimit, status: int
) -> None:
    account.faults.rate_limit = limit
    assert all_status(world, account)[0] == 200
    refused, answer = device_list(world, account)
    assert refused == status
    assert "max_req" in answer["errors"]
    deadline = time.monotonic() + LIMIT
    while all_status(world, account)[0] != 200:
        assert time.monotonic() < deadline
    assert account.counters.limited >= 1
    assert account.counters.most_within(LIMIT) == account.counters.count()
    assert login(world, account)[0] == 200


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Answer.ERROR_500, (500, b"internal error")),
        (Answer.HTML, (200, b"<!doctype html><p>Log in to this network.")),
        (Answer.EMPTY, (200, b"")),
        (Answer.REDIRECT, (302, b"")),
        (Answer.TOO_MANY, (429, b'{"isok":false,"errors":{"max_req":"Request limit reached!"}}')),
        (Answer.MAX_REQ, (401, b'{"isok":false,"errors":{"max_req":"Request limit reached!"}}')),
        (Answer.NOT_OK, (200, b'{"isok":false,"errors":{"failed":"Try later."}}')),
    ],
)
@pytest.mark.parametrize("kind", [Asked.STATUS, Asked.LOGIN])
def test_answers_can_go_wrong(
    world: World, account: Account, fault: Answer, expected: tuple[int, bytes], kind: Asked
) -> None:
    account.faults.answers[kind] = fault
    if kind is Asked.STATUS:
        question: Any = ("GET", "/device/all_status", None, account.make_token())
    else:
        question = ("POST", "/oauth/login", {"email": account.email})
    status, _, body = ask(world, account.host, *question)
    assert (status, body) == expected


def test_answers_can_be_cut_or_stay_away(world: World, account: Account) -> None:
    question = ("GET", "/device/all_status", None, account.make_token())
    account.faults.answers[Asked.STATUS] = Answer.CUT
    with pytest.raises(http.client.IncompleteRead):
        ask(world, account.host, *question)
    account.faults.answers[Asked.STATUS] = Answer.HANG
    with pytest.raises(TimeoutError):
        ask(world, account.host, *question, timeout=0.3)
    account.faults.answers[Asked.STATUS] = Answer.GOOD
    assert all_status(world, account)[0] == 200


def test_malformed_snapshots(world: World, account: Account) -> None:
    device = world.add_device(PLUG, account=account)

    def with_fault(fault: Answer, kind: Asked = Asked.STATUS) -> Any:
        account.faults.answers = {kind: fault}
        return all_status(world, account)[1]

    large = with_fault(Answer.LARGE)
    assert device.hex_id in large["data"]["devices_status"]
    assert len(large["pending_notifications"]) > 5_000_000
    assert isinstance(with_fault(Answer.LIST), list)
    assert isinstance(with_fault(Answer.LISTS)["data"], list)
    entry = with_fault(Answer.ARRAYS)["data"]["devices_status"][device.hex_id]
    assert entry["switch:0"] == entry["wifi"] == []
    assert entry["_dev_info"]["id"] == device.hex_id
    entry = with_fault(Answer.NO_INFO)["data"]["devices_status"][device.hex_id]
    assert "_dev_info" not in entry
    assert entry["switch:0"]["output"] is False
    garbage = with_fault(Answer.GARBAGE)["data"]["devices_status"]
    assert garbage[device.hex_id]["_dev_info"]["online"] is True
    assert len(garbage) > 5
    account.faults.answers = {Asked.LIST: Answer.GARBAGE}
    assert device.hex_id in device_list(world, account)[1]["data"]["devices"]


@pytest.mark.parametrize("kind", [Asked.LOGIN, Asked.CODE, Asked.REFRESH])
def test_codes_and_tokens_can_be_words(world: World, account: Account, kind: Asked) -> None:
    account.faults.answers[kind] = Answer.NOT_A_JWT
    if kind is Asked.LOGIN:
        assert login(world, account)[1]["data"]["code"] == "not a token"
        return
    form = {"client_id": "shelly-diy", "grant_type": "code", "code": account.make_code()}
    if kind is Asked.REFRESH:
        form |= {"grant_type": "refresh_token", "refresh_token": account.refresh_token}
    answer = asked(world, account.host, "POST", "/oauth/auth", form)[1]
    assert answer["access_token"] == answer["refresh_token"] == "not a token"
    account.faults.answers[kind] = Answer.LISTS
    form["code"] = account.make_code()
    answer = asked(world, account.host, "POST", "/oauth/auth", form)[1]
    assert isinstance(answer["access_token"], list)


def test_a_held_answer_says_what_was_true_when_asked(world: World, account: Account) -> None:
    device = world.add_device(PLUG, account=account)
    account.hold(Asked.STATUS)
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(entries(world, account)))
    with connect(world, account) as client:
        thread.start()
        assert world.wait_for(lambda: account.held == 1, LIMIT)
        device.change(0, on=True)
        assert client.status()["switch:0"]["output"] is True
        assert not seen
        account.release()
        thread.join(LIMIT)
    assert seen[0][device.hex_id]["switch:0"]["output"] is False
    assert entries(world, account)[device.hex_id]["switch:0"]["output"] is True


def test_answers_can_come_late(world: World, account: Account) -> None:
    account.faults.delay = 0.2
    started = time.monotonic()
    assert all_status(world, account)[0] == 200
    assert time.monotonic() - started >= 0.2


def test_another_gateway_is_told(world: World, account: Account) -> None:
    gateway = world.add_device("S3GW-1DBT001", account=account)
    sensor = world.add_device("SBHT-003C", account=account)
    assert hasattr(sensor, "heard_by")
    with connect(world, account) as client:
        sensor.heard_by(gateway, -80)
        assert client.status()["reporter"] == {"id": gateway.id, "rssi": -80}
    reporter = entries(world, account)[sensor.hex_id]["reporter"]
    assert reporter["id"] == gateway.id
