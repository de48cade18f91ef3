"""The stored login of one account, as its source sees it."""

from __future__ import annotations

from bridge.core.logins import Login
from bridge.store.registry import Store


class LoginVault:
    """Loads and saves one login; both raise `StoreError`."""

    def __init__(self, store: Store, account: str) -> None:
        self._store = store
        self._account = account

    def load(self) -> Login:
        """What is stored."""
        return self._store.login(self._account)

    def save(self, login: Login) -> bool:
        """Store it, unless a newer login is there; tells whether it was stored."""
        return self._store.put_login(self._account, login)
