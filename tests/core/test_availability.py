"""Whether a device can be reached, and if not, why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.availability import ONLINE, UNKNOWN, Reason, Verdict, judge
from bridge.core.device import Device, Path
from bridge.core.links import Link
from bridge.core.model import Access, LinkId, LinkState, SourceKind
from tests.core.dialogue import DEVICE, HOST, OTHER_HOST

GRACE = 30.0
NOW = 1_000.0


def device(*paths: Path) -> Device:
    return Device(DEVICE, paths={path.link: path for path in paths})


def path(link: LinkId = HOST, *, online: bool | None = True, **changes: object) -> Path:
    made = Path(link, SourceKind.INTEGRATOR, online=online, access=Access.CONTROL)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def link(name: LinkId = HOST, down: float | None = None) -> dict[LinkId, Link]:
    state = LinkState.CONNECTED if down is None else LinkState.BACKOFF
    return {name: Link(name, SourceKind.INTEGRATOR, state, 0.0, down)}


def offline(reason: Reason) -> Verdict:
    return Verdict(False, reason)


@pytest.mark.parametrize(
    ("made", "links", "verdict"),
    [
        (device(), link(), UNKNOWN),
        (device(path()), {}, UNKNOWN),
        (device(path(online=None)), link(), UNKNOWN),
        (device(path()), link(), ONLINE),
        (device(path(online=False)), link(), offline(Reason.REPORTED_OFFLINE)),
        (device(path(online=False, silent=True)), link(), offline(Reason.SILENT)),
        (device(path(access=Access.NONE)), link(), offline(Reason.NOT_AUTHORIZED)),
        (device(path(access=Access.NONE)), {}, offline(Reason.NOT_AUTHORIZED)),
        (device(path(access=Access.READ)), link(), ONLINE),
        # A lost connection counts only after the grace time.
        (device(path()), link(down=NOW - 29.9), ONLINE),
        (device(path()), link(down=NOW - 30.0), offline(Reason.HOST_DOWN)),
        (device(path(online=None)), link(down=NOW - 30.0), offline(Reason.HOST_DOWN)),
        (device(path(online=False)), link(down=NOW - 5.0), offline(Reason.REPORTED_OFFLINE)),
        (device(path(online=False)), link(down=NOW - 50.0), offline(Reason.HOST_DOWN)),
    ],
)
def test_one_way_to_a_device(made: Device, links: dict[LinkId, Link], verdict: Verdict) -> None:
    assert judge(made, links, NOW, GRACE) == verdict


def test_any_way_that_works_will_do() -> None:
    links = link() | link(OTHER_HOST, down=0.0)
    assert judge(device(path(OTHER_HOST), path()), links, NOW, GRACE) == ONLINE


def test_the_most_telling_reason_is_given() -> None:
    links = link() | link(OTHER_HOST, down=0.0)
    made = device(path(online=False), path(OTHER_HOST))
    assert judge(made, links, NOW, GRACE) == offline(Reason.HOST_DOWN)
    made = device(path(access=Access.NONE), path(OTHER_HOST))
    assert judge(made, links, NOW, GRACE) == offline(Reason.NOT_AUTHORIZED)


def test_nothing_is_concluded_while_one_way_is_not_known() -> None:
    made = device(path(online=False), path(OTHER_HOST, online=None))
    assert judge(made, link() | link(OTHER_HOST), NOW, GRACE) == UNKNOWN


@given(st.floats(0, 1e7), st.floats(0, 3_600))
def test_the_grace_time_ends_exactly_when_the_timer_rings(down: float, grace: float) -> None:
    verdict = judge(device(path()), link(down=down), down + grace, grace)
    assert verdict == offline(Reason.HOST_DOWN)
