"""Pictures of people, small as they are, into the homeserver's media."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from bridge.domain.ids import UserId
from bridge.errors import Uncertain, Unconvertible
from bridge.matrix import tolerant
from bridge.matrix.connection import Connection

_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def mimetype_of(content: bytes) -> str | None:
    """Return what a picture is by its first bytes, whatever is claimed of it; None for anything else."""
    return next((kind for start, kind in _STARTS if content.startswith(start)), None)


class Pictures:
    """Uploads as the bot: no ghost need be there first."""

    def __init__(self, connection: Connection, *, bot: UserId) -> None:
        self._connection = connection
        self._target = f"/_matrix/media/v3/upload?{urlencode({'user_id': bot}, quote_via=quote)}"

    async def upload(self, content: bytes, mimetype: str) -> str:
        """Put a picture into the media, and return where it is.

        Raises:
            RemoteError: It is not there; an upload that nobody refers to does no harm.
        """
        answer = await self._connection.upload(self._target, content, mimetype, what="upload")
        try:
            found = tolerant.loads(answer)
            uri = found.get("content_uri") if isinstance(found, dict) else None
        except Unconvertible as error:
            raise Uncertain("upload: the answer is no JSON") from error
        if not isinstance(uri, str) or not uri.startswith("mxc://"):
            raise Uncertain("upload: the homeserver does not say where it is")
        return uri
