"""A device that comes by one of Shelly's systems, and what is sent to it there."""

from __future__ import annotations

import copy
import json

from bridge.core import cloud, rpc
from bridge.core.device import Path
from bridge.core.effects import SendCommand
from bridge.core.events import LinkChanged, SettingsReported
from bridge.core.model import Access, Json, LinkId, LinkState, SourceKind
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, ROOT, Dialogue, grant

HOME = LinkId("home")
LOCAL = LinkId("outbound")
INTEGRATOR, ACCOUNT, OUTBOUND = SourceKind.INTEGRATOR, SourceKind.ACCOUNT, SourceKind.OUTBOUND
LINKS = {INTEGRATOR: HOST, ACCOUNT: HOME, OUTBOUND: LOCAL}

Parameters = dict[str, Json]


def reached(
    kind: SourceKind,
    status: dict[str, Json],
    settings: dict[str, Json] | None = None,
    *,
    native_rpc: bool = True,
) -> Dialogue:
    """A dialogue about a device that comes by one of Shelly's systems alone."""
    link = LINKS[kind]
    dialogue = Dialogue(grant())
    device = dialogue.engine._registry.devices[DEVICE]
    device.paths = {link: Path(link, kind, access=Access.CONTROL)}
    native = native_rpc and kind is not INTEGRATOR
    dialogue.says(LinkChanged(link, kind, LinkState.CONNECTED, native_rpc=native))
    dialogue.reports(copy.deepcopy(status), full=True, link=link)
    if settings is not None:
        dialogue.says(SettingsReported(link, DEVICE, settings))
    return dialogue


def frame(sent: SendCommand) -> tuple[str, Parameters]:
    """What is sent: the cloud's word or the RPC method, and its parameters."""
    if sent.link == LOCAL:
        assert sent.native
        return rpc.encode(sent)
    message = json.loads(cloud.encode_command(sent))
    assert message["trid"] == sent.request
    if message["event"] == "Shelly:JrpcRequest":
        return message["method"], message["params"]
    return message["data"]["cmd"], message["data"]["params"]


def listed(dialogue: Dialogue, channel: str) -> list[str]:
    """What `info` says that a channel can be told."""
    (found,) = [
        entry["commands"]
        for entry in dialogue.holds(f"{ROOT}/info")["channels"]
        if f"{entry['kind']}/{entry['number']}" == channel
    ]
    return list(found)


def virtual(kind: str, value: Json) -> dict[str, Json]:
    return {f"{kind}:200": {"value": value, "source": "rpc", "last_update_ts": 1_790_000_000}}


def light(component: str, **members: Json) -> dict[str, Json]:
    return {f"{component}:0": {"id": 0, "output": False, "brightness": 10, **members}}


RELAYS = payloads.two_switches()
SLATS = {"cover:0": payloads.cover(slat_pos=0)}
THERMOSTAT = {
    "thermostat:0": {"id": 0, "enable": False, "target_C": 19, "current_C": 20.5, "output": False}
}
RADIATOR = {"blutrv:200": {"id": 200, "target_C": 19, "current_C": 21, "pos": 0}}
NUMBER = {"number:200": {"id": 200, "min": 0, "max": 40, "meta": {"ui": {"step": 0.5}}}}
ENUM = {"enum:200": {"id": 200, "options": ["eco", "full", "5"]}}
TEXT = {"text:200": {"id": 200, "max_len": 20}}
CURY = {
    "cury:0": {
        "id": 0,
        "mode": None,
        "away_mode": False,
        "slots": {"left": {"on": False, "intensity": 40, "boost": None, "timer": None}},
    }
}
