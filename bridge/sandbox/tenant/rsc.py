"""Resource-specific consent: what an app may do in one chat or team because it is installed there.

    token's roles + grants of the place in the path ─> permission? ─> enabled in the channel?

Only calls of an app by itself are concerned. Nothing here ever lets an app send a message: no
permission of this kind does, whatever the manifest says.

Sources: learn.microsoft.com microsoftteams/platform resource-specific-consent, the permission
tables of graph/api (the permissions that "use resource-specific consent"), graph/api
chat-list-permissiongrants, team-list-permissiongrants; graph/teams-protected-apis (2023). That an
app has to be added to each private and shared channel is a report from the field; so is the empty
`UnknownError` of an app without approval (techcommunity teamsdeveloper 2186283).
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from functools import lru_cache

from bridge.sandbox.tenant import permissions
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.catalog import Installation
from bridge.sandbox.tenant.errors import GraphError, Json, forbidden
from bridge.sandbox.tenant.permissions import Needs
from bridge.sandbox.tenant.routes import Route, route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.tokens import GRAPH_APP, Bearer
from bridge.sandbox.tenant.world import App, Membership

ROUTES_MAX = 1000
"""Operations whose permissions are remembered."""
_CHAT_READ = ("Chat.Manage.Chat", "ChatSettings.Read.Chat", "ChatSettings.ReadWrite.Chat")
_CHAT_MEMBERS = ("Chat.Manage.Chat", "ChatMember.Read.Chat")
_CHAT_MESSAGES = ("ChatMessage.Read.Chat",)
_CHAT_APPS = ("Chat.Manage.Chat", "TeamsAppInstallation.Read.Chat")
_USER_APPS = ("TeamsAppInstallation.Read.User",)
_TEAM_APPS = ("TeamsAppInstallation.Read.Group",)
_CHANNEL_SETTINGS = ("ChannelSettings.Read.Group", "ChannelSettings.ReadWrite.Group")
_CHANNEL_MEMBERS = ("ChannelMember.Read.Group", "ChannelMember.ReadWrite.Group")
_CHANNEL_MESSAGES = ("ChannelMessage.Read.Group",)
_CHANNEL = "/teams/{}/channels/{}"
_TABLE: dict[str, tuple[str, ...]] = {
    "GET /chats/{}": _CHAT_READ,
    # The others with WhereInstalled are good for subscriptions only; and no page lists this one
    # for the shorter address.
    "GET /users/{}/chats/{}": (*_CHAT_READ, "Chat.ReadBasic.WhereInstalled"),
    "PATCH /chats/{}": ("ChatSettings.ReadWrite.Chat",),
    "DELETE /chats/{}": ("Chat.ManageDeletion.Chat",),
    "GET /chats/{}/members": _CHAT_MEMBERS,
    "GET /chats/{}/members/{}": _CHAT_MEMBERS,
    "POST /chats/{}/members": ("Chat.Manage.Chat",),
    "POST /chats/{}/members/add": ("Chat.Manage.Chat",),
    "POST /chats/{}/members/remove": ("Chat.Manage.Chat",),
    "DELETE /chats/{}/members/{}": ("Chat.Manage.Chat",),
    "GET /chats/{}/messages": _CHAT_MESSAGES,
    "GET /chats/{}/messages/delta": _CHAT_MESSAGES,
    "GET /chats/{}/messages/{}": _CHAT_MESSAGES,
    "GET /chats/{}/messages/{}/hostedContents": _CHAT_MESSAGES,
    "GET /chats/{}/messages/{}/hostedContents/{}": _CHAT_MESSAGES,
    "GET /chats/{}/messages/{}/hostedContents/{}/$value": _CHAT_MESSAGES,
    "GET /chats/{}/installedApps": _CHAT_APPS,
    "GET /chats/{}/installedApps/{}": _CHAT_APPS,
    "POST /chats/{}/installedApps": ("Chat.Manage.Chat",),
    "POST /chats/{}/installedApps/{}/upgrade": ("Chat.Manage.Chat",),
    "DELETE /chats/{}/installedApps/{}": ("Chat.Manage.Chat",),
    "GET /chats/{}/permissionGrants": _CHAT_APPS,
    "GET /teamwork/deletedChats/{}": ("Chat.ManageDeletion.Chat",),
    "POST /teamwork/deletedChats/{}/undoDelete": ("Chat.ManageDeletion.Chat",),
    "GET /users/{}/teamwork/installedApps": _USER_APPS,
    "GET /users/{}/teamwork/installedApps/{}": _USER_APPS,
    "GET /teams/{}": ("TeamSettings.Read.Group", "TeamSettings.ReadWrite.Group"),
    "PATCH /teams/{}": ("TeamSettings.ReadWrite.Group",),
    "POST /teams/{}/archive": ("TeamSettings.ReadWrite.Group",),
    "POST /teams/{}/unarchive": ("TeamSettings.ReadWrite.Group",),
    "GET /teams/{}/members": ("TeamMember.Read.Group",),
    "GET /teams/{}/members/{}": ("TeamMember.Read.Group",),
    "GET /teams/{}/installedApps": _TEAM_APPS,
    "GET /teams/{}/installedApps/{}": _TEAM_APPS,
    "GET /teams/{}/permissionGrants": ("TeamsApp.Read.Group", *_TEAM_APPS),
    "GET /teams/{}/primaryChannel": _CHANNEL_SETTINGS,
    "GET /teams/{}/channels": _CHANNEL_SETTINGS,
    "POST /teams/{}/channels": ("Channel.Create.Group",),
    f"GET {_CHANNEL}": _CHANNEL_SETTINGS,
    f"GET /tenants/{{}}{_CHANNEL}": _CHANNEL_SETTINGS,
    f"PATCH {_CHANNEL}": ("ChannelSettings.ReadWrite.Group",),
    f"DELETE {_CHANNEL}": ("Channel.Delete.Group",),
    f"GET {_CHANNEL}/filesFolder": ("File.Read.Group",),
    f"GET {_CHANNEL}/enabledApps": _TEAM_APPS,
    f"GET {_CHANNEL}/enabledApps/{{}}": _TEAM_APPS,
    f"GET {_CHANNEL}/doesUserHaveAccess": _CHANNEL_MEMBERS,
    f"GET {_CHANNEL}/sharedWithTeams": _CHANNEL_MEMBERS,
    f"GET {_CHANNEL}/sharedWithTeams/{{}}": _CHANNEL_MEMBERS,
    f"GET {_CHANNEL}/sharedWithTeams/{{}}/allowedMembers": _CHANNEL_MEMBERS,
    f"DELETE {_CHANNEL}/sharedWithTeams/{{}}": ("ChannelMember.ReadWrite.Group",),
    f"POST {_CHANNEL}/members": ("ChannelMember.ReadWrite.Group",),
    f"PATCH {_CHANNEL}/members/{{}}": ("ChannelMember.ReadWrite.Group",),
    f"DELETE {_CHANNEL}/members/{{}}": ("ChannelMember.ReadWrite.Group",),
    f"GET {_CHANNEL}/messages": _CHANNEL_MESSAGES,
    f"GET {_CHANNEL}/messages/delta": _CHANNEL_MESSAGES,
}
for _list in ("members", "allMembers"):
    _TABLE[f"GET {_CHANNEL}/{_list}"] = _CHANNEL_MEMBERS
    _TABLE[f"GET {_CHANNEL}/{_list}/{{}}"] = _CHANNEL_MEMBERS
for _message in ("/messages/{}", "/messages/{}/replies", "/messages/{}/replies/{}"):
    _TABLE[f"GET {_CHANNEL}{_message}"] = _CHANNEL_MESSAGES
for _message in ("/messages/{}", "/messages/{}/replies/{}"):
    for _rest in ("", "/{}", "/{}/$value"):
        _TABLE[f"GET {_CHANNEL}{_message}/hostedContents{_rest}"] = _CHANNEL_MESSAGES
_BY_NAME = {name.casefold(): granted for name, granted in _TABLE.items()}
_ID = re.compile(r"\{[^}]*\}")
_OF_A_USERS_CHAT = re.compile("^/users/{}(?=/chats/{})")
_ENDINGS = {"chat": ".Chat", "team": ".Group", "user": ".User"}
"""What a manifest can ask for by the place it is installed in; whatever else it names, it does not
get. Of several ids in a path the first of these counts: `/users/{user}/chats/{chat}` is a chat."""
_OF_A_PLACE = (*_ENDINGS.values(), ".WhereInstalled")
_PROTECTED = re.compile(r"/messages(/|$)|/getAll(Retained)?Messages(/|$)", re.IGNORECASE)
_READ_GRANTS = Needs(
    delegated=(
        "ResourceSpecificPermissionGrant.ReadForChat",
        "TeamsAppInstallation.ManageSelectedForChat",
        "TeamsAppInstallation.ReadForChat",
        "TeamsAppInstallation.ReadWriteForChat",
        "TeamsAppInstallation.ReadWriteSelfForChat",
    ),
    application=(
        "ResourceSpecificPermissionGrant.ReadForChat.All",
        "TeamsAppInstallation.ManageSelectedForChat.All",
        "TeamsAppInstallation.Read.All",
        "TeamsAppInstallation.ReadForChat.All",
        "TeamsAppInstallation.ReadWriteForChat.All",
        "TeamsAppInstallation.ReadWriteSelfForChat.All",
    ),
)
LIST_CHAT_GRANTS = _READ_GRANTS
LIST_TEAM_GRANTS = Needs(
    delegated=tuple(name.replace("ForChat", "ForTeam") for name in _READ_GRANTS.delegated),
    application=tuple(name.replace("ForChat", "ForTeam") for name in _READ_GRANTS.application),
)


def admit(tenant: Tenant, route: Route, bearer: Bearer, ids: dict[str, str]) -> Bearer:
    """Let the bearer in, and say what it may do in the place that the path names.

    Raises:
        GraphError: 403 for a missing permission, 412 for the wrong kind of token.
    """
    if bearer.user is not None:
        if route.needs is not None:
            permissions.check(route.needs, bearer)
        return bearer
    roles = frozenset(name for name in bearer.granted if not name.endswith(_OF_A_PLACE))
    here = granted_in(tenant, bearer, ids)
    wide = replace(bearer, granted=roles | here)
    needs = _widened(route)
    if needs is None:
        return wide
    by_role = not roles.isdisjoint(needs.application)
    if not by_role and not here.isdisjoint(needs.application):
        _check_channel(tenant, bearer.app, ids)
    else:
        permissions.check(needs, wide)
    if by_role:
        _check_protected(tenant, route, bearer.app)
    return wide


def granted_in(tenant: Tenant, bearer: Bearer, ids: dict[str, str]) -> frozenset[str]:
    """What this app was granted in the chat or team, or for the user, that these ids name."""
    kind = next((kind for kind in _ENDINGS if kind in ids), None)
    if kind is None or not tenant.settings.rsc_enabled:
        return frozenset()
    user = tenant.find_user(ids[kind]) if kind == "user" else None
    installed = tenant.catalog.of_client(ids[kind] if user is None else user.id, bearer.app)
    granted = {
        consent.name
        for item in installed
        for consent in item.consents
        if consent.kind == "Application" and consent.name.endswith(_ENDINGS[kind])
    }
    if installed and kind == "chat":
        granted |= {name for name in bearer.granted if name.endswith(".WhereInstalled")}
    return frozenset(granted)


async def list_chat_grants(call: Call) -> Reply:
    return _grants(call, call.chat().id)


async def list_team_grants(call: Call) -> Reply:
    team = call.tenant.team(call.ids["team"])
    if call.user is not None and call.user.id not in team.members:
        raise forbidden()
    return _grants(call, team.id)


def _grants(call: Call, place: str) -> Reply:
    apps = call.tenant.apps
    shown = [
        _grant(item, consent.name, consent.kind, apps.get(item.app.client_id or ""))
        for item in call.tenant.catalog.at(place).values()
        for consent in item.consents
    ]
    return Reply(body={"@odata.context": call.context("permissionGrants"), "value": shown})


def _grant(item: Installation, name: str, kind: str, client: App | None) -> Json:
    text = f"{item.app.id}##{name}##{kind}"
    return {
        "id": base64.b64encode(text.encode()).decode(),
        "deletedDateTime": None,
        "clientAppId": None if client is None else client.object_id,
        "resourceAppId": GRAPH_APP,
        "clientId": item.app.client_id,
        "permissionType": kind,
        "permission": name,
    }


def grants(route: Route) -> tuple[str, ...]:
    """The permissions of a chat, a team or a user that the operation takes."""
    path = _ID.sub("{}", route.path)
    for name in (path, _OF_A_USERS_CHAT.sub("", path)):
        found = _BY_NAME.get(f"{route.method} {name}".casefold())
        if found is not None:
            return found
    return ()


@lru_cache(maxsize=ROUTES_MAX)
def _widened(route: Route) -> Needs | None:
    """What the operation takes, with the grants of a place that it takes as well."""
    if route.needs is None:
        return None
    own = route.needs.application
    also = (name for name in grants(route) if name not in own)
    return replace(route.needs, application=(*own, *also))


def _check_channel(tenant: Tenant, client_id: str, ids: dict[str, str]) -> None:
    """An app of the team may act in a private or shared channel that it was added to.

    Raises:
        GraphError: 403, it was not added to this one.
    """
    team = tenant.teams.get(ids.get("team", ""))
    channel = None if team is None else team.channels.get(ids.get("channel", ""))
    if team is None or channel is None or channel.membership is Membership.STANDARD:
        return
    installed = tenant.catalog.of_client(team.id, client_id)
    if not any(channel.id in item.channels for item in installed):
        raise forbidden("app not enabled in this channel")


def _check_protected(tenant: Tenant, route: Route, client_id: str) -> None:
    """Reading messages by tenant-wide permission takes Microsoft's approval, if it is asked for.

    Raises:
        GraphError: 403 without a text, as it was seen.
    """
    protected = route.method == "GET" and _PROTECTED.search(route.path) is not None
    asked = tenant.settings.protected_apis_form and client_id not in tenant.catalog.approved
    if protected and asked:
        raise GraphError(403, "UnknownError", "")


ROUTES = [
    route("GET /chats/{chat}/permissionGrants", LIST_CHAT_GRANTS, list_chat_grants),
    route("GET /teams/{team}/permissionGrants", LIST_TEAM_GRANTS, list_team_grants),
]
