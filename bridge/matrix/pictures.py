"""Pictures of people into the homeserver's media: small ones, that are what they should be."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bridge.convert.losses import FILE_REFUSED
from bridge.errors import NotCopied
from bridge.matrix.sniffing import PICTURES, kind_of
from bridge.matrix.uploading import Upload, Uploader


class Pictures:
    """Uploads what is a picture by its own first bytes, whatever is claimed of it."""

    def __init__(self, uploader: Uploader) -> None:
        self._uploader = uploader

    async def upload(self, content: bytes) -> str:
        """Put a picture into the media, and return where it is.

        Raises:
            NotCopied: It is none, or the homeserver does not take it.
            RemoteError: Not now; an upload that nobody refers to does no harm.
        """
        kind = kind_of(content, "")
        if kind not in PICTURES:
            raise NotCopied("a picture of somebody that is none", loss=FILE_REFUSED)
        upload = Upload(pieces=_whole(content), size=len(content), mimetype=kind, name="")
        return await self._uploader.upload(upload)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
