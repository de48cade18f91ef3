"""The bridge as a device of Home Assistant's."""

from __future__ import annotations

import json

from bridge.core.homeassistant import hub
from bridge.core.links import Link
from bridge.core.model import LinkId, LinkState, SourceKind
from bridge.core.registry import Registry
from tests.core.dialogue import settings
from tests.core.homeassistant import guard


def registry(*links: str) -> Registry:
    made = Registry(settings())
    for name in links:
        link = LinkId(name)
        made.links[link] = Link(link, SourceKind.ACCOUNT, LinkState.CONNECTED, 0.0, None)
    return made


def test_the_bridge_itself() -> None:
    message = hub.message(registry())
    assert message.frame["dev"]["ids"] == ["shelly_bridge"]
    assert "avty" not in message.frame
    connected = message.components["connected"]
    assert (connected["stat_t"], connected["pl_on"]) == ("shelly/bridge/state", "online")
    assert "avty" not in connected
    restart = message.components["restart"]
    assert (restart["cmd_t"], restart["dev_cla"], restart["ent_cat"]) == (
        *("shelly/bridge/request/restart", "restart", "config"),
    )
    event = message.components["event"]
    assert event["evt_typ"] == list(hub.EVENT_TYPES)
    assert event["stat_t"] == "shelly/bridge/event"
    assert "event_type=value_json.type" in event["val_tpl"]


def test_there_is_no_button_that_would_not_work() -> None:
    assert "restart" not in hub.message(Registry(settings(manage=False))).components


def test_connections_have_ids_that_home_assistant_takes() -> None:
    names = ("a.b", "a_b", "a-b", "home", "outbound", 'x"{{', "é")
    message = hub.message(registry(*names))
    links = [key for key in message.components if key.startswith("host_")]
    assert len(links) == len(names)
    text = json.dumps({**message.frame, "cmps": message.components})
    assert guard.check("homeassistant/device/shelly_bridge/config", text) == []
    shown = {message.components[key]["name"] for key in links}
    assert shown == set(names)
