"""Sending as the bot what nobody else can say or do. It is in every room of a portal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bridge.domain.ids import MessageRef
from bridge.matrix.answers import UNKNOWN_DEVICE, RejectedByHomeserver
from bridge.matrix.ghosts import DEVICE, Ghosts, Identity

Send = Callable[[Identity], Awaitable[MessageRef]]


async def as_bot(ghosts: Ghosts, send: Send) -> MessageRef:
    """Send as the bot; once more if the homeserver has forgotten its device.

    Raises:
        Refused: It was certainly not sent.
        Uncertain: It may have been sent.
    """
    devices, user = ghosts.devices, ghosts.names.bot
    bot = Identity(user=user, device=DEVICE if devices.supported else None)
    try:
        return await send(bot)
    except RejectedByHomeserver as error:
        if error.errcode != UNKNOWN_DEVICE:
            raise
    await devices.put(user)
    return await send(bot)
