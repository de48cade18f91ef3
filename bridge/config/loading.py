"""From a file and the environment to a `Config`, or to the list of everything that is wrong."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from bridge.config import environment, files, rules, yamltext
from bridge.config.keys import Section, Table
from bridge.config.model import Config
from bridge.config.reading import Reading
from bridge.config.schema import SCHEMA
from bridge.config.tree import Entries, Items, Place, dotted, named
from bridge.config.values import Wrong
from bridge.errors import ConfigError, Problem

PLACES = (Path("config.yaml"), Path("/etc/shelly-bridge/config.yaml"))
"""Where a configuration file is looked for when nobody names one."""

_PORT, _TLS_PORT = 1883, 8883


def find(cli_value: str | Path | None, environ: Mapping[str, str]) -> Path:
    """The configuration file: the one named by option or variable, else the first of `PLACES`.

    Raises `ConfigError` if it is not there.
    """
    named = cli_value or environ.get(environment.CONFIG)
    for path in (Path(named),) if named else PLACES:
        if _is_there(path):
            return path
    if named:
        source = "configuration" if cli_value else environment.CONFIG
        raise ConfigError([Problem(source, None, "", f"there is no file {named}")])
    text = f"no file found; looked for ./{PLACES[0]} and {PLACES[1]}"
    raise ConfigError([Problem("configuration", None, "", text)])


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # It cannot even be looked at; reading it will say why.
        return True


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read a configuration file, or only the environment.

    Raises `ConfigError` with every problem, and nothing else whatever the file holds.
    """
    source = "environment" if path is None else str(path)
    root, public = _written(path, source)
    _name_rows(root)
    problems = environment.overlay(root, environ)

    base = Path.cwd() if path is None else path.absolute().parent
    reading = Reading(source, base, environ)
    reading.section(SCHEMA, root)
    for key, text in rules.problems(reading.values):
        reading.complain(key, text)
    _fill_in(reading, environ)
    problems += reading.problems
    if problems:
        # The file's from top to bottom, then the environment's.
        problems.sort(key=lambda found: (found.source != source, found.source, found.line or 0))
        raise ConfigError(problems)

    warnings = reading.warnings
    warnings += [f"{key}: {text}" for key, text in rules.remarks(reading.values)]
    if public and reading.inline_secrets:
        keys = ", ".join(reading.inline_secrets)
        warnings.append(f"everybody on this machine can read {path}, which holds {keys}")
    return Config(**_fields(SCHEMA, reading.values, ""), warnings=tuple(warnings))


def _written(path: Path | None, source: str) -> tuple[Entries, bool]:
    """What the file says, and whether everybody can read it."""
    if path is None:
        return Entries({}, Place(source)), False
    try:
        data, public = files.read(path, yamltext.LARGEST)
    except Wrong as error:
        raise ConfigError([Problem("configuration", None, "", str(error))]) from None
    return yamltext.read(data, source), public


def _name_rows(root: Entries) -> None:
    """Make tables of what is written as lists, so that variables reach their rows too."""
    for child in SCHEMA.children:
        node = root.nodes.get(child.name)
        if isinstance(child, Table) and child.listed and isinstance(node, Items):
            root.nodes[child.name] = named(node)


def _fill_in(reading: Reading, environ: Mapping[str, str]) -> None:
    """The defaults that depend on something else."""
    found = reading.values
    if found.get("mqtt.port", ...) is None:
        found["mqtt.port"] = _TLS_PORT if found.get("mqtt.tls.enabled") else _PORT
    if found.get("data_dir", ...) is None:
        try:
            found["data_dir"] = _data_dir(environ)
        except Wrong as error:
            reading.complain("data_dir", str(error))


def _data_dir(environ: Mapping[str, str]) -> Path:
    """The state directory: systemd's, the system's for root, else the user's (XDG)."""
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if os.getuid() == 0:
        return Path("/var/lib/shelly-bridge")
    if state := environ.get("XDG_STATE_HOME"):
        return Path(state) / "shelly-bridge"
    if home := environ.get("HOME"):
        return Path(home) / ".local/state/shelly-bridge"
    raise Wrong("is missing, and there is no home directory to put it in")


def _fields(section: Section, values: Mapping[str, object], prefix: str) -> dict[str, Any]:
    """The arguments of what a section builds."""
    made: dict[str, object] = {}
    for child in section.children:
        key = dotted(prefix, child.name)
        if isinstance(child, Table):
            names = cast("tuple[str, ...]", values[key])
            rows = {name: _build(child.row, values, dotted(key, name)) for name in names}
            made[child.name] = MappingProxyType(rows)
        elif not isinstance(child, Section) or key in values:
            made[child.name] = values[key]
        elif _is_wanted(child, values, key):
            made[child.name] = _build(child, values, key)
        else:
            made[child.name] = None
    return made


def _is_wanted(section: Section, values: Mapping[str, object], prefix: str) -> bool:
    names = section.wanted_by
    return not names or any(values[dotted(prefix, name)] for name in names)


def _build(section: Section, values: Mapping[str, object], prefix: str) -> object:
    return section.build(**_fields(section, values, prefix))
