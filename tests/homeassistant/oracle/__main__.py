"""JSON lines on standard input, findings as JSON lines on standard output.

Input: `{"topic": …, "payload": …}`, optionally with `"retain": true/false`, in the order of
publication. `{"file": …}` starts anew: what follows is shown to a fresh Home Assistant.
Exit status: 0 nothing found, 3 findings, 2 the input cannot be read; 1 is Python's for a crash.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from . import stand_ins

stand_ins.install()

from .checker import Checker  # noqa: E402 - imports Home Assistant
from .findings import Finding  # noqa: E402 - as above
from .instance import running  # noqa: E402 - as above
from .messages import Message, read  # noqa: E402 - as above

UNREADABLE = 2
FOUND = 3


async def check(messages: Sequence[Message]) -> list[Finding]:
    """Show the messages to a Home Assistant that lives just for them."""
    async with running() as instance:
        return await Checker(instance).check(messages)


def main() -> int:
    """Read all, check file by file, print as we go."""
    try:
        files = read(sys.stdin)
    except ValueError as error:
        sys.stderr.write(f"unreadable input: {error}\n")
        return UNREADABLE
    found = False
    for file, messages in files.items():
        for finding in asyncio.run(check(messages)):
            found = True
            sys.stdout.write(json.dumps(finding.as_json(file), ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return FOUND if found else 0


if __name__ == "__main__":
    sys.exit(main())
