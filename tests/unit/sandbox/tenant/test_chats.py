"""Chats: finding them, their members, what each one made of them, pins, and one's own notes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from bridge.sandbox.tenant import client_kinds as kinds
from tests.unit.sandbox.tenant.place import APPLICATION, DELEGATED, Place, enc, instant

AAD = "#microsoft.graph.aadUserConversationMember"


def bound(place: Place, user: str, **more: Any) -> dict[str, Any]:
    bind = f"{place.server.base}/v1.0/users('{user}')"
    return {"@odata.type": AAD, "roles": ["owner"], "user@odata.bind": bind, **more}


async def grant(place: Place, *, scopes: tuple[str, ...] = (), roles: tuple[str, ...] = ()) -> None:
    await place.tenant.change_app(
        place.app,
        delegated_scopes=[*DELEGATED, *scopes],
        application_permissions=[*APPLICATION, *roles],
    )
    place._tokens.clear()


async def listed(place: Place, query: str) -> list[str]:
    answer = await place.graph(place.alice, "GET", f"/me/chats?{query}")
    assert answer.status == 200, answer.body
    return [chat["id"] for chat in answer.body["value"]]


async def found(place: Place, text: str) -> list[str]:
    return await listed(place, f"$filter={enc(text)}")


async def test_chats_are_filtered_by_what_they_are(place: Place) -> None:
    trio = [place.alice.id, place.bob.id, place.carol.id]
    bare = await place.tenant.create_chat("group", trio)
    meeting = await place.tenant.create_chat("meeting", trio, topic="Jour fixe")

    assert await found(place, "chatType eq 'oneOnOne'") == [place.chat]
    assert await found(place, "topic eq 'Tea party'") == [place.group]
    assert set(await found(place, "topic eq null")) == {place.chat, bare}
    both = "chatType eq 'meeting' or topic eq 'Tea party'"
    assert set(await found(place, both)) == {place.group, meeting}
    assert await found(place, "chatType eq 'group' and topic ne 'Tea party'") == [bare]
    someone = "members/any(o: o/displayname eq 'carol danvers')"
    assert set(await found(place, someone)) == {bare, meeting}
    key = f"members/any(m:m/microsoft.graph.aadUserConversationMember/userId eq '{place.carol.id}')"
    assert set(await found(place, key)) == {bare, meeting}
    assert await found(place, "topic eq 'it''s'") == []


async def test_chats_are_filtered_by_time_and_by_ones_own_view(place: Place) -> None:
    await place.tenant.type(place.chat, place.bob.id, "early")
    await place.tenant.advance_clock(timedelta(hours=1))
    await place.tenant.type(place.group, place.bob.id, "late")
    newest = (await place.tenant.messages(place.group))[-1]["createdDateTime"]
    who = {"user": {"id": place.alice.id}}
    await place.graph(place.alice, "POST", f"/chats/{enc(place.chat)}/hideForUser", who)
    await place.graph(place.alice, "POST", f"/chats/{enc(place.group)}/markChatReadForUser", who)

    recent = f"lastMessagePreview/createdDateTime ge {newest}"
    assert await found(place, recent) == [place.group]
    assert await found(place, f"lastMessagePreview/createdDateTime lt {newest}") == [place.chat]
    assert await found(place, "viewpoint/isHidden eq true") == [place.chat]
    read = f"viewpoint/lastMessageReadDateTime ge {newest}"
    assert await found(place, read) == [place.group]
    assert await found(place, f"lastUpdatedDateTime gt {newest}") == []
    assert len(await found(place, f"createdDateTime le {newest}")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "webUrl eq 'x'",
        "topic like 'x'",
        "topic eq 'x",
        "topic eq 'x' and",
        "topic eq 'x' xor topic eq 'y'",
        "(topic eq 'x')",
        "createdDateTime gt yesterday",
        "members/any(o: p/displayName eq 'x')",
        "members/any(o: o/roles eq 'x')",
        " and ".join(["topic eq 'x'"] * 21),
    ],
)
async def test_other_filters_are_refused(place: Place, text: str) -> None:
    answer = await place.graph(place.alice, "GET", f"/me/chats?$filter={enc(text)}")

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_chats_come_in_pages_with_the_newest_message_first(place: Place) -> None:
    people = [place.alice.id, place.carol.id]
    made = [await place.tenant.create_chat("group", people, topic=str(n)) for n in range(5)]
    for chat in made:
        await place.tenant.advance_clock(timedelta(seconds=1))
        await place.tenant.type(chat, place.carol.id, "hi")
    seen: list[str] = []
    link = "/me/chats?$top=3&$orderby=lastMessagePreview/createdDateTime%20desc"
    while link:
        answer = await place.graph(place.alice, "GET", link)
        seen += [chat["id"] for chat in answer.body["value"]]
        link = answer.body.get("@odata.nextLink", "").removeprefix(f"{place.server.base}/v1.0")

    assert seen[:5] == made[::-1]
    assert len(seen) == 7
    for query in ("$top=51", "$orderby=topic", "$expand=messages", "$skiptoken=x"):
        assert (await place.graph(place.alice, "GET", f"/me/chats?{query}")).status == 400


async def test_only_the_list_knows_the_newest_message(place: Place) -> None:
    await place.tenant.type(place.chat, place.bob.id, "tea?")
    query = "$expand=members,lastMessagePreview"
    chats = (await place.graph(place.alice, "GET", f"/chats?{query}")).body["value"]
    shown = {chat["id"]: chat for chat in chats}
    alone = await place.graph(place.alice, "GET", f"/chats/{enc(place.chat)}?{query}")

    assert shown[place.chat]["lastMessagePreview"]["body"]["content"] == "tea?"
    assert shown[place.group]["lastMessagePreview"] is None
    assert [m["userId"] for m in alone.body["members"]] == [place.alice.id, place.bob.id]
    assert alone.body["lastMessagePreview"] is None


async def test_a_view_is_ones_own_and_shown_to_people_only(place: Place) -> None:
    await place.tenant.advance_clock(timedelta(minutes=1))
    path = f"/chats/{enc(place.chat)}"
    wish = {"user": {"id": place.alice.id, "tenantId": place.tenant.id}}

    async def view(who: Any) -> Any:
        return (await place.graph(who, "GET", path)).body["viewpoint"]

    fresh = await view(place.alice)
    answer = await place.graph(place.alice, "POST", f"{path}/markChatReadForUser", wish)
    read = await view(place.alice)
    await place.graph(place.alice, "POST", f"{path}/hideForUser", wish)
    hidden = await view(place.alice)
    await place.graph(place.alice, "POST", f"{path}/unhideForUser", wish)

    assert answer.status == 204
    assert instant(read["lastMessageReadDateTime"]) > instant(fresh["lastMessageReadDateTime"])
    assert (fresh["isHidden"], hidden["isHidden"]) == (False, True)
    assert not (await view(place.alice))["isHidden"]
    assert (await view(place.bob))["lastMessageReadDateTime"] == fresh["lastMessageReadDateTime"]
    assert await view(None) is None


async def test_unread_is_the_last_message_or_all_after_a_moment(place: Place) -> None:
    await place.tenant.advance_clock(timedelta(minutes=1))
    number = await place.tenant.type(place.chat, place.bob.id, "hi")
    path = f"/chats/{enc(place.chat)}"
    wish: dict[str, Any] = {"user": {"id": place.alice.id}}
    moment = "2026-01-01T10:00:00Z"

    async def read_until(**more: str) -> str:
        await place.graph(place.alice, "POST", f"{path}/markChatUnreadForUser", wish | more)
        chat = (await place.graph(place.alice, "GET", path)).body
        return str(chat["viewpoint"]["lastMessageReadDateTime"])

    message = (await place.graph(place.alice, "GET", f"{path}/messages/{number}")).body
    before = instant(message["createdDateTime"]) - timedelta(milliseconds=1)
    assert instant(await read_until()) == before
    assert await read_until(lastMessageReadDateTime=moment) == moment


async def test_a_message_unhides_and_its_sender_has_read_it(place: Place) -> None:
    path = f"/chats/{enc(place.chat)}"
    for who in (place.alice, place.bob):
        await place.graph(who, "POST", f"{path}/hideForUser", {"user": {"id": who.id}})
    await place.tenant.advance_clock(timedelta(minutes=1))
    sent = await place.say(place.alice, place.chat, "hello")
    views = [
        (await place.graph(who, "GET", path)).body["viewpoint"] for who in (place.alice, place.bob)
    ]

    assert [view["isHidden"] for view in views] == [False, False]
    said = instant(sent.body["createdDateTime"])
    assert instant(views[0]["lastMessageReadDateTime"]) >= said
    assert instant(views[1]["lastMessageReadDateTime"]) < said


@pytest.mark.parametrize(
    "action", ["markChatReadForUser", "markChatUnreadForUser", "hideForUser", "unhideForUser"]
)
async def test_nobody_marks_for_another(place: Place, action: str) -> None:
    path = f"/chats/{enc(place.chat)}/{action}"
    bobs = await place.graph(place.alice, "POST", path, {"user": {"id": place.bob.id}})
    away = {"user": {"id": place.alice.id, "tenantId": str(uuid4())}}
    elsewhere = await place.graph(place.alice, "POST", path, away)
    empty = await place.graph(place.alice, "POST", path, {})
    strange = await place.graph(place.alice, "POST", path, {"user": {"id": place.alice.id}, "x": 1})
    app = await place.graph(None, "POST", path, {"user": {"id": place.alice.id}})
    outsider = await place.graph(place.carol, "POST", path, {"user": {"id": place.carol.id}})

    answers = (bobs, elsewhere, empty, strange, app, outsider)
    assert [a.status for a in answers] == [403, 403, 400, 400, 412, 403]


async def test_pins_are_listed_with_their_messages_if_asked(place: Place) -> None:
    await grant(place, roles=("Chat.ReadWrite.All",))
    number = await place.tenant.type(place.group, place.bob.id, "keep")
    path = f"/chats/{enc(place.group)}/pinnedMessages"
    for form in ("/chats/{c}/messages/{m}", "/chats('{c}')/messages('{m}')"):
        where = form.format(c=enc(place.group), m=number)
        body = {"message@odata.bind": f"{place.server.base}/v1.0{where}"}
        made = await place.graph(place.alice, "POST", path, body)
        assert (made.status, made.body["id"]) == (201, number)
    bare = await place.graph(place.bob, "GET", path)
    full = await place.graph(None, "GET", f"{path}?$expand=message")
    gone = await place.graph(None, "DELETE", f"{path}/{number}")
    again = await place.graph(place.alice, "DELETE", f"{path}/{number}")

    assert [set(p) - {"@odata.type"} for p in bare.body["value"]] == [{"id"}]
    assert full.body["value"][0]["message"]["body"]["content"] == "keep"
    assert (gone.status, again.status) == (204, 404)
    assert (await place.graph(place.bob, "GET", path)).body["value"] == []


async def test_a_pin_that_makes_no_sense_is_refused(place: Place) -> None:
    number = await place.tenant.type(place.group, place.bob.id, "keep")
    other = await place.tenant.type(place.chat, place.bob.id, "elsewhere")
    path = f"/chats/{enc(place.group)}/pinnedMessages"
    base = f"{place.server.base}/v1.0/chats/"
    for bind, status in (
        (f"{base}{enc(place.chat)}/messages/{other}", 400),
        (f"{base}{enc(place.group)}/messages/1", 404),
        ("https://[", 400),
        ("", 400),
        (7, 400),
    ):
        answer = await place.graph(place.alice, "POST", path, {"message@odata.bind": bind})
        assert answer.status == status
    await place.tenant.delete(place.group, number)
    bind = f"{base}{enc(place.group)}/messages/{number}"
    answer = await place.graph(place.alice, "POST", path, {"message@odata.bind": bind})
    assert answer.status == 400
    assert (await place.graph(place.alice, "GET", f"{path}?$expand=chat")).status == 400
    assert (await place.graph(place.carol, "GET", path)).status == 403


async def test_ones_notes_take_messages_and_nothing_else(place: Place) -> None:
    path = "/me/chats/48%3Anotes"
    body = {"body": {"contentType": "html", "content": "<p>buy tea</p>"}}
    sent = await place.graph(place.alice, "POST", "/chats/48:notes/messages", body)
    mine = await place.graph(place.alice, "GET", f"{path}/messages")
    bobs = await place.graph(place.bob, "GET", f"{path}/messages")
    asked = await place.graph(place.alice, "GET", "/chats/48%3Anotes")
    members = await place.graph(place.alice, "GET", "/chats/48:notes/members")
    app = await place.graph(None, "GET", "/chats/48:notes/messages")

    assert sent.status == 201
    assert sent.body["chatId"] == "48:notes"
    assert [m["body"]["content"] for m in mine.body["value"]] == ["<p>buy tea</p>"]
    assert bobs.body["value"] == []
    assert (asked.status, members.status, app.status) == (400, 400, 404)
    assert "not a ChatThread" in asked.message
    assert "48:notes" not in await listed(place, "$top=50")


async def test_guests_and_strangers_have_the_role_that_fits(place: Place) -> None:
    await kinds.change_person(place.tenant, place.carol.id, guest=True)
    home = str(uuid4())
    stranger = await kinds.bring_stranger(place.tenant, "federatedUser", "Fed", tenant_id=home)
    path = f"/chats/{enc(place.group)}/members"

    async def add(user: str, *roles: str, **more: Any) -> int:
        body = bound(place, user, **more) | {"roles": list(roles)}
        return (await place.graph(place.alice, "POST", path, body)).status

    assert await add(place.carol.id, "owner") == 400
    assert await add(place.carol.id) == 400
    assert await add(place.carol.id, "guest") == 201
    assert await add(stranger, "owner") == 404
    assert await add(stranger, "owner", tenantId=str(uuid4())) == 404
    assert await add(stranger, "guest", tenantId=home) == 400
    assert await add(stranger, tenantId=home) == 201
    members = (await place.graph(None, "GET", path)).body["value"]
    assert [m["roles"] for m in members[-2:]] == [["guest"], ["owner"]]
    assert members[-1]["tenantId"] == home


async def test_a_pair_may_reach_into_another_organisation(place: Place) -> None:
    home = str(uuid4())
    stranger = await kinds.bring_stranger(place.tenant, "federatedUser", "Fed", tenant_id=home)
    body = {
        "chatType": "oneOnOne",
        "members": [bound(place, place.alice.id), bound(place, stranger, tenantId=home)],
    }
    made = await place.graph(place.alice, "POST", "/chats", body)
    sent = await place.say(place.alice, made.body["id"], "hello over there")

    assert (made.status, sent.status) == (201, 201)
    assert made.body["id"].endswith("@unq.gbl.spaces")


async def test_several_members_come_and_go_at_once(place: Place) -> None:
    path = f"/chats/{enc(place.group)}/members"
    values = [bound(place, place.carol.id), bound(place, place.bob.id), bound(place, "nobody")]
    added = await place.graph(place.alice, "POST", f"{path}/add", {"values": values})
    removed = await place.graph(place.alice, "POST", f"{path}/remove", {"values": values[:1]})
    pair = f"/chats/{enc(place.chat)}/members/add"
    blocked = await place.graph(place.alice, "POST", pair, {"values": values[:1]})

    assert [r["userId"] for r in added.body["value"]] == [place.carol.id, None, None]
    codes = [r["error"] and r["error"]["code"] for r in added.body["value"]]
    assert codes == [None, "BadRequest", "Request_ResourceNotFound"]
    assert (added.status, removed.status, blocked.status) == (207, 204, 207)
    assert blocked.body["value"][0]["error"]["code"] == "InsufficientPrivileges"
    senseless: list[dict[str, Any]] = [{}, {"values": []}, {"values": [bound(place, "x")] * 201}]
    for nothing in senseless:
        assert (await place.graph(place.alice, "POST", f"{path}/add", nothing)).status == 400


async def test_a_chat_has_as_many_members_as_its_cloud_takes(place: Place) -> None:
    await place.tenant.change_settings(members_per_chat_max=2)
    path = f"/chats/{enc(place.group)}/members"
    full = await place.graph(place.alice, "POST", path, bound(place, place.carol.id))
    people = [bound(place, p.id) for p in (place.alice, place.bob, place.carol)]
    body = {"chatType": "group", "members": people}

    assert (full.status, full.code) == (403, "Forbidden")
    assert (await place.graph(place.alice, "POST", "/chats", body)).status == 400


async def test_all_access_can_be_taken_from_a_user_of_a_pair_too(place: Place) -> None:
    await grant(place, scopes=("Chat.ReadWrite.All",))
    path = f"/chats/{enc(place.chat)}"
    wish = {"user": {"id": place.bob.id}}
    gone = await place.graph(place.alice, "POST", f"{path}/removeAllAccessForUser", wish)
    again = await place.graph(place.alice, "POST", f"{path}/removeAllAccessForUser", wish)

    assert (gone.status, again.status) == (204, 404)
    assert (await place.graph(place.bob, "GET", path)).status == 403
    assert (await place.graph(None, "POST", f"{path}/removeAllAccessForUser", wish)).status == 412


@pytest.mark.parametrize("topic", ["a:b", "x" * 251, 7, {"a": 1}])
async def test_a_topic_has_rules(place: Place, topic: object) -> None:
    path = f"/chats/{enc(place.group)}"

    assert (await place.graph(place.alice, "PATCH", path, {"topic": topic})).status == 400
    assert (await place.graph(place.alice, "PATCH", path, {})).status == 400
    assert (await place.graph(place.alice, "GET", path)).body["topic"] == "Tea party"
    empty = await place.graph(place.alice, "PATCH", path, {"topic": None})
    assert empty.body["topic"] is None


async def test_a_meeting_chat_knows_its_meeting_and_keeps_its_name(place: Place) -> None:
    people = [place.alice.id, place.bob.id]
    meeting = await place.tenant.create_chat("meeting", people, topic="Jour fixe")
    path = f"/chats/{enc(meeting)}"
    shown = (await place.graph(place.bob, "GET", path)).body
    renamed = await place.graph(place.alice, "PATCH", path, {"topic": "Other"})

    assert meeting.startswith("19:meeting_")
    assert shown["onlineMeetingInfo"]["organizer"]["id"] == place.alice.id
    assert (shown["topic"], renamed.status) == ("Jour fixe", 400)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/pinnedMessages", "Chat.ReadBasic"),
        ("POST", "/pinnedMessages", "Chat.Read"),
        ("DELETE", "/pinnedMessages/1", "ChatMessage.Send"),
        ("POST", "/messages/replyWithQuote", "Chat.Read"),
        ("POST", "/markChatReadForUser", "Chat.Read"),
        ("POST", "/hideForUser", "ChatMessage.Send"),
        ("POST", "/removeAllAccessForUser", "Chat.ReadWrite"),
    ],
)
async def test_each_operation_takes_its_own_permission(
    place: Place, method: str, path: str, scope: str
) -> None:
    await place.tenant.change_app(place.app, delegated_scopes=["User.Read", scope])
    code = await place.code(place.alice, scope=f"openid User.Read {scope}")
    redirect = "https://bridge.example/signin/callback"
    token = await place.token(grant_type="authorization_code", code=code, redirect_uri=redirect)
    place._tokens[place.alice.id] = token.body["access_token"]
    body: Any = None if method in ("GET", "DELETE") else {}
    answer = await place.graph(place.alice, method, f"/chats/{enc(place.chat)}{path}", body)

    assert (answer.status, answer.code) == (403, "Forbidden")
    assert answer.message.startswith("Missing scope permissions on the request.")
