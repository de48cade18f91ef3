"""Reading of the oracle's input."""

from __future__ import annotations

import pytest

from tests.homeassistant.oracle.messages import Message, read


def test_messages_are_kept_in_order_and_by_file() -> None:
    lines = [
        '{"topic": "a", "payload": "1"}',
        '{"file": "second"}',
        "",
        '{"topic": "b", "payload": "", "retain": true}',
        '{"topic": "c", "payload": "{}", "retain": false}',
    ]
    assert read(lines) == {
        "standard input": [Message("a", "1", None)],
        "second": [Message("b", "", True), Message("c", "{}", False)],
    }


@pytest.mark.parametrize(
    "line", ["{", "[]", "1", '{"topic": "a"}', '{"topic": 1, "payload": ""}', '{"file": 1}']
)
def test_a_line_that_is_no_message_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="recorded, line 2: no message"):
        read(['{"file": "recorded"}', '{"topic": "a", "payload": "b"}', line])
