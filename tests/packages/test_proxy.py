"""The reverse proxies' examples: consents come through, and nothing else does."""

from __future__ import annotations

import http.client
import re
import ssl
from pathlib import Path

import pytest

from bridge.store import Store
from tests.packages.programs import EXAMPLES
from tests.packages.proxies import Proxy, caddy_site, nginx_site, running, trusting
from tests.system.rig import Rig

RELAY = "SNSW-001P16EU"
NGINX = (EXAMPLES / "proxy" / "nginx.conf").read_text()
CADDY = (EXAMPLES / "proxy" / "Caddyfile").read_text()


def nginx(directory: Path, port: int, public: int) -> list[str]:
    """nginx with its example."""
    log = {"/var/log/nginx/error.log": str(directory / "error.log")}
    changes = {**log, "127.0.0.1:8090": f"127.0.0.1:{public}"}
    return nginx_site(directory, port, NGINX, "bridge.example.org", changes)


def caddy(directory: Path, port: int, public: int) -> list[str]:
    """Caddy with its example."""
    changes = {"127.0.0.1:8090": f"127.0.0.1:{public}"}
    return caddy_site(directory, port, CADDY, "bridge.example.org", changes)


def get(port: int, path: str, context: ssl.SSLContext) -> tuple[int, bytes]:
    """The status and body of a page."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "proxy",
    [pytest.param(nginx, marks=pytest.mark.nginx), pytest.param(caddy, marks=pytest.mark.caddy)],
)
def test_a_consent_comes_through_and_nothing_else_does(tmp_path: Path, proxy: Proxy) -> None:
    with Rig(tmp_path, web__public__trusted_proxies="1") as rig:
        rig.start()
        public = rig.bridge.ports["web-public"]
        with Store.open(rig.settings.data_dir, exclusive=False) as store:
            secret = store.callback_secret
        with running(proxy, tmp_path, public) as port:
            context = trusting(tmp_path)
            url = f"https://127.0.0.1:{port}"
            relay = rig.add(RELAY)
            consent = f"{url}/consent/{secret}"
            assert rig.world.consent.add(consent, relay, context=context).status == 200
            rig.wait_online(relay)
            for path in ("/", "/healthz", "/metrics", "/consent", "/consentx"):
                assert get(port, path, context)[0] == 404
                assert b"ok" not in get(port, path, context)[1]
            caller = rig.world.consent
            assert caller.post(consent, {}, context=context).status == 401
            assert caller.post(consent, b"x" * 65_537, context=context).status == 413
            # Guesses are counted by the caller's address, whatever it says that this is.
            wrong = f"{url}/consent/{'0' * len(secret)}"
            said = [
                caller.post(
                    wrong, {}, headers={"X-Forwarded-For": f"192.0.2.{guess}"}, context=context
                ).status
                for guess in range(40)
            ]
            assert said[0] == 404
            assert said[-1] == 429
            # Proxies like to tell which address could not be served.
            rig.stop()
            assert caller.post(consent, {}, context=context).status in (502, 504)
        for log in tmp_path.glob("*.log"):
            assert secret not in log.read_text()


@pytest.mark.parametrize("text", [NGINX, CADDY])
def test_both_say_what_the_bridges_configuration_must_be(text: str) -> None:
    (line,) = re.findall(r"^# (web: .*)$", text, re.MULTILINE)
    expected = 'web: {public: {listen: "127.0.0.1:8090", url: https://bridge.example.org, '
    assert line == expected + "trusted_proxies: 1}}"
