"""What a test may do with Teams apps, imports, deleted things and delta tokens: control requests.

People install apps in the Teams client and consent to all that the manifest asks for; the
catalogue is the administrator's.
"""

from __future__ import annotations

from uuid import uuid4

from bridge.sandbox.tenant import app_life, deleted, migration, wire
from bridge.sandbox.tenant.ask import Act, Ask
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.catalog import APPS_MAX, PERMISSIONS_MAX, Consent, Installation, TeamsApp
from bridge.sandbox.tenant.errors import bad_request, not_found
from bridge.sandbox.tenant.world import Channel, Chat, Team, User


async def publish_app(ask: Ask) -> Reply:
    """Put a Teams app into the catalogue, or a new version of it in the place of the old one."""
    catalog = ask.tenant.catalog
    app_id = wire.optional_text(ask.body, "id") or str(uuid4())
    if len(catalog.apps) >= APPS_MAX:
        raise bad_request("The catalogue is full.")
    catalog.apps[app_id] = TeamsApp(
        id=app_id,
        external_id=wire.optional_text(ask.body, "external_id") or str(uuid4()),
        name=wire.optional_text(ask.body, "name") or "Bridge",
        client_id=wire.optional_text(ask.body, "client_id"),
        consents=(
            *_consents(ask, "permissions", "Application"),
            *_consents(ask, "delegated_permissions", "Delegated"),
        ),
        version=wire.optional_text(ask.body, "version") or "1.0.0",
    )
    return Reply(status=201, body={"id": app_id})


async def install(ask: Ask) -> Reply:
    """`{place, by}`: in a chat, a team or for a user, with consent to everything."""
    app = ask.tenant.catalog.apps.get(ask.ids["app"])
    if app is None:
        raise not_found()
    made = app_life.install(ask.tenant, app, _place(ask), app.consents, _person(ask))
    return Reply(status=201, body={"id": made.id})


async def uninstall(ask: Ask) -> Reply:
    """`{place, by}`: take it away again."""
    app_life.uninstall(ask.tenant, _installation(ask, _place(ask)), _person(ask))
    return Reply(status=204)


async def enable(ask: Ask) -> Reply:
    """`{team, channel, enabled}`: add an app of the team to a private or shared channel of it."""
    channel = _channel(ask)
    channels = _installation(ask, channel.team.id).channels
    if ask.body.get("enabled") is False:
        channels.discard(channel.id)
    else:
        channels.add(channel.id)
    return Reply(status=204)


async def approve(ask: Ask) -> Reply:
    """`{approved}`: Microsoft's answer to the form for its protected APIs."""
    approved = ask.tenant.catalog.approved
    if ask.ids["client"] not in ask.tenant.apps:
        raise not_found()
    if ask.body.get("approved") is False:
        approved.discard(ask.ids["client"])
    else:
        approved.add(ask.ids["client"])
    return Reply(status=204)


async def start_migration(ask: Ask) -> Reply:
    """`{client, chat | team, channel | team, created}`: begin an import as this app."""
    text = wire.optional_text(ask.body, "created")
    created = None if text is None else wire.parse_instant(text, "created")
    client = wire.required_text(ask.body, "client")
    migration.begin(ask.tenant, _target(ask), client, created)
    return Reply(status=204)


async def complete_migration(ask: Ask) -> Reply:
    """`{chat | team, channel | team}`: end an import, whoever began it."""
    target = _target(ask)
    client = "" if target.migration is None else target.migration.app
    migration.end(target, client)
    return Reply(status=204)


async def delete_chat(ask: Ask) -> Reply:
    deleted.remove_chat(ask.tenant, ask.tenant.chat(ask.ids["chat"]))
    return Reply(status=204)


async def restore_chat(ask: Ask) -> Reply:
    if not deleted.restore_chat(ask.tenant, ask.ids["chat"]):
        raise not_found()
    return Reply(status=204)


async def restore_team(ask: Ask) -> Reply:
    team = ask.tenant.deleted_teams.pop(ask.ids["team"], None)
    if team is None:
        raise not_found()
    ask.tenant.teams[team.id] = team
    return Reply(status=204)


async def reset_delta(ask: Ask) -> Reply:
    """Microsoft moves its data: every delta token of before is good no more."""
    ask.tenant.delta_reset = ask.tenant.clock.now()
    return Reply(status=204)


def _consents(ask: Ask, name: str, kind: str) -> list[Consent]:
    listed = wire.as_list(ask.body.get(name, []), name)
    if len(listed) > PERMISSIONS_MAX:
        msg = f"A manifest asks for at most {PERMISSIONS_MAX} permissions."
        raise bad_request(msg)
    return [Consent(name=wire.as_text(item, name), kind=kind) for item in listed]


def _place(ask: Ask) -> str:
    place = wire.required_text(ask.body, "place")
    tenant = ask.tenant
    if place in tenant.chats or place in tenant.teams:
        return place
    return tenant.user(place).id


def _person(ask: Ask) -> User | None:
    by = wire.optional_text(ask.body, "by")
    return None if by is None else ask.tenant.user(by)


def _installation(ask: Ask, place: str) -> Installation:
    found = ask.tenant.catalog.at(place).get(ask.ids["app"])
    if found is None:
        raise not_found()
    return found


def _channel(ask: Ask) -> Channel:
    team = wire.required_text(ask.body, "team")
    return ask.tenant.channel(team, wire.required_text(ask.body, "channel"))


def _target(ask: Ask) -> Chat | Channel | Team:
    chat = wire.optional_text(ask.body, "chat")
    if chat is not None:
        return ask.tenant.chat(chat)
    if "channel" in ask.body:
        return _channel(ask)
    return ask.tenant.team(wire.required_text(ask.body, "team"))


ACTS: list[tuple[str, Act]] = [
    ("POST /teams-apps", publish_app),
    ("POST /teams-apps/{app}/install", install),
    ("POST /teams-apps/{app}/uninstall", uninstall),
    ("POST /teams-apps/{app}/channels", enable),
    ("POST /apps/{client}/protected-apis", approve),
    ("POST /migrations/start", start_migration),
    ("POST /migrations/complete", complete_migration),
    ("POST /chats/{chat}/delete", delete_chat),
    ("POST /deleted-chats/{chat}/restore", restore_chat),
    ("POST /deleted-teams/{team}/restore", restore_team),
    ("POST /delta/reset", reset_delta),
]
