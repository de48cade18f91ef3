"""The files of constraints: what is tested besides the newest versions, and what a user can pin.

`python -m tests.packages.constraints` writes both: `lowest.txt` from the floors in `setup.cfg`,
`tested.txt` from what is installed where it runs. Run it after the suite has passed.
"""

from __future__ import annotations

import configparser
import importlib.metadata
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packages.programs import ROOT

LOWEST = ROOT / "constraints" / "lowest.txt"
TESTED = ROOT / "constraints" / "tested.txt"

_HEADS = {
    LOWEST: "The lowest versions that setup.cfg allows; python -m tests.packages.constraints",
    TESTED: "All that runs, as it passed the tests; python -m tests.packages.constraints",
}


def wanted() -> list[Requirement]:
    """What the project needs at run time, as `setup.cfg` says."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    lines = parser["options"]["install_requires"].split("\n")
    return [Requirement(line) for line in lines if line]


def floors() -> dict[str, str]:
    """The lowest version of each requirement; raises `ValueError` for one without a floor."""
    found: dict[str, str] = {}
    for each in wanted():
        floor = [part.version for part in each.specifier if part.operator == ">="]
        if len(floor) != 1:
            raise ValueError(f"{each} has no floor")
        found[each.name] = floor[0]
    return found


def installed() -> dict[str, str]:
    """The version here of each requirement, and of what these need in turn."""
    found: dict[str, str] = {}
    ahead = wanted()
    while ahead:
        each = ahead.pop()
        distribution = importlib.metadata.distribution(each.name)
        found[distribution.metadata["Name"]] = distribution.version
        for text in distribution.requires or ():
            needed = Requirement(text)
            if applies(needed, each.extras) and canonicalize_name(needed.name) not in known(found):
                ahead.append(needed)
    return found


def applies(needed: Requirement, extras: Iterable[str]) -> bool:
    """Whether something is needed here, by somebody who wants these extras."""
    marker = needed.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def known(names: Iterable[str]) -> set[str]:
    """Names as all programs compare them."""
    return {canonicalize_name(name) for name in names}


def read(text: str) -> dict[str, str]:
    """The pins of a file; raises `ValueError` for anything but exact versions."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, equals, version = line.partition("==")
        if not (name and equals and version):
            raise ValueError(f"not an exact version: {line!r}")
        found[name] = version
    return found


def text(pins: dict[str, str], head: str) -> str:
    """A file with these pins."""
    lines = [
        f"{name}=={version}"
        for name, version in sorted(pins.items(), key=lambda pin: pin[0].lower())
    ]
    return "\n".join([f"# {head}", *lines, ""])


def main() -> None:
    """Write both files."""
    for file, pins in ((LOWEST, floors()), (TESTED, installed())):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text(pins, _HEADS[file]))


if __name__ == "__main__":
    main()
