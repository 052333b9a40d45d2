"""Apps in chats, teams and channels, and what they may do there because they are installed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.client_apps import AppsControl
from bridge.sandbox.tenant.world import Channel, Content, Membership, Team
from tests.unit.sandbox.tenant.apps_kit import Client, channel, client, inside, said, team
from tests.unit.sandbox.tenant.place import Answer, Place, enc
from tests.unit.sandbox.tenant.test_schema import Checker, schemas

__all__ = ["schemas"]
CHAT_GRANTS = ["ChatMessage.Read.Chat", "ChatSettings.Read.Chat", "TeamsAppInstallation.Read.Chat"]
TEAM_GRANTS = ["ChannelMessage.Read.Group", "TeamsAppInstallation.Read.Group"]
INSTALLER = ["TeamsAppInstallation.ReadWriteAndConsentForChat.All"]


def messages_of(chat: str) -> str:
    return f"/chats/{enc(chat)}/messages"


def bind(place: Place, app: str) -> dict[str, Any]:
    address = f"{place.server.base}/v1.0/appCatalogs/teamsApps/{app}"
    return {"teamsApp@odata.bind": address}


def consent(*names: str) -> dict[str, Any]:
    listed = [{"permissionValue": name, "permissionType": "Application"} for name in names]
    return {"consentedPermissionSet": {"resourceSpecificPermissions": listed}}


async def installed(place: Place, where: str, grants: list[str]) -> tuple[Client, str]:
    """An app without any permission of its own, installed there."""
    app, apps = await client(place, []), AppsControl(place.tenant)
    teams_app = await apps.publish(client_id=app.id, permissions=grants, name="Bridge")
    await apps.install(teams_app, where, by=place.alice.id)
    return app, teams_app


async def test_an_app_reads_the_chat_it_is_installed_in_and_no_other(place: Place) -> None:
    await place.tenant.type(place.group, place.alice.id, "hello")
    app, teams_app = await installed(place, place.group, CHAT_GRANTS)

    read = await app.call("GET", messages_of(place.group))
    other = await app.call("GET", messages_of(place.chat))
    members = await app.call("GET", f"/chats/{enc(place.group)}/members")

    assert read.status == 200
    assert "hello" in [message["body"]["content"] for message in read.body["value"]]
    assert (await app.call("GET", f"/chats/{enc(place.group)}")).status == 200
    assert (other.status, members.status) == (403, 403)
    assert "ChatMessage.Read.Chat" in other.message
    await AppsControl(place.tenant).uninstall(teams_app, place.group)
    assert (await app.call("GET", messages_of(place.group))).status == 403


async def test_the_permission_is_no_role_that_a_tenant_could_grant(place: Place) -> None:
    app = await client(place, ["ChatMessage.Read.Chat", "ChannelMessage.Read.Group"])

    assert (await app.call("GET", messages_of(place.group))).status == 403


async def test_nothing_of_this_lets_an_app_send(place: Place) -> None:
    every = [*CHAT_GRANTS, "Chat.Manage.Chat", "ChatMessage.Send.Chat", "Teamwork.Migrate.All"]
    app, _ = await installed(place, place.group, every)

    hi = {"body": {"content": "hi"}}

    assert (await app.call("POST", messages_of(place.group), hi)).status == 401
    await AppsControl(place.tenant).start_migration(app.id, chat=place.group)
    assert (await app.call("POST", messages_of(place.group), hi)).status == 401
    kinds = {message["messageType"] for message in await said(place, place.group)}
    assert kinds == {"systemEventMessage"}


async def test_where_installed_counts_where_installed(place: Place) -> None:
    app = await client(place, ["Chat.ReadBasic.WhereInstalled"])
    group, chat = (f"/users/{place.alice.id}/chats/{enc(c)}" for c in (place.group, place.chat))
    assert (await app.call("GET", group)).status == 403
    apps = AppsControl(place.tenant)

    await apps.install(await apps.publish(client_id=app.id), place.group)

    assert (await app.call("GET", group)).status == 200
    assert (await app.call("GET", chat)).status == 403
    assert (await app.call("GET", f"/chats/{enc(place.group)}")).status == 403


async def test_where_installed_reads_no_messages(place: Place) -> None:
    app = await client(place, ["Chat.Read.WhereInstalled", "ChatMember.Read.WhereInstalled"])
    apps = AppsControl(place.tenant)
    await apps.install(await apps.publish(client_id=app.id), place.group)

    assert (await app.call("GET", messages_of(place.group))).status == 403
    assert (await app.call("GET", f"/chats/{enc(place.group)}/members")).status == 403


async def test_a_chat_is_read_below_its_members_too(place: Place) -> None:
    app, _ = await installed(place, place.group, [*CHAT_GRANTS, "ChatMember.Read.Chat"])
    path = f"/users/{place.alice.id}/chats/{enc(place.group)}"

    for rest in ("", "/messages", "/members"):
        assert (await app.call("GET", path + rest)).status == 200


async def test_an_app_sees_the_apps_of_the_user_it_is_installed_for(place: Place) -> None:
    app, teams_app = await installed(place, place.bob.id, ["TeamsAppInstallation.Read.User"])

    for name in (place.bob.id, inside(place).users[place.bob.id].upn):
        listed = await app.call(
            "GET", f"/users/{enc(name)}/teamwork/installedApps?$expand=teamsApp"
        )
        assert [item["teamsApp"]["id"] for item in listed.body["value"]] == [teams_app]
    for name in (place.alice.id, "nobody"):
        refused = await app.call("GET", f"/users/{name}/teamwork/installedApps")
        assert (refused.status, refused.code) == (403, "Forbidden")


async def test_a_place_grants_what_is_of_its_kind(place: Place) -> None:
    every = ["ChatMember.Read.Chat", "TeamMember.Read.Group", "TeamsAppInstallation.Read.User"]
    tea = team(place)
    in_chat, _ = await installed(place, place.group, every[1:])
    in_team, _ = await installed(place, tea.id, [every[0], every[2]])
    for_bob, _ = await installed(place, place.bob.id, every[:2])

    assert (await in_chat.call("GET", f"/chats/{enc(place.group)}/members")).status == 403
    assert (await in_team.call("GET", f"/teams/{tea.id}/members")).status == 403
    path = f"/users/{place.bob.id}/teamwork/installedApps"
    assert (await for_bob.call("GET", path)).status == 403


async def test_a_tenant_can_switch_it_off(place: Place) -> None:
    app, _ = await installed(place, place.group, CHAT_GRANTS)
    await place.tenant.change_settings(rsc_enabled=False)

    assert (await app.call("GET", messages_of(place.group))).status == 403
    installer = await client(place, INSTALLER)
    other = await AppsControl(place.tenant).publish(client_id=app.id, permissions=CHAT_GRANTS)
    body = bind(place, other) | consent(*CHAT_GRANTS)
    refused = await installer.call("POST", f"/chats/{enc(place.chat)}/installedApps", body)
    assert refused.status == 403


def channel_path(of: Team, where: Channel) -> str:
    return f"/teams/{of.id}/channels/{enc(where.id)}/messages"


async def test_private_and_shared_channels_take_the_app_by_themselves(place: Place) -> None:
    tea = team(place)
    app, teams_app = await installed(place, tea.id, TEAM_GRANTS)
    other_team = team(place)
    apps = AppsControl(place.tenant)
    standard, private, shared = (
        channel(place, tea, kind)
        for kind in (Membership.STANDARD, Membership.PRIVATE, Membership.SHARED)
    )

    assert (await app.call("GET", channel_path(tea, standard) + "/delta")).status == 200
    for where in (private, shared):
        refused = await app.call("GET", channel_path(tea, where) + "/delta")
        assert (refused.status, refused.code) == (403, "Forbidden")
        assert refused.message == "app not enabled in this channel"
        await apps.enable(teams_app, tea.id, where.id)
        assert (await app.call("GET", channel_path(tea, where) + "/delta")).status == 200
        await apps.enable(teams_app, tea.id, where.id, enabled=False)
        assert (await app.call("GET", channel_path(tea, where) + "/delta")).status == 403
    foreign = next(iter(other_team.channels.values()))
    assert (await app.call("GET", channel_path(other_team, foreign) + "/delta")).status == 403


async def test_a_tenant_wide_permission_reaches_every_channel(place: Place) -> None:
    tea = team(place)
    private = channel(place, tea, Membership.PRIVATE)
    app = await client(place, ["ChannelMessage.Read.All"])

    assert (await app.call("GET", channel_path(tea, private) + "/delta")).status == 200


async def test_grants_are_listed(place: Place, schemas: dict[str, Any]) -> None:
    tea = team(place)
    app, _ = await installed(place, place.group, CHAT_GRANTS)
    team_app, _ = await installed(place, tea.id, TEAM_GRANTS)

    found = await app.call("GET", f"/chats/{enc(place.group)}/permissionGrants")
    of_team = await team_app.call("GET", f"/teams/{tea.id}/permissionGrants")

    assert [grant["permission"] for grant in found.body["value"]] == CHAT_GRANTS
    assert [grant["permission"] for grant in of_team.body["value"]] == TEAM_GRANTS
    for grant in found.body["value"]:
        assert grant["clientId"] == app.id
        assert grant["permissionType"] == "Application"
        Checker(schemas).check("microsoft.graph.resourceSpecificPermissionGrant", grant)
    assert len({grant["id"] for grant in found.body["value"]}) == len(CHAT_GRANTS)
    assert (await app.call("GET", f"/chats/{enc(place.chat)}/permissionGrants")).status == 403


async def test_an_app_is_installed_listed_and_removed(
    place: Place, schemas: dict[str, Any]
) -> None:
    app, apps = await client(place, INSTALLER), AppsControl(place.tenant)
    app_reader = await client(place, ["TeamsAppInstallation.ReadWriteForChat.All"])
    teams_app = await apps.publish(client_id=app.id, permissions=CHAT_GRANTS, name="Bridge")
    path = f"/chats/{enc(place.group)}/installedApps"

    made = await app.call("POST", path, bind(place, teams_app) | consent(*CHAT_GRANTS))
    assert (made.status, made.raw) == (201, b"")
    again = await app.call("POST", path, bind(place, teams_app) | consent(*CHAT_GRANTS))
    assert (again.status, again.code) == (409, "Conflict")

    query = "$expand=teamsApp,teamsAppDefinition&$select=consentedPermissionSet"
    listed = (await app.call("GET", f"{path}?{query}")).body["value"]
    assert [item["teamsApp"]["displayName"] for item in listed] == ["Bridge"]
    Checker(schemas).check("microsoft.graph.teamsAppInstallation", listed[0])
    granted = listed[0]["consentedPermissionSet"]["resourceSpecificPermissions"]
    assert [item["permissionValue"] for item in granted] == CHAT_GRANTS
    bare = (await app.call("GET", path)).body["value"]
    assert bare == [{"id": listed[0]["id"]}]
    one = f"{path}/{enc(bare[0]['id'])}"
    assert (await app_reader.call("GET", one)).body["id"] == bare[0]["id"]
    assert (await app.call("GET", messages_of(place.group))).status == 200

    assert (await app_reader.call("DELETE", one)).status == 204
    assert (await app_reader.call("DELETE", one)).status == 404
    assert (await app.call("GET", messages_of(place.group))).status == 403
    kinds = [
        str(message["eventDetail"]["@odata.type"]).rpartition(".")[2]
        for message in await said(place, place.group)
    ]
    assert kinds == ["teamsAppInstalledEventMessageDetail", "teamsAppRemovedEventMessageDetail"]


async def test_consent_has_to_be_to_what_the_manifest_asks_for(place: Place) -> None:
    plain = await client(place, ["TeamsAppInstallation.ReadWriteForChat.All"])
    app, apps = await client(place, INSTALLER), AppsControl(place.tenant)
    teams_app = await apps.publish(client_id=app.id, permissions=CHAT_GRANTS)
    path = f"/chats/{enc(place.group)}/installedApps"

    def post(who: Client, body: dict[str, Any]) -> Awaitable[Answer]:
        return who.call("POST", path, bind(place, teams_app) | body)

    assert (await post(app, {})).status == 400
    assert (await post(app, consent("ChatMessage.Read.Chat"))).status == 400
    assert (await post(app, consent(*CHAT_GRANTS, "Chat.Manage.Chat"))).status == 400
    assert (await post(plain, {})).status == 400
    assert (await post(plain, consent(*CHAT_GRANTS))).status == 403
    simple = await apps.publish()
    assert (await plain.call("POST", path, bind(place, simple))).status == 201


async def test_self_is_the_callers_own_app(place: Place) -> None:
    app = await client(place, ["TeamsAppInstallation.ReadWriteSelfForChat.All"])
    apps = AppsControl(place.tenant)
    own, other = await apps.publish(client_id=app.id), await apps.publish(client_id="another")
    path = f"/chats/{enc(place.group)}/installedApps"

    assert (await app.call("POST", path, bind(place, own))).status == 201
    assert (await app.call("POST", path, bind(place, other))).status == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"teamsApp@odata.bind": "nonsense"},
        {"teamsApp@odata.bind": "https://["},
        {"teamsApp@odata.bind": 7},
        {"tea": True},
        [],
    ],
)
async def test_a_bad_installation_is_refused(place: Place, body: Any) -> None:
    app = await client(place, INSTALLER)

    answer = await app.call("POST", f"/chats/{enc(place.group)}/installedApps", body)

    assert (answer.status, answer.code) == (400, "BadRequest")
    unknown = await app.call(
        "POST", f"/chats/{enc(place.group)}/installedApps", bind(place, "no-such-app")
    )
    assert unknown.status == 404


async def test_apps_are_installed_in_teams_and_for_users(place: Place) -> None:
    roles = [
        "TeamsAppInstallation.ReadWriteForTeam.All",
        "TeamsAppInstallation.ReadWriteForUser.All",
    ]
    app, tea = await client(place, roles), team(place)
    teams_app = await AppsControl(place.tenant).publish(name="Bridge")
    for path in (f"/teams/{tea.id}/installedApps", f"/users/{place.bob.id}/teamwork/installedApps"):
        assert (await app.call("POST", path, bind(place, teams_app))).status == 201
        wanted = f"teamsApp/id eq '{teams_app}'"
        query = f"?$filter={enc(wanted)}"
        listed = (await app.call("GET", path + query)).body["value"]
        one = f"{path}/{enc(listed[0]['id'])}"
        assert (await app.call("POST", f"{one}/upgrade")).status == 204
        assert (await app.call("DELETE", one)).status == 204
        assert (await app.call("GET", path)).body["value"] == []


async def test_an_upgrade_brings_the_new_permissions(place: Place) -> None:
    app, apps = await client(place, INSTALLER), AppsControl(place.tenant)
    teams_app = await apps.publish(client_id=app.id)
    path = f"/chats/{enc(place.group)}/installedApps"
    await app.call("POST", path, bind(place, teams_app))
    await apps.publish(id=teams_app, client_id=app.id, permissions=CHAT_GRANTS, version="2.0.0")
    one = f"{path}/{enc((await app.call('GET', path)).body['value'][0]['id'])}"
    assert (await app.call("GET", messages_of(place.group))).status == 403

    assert (await app.call("POST", f"{one}/upgrade")).status == 400
    assert (await app.call("POST", f"{one}/upgrade", consent(*CHAT_GRANTS))).status == 204
    assert (await app.call("GET", messages_of(place.group))).status == 200


async def test_the_catalogue_is_listed(place: Place, schemas: dict[str, Any]) -> None:
    app, apps = await client(place, ["AppCatalog.Read.All"]), AppsControl(place.tenant)
    bridge = await apps.publish(name="Bridge", permissions=CHAT_GRANTS, external_id="manifest-1")
    await apps.publish(name="Other")

    every = (await app.call("GET", "/appCatalogs/teamsApps")).body["value"]
    path = "/appCatalogs/teamsApps?$expand=appDefinitions&$filter="
    found = (await app.call("GET", path + enc("externalId eq 'manifest-1'"))).body["value"]

    assert [item["displayName"] for item in every] == ["Bridge", "Other"]
    assert [item["id"] for item in found] == [bridge]
    Checker(schemas).check("microsoft.graph.teamsApp", found[0])
    definition = found[0]["appDefinitions"][0]
    asked = definition["authorization"]["requiredPermissionSet"]["resourceSpecificPermissions"]
    assert [item["permissionValue"] for item in asked] == CHAT_GRANTS
    assert (await app.call("GET", path + enc("tea eq 'x'"))).status == 400


async def test_apps_are_added_to_shared_channels_through_graph(place: Place) -> None:
    tea = team(place)
    app = await client(place, ["TeamsAppInstallation.ReadWriteForTeam.All"])
    apps = AppsControl(place.tenant)
    teams_app = await apps.publish(name="Bridge")
    shared, private = (
        channel(place, tea, Membership.SHARED),
        channel(place, tea, Membership.PRIVATE),
    )
    reference = {"@odata.id": bind(place, teams_app)["teamsApp@odata.bind"]}
    path = f"/teams/{tea.id}/channels/{enc(shared.id)}/enabledApps"

    assert (await app.call("POST", f"{path}/$ref", reference)).status == 400
    await apps.install(teams_app, tea.id)
    assert (await app.call("POST", f"{path}/$ref", reference)).status == 204
    assert [a["id"] for a in (await app.call("GET", path)).body["value"]] == [teams_app]
    assert (await app.call("GET", f"{path}/{teams_app}")).body["displayName"] == "Bridge"
    assert (await app.call("DELETE", f"{path}/{teams_app}/$ref")).status == 204
    assert (await app.call("GET", f"{path}/{teams_app}")).status == 404
    of_private = f"/teams/{tea.id}/channels/{enc(private.id)}/enabledApps/$ref"
    assert (await app.call("POST", of_private, reference)).status == 400


async def test_protected_reading_takes_approval_if_the_form_is_still_asked_for(
    place: Place,
) -> None:
    app = await client(place, ["Chat.Read.All", "User.Read.All"])
    by_grant, _ = await installed(place, place.group, CHAT_GRANTS)
    await place.tenant.change_settings(protected_apis_form=True)
    paths = [messages_of(place.group), f"/users/{place.bob.id}/chats/getAllMessages"]

    for path in paths:
        refused = await app.call("GET", path)
        assert (refused.status, refused.code, refused.message) == (403, "UnknownError", "")
    assert (await app.call("GET", f"/chats/{enc(place.group)}")).status == 200
    assert (await by_grant.call("GET", messages_of(place.group))).status == 200
    assert (await place.graph(place.bob, "GET", messages_of(place.group))).status == 200
    await AppsControl(place.tenant).approve(app.id)
    assert [(await app.call("GET", path)).status for path in paths] == [200, 200]


async def test_people_see_the_apps_of_their_own_chats_only(place: Place) -> None:
    scopes = ["Chat.ReadWrite", "TeamsAppInstallation.ReadForChat"]
    await place.tenant.change_app(place.app, delegated_scopes=scopes)
    path = f"/chats/{enc(place.group)}/installedApps"

    assert (await place.graph(place.alice, "GET", path)).status == 200
    assert (await place.graph(place.carol, "GET", path)).status == 403
    grants = f"/chats/{enc(place.group)}/permissionGrants"
    assert (await place.graph(place.alice, "GET", grants)).status == 200


async def test_a_grant_of_one_team_says_nothing_of_its_messages_elsewhere(place: Place) -> None:
    tea = team(place)
    app, _ = await installed(place, tea.id, TEAM_GRANTS)
    tenant = inside(place)
    general = next(iter(tea.channels.values()))
    conversation.post(tenant, general, tenant.users[place.alice.id], Content(text="hello"))

    assert (await app.call("GET", channel_path(tea, general) + "/delta")).status == 200
    assert (await app.call("GET", f"/teams/{tea.id}/channels/getAllMessages")).status == 403
    assert (await app.call("GET", messages_of(place.group))).status == 403
