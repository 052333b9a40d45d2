"""Subscriptions at Graph and the certificates they were made with; secrets are sealed."""

from __future__ import annotations

from typing_extensions import override

from bridge import ports
from bridge.ports import Certificate, Clock, Subscription
from bridge.store.database import Database, Row
from bridge.store.secrets import Vault

_CERTIFICATES = """
SELECT id, certificate, private_key_sealed FROM certificates ORDER BY number DESC
"""
_ADD_CERTIFICATE = """
INSERT INTO certificates (id, certificate, private_key_sealed, created_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (id) DO NOTHING
"""
_SUBSCRIPTIONS = """
SELECT resource, graph_id, client_state_sealed, certificate_id, expires_at FROM subscriptions
WHERE resource NOT LIKE '/users/_%'
ORDER BY resource
"""
_REMEMBER = """
INSERT INTO subscriptions (resource, graph_id, client_state_sealed, certificate_id, expires_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (resource) DO UPDATE SET
    graph_id = EXCLUDED.graph_id,
    client_state_sealed = EXCLUDED.client_state_sealed,
    certificate_id = EXCLUDED.certificate_id,
    expires_at = EXCLUDED.expires_at
"""


class SubscriptionBook(ports.SubscriptionBook):
    """Implements `ports.SubscriptionBook`."""

    def __init__(self, database: Database, clock: Clock, vault: Vault) -> None:
        self._database = database
        self._clock = clock
        self._vault = vault

    @override
    async def certificates(self) -> tuple[Certificate, ...]:
        return tuple(
            Certificate(
                id=row["id"],
                certificate=row["certificate"],
                private_key=self._vault.open(row["private_key_sealed"]),
            )
            for row in await self._database.fetch(_CERTIFICATES)
        )

    @override
    async def add_certificate(self, certificate: Certificate) -> None:
        await self._database.execute(
            _ADD_CERTIFICATE,
            certificate.id,
            certificate.certificate,
            self._vault.seal(certificate.private_key),
            self._clock.now(),
        )

    @override
    async def subscriptions(self) -> tuple[Subscription, ...]:
        rows = await self._database.fetch(_SUBSCRIPTIONS)
        return tuple(subscription_of(row, self._vault) for row in rows)

    @override
    async def remember_subscription(self, subscription: Subscription) -> None:
        await self._database.execute(
            _REMEMBER,
            subscription.resource,
            subscription.id,
            self._vault.seal(subscription.client_state),
            subscription.certificate_id,
            subscription.expires_at,
        )


def subscription_of(row: Row, vault: Vault) -> Subscription:
    """Read a row of the table."""
    return Subscription(
        resource=row["resource"],
        id=row["graph_id"],
        client_state=vault.open(row["client_state_sealed"]),
        certificate_id=row["certificate_id"],
        expires_at=row["expires_at"],
    )
