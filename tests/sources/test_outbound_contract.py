"""The outbound source keeps what every source promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sources.contract import SourceContract
from tests.sources.dialer import Dialers
from tests.sources.makers import making
from tests.sources.outbound_driver import OutboundDriver


@pytest.fixture
def driver() -> Iterator[OutboundDriver]:
    with Dialers() as dialers, making(OutboundDriver, dialers) as make:
        yield make()


class TestOutboundContract(SourceContract):
    """See there."""
