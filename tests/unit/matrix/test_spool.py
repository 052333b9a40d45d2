"""Files on their way: kept whole, bounded, and no bug where the disk is full."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from io import BytesIO

import pytest
from typing_extensions import override

from bridge.errors import NotCopied, Refused
from bridge.matrix.spool import PIECE_BYTES, Spool, open_spool


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


class FullDisk(BytesIO):
    @override
    def write(self, _data: object, /) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_what_was_put_in_comes_out_whole() -> None:
    contents = [b"a" * PIECE_BYTES, b"", b"b" * (2 * PIECE_BYTES + 1)]

    async with open_spool() as spool:
        await spool.fill(pieces(*contents), size_max=10 * PIECE_BYTES)
        found = b"".join([piece async for piece in spool.pieces()])

        assert found == b"".join(contents)
        assert spool.size == len(found)
        assert spool.digest == sha256(found).hexdigest()


async def test_more_than_is_allowed_is_refused_before_it_is_all_there() -> None:
    async with open_spool() as spool:
        with pytest.raises(NotCopied):
            await spool.fill(pieces(b"abc", b"def"), size_max=5)


async def test_a_full_disk_is_a_refusal_that_is_tried_again_and_no_bug() -> None:
    with pytest.raises(Refused, match="cannot be put on disk: No space left") as refused:
        await Spool(FullDisk()).fill(pieces(b"x"), size_max=5)

    assert isinstance(refused.value.__cause__, OSError)
