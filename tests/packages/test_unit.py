"""The systemd units: accepted as they are written, hardened, and as the documentation says."""

from __future__ import annotations

import configparser
import difflib
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from bridge.cli import WRONG_CONFIGURATION
from bridge.notify import Notifier
from bridge.supervision import INTERVAL, MORE_TIME
from tests.packages.programs import ROOT, TEMPLATE, UNIT

EXPOSURE = 1.5
"""What an unhardened service has is 9.6; sandboxes of well-kept services have about 1."""


EITHER = pytest.mark.parametrize("file", [UNIT, TEMPLATE], ids=lambda file: file.name)


def unit(text: str | None = None) -> configparser.ConfigParser:
    """The unit's sections, as far as each key stands there once."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # keys keep their case
    parser.read_string(UNIT.read_text() if text is None else text)
    return parser


def exposure(file: Path) -> float:
    """How much of the system the service can reach, from 0 to 10."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def complaints(text: str, directory: Path, name: str) -> str:
    """What systemd says of a unit, with a program in its place that exists here."""
    file = directory / name
    file.write_text(re.sub(r"(?m)^(ExecStart=)\S+", r"\1/bin/sh", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    return "\n".join(line for line in done.stderr.splitlines() if name in line)


@pytest.mark.systemd
@EITHER
def test_the_service_can_reach_little(tmp_path: Path, file: Path) -> None:
    assert exposure(file) <= EXPOSURE
    # The judge can say otherwise.
    bare = tmp_path / file.name
    bare.write_text("[Service]\nExecStart=/bin/sh\n")
    assert exposure(bare) > 9


@pytest.mark.systemd
@EITHER
def test_systemd_understands_every_line(tmp_path: Path, file: Path) -> None:
    text, name = file.read_text(), file.name.replace("@", "@east")
    assert complaints(text, tmp_path, name) == ""
    assert complaints(text.replace("\n#Load", "\nLoad"), tmp_path, name) == ""
    wrong = text.replace("WatchdogSec=", "WatchdogSecs=")
    assert "WatchdogSecs" in complaints(wrong, tmp_path, name)


@EITHER
def test_it_fits_what_the_bridge_does(file: Path) -> None:
    service = unit(file.read_text())["Service"]
    assert service["Type"] == "notify"
    assert service["RestartPreventExitStatus"] == str(WRONG_CONFIGURATION)
    assert service["Restart"] == "on-failure"
    assert unit(file.read_text())["Unit"]["StartLimitIntervalSec"] == "0"
    watchdog = Notifier({"WATCHDOG_USEC": f"{service['WatchdogSec']}000000"}).watchdog
    assert watchdog is not None
    assert watchdog >= 6 * INTERVAL
    # The first request for more time comes before the first limit, each next one before the last.
    assert int(service["TimeoutStartSec"]) > INTERVAL
    assert MORE_TIME > 6 * INTERVAL
    assert int(service["TimeoutStopSec"]) > 10
    assert service["DynamicUser"] == "yes"
    assert service["StateDirectoryMode"] == "0700"


def test_each_of_several_bridges_has_what_is_its_own() -> None:
    alone, several = unit()["Service"], unit(TEMPLATE.read_text())["Service"]
    assert alone["StateDirectory"] == "shelly-bridge"
    assert several["StateDirectory"] == "shelly-bridge/%i"
    assert "/etc/shelly-bridge/config.yaml" in alone["ExecStart"]
    assert "/etc/shelly-bridge/%i.yaml" in several["ExecStart"]
    # All of them on one CPU would be worse than none on a CPU of its own.
    assert "CPUAffinity" in alone
    assert "CPUAffinity" not in several


def test_a_frozen_one_of_several_is_ended_at_once() -> None:
    service = unit(TEMPLATE.read_text())["Service"]
    # It would not hear of any other signal, and the others wait for its hosts.
    assert service["WatchdogSignal"] == "SIGKILL"
    assert int(service["WatchdogSec"]) <= 30


def test_several_bridges_are_held_as_strictly_as_one() -> None:
    ours, theirs = (file.read_text().splitlines() for file in (UNIT, TEMPLATE))
    same = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    kept = {line for block in same for line in ours[block.a : block.a + block.size]}
    first = ours.index("NoNewPrivileges=yes")
    assert [line for line in ours[first:] if line not in kept] == []


def test_what_the_docs_type_turns_a_credential_on(tmp_path: Path) -> None:
    """The `sed` line of the page on installation, and the path that its configuration names."""
    page = (ROOT / "docs" / "install.md").read_text()
    (line,) = re.findall(r"^sudo (sed -i .*shelly-bridge\.service)$", page, re.MULTILINE)
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text())
    words = [str(file) if word.endswith(UNIT.name) else word for word in shlex.split(line)]
    subprocess.run(words, check=True)
    assert unit(file.read_text())["Service"]["LoadCredential"] == (
        "mqtt-password:/etc/shelly-bridge/mqtt-password"
    )
    assert '"${CREDENTIALS_DIRECTORY}/mqtt-password"' in page
    assert "cat > /etc/shelly-bridge/mqtt-password" in page
