"""Which way a command goes where there are several, and what that means for what can be told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.device import Path
from bridge.core.effects import SendCommand
from bridge.core.events import CommandAnswered, LinkChanged
from bridge.core.model import Access, Json, LinkState, SourceKind
from tests.core.dialogue import DEVICE, HOST, OTHER_HOST, ROOT, Dialogue, online
from tests.core.instructions.channels import KEYS
from tests.core.strategies import JSON
from tests.core.ways import (
    ACCOUNT,
    CURY,
    ENUM,
    HOME,
    INTEGRATOR,
    LOCAL,
    NUMBER,
    OUTBOUND,
    RADIATOR,
    RELAYS,
    SLATS,
    TEXT,
    THERMOSTAT,
    frame,
    light,
    listed,
    reached,
    virtual,
)

# Several ways


def two_ways(status: dict[str, Json]) -> Dialogue:
    """A device that the integrator and a connection of its own reach."""
    dialogue = online(status=status)
    device = dialogue.engine._registry.devices[DEVICE]
    device.paths[LOCAL] = Path(LOCAL, OUTBOUND, access=Access.CONTROL)
    dialogue.says(LinkChanged(LOCAL, OUTBOUND, LinkState.CONNECTED, native_rpc=True))
    return dialogue


def test_what_only_one_way_can_do_goes_that_way() -> None:
    dialogue = two_ways({**RELAYS, **virtual("number", 3)})
    assert dialogue.sets("number/200", "5").one(SendCommand).link == LOCAL
    dialogue.waits(1)
    assert dialogue.sets("relay/0", "ON").one(SendCommand).link == LOCAL
    dialogue.says(LinkChanged(LOCAL, OUTBOUND, LinkState.BACKOFF, native_rpc=True))
    dialogue.waits(1)
    sent = dialogue.sets("relay/0", "ON").one(SendCommand)
    assert (sent.link, sent.native) == (HOST, False)
    assert dialogue.sets("number/200", "5").results == [("host_down", "refused")]
    # It comes back, so what can be told stays.
    assert listed(dialogue, "number/200") == ["value"]


def test_a_waiting_command_goes_the_way_that_is_left_in_its_words() -> None:
    dialogue = two_ways(RELAYS)
    dialogue.sets("relay/0", "ON")
    dialogue.sets("relay/1", "ON")
    dialogue.says(LinkChanged(LOCAL, OUTBOUND, LinkState.BACKOFF, native_rpc=True))
    sent = dialogue.waits(0.5).one(SendCommand)
    assert (sent.link, sent.native) == (HOST, False)
    assert frame(sent) == ("relay", {"id": 1, "turn": "on"})


def test_an_account_that_is_given_native_rpc_can_do_more() -> None:
    dialogue = reached(ACCOUNT, virtual("number", 3), native_rpc=False)
    assert listed(dialogue, "number/200") == []
    dialogue.says(LinkChanged(HOME, ACCOUNT, LinkState.CONNECTED, native_rpc=True))
    assert listed(dialogue, "number/200") == ["value"]
    again = dialogue.says(LinkChanged(HOME, ACCOUNT, LinkState.CONNECTED, native_rpc=True))
    assert again.on(f"{ROOT}/info") == []
    dialogue.says(LinkChanged(HOME, ACCOUNT, LinkState.CONNECTED))
    assert listed(dialogue, "number/200") == []


# Lights that the cloud does not dim


def dimmed(dialogue: Dialogue, payload: str, text: str | None = "BAD_REQUEST") -> list[Any]:
    sent = dialogue.sets("light/0", payload).one(SendCommand)
    results: list[Any] = dialogue.answers(sent, ok=False, text=text).results
    return results


def test_a_light_that_cannot_be_dimmed_by_the_cloud_is_on_or_off() -> None:
    dialogue = reached(INTEGRATOR, light("light"))
    assert "brightness" in listed(dialogue, "light/0")
    assert dimmed(dialogue, '{"state":"ON","brightness":50}') == [("error", "sent")]
    assert listed(dialogue, "light/0") == ["state", "timer"]
    reply = dialogue.sets("light/0", '{"state":"ON","brightness":50}')
    assert reply.results == [("unsupported", "refused")]
    dialogue.waits(1)
    assert dialogue.sets("light/0", '{"state":"ON"}').all(SendCommand)
    # A part of its status tells nothing of that, the whole begins anew.
    dialogue.reports(light("light", output=True))
    assert listed(dialogue, "light/0") == ["state", "timer"]
    dialogue.reports(light("light", output=True), full=True)
    assert "brightness" in listed(dialogue, "light/0")


@pytest.mark.parametrize(
    ("source", "payload", "text"),
    [
        (INTEGRATOR, '{"state":"ON"}', "BAD_REQUEST"),
        (INTEGRATOR, '{"state":"ON","brightness":50}', "DEVICE_OFFLINE"),
        (ACCOUNT, '{"state":"ON","brightness":50}', "BAD_REQUEST"),
        (OUTBOUND, '{"state":"ON","brightness":50}', "-103: bad"),
    ],
)
def test_other_refusals_mean_no_such_thing(source: SourceKind, payload: str, text: str) -> None:
    dialogue = reached(source, light("light"))
    assert dimmed(dialogue, payload, text) == [("error", "sent")]
    assert "brightness" in listed(dialogue, "light/0")


def test_nor_does_a_refusal_by_another_host() -> None:
    dialogue = reached(INTEGRATOR, light("light"))
    sent = dialogue.sets("light/0", '{"brightness":50}').one(SendCommand)
    dialogue.says(CommandAnswered(OTHER_HOST, sent.request, ok=False, text="BAD_REQUEST"))
    assert "brightness" in listed(dialogue, "light/0")


def test_other_channels_keep_what_they_have() -> None:
    status = {**light("light"), "light:1": {"id": 1, "output": True, "brightness": 5}}
    dialogue = reached(INTEGRATOR, status)
    dimmed(dialogue, '{"brightness":50}', None)
    assert listed(dialogue, "light/0") == ["state", "timer"]
    assert "brightness" in listed(dialogue, "light/1")


# Whatever is published


EVERYTHING: dict[str, Json] = {
    **RELAYS,
    **light("rgbw", rgb=[1, 2, 3], white=4),
    **SLATS,
    **THERMOSTAT,
    **RADIATOR,
    **CURY,
    **virtual("number", 3),
    **virtual("boolean", True),
    **virtual("enum", "eco"),
    **virtual("text", "x"),
    "button:200": {},
    "cb:0": {"id": 0, "output": True, "safety": False},
    "smoke:0": {"id": 0, "alarm": True, "mute": False},
}
CHANNELS = st.sampled_from(
    [
        *("relay/0", "light/0", "roller/0", "thermostat/0", "thermostat/200", "cury/0"),
        *("number/200", "boolean/200", "enum/200", "text/200", "button/200", "cb/0", "smoke/0"),
        *("input/0", "sys/0", "number/x", "nothing/7"),
    ]
)
PAYLOADS = (
    st.dictionaries(KEYS | st.text(max_size=4), JSON, max_size=3).map(json.dumps).map(str.encode)
    | JSON.map(json.dumps).map(str.encode)
    | st.binary(max_size=20)
    | st.sampled_from([b"ON", b"PRESS", b"eco", b"21", b"heat", b"OPEN", b"TOGGLE", b""])
)


@given(
    st.sampled_from([INTEGRATOR, ACCOUNT, OUTBOUND]),
    CHANNELS,
    st.none() | KEYS,
    PAYLOADS,
    st.booleans(),
)
def test_every_payload_gets_exactly_one_final_result(
    source: SourceKind, channel: str, key: str | None, payload: bytes, ok: bool
) -> None:
    dialogue = reached(source, EVERYTHING, {**NUMBER, **ENUM, **TEXT})
    topic = channel if key is None else f"{channel}/set/{key}"
    reply = dialogue.sets(topic, payload)
    results = reply.results
    for sent in reply.all(SendCommand):
        assert frame(sent)
        results += dialogue.answers(sent, ok=ok).results
    results += dialogue.waits(60).results
    final = [result for result in results if result != ("ok", "accepted")]
    assert len(final) == (1 if payload else 0)
    assert results[-1:] == final
