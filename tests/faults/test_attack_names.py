"""A8: ids, names and keys of any kind, by every way in, and what of them gets on the wire."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from bridge.simulator.broker import WireEntry
from bridge.simulator.devices.base import Device
from tests.system.rig import Rig

RELAY = "SNSW-001P16EU"
SECRET = "the-secret-of-the-outbound-address"
MARK = "m4rk"
"""In every hostile text; it may be found inside of JSON and nowhere else."""

TEXTS = [
    f"{MARK}+",
    f"{MARK}#",
    f"+/{MARK}/#",
    f"/{MARK}/",
    f"{MARK}\0",
    f"$SYS/{MARK}",
    f"bridge/{MARK}",
    f"../{MARK}/..",
    f"{MARK}/set",
    f"\n{MARK}\r\n",
    f"\x1b[31m{MARK}\x7f\x9f",
    f"\u202e{MARK}\u2066",
    f"\ufeff{MARK}\u2028",
    f"{{{{ states('{MARK}') }}}}",
    f"<script>{MARK}</script>",
    MARK + "x" * 60_000,
]
WORDS = ["bridge", "$SYS", "..", ".", "+", "#", "", "set", "homeassistant", "shelly"]

VISITOR = "a8032abe54dc"
"""A device that connects to us, of a model with a hostile name."""

DEVICE = r"(?:[0-9a-f]{6,16}|X[A-Za-z0-9_-]{1,63})"
PART = r"[A-Za-z0-9_.:-]{1,64}"
ALLOWED = re.compile(
    rf"shelly/bridge/{PART}(?:/{PART}){{0,2}}"
    rf"|shelly/{DEVICE}(?:/{PART}){{1,4}}"
    rf"|homeassistant/device/{PART}/config",
    re.ASCII,
)


def judge(wire: list[WireEntry], bridge: str) -> None:
    """Nothing that the bridge published is where it should not be, or holds a text outside JSON."""
    published = [
        entry
        for entry in wire
        if entry.direction == "in"
        and entry.packet == "PUBLISH"
        and entry.client_id.startswith(bridge)
    ]
    assert len(published) > 50
    for entry in published:
        assert ALLOWED.fullmatch(entry.topic), entry.topic
        assert MARK not in entry.topic
        if MARK.encode() in entry.payload:
            json.loads(entry.payload)


def known(rig: Rig) -> set[str]:
    """The devices that are listed."""
    return {entry["id"] for entry in rig.json("bridge/devices")}


def test_a8_hostile_texts_stay_inside_of_json(tmp_path: Path) -> None:
    rig = Rig(
        tmp_path,
        mqtt__values="true",
        mqtt__device_state="true",
        mqtt__raw="true",
        outbound__enabled="true",
        outbound__listen="127.0.0.1:0",
        outbound__secret=SECRET,
    )
    with rig:
        good = rig.add(RELAY)
        rig.start().wait_online(good)
        caller = rig.world.consent
        named: list[Device] = []
        for text in TEXTS:
            device = rig.world.add_device(RELAY, name=text)
            # The vendor's own texts, of a device that is really granted.
            if caller.add(rig.callback, device, name=[text, text, *WORDS]).status == 200:
                named.append(device)
            other = rig.world.add_device(RELAY)
            body = {**caller.body(other), "userId": text, "deviceCode": text, "deviceType": text}
            if caller.post(rig.callback, body, trust=caller.trust(other.id)).status == 200:
                named.append(other)
        assert len(named) >= len(TEXTS)
        for text in [*TEXTS, *WORDS]:
            components = {text: {"a": 1}, "fine:0": {text: 1}}
            body = {**caller.body(good), "deviceId": text}
            assert caller.post(rig.callback, body, trust=caller.trust(text[:99])).status == 400
            for name in (text, good.id):
                told = {"event": "Shelly:StatusOnChange", "deviceId": name, "status": components}
                rig.world.emit(None, json.dumps(told))
            with suppress(WebSocketException, OSError, TimeoutError), dial(rig) as line:
                for source in (f"shelly-{text}", f"{text}-{VISITOR}"):
                    frame = {"src": source, "method": "NotifyStatus", "params": components}
                    line.send(json.dumps(frame))
                line.recv(timeout=0.05)
        rig.wait_online(*named)
        rig.tell(f"{good.hex_id}/get", "")
        rig.wait(lambda: rig.json(f"{good.hex_id}/fine/0"))
        rig.tell("bridge/request/discovery/republish", "")
        rig.wait(lambda: rig.json("bridge/response/discovery/republish"))
        assert rig.broker is not None
        judge(rig.broker.wire_log, "shelly-bridge-")
        # The list follows after a moment.
        expected = {good.hex_id, *(device.hex_id for device in named)}
        rig.wait(lambda: known(rig) - {VISITOR} == expected, what="just these are listed")
        for entry in rig.json("bridge/devices"):
            assert len(entry["name"] or "") <= 128
            assert (entry["name"] or "").isprintable()


def dial(rig: Rig) -> ClientConnection:
    """A connection as a device opens it."""
    port = rig.bridge.ports["outbound"]
    return connect(f"ws://127.0.0.1:{port}/shelly/{SECRET}", open_timeout=5, close_timeout=1)
