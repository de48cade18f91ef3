"""The outbound source keeps what every source promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.threads import Deadline
from tests.brokers import wait_until
from tests.sources.contract import SourceContract
from tests.sources.dialer import Dialers
from tests.sources.outbound_driver import OutboundDriver


@pytest.fixture
def driver() -> Iterator[OutboundDriver]:
    with Dialers() as dialers:
        made = OutboundDriver(dialers)
        yield made
        assert made.source.stop(Deadline(5)) == []
        assert made.recorder.crashes == []
        wait_until(lambda: not made.leftovers())


class TestOutboundContract(SourceContract):
    """See there."""
