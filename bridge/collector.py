"""Python's collector of circular garbage, kept from looking through all devices again and again.

With 30,000 devices it would hold up every thread for a second, and for several where processes
share a core; an instance of several would take itself for one that stood still.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping

_OLDEST = 2


def keep_collections_short() -> None:
    """Look through each object that stays only once from now on; for the whole process.

    What becomes garbage later is freed as ever, unless it is a circle of such objects; nothing of
    ours that comes and goes is one.
    """
    gc.freeze()
    if _freeze_the_rest not in gc.callbacks:
        gc.callbacks.append(_freeze_the_rest)


def _freeze_the_rest(phase: str, info: Mapping[str, int]) -> None:
    """What a whole collection has left is in use."""
    if phase == "stop" and info["generation"] == _OLDEST:
        gc.freeze()
