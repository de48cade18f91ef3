"""What is remembered of a Shelly account: its tokens, and what became of its password."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Login:
    """The login of one account, as stored; every token in here is as good as a password.

    `count` says how often somebody logged in anew, so that a late write touches no newer login.
    """

    count: int = 0
    base: str = ""
    """URL of the account's host, as the newest token names it."""
    access: str = ""
    """Of one that was refused only what it said is kept, to know whose the login is."""
    refresh: str = ""
    code: str = ""
    refused: str = ""
    """Hash of the e-mail address and password that the cloud did not take."""
    refusals: int = 0
    """How often in a row it did not take them."""

    def __repr__(self) -> str:
        return f"Login({self.count}, ***)"


NONE = Login()
"""Of an account that nobody logged in to so far."""
