"""Bodies of answers, read to their end and no further than a limit.

read_body ─ piece after piece ─▶ all of it, or its beginning: then the connection is closed
"""

from __future__ import annotations

import aiohttp


async def read_body(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """Return the body of an answer; of one that is larger, its first `bytes_max` bytes: no JSON.

    One `content.read(n)` returns what is there, which is less than the body where that comes in
    pieces (docs.aiohttp.org, StreamReader.read).

    Raises:
        aiohttp.ClientError, TimeoutError: It did not come to its end.
    """
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > bytes_max:
            response.close()
            break
    return b"".join(parts)[:bytes_max]
