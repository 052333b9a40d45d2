"""What is told of each kind of thing, to whom, and what it looks like."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.catalog import TeamsApp
from bridge.sandbox.tenant.errors import Json
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Subject
from bridge.sandbox.tenant.world import Content
from tests.kit.openapi import description
from tests.unit.sandbox.tenant.place import Place, Subscriber, enc, later
from tests.unit.sandbox.tenant.test_subscriptions import add_team, allow, inside, subscribe

CREATED = ChangeKind.CREATED
UPDATED = ChangeKind.UPDATED
DELETED = ChangeKind.DELETED
PREFER = {"Prefer": "include-unknown-enum-members"}


def fits(name: str, shown: dict[str, Any]) -> bool:
    """Whether it is what Graph's description says, where there is a copy of that."""
    known = description()
    return known is None or known.schemas.problems(f"microsoft.graph.{name}", shown) == []


def changed(
    place: Place, subject: Subject, kind: ChangeKind, key: str, where: str, **more: Any
) -> None:
    seen: Json = {"id": key, **more.pop("seen", {})}
    inside(place).announce(
        Change(kind=kind, subject=subject, id=key, place=where, seen=seen, **more)
    )


async def system_event(place: Place, chat: str) -> None:
    tenant = inside(place)
    detail: Json = {
        "@odata.type": "#microsoft.graph.chatRenamedEventMessageDetail",
        "chatId": chat,
        "chatDisplayName": "x",
        "initiator": None,
    }
    conversation.tell_event(tenant, tenant.chats[chat], detail)


def where_of(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["changeType"], item["resource"]) for item in items]


async def test_messages_of_channels_are_told_by_channel_and_by_tenant(
    place: Place, subscriber: Subscriber
) -> None:
    await allow(place, app=["ChannelMessage.Read.All"])
    team, channel = add_team(place, place.alice.id)
    add_team(place, place.alice.id)
    await subscribe(place, None, subscriber, resource="/teams/getAllMessages")
    await subscribe(
        place, None, subscriber, resource=f"/teams/{team}/channels/{enc(channel)}/messages"
    )
    tenant = inside(place)
    alice = tenant.users[place.alice.id]
    first, second = (next(iter(t.channels.values())) for t in tenant.teams.values())
    root = conversation.post(tenant, first, alice, Content(text="root"))
    spot = conversation.Spot(number=conversation.next_id(tenant, first), reply_to=root.id)
    reply = conversation.post(tenant, first, alice, Content(text="reply"), (), spot)
    other = conversation.post(tenant, second, alice, Content(text="other"))
    await place.tenant.type(place.chat, place.alice.id, "no channel")

    items = await subscriber.arrived(5)

    base = f"teams('{team}')/channels('{channel}')/messages('{root.id}')"
    answer = f"{base}/replies('{reply.id}')"
    elsewhere = f"teams('team-1')/channels('{second.id}')/messages('{other.id}')"
    assert sorted(item["resource"] for item in items) == [base, base, answer, answer, elsewhere]
    opened = [subscriber.open(item["encryptedContent"]) for item in items]
    assert {m["channelIdentity"]["teamId"] for m in opened} == {team, "team-1"}
    assert await place.tenant.pending() == 0


async def test_chats_are_told_with_their_members_and_without_names(
    place: Place, subscriber: Subscriber
) -> None:
    await subscribe(place, None, subscriber, resource="/chats", changeType="created,updated")
    chat = await place.tenant.create_chat("group", [place.alice.id, place.bob.id], topic="New")
    await place.tenant.change_chat(chat, topic="Newer")

    items = await subscriber.arrived(2)

    assert where_of(items) == [("created", f"chats('{chat}')"), ("updated", f"chats('{chat}')")]
    assert items[0]["resourceData"] == {
        "id": chat,
        "@odata.type": "#microsoft.graph.chat",
        "@odata.id": f"chats('{chat}')",
    }
    opened = [subscriber.open(item["encryptedContent"]) for item in items]
    assert [c["topic"] for c in opened] == ["New", "Newer"]
    assert "viewpoint" not in opened[0]
    assert {m["userId"] for m in opened[0]["members"]} == {place.alice.id, place.bob.id}
    assert {m["displayName"] for m in opened[0]["members"]} == {None}
    assert (opened[0]["messages"], opened[0]["installedApps"]) == ([], [])
    assert fits("chat", opened[0])


async def test_members_of_chats_come_and_go(place: Place, subscriber: Subscriber) -> None:
    await subscribe(place, None, subscriber, resource="/chats/getAllMembers")
    await subscribe(
        place, None, subscriber, resource=f"/chats/{place.group}/members", changeType="deleted"
    )
    await place.tenant.change_chat(place.group, add=[place.carol.id])
    await place.tenant.change_settings(member_names_in_content=True)
    await place.tenant.change_chat(place.group, remove=[place.carol.id])

    items = await subscriber.arrived(3)

    assert [item["changeType"] for item in items] == ["created", "deleted", "deleted"]
    member = items[0]["resourceData"]["id"]
    assert items[0]["resource"] == f"chats('{place.group}')/members('{member}')"
    assert items[0]["resourceData"]["@odata.type"].endswith("graph.aadUserConversationMember")
    nameless, named = (subscriber.open(items[n]["encryptedContent"]) for n in (0, 1))
    assert (nameless["userId"], nameless["displayName"], nameless["email"]) == (
        place.carol.id,
        None,
        None,
    )
    assert named["displayName"] == "Carol Danvers"
    assert fits("aadUserConversationMember", nameless)


async def test_teams_channels_and_their_members_are_told_apart(
    place: Place, subscriber: Subscriber
) -> None:
    await allow(
        place,
        app=[
            "Team.ReadBasic.All",
            "Channel.ReadBasic.All",
            "TeamMember.Read.All",
            "ChannelMember.Read.All",
        ],
    )
    team_id, channel_id = add_team(place, place.alice.id, closed=True)
    tenant = inside(place)
    team = tenant.teams[team_id]
    channel = team.channels[channel_id]
    paths = {
        "/teams": "team",
        f"/teams/{team_id}": "team",
        "/teams/getAllChannels": "channel",
        f"/teams/{team_id}/channels": "channel",
        "/teams/getAllMembers": "team member",
        f"/teams/{team_id}/members": "team member",
        "/teams/getAllChannels/getAllMembers": "channel member",
        f"/teams/{team_id}/channels/getAllMembers": "channel member",
        "/teams/nobody": "",
    }
    made = {}
    for path, kind in paths.items():
        answer = await subscribe(
            place, None, subscriber, resource=path, notificationUrl=f"{subscriber.url}/{enc(kind)}"
        )
        assert (answer.status == 201) is bool(kind)
        made[path] = kind
    here = f"teams('{team_id}')"
    inner = f"{here}/channels('{channel_id}')"
    changed(place, Subject.TEAM, UPDATED, team_id, here, team=team)
    changed(place, Subject.CHANNEL, DELETED, channel_id, inner, team=team, conversation=channel)
    changed(place, Subject.MEMBER, CREATED, "m1", f"{here}/members('m1')", team=team)
    changed(
        place,
        Subject.MEMBER,
        UPDATED,
        "m2",
        f"{inner}/members('m2')",
        team=team,
        conversation=channel,
    )

    await subscriber.arrived(8)

    told = {
        post["path"]: sorted(where_of(post["value"])) for post in subscriber.posts if post["value"]
    }
    assert told == {
        "/team": [("updated", here)] * 2,
        "/channel": [("deleted", inner)] * 2,
        "/team member": [("created", f"{here}/members('m1')")] * 2,
        "/channel member": [("updated", f"{inner}/members('m2')")] * 2,
    }


async def test_a_user_is_not_told_of_closed_channels_nor_of_what_was_left(
    place: Place, subscriber: Subscriber
) -> None:
    await allow(place, users=["Channel.ReadBasic.All", "Chat.Read"])
    team_id, channel_id = add_team(place, place.alice.id)
    tenant = inside(place)
    team = tenant.teams[team_id]
    _, closed_id = add_team(place, place.alice.id, closed=True)
    closed = tenant.teams["team-1"].channels[closed_id]
    await subscribe(place, place.alice, subscriber, resource=f"/teams/{team_id}/channels")
    await subscribe(place, place.alice, subscriber, resource=f"/chats/{place.group}/messages")
    for channel in (closed, team.channels[channel_id]):
        changed(
            place,
            Subject.CHANNEL,
            UPDATED,
            channel.id,
            channel.place,
            team=team,
            conversation=channel,
        )
    await place.tenant.type(place.group, place.bob.id, "one")
    await place.tenant.change_chat(place.group, remove=[place.alice.id])
    await place.tenant.type(place.group, place.bob.id, "two")

    items = [i for i in await subscriber.arrived(2) if "chats" in i["resource"]]

    assert await place.tenant.pending() == 0
    assert [item["resourceData"]["id"] for item in subscriber.items()] != [closed_id]
    assert len(items) == 1
    assert len(subscriber.items()) == 2


async def test_what_only_one_person_sees_of_a_chat_is_told_to_that_person_who_asked(
    place: Place, subscriber: Subscriber
) -> None:
    path = f"/chats/{place.group}"
    wish = {"changeType": "created,updated"}
    for who, resource, name in (
        (place.alice, f"{path}?notifyOnUserSpecificProperties=true", "asked"),
        (place.alice, "/me/chats?$notifyOnUserSpecificProperties=true", "all"),
        (place.bob, f"/users/{place.bob.id}/chats", "silent"),
    ):
        made = await subscribe(
            place,
            who,
            subscriber,
            **wish,
            resource=resource,
            notificationUrl=f"{subscriber.url}/{name}",
        )
        assert made.status == 201, made.body
    tenant = inside(place)
    chat, alice = tenant.chats[place.group], tenant.users[place.alice.id]
    conversation.announce_chat(tenant, chat, UPDATED, alice)
    conversation.announce_chat(tenant, chat, UPDATED)

    items = await subscriber.arrived(5)

    posts = {
        name: [
            subscriber.open(i["encryptedContent"])
            for p in subscriber.posts
            for i in p["value"]
            if p["path"] == f"/{name}"
        ]
        for name in ("asked", "all", "silent")
    }
    assert len(items) == 5
    assert [set(chat) & {"viewpoint", "members"} for chat in posts["asked"]] == [
        {"viewpoint"},
        {"members"},
    ]
    assert posts["all"] == posts["asked"]
    assert posts["silent"] == posts["asked"][1:]
    assert all(fits("chat", shown) for shown in posts["asked"])


async def test_how_somebody_sees_a_chat_is_told_when_they_read_hide_and_write(
    place: Place, subscriber: Subscriber
) -> None:
    resource = f"/users/{place.alice.id}/chats?notifyOnUserSpecificProperties=true"
    await subscribe(place, place.alice, subscriber, resource=resource, changeType="updated")
    path = f"/chats/{enc(place.group)}"
    wish = {"user": {"id": place.alice.id}}

    await place.tenant.see(place.group, place.alice.id, read=True)
    await place.tenant.see(place.group, place.bob.id, read=True)
    await place.graph(place.alice, "POST", f"{path}/hideForUser", wish)
    await place.tenant.type(place.group, place.bob.id, "you there?")  # Which shows it again.
    await place.tenant.type(place.group, place.alice.id, "yes")

    items = await subscriber.arrived(4)
    opened = [subscriber.open(item["encryptedContent"]) for item in items]
    assert [chat["viewpoint"]["isHidden"] for chat in opened] == [False, True, False, False]
    reads = [chat["viewpoint"]["lastMessageReadDateTime"] for chat in opened]
    assert reads[1:3] == [reads[0]] * 2
    assert reads[3] > reads[0]


async def test_presence_is_told_by_the_people_it_was_asked_for(
    place: Place, subscriber: Subscriber
) -> None:
    await allow(place, users=["Presence.Read.All"])
    both = f"'{place.alice.id}','{place.bob.id}'"
    await subscribe(
        place,
        place.alice,
        subscriber,
        resource=f"/communications/presences?$filter=id in ({both})",
        changeType="updated",
    )
    users = inside(place).users
    for person in (place.carol, place.bob):
        changed(
            place,
            Subject.PRESENCE,
            UPDATED,
            person.id,
            f"users('{person.id}')/presence",
            seen={"availability": "Busy", "activity": "InACall", "statusMessage": None},
            user=users[person.id],
        )

    item = (await subscriber.arrived(1))[0]

    assert item["resource"] == f"communications/presences/{place.bob.id}"
    assert item["resourceData"]["@odata.id"] == f"users/{place.bob.id}/presence"
    assert subscriber.open(item["encryptedContent"]) == {
        "@odata.id": f"users/{place.bob.id}/presence",
        "@odata.type": "#microsoft.graph.presence",
        "id": place.bob.id,
        "availability": "Busy",
        "activity": "InACall",
    }
    assert await place.tenant.pending() == 0


async def test_creating_and_deleting_a_user_are_updates_too(
    place: Place, subscriber: Subscriber
) -> None:
    made = await subscribe(
        place,
        None,
        subscriber,
        resource="/users",
        changeType="updated,deleted",
        includeResourceData=False,
        lifecycleNotificationUrl=None,
        expirationDateTime=later(41_760),
    )
    user = inside(place).users[place.bob.id]
    for kind in (CREATED, DELETED):
        changed(place, Subject.USER, kind, user.id, f"users('{user.id}')", user=user)

    items = await subscriber.arrived(3)

    assert made.status == 201
    assert where_of(items) == [
        (kind, f"Users/{place.bob.id}") for kind in ("updated", "updated", "deleted")
    ]
    assert items[0]["resourceData"]["@odata.type"] == "#Microsoft.Graph.User"


@pytest.mark.parametrize("knows", [True, False])
async def test_system_messages_go_to_single_chats_and_by_name_to_who_asked(
    place: Place, subscriber: Subscriber, knows: bool
) -> None:
    headers = PREFER if knows else {}
    single = subscriber.wish(f"/chats/{place.group}/messages")
    await place.graph(None, "POST", "/subscriptions", single, headers=headers)
    await place.graph(None, "POST", "/subscriptions", subscriber.wish(), headers=headers)
    await system_event(place, place.group)
    await place.tenant.change_settings(system_events_everywhere=True)
    await system_event(place, place.group)

    items = await subscriber.arrived(3)

    opened = [subscriber.open(item["encryptedContent"]) for item in items]
    kind = "systemEventMessage" if knows else "unknownFutureValue"
    assert {message["messageType"] for message in opened} == {kind}
    assert len({item["subscriptionId"] for item in items[:2]}) <= 2
    assert [i["resource"] for i in items].count(items[0]["resource"]) == 1
    assert await place.tenant.pending() == 0


async def test_filters_let_through_what_matches(place: Place, subscriber: Subscriber) -> None:
    words = f"/chats/{place.chat}/messages?$search=%22hello%20there%22"
    name = f"/chats/{place.group}/messages?$filter=mentions/any(x: x/mentioned/user/id eq '{place.bob.id}')"
    for resource in (words, name):
        assert (await subscribe(place, None, subscriber, resource=resource)).status == 201
    await place.tenant.type(place.chat, place.alice.id, "<p>hello you</p>")
    found = await place.tenant.type(place.chat, place.alice.id, "<p>I said: <b>Hello there</b></p>")
    await place.say(place.alice, place.group, "nobody")
    mention = {"id": 0, "mentionText": "Bob", "mentioned": {"user": {"id": place.bob.id}}}
    called = await place.say(
        place.alice, place.group, '<p><at id="0">Bob</at>!</p>', mentions=[mention]
    )

    items = await subscriber.arrived(2)

    assert [i["resourceData"]["id"] for i in items] == [found, called.body["id"]]
    assert await place.tenant.pending() == 0


async def test_an_app_hears_of_the_chats_it_is_installed_in(
    place: Place, subscriber: Subscriber
) -> None:
    await allow(place, app=["Chat.ReadWrite.WhereInstalled"])
    catalog = inside(place).catalog
    app = TeamsApp(id="bridge", external_id="x", name="Bridge", client_id=place.app)
    catalog.apps[app.id] = app
    catalog.install(app, place.group, ())
    root = "/appCatalogs/teamsApps/bridge/installedToChats"
    for path, rich in (("", True), ("/getAllMessages", False), ("/getAllMembers", True)):
        made = await subscribe(
            place,
            None,
            subscriber,
            resource=root + path,
            changeType="created,updated",
            includeResourceData=rich,
        )
        assert made.status == 201, made.body
    await place.tenant.type(place.chat, place.alice.id, "elsewhere")
    await place.tenant.type(place.group, place.alice.id, "here")
    await place.tenant.change_chat(place.group, add=[place.carol.id])

    items = await subscriber.arrived(3)

    assert all(item["resource"].startswith(f"chats('{place.group}')") for item in items)
    kinds = {item["resourceData"]["@odata.type"].rpartition(".")[2] for item in items}
    assert kinds == {"chat", "chatMessage", "aadUserConversationMember"}


async def test_casing_can_be_turned_round(place: Place, subscriber: Subscriber) -> None:
    await subscribe(place, None, subscriber)
    await subscribe(place, None, subscriber, resource="/chats", changeType="updated")
    await place.tenant.change_settings(swap_casing=True)
    await place.tenant.type(place.chat, place.alice.id, "x")
    await place.tenant.change_chat(place.group, topic="y")

    items = await subscriber.arrived(2)

    assert [(i["changeType"], i["resourceData"]["@odata.type"]) for i in items[:2]] == [
        ("Created", "#microsoft.graph.chatMessage"),
        ("Updated", "#Microsoft.Graph.chat"),
    ]
    # The schema has no such casing: nothing for the witness.
    subscriber.posts.clear()
