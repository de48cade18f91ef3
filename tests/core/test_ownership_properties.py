"""Whatever happens to hosts that two instances share: one writer, one result, the right state."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.core.events import DevicesListed, LinkChanged, SettingsReported
from bridge.core.model import DeviceId, LinkId, LinkState, ListedDevice, SourceKind
from tests.core.cluster import HOME, SETTINGS, A, B, Together
from tests.core.dialogue import DEVICE, HOST, OTHER, OTHER_HOST, Dialogue, grant

THIRD = DeviceId("0cb815fd44e2")
HOMES = {DEVICE: HOST, OTHER: HOST, THIRD: OTHER_HOST}
LISTED = (DEVICE, THIRD)
"""Of the account, too."""

names = st.sampled_from((A, B))
links = st.sampled_from((HOST, OTHER_HOST))
all_links = st.sampled_from((HOST, OTHER_HOST, HOME))
devices = st.sampled_from(tuple(HOMES))

steps = st.one_of(
    st.tuples(st.just("gains"), names, all_links),
    st.tuples(st.just("loses"), all_links),
    st.tuples(st.just("dies"), names),
    st.tuples(st.just("tells"), devices, st.booleans()),
    st.tuples(st.just("tells_all"), devices),
    st.tuples(st.just("reshapes"), devices),
    st.tuples(st.just("tells_late"), names, devices),
    st.tuples(st.just("commanded"), devices, st.booleans()),
    st.tuples(st.just("answered"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("consents"), devices, links),
    st.tuples(st.just("withdraws"), devices),
    st.tuples(st.just("moves"), devices, links),
    st.tuples(st.just("wait"), st.sampled_from((0.1, 0.6, 2.0, 20.0, 90.0))),
    st.tuples(st.just("broker_is_new")),
)

START = [
    ("gains", A, HOST),
    ("gains", B, OTHER_HOST),
    *(("tells_all", device) for device in HOMES),
    ("wait", 10.0),
]

TO_AND_FRO = [("loses", HOST), ("gains", B, HOST), ("tells_all", DEVICE), ("wait", 10.0)]
TAKEN_OVER = [("loses", HOST), ("gains", B, HOST)]

_FLAGS = {"tells": "on", "commanded": "on", "answered": "ok"}
_VOLATILE = {"ts", "last_seen", "available_since"}


def play(together: Together, step: tuple[Any, ...]) -> None:
    """Let one thing happen."""
    what, *given_ = step
    flag = _FLAGS.get(what)
    if flag is None:
        getattr(together, what)(*given_)
    else:
        getattr(together, what)(*given_[:-1], **{flag: given_[-1]})


def calm_down(together: Together) -> None:
    """In the end every host has an owner, and every device tells how it is.

    So has the account, if anybody ever had it.
    """
    for link in (HOST, OTHER_HOST, *([HOME] if together.had_account else [])):
        together.gains(A if together.owners[link] is None else str(together.owners[link]), link)
    for _ in ("what is withdrawn is cleared", "and comes by its account, if it does"):
        together.wait(10.0)
    for device in HOMES:
        together.tells_all(device)
    together.wait(200.0)


def alone(device: DeviceId, links: list[LinkId], status: dict[str, Any]) -> dict[str, str]:
    """What a bridge that is alone publishes of a device that comes by these links."""
    consents = [grant(device, host=link) for link in links if link != HOME]
    dialogue = Dialogue(*consents, logins={HOME: None} if HOME in links else {})
    for link in links:
        if link == HOME:
            dialogue.says(
                LinkChanged(HOME, SourceKind.ACCOUNT, LinkState.CONNECTED),
                DevicesListed(HOME, (ListedDevice(device, grant().code),)),
            )
        else:
            dialogue.connects(link)
        dialogue.reports(status, full=True, device=device, link=link)
        dialogue.says(SettingsReported(link, device, SETTINGS))
    dialogue.waits(200.0)
    return dialogue.broker


def about(device: DeviceId, broker: dict[str, str], instance: str | None = None) -> dict[str, Any]:
    """What is retained of a device but for times; an instance's own topics as of one alone."""
    found = {}
    for topic, payload in broker.items():
        if device in topic:
            plain = payload
            if instance is not None:
                plain = plain.replace(f"shelly/bridge/{instance}/", "shelly/bridge/")
                plain = plain.replace(f"shelly_bridge_{instance}", "shelly_bridge")
            body = json.loads(plain) if plain.startswith("{") else plain
            if isinstance(body, dict):
                body = {key: value for key, value in body.items() if key not in _VOLATILE}
                # In the order in which they came.
                body["sources"] = sorted(body.get("sources", ()), key=str)
            found[topic] = body
    return found


@given(st.lists(steps, max_size=40))
# Nobody comes back to it unless it is told that it must.
@example([*TO_AND_FRO, ("loses", HOST), ("gains", A, HOST)])
# What is about to be cleared, or taken back from Home Assistant, belongs to the next owner.
@example([("withdraws", DEVICE), ("loses", HOST), ("wait", 2.0)])
@example([("withdraws", DEVICE), ("consents", DEVICE, OTHER_HOST), ("wait", 2.0)])
@example([("withdraws", DEVICE), *TAKEN_OVER, ("wait", 2.0), ("consents", DEVICE, HOST)])
@example([("reshapes", DEVICE), ("wait", 2.0), *TAKEN_OVER, ("wait", 90.0)])
@example([("reshapes", DEVICE), ("wait", 2.0), ("loses", HOST), ("wait", 90.0)])
@example([("loses", HOST), ("reshapes", DEVICE), ("gains", B, HOST), ("tells_all", DEVICE)])
@example([("loses", HOST), ("withdraws", DEVICE), ("wait", 2.0), ("gains", A, HOST)])
@example([("loses", HOST), ("tells_late", A, DEVICE), ("wait", 60.0)])
@example([("commanded", DEVICE, True), ("commanded", DEVICE, False), *TAKEN_OVER])
@example([("moves", DEVICE, OTHER_HOST), ("reshapes", DEVICE), ("broker_is_new",)])
@example([("dies", A), ("withdraws", OTHER), ("consents", OTHER, OTHER_HOST)])
# Whoever has the account serves what has no consent, and nothing else.
@example([("gains", B, HOME), ("tells", DEVICE, True), ("commanded", DEVICE, False)])
@example([("gains", B, HOME), ("withdraws", DEVICE), ("wait", 20.0), ("tells", DEVICE, True)])
@example([("gains", B, HOME), ("withdraws", DEVICE), ("wait", 20.0), ("consents", DEVICE, HOST)])
@example([("gains", B, HOME), *TAKEN_OVER, ("wait", 2.0), ("loses", HOST), ("wait", 20.0)])
@example([("gains", A, HOME), ("moves", DEVICE, OTHER_HOST), ("moves", DEVICE, HOST)])
@example([("withdraws", DEVICE), ("gains", A, HOME)])
@example([("gains", A, HOME), ("loses", HOST), ("withdraws", DEVICE), ("gains", A, HOST)])
def test_whoever_has_a_host_alone_speaks_for_its_devices(story: list[tuple[Any, ...]]) -> None:
    together = Together(HOMES, LISTED)
    for step in START:
        play(together, step)
    for step in story:
        play(together, step)
    calm_down(together)
    for device, link in together.homes.items():
        account = together.owners[HOME] if device in LISTED else None
        owner = together.owners[link] if device in together.stored.grants else account
        if owner is None:
            assert about(device, together.broker) == {}
            continue
        ways = [link] if device in together.stored.grants else []
        ways += [HOME] if account == owner else []
        told = about(device, together.broker, owner)
        assert told == about(device, alone(device, ways, together.status(device)))
    assert together.stored.withdrawn == {}
    for name in (A, B):
        own = {
            f"shelly/bridge/{name}/hosts/{link}" for link in (*HOMES.values(), HOME)
        } & together.broker.keys()
        assert own == {
            f"shelly/bridge/{name}/hosts/{link}"
            for link, at in together.owners.items()
            if at == name
        }
    for number, is_due in together.commands.items():
        results = together.finals.get(number, [])
        assert len(results) == 1 if is_due else len(results) <= 1, (number, results)
