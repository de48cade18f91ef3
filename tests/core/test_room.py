"""What all visitors together may have us remember."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from bridge.core.model import DeviceId
from bridge.core.room import Room, load

MOST, SHARE = 100, 10

DEVICES = [DeviceId(f"{number:012x}") for number in range(6)]

steps = some.lists(
    some.tuples(
        some.sampled_from(DEVICES),
        some.sampled_from(["status", "settings", None]),
        some.integers(0, 150),
    )
)


@given(steps)
def test_the_sum_stays_within_its_bound(steps: list[tuple[DeviceId, str | None, int]]) -> None:
    room, held = Room(MOST, SHARE), {device: {"status": 0, "settings": 0} for device in DEVICES}
    for device, part, amount in steps:
        if part is None:
            room.leave(device)
            held[device] = {"status": 0, "settings": 0}
            continue
        before = sum(held[device].values())
        wanted = {**held[device], part: amount}
        taken = room.take(device, part, amount)
        if sum(wanted.values()) <= max(before, SHARE):
            assert taken, "its share, and what it has already, is each one's own"
        if taken:
            held[device] = wanted
        assert sum(max(0, sum(parts.values()) - SHARE) for parts in held.values()) <= MOST
    for device in DEVICES:
        room.leave(device)
    assert room.take(DEVICES[0], "status", MOST + SHARE), "all that was left is free again"


def test_components_weigh_more_than_members() -> None:
    many: dict[str, Any] = {f"switch:{number}": {} for number in range(10)}
    assert load(many) > load({"switch:0": {f"member{number}": 1 for number in range(10)}})
