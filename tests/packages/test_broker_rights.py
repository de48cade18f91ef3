"""The example of rights on Mosquitto: the bridge works with them, and nobody may do more."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.simulator.world import World
from tests.brokers import MosquittoProcess, Peer, publish_properties, wait_until
from tests.packages.programs import EXAMPLES, ROOT
from tests.system.process import BridgeProcess
from tests.system.rig import HOSTS, store_grants, write_config

pytestmark = pytest.mark.mosquitto

RELAY = "SNSW-001P16EU"
USERS = ("bridge", "homeassistant", "someone", "administrator")
FENCE = "shelly/ffffffffffff/get"
"""A topic that everybody may write to: what was sent before it has been judged."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[MosquittoProcess]:
    """Mosquitto with both example files, and users whose passwords are their names."""
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    for user in USERS:
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, user], check=True)
    text = (EXAMPLES / "mosquitto" / "shelly-bridge.conf").read_text()
    for inside, ours in {
        "/etc/mosquitto/passwords": passwords,
        "/etc/mosquitto/shelly-bridge.acl": EXAMPLES / "mosquitto" / "acl",
    }.items():
        assert inside in text
        text = text.replace(inside, str(ours))
    with MosquittoProcess(whole=text) as running:
        yield running


def peer(broker: MosquittoProcess, user: str, *filters: str) -> Peer:
    """A client of that user."""
    return Peer(broker.port, *filters, login=(user, user))


def test_who_has_no_password_is_not_let_in(broker: MosquittoProcess) -> None:
    for login in (None, ("bridge", "wrong"), ("nobody", "nobody")):
        with Peer(broker.port, "#", login=login) as stranger:
            assert stranger.refusal is not None


def test_the_bridge_and_its_users_can_do_all_that_they_should(
    broker: MosquittoProcess, tmp_path: Path
) -> None:
    asked = publish_properties(ResponseTopic="shelly-answers/desk", CorrelationData=b"7")
    with World(HOSTS[:1]) as world:
        device = world.add_device(RELAY)
        store_grants(tmp_path, [device])
        config = write_config(
            world, broker.port, tmp_path, mqtt__username="bridge", mqtt__password="bridge"
        )
        channel = f"shelly/{device.hex_id}/relay/0"
        with (
            BridgeProcess(config) as bridge,
            peer(broker, "someone", "shelly/#") as someone,
            peer(broker, "homeassistant", "homeassistant/#", "shelly/#") as home,
            peer(broker, "administrator", "shelly/#", "shelly-answers/#") as administrator,
        ):
            wait_until(lambda: someone.values.get(channel), 20, "the state is there")
            found = f"homeassistant/device/{device.hex_id}/config"
            wait_until(lambda: home.values.get(found), 20, "Home Assistant is told")
            for user in (someone, home):
                before = len(someone.payloads(f"{channel}/result"))
                user.publish(f"{channel}/set", '{"state":"TOGGLE"}')
                wait_until(lambda: len(someone.payloads(f"{channel}/result")) > before, 10)  # noqa: B023 - called at once
            said = len(home.payloads(found))
            home.publish("homeassistant/status", "online")
            wait_until(lambda: len(home.payloads(found)) > said, 20, "it heard the birth")
            administrator.publish("shelly/bridge/request/consent_url", "{}", properties=asked)
            wait_until(lambda: administrator.payloads("shelly-answers/desk"), 10)
            administrator.publish("shelly/bridge/request/health_check", "{}")
            answer = "shelly/bridge/response/health_check"
            wait_until(lambda: administrator.payloads(answer), 10)
            assert json.loads(administrator.values[answer])["status"] == "ok"
            home.publish("shelly/bridge/request/restart", "PRESS")
            states = "shelly/bridge/state"
            wait_until(lambda: b"offline" in someone.payloads(states), 20, "it restarts")
            wait_until(lambda: someone.payloads(states)[-1] == b"online", 20, "it is back")
            assert bridge.terminate() == 0
            wait_until(lambda: someone.payloads(states)[-1] == b"offline")
        # What only the administrator asked for is nobody else's.
        for other in (someone, home):
            secret = [each.topic for each in other.heard if "response" in each.topic]
            assert secret == []
        assert "refuses" not in bridge.log


@pytest.mark.parametrize(
    ("user", "allowed", "refused"),
    [
        (
            "someone",
            ["shelly/a/relay/0/set", "shelly/a/relay/0/set/state", "shelly/a/get"],
            [
                "shelly/bridge/request/restart",
                "shelly/bridge/request/device/remove",
                "shelly/bridge/east/request/restart",
                "shelly/bridge/state",
                "shelly/bridge/east/state",
                "shelly/bridge/response/x",
                "shelly/a/relay/0",
                "shelly/a/relay/0/result",
                "shelly/a/relay/0/event",
                "shelly/a/info",
                "shelly/a/rpc",
                "homeassistant/device/a/config",
                "homeassistant/status",
                "elsewhere",
            ],
        ),
        (
            "homeassistant",
            [
                "shelly/a/relay/0/set",
                "shelly/bridge/request/restart",
                "shelly/bridge/east/request/restart",
                "homeassistant/status",
            ],
            [
                "shelly/bridge/request/device/remove",
                "shelly/bridge/east/request/device/remove",
                "shelly/a/relay/0",
                "shelly/bridge/state",
            ],
        ),
        (
            "administrator",
            [
                "shelly/bridge/request/device/remove",
                "shelly/bridge/east/request/device/remove",
                "shelly/a/light/0/set",
            ],
            [
                "shelly/a/relay/0",
                "shelly/bridge/state",
                "shelly/bridge/east/state",
                "homeassistant/status",
            ],
        ),
        (
            "bridge",
            ["shelly/a/relay/0", "homeassistant/device/a/config", "shelly-answers/x"],
            ["homeassistant/status", "homeassistant/light/a/config", "elsewhere"],
        ),
    ],
)
def test_each_may_write_this_and_nothing_else(
    broker: MosquittoProcess, user: str, allowed: list[str], refused: list[str]
) -> None:
    # Home Assistant and the bridge together may read all that anybody may write.
    with (
        peer(broker, "bridge", "#") as ear,
        peer(broker, "homeassistant", "homeassistant/#") as home,
        peer(broker, "administrator", "#") as third,
        peer(broker, user) as writer,
    ):
        for topic in [*refused, *allowed, FENCE]:
            writer.publish(topic, user)
        wait_until(lambda: ear.payloads(FENCE))
        heard = {each.topic for ear_ in (ear, home, third) for each in ear_.heard}
        wait_until(lambda: set(allowed) <= {e.topic for p in (ear, home, third) for e in p.heard})
        assert not heard & set(refused)


def test_nobody_hears_what_is_not_theirs(broker: MosquittoProcess) -> None:
    with (
        peer(broker, "someone", "#") as someone,
        peer(broker, "homeassistant", "#") as home,
        peer(broker, "bridge") as bridge,
    ):
        bridge.publish("shelly/bridge/response/consent_url", "canary")
        bridge.publish("shelly/bridge/east/response/consent_url", "canary")
        bridge.publish("shelly-answers/desk", "canary")
        bridge.publish("homeassistant/device/a/config", "{}")
        bridge.publish("shelly/bridge/state", "online")
        wait_until(lambda: someone.heard and len(home.heard) >= 2)
        assert [each.topic for each in someone.heard] == ["shelly/bridge/state"]
        assert [each.topic for each in home.heard] == [
            "homeassistant/device/a/config",
            "shelly/bridge/state",
        ]


def test_the_listener_is_as_the_readme_says() -> None:
    lines = (EXAMPLES / "mosquitto" / "shelly-bridge.conf").read_text()
    assert "listener 1883\nset_tcp_nodelay true\n" in lines
    assert "listener 1883\nset_tcp_nodelay true\n" in (ROOT / "README.md").read_text()
