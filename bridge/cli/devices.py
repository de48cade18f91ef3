"""`shelly-bridge devices`: the known devices, from the registry and what the bridge published."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from typing import Any

from bridge.assembly import mqtt_settings
from bridge.cli.options import add_config, load_config
from bridge.cli.registry import open_registry
from bridge.cli.table import print_table
from bridge.config import Config
from bridge.core import jsontext
from bridge.core.model import Grant, Json
from bridge.core.topics import Topics
from bridge.errors import FrameError, PeerError
from bridge.mqtt.scan import scan_retained

_LISTING = "devices"
_COLUMNS = ("id", "name", "model", "source", "access", "availability")


def register(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser("devices", help="list the known devices")
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print one line, or JSON object, for each device."""
    config = load_config(options)
    with open_registry(config) as store:
        grants = store.grants()
        bridge_id = store.bridge_id
    published = _published(config, bridge_id)
    listed = [item for document in _documents(published) for item in _listed(document)]
    rows = [_row(config, grant, listed, published) for grant in grants]
    granted = {row["id"] for row in rows}
    rows += [_other(config, item, published) for item in listed if item["id"] not in granted]
    if options.json:
        print(json.dumps(rows, indent=2))  # noqa: T201 - the command's output
    else:
        print_table(_COLUMNS, [[str(row[column] or "-") for column in _COLUMNS] for row in rows])
    return 0


def _published(config: Config, bridge_id: str) -> dict[str, bytes]:
    """The retained topics of the bridge's devices; empty if the broker cannot be asked."""
    topics = Topics(config.mqtt.base_topic)
    # An alias of several levels is not among the `+`.
    aliases = [device.topic for device in config.devices.values() if device.topic]
    roots = ["+", *(alias for alias in aliases if "/" in alias)]
    # Of several bridges each lists those that it has now.
    ours = replace(topics, instance=None if config.cluster is None else "+").bridge(_LISTING)
    filters = [ours, *(topics.device(root, "availability") for root in roots)]
    try:
        found = scan_retained(mqtt_settings(config, bridge_id), filters, timeout=5.0)
    except PeerError as error:
        print(f"shelly-bridge: {error}; availability is not known", file=sys.stderr)  # noqa: T201 - as above
        return {}
    return dict(found.topics)


def _row(
    config: Config, grant: Grant, listed: list[dict[str, Json]], published: dict[str, bytes]
) -> dict[str, Json]:
    known = next((item for item in listed if item["id"] == grant.device), {})
    return {
        "id": grant.device,
        "name": known.get("name") or (grant.names[0] if grant.names else None),
        "model": known.get("model") or grant.code or None,
        "source": _sources(known) or "integrator",
        "access": known.get("access") or ("control" if grant.control else "read"),
        "availability": _availability(config, grant.device, published),
    }


def _other(config: Config, known: dict[str, Json], published: dict[str, bytes]) -> dict[str, Json]:
    """A device without a consent: only the bridge that runs knows of it."""
    return {
        "id": known["id"],
        "name": known.get("name"),
        "model": known.get("model"),
        "source": _sources(known),
        "access": "pending" if known.get("pending") is True else known.get("access"),
        "availability": _availability(config, known["id"], published),
    }


def _sources(known: dict[str, Json]) -> str:
    sources = known.get("sources")
    return ", ".join(str(each) for each in sources) if isinstance(sources, list) else ""


def _availability(config: Config, device: str, published: dict[str, bytes]) -> str:
    override = config.devices.get(device)
    root = override.topic if override and override.topic else device
    state = published.get(Topics(config.mqtt.base_topic).device(root, "availability"))
    return state.decode(errors="replace") if state else "unknown"


def _documents(published: dict[str, bytes]) -> list[bytes]:
    """What each bridge says of its devices."""
    return [document for topic, document in published.items() if topic.endswith(f"/{_LISTING}")]


def _listed(document: bytes) -> list[dict[str, Json]]:
    """The devices in `bridge/devices`."""
    try:
        listed = jsontext.parse(document)
    except FrameError:
        return []
    items = listed if isinstance(listed, list) else []
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]
