"""What is told of a figure, and how a straight line is laid through measured values."""

from __future__ import annotations

from math import nan

import pytest

from benchmarks import markdown
from benchmarks.growth import growth
from benchmarks.report import Line, Table, added, paired, percentile, slope


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (Line("time", 0.4, "s", at_most=0.4), "ok"),
        (Line("time", 0.41, "s", at_most=0.4), "MISSED"),
        (Line("ratio", 0.75, at_least=0.75), "ok"),
        (Line("ratio", 0.74, at_least=0.75), "MISSED"),
        (Line("nothing was measured", nan, at_most=1), "MISSED"),
        (Line("nothing was measured", nan, at_least=1), "MISSED"),
        (Line("nothing was promised", 7.0), ""),
    ],
)
def test_a_figure_is_judged_by_its_target(line: Line, verdict: str) -> None:
    assert line.verdict == verdict
    assert line.cells()[-1] == verdict


def test_a_table_shows_rows_targets_and_notes() -> None:
    table = Table("Title", ("", "value"), [("bridge", "1.0")], [Line("figure", 2, "ms", 1)])
    table.notes.append("a note")
    text = "\n".join(table.text())
    for word in ("Title", "bridge", "1.0", "figure", "2.00", "ms", "<= 1", "MISSED", "a note"):
        assert word in text


def test_only_values_of_one_pair_are_compared() -> None:
    ours, theirs = [2.0, 30.0, 400.0], [1.0, 10.0, 100.0]
    assert paired(ours, theirs) == 3.0
    assert added(ours, theirs) == 20.0
    assert percentile(list(range(101)), 99) == 99.0


def test_a_straight_line_tells_how_far_it_is_off() -> None:
    line = slope([0, 1_000, 2_000], [50.0, 60.0, 70.0])
    assert (line.start, line.each * 1_000) == pytest.approx((50.0, 10.0))
    assert line.error == pytest.approx(0.0, abs=1e-9)
    assert slope([0, 1_000, 2_000], [50.0, 60.0, 90.0]).error > 0.05


def test_growth_is_reckoned_from_the_other_parts_and_called_an_estimate() -> None:
    memory = Table("", ())
    for devices in (0, 1_000, 10_000):
        memory.figures[f"{devices}"] = {
            **{"devices": devices, "web": False, "rss_mb": 40 + devices * 0.008},
            "cpu_s": 0.5 + devices * 0.002,
        }
    throughput = Table("", ())
    for hosts in (1, 16):
        costs = {"5": [200.0], "1": [100.0], "base": [150.0]}
        throughput.figures[f"{hosts}"] = {
            **{"hosts": hosts, "judged": True, "cpu_us_per_event": costs}
        }
    table = growth({"memory": memory, "throughput": throughput})
    assert table is not None
    assert "ESTIMATE" in table.title
    text = "\n".join(table.text())
    assert "40 MB + 8.0 kB each" in text
    assert "0.5 s + 2.00 ms each" in text
    assert "200 µs + 0.00 µs each" in text
    row = next(row for row in table.rows if row[0] == "Raspberry Pi 4")
    # 5,000 events/s here, seven to ten times fewer there; half a core, one status in 30 s.
    assert row[1:] == ("7-10", "500-714", "1,000-1,429", "7,500-10,714", "27,000")


def test_nothing_is_reckoned_from_nothing() -> None:
    assert growth({}) is None


def test_a_page_gets_the_tables_between_its_marks_and_keeps_the_rest() -> None:
    line = {"name": "figure", "value": 2.0, "unit": "ms", "at_most": 1.0, "at_least": None}
    found = {
        "surroundings": {"CPU": "two"},
        "parts": {
            "part": {
                **{"title": "Title", "head": ["", "value"], "rows": [["bridge", "1.0"]]},
                **{"lines": [line | {"reached": False}], "notes": ["a note"]},
            }
        },
        "not_measured": {"other": "no time"},
    }
    text = markdown.tables(found)
    for row in ("CPU: two", "## Title", "| bridge | 1.0 |", "a note", "no time"):
        assert row in text
    assert "| figure | 2.00 | ms | <= 1 | MISSED |" in text
    page = f"before\n{markdown.BEGIN}\nold\n{markdown.END}\nafter\n"
    new = markdown.replaced(page, text)
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")
    assert text in new
    assert "old" not in new
    assert markdown.replaced(new, text) == new
    with pytest.raises(ValueError, match="figures"):
        markdown.replaced("no marks", text)
