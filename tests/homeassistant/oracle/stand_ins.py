"""Packages that Home Assistant imports at its top and that nothing here calls.

Cloud, Bluetooth, backup: each would bring a dozen packages. Import this before `homeassistant`.
"""

from __future__ import annotations

import sys
from unittest.mock import MagicMock

UNUSED = ("hass_nabucasa", "habluetooth", "securetar")


def install() -> None:
    """Let the packages be imported as empty shells."""
    for name in UNUSED:
        sys.modules[name] = MagicMock()
