"""Code snippets: their text lies in Graph, and is fetched before the message is read.

    ChatMessage.snippets ─ hosted content of this very conversation? ─▶ Downloads ─▶ a block of code
                                                └─ no, gone, too large ─▶ its name, and a loss

What cannot be had now is asked for again with the whole entry, a few times; then the message goes on
without. Source: learn.microsoft.com graph/api chatmessagehostedcontent-get.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from bridge.convert.losses import CODE_SNIPPET_TEXT
from bridge.domain.content import Block, Bold, Card, CodeBlock, Paragraph, Text
from bridge.domain.ids import Place
from bridge.domain.values import dataclass
from bridge.errors import NotCopied, RemoteError
from bridge.ports import Stream
from bridge.teams.attachments import Snippet
from bridge.teams.hosts import Hosts
from bridge.teams.media import hosted_path
from bridge.teams.payloads import ChatMessage
from bridge.telemetry import log

SNIPPET_BYTES_MAX = 128 * 1024
"""Of one snippet; more is named only. A message in Matrix has room for 60 KB, a few are bearable."""
SNIPPETS_MAX = 10
"""Of one message; the Teams client makes one."""
TRIES_MAX = 3
"""Attempts at an entry that wait for a snippet."""
KIND = "application/vnd.microsoft.card.codesnippet"

Open = Callable[[str], AbstractAsyncContextManager[Stream]]
"""Opens a path of Graph; raises as `Downloads.open`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippets:
    """Fetches with the app's token, from Graph alone."""

    hosts: Hosts
    open: Open

    async def fetch(self, place: Place, message: ChatMessage, *, attempts: int) -> ChatMessage:
        """Return the message with its code, as far as that can be had.

        Raises:
            RemoteError: Not now, and `attempts` are not too many yet.
        """
        if not message.snippets:
            return message
        found: dict[str, Block | None] = dict(message.attachments)
        for key, snippet in list(message.snippets.items())[:SNIPPETS_MAX]:
            code = await self._code(place, snippet, attempts)
            if code is not None:
                found[key] = _shown(snippet, code)
        are_all = all(found[key] != message.attachments[key] for key in message.snippets)
        losses = message.losses if are_all else (*message.losses, CODE_SNIPPET_TEXT)
        return replace(message, attachments=found, losses=losses)

    async def _code(self, place: Place, snippet: Snippet, attempts: int) -> str | None:
        url = self.hosts.permitted(snippet.url)
        path = hosted_path(url, place) if url is not None and self.hosts.is_graph(url) else None
        if path is None:
            log.info("code snippet not fetched", reason="no content of this conversation")
            return None
        try:
            return await self._read(path)
        except NotCopied as error:
            log.info("code snippet not fetched", reason=str(error))
        except RemoteError as error:
            if attempts < TRIES_MAX:
                raise
            log.warning("code snippet not fetched", reason=str(error))
        return None

    async def _read(self, path: str) -> str | None:
        """Read a text; None for one that is too large, or none."""
        pieces: list[bytes] = []
        size = 0
        async with self.open(path) as stream:
            async for piece in stream.pieces:
                pieces.append(piece)
                size += len(piece)
                if size > SNIPPET_BYTES_MAX:
                    return None
        text = b"".join(pieces).decode("utf-8-sig", errors="replace")
        return text if text.strip() else None


def _shown(snippet: Snippet, code: str) -> Block:
    block = CodeBlock(text=code, language=snippet.language)
    if not snippet.name:
        return block
    title = Paragraph(content=(Bold(content=(Text(text=snippet.name),)),))
    return Card(blocks=(title, block), kind=KIND)
