"""Teams of the simulated tenant: who sees them, who changes them, and their members."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.sandbox.tenant.place import Place, Subscriber
from tests.unit.sandbox.tenant.team_place import Campus, campus, enc, ids, names

__all__ = ["campus"]
TEMPLATE = "https://graph.microsoft.com/v1.0/teamsTemplates('standard')"


async def test_a_team_is_read_by_its_members_and_by_apps(campus: Campus) -> None:
    path = campus.team.path

    by_app = await campus.graph(None, "GET", path)
    by_member = await campus.graph(campus.bob, "GET", path)
    by_stranger = await campus.graph(campus.carol, "GET", path)
    unknown = await campus.graph(None, "GET", "/teams/nowhere")

    assert by_app.body["displayName"] == "Tea party"
    assert by_app.body["internalId"] == campus.team.general.channel
    assert by_app.body["summary"] == {"ownersCount": 1, "membersCount": 1, "guestsCount": 0}
    assert by_member.body["id"] == campus.team.id
    assert (by_stranger.status, by_stranger.code) == (403, "Forbidden")
    assert (unknown.status, unknown.code) == (404, "NotFound")
    assert unknown.message == "No team found with Group Id nowhere"


async def test_lists_of_teams_show_three_properties_and_can_be_filtered(campus: Campus) -> None:
    for name in ("Alpha", "Anvil", "Beta"):
        await campus.teams.create_team(name, owners=[campus.carol.id], visibility="private")

    prefix, exact, strange = (
        enc("startswith(displayName,'A')"),
        enc("displayName eq 'beta'"),
        enc("visibility eq 'x'"),
    )

    starts = await campus.graph(None, "GET", f"/teams?$filter={prefix}")
    first = await campus.graph(None, "GET", "/teams?$top=3")
    link = first.body["@odata.nextLink"].removeprefix(f"{campus.place.server.base}/v1.0")
    second = await campus.graph(None, "GET", link)
    one = await campus.graph(None, "GET", f"/teams?$filter={exact}&$select=id,description")
    refused = await campus.graph(None, "GET", f"/teams?$filter={strange}")

    assert names(starts) == ["Alpha", "Anvil"]
    assert len(ids(first)) == 3
    assert names(second) == ["Beta"]
    assert first.body["value"][0].keys() == {"id", "displayName", "description"}
    assert one.body["value"][0].keys() == {"id", "description"}
    assert refused.status == 400


async def test_a_person_lists_own_and_public_teams(campus: Campus) -> None:
    await campus.teams.create_team("Secret", owners=[campus.carol.id], visibility="private")

    alice = await campus.graph(campus.alice, "GET", "/teams")
    carol = await campus.graph(campus.carol, "GET", "/teams")

    assert names(alice) == ["Tea party"]
    assert names(carol) == ["Tea party", "Secret"]


async def test_joined_teams_leave_out_shared_channels_and_associated_teams_do_not(
    campus: Campus,
) -> None:
    await campus.teams.create_channel(
        campus.team.id, "Open", membership="shared", owners=[campus.alice.id]
    )
    shared = await campus.teams.create_channel(
        campus.team.id,
        "Shared",
        membership="shared",
        owners=[campus.alice.id],
        members=[campus.carol.id],
    )
    assert shared.team == campus.team.id

    joined = await campus.graph(campus.carol, "GET", "/me/joinedTeams")
    associated = await campus.graph(campus.carol, "GET", "/me/teamwork/associatedTeams")
    of_bob = await campus.graph(None, "GET", f"/users/{campus.bob.id}/joinedTeams")
    foreign = await campus.graph(campus.carol, "GET", f"/users/{campus.bob.id}/joinedTeams")

    assert ids(joined) == []
    assert ids(associated) == [campus.team.id]
    assert of_bob.body["value"][0].keys() == {"id", "displayName", "description"}
    assert foreign.status == 403


async def test_a_new_team_is_found_once_its_operation_has_succeeded(campus: Campus) -> None:
    body = {
        "template@odata.bind": TEMPLATE,
        "displayName": "Sample",
        "description": "A sample",
        "visibility": "Private",
        "channels": [{"displayName": "News", "isFavoriteByDefault": True}],
        "memberSettings": {"allowDeleteChannels": False},
        "funSettings": {"giphyContentRating": "Strict"},
    }
    made = await campus.graph(campus.carol, "POST", "/teams", body)
    operation, where = made.headers["Location"], made.headers["Content-Location"]

    early = await campus.graph(None, "GET", where)
    running = await campus.graph(None, "GET", operation)
    await campus.place.tenant.advance_clock(timedelta(seconds=4))
    done = await campus.graph(None, "GET", operation)
    found = await campus.graph(campus.carol, "GET", where)
    channels = await campus.graph(campus.carol, "GET", f"{where}/channels")

    assert (made.status, made.raw) == (202, b"")
    assert operation.startswith(f"{where}/operations('")
    assert (early.status, early.code) == (404, "NotFound")
    assert (running.body["status"], running.body["operationType"]) == ("inProgress", "createTeam")
    assert done.body["status"] == "succeeded"
    assert done.body["targetResourceLocation"] == where
    assert found.body["visibility"] == "private"
    assert found.body["memberSettings"]["allowDeleteChannels"] is False
    assert found.body["memberSettings"]["allowCreateUpdateChannels"] is True
    assert found.body["funSettings"]["giphyContentRating"] == "strict"
    assert names(channels) == ["General", "News"]


async def test_an_app_names_one_owner_for_a_new_team(campus: Campus) -> None:
    body = {"template@odata.bind": TEMPLATE, "displayName": "Sample"}

    without = await campus.graph(None, "POST", "/teams", body)
    plain = await campus.graph(
        None, "POST", "/teams", body | {"members": [campus.member(campus.carol)]}
    )
    owned = await campus.graph(
        None, "POST", "/teams", body | {"members": [campus.member(campus.carol, "owner")]}
    )
    await campus.place.tenant.advance_clock(timedelta(seconds=4))
    joined = await campus.graph(campus.carol, "GET", "/me/joinedTeams")

    assert (without.status, plain.status) == (400, 400)
    assert without.message == (
        "A team owner must be provided when creating a team in application context."
    )
    assert owned.status == 202
    assert names(joined) == ["Sample"]


@pytest.mark.parametrize(
    "change",
    [
        {"template@odata.bind": None},
        {"template@odata.bind": "https://graph.microsoft.com/v1.0/teamsTemplates('nonsense')"},
        {"displayName": None},
        {"displayName": "x" * 257},
        {"displayName": "  "},
        {"displayName": 7},
        {"description": "x" * 1025},
        {"visibility": "secret"},
        {"memberSettings": {"allowEverything": True}},
        {"memberSettings": {"allowDeleteChannels": "yes"}},
        {"funSettings": {"giphyContentRating": "mild"}},
        {"channels": [{"displayName": "General"}]},
        {"channels": [{"displayName": "A"}, {"displayName": "a"}]},
        {"channels": [{"displayName": "A", "membershipType": "private"}]},
        {"members": [{"user@odata.bind": "x"}]},
        {"members": "everyone"},
        {"group@odata.bind": "https://graph.microsoft.com/v1.0/groups('x')"},
        {"@microsoft.graph.teamCreationMode": "evil"},
        {"nonsense": 1},
    ],
)
async def test_a_malformed_team_is_refused(campus: Campus, change: dict[str, Any]) -> None:
    body = {"template@odata.bind": TEMPLATE, "displayName": "Sample", **change}

    answer = await campus.graph(campus.alice, "POST", "/teams", body)

    assert answer.status in (400, 404)
    assert answer.code


async def test_owners_change_a_team_and_members_do_not(campus: Campus) -> None:
    changes = {"displayName": "Coffee", "guestSettings": {"allowDeleteChannels": True}}

    by_member = await campus.graph(campus.bob, "PATCH", campus.team.path, changes)
    by_owner = await campus.graph(campus.alice, "PATCH", campus.team.path, changes)
    found = (await campus.graph(None, "GET", campus.team.path)).body

    assert (by_member.status, by_owner.status) == (403, 204)
    assert by_owner.raw == b""
    assert found["displayName"] == "Coffee"
    assert found["guestSettings"] == {
        "allowCreateUpdateChannels": False,
        "allowDeleteChannels": True,
    }


async def test_an_archived_team_is_read_only_until_it_is_unarchived(campus: Campus) -> None:
    root = await campus.teams.type(campus.team.general, campus.bob.id, "before")
    message = f"{campus.team.general.path}/messages/{root}"

    archived = await campus.graph(campus.alice, "POST", f"{campus.team.path}/archive")
    operation = await campus.graph(None, "GET", archived.headers["Location"])
    shown = await campus.graph(None, "GET", campus.team.general.path)
    read = await campus.graph(campus.bob, "GET", message)
    refused = [
        await campus.say(campus.bob, campus.team.general, "hi"),
        await campus.say(campus.bob, campus.team.general, "hi", reply_to=root),
        await campus.graph(campus.bob, "POST", f"{message}/setReaction", {"reactionType": "👍"}),
        await campus.graph(campus.bob, "POST", f"{message}/softDelete"),
        await campus.graph(campus.alice, "PATCH", campus.team.path, {"displayName": "x"}),
        await campus.graph(
            campus.alice, "POST", f"{campus.team.path}/channels", {"displayName": "New"}
        ),
    ]
    member = await campus.graph(
        campus.alice, "POST", f"{campus.team.path}/members", campus.member(campus.carol)
    )
    restored = await campus.graph(None, "POST", f"{campus.team.path}/unarchive")
    again = await campus.say(campus.bob, campus.team.general, "hi")

    assert archived.status == 202
    assert operation.body["operationType"] == "archiveTeam"
    assert shown.body["isArchived"] is True
    assert read.status == 200
    assert [answer.status for answer in refused] == [403] * 6
    assert member.status == 201
    assert (restored.status, again.status) == (202, 201)


async def test_an_app_cannot_ask_for_a_read_only_site(campus: Campus) -> None:
    body = {"shouldSetSpoSiteReadOnlyForMembers": True}

    by_app = await campus.graph(None, "POST", f"{campus.team.path}/archive", body)
    by_owner = await campus.graph(campus.alice, "POST", f"{campus.team.path}/archive", body)

    assert (by_app.status, by_app.code) == (400, "BadRequest")
    assert by_owner.status == 202


async def test_a_team_is_deleted_as_its_group(campus: Campus) -> None:
    root = await campus.teams.type(campus.team.general, campus.bob.id, "before")
    group = f"/groups/{campus.team.id}"

    short = await campus.graph(campus.alice, "DELETE", campus.team.path)
    by_member = await campus.graph(campus.bob, "DELETE", group)
    by_owner = await campus.graph(campus.alice, "DELETE", group)
    gone = await campus.graph(None, "GET", f"{campus.team.general.path}/messages/{root}")
    again = await campus.graph(None, "DELETE", group)

    assert (short.status, short.code) == (405, "MethodNotAllowed")
    assert (by_member.status, by_owner.status) == (403, 204)
    assert gone.status == 404
    assert (again.status, again.code) == (404, "Request_ResourceNotFound")


async def test_members_are_added_promoted_and_removed(campus: Campus) -> None:
    members = f"{campus.team.path}/members"

    made = await campus.graph(campus.alice, "POST", members, campus.member(campus.carol.upn))
    member = f"{members}/{enc(made.body['id'])}"
    promoted = await campus.graph(
        None,
        "PATCH",
        member,
        {"@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": ["owner"]},
    )
    got = await campus.graph(campus.bob, "GET", member)
    removed = await campus.graph(campus.alice, "DELETE", member)
    gone = await campus.graph(None, "GET", member)

    assert made.status == 201
    assert made.headers["Location"] == f"/teams('{campus.team.id}')/members('{made.body['id']}')"
    assert (made.body["userId"], made.body["roles"]) == (campus.carol.id, [])
    assert (promoted.status, promoted.body["roles"]) == (200, ["owner"])
    assert got.body["roles"] == ["owner"]
    assert (removed.status, gone.status) == (204, 404)


async def test_members_can_be_filtered_and_come_in_pages(campus: Campus) -> None:
    members = f"{campus.team.path}/members"
    kind = "microsoft.graph.aadUserConversationMember"
    by_id = enc(f"({kind}/userId eq '{campus.bob.id}')")
    either = enc(f"({kind}/displayName eq 'Bob Builder' or {kind}/email eq '{campus.alice.upn}')")

    one = await campus.graph(None, "GET", f"{members}?$filter={by_id}")
    both = await campus.graph(None, "GET", f"{members}?$filter={either}")
    page = await campus.graph(None, "GET", f"{members}?$top=1")
    link = page.body["@odata.nextLink"].removeprefix(f"{campus.place.server.base}/v1.0")
    rest = await campus.graph(None, "GET", link)
    ordered = await campus.graph(None, "GET", f"{members}?$orderby=displayName")

    assert names(one) == ["Bob Builder"]
    assert sorted(names(both)) == ["Alice Liddell", "Bob Builder"]
    assert sorted(names(page) + names(rest)) == ["Alice Liddell", "Bob Builder"]
    assert ordered.status == 400
    assert ordered.message.startswith("Query option 'OrderBy' is not allowed.")


async def test_a_team_keeps_its_last_owner(campus: Campus) -> None:
    members = f"{campus.team.path}/members"
    every = (await campus.graph(None, "GET", members)).body["value"]
    owner = next(item for item in every if item["roles"] == ["owner"])
    path = f"{members}/{enc(owner['id'])}"
    kind = {"@odata.type": "#microsoft.graph.aadUserConversationMember"}

    demoted = await campus.graph(campus.alice, "PATCH", path, {**kind, "roles": []})
    removed = await campus.graph(None, "DELETE", path)

    assert (demoted.status, removed.status) == (400, 400)
    assert removed.message.startswith("The group must have at least one owner")


async def test_who_is_no_owner_only_leaves(campus: Campus) -> None:
    members = f"{campus.team.path}/members"
    every = (await campus.graph(campus.bob, "GET", members)).body["value"]
    own = next(item for item in every if item["userId"] == campus.bob.id)

    added = await campus.graph(campus.bob, "POST", members, campus.member(campus.carol))
    left = await campus.graph(campus.bob, "DELETE", f"{members}/{enc(own['id'])}")
    after = await campus.graph(campus.bob, "GET", campus.team.path)

    assert (added.status, left.status, after.status) == (403, 204, 403)


async def test_the_smaller_permission_touches_no_owner(campus: Campus) -> None:
    await campus.place.tenant.change_app(
        campus.place.app, application_permissions=["TeamMember.ReadWriteNonOwnerRole.All"]
    )
    members = f"{campus.team.path}/members"

    plain = await campus.graph(None, "POST", members, campus.member(campus.carol))
    owner = await campus.graph(None, "POST", members, campus.member(campus.bob, "owner"))

    assert (plain.status, owner.status) == (201, 403)


async def test_members_are_added_and_removed_in_bulk(campus: Campus) -> None:
    add, remove = f"{campus.team.path}/members/add", f"{campus.team.path}/members/remove"
    carol, nobody = campus.member(campus.carol), campus.member("nobody@nowhere.example")

    mixed = await campus.graph(None, "POST", add, {"values": [carol, nobody]})
    fine = await campus.graph(None, "POST", add, {"values": [carol]})
    gone = await campus.graph(None, "POST", remove, {"values": [carol]})
    again = await campus.graph(None, "POST", remove, {"values": [carol]})
    many = await campus.graph(None, "POST", add, {"values": [carol] * 201})
    too_many = await campus.graph(None, "POST", remove, {"values": [carol] * 21})
    empty = await campus.graph(None, "POST", add, {"values": []})

    assert mixed.status == 207
    assert [item["error"] is None for item in mixed.body["value"]] == [True, False]
    assert mixed.body["value"][0]["userId"] == campus.carol.id
    assert (fine.status, gone.status, gone.raw) == (200, 204, b"")
    assert (again.status, again.body["value"][0]["error"]["code"]) == (207, "NotFound")
    assert [many.status, too_many.status, empty.status] == [400, 400, 400]


async def test_a_guest_is_stamped_as_one_and_never_owns(campus: Campus) -> None:
    gina = await campus.guest()
    members = f"{campus.team.path}/members"

    as_owner = await campus.graph(None, "POST", members, campus.member(gina, "owner"))
    made = await campus.graph(None, "POST", members, campus.member(gina))
    promoted = await campus.graph(
        None,
        "PATCH",
        f"{members}/{enc(made.body['id'])}",
        {"@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": ["owner"]},
    )
    channel = await campus.graph(
        gina, "POST", f"{campus.team.path}/channels", {"displayName": "Guests"}
    )
    summary = (await campus.graph(None, "GET", campus.team.path)).body["summary"]

    assert (as_owner.status, promoted.status) == (400, 400)
    assert made.body["roles"] == ["guest"]
    assert channel.status == 403
    assert summary["guestsCount"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"@odata.type": None},
        {"@odata.type": "#microsoft.graph.user"},
        {"user@odata.bind": None},
        {"user@odata.bind": "https://["},
        {"roles": ["king"]},
        {"roles": "owner"},
        {"nonsense": 1},
    ],
)
async def test_a_malformed_member_is_refused(campus: Campus, change: dict[str, Any]) -> None:
    body = campus.member(campus.carol) | change

    answer = await campus.graph(None, "POST", f"{campus.team.path}/members", body)

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_a_users_id_is_no_member_id(campus: Campus) -> None:
    answer = await campus.graph(None, "GET", f"{campus.team.path}/members/{campus.bob.id}")

    assert (answer.status, answer.message) == (400, f"Invalid id '{campus.bob.id}' provided.")


async def test_permissions_are_needed_and_named(campus: Campus) -> None:
    await campus.place.tenant.change_app(
        campus.place.app, application_permissions=["User.Read.All"]
    )

    for method, path in (
        ("GET", "/teams"),
        ("GET", campus.team.path),
        ("GET", f"{campus.team.path}/members"),
        ("GET", f"{campus.team.path}/channels"),
        ("GET", f"{campus.team.general.path}/messages"),
        ("POST", f"{campus.team.path}/archive"),
    ):
        answer = await campus.graph(None, method, path)
        assert (answer.status, answer.code) == (403, "Forbidden"), path
        assert answer.message.startswith("Missing role permissions on the request.")


async def test_every_change_of_a_team_is_announced(
    campus: Campus, subscriber: Subscriber, place: Place
) -> None:
    tenant = next(iter(place.server.realm.tenants.values()))
    seen: list[tuple[str, str, str]] = []
    tenant.listeners.append(lambda c: seen.append((c.subject.value, c.kind.value, c.place)))

    team = await campus.teams.create_team("Told", owners=[campus.alice.id])
    await campus.teams.change_team(team.id, name="Renamed", add=[campus.bob.id])
    await campus.teams.change_team(team.id, promote=[campus.bob.id], remove=[campus.alice.id])
    await campus.teams.delete_team(team.id)

    assert [(subject, kind) for subject, kind, _ in seen] == [
        ("team", "created"),
        ("channel", "created"),
        ("team", "updated"),
        ("conversationMember", "created"),
        ("conversationMember", "deleted"),
        ("conversationMember", "updated"),
        ("team", "deleted"),
    ]
    assert seen[0][2] == f"teams('{team.id}')"
    assert seen[3][2].startswith(f"teams('{team.id}')/members('")
    assert subscriber.posts == []


async def test_system_messages_about_the_team_stand_in_general(campus: Campus) -> None:
    await campus.place.tenant.change_settings(system_messages=True)
    team = await campus.teams.create_team("Told", owners=[campus.alice.id])
    await campus.teams.change_team(team.id, by=campus.alice.id, name="New", add=[campus.bob.id])
    await campus.teams.create_channel(team.id, "News")

    found = await campus.teams.messages(team.general)

    kinds = [str(item["eventDetail"]["@odata.type"]).rpartition(".")[2] for item in found]  # type: ignore[index]
    assert kinds == [
        "teamRenamedEventMessageDetail",
        "membersAddedEventMessageDetail",
        "channelAddedEventMessageDetail",
    ]
    assert all(item["from"] is None for item in found)
