"""A file on disk for as long as its bytes are looked at; written and read in threads.

It has no name, so nothing is left of it whatever happens to the process. It lies where `TMPDIR`
says; a folder in memory would make of it what it is to avoid.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import IO, ParamSpec, TypeVar

from bridge.convert.losses import FILE_TOO_LARGE
from bridge.errors import NotCopied, Refused

P = ParamSpec("P")
T = TypeVar("T")

PIECE_BYTES = 256 * 1024
"""What is written or read at a time: a thread costs as much as copying some tens of kilobytes."""


class Spool:
    """Bytes on disk; `size` counts them, `digest` tells them from all others."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.size = 0
        self._hash = hashlib.sha256()

    async def fill(self, pieces: AsyncIterator[bytes], *, size_max: int) -> None:
        """Write everything that comes.

        Raises:
            NotCopied: It is more than `size_max` bytes.
            Refused: The disk is full, or broken.
            RemoteError: As `pieces`.
        """
        waiting = bytearray()
        async for piece in pieces:
            waiting += piece
            if self.size + len(waiting) > size_max:
                text = f"a file of more than {size_max} bytes is too large"
                raise NotCopied(text, loss=FILE_TOO_LARGE)
            if len(waiting) >= PIECE_BYTES:
                await _on_disk(self._write, bytes(waiting))
                waiting.clear()
        await _on_disk(self._write, bytes(waiting))

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield everything, from the beginning."""
        await _on_disk(self.file.seek, 0)  # Which writes what was held back.
        while piece := await _on_disk(self.file.read, PIECE_BYTES):
            yield piece

    async def read(self, start: int, count: int) -> bytes:
        """Return so many bytes from there on; fewer at its end.

        Raises:
            Refused: The disk is broken.
        """
        return await _on_disk(self._read, start, count)

    @property
    def digest(self) -> str:
        """SHA-256, as hexadecimal digits."""
        return self._hash.hexdigest()

    def _read(self, start: int, count: int) -> bytes:
        self.file.seek(start)  # Which writes what was held back.
        return self.file.read(count)

    def _write(self, data: bytes) -> None:
        self.file.write(data)
        self._hash.update(data)
        self.size += len(data)


async def _on_disk(do: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Do something with a file, in a thread; nothing has been said if it goes wrong."""
    try:
        return await asyncio.to_thread(do, *args, **options)
    except OSError as error:
        text = f"files on their way cannot be put on disk: {error.strerror or error}"
        raise Refused(text) from error


@asynccontextmanager
async def open_spool() -> AsyncIterator[Spool]:
    """Open an empty one; nothing is left of it afterwards.

    Raises:
        Refused: There is nowhere to put it.
    """
    file: IO[bytes] = await _on_disk(tempfile.TemporaryFile)
    try:
        yield Spool(file)
    finally:
        await asyncio.to_thread(file.close)
