"""Devices that sleep: how long, and what that means for their availability."""

from __future__ import annotations

import pytest

from bridge.core import sleep
from bridge.core.events import OnlineReported, RefreshAnswered, SettingsReported
from bridge.core.model import DeviceId, Json
from tests.core.dialogue import DEVICE, HOST, ROOT, WALL, Dialogue, grant, online

WEATHER: dict[str, Json] = {
    "temperature:0": {"id": 0, "tC": 21.5, "tF": 70.7},
    "sys": {"wakeup_period": 7_200},
}
BLE = DeviceId("XB042067635174480")


@pytest.mark.parametrize(
    ("device", "status", "configured", "period"),
    [
        (DEVICE, {}, None, None),
        (DEVICE, {"sys": {"uptime": 5}}, None, None),
        (DEVICE, {"sys": []}, None, None),
        (DEVICE, {"sys": {"wakeup_period": 7_200}}, None, 7_200),
        (DEVICE, {"sys": {"wakeup_period": 0}}, None, None),
        (DEVICE, {"sys": {"wakeup_period": "often"}}, None, None),
        (DEVICE, {"sys": {"wakeup_period": 1e30}}, None, None),
        (DEVICE, {"act_reasons": ["timer"]}, None, sleep.GEN1_PERIOD),
        (DEVICE, {"act_reasons": ["timer"]}, 21_600.0, 21_600),
        (DEVICE, {"_sleeping": True}, None, sleep.GEN1_PERIOD),
        (DEVICE, {"_sleeping": False}, None, None),
        (BLE, {}, None, sleep.BLE_PERIOD),
        (DeviceId("Xvirtual"), {}, None, None),
    ],
)
def test_how_long_a_device_sleeps(
    device: DeviceId, status: dict[str, Json], configured: float | None, period: float | None
) -> None:
    assert sleep.wake_period(device, status, configured) == period


@pytest.mark.parametrize(
    ("told", "when"),
    [
        ("1970-01-01 00:01:40", 100.0),
        ("2026-09-21T14:13:20Z", None),
        ("", None),
        (None, None),
        (17, None),
        ("0001-01-01 00:00:00", -62_135_596_800.0),
    ],
)
def test_when_the_cloud_got_a_state(told: Json, when: float | None) -> None:
    assert sleep.reported_at({"_updated": told}) == when


@pytest.fixture
def asleep() -> Dialogue:
    dialogue = online(status=WEATHER)
    dialogue.says(OnlineReported(HOST, DEVICE, False))
    return dialogue


def test_a_device_that_sleeps_is_there_whatever_the_cloud_says(asleep: Dialogue) -> None:
    assert asleep.broker[f"{ROOT}/availability"] == "online"
    asleep.says(RefreshAnswered(HOST, DEVICE, "offline"))
    assert asleep.broker[f"{ROOT}/availability"] == "online"
    assert asleep.holds(f"{ROOT}/info")["sleeper"] is True
    assert asleep.holds(f"{ROOT}/info")["wake_period"] == 7_200


def test_it_is_gone_when_it_missed_two_reports_and_the_grace_time(asleep: Dialogue) -> None:
    assert asleep.waits(2 * 7_200 + 29).on(f"{ROOT}/availability") == []
    asleep.waits(1)
    assert asleep.broker[f"{ROOT}/availability"] == "offline"
    assert asleep.holds(f"{ROOT}/info")["offline_reason"] == "silent"
    assert asleep.holds(f"{ROOT}/temperature/0")["temperature"] == 21.5


def test_every_report_counts_anew(asleep: Dialogue) -> None:
    for _ in range(5):
        asleep.waits(7_200)
        asleep.reports({"temperature:0": {"tC": 20.0}})
    assert asleep.broker[f"{ROOT}/availability"] == "online"
    asleep.waits(2 * 7_200 + 30)
    assert asleep.broker[f"{ROOT}/availability"] == "offline"
    asleep.reports({"temperature:0": {"tC": 20.5}})
    assert asleep.broker[f"{ROOT}/availability"] == "online"


def test_an_old_state_from_the_cloud_is_as_old_as_it_says() -> None:
    dialogue = online(status={**WEATHER, "_updated": "2026-09-21 12:13:20"})
    assert dialogue.holds(f"{ROOT}/info")["last_seen"] == "2026-09-21T12:13:20.000Z"
    assert dialogue.broker[f"{ROOT}/availability"] == "online"
    dialogue.waits(7_200 + 30)
    assert dialogue.broker[f"{ROOT}/availability"] == "offline"


def test_a_cloud_with_a_clock_ahead_does_not_make_it_live_longer() -> None:
    dialogue = online(status={**WEATHER, "_updated": "2036-09-21 12:13:20"})
    assert dialogue.holds(f"{ROOT}/info")["last_seen"] == "2026-09-21T14:13:20.000Z"


def test_a_lost_connection_takes_sleepers_with_it(asleep: Dialogue) -> None:
    asleep.loses()
    asleep.waits(30)
    assert asleep.holds(f"{ROOT}/info")["offline_reason"] == "host_down"


def test_settings_may_tell_how_long_a_gen1_device_sleeps() -> None:
    dialogue = online(status={"act_reasons": ["timer"], "bat": {"value": 80, "voltage": 2.9}})
    assert dialogue.holds(f"{ROOT}/info")["wake_period"] == sleep.GEN1_PERIOD
    settings = {"sleep_mode": {"period": 6, "unit": "h"}}
    dialogue.says(SettingsReported(HOST, DEVICE, settings))
    assert dialogue.holds(f"{ROOT}/info")["wake_period"] == 6 * 3_600


def test_nothing_is_said_of_one_that_was_not_heard_yet_until_it_should_have_been() -> None:
    dialogue = Dialogue(grant(BLE))
    dialogue.connects()
    dialogue.says(RefreshAnswered(HOST, BLE, "offline"))
    topic = f"shelly/{BLE}/availability"
    assert topic not in dialogue.broker
    dialogue.waits(2 * sleep.BLE_PERIOD + 30)
    assert dialogue.broker[topic] == "offline"


def test_a_removed_device_is_not_waited_for(asleep: Dialogue) -> None:
    asleep.asks("device/remove", DEVICE)
    asleep.waits(1_000_000)
    assert f"{ROOT}/availability" not in asleep.broker
    assert asleep.now.wall > WALL
