"""Deleted chats and teams: deleting a chat, looking at what was deleted, bringing a chat back.

Sources: learn.microsoft.com graph/api chat-delete, deletedchat-get, deletedchat-undodelete,
teamwork-list-deletedteams. Nobody is told of a deleted chat: chats have no `deleted` changes.
"""

from __future__ import annotations

from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import Json, forbidden, not_found
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Chat

DELETE_CHAT = Needs(
    delegated=("Chat.ManageDeletion.All",), application=("Chat.ManageDeletion.All",)
)
LIST_DELETED_TEAMS = Needs(delegated=("Team.ReadBasic.All",), application=("Team.ReadBasic.All",))


async def delete_chat(call: Call) -> Reply:
    _check_admin(call)
    remove_chat(call.tenant, call.tenant.chat(call.ids["chat"]))
    return Reply(status=204)


async def get_deleted_chat(call: Call) -> Reply:
    _check_admin(call)
    found = call.tenant.trash.find(call.ids["chat"], call.tenant.clock.now())
    if found is None:
        raise not_found()
    context = call.context("teamwork/deletedChats/$entity")
    return Reply(body={"@odata.context": context, "id": found.id})


async def undelete_chat(call: Call) -> Reply:
    _check_admin(call)
    if not restore_chat(call.tenant, call.ids["chat"]):
        raise not_found()
    return Reply(status=204)


async def list_deleted_teams(call: Call) -> Reply:
    shown: list[Json] = [{"id": team_id} for team_id in call.tenant.deleted_teams]
    context = call.context("teamwork/deletedTeams")
    return Reply(body={"@odata.context": context, "@odata.count": len(shown), "value": shown})


def remove_chat(tenant: Tenant, chat: Chat) -> None:
    """Nobody sees the chat any more; it can be brought back for some days."""
    del tenant.chats[chat.id]
    tenant.trash.put(chat, tenant.clock.now())


def restore_chat(tenant: Tenant, chat_id: str) -> bool:
    """Bring the chat back; False if there is none, or a new one of the same pair."""
    if chat_id in tenant.chats:
        return False
    found = tenant.trash.take(chat_id, tenant.clock.now())
    if found is not None:
        tenant.chats[found.id] = found
    return found is not None


def _check_admin(call: Call) -> None:
    """On behalf of a user only if the user administers Teams or the tenant."""
    if call.user is not None and not call.user.admin:
        raise forbidden("The operation is not supported for non-admin users.")


ROUTES = [
    route("DELETE /chats/{chat}", DELETE_CHAT, delete_chat),
    route("GET /teamwork/deletedChats/{chat}", DELETE_CHAT, get_deleted_chat),
    route("POST /teamwork/deletedChats/{chat}/undoDelete", DELETE_CHAT, undelete_chat),
    route("GET /teamwork/deletedTeams", LIST_DELETED_TEAMS, list_deleted_teams),
]
