"""Teams apps of the catalogue, and where they are installed: chats, teams, users, channels.

Sources: learn.microsoft.com graph/api appcatalogs-list-teamsapps, chat-list-installedapps,
chat-post-installedapps, chat-delete-installedapps, chat-teamsappinstallation-upgrade and the same of
teams and users; channel-list-enabledapps, channel-post-enabledapps, channel-delete-enabledapps. An
app that asks for resource-specific permissions was refused with 400 where they were not consented
to (microsoft-graph-docs issue 13349).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from bridge.sandbox.tenant import app_life, chat_members, wire
from bridge.sandbox.tenant.app_permissions import (
    CHAT,
    ENABLE,
    LIST_APPS,
    READ_ENABLED,
    TEAM,
    USER,
    Kind,
    check_own,
    consents_allowed,
)
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.catalog import INSTALLED_MAX, Consent, Installation, TeamsApp
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request, forbidden, not_found
from bridge.sandbox.tenant.importing import check_open
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.world import Channel, Membership

_BIND = re.compile(r"/appCatalogs/teamsApps(?:\('([^']+)'\)|/([^/]+))$", re.IGNORECASE)
_FILTER = re.compile(
    r"(?:teamsApp/)?(id|externalId|displayName|distributionMethod) eq '((?:[^']|'')*)'",
    re.IGNORECASE,
)
_INSTALL = {"teamsApp", "consentedPermissionSet"}
_PERMISSION = {"permissionValue", "permissionType"}
_DISTRIBUTION = "organization"
"""Every app of this catalogue was uploaded by the organisation."""


async def list_apps(call: Call) -> Reply:
    """`/appCatalogs/teamsApps`."""
    wanted = _filter(call)
    expand = _expanded(call, {"appdefinitions"})
    shown = [
        show_app(app) | ({"appDefinitions": [_definition(app)]} if expand else {})
        for app in call.tenant.catalog.apps.values()
        if wanted(app)
    ]
    body: Json = {"@odata.context": call.context("appCatalogs/teamsApps"), "value": shown}
    return Reply(body=body)


async def list_installed(call: Call) -> Reply:
    kind, place = _place(call)
    wanted = _filter(call)
    found = [item for item in call.tenant.catalog.at(place).values() if wanted(item.app)]
    body: Json = {
        "@odata.context": call.context(f"{kind.collection}('{place}')/{kind.list}"),
        "@odata.count": len(found),
        "value": [_shown(call, kind, item) for item in found],
    }
    return Reply(body=body)


async def get_installed(call: Call) -> Reply:
    kind, place = _place(call)
    fragment = f"{kind.collection}('{place}')/{kind.list}/$entity"
    shown = _shown(call, kind, _installation(call, place))
    return Reply(body={"@odata.context": call.context(fragment), **shown})


async def install(call: Call) -> Reply:
    kind, place = _place(call)
    body = call.body()
    wire.only_known(body, _INSTALL, "teamsAppInstallation")
    app = _bound(call, wire.required_text(body, "teamsApp@odata.bind"))
    here = call.tenant.catalog.at(place)
    if app.id in here:
        raise GraphError(409, "Conflict", "The app is already installed in the specified scope.")
    if len(here) >= INSTALLED_MAX:
        raise forbidden("The maximum number of apps is installed in the specified scope.")
    consents = _consented(call, kind, app, body)
    made = app_life.install(call.tenant, app, place, consents, chat_members.actor(call))
    location = f"/{kind.collection}('{place}')/{kind.list}('{made.id}')"
    return Reply(status=201, headers={"Location": location})


async def upgrade(call: Call) -> Reply:
    """To the version of the catalogue, with the permissions that it asks for."""
    kind, place = _place(call)
    found = _installation(call, place)
    body = call.body() if call.raw else {}
    wire.only_known(body, {"consentedPermissionSet"}, "teamsAppInstallation")
    # The catalogue may have a newer version of it than the one that stands here.
    app = call.tenant.catalog.apps.get(found.app.id, found.app)
    consents = _consented(call, kind, app, body)
    app_life.install(call.tenant, app, place, consents, chat_members.actor(call))
    return Reply(status=204)


async def uninstall(call: Call) -> Reply:
    """What the app was granted there is gone with it."""
    kind, place = _place(call)
    found = _installation(call, place)
    check_own(call, kind.removes, found.app.client_id)
    app_life.uninstall(call.tenant, found, chat_members.actor(call))
    return Reply(status=204)


async def list_enabled(call: Call) -> Reply:
    """Which apps were added to a private or shared channel; in a standard one all of the team."""
    channel = call.channel()
    shown = [show_app(item.app) for item in _enabled(call, channel)]
    fragment = f"{channel.place}/enabledApps"
    return Reply(body={"@odata.context": call.context(fragment), "value": shown})


async def get_enabled(call: Call) -> Reply:
    channel = call.channel()
    wanted = call.ids["app"]
    found = next((i.app for i in _enabled(call, channel) if i.app.id == wanted), None)
    if found is None:
        raise not_found()
    fragment = f"{channel.place}/enabledApps/$entity"
    return Reply(body={"@odata.context": call.context(fragment), **show_app(found)})


async def enable(call: Call) -> Reply:
    channel = _shared(call)
    app = _bound(call, wire.required_text(call.body(), "@odata.id"))
    found = call.tenant.catalog.at(channel.team.id).get(app.id)
    if found is None:
        raise bad_request("The app is not installed in the team.")
    found.channels.add(channel.id)
    return Reply(status=204)


async def disable(call: Call) -> Reply:
    channel = _shared(call)
    found = call.tenant.catalog.at(channel.team.id).get(call.ids["app"])
    if found is None or channel.id not in found.channels:
        raise not_found()
    found.channels.discard(channel.id)
    return Reply(status=204)


def show_app(app: TeamsApp) -> Json:
    return {
        "id": app.id,
        "externalId": app.external_id,
        "displayName": app.name,
        "distributionMethod": _DISTRIBUTION,
    }


def _definition(app: TeamsApp) -> Json:
    return {
        "id": app.definition_id,
        "teamsAppId": app.id,
        "displayName": app.name,
        "version": app.version,
        "publishingState": "published",
        "shortDescription": app.name,
        "description": app.name,
        "lastModifiedDateTime": None,
        "createdBy": None,
        "authorization": {
            "clientAppId": app.client_id,
            "requiredPermissionSet": _permission_set(app.consents),
        },
    }


def _permission_set(consents: tuple[Consent, ...]) -> Json:
    return {
        "resourceSpecificPermissions": [
            {"permissionValue": item.name, "permissionType": item.kind.casefold()}
            for item in consents
        ]
    }


def _shown(call: Call, kind: Kind, item: Installation) -> Json:
    shown: Json = {"id": item.id}
    if kind is USER:
        shown["@odata.type"] = "#microsoft.graph.userScopeTeamsAppInstallation"
    expand = _expanded(call, {"teamsapp", "teamsappdefinition"})
    if "teamsapp" in expand:
        shown["teamsApp"] = show_app(item.app)
    if "teamsappdefinition" in expand:
        shown["teamsAppDefinition"] = _definition(item.app)
    if "consentedpermissionset" in call.query.get("$select", "").casefold():
        shown["consentedPermissionSet"] = _permission_set(item.consents)
    return shown


def _expanded(call: Call, known: set[str]) -> set[str]:
    names = call.query.get("$expand", "").casefold().split(",")
    found = {name.partition("(")[0].strip() for name in names if name.strip()}
    if not found <= known:
        raise bad_request("Parsing OData Select and Expand failed.")
    return found


def _filter(call: Call) -> Callable[[TeamsApp], bool]:
    text = call.query.get("$filter")
    if text is None:
        return lambda _: True
    found = _FILTER.fullmatch(text.strip())
    if found is None:
        raise bad_request("Filter condition is not supported.")
    name, value = found[1].casefold(), found[2].replace("''", "'").casefold()

    def passes(app: TeamsApp) -> bool:
        shown = {key.casefold(): str(item).casefold() for key, item in show_app(app).items()}
        return shown[name] == value

    return passes


def _place(call: Call) -> tuple[Kind, str]:
    """Where: the chat, team or user of the path, if the caller may see it."""
    if "chat" in call.ids:
        return CHAT, call.chat().id
    if "team" in call.ids:
        team = call.tenant.team(call.ids["team"])
        if call.user is not None and call.user.id not in team.members:
            raise forbidden()
        return TEAM, team.id
    owner = call.owner()
    if owner is None:
        raise not_found()
    return USER, owner.id


def _installation(call: Call, place: str) -> Installation:
    items = call.tenant.catalog.at(place).values()
    found = next((item for item in items if item.id == call.ids["installation"]), None)
    if found is None:
        raise not_found()
    return found


def _bound(call: Call, url: str) -> TeamsApp:
    """The app that an address of the catalogue names."""
    try:
        found = _BIND.search(urlsplit(url).path)
    except ValueError:
        found = None
    if found is None:
        msg = f"Invalid reference to a teamsApp: '{url[:100]}'."
        raise bad_request(msg)
    app = call.tenant.catalog.apps.get(unquote(found[1] or found[2]))
    if app is None:
        raise not_found("The app is not found in the catalog.")
    return app


def _consented(call: Call, kind: Kind, app: TeamsApp, body: Json) -> tuple[Consent, ...]:
    """What is granted with the installation: all that the manifest asks for or nothing.

    Raises:
        GraphError: 400, the consent is not to what the manifest says; 403, the caller may not
            consent.
    """
    check_own(call, kind.installs, app.client_id)
    given = body.get("consentedPermissionSet")
    listed = {} if given is None else wire.as_object(given, "consentedPermissionSet")
    wire.only_known(listed, {"resourceSpecificPermissions"}, "teamsAppPermissionSet")
    consented = {
        _consent(item).casefold() for item in wire.objects(listed, "resourceSpecificPermissions")
    }
    required = {f"{item.name} {item.kind}".casefold() for item in app.consents}
    only_delegated = all(item.kind == "Delegated" for item in app.consents)
    if consented != required and not (only_delegated and not consented):
        raise bad_request(
            "The permissions consented to must match the resource-specific permissions of the app."
        )
    if app.consents and not consents_allowed(call, kind):
        raise forbidden("The caller may not consent to resource-specific permissions.")
    if app.consents and not call.tenant.settings.rsc_enabled:
        raise forbidden("Resource-specific consent is disabled in this tenant.")
    return app.consents


def _consent(item: Json) -> str:
    wire.only_known(item, _PERMISSION, "teamsAppResourceSpecificPermission")
    name = wire.required_text(item, "permissionValue")
    return f"{name} {wire.required_text(item, 'permissionType')}"


def _enabled(call: Call, channel: Channel) -> list[Installation]:
    every = call.tenant.catalog.at(channel.team.id).values()
    standard = channel.membership is Membership.STANDARD
    return [item for item in every if standard or channel.id in item.channels]


def _shared(call: Call) -> Channel:
    channel = call.channel()
    if channel.membership is not Membership.SHARED:
        raise bad_request("The operation is allowed for shared channels only.")
    check_open(channel)
    return channel


_ENABLED = "/teams/{team}/channels/{channel}/enabledApps"
ROUTES = [
    route("GET /appCatalogs/teamsApps", LIST_APPS, list_apps),
    route(f"GET {_ENABLED}", READ_ENABLED, list_enabled),
    route(f"GET {_ENABLED}/{{app}}", READ_ENABLED, get_enabled),
    route(f"POST {_ENABLED}/$ref", ENABLE, enable),
    route(f"DELETE {_ENABLED}/{{app}}/$ref", ENABLE, disable),
]
for _root, _kind in (
    ("/chats/{chat}", CHAT),
    ("/teams/{team}", TEAM),
    ("/users/{user}", USER),
):
    _all = f"{_root}/{_kind.list}"
    _one = f"{_all}/{{installation}}"
    ROUTES += [
        route(f"GET {_all}", _kind.reads, list_installed),
        route(f"POST {_all}", _kind.installs, install),
        route(f"GET {_one}", _kind.gets, get_installed),
        route(f"DELETE {_one}", _kind.removes, uninstall),
        route(f"POST {_one}/upgrade", _kind.upgrades, upgrade),
    ]
