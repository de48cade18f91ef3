"""A12, A13: whoever stands between the bridge and Shelly's cloud, or leads it elsewhere."""

from __future__ import annotations

import ast
from pathlib import Path

import bridge
from bridge.simulator.certificates import Authority
from bridge.simulator.faults import TokenAnswer
from tests.system.rig import HOSTS, Rig

RELAY = "SNSW-001P16EU"
PACKAGE = Path(bridge.__file__).parent
UNCHECKED = {
    "CERT_NONE",
    "CERT_OPTIONAL",
    "_create_unverified_context",
    "verify_mode",
    "check_hostname",
}


def test_a12_a_cloud_with_a_foreign_certificate_is_told_nothing(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with Rig(tmp_path, integrator__ca_file=str(Authority(other).ca_file)) as rig:
        rig.add(RELAY)
        rig.start()
        rig.wait(lambda: "certificate" in str(rig.json(f"bridge/hosts/{HOSTS[0]}") or {}))
        assert list(rig.world.host().counters.opened) == []
        assert list(rig.world.api.counters.requests) == []


def test_a12_nothing_in_the_program_can_turn_the_check_off() -> None:
    seen = set()
    for file in PACKAGE.rglob("*.py"):
        if "simulator" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            # As a name, an attribute, an argument, or a key of a dictionary of options.
            for what in ("attr", "id", "arg", "value"):
                name = getattr(node, what, None)
                if isinstance(name, str):
                    assert name not in UNCHECKED, f"{file}: {name}"
                    seen.add(name)
    assert "create_default_context" in seen


def test_a13_redirects_of_the_cloud_are_not_followed(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        relay = rig.add(RELAY)
        rig.world.api.faults.token = TokenAnswer.REDIRECT
        rig.start()
        link = f"bridge/hosts/{HOSTS[0]}"
        rig.wait(lambda: "redirects" in str((rig.json(link) or {}).get("error")))
        assert list(rig.world.host().counters.opened) == []
        faults = rig.world.host().faults
        faults.refuse, faults.refuse_location = 302, "https://evil.example/"
        rig.world.api.faults.token = TokenAnswer.GOOD
        rig.wait(lambda: "HTTP 302" in str((rig.json(link) or {}).get("error")), limit=60)
        faults.refuse = None
        rig.wait_online(relay, limit=60)
        assert set(rig.resolved) <= {"localhost", *HOSTS}
