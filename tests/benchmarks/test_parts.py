"""Every part measures something, with the real bridge, in seconds. No figure is judged here."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks.parts import PARTS
from benchmarks.payloads import PAYLOADS
from benchmarks.plan import LIMITS, Plan
from benchmarks.processes import split_cpus
from benchmarks.report import Table

pytestmark = pytest.mark.mosquitto

TINY = Plan(
    pairs=1,
    segment=0.1,
    under_way=4,
    hosts=(2,),
    payloads=PAYLOADS,
    latency=0.3,
    idle_topics=20,
    devices=(0, 5),
    outrun=0.3,
    many=5,
    reconnect_hosts=2,
    drops=1,
    steady=0.2,
    idle_hosts=2,
    idle=0.2,
    commands=5,
    page_looks=3,
    page_pairs=1,
    page_segment=1.2,
    cluster_devices=(6,),
    cluster_hosts=3,
    cluster_every=0.5,
    cluster_time=1.0,
)
ALONE = [
    pytest.param(name, marks=pytest.mark.postgres if name == "cluster" else ())
    for name in PARTS
    if name != "growth"
]


@pytest.fixture(autouse=True)
def _same_cpus() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.parametrize("name", ALONE)
def test_a_part_measures_something(name: str) -> None:
    assert name in LIMITS, "every part is bounded in time"
    cpu, _ = split_cpus()
    table = PARTS[name](cpu, TINY, {})
    assert table is not None
    assert table.rows
    assert any(line.target != "-" for line in table.lines)
    for line in table.lines:
        assert math.isfinite(line.value), line.name
    assert json.dumps(table.figures)
    if name == "throughput":
        assert_every_kind_of_event_reaches_all_of_its_topics(table)


def assert_every_kind_of_event_reaches_all_of_its_topics(table: Table) -> None:
    assert len(table.figures) == len(PAYLOADS)
    for figures in table.figures.values():
        heard = figures["messages_per_event"]
        assert min(heard["base"] + heard["5"]) >= 4
        assert min(heard["1"]) >= 0.8


def test_a_part_that_takes_too_long_is_told_and_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.json"
    monkeypatch.setattr(program, "QUICK", TINY)
    monkeypatch.setitem(PARTS, "memory", lambda *_: time.sleep(30))
    monkeypatch.setitem(LIMITS, "memory", 0.05)
    arguments = ["--quick", "--pairs", "2", "--only", "memory", "--only", "idle"]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments, "--json", str(file)])
    assert program.main() == 1
    shown = capsys.readouterr().out
    assert "memory: not measured: OutOfTimeError" in shown
    assert "CPU with nothing to do" in shown
    found = json.loads(file.read_text())
    assert list(found["parts"]) == ["idle"]
    assert found["parts"]["idle"]["lines"][0]["at_most"] == 0.3
    assert list(found["not_measured"]) == ["memory"]
