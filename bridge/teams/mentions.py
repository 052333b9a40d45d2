"""Whom a chatMessage mentions: Graph's mentions by the ids that its `<at>`s use. Total.

    user          ─▶ TEAMS_USER, under the id that its ghost is named by
    application   ─▶ TEAMS_APP, likewise
    conversation  ─▶ CHANNEL, TEAM; a chat is EVERYONE in it
    tag           ─▶ TEAMS_TAG
    anything else ─▶ nobody: the words of its `<at>` are a name

Sources: learn.microsoft.com graph/api resources chatmessagemention, chatmessagementionedidentityset,
teamworkconversationidentity; chatmessage-get example 5 (everyone).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bridge.domain.content import Target, TargetKind
from bridge.teams.fields import Json, child, objects, text
from bridge.teams.identities import NAMELESS, author

MENTIONS_MAX = 500
"""Of one message; those beyond stay text."""

_CONVERSATIONS: Mapping[str, TargetKind] = {
    "team": TargetKind.TEAM,
    "channel": TargetKind.CHANNEL,
    "chat": TargetKind.EVERYONE,
}
_PEOPLE = (("user", TargetKind.TEAMS_USER), ("application", TargetKind.TEAMS_APP))


def mentions(message: Json) -> Iterator[tuple[int, Target]]:
    """Return the number of each `<at>` with whom it means."""
    for item in objects(message, "mentions", MENTIONS_MAX):
        number, target = item.get("id"), _target(child(item, "mentioned"))
        if type(number) is int and target is not None:  # True is an int.
            yield number, target


def _target(mentioned: Json) -> Target | None:
    for name, kind in _PEOPLE:
        person = author({name: child(mentioned, name)})
        if person is not None and not person.id.startswith(NAMELESS):
            return Target(kind=kind, id=person.id)
    conversation = child(mentioned, "conversation")
    place = _CONVERSATIONS.get((text(conversation, "conversationIdentityType") or "").lower())
    key = text(conversation, "id")
    if place is not None and key is not None:
        return Target(kind=place, id=key)
    tag = text(child(mentioned, "tag"), "id")
    return None if tag is None else Target(kind=TargetKind.TEAMS_TAG, id=tag)
