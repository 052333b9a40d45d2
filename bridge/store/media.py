"""Which bytes were copied to the homeserver; what is known of them is JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from typing_extensions import override

from bridge import ports
from bridge.domain.ids import MediaUri
from bridge.ports import Clock, Copy, Thumbnail
from bridge.store.database import Database

_FIND = "SELECT uri, info FROM media WHERE source = $1"
# What was copied a second time, by two processes at once, is the same.
_REMEMBER = """
INSERT INTO media (source, uri, info, copied_at)
SELECT source, $2, $3, $4 FROM unnest($1::text[]) AS n (source)
ON CONFLICT (source) DO UPDATE
SET uri = EXCLUDED.uri, info = EXCLUDED.info, copied_at = EXCLUDED.copied_at
"""


class MediaBook(ports.MediaBook):
    """Implements `ports.MediaBook`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @override
    async def copy_of(self, source: str) -> Copy | None:
        row = await self._database.fetchrow(_FIND, source)
        return None if row is None else _read(row["uri"], row["info"])

    @override
    async def remember_copy(self, copy: Copy, *sources: str) -> None:
        info = asdict(copy)
        del info["uri"]
        # In one order by everybody, lest two wait for each other.
        await self._database.execute(
            _REMEMBER, sorted(set(sources)), copy.uri, orjson.dumps(info), self._clock.now()
        )


def _read(uri: str, raw: bytes) -> Copy:
    """Fields that a newer version has added are stepped over."""
    info: dict[str, Any] = orjson.loads(raw)
    small = info.pop("thumbnail", None)
    known = {name: info[name] for name in Copy.__dataclass_fields__ if name in info}
    thumbnail = None if small is None else Thumbnail(**small)
    return Copy(**known, uri=MediaUri(uri), thumbnail=thumbnail)
