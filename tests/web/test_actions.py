"""The buttons: the same commands and requests as by MQTT, with the same results."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest

from bridge.core.commands import LightCommand, RelayCommand, Turn
from bridge.core.effects import Reconnect, Refresh, SaveOptions, SetLogLevel
from bridge.core.topics import Topics
from bridge.listeners import ADMIN_WORKERS
from bridge.web import actions
from bridge.web.desk import MOST_LOOKS, Desk
from bridge.web.room import MOST_WAITING
from bridge.web.session import FIELD
from tests.brokers import wait_until
from tests.core import payloads
from tests.core.dialogue import DEVICE
from tests.web.house import NAME, House, furnished, house, wait_for_text

PATH = f"/devices/{DEVICE}"
RELAY = f"{PATH}/relay/0"


@pytest.fixture
def home() -> Iterator[House]:
    with house() as made:
        furnished(made)
        wait_for_text(made.browser, PATH, "Toggle")
        yield made


def test_a_relay_is_switched_and_the_page_says_so(home: House) -> None:
    browser = home.browser
    page = browser.press(PATH, RELAY, {"key": "state", "value": "ON"})
    assert (page.status, page.headers["Location"]) == (303, PATH)
    assert home.sent[0].command == RelayCommand(Turn.ON)
    wait_for_text(browser, PATH, "done after")
    assert not browser.get(PATH).says("done after")
    results = [json.loads(each) for each in home.on_topic(f"shelly/{DEVICE}/relay/0/result")]
    assert [result["stage"] for result in results] == ["accepted", "confirmed"]


def test_a_script_gets_the_result_that_mqtt_gets(home: House) -> None:
    fields = {"key": "state", "value": "ON"}
    page = home.browser.press(PATH, RELAY, fields, Accept="application/json")
    told = json.loads(page.text)
    assert told["ok"] is True
    last = json.loads(home.on_topic(f"shelly/{DEVICE}/relay/0/result")[-1])
    assert told["result"] == last


def test_a_command_that_nobody_answers_is_told_as_such(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "COMMAND_LIMIT", 0.05)
    home.answers = False
    fields = {"key": "state", "value": "ON"}
    page = home.browser.press(PATH, RELAY, fields, Accept="application/json")
    told = json.loads(page.text)
    assert told["ok"] is False
    assert "did not answer" in told["message"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("state", "PERHAPS", "invalid: state: must be one of"),
        ("brightness", "50", "this channel cannot be told that now"),
        ("", "", "this channel cannot be told that now"),
        ("state", "", "invalid: state"),
    ],
)
def test_what_makes_no_sense_is_said_and_not_sent(
    home: House, key: str, value: str, words: str
) -> None:
    browser = home.browser
    browser.press(PATH, RELAY, {"key": key, "value": value})
    assert browser.get(PATH).says(words)
    assert home.sent == []


@pytest.mark.parametrize(
    "path", [f"{PATH}/relay/7", f"{PATH}/roller/0", "/devices/nobody/relay/0", f"{PATH}/relay/x"]
)
def test_what_is_not_there_is_not_told_anything(home: House, path: str) -> None:
    assert home.browser.press(PATH, path, {"key": "state", "value": "ON"}).status in {404, 405}
    assert home.sent == []


def test_a_light_is_dimmed() -> None:
    with house() as made:
        made.add({"light:0": {"id": 0, "output": True, "brightness": 30}})
        browser = made.browser
        wait_for_text(browser, PATH, "Brightness")
        made.answers = False
        browser.press(
            PATH, f"{PATH}/light/0", {"key": "brightness", "value": "75"}, Accept="text/html"
        )
        assert made.sent[0].command == LightCommand(brightness=75)


def test_a_device_is_renamed(home: House) -> None:
    browser = home.browser
    fields = {"id": DEVICE, "name": "Pump <b>", "back": "device"}
    page = browser.press(PATH, "/request/device/options", fields)
    assert (page.status, page.headers["Location"]) == (303, PATH)
    page = wait_for_text(browser, PATH, "Pump <b>")
    assert "<b>" not in page.text
    saved = next(each for each in home.others if isinstance(each, SaveOptions))
    assert saved.options.name == "Pump <b>"
    browser.press(PATH, "/request/device/options", {"id": DEVICE, "name": "", "back": "device"})
    wait_for_text(browser, PATH, NAME)


def test_a_name_can_be_too_long(home: House) -> None:
    fields = {"id": DEVICE, "name": "x" * 65, "back": "device"}
    assert home.browser.press(PATH, "/request/device/options", fields).status == 400


def test_a_device_is_asked_for_its_state(home: House) -> None:
    browser = home.browser
    browser.press(PATH, "/request/device/refresh", {"id": DEVICE, "back": "device"})
    assert browser.get(PATH).says("The device was asked for its state.")
    assert any(isinstance(effect, Refresh) for effect in home.others)


def test_a_device_goes_only_when_that_was_confirmed(home: House) -> None:
    browser = home.browser
    page = browser.get(f"{PATH}/remove")
    assert page.says(f"Remove {NAME}?")
    assert browser.get(PATH).status == 200
    gone = browser.post("/request/device/remove", {FIELD: page.token, "id": DEVICE})
    assert (gone.status, gone.headers["Location"]) == (303, "/devices")
    assert browser.get(PATH).status == 404


def test_leftovers_are_listed_before_they_are_cleared(home: House) -> None:
    browser = home.browser
    page = browser.press("/maintenance", "/retained", {})
    assert page.status == 200
    assert page.says("shelly/0cb815fd44e1/relay/0")
    assert home.on_topic("shelly/0cb815fd44e1/relay/0") == []
    cleared = browser.post("/retained", {FIELD: page.token, "really": "yes"})
    assert cleared.says("were cleared")
    wait_until(lambda: home.on_topic("shelly/0cb815fd44e1/relay/0") == [""])


def test_the_log_level_is_set(home: House) -> None:
    browser = home.browser
    fields = {"level": "debug", "back": "maintenance"}
    page = browser.press("/maintenance", "/request/options", fields)
    assert page.headers["Location"] == "/maintenance"
    assert browser.get("/maintenance").says("The new setting is in use")
    assert [each.level for each in home.others if isinstance(each, SetLogLevel)] == ["debug"]


def test_everything_is_published_again(home: House) -> None:
    before = len(home.on_topic(f"shelly/{DEVICE}/relay/0"))
    home.browser.press("/maintenance", "/request/discovery/republish", {})
    wait_until(lambda: len(home.on_topic(f"shelly/{DEVICE}/relay/0")) > before)


def test_a_connection_is_made_anew(home: House) -> None:
    home.browser.press("/", "/request/host/reconnect", {"id": "shelly-7-eu.shelly.cloud"})
    wait_until(lambda: any(isinstance(effect, Reconnect) for effect in home.others))


def test_many_that_wait_leave_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "REQUEST_LIMIT", 12.0)
    silent = Desk(lambda _: True, Topics("shelly"))
    with house(desk=silent) as made, ThreadPoolExecutor(40) as pool:
        browser = made.browser
        fields = {FIELD: browser.get("/maintenance").token, "id": "x"}

        def press() -> str:
            path = "/request/host/reconnect"
            return str(json.loads(browser.post(path, fields, Accept="application/json").text))

        pressed = [pool.submit(press) for _ in range(ADMIN_WORKERS + MOST_WAITING)]
        refused = list(itertools.islice(as_completed(pressed, 10), ADMIN_WORKERS))
        assert all("too much is waited for" in each.result() for each in refused)
        looked = [pool.submit(browser.get, "/") for _ in range(MOST_LOOKS * 2)]
        next(as_completed(looked, 4))
        begun = time.monotonic()
        assert made.browser.get("/healthz").status == 200
        assert time.monotonic() - begun < 3
        assert not all(each.done() for each in pressed)
        assert all(each.result().status == 503 for each in looked)


@pytest.mark.parametrize("name", ["restart", "health_check", "consent_url", "nonsense", "../x"])
def test_no_other_requests_are_made_from_pages(home: House, name: str) -> None:
    assert home.browser.press("/maintenance", f"/request/{name}", {}).status == 404


def test_what_went_wrong_is_said(home: House) -> None:
    browser = home.browser
    browser.press(PATH, "/request/device/refresh", {"id": "nobody"})
    assert browser.get("/").says("there is no such device")


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "x", ""])
def test_forms_lead_back_to_our_pages_only(home: House, back: str) -> None:
    fields = {"id": DEVICE, "back": back}
    assert home.browser.press(PATH, "/request/device/refresh", fields).headers["Location"] == "/"


def test_diagnostics_are_a_file_without_names(home: House) -> None:
    page = home.browser.get("/diagnostics.json")
    assert page.headers["Content-Disposition"].startswith("attachment;")
    told = json.loads(page.text)
    assert told["bridge"]["version"] == "1.2.3"
    assert NAME not in page.text
    assert DEVICE not in page.text


def test_two_switches_are_two_channels(home: House) -> None:
    home.browser.press(PATH, f"{PATH}/relay/1", {"key": "state", "value": "ON"})
    assert home.sent[0].target.number == 1
    assert payloads.two_switches().keys() >= {"switch:0", "switch:1"}
