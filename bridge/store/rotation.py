"""Seal with the first key what was sealed with an older one, so that the older one can go.

    for each column that is sealed ─▶ rows by their key, a batch after the other
        sealed with the first key? ─yes─▶ left
                 └─ no ─ opened with any key ─▶ written, unless somebody has written it meanwhile
                              └─ with none ─▶ counted; nothing is changed

Safe beside running bridges, and to be broken off and begun again: what is done is found to be done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import field

from bridge.domain.values import dataclass
from bridge.errors import ConfigError
from bridge.store.database import Database
from bridge.store.secrets import Vault

BATCH = 200
"""Rows read at once; a token cache is some 10 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A column that is sealed, and what its rows are found by."""

    what: str
    table: str
    column: str
    key: str
    key_type: str = "text"


SEALED = (
    Sealed(what="sign-ins of people", table="accounts", column="token_cache_sealed", key="user_id"),
    Sealed(
        what="sign-ins under way",
        table="sign_ins",
        column="flow_sealed",
        key="ticket_hash",
        key_type="bytea",
    ),
    Sealed(what="private keys", table="certificates", column="private_key_sealed", key="id"),
    Sealed(
        what="client states", table="subscriptions", column="client_state_sealed", key="resource"
    ),
    Sealed(what="secrets of its own", table="own_secrets", column="value_sealed", key="name"),
)


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far one column has been gone through; `left`: sealed with the first key already."""

    of: Sealed
    left: int = 0
    done: int = 0
    unreadable: list[str] = field(default_factory=list)


async def rotate(database: Database, vault: Vault, *, dry_run: bool) -> AsyncIterator[Progress]:
    """Go through everything that is sealed; give the state of a column after each batch and at its end.

    `dry_run`: only say what would be done.

    Raises:
        StoreUnavailable: Postgres is away; begin again when it is back.
    """
    for sealed in SEALED:
        progress, last = Progress(of=sealed), None
        while rows := await database.fetch(_page(sealed), last, BATCH):
            last = rows[-1]["key"]
            for row in rows:
                await _turn(database, vault, progress, row["key"], row["sealed"], dry_run=dry_run)
            yield progress
        if last is None:
            yield progress


async def _turn(
    database: Database,
    vault: Vault,
    progress: Progress,
    key: str | bytes,
    before: bytes,
    *,
    dry_run: bool,
) -> None:
    if vault.is_newest(before):
        progress.left += 1
        return
    try:
        after = vault.seal(vault.open(before))
    except ConfigError:
        progress.unreadable.append(key if isinstance(key, str) else key.hex()[:16])
        return
    # Who has written it meanwhile has done so with a key of theirs: the next run sees it.
    if dry_run or await database.execute(_change(progress.of), key, before, after):
        progress.done += 1


def _page(of: Sealed) -> str:
    return f"""
SELECT {of.key} AS key, {of.column} AS sealed FROM {of.table}
WHERE ($1::{of.key_type} IS NULL OR {of.key} > $1) AND {of.column} IS NOT NULL
ORDER BY {of.key}
LIMIT $2
"""  # noqa: S608 - made of constants


def _change(of: Sealed) -> str:
    return f"UPDATE {of.table} SET {of.column} = $3 WHERE {of.key} = $1 AND {of.column} = $2"  # noqa: S608 - made of constants
