"""A note is for one browser and one page."""

from __future__ import annotations

from bridge.web.notes import MOST_NOTES, Note, Notes


def test_a_note_is_read_once_and_by_its_browser_only() -> None:
    notes = Notes()
    notes.leave("a", Note("done", good=True))
    assert notes.take("b") is None
    assert notes.take("a") == Note("done", good=True)
    assert notes.take("a") is None


def test_the_last_note_counts() -> None:
    notes = Notes()
    notes.leave("a", Note("first", good=True))
    notes.leave("a", Note("second", good=False))
    assert notes.take("a") == Note("second", good=False)


def test_there_are_only_so_many() -> None:
    notes = Notes()
    for number in range(MOST_NOTES + 1):
        notes.leave(str(number), Note("done", good=True))
    assert notes.take("0") is None
    assert notes.take(str(MOST_NOTES)) is not None
