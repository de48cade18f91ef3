"""The example files as such: what anybody can see in them without running Node-RED."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nodered import examples

STOCK = {
    "tab",
    "comment",
    "inject",
    "debug",
    "function",
    "switch",
    "change",
    "template",
    "trigger",
    "mqtt-broker",
    "mqtt in",
    "mqtt out",
    "http in",
    "http response",
}

NAMES = [file.stem for file in examples.FILES]
each = pytest.mark.parametrize("name", NAMES)


def test_there_are_examples() -> None:
    assert len(NAMES) >= 5


@each
def test_only_nodes_that_come_with_node_red_are_used(name: str) -> None:
    assert {node["type"] for node in examples.read(name)} <= STOCK


@each
def test_a_comment_says_in_two_lines_what_it_does_and_what_to_change(name: str) -> None:
    does, change = examples.only(examples.read(name), "comment")["name"].split("\\n ")
    assert does.endswith(".")
    assert change.startswith("To change: ")


@each
def test_the_broker_is_a_local_one_with_mqtt_5_and_the_same_everywhere(name: str) -> None:
    broker = examples.only(examples.read(name), "mqtt-broker")
    address = (broker["broker"], broker["port"], broker["protocolVersion"])
    assert address == ("localhost", "1883", "5")
    assert broker == examples.only(examples.read(NAMES[0]), "mqtt-broker")


@each
def test_nothing_is_published_with_the_retain_flag_whatever_the_message_says(name: str) -> None:
    for node in examples.read(name):
        if node["type"] == "mqtt out":
            assert node["retain"] == "false"


@each
def test_every_wire_leads_to_a_node_of_the_same_tab(name: str) -> None:
    flow = examples.read(name)
    ids = {node["id"] for node in flow}
    tab = examples.only(flow, "tab")["id"]
    assert len(ids) == len(flow)
    for node in flow:
        assert {target for output in node.get("wires", ()) for target in output} <= ids
        assert node.get("z", tab) == tab


def test_only_the_broker_is_in_more_than_one_file() -> None:
    ids = [node["id"] for name in NAMES for node in examples.read(name)]
    assert {one for one in ids if ids.count(one) > 1} == {"shelly-broker"}


@each
def test_the_documentation_names_it(name: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "node-red.md"
    assert f"`{name}.json`" in page.read_text()
