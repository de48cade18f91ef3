"""The tree as written, and what is said about its keys."""

from __future__ import annotations

import pytest

from bridge.config.tree import (
    Broken,
    Entries,
    Place,
    Scalar,
    did_you_mean,
    dotted,
    graft,
    is_absent,
    label,
)

HERE, THERE = Place("file", 1), Place("VARIABLE")


def test_absent_is_nothing_or_null() -> None:
    assert is_absent(None)
    assert is_absent(Scalar(None, HERE))
    assert not is_absent(Scalar("", HERE))
    assert not is_absent(Entries({}, HERE))
    assert not is_absent(Broken("", HERE))


def test_a_scalar_does_not_show_its_text() -> None:
    assert "canary" not in repr(Entries({"a": Scalar("canary", HERE)}, HERE))


def test_grafting_makes_the_way_and_replaces_what_is_there() -> None:
    root = Entries({"a": Entries({"b": Scalar("old", HERE)}, HERE), "n": Scalar(None, HERE)}, HERE)
    graft(root, ("a", "b"), Scalar("new", THERE))
    graft(root, ("n", "x", "y"), Scalar("deep", THERE))
    assert root.nodes["a"] == Entries({"b": Scalar("new", THERE)}, HERE)
    deep = Entries({"y": Scalar("deep", THERE)}, HERE)
    assert root.nodes["n"] == Entries({"x": deep}, HERE)


def test_grafting_leaves_a_mistake_for_the_reader() -> None:
    root = Entries({"a": Scalar("text", HERE)}, HERE)
    graft(root, ("a", "b"), Scalar("new", THERE))
    assert root.nodes == {"a": Scalar("text", HERE)}


def test_dotted_names() -> None:
    assert dotted("", "a") == "a"
    assert dotted("a.b", "c") == "a.b.c"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("host", "host"),
        ("password:canary", "password…"),
        ("password=canary", "password…"),
        ("password canary", "password…"),
        ("a" * 50, "a" * 40 + "…"),
        ("küche", "k\\xfcche"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb", "a…"),
    ],
)
def test_a_key_is_shown_short_and_without_a_value_that_slipped_in(name: str, shown: str) -> None:
    assert label(name) == shown


def test_did_you_mean() -> None:
    assert did_you_mean("pasword", ["host", "password"]) == "; did you mean password?"
    assert did_you_mean("PORT", ["host", "port"]) == "; did you mean port?"
    assert did_you_mean("qqq", ["host", "port"]) == ""
