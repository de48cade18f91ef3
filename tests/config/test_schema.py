"""The table of keys fits the values that are made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from bridge.config.keys import Key, ListKey, Section, Table
from bridge.config.schema import SCHEMA, leaves


def sections(section: Section = SCHEMA) -> Iterator[Section]:
    yield section
    for child in section.children:
        if isinstance(child, Section):
            yield from sections(child)
        elif isinstance(child, Table):
            yield from sections(child.row)


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.name)
def test_a_section_builds_what_its_keys_say(section: Section) -> None:
    assert isinstance(section.build, type)
    assert is_dataclass(section.build)
    made = {field.name for field in fields(section.build)} - {"warnings"}
    used = [child.name for child in section.children]
    assert made == set(used)
    assert len(used) == len(set(used))
    assert set(section.wanted_by) <= made


def test_every_default_is_accepted_by_its_own_reader() -> None:
    for _, leaf in leaves():
        if isinstance(leaf, ListKey):
            for item in leaf.default:
                leaf.read(item)
        elif isinstance(leaf, Key):
            for text in (leaf.default, leaf.shown):
                assert text is None or leaf.read(text) is not None


def test_every_key_is_explained_in_one_short_line() -> None:
    for key, leaf in leaves():
        assert 0 < len(leaf.help) <= 60, key
        assert leaf.help.isprintable()


def test_written_names_are_told_apart() -> None:
    for section in sections():
        names = [name for child in section.children for name in child.names]
        assert len(names) == len(set(names))
