"""What can be said in a room so that it arrives in Teams: told to clients, which offer no more. Pure.

    a conversation, which way it is bridged ─▶ room_features ─▶ com.beeper.room_features

The event is that of mautrix' bridgev2 (mautrix/go event/capabilities.go and .d.ts), its state key the
bot.
Whatever is not named in it counts as refused. It says what the bridge does, not what it may do one
day: who teaches it something changes this table with it, and the README.

There is no `max_text_length`: what is too large for Teams is said in parts, and none of it is cut.
What may be changed of a room follows `teams.organising`: names of groups and channels, topics of
channels, and who is in them; pictures and bans are not carried.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from bridge.domain.ids import Side
from bridge.domain.portal import Conversation, ConversationKind, Direction, Membership
from bridge.domain.shape import Json
from bridge.domain.values import dataclass

ROOM_FEATURES = "com.beeper.room_features"


class Support(IntEnum):
    """How well something crosses; clients offer what is above zero."""

    REJECTED = -2
    DROPPED = -1
    FALLBACK = 0
    PARTLY = 1
    FULLY = 2


_FORMATTING: Mapping[str, Support] = {
    "bold": Support.FULLY,
    "italic": Support.FULLY,
    "underline": Support.FULLY,
    "strikethrough": Support.FULLY,
    "inline_code": Support.FULLY,
    "code_block": Support.FULLY,
    "code_block.syntax_highlighting": Support.FULLY,
    "blockquote": Support.FULLY,
    "inline_link": Support.FULLY,
    "user_link": Support.FULLY,
    "room_link": Support.FALLBACK,
    "event_link": Support.FALLBACK,
    "at_room_mention": Support.FULLY,
    "unordered_list": Support.FULLY,
    "ordered_list": Support.FULLY,
    "ordered_list.start": Support.FULLY,
    "custom_emoji": Support.FULLY,
    "spoiler": Support.PARTLY,
    "spoiler.reason": Support.PARTLY,
    "color.foreground": Support.FULLY,
    "color.background": Support.FULLY,
    "horizontal_line": Support.FULLY,
    "headers": Support.FULLY,
    "superscript": Support.FULLY,
    "subscript": Support.FULLY,
    "math": Support.FALLBACK,
    "details_summary": Support.DROPPED,
    "table": Support.FULLY,
}
_MEDIA = (
    "m.image",
    "m.file",
    "m.audio",
    "m.video",
    "org.matrix.msc3245.voice",
    "fi.mau.gif",
    "m.sticker",
)
_FILES = Support.FULLY
"""Pictures in the text, as long as they are not too large for it; everything else through a drive."""
_SAYING = (
    "location_message",
    "poll",
    "thread",
    "reply",
    "edit",
    "delete",
    "reaction",
)
_QUIET: Json = {
    "read_receipts": False,
    "typing_notifications": False,
    "custom_emoji_reactions": False,
    "delete_for_me": False,
    "archive": False,
    "mark_as_unread": False,
    "delete_chat": False,
    "delete_chat_for_everyone": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What depends on the configuration: bytes of a file, and whether who leaves, leaves in Teams."""

    file_size_max: int | None = None
    carries_leaving: bool = False


PLAIN = Offer()


def room_features(
    conversation: Conversation, direction: Direction, offer: Offer = PLAIN, *, plumbed: bool = False
) -> Json:
    """Say what arrives in Teams of what is said and changed in the room of a conversation.

    `plumbed`: people have made the room for themselves; it is theirs to name and to leave.
    """
    if conversation.is_archived or not direction.carries(Side.MATRIX):
        return NOTHING
    in_channel = conversation.kind is ConversationKind.CHANNEL
    return {
        **_QUIET,
        "read_receipts": not in_channel,  # Graph marks chats read, and nothing else.
        "formatting": {name: int(level) for name, level in _FORMATTING.items()},
        "file": {kind: _file(offer) for kind in _MEDIA},
        "state": {} if plumbed else _state(conversation),
        "member_actions": _members(conversation, offer, plumbed=plumbed),
        "location_message": int(Support.PARTLY),
        # It is asked there, and answered here.
        "poll": int(Support.PARTLY),
        # A channel has threads, and quotes nothing in them; a chat has quotes, and no threads.
        "thread": int(Support.FULLY if in_channel else Support.PARTLY),
        "reply": int(Support.PARTLY if in_channel else Support.FULLY),
        "edit": int(Support.FULLY),
        "delete": int(Support.FULLY),
        "reaction": int(Support.FULLY),
    }


def _file(offer: Offer) -> Json:
    most = {} if offer.file_size_max is None else {"max_size": offer.file_size_max}
    return {"mime_types": {"*/*": int(_FILES)}, "caption": int(Support.FULLY), **most}


def _state(conversation: Conversation) -> Json:
    """What is not named is not changed in Teams, and is set back."""
    in_channel = conversation.kind is ConversationKind.CHANNEL
    named = in_channel or conversation.kind is ConversationKind.GROUP
    kinds = [*(["m.room.name"] if named else []), *(["m.room.topic"] if in_channel else [])]
    return {kind: {"level": int(Support.FULLY)} for kind in kinds}


def _members(conversation: Conversation, offer: Offer, *, plumbed: bool) -> Json:
    """Who may do it in Teams is said by the power levels (`domain.rights`)."""
    if conversation.kind not in _CHANGING:
        return {}
    if plumbed:  # Whoever calls a ghost there wants the person; all else is the room's own affair.
        return {"invite": int(Support.PARTLY)}
    standard = (
        conversation.kind is ConversationKind.CHANNEL
        and conversation.membership is Membership.STANDARD
    )
    out = Support.REJECTED if standard else Support.FULLY
    leave = Support.FULLY if offer.carries_leaving and not standard else Support.FALLBACK
    return {
        "invite": int(Support.FULLY),
        "kick": int(out),
        "revoke_invite": int(out),
        # Carried as if it were none: who is banned may be added again in Teams.
        "ban": int(Support.REJECTED if standard else Support.PARTLY),
        "leave": int(leave),
    }


_CHANGING = frozenset({ConversationKind.GROUP, ConversationKind.MEETING, ConversationKind.CHANNEL})
"""Kinds whose members can change."""


NOTHING: Json = {
    **_QUIET,
    "formatting": {},
    "file": {},
    "state": {},
    "member_actions": {},
    **{name: int(Support.REJECTED) for name in _SAYING},
}
"""Of a room that is only to be read."""
