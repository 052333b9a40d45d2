"""Who and what a message can mention, as a client sends it and as Graph gives it back.

Sources: learn.microsoft.com graph/api chatmessage-post (examples 2 and 7 to 9), resources
chatmessagemention, chatmessagementionedidentityset, teamworkconversationidentity.
"""

from __future__ import annotations

from bridge.sandbox.tenant import identities, wire
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request
from bridge.sandbox.tenant.identity import RobotKind
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import User

NUMBER_MAX = 2**31 - 1
"""`id` is an Int32."""
_MENTION = {"id", "mentionText", "mentioned"}
_MENTIONED = {"user", "application", "device", "conversation", "tag"}
_CONVERSATIONS = ("team", "channel", "chat")
_APPLICATIONS = frozenset(RobotKind) - {RobotKind.DEVICE}


def read(tenant: Tenant, item: Json) -> Json:
    """A chatMessageMention as a client sends it, checked and in Graph's form.

    Raises:
        GraphError: 400 for anything malformed, and for someone whom the tenant does not know.
    """
    wire.only_known(item, _MENTION, "chatMessageMention")
    number = item.get("id")
    if type(number) is not int or not 0 <= number <= NUMBER_MAX:
        raise bad_request("Invalid value specified for property 'id' of a mention.")
    mentioned = wire.as_object(item.get("mentioned"), "mentioned")
    wire.only_known(mentioned, _MENTIONED, "chatMessageMentionedIdentitySet")
    found = [name for name in sorted(_MENTIONED) if mentioned.get(name) is not None]
    if len(found) != 1:
        raise bad_request("A mention must mention exactly one user, application or conversation.")
    identity = wire.as_object(mentioned[found[0]], found[0])
    text = wire.required_text(item, "mentionText")
    return made(number, text, **{found[0]: _identity(tenant, found[0], identity)})


def made(number: int, text: str, **mentioned: Json) -> Json:
    """A chatMessageMention of one identity, given by the name of its kind."""
    empty: Json = dict.fromkeys(("application", "conversation", "device", "user"))
    return {"id": number, "mentionText": text, "mentioned": empty | mentioned}


def of_user(tenant: Tenant, number: int, text: str, user: User) -> Json:
    return made(number, text, user=identities.person(user, tenant.id))


def of_conversation(number: int, text: str, kind: str, key: str, name: str | None) -> Json:
    """A team, a channel, or a chat with everyone in it."""
    return made(number, text, conversation=_conversation(kind, key, name))


def _identity(tenant: Tenant, kind: str, given: Json) -> Json:
    key = wire.required_text(given, "id")
    name = wire.optional_text(given, "displayName")
    match kind:
        case "user":
            known = tenant.users.get(key) or tenant.people.strangers.get(key)
            if known is None:
                raise bad_request("Invalid user id specified for a mention.")
            return identities.person(known, tenant.id)
        case "conversation":
            return _conversation(_choice(given, "conversationIdentityType"), key, name)
        case "application":
            application = wire.optional_text(given, "applicationIdentityType") or "bot"
            if application not in _APPLICATIONS:
                raise _unconvertible(application, "teamworkApplicationIdentityType")
            return {
                "@odata.type": "#microsoft.graph.teamworkApplicationIdentity",
                "id": key,
                "displayName": name,
                "applicationIdentityType": application,
            }
        case _:
            return {"id": key, "displayName": name}


def _conversation(kind: str, key: str, name: str | None) -> Json:
    return {
        "@odata.type": "#microsoft.graph.teamworkConversationIdentity",
        "id": key,
        "displayName": name,
        "conversationIdentityType": kind,
    }


def _choice(given: Json, name: str) -> str:
    kind = wire.required_text(given, name)
    if kind not in _CONVERSATIONS:
        raise _unconvertible(kind, "teamworkConversationIdentityType")
    return kind


def _unconvertible(literal: str, kind: str) -> GraphError:
    msg = f"Cannot convert the literal '{literal}' to the expected type 'microsoft.graph.{kind}'."
    return bad_request(msg)
