"""Channels of the simulated tenant: standard, private and shared; members, sharing, archiving."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.sandbox.tenant.place import Place
from tests.unit.sandbox.tenant.team_place import Campus, Channel, campus, enc, ids, names

__all__ = ["campus"]
SHARED = {"headers": {"Prefer": "include-unknown-enum-members"}}


async def private(campus: Campus, *people: str) -> Channel:
    return await campus.teams.create_channel(
        campus.team.id,
        "Cabinet",
        membership="private",
        owners=[campus.alice.id],
        members=list(people),
    )


async def shared(campus: Campus, *people: str, **more: Any) -> Channel:
    return await campus.teams.create_channel(
        campus.team.id,
        "Terrace",
        membership="shared",
        owners=[campus.alice.id],
        members=list(people),
        **more,
    )


async def test_the_general_channel_comes_first_and_is_the_primary_one(campus: Campus) -> None:
    listed = await campus.graph(campus.bob, "GET", f"{campus.team.path}/channels")
    primary = await campus.graph(campus.bob, "GET", f"{campus.team.path}/primaryChannel")

    assert names(listed) == ["General", "Cakes"]
    assert primary.body["id"] == ids(listed)[0] == campus.team.general.channel
    assert primary.body["id"].startswith("19:")
    assert primary.body["id"].endswith("@thread.tacv2")


async def test_an_id_is_found_encoded_and_in_parentheses(campus: Campus) -> None:
    channel = campus.team.general.channel

    encoded = await campus.graph(None, "GET", f"{campus.team.path}/channels/{enc(channel)}")
    keyed = await campus.graph(
        None, "GET", f"/teams('{campus.team.id}')/channels('{enc(channel)}')"
    )
    unknown = await campus.graph(None, "GET", f"{campus.team.path}/channels/19%3Anothing")

    assert encoded.body["id"] == keyed.body["id"] == channel
    assert (unknown.status, unknown.code) == (404, "NotFound")


async def test_private_channels_are_seen_by_their_members_alone(campus: Campus) -> None:
    cabinet = await private(campus)
    path = f"{campus.team.path}/channels"

    for_bob = await campus.graph(campus.bob, "GET", path)
    for_alice = await campus.graph(campus.alice, "GET", path)
    for_app = await campus.graph(None, "GET", path)
    wanted = enc("membershipType eq 'private'")
    filtered = await campus.graph(None, "GET", f"{path}?$filter={wanted}")
    direct = await campus.graph(campus.bob, "GET", cabinet.path)
    messages = await campus.graph(campus.bob, "GET", f"{cabinet.path}/messages")

    assert names(for_bob) == ["General", "Cakes"]
    assert names(for_alice) == names(for_app) == ["General", "Cakes", "Cabinet"]
    assert names(filtered) == ["Cabinet"]
    assert (direct.status, messages.status) == (403, 403)


async def test_shared_is_named_only_to_those_who_prefer_it(campus: Campus) -> None:
    terrace = await shared(campus)

    plain = await campus.graph(None, "GET", terrace.path)
    preferred = await campus.graph(None, "GET", terrace.path, **SHARED)
    listed = await campus.graph(
        None, "GET", f"{campus.team.path}/channels?$filter=membershipType%20eq%20'shared'"
    )

    assert plain.body["membershipType"] == "unknownFutureValue"
    assert preferred.body["membershipType"] == "shared"
    assert ids(listed) == [terrace.channel]
    assert listed.body["value"][0]["membershipType"] == "unknownFutureValue"


async def test_channels_are_created_renamed_and_deleted(campus: Campus) -> None:
    path = f"{campus.team.path}/channels"
    body = {"displayName": "Scones", "description": "Warm", "layoutType": "chat"}

    made = await campus.graph(campus.bob, "POST", path, body)
    own = f"{path}/{enc(made.body['id'])}"
    again = await campus.graph(None, "POST", path, {"displayName": "SCONES"})
    renamed = await campus.graph(campus.bob, "PATCH", own, {"displayName": "Muffins"})
    found = (await campus.graph(campus.bob, "GET", own)).body
    kept = await campus.graph(None, "PATCH", own, {"membershipType": "private"})
    deleted = await campus.graph(campus.bob, "DELETE", own)
    gone = await campus.graph(None, "GET", f"{own}/messages")

    assert made.status == 201
    assert made.headers["Location"] == f"/teams('{campus.team.id}')/channels('{made.body['id']}')"
    assert made.body["layoutType"] == "chat"
    assert (again.status, again.message) == (
        400,
        "Channel name already existed, please use other name.",
    )
    assert (renamed.status, renamed.raw) == (204, b"")
    assert (found["displayName"], found["description"]) == ("Muffins", "Warm")
    assert (kept.status, deleted.status, gone.status) == (400, 204, 404)


async def test_the_settings_of_the_team_bind_its_members(campus: Campus) -> None:
    settings = {"memberSettings": {"allowCreateUpdateChannels": False}}
    await campus.graph(campus.alice, "PATCH", campus.team.path, settings)
    body = {"displayName": "Scones"}

    by_member = await campus.graph(campus.bob, "POST", f"{campus.team.path}/channels", body)
    by_owner = await campus.graph(campus.alice, "POST", f"{campus.team.path}/channels", body)

    assert (by_member.status, by_owner.status) == (403, 201)


async def test_the_general_channel_stays(campus: Campus) -> None:
    deleted = await campus.graph(None, "DELETE", campus.team.general.path)
    archived = await campus.graph(None, "POST", f"{campus.team.general.path}/archive")

    assert (deleted.status, archived.status) == (400, 400)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"displayName": ""},
        {"displayName": "x" * 51},
        {"displayName": "x", "membershipType": "secret"},
        {"displayName": "x", "layoutType": "grid"},
        {"displayName": "x", "isFavoriteByDefault": "yes"},
        {"displayName": "x", "nonsense": 1},
        {"displayName": "x", "membershipType": "private"},
        {"displayName": "x", "members": [{}]},
        [],
        b"{",
    ],
)
async def test_a_malformed_channel_is_refused(campus: Campus, body: Any) -> None:
    answer = await campus.graph(None, "POST", f"{campus.team.path}/channels", body)

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_a_private_channel_takes_people_of_its_team_alone(campus: Campus) -> None:
    path = f"{campus.team.path}/channels"
    body = {"displayName": "Cabinet", "membershipType": "private"}

    made = await campus.graph(
        campus.alice, "POST", path, body | {"members": [campus.member(campus.bob)]}
    )
    members = f"{path}/{enc(made.body['id'])}/members"
    listed = await campus.graph(campus.bob, "GET", members)
    stranger = await campus.graph(campus.alice, "POST", members, campus.member(campus.carol))
    await campus.graph(None, "POST", f"{campus.team.path}/members", campus.member(campus.carol))
    joined = await campus.graph(campus.alice, "POST", members, campus.member(campus.carol))
    by_member = await campus.graph(campus.bob, "POST", members, campus.member(campus.carol))

    assert made.status == 201
    roles = {item["userId"]: item["roles"] for item in listed.body["value"]}
    assert roles == {campus.alice.id: ["owner"], campus.bob.id: []}
    assert (stranger.status, stranger.message) == (404, "User is not found in the team.")
    assert (joined.status, by_member.status) == (201, 403)


async def test_members_of_a_standard_channel_are_those_of_its_team(campus: Campus) -> None:
    cakes = campus.team.channels["Cakes"].path

    listed = await campus.graph(None, "GET", f"{cakes}/members")
    everyone = await campus.graph(None, "GET", f"{cakes}/allMembers")
    added = await campus.graph(None, "POST", f"{cakes}/members", campus.member(campus.carol))
    one = f"{cakes}/members/{enc(ids(listed)[0])}"
    got = await campus.graph(None, "GET", one)
    removed = await campus.graph(None, "DELETE", one)

    assert sorted(names(listed)) == sorted(names(everyone)) == ["Alice Liddell", "Bob Builder"]
    assert got.body["id"] == ids(listed)[0]
    assert (added.status, added.message) == (400, "Operation not supported for this Channel")
    assert removed.status == 400


async def test_roles_in_a_private_channel_change_and_the_last_owner_stays(campus: Campus) -> None:
    cabinet = await private(campus, campus.bob.id)
    members = f"{cabinet.path}/members"
    every = (await campus.graph(None, "GET", members)).body["value"]
    bob = next(item["id"] for item in every if item["userId"] == campus.bob.id)
    alice = next(item["id"] for item in every if item["userId"] == campus.alice.id)
    owner = {"@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": ["owner"]}

    last = await campus.graph(None, "DELETE", f"{members}/{enc(alice)}")
    promoted = await campus.graph(campus.alice, "PATCH", f"{members}/{enc(bob)}", owner)
    removed = await campus.graph(campus.bob, "DELETE", f"{members}/{enc(alice)}")
    outside = await campus.graph(campus.alice, "GET", cabinet.path)

    assert (last.status, promoted.status, promoted.body["roles"]) == (400, 200, ["owner"])
    assert (removed.status, outside.status) == (204, 403)


async def test_who_leaves_the_team_leaves_its_private_channels(campus: Campus) -> None:
    cabinet = await private(campus, campus.bob.id)
    await campus.teams.create_tag(campus.team.id, "Bakers", [campus.bob.id])

    await campus.teams.change_team(campus.team.id, remove=[campus.bob.id])
    left = await campus.graph(None, "GET", f"{cabinet.path}/members")
    tags = await campus.graph(None, "GET", f"{campus.team.path}/tags")

    assert names(left) == ["Alice Liddell"]
    assert tags.body["value"][0]["memberCount"] == 0


async def test_a_shared_channel_has_direct_and_indirect_members(campus: Campus) -> None:
    other = await campus.teams.create_team("Guests of tea", owners=[campus.carol.id])
    gina = await campus.guest()
    await campus.teams.change_team(other.id, add=[gina.id])
    terrace = await shared(campus, share_with=[other.id])

    direct = await campus.graph(None, "GET", f"{terrace.path}/members")
    everyone = await campus.graph(None, "GET", f"{terrace.path}/allMembers")
    teams = await campus.graph(None, "GET", f"{terrace.path}/sharedWithTeams")
    allowed = await campus.graph(
        None, "GET", f"{terrace.path}/sharedWithTeams/{other.id}/allowedMembers"
    )
    one = await campus.graph(None, "GET", f"{terrace.path}/sharedWithTeams/{other.id}")
    spoken = await campus.say(campus.carol, terrace, "from afar")
    by_host_member = await campus.graph(campus.bob, "GET", terrace.path)

    assert names(direct) == ["Alice Liddell"]
    assert sorted(names(everyone)) == ["Alice Liddell", "Carol Danvers"]
    assert [(t["id"], t["isHostTeam"]) for t in teams.body["value"]] == [
        (campus.team.id, True),
        (other.id, False),
    ]
    assert names(allowed) == ["Carol Danvers"]
    assert one.body["displayName"] == "Guests of tea"
    assert (spoken.status, by_host_member.status) == (201, 403)


async def test_incoming_channels_belong_to_all_channels_of_a_team(campus: Campus) -> None:
    other = await campus.teams.create_team("Guests of tea", owners=[campus.carol.id])
    terrace = await shared(campus, share_with=[other.id])

    own = await campus.graph(campus.carol, "GET", f"{other.path}/channels")
    every = await campus.graph(campus.carol, "GET", f"{other.path}/allChannels")
    incoming = await campus.graph(campus.carol, "GET", f"{other.path}/incomingChannels")
    address = incoming.body["value"][0]["@odata.id"]
    followed = await campus.graph(
        campus.carol, "GET", address.removeprefix(f"{campus.place.server.base}/v1.0")
    )
    removed = await campus.graph(
        campus.carol, "DELETE", f"{other.path}/incomingChannels/{enc(terrace.channel)}"
    )
    after = await campus.graph(campus.carol, "GET", f"{other.path}/incomingChannels")

    assert names(own) == ["General"]
    assert names(every) == ["General", "Terrace"]
    assert ids(incoming) == [terrace.channel]
    assert followed.body["id"] == terrace.channel
    assert (removed.status, ids(after)) == (204, [])


async def test_sharing_ends(campus: Campus) -> None:
    other = await campus.teams.create_team("Guests of tea", owners=[campus.carol.id])
    terrace = await shared(campus, share_with=[other.id])
    sharing = f"{terrace.path}/sharedWithTeams"

    host = await campus.graph(campus.alice, "DELETE", f"{sharing}/{campus.team.id}")
    ended = await campus.graph(campus.alice, "DELETE", f"{sharing}/{other.id}")
    outside = await campus.graph(campus.carol, "GET", terrace.path)
    standard = await campus.graph(None, "GET", f"{campus.team.general.path}/sharedWithTeams")

    assert (host.status, ended.status, outside.status) == (400, 204, 403)
    assert (standard.status, standard.message) == (400, "Operation not supported for this Channel")


async def test_access_is_asked_for_by_id_and_by_name(campus: Campus) -> None:
    terrace = await shared(campus, campus.bob.id)
    tenant = campus.place.tenant.id

    async def has(arguments: str, query: str = "") -> Any:
        path = f"{terrace.path}/doesUserHaveAccess({arguments}){query}"
        return (await campus.graph(None, "GET", path)).body.get("value")

    assert await has(f"userId='{campus.bob.id}'") is True
    assert await has(f"userId='{campus.carol.id}'") is False
    assert await has(f"userPrincipalName='{campus.bob.upn}',tenantId='{tenant}'") is True
    assert await has(f"userId='{campus.bob.id}',tenantId='elsewhere'") is False
    # Microsoft's own client library writes the names as they are and the values behind them.
    template = "userId='@userId',tenantId='@tenantId',userPrincipalName='@userPrincipalName'"
    assert await has(enc(template), f"?userId={campus.bob.id}") is True


@pytest.mark.parametrize("arguments", ["", "userId=", "user='x'", "tenantId='x'", "userId='x"])
async def test_a_malformed_question_for_access_is_refused(campus: Campus, arguments: str) -> None:
    path = f"{campus.team.general.path}/doesUserHaveAccess({arguments})"

    answer = await campus.graph(None, "GET", path)

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_an_archived_channel_is_read_only(campus: Campus) -> None:
    cakes = campus.team.channels["Cakes"]

    by_member = await campus.graph(campus.bob, "POST", f"{cakes.path}/archive")
    archived = await campus.graph(campus.alice, "POST", f"{cakes.path}/archive", {})
    plain = await campus.graph(None, "GET", archived.headers["Location"])
    known = await campus.graph(None, "GET", archived.headers["Location"], **SHARED)
    said = await campus.say(campus.bob, cakes, "hi")
    renamed = await campus.graph(None, "PATCH", cakes.path, {"displayName": "x"})
    elsewhere = await campus.say(campus.bob, campus.team.general, "hi")
    restored = await campus.graph(campus.alice, "POST", f"{cakes.path}/unarchive")
    again = await campus.say(campus.bob, cakes, "hi")

    assert (by_member.status, archived.status) == (403, 202)
    assert plain.body["operationType"] == "unknownFutureValue"
    assert known.body["operationType"] == "archiveChannel"
    assert known.body["targetResourceId"] == cakes.channel
    assert (said.status, said.code, renamed.status) == (403, "Forbidden", 403)
    assert (elsewhere.status, restored.status, again.status) == (201, 202, 201)


async def test_channels_of_an_archived_team_are_not_archived_one_by_one(campus: Campus) -> None:
    cakes = campus.team.channels["Cakes"]
    await campus.teams.change_team(campus.team.id, archived=True)

    answer = await campus.graph(None, "POST", f"{cakes.path}/archive")

    assert (answer.status, answer.code) == (400, "BadRequest")
    assert answer.message == (
        f"Team has to be active, for channel to be archived or unarchived: {cakes.channel}"
    )


async def test_a_summary_comes_only_when_it_is_asked_for(campus: Campus) -> None:
    plain = await campus.graph(None, "GET", campus.team.general.path)
    asked = await campus.graph(None, "GET", f"{campus.team.general.path}?$select=summary")
    unknown = await campus.graph(None, "GET", f"{campus.team.general.path}?$select=nonsense")

    assert "summary" not in plain.body
    assert asked.body["summary"] == {
        "ownersCount": 1,
        "membersCount": 1,
        "guestsCount": 0,
        "hasMembersFromOtherTenants": False,
    }
    assert asked.body.keys() == {"@odata.context", "summary"}
    assert unknown.status == 400


async def test_guests_are_kept_out_of_shared_channels(campus: Campus) -> None:
    gina = await campus.guest()
    await campus.teams.change_team(campus.team.id, add=[gina.id])
    terrace = await shared(campus)
    cabinet = await private(campus)

    in_shared = await campus.graph(None, "POST", f"{terrace.path}/members", campus.member(gina))
    in_private = await campus.graph(None, "POST", f"{cabinet.path}/members", campus.member(gina))

    assert (in_shared.status, in_private.status) == (400, 201)
    assert in_private.body["roles"] == ["guest"]


async def test_a_channel_is_created_for_an_import(campus: Campus, place: Place) -> None:
    await place.tenant.change_app(place.app, application_permissions=["Teamwork.Migrate.All"])
    body = {
        "@microsoft.graph.channelCreationMode": "migration",
        "displayName": "Old times",
        "createdDateTime": "2020-03-14T11:22:17.067Z",
    }
    old = {
        "createdDateTime": "2020-03-15T11:22:17.067Z",
        "from": {"user": {"id": campus.bob.id, "userIdentityType": "aadUser"}},
        "body": {"content": "long ago"},
    }

    made = await campus.graph(None, "POST", f"{campus.team.path}/channels", body)
    path = f"{campus.team.path}/channels/{enc(made.body['id'])}"
    imported = await campus.graph(None, "POST", f"{path}/messages", old)
    reply = await campus.graph(
        None,
        "POST",
        f"{path}/messages/{imported.body['id']}/replies",
        old | {"createdDateTime": "2020-03-16T11:22:17.067Z"},
    )
    by_person = await campus.graph(campus.alice, "POST", f"{campus.team.path}/channels", body)

    assert made.body["createdDateTime"] == "2020-03-14T11:22:17.067Z"
    assert made.body["migrationMode"] == "inProgress"
    assert imported.body["createdDateTime"] == "2020-03-15T11:22:17.067Z"
    assert reply.body["replyToId"] == imported.body["id"]
    assert by_person.status == 412


async def test_channels_changed_in_the_client_are_announced(campus: Campus) -> None:
    tenant = next(iter(campus.place.server.realm.tenants.values()))
    seen: list[tuple[str, str, str]] = []
    tenant.listeners.append(lambda c: seen.append((c.subject.value, c.kind.value, c.place)))

    cabinet = await private(campus)
    await campus.teams.change_channel(cabinet, name="Closet", add=[campus.bob.id])
    await campus.teams.change_channel(cabinet, layout="chat", remove=[campus.bob.id])
    await campus.teams.delete_channel(cabinet)

    place = f"teams('{campus.team.id}')/channels('{cabinet.channel}')"
    assert [(subject, kind) for subject, kind, _ in seen] == [
        ("channel", "created"),
        ("channel", "updated"),
        ("conversationMember", "created"),
        ("channel", "updated"),
        ("conversationMember", "deleted"),
        ("channel", "deleted"),
    ]
    assert {where for subject, _, where in seen if subject == "channel"} == {place}
    assert seen[2][2].startswith(f"{place}/members('")


async def test_events_of_a_channel_can_be_waited_for(campus: Campus) -> None:
    general = campus.team.general
    root = await campus.teams.type(general, campus.bob.id, "one", subject="News")
    await campus.teams.type(general, campus.alice.id, "two", reply_to=root)

    first = await campus.teams.events(general)
    later = await campus.teams.events(general, since=1, patience=timedelta(seconds=1))

    assert [(item["n"], item["kind"]) for item in first] == [(1, "created"), (2, "created")]
    assert [item["n"] for item in later] == [2]
