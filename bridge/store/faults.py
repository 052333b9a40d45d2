"""What asyncpg's errors tell: of Postgres, of the connection, or of the statement alone."""

from __future__ import annotations

import asyncpg

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,  # disk full, out of memory, too many connections
    asyncpg.OperatorInterventionError,  # shutdown, starting up, cancelled by a timeout
    asyncpg.PostgresSystemError,  # I/O error below Postgres
    asyncpg.ReadOnlySQLTransactionError,  # a standby, or a disk that protects itself
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,  # the database itself does not exist
    # The server's last words reached an idle connection (measured with asyncpg 0.32.0).
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""Postgres cannot serve us now, whatever we ask."""
BUSY = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError)
"""Postgres is there and chose us as the one who must begin again."""
UNWRITABLE = (asyncpg.DiskFullError, asyncpg.ReadOnlySQLTransactionError)
"""Postgres still reads: only the statement that failed can tell that it is back."""
BROKEN = (asyncpg.InternalClientError, OSError, TimeoutError)
"""The connection is in a state that nobody knows."""
WRONG_ADDRESS = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)

FAULTS = (*BUSY, *AWAY, asyncpg.ClientConfigurationError, asyncpg.InterfaceError)
"""What may tell of Postgres rather than of a statement."""
REFUSALS = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What is left of asyncpg's errors once StoreUnavailable is taken away: the statement is at fault."""

_HINTS: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.DiskFullError, "make room on the database's disk"),
    (asyncpg.TooManyConnectionsError, "lower database.connections_max or raise max_connections"),
    (asyncpg.ReadOnlySQLTransactionError, "point database.uri at the primary"),
    (OSError, "check that Postgres runs and that database.uri is right"),
)


def hint_for(error: Exception) -> str | None:
    """Return what an operator may do about it."""
    return next((text for kind, text in _HINTS if isinstance(error, kind)), None)
