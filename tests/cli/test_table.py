"""Tables hold whatever strangers call their devices."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.cli.table import print_table


def test_columns_are_as_wide_as_their_widest_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "name"), [["1", "a"], ["22222", "b"]])
    assert capsys.readouterr().out == "ID     NAME\n1      a\n22222  b\n"


@given(st.lists(st.text(), min_size=2, max_size=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_row_is_one_printable_line(
    capsys: pytest.CaptureFixture[str], cells: list[str]
) -> None:
    print_table(("id", "name"), [cells])
    out = capsys.readouterr().out
    assert out.count("\n") == 2
    assert all(line.isprintable() for line in out.split("\n"))
