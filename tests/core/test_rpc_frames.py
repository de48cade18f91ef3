"""Frames of devices' own connections: what they mean, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import rpc_frames
from bridge.core.rpc_frames import Answer, Asked, CallError, Happened, Pressed, Told
from bridge.errors import FrameError

SRC = "shellyplus1-a8032abe54dc"


def frame(**members: Any) -> bytes:
    return json.dumps({"src": SRC, "dst": "ws", **members}).encode()


def notify(method: str, params: Any) -> bytes:
    return frame(method=method, params=params)


@pytest.mark.parametrize(
    ("source", "device"),
    [
        (SRC, "a8032abe54dc"),
        ("ShellyWallDisplay-A8032ABE54DC", "a8032abe54dc"),
        ("some-product-name-a8032abe54dc", "a8032abe54dc"),
    ],
)
def test_the_device_is_what_follows_the_last_dash(source: str, device: str) -> None:
    assert rpc_frames.device_of(source) == device


@pytest.mark.parametrize(
    "source",
    [None, 5, "", "a8032abe54dc", "shelly-", "shelly-xyz", "shelly-XB123", "shelly/x-a8032abe54dc"],
)
def test_a_source_that_names_no_device_is_refused(source: Any) -> None:
    with pytest.raises(FrameError):
        rpc_frames.device_of(source)


def test_statuses_whole_and_in_part() -> None:
    part = {"switch:0": {"id": 0, "output": True}}
    for method, full in (("NotifyStatus", False), ("NotifyFullStatus", True)):
        told = rpc_frames.decode(notify(method, {"ts": 1.5, **part}))
        assert told == Told(told.device, part, full)


def test_the_case_of_a_method_does_not_count() -> None:
    assert isinstance(rpc_frames.decode(notify("notifystatus", {})), Told)


def test_presses_and_new_configurations_are_events() -> None:
    events = [
        {"component": "input:0", "id": 0, "event": "single_push", "ts": 1.0},
        {"component": "bthomedevice:200", "id": 200, "event": "double_push", "idx": 1},
        {"component": "input:1", "id": 1, "event": "btn_down"},
        {"component": "sys", "event": "config_changed", "cfg_rev": 8},
        {"component": "script:1", "id": 1, "event": "single_push", "data": [1]},
        {"component": "bthomesensor:200", "event": "value_change"},
        {"component": "wifi", "event": "sta_connected"},
        {"component": 7, "event": "single_push"},
        {"component": "input:0/../x", "event": "single_push"},
    ]
    told = rpc_frames.decode(notify("NotifyEvent", {"ts": 1.5, "events": events}))
    assert isinstance(told, Happened)
    assert told.presses == (
        Pressed("input:0", "single_push"),
        Pressed("bthomedevice:200", "double_push", 1),
        Pressed("input:1", "btn_down"),
    )
    assert told.reconfigured


@pytest.mark.parametrize("event", ["component_added", "component_removed"])
def test_components_that_come_and_go_are_a_new_configuration(event: str) -> None:
    told = rpc_frames.decode(
        notify("NotifyEvent", {"events": [{"component": "sys", "event": event}]})
    )
    assert isinstance(told, Happened)
    assert told.reconfigured
    assert not told.presses


def test_a_result_may_be_null() -> None:
    answer = rpc_frames.decode(frame(id=3, result=None))
    assert answer == Answer(answer.device, 3, None)


def test_an_error_has_code_and_text() -> None:
    answer = rpc_frames.decode(frame(id=3, error={"code": -103, "message": "no such id"}))
    assert isinstance(answer, Answer)
    assert answer.error == CallError(-103, "no such id")
    assert str(answer.error) == "-103: no such id"
    assert answer.error.document == {"code": -103, "message": "no such id"}


@pytest.mark.parametrize("error", ["busy", 5, [], {}, {"code": True, "message": 7}])
def test_errors_of_any_form_are_errors(error: Any) -> None:
    answer = rpc_frames.decode(frame(id=3, error=error))
    assert isinstance(answer, Answer)
    assert answer.error is not None
    assert str(answer.error)


def test_a_call_from_the_device_is_answered_not_implemented() -> None:
    asked = rpc_frames.decode(frame(id="x", method="Shelly.GetStatus"))
    assert isinstance(asked, Asked)
    answer = json.loads(rpc_frames.not_implemented(asked))
    assert answer["id"] == "x"
    assert answer["dst"] == SRC
    assert answer["error"] == {"code": 500, "message": "Not Implemented"}


def test_a_call_has_what_devices_need() -> None:
    assert json.loads(rpc_frames.call(1, "Shelly.GetStatus", None)) == {
        "id": 1,
        "src": rpc_frames.SOURCE,
        "method": "Shelly.GetStatus",
    }
    told = json.loads(rpc_frames.call(2, "Switch.Set", {"id": 0}, {"nc": 1}))
    assert (told["params"], told["auth"]) == ({"id": 0}, {"nc": 1})


def test_a_page_of_components() -> None:
    item = {"key": "boolean:200", "status": {"value": True}}
    listed, total = rpc_frames.components({"components": [item, {"key": 5}, 7], "total": 9})
    assert listed == {"boolean:200": item}
    assert total == 9
    assert rpc_frames.components({"components": [item]})[1] == 1
    wrongs: tuple[Any, ...] = (None, [], {}, {"components": {}})
    for wrong in wrongs:
        with pytest.raises(FrameError):
            rpc_frames.components(wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "src": st.sampled_from([SRC, "x"]) | JSON,
            "id": JSON,
            "method": st.sampled_from(["NotifyStatus", "NotifyEvent"]) | JSON,
            "params": JSON,
            "result": JSON,
            "error": JSON,
        },
    )
)
def test_any_frame_means_something_or_is_refused(members: dict[str, Any]) -> None:
    data = json.dumps(members).encode()
    try:
        found = rpc_frames.decode(data)
    except FrameError:
        return
    assert found.device == "a8032abe54dc"
