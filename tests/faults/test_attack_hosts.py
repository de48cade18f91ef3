"""A5: whoever names a host of their own is not connected to, by whatever way the name comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from bridge.store import Store
from tests.core.test_hosts import HOSTILE
from tests.faults.scale import scaled
from tests.system.accounts import AccountRig
from tests.system.rig import HOSTS, Rig

RELAY = "SNSW-001P16EU"
NAMES = [host for host in HOSTILE if host is None or isinstance(host, str | int | list | dict)]
"""Those that JSON can carry."""
EACH = int(scaled(12, 1))
"""Of so many hosts one is named by an access token as well, not only by a code."""
OURS = {"localhost", *HOSTS}


def test_a5_sixty_hosts_from_callbacks_and_frames_are_never_looked_up(tmp_path: Path) -> None:
    assert len(NAMES) >= 60
    with Rig(tmp_path, integrator__allowed_hosts="*.shelly.cloud") as rig:
        relay = rig.add(RELAY)
        rig.start().wait_online(relay)
        caller = rig.world.consent
        for number, host in enumerate(NAMES):
            device = str(100_000 + number)
            body = {**caller.body(relay), "deviceId": device, "host": host}
            answer = caller.post(rig.callback, body, trust=caller.trust(device))
            assert answer.status in (400, 403), host
            moved = {"result": "WRONG_HOST", "deviceId": relay.id, "host": host}
            rig.world.emit(None, json.dumps({"event": "Integrator:ActionResponse", "data": moved}))
        good = rig.world.add_device(RELAY)
        assert rig.consent(good).status == 200
        rig.wait_online(relay, good)
        assert set(rig.resolved) <= OURS
        with Store.open(rig.settings.data_dir, exclusive=False) as store:
            assert {grant.host for grant in store.grants()} == {HOSTS[0]}


def test_a5_sixty_hosts_from_the_tokens_of_accounts_are_never_looked_up(tmp_path: Path) -> None:
    with AccountRig(tmp_path) as rig:
        relay = rig.device(RELAY)
        rig.start().wait_for_login_needed()
        faults = rig.account.faults
        # With a slash at its end a URL still names the vendor's own host.
        for number, host in enumerate(name for name in NAMES if name != "x.shelly.cloud/"):
            claims: dict[str, Any] = {"user_api_url": f"https://{host}" if host else host}
            said = [(claims, {}), ({}, claims)]
            # Only to hear a token the cloud is asked, which is done once a second.
            for faults.code_claims, faults.token_claims in said[: 1 + (number % EACH == 0)]:
                state = parse_qs(urlsplit(rig.get("/login/home").location).query)["state"][0]
                code = quote(rig.account.make_code())
                page = rig.get(f"/login/home/callback?code={code}&state={state}")
                assert page.status == 502, claims
        assert set(rig.resolved) <= OURS
        assert rig.stored().access == ""
        faults.code_claims, faults.token_claims = {}, {}
        assert rig.log_in_by_browser().status == 200
        rig.wait_online(relay)
        assert set(rig.resolved) <= OURS
