"""What the `resource` of a notification names: a message, or something that is to be looked at.

    chats('…')/messages('…')                             Address
    teams('…')/channels('…')/messages('…')[/replies('…')]
    chats('…')[/members('…')]                            ConversationNews
    teams('…')/channels('…')[/members('…')]
    teams('…')[/members('…')]                            TeamNews
    users('…'), Users/…                                  PersonNews

Letters are compared without their case, as Microsoft's own samples do not agree about it
(learn.microsoft.com graph/teams-changenotifications-*). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    MessageRef,
    Place,
    TeamId,
    TeamsUserId,
    TenantId,
    channel_place,
    reply_ref,
)
from bridge.domain.values import dataclass
from bridge.ports import ConversationNews, News, PersonNews, TeamNews, ViewNews


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Which message a notification is about."""

    place: Place
    ref: MessageRef


Subject = Address | News
Some = TypeVar("Some", bound=Subject)


def subject_of(path: str, tenant: TenantId) -> Subject | None:
    """Say what a path names; None if that is nothing we know of."""
    for pattern, read in _FORMS:
        found = pattern.search(path)
        if found is not None:
            return read(tenant, _parts(found))
    return None


def _parts(found: re.Match[str]) -> Sequence[str]:
    """Return the ids of a path as they are; a quote within one is written twice (OData)."""
    parts = found.groups("")
    return [part.replace("''", "'") for part in parts] if "''" in found.string else parts


def in_tenant(subject: Some, tenant: TenantId) -> Some:
    """Return the same with the tenant's id as we write it."""
    if tenant_of(subject) == tenant:
        return subject
    if isinstance(subject, Address | ConversationNews | ViewNews):
        return replace(subject, place=replace(subject.place, tenant=tenant))
    return replace(subject, tenant=tenant)


def tenant_of(subject: Subject) -> TenantId:
    """Return the tenant that something is in, as the notification writes it."""
    if isinstance(subject, Address | ConversationNews | ViewNews):
        return subject.place.tenant
    return subject.tenant


def team_id(text: str) -> TeamId:
    """Write a team's id as we keep it: a GUID has no case, a text in the database has."""
    return TeamId(text.lower())


def channel(tenant: TenantId, team: str, name: str) -> Place:
    """Name a channel by what Graph calls it and its team."""
    return channel_place(tenant, Channel(team=team_id(team), channel=ChannelId(name)))


def _chat(tenant: TenantId, name: str) -> Place:
    return Place(tenant=tenant, conversation=ConversationId(name))


def _chat_message(tenant: TenantId, parts: Sequence[str]) -> Subject:
    return Address(place=_chat(tenant, parts[0]), ref=MessageRef(parts[1]))


def _channel_message(tenant: TenantId, parts: Sequence[str]) -> Subject:
    team, name, root, reply = parts
    ref = reply_ref(MessageRef(root), MessageRef(reply)) if reply else MessageRef(root)
    return Address(place=channel(tenant, team, name), ref=ref)


def _chat_news(tenant: TenantId, parts: Sequence[str]) -> Subject:
    return ConversationNews(place=_chat(tenant, parts[0]))


def _channel_news(tenant: TenantId, parts: Sequence[str]) -> Subject:
    return ConversationNews(place=channel(tenant, parts[0], parts[1]))


def _team_news(tenant: TenantId, parts: Sequence[str]) -> Subject:
    return TeamNews(tenant=tenant, team=team_id(parts[0]))


def _person_news(tenant: TenantId, parts: Sequence[str]) -> Subject:
    return PersonNews(tenant=tenant, person=TeamsUserId((parts[0] or parts[1]).lower()))


Read = Callable[[TenantId, Sequence[str]], Subject]

_ID = r"\('((?:[^']++|'')+)'\)"
_MEMBER = r"(?:/members\('(?:[^']++|'')+'\))?"


def _form(text: str, read: Read) -> tuple[re.Pattern[str], Read]:
    return re.compile(rf"(?:^|/){text}$", re.IGNORECASE), read


_FORMS = (
    _form(f"chats{_ID}/messages{_ID}", _chat_message),
    _form(f"teams{_ID}/channels{_ID}/messages{_ID}(?:/replies{_ID})?", _channel_message),
    _form(f"chats{_ID}{_MEMBER}", _chat_news),
    _form(f"teams{_ID}/channels{_ID}{_MEMBER}", _channel_news),
    _form(f"teams{_ID}{_MEMBER}", _team_news),
    _form(f"users(?:{_ID}|/([^/'()]+))", _person_news),
)
