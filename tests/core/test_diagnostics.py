"""`bridge/request/diagnostics`: enough to help, and nothing about people."""

from __future__ import annotations

from bridge.core.events import BadInput, BrokerUp
from bridge.core.ids import device_from_hex
from tests.core import payloads
from tests.core.dialogue import DEVICE, HOST, Dialogue, grant, online

ANSWER = "shelly/bridge/response/diagnostics"


def test_it_says_how_all_of_it_is() -> None:
    dialogue = online(status=payloads.two_switches(), environment={"python": "3.11.7"})
    dialogue.says(BrokerUp("5"), BadInput(HOST, "json", "not JSON"))
    data = dialogue.asks("diagnostics").json(ANSWER)["data"]
    assert data["bridge"]["version"] == "1.2.3"
    assert data["environment"] == {"python": "3.11.7"}
    assert data["bad_input"] == {"json": 1}
    (connection,) = data["connections"]
    assert (connection["kind"], connection["state"], connection["devices"]) == (
        "integrator",
        "connected",
        1,
    )
    (device,) = data["devices"]
    assert device["model"] == "SNSW-002P16EU"
    assert "relay/0 from switch:0" in device["channels"]


def test_it_names_nobody_and_no_whole_id() -> None:
    dialogue = online(
        grant(names=("Hidden kitchen", "Hidden attic"), user="canary@example.org"),
        status=payloads.two_switches(),
        consent_url="https://bridge.example.org/consent/canary",
    )
    text = dialogue.asks("diagnostics").published[ANSWER]
    for hidden in ("Hidden", "canary", DEVICE, HOST):
        assert hidden not in text
    assert DEVICE[-4:] in text


def test_it_fits_into_a_message_whatever_there_is() -> None:
    grants = [grant(device_from_hex(f"a8032abe{number:04x}")) for number in range(400)]
    dialogue = Dialogue(*grants)
    dialogue.connects()
    for each in grants:
        dialogue.reports(payloads.two_switches(), full=True, device=each.device)
    reply = dialogue.asks("diagnostics")
    assert len(reply.published[ANSWER].encode()) < 65_536
    data = reply.json(ANSWER)["data"]
    assert data["devices_in_all"] == 400
    assert 50 < len(data["devices"]) < 400
