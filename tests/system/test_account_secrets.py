"""No password, no SHA-1, no code and no token of an account gets out, whatever happens."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from bridge.simulator.account_faults import Answer, Asked
from bridge.simulator.broker import Broker
from bridge.simulator.world import World
from bridge.store import Store
from tests.brokers import Peer, free_port, wait_until
from tests.system.process import BridgeProcess, wait_healthy
from tests.system.rig import write_config

EMAIL, PASSWORD = "somebody@example.org", "canary-pässword"


def get(port: int, path: str) -> tuple[int, str, str]:
    """Status, location and body of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return (
            response.status,
            response.getheader("Location") or "",
            str(response.getheaders()) + response.read().decode(),
        )
    finally:
        connection.close()


def state_of(peer: Peer) -> str:
    found: str = json.loads(peer.values.get("shelly/bridge/hosts/home", b"{}")).get("state", "")
    return found


def test_nothing_secret_gets_out(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    with (
        World(["localhost"], ports_in_urls=True) as world,
        Broker() as broker,
        Peer(broker.port, "#") as peer,
    ):
        account = world.add_account(EMAIL, PASSWORD)
        relay = world.add_device("SNSW-001P16EU", account=account)
        admin = free_port()
        config = write_config(
            world,
            broker.port,
            tmp_path,
            integrator=False,
            accounts__home__email=EMAIL,
            accounts__home__password_file=str(password),
            accounts__home__api_url=world.api_url,
            accounts__home__wss_port=str(world.port),
            accounts__home__ca_file=str(world.ca_file),
            accounts__home__allowed_hosts="localhost",
            web__admin__listen=f"127.0.0.1:{admin}",
            log__level="debug",
            mqtt__raw="true",
        )
        pages = []
        with BridgeProcess(config) as bridge:
            wait_until(lambda: peer.values.get(f"shelly/{relay.hex_id}/relay/0"), 15)
            wait_healthy(admin)
            commandline = Path(f"/proc/{bridge.running.pid}/cmdline").read_text()
            # Everything is refused; what refuses repeats what it was sent.
            for kind in (Asked.REFRESH, Asked.CODE, Asked.LOGIN):
                account.faults.answers[kind] = Answer.REFUSED
            account.revoke()
            wait_until(lambda: state_of(peer) == "auth_required", 15)
            _, there, page = get(admin, "/login/home")
            state = parse_qs(urlsplit(there).query)["state"][0]
            pages.append(page)
            refused = account.make_code()
            back = f"/login/home/callback?code={quote(refused)}"
            for query in (f"&state={state}", f"&state={state}", "&state=x", ""):
                status, _, page = get(admin, back + query)
                assert status in (400, 502)
                pages.append(page)
            # Answers that are no answers, and then a login.
            for answer in (Answer.HTML, Answer.LIST, Answer.CUT, Answer.ERROR_500):
                account.faults.answers[Asked.CODE] = answer
                _, there, page = get(admin, "/login/home")
                state = parse_qs(urlsplit(there).query)["state"][0]
                pages += [page, get(admin, f"{back}&state={state}")[2]]
            account.faults.answers.clear()
            _, there, page = get(admin, "/login/home")
            state = parse_qs(urlsplit(there).query)["state"][0]
            good = f"/login/home/callback?code={quote(account.make_code())}&state={state}"
            status, _, page = get(admin, good)
            assert status == 200
            pages += [page, get(admin, "/healthz")[2], get(admin, "/login/x")[2]]
            wait_until(lambda: state_of(peer) == "connected", 15)
            peer.publish("shelly/bridge/request/login_url", "home")
            wait_until(lambda: peer.payloads("shelly/bridge/response/login_url"))
            assert bridge.terminate() == 0
            log = bridge.log
        published = "".join(
            message.topic + message.payload.decode(errors="replace") for message in peer.heard
        )
        with Store.open(tmp_path / "data", exclusive=False) as store:
            login = store.login("home")
        assert login.refresh == account.refresh_token
        secrets = {*world.secrets, login.access, login.code, login.refused, "eyJ"} - {""}
        assert len(secrets) > 8
        for canary in secrets:
            for spelled in (canary, quote(canary), json.dumps(canary)[1:-1]):
                assert spelled not in log
                assert spelled not in commandline
                assert spelled not in published
                assert spelled not in "".join(pages)
        assert "DEBUG" in log
        assert "Traceback" not in log
    for file in (tmp_path / "data").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
