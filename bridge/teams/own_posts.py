"""Which notifications are of what we have just posted ourselves: known without being stored or opened.

    worker ─ posted, link written ─▶ note ┐
    hook ─ "created", of which message ───┴▶ is_echo ─▶ counted, and not stored

Graph tells of each message that we post, too, and opening such a letter costs more than posting did
(RSA). What it holds is what we wrote; whatever happens to the message later is told as another change.
Best effort: what comes before the link is written, to another process, or after a restart takes the
long way and is found to be an echo there.
"""

from __future__ import annotations

from collections import OrderedDict

from bridge.domain.ids import ConversationId, MessageRef, Place
from bridge.teams.addresses import Address

POSTS_KEPT_MAX = 4_096
"""The posts of some minutes: Graph takes 20 a second into chats."""
CREATED = "created"
"""The `changeType` of a new message."""


class OwnPosts:
    """Remembers the latest; keeps nothing elsewhere."""

    def __init__(self) -> None:
        self._latest: OrderedDict[tuple[ConversationId, MessageRef], None] = OrderedDict()

    def note(self, place: Place, ref: MessageRef) -> None:
        """Take note of a message that we have posted, and whose link is written down."""
        self._latest[place.conversation, ref] = None
        if len(self._latest) > POSTS_KEPT_MAX:
            self._latest.popitem(last=False)

    def is_echo(self, address: Address, change: str) -> bool:
        """Tell whether a notification of this change tells of a post of ours and nothing else."""
        return change == CREATED and (address.place.conversation, address.ref) in self._latest
