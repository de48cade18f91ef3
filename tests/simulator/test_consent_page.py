"""The page on which owners share devices, as a browser sees it."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bridge.simulator.consent_page import PAGE_PATH
from bridge.simulator.world import World
from tests.system.rig import Rig


def ask(world: World, method: str, fields: list[tuple[str, str]]) -> tuple[int, str]:
    """Open the page, or send its form."""
    context = ssl.create_default_context(cafile=world.ca_file)
    connection = http.client.HTTPSConnection("localhost", world.port, timeout=20, context=context)
    given = urlencode(fields)
    try:
        if method == "GET":
            connection.request("GET", f"{PAGE_PATH}?{given}")
        else:
            connection.request("POST", PAGE_PATH, given)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_lists_the_devices_and_which_are_shared(world: World) -> None:
    world.add_device("SNSW-001P16EU", name="Boiler <b>", granted=True)
    world.add_device("SHSW-PM", name="Attic", granted=False)
    status, page = ask(world, "GET", [("itg", world.tag), ("cb", "https://b.example.org/c")])
    assert status == 200
    assert page.count(" checked") == 1
    assert "Boiler &lt;b&gt;" in page
    assert "Attic" in page


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("itg", "ITG_OTHER"), ("cb", "https://b.example.org/c")],
        [("itg", "ITG_SIM")],
        [("itg", "ITG_SIM"), ("cb", "javascript:alert(1)")],
    ],
)
def test_it_serves_known_integrators_only(world: World, fields: list[tuple[str, str]]) -> None:
    assert ask(world, "GET", fields)[0] == 400
    assert ask(world, "POST", fields)[0] == 400


def test_a_callback_that_cannot_be_reached_changes_nothing(world: World) -> None:
    device = world.add_device("SHSW-PM", granted=False)
    fields = [("itg", world.tag), ("cb", "http://127.0.0.1:1/c"), ("device", device.hex_id)]
    status, page = ask(world, "POST", fields)
    assert status == 200
    assert "cannot be reached" in page
    assert not device.granted


def test_ticks_become_consents_and_withdrawals(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        shared = rig.add("SNSW-001P16EU")
        new = rig.add("SNSW-001P16EU", granted=False)
        rig.start()
        rig.wait_online(shared)
        fields = [("itg", rig.world.tag), ("cb", rig.callback), ("device", new.hex_id)]
        status, page = ask(rig.world, "POST", fields)
        assert status == 200
        assert "Done: 2 changed." in page
        rig.wait_online(new)
        rig.wait(lambda: rig.topics_of(shared) == [])
