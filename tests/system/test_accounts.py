"""A Shelly account on MQTT: logged in to in every way, kept up, and shared with a consent."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.core.logins import Login
from bridge.simulator.account_faults import Answer, Asked
from bridge.simulator.devices.base import Device
from bridge.store import Store
from tests.brokers import wait_until
from tests.system.accounts import PASSWORD, AccountRig
from tests.system.rig import Rig, threads_of_the_bridge

RELAY, COVER, GEN1, BLE, BUTTON = (
    "SNSW-001P16EU",
    "SNSW-102P16EU:cover",
    "SHSW-25:relay",
    "SBHT-003C",
    "SBBT-002C",
)
ALL = (RELAY, COVER, GEN1, BLE)

STORM = int(os.environ.get("STORM", "200"))
"""Presses, and as many commands, of the storm; 1,000 for a long one."""

LIFETIME = float(os.environ.get("TOKEN_LIFETIME", "7"))
"""Seconds for which the cloud's tokens are good where they run out; 60 for a long run."""

LONG = 60.0
"""Seconds that a busy machine may take for a part of the storm."""

UNANSWERED = {("timeout", "sent"), ("host_down", "sent")}
"""How commands end of which nobody knows whether they were carried out."""


def everything_is_there(rig: AccountRig, limit: float = 5.0) -> None:
    """Wait until every device has its topics."""
    begin = time.monotonic()
    for device in rig.world.devices:
        rig.wait_online(device, limit=max(0.1, limit - (time.monotonic() - begin)))


def press(rig: AccountRig, button: Device, event: str) -> None:
    """Press a button, and not within the same moment as before."""
    rig.world.advance(0.02)
    button.press(0, event)


class Count:
    """How many messages came on some topics so far; looks at each message once."""

    def __init__(self, rig: AccountRig, *topics: str) -> None:
        self._heard = rig.peer.heard
        self._topics = frozenset(topics)
        self._seen = 0
        self._found = 0

    def __call__(self) -> int:
        end = len(self._heard)
        new = self._heard[self._seen : end]
        self._found += sum(message.topic in self._topics for message in new)
        self._seen = end
        return self._found


def has_both_ways(rig: AccountRig, *devices: Device) -> None:
    """Wait until devices come by the account and by the consent."""
    for device in devices:
        topic = f"{device.hex_id}/info"
        rig.wait(lambda topic=topic: len((rig.json(topic) or {"sources": ()})["sources"]) == 2)  # type: ignore[misc]  # mypy and lambda defaults


# 1. Three ways to log in


def test_by_email_and_password(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True) as rig:
        for model in ALL:
            rig.device(model)
        rig.start()
        everything_is_there(rig)
        assert rig.link["kind"] == "account"
        assert rig.json(f"{rig.world.devices[2].hex_id}/relay/1")["state"] == "OFF"
        assert rig.account.counters.count(Asked.LOGIN, Asked.CODE) == 2


def test_by_browser(tmp_path: Path) -> None:
    with AccountRig(tmp_path) as rig:
        for model in ALL:
            rig.device(model)
        rig.start().wait_for_login_needed()
        page = rig.log_in_by_browser()
        assert page.status == 200
        everything_is_there(rig)
        assert rig.stored().count == 1


def test_by_a_pasted_code(tmp_path: Path) -> None:
    """By the command, in another process, while the bridge runs."""
    with AccountRig(tmp_path, near=True) as rig:
        for model in ALL:
            rig.device(model)
        rig.start().wait_for_login_needed()
        assert "Logged in to account home" in rig.log_in_by_command()
        everything_is_there(rig)
        assert rig.stored().count == 1
        assert rig.account.counters.count(Asked.LOGIN, Asked.REFRESH) == 0


def test_before_the_first_run(tmp_path: Path) -> None:
    with AccountRig(tmp_path) as rig:
        relay = rig.device(RELAY)
        with Store.open(rig.settings.data_dir, exclusive=False, writable=True) as store:
            store.put_login("home", Login(1, code=rig.account.make_code()))
        rig.start().wait_online(relay)
        assert rig.account.counters.count(Asked.CODE) == 1


def test_a_restart_needs_no_login_and_clears_nothing(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True) as rig:
        devices = [rig.device(model) for model in ALL]
        rig.start()
        everything_is_there(rig)
        asked = rig.account.counters.count(Asked.LOGIN, Asked.CODE, Asked.REFRESH)
        before = {topic for device in devices for topic in rig.topics_of(device)}
        rig.stop()
        rig.start()
        for device in devices:
            rig.wait_online(device)
        cleared = [message.topic for message in rig.peer.heard if not message.payload]
        assert not before & set(cleared)
        assert rig.account.counters.count(Asked.LOGIN, Asked.CODE, Asked.REFRESH) == asked


def test_a_first_list_that_lacks_a_device_clears_nothing(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True) as rig:
        devices = [rig.device(model) for model in ALL]
        rig.start()
        everything_is_there(rig)
        rig.stop()
        before = set(rig.topics_of(devices[0]))
        assert len(before) > 2
        rig.account.lose(devices[0])
        asked = rig.account.counters.count(Asked.LIST)
        rig.start()
        # The names are asked for when the list was taken in.
        rig.wait(lambda: rig.account.counters.count(Asked.LIST) > asked)
        rig.tell("bridge/request/health_check", "")
        rig.wait(lambda: rig.peer.payloads("shelly/bridge/response/health_check"))
        assert set(rig.topics_of(devices[0])) == before
        rig.account.take(devices[0])
        rig.world.host().drop()
        rig.wait_online(devices[0])
        assert not before & {message.topic for message in rig.peer.heard if not message.payload}


# 2. One step after the other


def test_everything_is_refused_and_a_login_heals_it(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True) as rig:
        relay = rig.device(RELAY)
        rig.start().wait_online(relay)
        counters = rig.account.counters
        first = {kind: counters.count(kind) for kind in Asked}
        for kind in (Asked.REFRESH, Asked.CODE, Asked.LOGIN):
            rig.account.faults.answers[kind] = Answer.REFUSED
        rig.account.revoke()
        rig.wait_for_login_needed()
        asked = {kind: counters.count(kind) - first[kind] for kind in Asked}
        assert (asked[Asked.REFRESH], asked[Asked.CODE], asked[Asked.LOGIN]) == (1, 1, 1)
        topic = "shelly/bridge/event"
        rig.wait(lambda: any(b'"login_required"' in text for text in rig.peer.payloads(topic)))
        assert "shelly-bridge login home" in rig.link["error"]
        rig.account.faults.answers.clear()
        assert rig.log_in_by_browser().status == 200
        rig.wait(lambda: rig.link["state"] == "connected")
        relay.change(0, on=True)
        rig.wait(lambda: rig.json(f"{relay.hex_id}/relay/0")["state"] == "ON")
        assert rig.bridge.failed_parts() == []


def test_a_token_that_nothing_renews_runs_out_and_a_login_heals_it(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True) as rig:
        rig.account.token_lifetime = LIFETIME
        rig.account.faults.close_at_expiry = True
        relay = rig.device(RELAY)
        rig.start().wait_online(relay)
        steps = (Asked.REFRESH, Asked.CODE, Asked.LOGIN)
        counters = rig.account.counters
        first = {kind: counters.count(kind) for kind in steps}
        for kind in steps:
            rig.account.faults.answers[kind] = Answer.REFUSED
        rig.wait(lambda: rig.link["state"] == "auth_required", LIFETIME + 15)
        asked = [counters.count(kind) - first[kind] for kind in steps]
        assert all(1 <= times <= 2 for times in asked)
        rig.account.faults.answers.clear()
        rig.account.token_lifetime = 3_600
        assert rig.log_in_by_browser().status == 200
        rig.wait(lambda: rig.link["state"] == "connected")
        relay.change(0, on=True)
        rig.wait(lambda: rig.json(f"{relay.hex_id}/relay/0")["state"] == "ON")


def test_a_token_of_a_few_seconds_is_renewed_and_the_devices_stay(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True) as rig:
        rig.account.token_lifetime = LIFETIME
        rig.account.faults.close_at_expiry = True
        relay = rig.device(RELAY)
        rig.start().wait_online(relay)
        rig.wait(lambda: len(rig.account.counters.opened) == 2, limit=LIFETIME + 15)
        rig.wait(lambda: rig.link["state"] == "connected")
        assert rig.account.counters.count(Asked.REFRESH) <= 2
        assert rig.account.counters.count(Asked.LOGIN) == 1
        assert rig.text(f"{relay.hex_id}/availability") == "online"
        heard = rig.peer.payloads(f"shelly/{relay.hex_id}/availability")
        assert b"offline" not in heard


def test_without_a_login_devices_of_the_last_run_go_offline_and_stay(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True, availability__grace="0.5") as rig:
        relay = rig.device(RELAY)
        rig.start().wait_online(relay)
        rig.stop()
        with Store.open(rig.settings.data_dir, exclusive=False, writable=True) as store:
            store.put_login("home", Login(1))
        rig.account.faults.answers[Asked.LOGIN] = Answer.REFUSED
        rig.start().wait_for_login_needed()
        rig.wait(lambda: rig.text(f"{relay.hex_id}/availability") == "offline")
        assert rig.text(f"{relay.hex_id}/relay/0")


# 3. Newer than the snapshot


def test_a_change_before_the_snapshot_is_never_overwritten(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True) as rig:
        relay = rig.device(RELAY)
        rig.start().wait_online(relay)
        topic = f"shelly/{relay.hex_id}/relay/0"
        rig.account.hold(Asked.STATUS)
        rig.world.host().drop()
        rig.wait(lambda: rig.account.held, limit=15)
        relay.change(0, on=True)
        rig.wait(lambda: b'"state":"ON"' in rig.peer.values[topic])
        asked = rig.account.counters.count(Asked.STATUS, Asked.LIST)
        rig.account.release()
        # The names are asked for when the answer was taken in.
        rig.wait(lambda: rig.account.counters.count(Asked.STATUS, Asked.LIST) > asked)
        relay.measure()
        rig.wait(lambda: rig.peer.payloads(topic)[-1] != rig.peer.payloads(topic)[-2])
        states = [b'"state":"ON"' in payload for payload in rig.peer.payloads(topic)]
        assert states == sorted(states)


# 4. One device by two sources


def test_one_device_by_account_and_consent(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True, integrator=True) as rig:
        relay = rig.device(RELAY, granted=True)
        button = rig.device(BUTTON, granted=True)
        rig.start().wait_online(relay)
        has_both_ways(rig, relay, button)
        topic = f"{relay.hex_id}/relay/0"
        for wanted in ("ON", "OFF"):
            rig.tell(f"{topic}/set", wanted)
            rig.wait(lambda wanted=wanted: rig.json(topic)["state"] == wanted)  # type: ignore[misc]  # mypy and lambda defaults
        rig.wait(lambda: len(rig.results(topic)) == 4)
        assert {result["via"] for result in rig.results(topic)} == {"account:home"}
        assert len(relay.received) == 2
        for _ in range(5):
            press(rig, button, "S")
        # The cloud tells that a press faded and that there is another one in the same moment.
        rig.world.advance(1.0)
        button.press(0, "S")
        event = f"shelly/{button.hex_id}/input/0/event"
        rig.wait(lambda: len(rig.peer.payloads(event)) == 6)
        # Whatever comes now came after all presses, by both connections.
        relay.change(0, on=True)
        rig.wait(lambda: rig.json(topic)["state"] == "ON")
        rig.tell("bridge/request/health_check", "")
        rig.wait(lambda: rig.peer.payloads("shelly/bridge/response/health_check"))
        assert len(rig.peer.payloads(event)) == 6


@pytest.mark.parametrize("dies", ["account", "integrator"])
def test_the_state_is_right_when_either_source_dies(tmp_path: Path, dies: str) -> None:
    with AccountRig(
        tmp_path, login=True, integrator=True, availability__grace="0.3", reconnect__first="60"
    ) as rig:
        relay = rig.device(RELAY, granted=True)
        rig.start().wait_online(relay)
        has_both_ways(rig, relay)
        host = rig.world.host()
        viewer = rig.account.name if dies == "account" else rig.world.tag
        host.close(1001, "gone", viewer=viewer)
        gone = "home" if dies == "account" else host.name
        rig.wait(lambda: rig.json(f"bridge/hosts/{gone}")["state"] == "backoff")
        topic = f"{relay.hex_id}/relay/0"
        rig.tell(f"{topic}/set", "ON")
        rig.wait(lambda: rig.json(topic)["state"] == "ON")
        rig.wait(lambda: len(rig.results(topic)) == 2)
        left = f"integrator:{host.name}" if dies == "account" else "account:home"
        assert rig.results(topic)[0]["via"] == left
        assert rig.text(f"{relay.hex_id}/availability") == "online"


def carried_out(results: list[dict[str, Any]]) -> tuple[set[int], int]:
    """The commands that the cloud took, and how many were sent without any answer."""
    taken = {result["trid"] for result in results if result["stage"] in ("accepted", "confirm")}
    silent = [result for result in results if (result["status"], result["stage"]) in UNANSWERED]
    return taken, len(silent)


@pytest.mark.quiet
@pytest.mark.parametrize("dies", ["account", "integrator"])
def test_a_storm_of_events_and_commands_by_two_sources(tmp_path: Path, dies: str) -> None:
    """Thousands of both, and one source dies meanwhile: nothing comes twice, the state is right."""
    with AccountRig(tmp_path, login=True, integrator=True, commands__min_interval="0") as rig:
        relays = [rig.device(RELAY, granted=True) for _ in range(5)]
        button = rig.device(BUTTON, granted=True)
        rig.start()
        has_both_ways(rig, *relays, button)
        presses = commands = STORM
        event = f"shelly/{button.hex_id}/input/0/event"
        answers = Count(rig, *(f"shelly/{relay.hex_id}/relay/0/result" for relay in relays))

        def press_all() -> None:
            told = Count(rig, event)
            for number in range(presses):
                press(rig, button, ("S", "SS", "L")[number % 3])
                for relay in relays:
                    relay.measure()
                # A broker drops what a slow subscriber does not take.
                rig.wait(lambda number=number: told() > number - 100, LONG)  # type: ignore[misc]  # as above

        pressing = threading.Thread(target=press_all)
        pressing.start()
        sent = dict.fromkeys((relay.hex_id for relay in relays), 0)
        host = rig.world.host()
        viewer = rig.account.name if dies == "account" else rig.world.tag
        opened = len(host.counters.opened)
        for number in range(commands):
            if number == commands // 2:
                host.close(1001, "gone", viewer=viewer)
            relay = relays[number % len(relays)]
            rig.tell(f"{relay.hex_id}/relay/0/set", "TOGGLE")
            sent[relay.hex_id] += 1
            if number % 25 == 0:
                # Nor does it keep more results than a thousand.
                rig.wait(lambda number=number: answers() > number - 100, LONG)  # type: ignore[misc]  # as above
        pressing.join()
        told = Count(rig, event)
        rig.wait(lambda: told() >= presses, LONG)

        def finished() -> bool:
            finals = [
                result
                for relay in relays
                for result in rig.results(f"{relay.hex_id}/relay/0")
                if (result["status"], result["stage"]) != ("ok", "accepted")
            ]
            return len(finals) >= commands

        rig.wait(finished, LONG)
        assert len(rig.peer.payloads(event)) == presses
        for relay in relays:
            trids = [each.trid for each in relay.received if each.refusal is None]
            taken, silent = carried_out(rig.results(f"{relay.hex_id}/relay/0"))
            assert len(set(trids)) == len(trids) <= sent[relay.hex_id]
            assert taken
            assert taken <= set(trids)
            assert len(trids) - len(taken) <= silent
            on = relay.status()["switch:0"]["output"]
            topic = f"{relay.hex_id}/relay/0"
            rig.wait(lambda topic=topic, on=on: (rig.json(topic)["state"] == "ON") is on)  # type: ignore[misc]  # as above
        assert len(host.counters.opened) > opened


# 5. Nothing secret outside is a test of its own: test_account_secrets.py


def test_a_withdrawn_consent_leaves_the_device_of_the_account(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True, integrator=True) as rig:
        relay = rig.device(RELAY, granted=True)
        rig.start().wait_online(relay)
        has_both_ways(rig, relay)
        assert rig.withdraw(relay).status == 200
        rig.wait(lambda: len(rig.json(f"{relay.hex_id}/info")["sources"]) == 1)
        relay.change(0, on=True)
        rig.wait(lambda: rig.json(f"{relay.hex_id}/relay/0")["state"] == "ON")


def test_everything_ends_with_the_bridge(tmp_path: Path) -> None:
    with AccountRig(tmp_path, login=True) as rig:
        relay = rig.device(RELAY)
        rig.start().wait_online(relay)
        begin = time.monotonic()
        rig.stop()
        assert (rig.exit_code, time.monotonic() - begin < 5) == (0, True)
        wait_until(lambda: threads_of_the_bridge() == [])


def test_a_rig_without_accounts_is_as_before(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        assert replace(rig.settings, accounts={}).accounts == {}
        assert rig.settings.accounts == {}
        assert PASSWORD
