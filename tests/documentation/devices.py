"""`docs/devices.md` and the table of kinds in `docs/topics.md`, from the tables in the code.

    python -m tests.documentation.devices [--write]

compares, or writes them anew. Which models gave what is taken from the golden files.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from bridge.core import abilities
from bridge.core.commands import Target
from bridge.core.device import ChannelState, Device
from bridge.core.device import Path as Way
from bridge.core.kinds.all import KINDS
from bridge.core.kinds.catalog import Channel
from bridge.core.kinds.entity import Entity
from bridge.core.kinds.fields import Field
from bridge.core.kinds.kind import Form, Kind
from bridge.core.links import Link
from bridge.core.model import Access, DeviceId, LinkId, LinkState, SourceKind
from bridge.core.registry import Registry, Settings
from bridge.core.topics import Topics
from tests.frames.golden import FOLDER

DOCS = Path(__file__).parents[2] / "docs"
DEVICES = DOCS / "devices.md"
TOPICS = DOCS / "topics.md"

_BEGIN = "<!-- kinds: written by the code, `make docs` -->"
_END = "<!-- end of kinds -->"

_HEAD = """\
# Devices: what they report, and what they can be told

This page is written by the code (`make docs`): what it says is what the bridge does. The bridge
knows no list of models; what a device has is found from what it reports, so devices that are not
named here work as well. A component that the bridge does not know is published all the same, as
`<type>/<n>` with Shelly's own keys, and is not shown in Home Assistant.

Every channel's JSON also has `ts`, the time of its last change. Values that a device cannot tell
are `null`. Members that no table names keep Shelly's name.

"Gen2" means Gen2 and newer. In the column *Home Assistant*, (off) means that the entity is there
but not enabled at first.
"""


def devices_page() -> str:
    """The whole of `docs/devices.md`."""
    parts = [_HEAD]
    seen = _seen()
    parts += ["\n".join(_section(kind, seen.get(kind.name, ()))) for kind in KINDS]
    parts.append("\n".join(_models()))
    return "\n".join(parts)


def kinds_table() -> str:
    """The table of kinds, for `docs/topics.md`."""
    rows = [_row("kind", "from", "keys"), _row("---", "---", "---")]
    rows += [
        _row(
            f"`{kind.name}`",
            "; ".join(origin.wire for origin in kind.origins),
            ", ".join(_with_unit(each) for each in _fields(kind)),
        )
        for kind in KINDS
    ]
    rows.append(_row("any other", "everything else", "Shelly's keys"))
    return "\n".join(rows)


def topics_page(present: str) -> str:
    """`docs/topics.md` with the table of kinds as it is now."""
    before, _, rest = present.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{kinds_table()}\n{_END}{after}"


def _section(kind: Kind, models: Iterable[str]) -> Iterator[str]:
    yield f"## `{kind.name}`: {kind.title}\n"
    yield f"{kind.text} Found in: {'; '.join(origin.wire for origin in kind.origins)}.\n"
    fields = _fields(kind)
    if fields:
        yield _row("key", "unit", "from", "Home Assistant")
        yield _row("---", "---", "---", "---")
        for each in fields:
            yield _row(f"`{each.key}`", each.unit, _wires(kind, each.key), _shown(each.entity))
        yield ""
    words = _commands(kind, SourceKind.INTEGRATOR)
    native = _commands(kind, SourceKind.OUTBOUND)
    if words:
        yield f"Takes by every way: {_listed(words)}."
    more = [key for key in native if key not in words]
    if more:
        yield f"Takes by the device's own RPC only: {_listed(more)}."
    if words or more:
        yield ""
    left_out: dict[str, list[str]] = defaultdict(list)
    for member, why in dict(_dropped(kind)).items():
        left_out[why].append(member)
    if left_out:
        parts = (f"{_listed(members)} ({why})" for why, members in left_out.items())
        yield f"Left out: {'; '.join(parts)}.\n"
    names = sorted(models)
    if names:
        yield f"Seen in: {', '.join(names)}.\n"


def _fields(kind: Kind) -> list[Field]:
    """The keys of a kind in the order of its tables, each once."""
    found: dict[str, Field] = {}
    for origin in kind.origins:
        for each in origin.fields:
            known = found.setdefault(each.key, each)
            if known.entity is None and each.entity is not None:
                found[each.key] = each
    return list(found.values())


def _wires(kind: Kind, key: str) -> str:
    """The members that a key is read from, in all its origins."""
    found: dict[str, None] = {}
    for origin in kind.origins:
        for each in origin.fields:
            if each.key == key:
                found |= dict.fromkeys(each.wire)
    return ", ".join(f"`{wire}`" for wire in found)


def _dropped(kind: Kind) -> Iterator[tuple[str, str]]:
    for origin in kind.origins:
        for table in (origin.table, *(each.table for each in origin.companions)):
            yield from table.dropped.items()


def _shown(entity: Entity | None) -> str:
    if entity is None:
        return ""
    what = entity.device_class or entity.name or entity.platform
    kind = "binary" if entity.platform == "binary_sensor" else "sensor"
    total = ", total" if entity.state_class == "total_increasing" else ""
    diagnostic = ", diagnostic" if entity.diagnostic else ""
    return f"{kind} {what}{total}{diagnostic}{'' if entity.enabled else ' (off)'}"


def _with_unit(each: Field) -> str:
    return f"`{each.key}` {each.unit}".strip()


def _commands(kind: Kind, source: SourceKind) -> list[str]:
    """What a channel that has everything its kind can have takes by a source."""
    link = LinkId("link")
    registry = Registry(Settings(Topics("shelly"), "", "", 0.0))
    registry.links[link] = Link(link, source, LinkState.CONNECTED, 0.0, None)
    device = Device(DeviceId("a8032abe54dc"))
    device.paths[link] = Way(link, source, access=Access.CONTROL)
    found: dict[str, None] = {}
    for origin in kind.origins:
        form = f"{origin.key}:0"
        keys = (form,) if origin.form is Form.COMPONENT else (origin.key,)
        channel = Channel(kind.name, 0, form, Target(origin.key, 0), keys, dict)
        values = {each.key: 0 for each in origin.fields} | {"color": {"w": 0}, "calibrated": True}
        state = ChannelState(replace(channel, fields=origin.fields), values=dict(values))
        found |= dict.fromkeys(abilities.commands(registry, device, state))
    return list(found)


def _golden() -> Iterator[tuple[str, set[str]]]:
    """Model code and kinds of every golden file."""
    for file in sorted(FOLDER.rglob("*.json")):
        body = json.loads(file.read_text(encoding="utf-8"))
        for topic, document in body.items():
            if topic.endswith("/info") and document.get("model"):
                yield document["model"], {each["kind"] for each in document["channels"]}


def _seen() -> dict[str, set[str]]:
    """Kind → the models that were seen to give it."""
    seen: dict[str, set[str]] = defaultdict(set)
    for model, kinds in _golden():
        for kind in kinds:
            seen[kind].add(model)
    return seen


def _models() -> Iterator[str]:
    yield "## Models that were seen\n"
    yield "What captured states of real devices gave; a model has more where its profile differs.\n"
    yield _row("model", "kinds")
    yield _row("---", "---")
    found: dict[str, set[str]] = defaultdict(set)
    for model, kinds in _golden():
        found[model] |= kinds
    order = {kind.name: number for number, kind in enumerate(KINDS)}
    for model, kinds in sorted(found.items()):
        if not kinds:
            continue
        known = sorted(kinds, key=lambda kind: (order.get(kind, len(order)), kind))
        yield _row(model, ", ".join(known))
    yield ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _row(*cells: str) -> str:
    return "| " + " | ".join(re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    """The program; returns its exit status."""
    parser = argparse.ArgumentParser(prog="documentation", description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    wanted = {DEVICES: devices_page(), TOPICS: topics_page(TOPICS.read_text(encoding="utf-8"))}
    if options.write:
        for file, text in wanted.items():
            file.write_text(text, encoding="utf-8")
        return 0
    stale = [
        file.name
        for file, text in wanted.items()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    sys.stdout.write("".join(f"{name} is out of step: make docs\n" for name in stale))
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
