"""Who is told of a change, and as what.

Change ─ kind_of ─> Kind ─ register ─> subscriptions that reach it ─ is_told ─> those who may know
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.sandbox.tenant import filters
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.targets import MESSAGES, Kind, Reach, Target
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Subject, Tenant
from bridge.sandbox.tenant.world import Channel, Chat, Membership

SYSTEM_EVENT = "systemEventMessage"
_ONE_PLACE = frozenset({Reach.CHAT, Reach.CHANNEL})
_CREATED = frozenset({"created"})
_UPDATED = frozenset({"updated"})
_DELETED = frozenset({"deleted"})
_GONE = frozenset({"updated", "deleted"})
_TOLD = {
    ChangeKind.CREATED: _CREATED,
    ChangeKind.UPDATED: _UPDATED,
    ChangeKind.DELETED: _DELETED,
}
_TOLD_OF_USERS = {
    ChangeKind.CREATED: _UPDATED,
    ChangeKind.UPDATED: _UPDATED,
    ChangeKind.DELETED: _GONE,
}
"""Creating and deleting a user is an update too (graph/change-notifications-overview)."""
_KINDS = {
    Subject.CHAT: Kind.CHAT,
    Subject.TEAM: Kind.TEAM,
    Subject.CHANNEL: Kind.CHANNEL,
    Subject.USER: Kind.USER,
    Subject.PRESENCE: Kind.PRESENCE,
}


def kind_of(change: Change) -> Kind:
    """What kind of thing changed, as resource paths tell them apart."""
    in_chat = isinstance(change.conversation, Chat)
    if change.subject is Subject.MESSAGE:
        return Kind.CHAT_MESSAGE if in_chat else Kind.CHANNEL_MESSAGE
    if change.subject is Subject.MEMBER:
        if change.conversation is None:
            return Kind.TEAM_MEMBER
        return Kind.CHAT_MEMBER if in_chat else Kind.CHANNEL_MEMBER
    return _KINDS[change.subject]


def change_types(kind: Kind, change: Change) -> frozenset[str]:
    """As which `changeType`s it is told; each is a notification of its own."""
    return (_TOLD_OF_USERS if kind is Kind.USER else _TOLD)[change.kind]


def reached(tenant: Tenant, kind: Kind, change: Change) -> Iterator[Subscription]:
    """The subscriptions whose target the changed thing belongs to."""
    register = tenant.subscriptions
    yield from register.whole(kind)
    if isinstance(change.conversation, Chat):
        chat = change.conversation
        yield from register.reaching(kind, Reach.CHAT, chat.id)
        yield from register.reaching_any(kind, Reach.USER, chat.members.keys())
        yield from register.reaching_any(kind, Reach.APP, tenant.catalog.at(chat.id).keys())
    elif kind is Kind.CHANNEL_MESSAGE and change.conversation is not None:
        yield from register.reaching(kind, Reach.CHANNEL, change.conversation.id)
    elif kind in (Kind.USER, Kind.PRESENCE):
        yield from register.reaching(kind, Reach.USER, change.id)
    else:
        yield from register.reaching(kind, Reach.TEAM, _team_id(change))


def is_told(tenant: Tenant, subscription: Subscription, kind: Kind, change: Change) -> bool:
    """Whether a subscription that reaches the change is told of it after all."""
    if kind in MESSAGES and not _passes(tenant, subscription.target, change):
        return False
    if kind is Kind.CHAT and change.user is not None and not _shares_view(subscription, change):
        return False
    return not subscription.delegated or _still_allowed(subscription, change)


def _passes(tenant: Tenant, target: Target, message: Change) -> bool:
    """Whether the message gets through the filters, and system messages to this target at all."""
    if (
        message.seen.get("messageType") == SYSTEM_EVENT
        and target.reach not in _ONE_PLACE
        and not tenant.settings.system_events_everywhere
    ):
        return False
    if target.search is None and target.mentioned is None:
        return True
    return filters.lets_through(target.search, target.mentioned, message.seen)


def _shares_view(subscription: Subscription, change: Change) -> bool:
    """What only one person sees of a chat is told to that person alone, who asked for it."""
    whose = None if change.user is None else change.user.id
    return subscription.target.own_view and subscription.creator == whose


def _still_allowed(subscription: Subscription, change: Change) -> bool:
    """A user is not told of places that the user has left; nor, by v1.0, of closed channels."""
    place = change.conversation
    if change.subject is Subject.CHANNEL and isinstance(place, Channel):
        standard = place.membership is Membership.STANDARD
        return standard and subscription.creator in place.people
    if change.team is not None and place is None:
        return subscription.creator in change.team.members
    return place is None or subscription.creator in place.people


def _team_id(change: Change) -> str:
    if change.team is not None:
        return change.team.id
    return change.conversation.team.id if isinstance(change.conversation, Channel) else ""
