"""A bridge that is killed in the middle of a consent has either stored it or not confirmed it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bridge.core.ids import device_from_cloud
from bridge.store import Store
from tests.web.site import ask, make_body, make_token, public_pem

# Runs a listener, prints where it is, and says `stored` between the commit and the answer.
CHILD = """
import json, sys, threading
from pathlib import Path
from bridge.core.hosts import HostRule
from bridge.store import Store
from bridge.web.consent import create_public_app
from bridge.web.scl_trust import TrustCheck
from bridge.web.server import WebServer

directory, key, waits = sys.argv[1:]
store = Store.open(Path(directory), exclusive=True)

def notify(event):
    if waits == "waits":
        print("stored", flush=True)
        threading.Event().wait(60)
    return True

app = create_public_app(
    secret=store.callback_secret, trust=TrustCheck("ITG_TEST", key),
    host_allowed=HostRule(["*.shelly.cloud"]).accepts, store=store, notify=notify, health=list,
)
server = WebServer("web-public", app, "127.0.0.1", 0, lambda name, error: None)
server.start()
print(json.dumps([server.port, f"/consent/{store.callback_secret}"]), flush=True)
sys.stdin.read()
"""


@contextmanager
def child(directory: Path, waits: str) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    arguments = [sys.executable, "-c", CHILD, str(directory), public_pem(), waits]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            port, path = json.loads(process.stdout.readline())
            yield process, port, path
        finally:
            process.kill()


def headers(token: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "SCL-Trust": token}


@pytest.mark.parametrize("action", ["add", "remove"])
def test_killed_between_commit_and_answer(tmp_path: Path, action: str) -> None:
    body = json.dumps(make_body(action=action)).encode()
    device = device_from_cloud(make_body()["deviceId"])
    if action == "remove":
        with child(tmp_path, "goes on") as (_, port, path):
            given = json.dumps(make_body()).encode()
            assert ask(port, "POST", path, given, headers(make_token())).status == 200
    with child(tmp_path, "waits") as (process, port, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", path, body, headers(make_token()))
        assert process.stdout
        assert process.stdout.readline() == "stored\n"
        process.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            connection.getresponse()
        connection.close()
        process.wait(10)
    with Store.open(tmp_path, exclusive=True) as store:
        assert (store.grant(device) is not None) is (action == "add")


def test_killed_at_any_moment(tmp_path: Path) -> None:
    confirmed: list[str] = []
    number = 0
    for seconds in (0.03, 0.1, 0.3):
        with child(tmp_path, "goes on") as (process, port, path):
            killer = threading.Timer(seconds, process.kill)
            killer.start()
            with suppress(OSError, http.client.HTTPException):
                while True:
                    number += 1
                    body = json.dumps(make_body(deviceId=str(number))).encode()
                    token = make_token(did=str(number))
                    answer = ask(port, "POST", path, body, headers(token))
                    assert answer.status == 200
                    confirmed.append(device_from_cloud(str(number)))
            killer.join(10)
            process.wait(10)
        with Store.open(tmp_path, exclusive=True) as store:
            assert {grant.device for grant in store.grants()} >= set(confirmed)
    assert confirmed
