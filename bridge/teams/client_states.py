"""Client states of people's subscriptions: each says for whom it is, and proves that it is ours.

    <user id>.<HMAC-SHA-256 of it, with a secret of the bridge>

Ten thousand of them need no memory, and every process knows those that another one has given to
Graph. At most 128 characters (learn.microsoft.com graph/api resources/subscription); these are 80.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from bridge.domain.ids import TeamsUserId
from bridge.domain.likeness import is_account


class ClientStates:
    """Makes and reads them; with an empty secret there are none."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret.encode()

    def of(self, person: TeamsUserId) -> str:
        """Return the state of somebody's subscription."""
        digest = hmac.digest(self._secret, person.encode(), hashlib.sha256)
        return f"{person}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    def person_of(self, state: object) -> TeamsUserId | None:
        """Return for whom a state was made; None if it is none of ours. Compares in constant time."""
        if not isinstance(state, str) or not self._secret:
            return None
        person = state.partition(".")[0]
        if not is_account(person):
            return None
        made = self.of(TeamsUserId(person))
        fits = hmac.compare_digest(made.encode(), state.encode(errors="replace"))
        return TeamsUserId(person) if fits else None
