"""The names of things. Nobody outside this module takes a composite id apart.

Plain ids are `NewType`s over str or int; a composite id has its one maker (and parser) here.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from enum import StrEnum
from typing import NewType

from bridge.domain.values import dataclass

EntryId = NewType("EntryId", int)
DeliveryId = NewType("DeliveryId", int)
PortalId = NewType("PortalId", int)

TenantId = NewType("TenantId", str)
ConversationId = NewType("ConversationId", str)
"""A Teams chat: `19:…@thread.v2`, `19:…_…@unq.gbl.spaces`, `19:meeting_…@thread.v2`; or a channel,
`<team>/19:…@thread.tacv2` (see `channel_place`)."""
TeamId = NewType("TeamId", str)
"""A Teams team: the GUID of its group."""
ChannelId = NewType("ChannelId", str)
"""A channel of a team: `19:…@thread.tacv2`, old ones `19:…@thread.skype`."""
TeamsUserId = NewType("TeamsUserId", str)
"""What Graph calls `user.id`: a GUID for Entra accounts, other forms for guests of a meeting."""

RoomId = NewType("RoomId", str)
UserId = NewType("UserId", str)
"""A Matrix user, `@localpart:server`."""

MediaUri = NewType("MediaUri", str)
"""Where the homeserver keeps bytes, `mxc://server/id`."""

MessageRef = NewType("MessageRef", str)
"""A message as its own side names it: Matrix event id, or Teams message id (unique within its
conversation only; a reply in a channel is `<root>/<id>`, see `reply_ref`)."""
Version = NewType("Version", str)
"""Which state of a message was seen: Graph's `etag` (ms of the last change); on Matrix "" for a
message as it was sent, and the `origin_server_ts` of an edit or a redaction, in ms."""

TRANSACTION_ID_CHARS = 40


def is_older(one: Version, other: Version) -> bool:
    """Tell which of two versions of a message came first; they are numbers written without zeros."""
    return (len(one), one) < (len(other), other)


class Side(StrEnum):
    """One of the two networks."""

    TEAMS = "teams"
    MATRIX = "matrix"

    @property
    def other(self) -> Side:
        """The network across the bridge."""
        return Side.MATRIX if self is Side.TEAMS else Side.TEAMS


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A Teams conversation; message ids mean something only within it."""

    tenant: TenantId
    conversation: ConversationId


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel, as Graph's paths name it."""

    team: TeamId
    channel: ChannelId


_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PARTING = "/"
"""Stands in no id of Graph that is put together here."""


def is_account(person: str) -> bool:
    """Tell whether this is somebody's account: those alone are in lists of members.

    Bots, webhooks, telephones and the guests of a meeting have ids of other forms.
    """
    return bool(_GUID.fullmatch(person.lower()))


def channel_place(tenant: TenantId, channel: Channel) -> Place:
    """Name the conversation of a channel; its team belongs to every path that leads to it."""
    name = f"{channel.team}{_PARTING}{channel.channel}"
    return Place(tenant=tenant, conversation=ConversationId(name))


def channel_of(place: Place) -> Channel | None:
    """Return the channel that a place is; None for a chat."""
    team, parted, channel = place.conversation.partition(_PARTING)
    return Channel(team=TeamId(team), channel=ChannelId(channel)) if parted else None


def reply_ref(root: MessageRef, reply: MessageRef) -> MessageRef:
    """Name a reply to a post of a channel.

    Ids are unique within the post's thread only, and the post belongs to every path that leads to a
    reply (learn.microsoft.com graph/api chatmessage-get).
    """
    return MessageRef(f"{root}{_PARTING}{reply}")


def root_of(ref: MessageRef) -> MessageRef | None:
    """Return the post that a message of a channel replies to; None for a post, or a chat's message."""
    root, parted, _ = ref.partition(_PARTING)
    return MessageRef(root) if parted else None


def own_id(ref: MessageRef) -> str:
    """Return what Graph calls a message of Teams within its chat or its thread."""
    return ref.rpartition(_PARTING)[2]


def digest(*facts: str) -> str:
    """Return 52 lower-case base32 characters that stand for `facts`, in their order.

    Lengths are hashed too: ("ab", "c") and ("a", "bc") differ.
    """
    state = hashlib.sha256()
    for fact in facts:
        encoded = fact.encode()
        state.update(len(encoded).to_bytes(4, "big"))
        state.update(encoded)
    return b32encode(state.digest()).decode().rstrip("=").lower()


def transaction_id(place: Place, ref: MessageRef, *, kind: str, version: Version, part: int) -> str:
    """Name a send to Matrix by what is sent, so that repeating it is recognised as a repetition.

    Kind and part belong in it: Synapse keys (room, user, device, txn id) without the event type
    (measured on Synapse 1.163.2: a message and a reaction of one id collide).
    """
    facts = (place.tenant, place.conversation, ref, kind, version, str(part))
    return digest(*facts)[:TRANSACTION_ID_CHARS]


def trace_of(ref: MessageRef, part: int) -> str:
    """Name what a delivery to Teams leaves in its message, so that `find` recognises it."""
    return f"{ref}/{part}"
