"""Access tokens of the simulated cloud."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.tokens import Tokens

TOKENS = Tokens()


def test_a_token_says_what_it_was_issued_for() -> None:
    claims = TOKENS.check(TOKENS.issue({"itg": "A"}))
    assert claims is not None
    assert claims["itg"] == "A"


def test_tokens_of_another_world_expired_and_revoked_ones_are_not_accepted() -> None:
    tokens = Tokens()
    assert tokens.check(TOKENS.issue({})) is None
    kept, revoked = tokens.issue({}), tokens.issue({})
    tokens.revoke(revoked)
    tokens.revoke("nonsense")
    assert tokens.check(revoked) is None
    assert tokens.check(kept) is not None
    tokens.revoke_all()
    assert tokens.check(kept) is None
    tokens.lifetime = -1
    assert tokens.check(tokens.issue({})) is None


@given(st.text())
def test_no_text_does_harm(text: str) -> None:
    assert TOKENS.check(text) is None
