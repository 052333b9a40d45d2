"""The bot's own voice: its user, its device, its notices.

A notice is written with two marks only, `code` and bare links; it is m.notice, which no other bot
answers.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from bridge.domain.ids import TRANSACTION_ID_CHARS, MessageRef, RoomId, UserId, digest
from bridge.errors import Rejected
from bridge.matrix.answers import UNKNOWN_DEVICE, RejectedByHomeserver
from bridge.matrix.client import Client
from bridge.matrix.ghosts import DEVICE, Devices
from bridge.matrix.names import Names
from bridge.matrix.paths import Method, Path
from bridge.matrix.sender import Outgoing, Sender
from bridge.telemetry import log

NOTICE_KEY = "io.github.matrix-teams-bridge.notice"

_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"https?://[^\s<>]+")


def notice_content(text: str, *, key: str, mentions: Sequence[UserId] = ()) -> Mapping[str, object]:
    """Return the content of a notice; `key` keeps two notices of equal text two events."""
    marked = _LINK.sub(_anchor, html.escape(text, quote=True))
    marked = _CODE.sub(r"<code>\1</code>", marked).replace("\n", "<br/>")
    return {
        "msgtype": "m.notice",
        "body": text,
        "format": "org.matrix.custom.html",
        "formatted_body": marked,
        "m.mentions": {"user_ids": list(mentions)} if mentions else {},
        NOTICE_KEY: key,
    }


def _anchor(match: re.Match[str]) -> str:
    return f'<a href="{match[0]}">{match[0]}</a>'


class Bot:
    """Speaks as the bot; what has the same key is said once."""

    def __init__(
        self,
        client: Client,
        sender: Sender,
        names: Names,
        *,
        name: str,
        devices: Devices,
    ) -> None:
        self.user = names.bot
        self._client = client
        self._sender = sender
        self._localpart = names.bot_localpart
        self._name = name
        self._picture = names.icon
        self._devices = devices
        self._device: str | None = None

    async def prepare(self) -> None:
        """Register the bot, give it its device, its name and its picture.

        Raises:
            RemoteError: It could not be set up; Rejected if the homeserver knows no such user.
        """
        await self._client.register(self._localpart)
        await self._client.whoami(self.user)  # Our domain may not be the homeserver's.
        self._device = DEVICE if await self._devices.put(self.user) else None
        try:
            if await self._client.display_name(self.user) != self._name:
                await self._client.set_display_name(self.user, self._name)
            await self._show_picture()
        except Rejected as error:
            log.warning("bot not renamed", user=self.user, error=str(error))

    async def _show_picture(self) -> None:
        """Synapse tells every room of a change, so it is looked first."""
        if self._picture is None:
            return
        path = Path.v3.profile[self.user]
        shown: Any = await self._client.call(Method.GET, path, user=self.user)
        if not isinstance(shown, dict) or shown.get("avatar_url") != self._picture:
            await self._client.set_avatar(self.user, self._picture)

    async def notice(
        self, room: RoomId, text: str, *, key: str, mentions: Sequence[UserId] = ()
    ) -> MessageRef:
        """Say something in a room that the bot is in.

        Raises:
            Refused: It was certainly not said.
            Uncertain: It may have been said; repeating it is harmless for a day.
        """
        content = orjson.dumps(notice_content(text, key=key, mentions=mentions))
        try:
            return await self._send(room, key, content)
        except RejectedByHomeserver as error:
            if error.errcode != UNKNOWN_DEVICE:
                raise
        await self.prepare()  # The homeserver has forgotten it.
        return await self._send(room, key, content)

    async def _send(self, room: RoomId, key: str, content: bytes) -> MessageRef:
        return await self._sender.send(
            Outgoing(
                room=room,
                sender=self.user,
                device=self._device,
                transaction=digest("notice", room, key)[:TRANSACTION_ID_CHARS],
                content=content,
            )
        )
