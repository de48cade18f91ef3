"""The type of everything that must not be seen: passwords and tokens.

It knows how not to be shown, and nothing of where a secret comes from or goes to.
"""

from __future__ import annotations

import hmac
from typing import NoReturn, Self

STARS = "********"


class Secret:
    """A text that prints as stars; only `reveal` gives it away.

    Equality takes the same time wherever the texts differ. Pickling raises `TypeError`, so that
    no secret reaches a file or another process by accident.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return STARS

    def __format__(self, spec: str) -> str:
        return format(STARS, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._bytes(), other._bytes())

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def _bytes(self) -> bytes:
        return self._value.encode("utf-8", "surrogatepass")
