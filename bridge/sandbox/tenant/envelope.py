"""What a change notification looks like on the wire.

    Change ─ Telling, one for all who are told ─ item(subscription) ─> one element of `value`

The casing of `@odata.type` is that of the samples of learn.microsoft.com
graph/teams-changenotifications-{chatmessage,chat,chatmembership,team-and-channel,teammembership}
and graph/changenotifications-for-presence, which do not agree with each other; `changeType` is
`created` as the schema has it, while the samples of chats have `Created`.
`Settings.swap_casing` turns both round.
"""

from __future__ import annotations

import orjson

from bridge.sandbox.tenant import render
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.subscription import Subscription
from bridge.sandbox.tenant.targets import MESSAGES, Kind
from bridge.sandbox.tenant.tenant import Change, Tenant
from bridge.sandbox.tenant.world import Chat

_TYPES = {
    Kind.CHAT_MESSAGE: "#Microsoft.Graph.chatMessage",
    Kind.CHANNEL_MESSAGE: "#Microsoft.Graph.chatMessage",
    Kind.CHAT: "#microsoft.graph.chat",
    Kind.CHAT_MEMBER: "#microsoft.graph.aadUserConversationMember",
    Kind.TEAM: "#Microsoft.Graph.Team",
    Kind.TEAM_MEMBER: "#Microsoft.Graph.aadUserConversationMember",
    Kind.CHANNEL: "#Microsoft.Graph.Channel",
    Kind.CHANNEL_MEMBER: "#Microsoft.Graph.aadUserConversationMember",
    Kind.USER: "#Microsoft.Graph.User",
    Kind.PRESENCE: "#microsoft.graph.presence",
}
_OWN_VIEW = (
    "id",
    "topic",
    "createdDateTime",
    "lastUpdatedDateTime",
    "chatType",
    "tenantId",
    "viewpoint",
)
"""What Microsoft's sample shows of a chat when only the subscriber's own view of it changed."""
_CHAT_LISTS = ("messages", "installedApps", "tabs", "permissionGrants", "pinnedMessages")


class Telling:
    """A change as it is told: what is the same for everyone is made once."""

    __slots__ = ("_change", "_chat", "_contents", "_tenant", "kind", "place", "things")

    def __init__(self, tenant: Tenant, kind: Kind, change: Change) -> None:
        self._tenant = tenant
        self._change = change
        self._contents: dict[bool, bytes] = {}
        # A chat is shown with its members as they are now, the rest as `seen` is.
        self._chat = _rich(tenant, kind, change) if kind is Kind.CHAT else None
        self.kind = kind
        self.place, where = _addresses(kind, change)
        self.things: Json = {
            "id": change.id,
            "@odata.type": _cased_type(kind, swapped=tenant.settings.swap_casing),
            "@odata.id": where,
        }

    def content(self, subscription: Subscription) -> bytes:
        """The thing as a rich notification carries it, before encryption."""
        in_full = subscription.unknown_enum_members
        found = self._contents.get(in_full)
        if found is None:
            seen = self._chat or _rich(self._tenant, self.kind, self._change)
            if self.kind in MESSAGES and not in_full:
                seen = render.hide_unknown(seen)
            found = self._contents[in_full] = orjson.dumps(seen)
        return found


def item(tenant: Tenant, subscription: Subscription, telling: Telling, change_type: str) -> bytes:
    """One element of `value` of a notification, encrypted if the subscriber wants content."""
    shown: Json = {
        "subscriptionId": subscription.id,
        "changeType": change_type,
        "clientState": subscription.client_state,
        "subscriptionExpirationDateTime": stamp(subscription.expires),
        "resource": telling.place,
        "resourceData": telling.things,
        "tenantId": tenant.id,
    }
    if subscription.seal is not None:
        shown["encryptedContent"] = subscription.seal.close(telling.content(subscription))
    return orjson.dumps(shown)


def lifecycle_item(tenant: Tenant, subscription: Subscription, event: str) -> bytes:
    """One element of a lifecycle notification (graph/change-notifications-lifecycle-events)."""
    return orjson.dumps(
        {
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": stamp(subscription.expires),
            "tenantId": tenant.id,
            "clientState": subscription.client_state,
            "lifecycleEvent": event,
        }
    )


def collection(items: list[bytes], tokens: list[str] | None, *, rich: bool) -> bytes:
    """The body of one POST; only one with encrypted content has `validationTokens`."""
    value = b'{"value":[' + b",".join(items) + b"]"
    signed = b',"validationTokens":' + orjson.dumps(tokens) if rich else b""
    return value + signed + b"}"


def _cased_type(kind: Kind, *, swapped: bool) -> str:
    name = _TYPES[kind]
    if not swapped:
        return name
    space, _, last = name.rpartition(".")
    other = "#microsoft.graph" if space == "#Microsoft.Graph" else "#Microsoft.Graph"
    return f"{other}.{last[0].lower()}{last[1:]}"


def _addresses(kind: Kind, change: Change) -> tuple[str, str]:
    """`resource` and `@odata.id`, which are the same but for presence."""
    if kind is Kind.PRESENCE:
        return f"communications/presences/{change.id}", f"users/{change.id}/presence"
    if kind is Kind.USER:
        return f"Users/{change.id}", f"Users/{change.id}"
    return change.place, change.place


def _rich(tenant: Tenant, kind: Kind, change: Change) -> Json:
    if kind is Kind.PRESENCE:
        shown = {name: change.seen.get(name) for name in ("id", "availability", "activity")}
        odata_type = _cased_type(kind, swapped=False)
        return {"@odata.id": f"users/{change.id}/presence", "@odata.type": odata_type, **shown}
    collection_path = change.place.rpartition("(")[0]
    context: Json = {
        "@odata.context": f"{tenant.site.base}/v1.0/$metadata#{collection_path}/$entity"
    }
    match kind:
        case Kind.CHAT_MESSAGE | Kind.CHANNEL_MESSAGE:
            return {**context, **change.seen, "replies": [], "hostedContents": []}
        case Kind.CHAT:
            return {**context, **_rich_chat(tenant, change)}
        case Kind.CHAT_MEMBER | Kind.TEAM_MEMBER | Kind.CHANNEL_MEMBER:
            return {**context, **_rich_member(tenant, kind, change.seen)}
        case _:
            return {**context, **change.seen}


def _rich_chat(tenant: Tenant, change: Change) -> Json:
    if change.user is not None:
        return {name: change.seen[name] for name in _OWN_VIEW if name in change.seen}
    shown: Json = {name: value for name, value in change.seen.items() if name != "viewpoint"}
    shown |= {name: [] for name in _CHAT_LISTS}
    shown["lastMessagePreview"] = None
    if isinstance(change.conversation, Chat):
        members = [render.member(m, tenant.id) for m in change.conversation.members.values()]
        shown["members"] = [_rich_member(tenant, Kind.CHAT_MEMBER, m) for m in members]
    return shown


def _rich_member(tenant: Tenant, kind: Kind, seen: Json) -> Json:
    """Of a chat's members the samples show no names, of a team's no e-mail address."""
    shown: Json = {**seen, "user": None}
    if not tenant.settings.member_names_in_content:
        shown["email"] = None
        if kind is Kind.CHAT_MEMBER:
            shown["displayName"] = None
    return shown
