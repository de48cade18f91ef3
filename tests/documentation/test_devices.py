"""The documentation of devices and kinds says what the code does."""

from __future__ import annotations

from bridge.core.kinds.all import KINDS
from tests.documentation.devices import DEVICES, TOPICS, devices_page, topics_page


def test_the_page_of_devices_is_what_the_code_would_write() -> None:
    assert DEVICES.read_text(encoding="utf-8") == devices_page(), "run `make docs`"


def test_so_is_the_table_of_kinds() -> None:
    present = TOPICS.read_text(encoding="utf-8")
    assert present == topics_page(present), "run `make docs`"


def test_there_is_a_row_for_every_kind() -> None:
    page = DEVICES.read_text(encoding="utf-8")
    assert [kind.name for kind in KINDS if f"## `{kind.name}`: " not in page] == []
    table = TOPICS.read_text(encoding="utf-8")
    assert [kind.name for kind in KINDS if f"| `{kind.name}` | " not in table] == []
