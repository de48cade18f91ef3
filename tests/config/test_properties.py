"""Whatever is written, it loads or is refused with problems that hold no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.config import environment, load
from bridge.config.keys import SecretKey, Section, Table
from bridge.config.schema import SCHEMA, leaves
from bridge.config.values import has_controls
from bridge.errors import ConfigError

CANARY = "cAnArY"
SECRETS = [
    (key.removesuffix(leaf.name), name)
    for key, leaf in leaves()
    if isinstance(leaf, SecretKey) and leaf.inline
    for name in [leaf.name]
]
ENVIRON = {"HOME": "/home/x", "SET": "/tmp"}  # noqa: S108 - never opened

names = st.sampled_from(
    [name for key, leaf in leaves() for name in (*key.split("."), *leaf.names)]
    + ["devices", "a8032abe54dc", "XB0a1", "accounts", "nope"]
)
texts = st.one_of(
    st.text(),
    st.sampled_from(
        ["true", "5", "0.5", "1883", "a/b", "*.a.b", "https://a.b", "[::1]:80", "null", "${SET}/x"]
    ),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
trees = st.recursive(
    scalars,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.one_of(names, st.text()), below, max_size=4)
    ),
    max_leaves=12,
)

anywhere = settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def said(file: Path, data: bytes) -> str | None:
    """What is wrong with a file; None if it loads."""
    file.write_bytes(data)
    return complaint(file, ENVIRON)


def complaint(file: Path | None, environ: Mapping[str, str]) -> str | None:
    """The text of the `ConfigError`, which must be fit to be shown; None if there is none."""
    try:
        load(file, environ)
    except ConfigError as error:
        problems = error.problems
    else:
        return None
    assert problems
    assert not any(has_controls(str(problem)) for problem in problems)
    return "\n".join(map(str, problems))


@anywhere
@given(data=st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes(file: Path, data: bytes) -> None:
    said(file, data)


@anywhere
@given(
    text=st.text(
        alphabet=st.sampled_from("ab:-?[]{},&*!|>'\"%@`#~ \n\t\\xuU0\ufeff\x85"), max_size=60
    )
)
def test_any_yaml_marks(file: Path, text: str) -> None:
    said(file, text.encode())
    said(file, f"mqtt:\n  password: {text}".encode())


@anywhere
@given(tree=st.dictionaries(names, trees, max_size=5))
def test_any_structure_below_any_key(file: Path, tree: dict[str, object]) -> None:
    said(file, json.dumps(tree).encode())


def section_trees(section: Section) -> st.SearchStrategy[object]:
    """Mappings that look like a section, with anything in the places of values."""
    parts: dict[str, st.SearchStrategy[object]] = {}
    for child in section.children:
        if isinstance(child, Section):
            parts[child.name] = section_trees(child)
        elif isinstance(child, Table):
            row = section_trees(child.row)
            parts[child.name] = st.dictionaries(st.sampled_from(["a8032abe54dc", "x"]), row)
        else:
            parts |= dict.fromkeys(child.names, trees)
    return st.one_of(st.fixed_dictionaries({}, optional=parts), trees)


@anywhere
@given(tree=section_trees(SCHEMA))
def test_any_value_in_any_place(file: Path, tree: object) -> None:
    said(file, json.dumps(tree).encode())


@anywhere
@given(
    environ=st.dictionaries(
        st.one_of(
            st.sampled_from([environment.variable(key) for key, _ in leaves()]),
            st.lists(st.text(), max_size=4).map(
                lambda parts: environment.PREFIX + "__".join(parts)
            ),
        ),
        texts,
        max_size=6,
    )
)
def test_any_environment(environ: dict[str, str]) -> None:
    complaint(None, environ)


@anywhere
@given(
    place=st.sampled_from(SECRETS),
    before=st.text(alphabet=st.sampled_from("*&!|>'\"[]{},:%@`#? \n\t\\a"), max_size=6),
    after=st.text(alphabet=st.sampled_from("*&!|>'\"[]{},:%@`#? \n\t\\a"), max_size=6),
)
def test_a_secret_is_never_part_of_a_problem(
    file: Path, place: tuple[str, str], before: str, after: str
) -> None:
    above, name = place
    text = f"{above.removesuffix('.')}:\n  {name}: {before}{CANARY}{after}\n  port: x\n"
    problems = said(file, text.encode())
    assert problems is not None
    assert CANARY not in problems


@anywhere
@given(place=st.sampled_from(SECRETS), tree=trees)
def test_nor_when_it_has_the_wrong_shape(file: Path, place: tuple[str, str], tree: object) -> None:
    above, name = place
    for wrong in ([CANARY, tree], {CANARY: tree}, {"a": CANARY}, f"{CANARY}\n", f"\x00{CANARY}"):
        problems = said(file, json.dumps({above.removesuffix("."): {name: wrong}}).encode())
        assert problems is not None
        assert CANARY not in problems
