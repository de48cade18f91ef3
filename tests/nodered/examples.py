"""The example flows as files, and adapted to a test's broker and devices."""

from __future__ import annotations

import json
from pathlib import Path

from tests.nodered.server import Flow, Node

FOLDER = Path(__file__).parents[2] / "examples" / "node-red"
FILES = sorted(FOLDER.glob("*.json"))


def read(name: str) -> Flow:
    """An example as it is in the file."""
    flow: Flow = json.loads((FOLDER / f"{name}.json").read_text())
    return flow


def adapted(name: str, port: int, **environment: str) -> Flow:
    """An example with another broker and, as its reader would do, other variables in its tab."""
    flow = read(name)
    broker = only(flow, "mqtt-broker")
    broker["broker"], broker["port"] = "127.0.0.1", str(port)
    variables = {variable["name"]: variable for variable in only(flow, "tab")["env"]}
    for key, value in environment.items():
        variables[key]["value"] = value
    return flow


def only(flow: Flow, kind: str) -> Node:
    """The one node of a type."""
    (found,) = (node for node in flow if node["type"] == kind)
    return found


def inject(flow: Flow, name: str) -> Node:
    """The inject node of a name."""
    (found,) = (node for node in flow if node["type"] == "inject" and node["name"] == name)
    return found
