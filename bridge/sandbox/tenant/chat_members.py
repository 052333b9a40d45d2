"""`/chats/{id}/members` and what else concerns who takes part in a chat.

Sources: learn.microsoft.com graph/api chat-list-members, chat-get-members, chat-post-members,
chat-delete-members, chat-removeallaccessforuser, conversationmembers-add, -remove. That the
roster of a pair is fixed was measured in the field; the text is that of the service.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import unquote, urlsplit

from bridge.sandbox.tenant import (
    conversation,
    identities,
    people_kinds,
    permissions,
    render,
    wire,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden, not_found
from bridge.sandbox.tenant.identity import Robot, RobotKind
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import Chat, ChatKind, Member, User

ADDED_MAX = 200
REMOVED_MAX = 20
"""Members in one request (graph/api conversationmembers-add, -remove; for teams, that is: the
same operations of chats are in the metadata and on no page)."""
REMOVE_ALL_ACCESS = Needs(delegated=("Chat.ReadWrite.All",))
_MEMBER = {
    "roles",
    "user",
    "userId",
    "tenantId",
    "email",
    "displayName",
    "id",
    "visibleHistoryStartDateTime",
}
_AAD_MEMBER = "microsoft.graph.aaduserconversationmember"
_ROLES = {"owner", "guest"}
_BIND = re.compile(r"/users(?:\('([^']+)'\)|/([^/]+))$")


async def list_members(call: Call) -> Reply:
    chat = thread(call)
    members = [render.member(item, call.tenant.id) for item in chat.members.values()]
    return Reply(
        body={
            "@odata.context": call.context(f"{chat.place}/members"),
            "@odata.count": len(members),
            "value": members,
        }
    )


async def get_member(call: Call) -> Reply:
    chat = thread(call)
    shown = render.member(_member(chat, call.ids["member"]), call.tenant.id)
    return Reply(body={"@odata.context": call.context(f"{chat.place}/members/$entity"), **shown})


async def add_member(call: Call) -> Reply:
    chat = thread(call)
    member = _add(call, chat, call.body())
    place = f"/chats('{chat.id}')/members('{member.id}')"
    return Reply(status=201, headers={"Location": place})


async def remove_member(call: Call) -> Reply:
    chat = thread(call)
    _check_roster(chat, "remove")
    member = _member(chat, call.ids["member"])
    conversation.remove_member(call.tenant, chat, member, actor(call))
    return Reply(status=204)


async def add_members(call: Call) -> Reply:
    """Several at once, each with a result of its own; 207 if some could not be added."""

    def add(chat: Chat, item: Json) -> str:
        return _add(call, chat, item).user.id

    results = _each(call, ADDED_MAX, add)
    return _results(call, 207 if _failed(results) else 200, results)


async def remove_members(call: Call) -> Reply:
    """Several at once; 207 with the results if some could not be removed."""

    def remove(chat: Chat, item: Json) -> str:
        _check_roster(chat, "remove")
        user = _bound(call, item)
        if user.id not in chat.members:
            raise not_found()
        conversation.remove_member(call.tenant, chat, chat.members[user.id], actor(call))
        return user.id

    results = _each(call, REMOVED_MAX, remove)
    return _results(call, 207, results) if _failed(results) else Reply(status=204)


async def remove_all_access(call: Call) -> Reply:
    """Someone is out of the chat and sees nothing of it any more, a pair's roster or not."""
    chat = thread(call)
    body = call.body()
    wire.only_known(body, {"user"}, "chat")
    user = wire.as_object(body.get("user"), "user")
    member = chat.members.get(wire.required_text(user, "id"))
    if member is None:
        raise not_found()
    conversation.remove_member(call.tenant, chat, member, actor(call))
    return Reply(status=204)


def thread(call: Call) -> Chat:
    """The chat in the path, which must be more than someone's notes.

    Raises:
        GraphError: 400, 403 or 404.
    """
    if call.ids["chat"] == conversation.NOTES:
        msg = f"The thread '{conversation.NOTES}' is not a ChatThread."
        raise bad_request(msg)
    return call.chat()


def actor(call: Call) -> User | Robot:
    """Who does it, as a system message names them."""
    if call.user is not None:
        return call.user
    return Robot(id=call.app.id, display_name=call.app.name, kind=RobotKind.APPLICATION)


def bound_user(call: Call, body: Json) -> User:
    """The person that a member object names, with a role that fits them.

    Raises:
        GraphError: 400 for nonsense, 404 for nobody.
    """
    user = _bound(call, body)
    roles = _roles(body)
    if len(roles) > 1 or ("guest" in roles) is not user.guest:
        raise bad_request("Invalid role specified for member.")
    return user


def _add(call: Call, chat: Chat, body: Json) -> Member:
    user = bound_user(call, body)
    _check_roster(chat, "add")
    if user.id in chat.members:
        raise bad_request("Cannot add existing member to the chat.")
    if len(chat.members) >= call.tenant.settings.members_per_chat_max:
        raise forbidden("The chat has reached its maximum number of members.")
    since = _visible_from(call, body)
    # Whoever is of another organisation is an owner, asked for or not (resources/chat).
    roles = ["owner"] if identities.is_foreign(user) else _roles(body)
    return conversation.add_member(call.tenant, chat, user, roles, since, actor(call))


def _visible_from(call: Call, body: Json) -> datetime | None:
    """None is all history; a moment that was not given is now."""
    text = wire.optional_text(body, "visibleHistoryStartDateTime")
    if text is None:
        return call.tenant.clock.now()
    instant = wire.parse_instant(text, "visibleHistoryStartDateTime")
    return None if instant.year == 1 else instant


def _each(call: Call, most: int, do: Callable[[Chat, Json], str]) -> list[Json]:
    chat = thread(call)
    body = call.body()
    wire.only_known(body, {"values"}, "conversationMember")
    values = wire.objects(body, "values")
    if not 1 <= len(values) <= most:
        msg = f"Between 1 and {most} members are expected."
        raise bad_request(msg)
    results: list[Json] = []
    for item in values:
        part: Json = {"@odata.type": "#microsoft.graph.aadUserConversationMemberResult"}
        try:
            part |= {"userId": do(chat, item), "error": None}
        except GraphError as error:
            part |= {"userId": None, "error": {"code": error.code, "message": error.message}}
        results.append(part)
    return results


def _failed(results: list[Json]) -> bool:
    return any(part["error"] is not None for part in results)


def _results(call: Call, status: int, results: list[Json]) -> Reply:
    context = call.context("Collection(microsoft.graph.actionResultPart)")
    return Reply(status=status, body={"@odata.context": context, "value": results})


def _bound(call: Call, body: Json) -> User:
    wire.only_known(body, _MEMBER, "aadUserConversationMember")
    kind = wire.as_text(body.get("@odata.type"), "@odata.type").casefold().removeprefix("#")
    if kind != _AAD_MEMBER:
        raise bad_request("Invalid value for property '@odata.type' of a member.")
    bind = wire.required_text(body, "user@odata.bind")
    found = _BIND.search(_path_of(bind))
    if found is None:
        msg = f"Invalid user@odata.bind '{bind}'."
        raise bad_request(msg)
    key, home = unquote(found[1] or found[2]), wire.optional_text(body, "tenantId")
    return people_kinds.find_at_home(call.tenant, key, home)


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        msg = f"Invalid user@odata.bind '{url}'."
        raise bad_request(msg) from None


def _roles(body: Json) -> list[str]:
    roles = [wire.as_text(role, "roles") for role in wire.as_list(body.get("roles", []), "roles")]
    if not _ROLES.issuperset(roles):
        raise bad_request("Invalid role specified for member.")
    return roles


def _member(chat: Chat, member_id: str) -> Member:
    member = next((item for item in chat.members.values() if item.id == member_id), None)
    if member is None:
        raise not_found()
    return member


def _check_roster(chat: Chat, action: str) -> None:
    if chat.kind is ChatKind.ONE_ON_ONE:
        raise GraphError(
            403,
            "InsufficientPrivileges",
            f"RosterAddMemberBlocked-Roster is blocked from {action} member",
        )


ROUTES = [
    route("POST /chats/{chat}/members", permissions.ADD_MEMBER, add_member),
    route("POST /chats/{chat}/members/add", permissions.ADD_MEMBER, add_members),
    route("POST /chats/{chat}/members/remove", permissions.REMOVE_MEMBER, remove_members),
    route("DELETE /chats/{chat}/members/{member}", permissions.REMOVE_MEMBER, remove_member),
    route("POST /chats/{chat}/removeAllAccessForUser", REMOVE_ALL_ACCESS, remove_all_access),
]
for _root in ("/chats/{chat}", "/users/{user}/chats/{chat}"):
    ROUTES += [
        route(f"GET {_root}/members", permissions.LIST_MEMBERS, list_members),
        route(f"GET {_root}/members/{{member}}", permissions.LIST_MEMBERS, get_member),
    ]
