"""Graph's paths of conversations and messages: of chats, and of the channels of teams. Pure.

    chat      /chats/{chat}/messages/{message}
    channel   /teams/{team}/channels/{channel}/messages/{post}[/replies/{reply}]

Ids are percent-encoded (learn.microsoft.com graph/api chatmessage-get).
"""

from __future__ import annotations

from bridge.domain.ids import MessageRef, Place, channel_of, own_id, root_of
from bridge.teams.graph import segment


def conversation_path(place: Place) -> str:
    """Return the path of a chat or a channel."""
    channel = channel_of(place)
    if channel is None:
        return f"/chats/{segment(place.conversation)}"
    return f"/teams/{segment(channel.team)}/channels/{segment(channel.channel)}"


def messages_path(place: Place) -> str:
    """Return the path of a chat's messages, or of a channel's posts."""
    return f"{conversation_path(place)}/messages"


def replies_path(place: Place, root: MessageRef) -> str:
    """Return the path of the replies to a post of a channel."""
    return f"{messages_path(place)}/{segment(root)}/replies"


def message_path(place: Place, ref: MessageRef) -> str:
    """Return the path of a message."""
    root = root_of(ref)
    if root is None:
        return f"{messages_path(place)}/{segment(ref)}"
    return f"{replies_path(place, root)}/{segment(own_id(ref))}"


def deletion_path(place: Place, ref: MessageRef, author: str) -> str:
    """Return where a message is taken back.

    In chats the path names whose it is, in channels it does not (learn.microsoft.com graph/api
    chatmessage-softdelete).
    """
    path = f"{message_path(place, ref)}/softDelete"
    return path if channel_of(place) else f"/users/{segment(author)}{path}"
