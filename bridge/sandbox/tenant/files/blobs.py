"""The bytes of files: small ones in memory, large ones in a temporary folder, or made from a seed.

    Spool ── Draft (being written) ── finish ──> Blob (never changes)

Nothing here ever holds more of a large file than the piece that is asked for.

The hash is QuickXorHash, the only one that OneDrive for work has (learn.microsoft.com
onedrive/developer/code-snippets/quickxorhash).
"""

from __future__ import annotations

import base64
import random
import tempfile
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from typing_extensions import override

from bridge.sandbox.tenant.errors import GraphError

SMALL = 64 * 1024
"""Bytes up to which a file stays in memory."""
SPOOL_MAX = 8 * 1024**3
"""Bytes on disk per tenant; our own bound."""
PIECE = 256 * 1024
"""Bytes that are read or sent at a time."""

_HASH_BITS = 160
_SHIFT = 11
_FOLD = _HASH_BITS * 512
"""Bytes that are taken together: after 160 bytes the shifts begin anew."""


class Blob(Protocol):
    """The content of a file."""

    @property
    def size(self) -> int: ...

    @property
    def quick_hash(self) -> str | None: ...

    def read(self, offset: int, length: int) -> bytes: ...

    def drop(self) -> None: ...


class Spool:
    """The temporary folder of one tenant; it is there from the first large file on."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.used = 0
        """Bytes on disk."""

    @property
    def folder(self) -> Path | None:
        return None if self._folder is None else Path(self._folder.name)

    def draft(self) -> Draft:
        return Draft(self)

    def place(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tenant-files-")
        return Path(self._folder.name) / uuid4().hex

    def take(self, count: int) -> None:
        """Count bytes on disk.

        Raises:
            GraphError: 507, there are too many.
        """
        if self.used + count > SPOOL_MAX:
            raise GraphError(507, "quotaLimitReached", "Insufficient Space Available")
        self.used += count

    def close(self) -> None:
        """Delete everything; safe to call twice."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


class Draft:
    """A file that is being written: from the beginning to the end, and back at most."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._held = bytearray()
        self._path: Path | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        if self._path is None and self.size + len(data) <= SMALL:
            self._held += data
        else:
            self._to_disk(data)
        self.size += len(data)

    def rewind(self, size: int) -> None:
        """Forget everything after the first `size` bytes."""
        if self._path is None:
            del self._held[size:]
        else:
            with self._path.open("r+b") as file:
                file.truncate(size)
            self._spool.used -= self.size - size
        self.size = size

    def finish(self) -> Blob:
        """The content; nothing more can be written."""
        if self._path is None:
            return Held(bytes(self._held))
        return _Spooled(self._spool, self._path, self.size)

    def drop(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._spool.used -= self.size
            self._path = None
        self._held.clear()
        self.size = 0

    def _to_disk(self, data: bytes) -> None:
        held = b"" if self._path is not None else bytes(self._held)
        self._spool.take(len(held) + len(data))
        if self._path is None:
            self._path = self._spool.place()
            self._held.clear()
        with self._path.open("ab", buffering=0) as file:
            file.write(held + data if held else data)


class _Kept:
    """What small and large files share: the hash is made when it is first asked for."""

    size: int
    _hash: str | None = None

    @property
    def quick_hash(self) -> str | None:
        if self._hash is None:
            mixer = QuickXor()
            for offset in range(0, self.size, PIECE):
                mixer.update(self.read(offset, min(PIECE, self.size - offset)))
            self._hash = mixer.result()
        return self._hash

    def read(self, offset: int, length: int) -> bytes:
        raise NotImplementedError

    def drop(self) -> None:
        """The content is needed no more."""


class Held(_Kept):
    """A small file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    @override
    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


class _Spooled(_Kept):
    """A large file."""

    def __init__(self, spool: Spool, path: Path, size: int) -> None:
        self._spool = spool
        self._path = path
        self.size = size

    @override
    def read(self, offset: int, length: int) -> bytes:
        with self._path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length)

    @override
    def drop(self) -> None:
        self._path.unlink(missing_ok=True)
        self._spool.used -= self.size


class Made:
    """Bytes that follow from a seed: a file of any size that takes no place.

    SharePoint does not have a hash of every file at once; of these it never has.
    """

    quick_hash: str | None = None

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self._pattern = random.Random(seed).randbytes(PIECE)  # noqa: S311 - the same every time

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        found = bytearray()
        while offset < end:
            number, start = divmod(offset, PIECE)
            piece = number.to_bytes(8, "big") + self._pattern[8:]
            found += piece[start : start + end - offset]
            offset = number * PIECE + min(PIECE, start + end - offset)
        return bytes(found)

    def drop(self) -> None:
        """There is nothing to be dropped."""


class QuickXor:
    """Every byte is shifted 11 bits further than the one before, around 160 bits, and XORed."""

    def __init__(self) -> None:
        self._mixed = 0
        self._rest = b""
        self._length = 0

    def update(self, data: bytes) -> None:
        self._length += len(data)
        data = self._rest + data
        whole = len(data) - len(data) % _FOLD
        for start in range(0, whole, _FOLD):
            self._mixed ^= int.from_bytes(data[start : start + _FOLD], "little")
        self._rest = data[whole:]

    def result(self) -> str:
        mixed = self._mixed ^ int.from_bytes(self._rest, "little")
        column = 0
        for _ in range(_FOLD // _HASH_BITS):
            column ^= mixed & ((1 << (8 * _HASH_BITS)) - 1)
            mixed >>= 8 * _HASH_BITS
        found = 0
        for number, byte in enumerate(column.to_bytes(_HASH_BITS, "little")):
            shift = number * _SHIFT % _HASH_BITS
            spread = byte << shift
            found ^= spread & ((1 << _HASH_BITS) - 1) | spread >> _HASH_BITS
        found ^= self._length << (_HASH_BITS - 64)
        return base64.b64encode(found.to_bytes(_HASH_BITS // 8, "little")).decode()
