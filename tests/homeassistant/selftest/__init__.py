"""Messages of known quality: what the oracle must let pass, and what it must find.

Without it a green check could mean that the oracle looks at nothing.
"""

from __future__ import annotations

import json
from collections.abc import Set

from tests.homeassistant.selftest.bad import BAD
from tests.homeassistant.selftest.good import GOOD

CASES = (*GOOD, *BAD)
_PREFIX = "self-test: "


def lines() -> str:
    """All cases as the oracle's input, each a file of its own."""
    written = []
    for case in CASES:
        written.append(json.dumps({"file": _PREFIX + case.name}))
        for message in case.messages:
            payload = message.payload
            text = payload if isinstance(payload, str) else json.dumps(payload)
            line: dict[str, object] = {"topic": message.topic, "payload": text}
            if message.retain is not None:
                line["retain"] = message.retain
            written.append(json.dumps(line))
    return "\n".join(written) + "\n"


def is_case(file: str) -> bool:
    """Whether a finding belongs to the self-test."""
    return file.startswith(_PREFIX)


def failures(found: Set[tuple[str, str, str]]) -> list[str]:
    """Compare with what was found (file, kind, component); one line per case that went wrong."""
    wrong = []
    for case in CASES:
        got = {(kind, component) for file, kind, component in found if file == _PREFIX + case.name}
        if got != case.expected:
            wrong.append(f"{case.name}: {sorted(got)} instead of {sorted(case.expected)}")
    return wrong
