"""Messages in channels of the simulated tenant: chains, pages, posting, editing, reacting."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.sandbox.tenant.place import Answer, Subscriber
from tests.unit.sandbox.tenant.team_place import Campus, campus, enc, ids

__all__ = ["campus"]
PIXEL = base64.b64encode(b"\x89PNG pixel").decode()
RICH: dict[str, Any] = {"attachments": [], "mentions": [], "reactions": []}


def link(campus: Campus, url: str) -> str:
    return url.removeprefix(f"{campus.place.server.base}/v1.0")


async def listed(campus: Campus, query: str = "") -> Answer:
    return await campus.graph(None, "GET", f"{campus.team.general.path}/messages{query}")


async def test_a_list_has_roots_alone_the_last_changed_chain_first(campus: Campus) -> None:
    general, clock = campus.team.general, campus.place.tenant.advance_clock
    first, second, third = await campus.teams.type_many(
        general, [{"user": campus.bob.id, "content": text} for text in ("a", "b", "c")]
    )
    before = ids(await listed(campus))
    await clock(timedelta(seconds=1))
    await campus.teams.type(general, campus.alice.id, "reply", reply_to=first)
    replied = ids(await listed(campus))
    await clock(timedelta(seconds=1))
    await campus.teams.react(general, second, campus.alice.id, "👍")
    reacted = ids(await listed(campus))
    await clock(timedelta(seconds=1))
    await campus.teams.delete(general, third)
    deleted = await listed(campus)

    assert before == [third, second, first]
    assert replied == [first, third, second]
    assert reacted == [second, first, third]
    assert ids(deleted) == [third, second, first]
    assert deleted.body["value"][0]["deletedDateTime"] is not None
    assert deleted.body["value"][0]["body"]["content"] == ""


async def test_roots_come_in_pages_of_twenty_or_as_asked(campus: Campus) -> None:
    burst = [{"user": campus.bob.id, "content": str(n)} for n in range(25)]
    made = await campus.teams.type_many(campus.team.general, burst)

    first = await listed(campus)
    second = await campus.graph(None, "GET", link(campus, first.body["@odata.nextLink"]))
    three = await listed(campus, "?$top=3")
    many = await listed(campus, "?$top=51")

    assert ids(first) + ids(second) == made[::-1]
    assert (len(ids(first)), len(ids(second))) == (20, 5)
    assert first.body["@odata.count"] == 20
    assert "@odata.nextLink" not in second.body
    assert ids(three) == made[:-4:-1]
    assert (many.status, many.code) == (400, "BadRequest")


async def test_a_chain_is_on_one_page_however_many_replies_it_has(campus: Campus) -> None:
    general = campus.team.general
    roots = await campus.teams.type_many(
        general, [{"user": campus.bob.id, "content": str(n)} for n in range(4)]
    )
    for root in (roots[1], roots[3], roots[1], roots[0]):
        await campus.teams.type(general, campus.alice.id, "r", reply_to=root)
    wanted = [roots[0], roots[1], roots[3], roots[2]]

    found: list[str] = []
    page = await listed(campus, "?$top=1")
    while True:
        found += ids(page)
        if "@odata.nextLink" not in page.body:
            break
        page = await campus.graph(None, "GET", link(campus, page.body["@odata.nextLink"]))

    assert found == wanted


async def test_expanded_replies_end_at_two_hundred_and_go_on_elsewhere(campus: Campus) -> None:
    general = campus.team.general
    root = await campus.teams.type(general, campus.bob.id, "root")
    lonely = await campus.teams.type(general, campus.bob.id, "lonely")
    burst = [{"user": campus.alice.id, "content": str(n), "reply_to": root} for n in range(203)]
    replies = await campus.teams.type_many(general, burst)

    found = (await listed(campus, "?$expand=replies&$top=50")).body["value"]
    chain = next(item for item in found if item["id"] == root)
    alone = next(item for item in found if item["id"] == lonely)
    rest = await campus.graph(None, "GET", link(campus, chain["replies@odata.nextLink"]))

    assert [item["id"] for item in chain["replies"]] == replies[:2:-1]
    assert ids(rest) == replies[2::-1]
    assert alone["replies"] == []
    assert "replies@odata.nextLink" not in alone


async def test_replies_are_listed_newest_first_and_only_below_their_root(campus: Campus) -> None:
    general = campus.team.general
    root, other = await campus.teams.type_many(
        general, [{"user": campus.bob.id, "content": text} for text in ("a", "b")]
    )
    replies = await campus.teams.type_many(
        general, [{"user": campus.bob.id, "content": "r", "reply_to": root}] * 3
    )
    path = f"{general.path}/messages"

    two = await campus.graph(campus.bob, "GET", f"{path}/{root}/replies?$top=2")
    last = await campus.graph(campus.bob, "GET", link(campus, two.body["@odata.nextLink"]))
    one = await campus.graph(None, "GET", f"{path}/{root}/replies/{replies[0]}")
    wrong = [
        await campus.graph(None, "GET", f"{path}/{other}/replies/{replies[0]}"),
        await campus.graph(None, "GET", f"{path}/{replies[0]}"),
        await campus.graph(None, "GET", f"{path}/{replies[0]}/replies"),
        await campus.graph(None, "GET", f"{path}/{root}/replies/{other}"),
        await campus.graph(None, "GET", f"{path}/1"),
    ]

    assert ids(two) + ids(last) == replies[::-1]
    assert (one.body["replyToId"], one.body["chatId"]) == (root, None)
    assert [answer.status for answer in wrong] == [404] * 5


@pytest.mark.parametrize(
    ("query", "option"),
    [
        ("$filter=lastModifiedDateTime%20gt%202020-01-01T00:00:00Z", "Filter"),
        ("$orderby=createdDateTime%20desc", "OrderBy"),
        ("$select=id", "Select"),
        ("$search=x", "Search"),
        ("$skip=1", "Skip"),
    ],
)
async def test_other_options_are_refused(campus: Campus, query: str, option: str) -> None:
    answer = await listed(campus, f"?{query}")

    assert (answer.status, answer.code) == (400, "BadRequest")
    assert answer.message.startswith(f"Query option '{option}' is not allowed.")


@pytest.mark.parametrize("query", ["$expand=hostedContents", "$expand=", "$skiptoken=x", "$top=0"])
async def test_malformed_options_are_refused(campus: Campus, query: str) -> None:
    answer = await listed(campus, f"?{query}")

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_members_post_roots_and_replies(campus: Campus) -> None:
    general = campus.team.general
    root = await campus.say(campus.bob, general, "<p>hi</p>", subject="News", importance="high")
    reply = await campus.say(campus.alice, general, "<p>yes</p>", reply_to=root.body["id"])
    stranger = await campus.say(campus.carol, general, "no")
    to_reply = await campus.say(campus.bob, general, "no", reply_to=reply.body["id"])
    place = f"/teams('{campus.team.id}')/channels('{general.channel}')/messages"

    assert root.status == reply.status == 201
    assert (root.body["subject"], root.body["importance"]) == ("News", "high")
    assert root.body["channelIdentity"] == {
        "teamId": campus.team.id,
        "channelId": general.channel,
    }
    assert root.body["webUrl"].startswith("https://teams.microsoft.com/l/message/19%3A")
    assert root.headers["Location"] == f"{place}('{root.body['id']}')"
    assert reply.headers["Location"] == (
        f"{place}('{root.body['id']}')/replies('{reply.body['id']}')"
    )
    assert reply.body["replyToId"] == root.body["id"]
    assert (stranger.status, stranger.code, to_reply.status) == (403, "Forbidden", 404)


async def test_an_app_by_itself_reads_and_does_not_post(campus: Campus) -> None:
    general = campus.team.general
    root = await campus.teams.type(general, campus.bob.id, "hi")
    message = f"{general.path}/messages/{root}"

    read = await campus.graph(None, "GET", message)
    sent = await campus.graph(None, "POST", f"{general.path}/messages", {"body": {"content": "x"}})
    replied = await campus.graph(None, "POST", f"{message}/replies", {"body": {"content": "x"}})
    changed = [
        await campus.graph(None, "POST", f"{message}/softDelete"),
        await campus.graph(None, "POST", f"{message}/undoSoftDelete"),
        await campus.graph(None, "POST", f"{message}/setReaction", {"reactionType": "👍"}),
        await campus.graph(None, "POST", f"{message}/unsetReaction", {"reactionType": "👍"}),
    ]

    assert read.status == 200
    assert (sent.status, sent.code, replied.status) == (401, "Unauthorized", 401)
    assert sent.message.startswith("Message POST is allowed in application-only context only")
    assert [answer.status for answer in changed] == [412] * 4


async def test_a_person_reads_with_the_permission_and_as_a_member_alone(campus: Campus) -> None:
    general = campus.team.general
    await campus.place.tenant.change_app(
        campus.place.app,
        delegated_scopes=["Chat.ReadWrite", "ChannelMessage.Send", "User.Read"],
    )

    sent = await campus.say(campus.bob, general, "hi")
    read = await campus.graph(campus.bob, "GET", f"{general.path}/messages")

    assert (sent.status, read.status) == (201, 403)
    assert "API requires one of 'ChannelMessage.Read.All" in read.message


@pytest.mark.parametrize("is_reply", [False, True])
async def test_own_messages_are_edited_deleted_and_reacted_to(
    campus: Campus, is_reply: bool
) -> None:
    general = campus.team.general
    root = await campus.teams.type(general, campus.alice.id, "root")
    sent = await campus.say(campus.bob, general, "<p>a</p>", reply_to=root if is_reply else None)
    message = f"{general.path}/messages/{sent.body['id']}"
    if is_reply:
        message = f"{general.path}/messages/{root}/replies/{sent.body['id']}"
    new = {"body": {"contentType": "html", "content": "<p>b</p>"}}

    short = await campus.graph(campus.bob, "PATCH", message, new)
    edited = await campus.graph(campus.bob, "PATCH", message, new | RICH)
    foreign = await campus.graph(campus.alice, "PATCH", message, new | RICH)
    liked = await campus.graph(
        campus.alice, "POST", f"{message}/setReaction", {"reactionType": "💘"}
    )
    seen = (await campus.graph(None, "GET", message)).body
    unliked = await campus.graph(
        campus.alice, "POST", f"{message}/unsetReaction", {"reactionType": "💘"}
    )
    deleted = await campus.graph(campus.bob, "POST", f"{message}/softDelete")
    hidden = (await campus.graph(None, "GET", message)).body
    restored = await campus.graph(campus.bob, "POST", f"{message}/undoSoftDelete")
    after = (await campus.graph(None, "GET", message)).body

    assert (short.status, edited.status, foreign.status) == (400, 204, 403)
    assert (liked.status, unliked.status, deleted.status, restored.status) == (204,) * 4
    assert seen["body"]["content"] == "<p>b</p>"
    assert seen["lastEditedDateTime"] is not None
    assert [item["reactionType"] for item in seen["reactions"]] == ["💘"]
    assert (hidden["body"]["content"], after["body"]["content"]) == ("", "<p>b</p>")
    assert after["reactions"] == []


async def test_the_team_may_forbid_editing_and_deleting(campus: Campus) -> None:
    sent = await campus.say(campus.bob, campus.team.general, "<p>a</p>")
    message = f"{campus.team.general.path}/messages/{sent.body['id']}"
    settings = {"allowUserEditMessages": False, "allowUserDeleteMessages": False}
    await campus.graph(campus.alice, "PATCH", campus.team.path, {"messagingSettings": settings})

    edited = await campus.graph(
        campus.bob, "PATCH", message, {"body": {"contentType": "html", "content": "b"}} | RICH
    )
    deleted = await campus.graph(campus.bob, "POST", f"{message}/softDelete")

    assert (edited.status, deleted.status) == (403, 403)


@pytest.mark.parametrize("is_reply", [False, True])
async def test_images_live_in_their_message(campus: Campus, is_reply: bool) -> None:
    general = campus.team.general
    root = await campus.teams.type(general, campus.alice.id, "root")
    image = {
        "@microsoft.graph.temporaryId": "1",
        "contentBytes": PIXEL,
        "contentType": "image/png",
    }
    text = '<p><img src="../hostedContents/1/$value"></p>'
    sent = await campus.say(
        campus.bob,
        general,
        text,
        hostedContents=[image],
        reply_to=root if is_reply else None,
    )
    source = str(sent.body["body"]["content"]).split('src="')[1].split('"')[0]
    listing = link(campus, source).rpartition("/")[0].rpartition("/")[0]

    bytes_of_it = await campus.graph(campus.alice, "GET", link(campus, source))
    found = await campus.graph(None, "GET", listing)
    one = await campus.graph(None, "GET", link(campus, source).removesuffix("/$value"))
    stranger = await campus.graph(campus.carol, "GET", link(campus, source))

    assert ("/replies/" in source) is is_reply
    assert (bytes_of_it.status, bytes_of_it.raw) == (200, b"\x89PNG pixel")
    assert found.body["value"] == [
        {"id": one.body["id"], "contentBytes": None, "contentType": None}
    ]
    assert stranger.status == 403


async def test_a_channel_laid_out_as_a_chat_keeps_no_subject(campus: Campus) -> None:
    lounge = await campus.teams.create_channel(campus.team.id, "Lounge", layout="chat")

    root = await campus.say(campus.bob, lounge, "hi", subject="News")
    reply = await campus.say(campus.alice, lounge, "hello", reply_to=root.body["id"])

    assert (root.status, root.body["subject"]) == (201, None)
    assert reply.body["replyToId"] == root.body["id"]


async def test_messages_of_a_deleted_channel_are_gone(campus: Campus) -> None:
    cakes = campus.team.channels["Cakes"]
    root = await campus.teams.type(cakes, campus.bob.id, "hi")
    await campus.teams.delete_channel(cakes)

    answers = [
        await campus.graph(None, "GET", f"{cakes.path}/messages"),
        await campus.graph(None, "GET", f"{cakes.path}/messages/{root}"),
        await campus.say(campus.bob, cakes, "hi"),
    ]

    assert [(answer.status, answer.code) for answer in answers] == [(404, "NotFound")] * 3


async def test_guests_take_part(campus: Campus) -> None:
    gina = await campus.guest()
    await campus.teams.change_team(campus.team.id, add=[gina.id])

    sent = await campus.say(gina, campus.team.general, "hi")
    read = await campus.graph(gina, "GET", f"{campus.team.general.path}/messages")

    assert sent.status == 201
    assert ids(read) == [sent.body["id"]]


async def test_people_write_edit_and_react_in_the_client(campus: Campus) -> None:
    general = campus.team.general
    root = await campus.teams.type(
        general, campus.bob.id, "<p>a</p>", subject="News", importance="urgent"
    )
    reply = await campus.teams.type(general, campus.alice.id, "b", reply_to=root)
    nested = await campus.teams.type(general, campus.bob.id, "c", reply_to=reply)
    await campus.teams.edit(general, reply, "<p>b2</p>")
    await campus.teams.react(general, reply, campus.bob.id, "👍")
    await campus.teams.react(general, reply, campus.bob.id, "👍", remove=True)
    await campus.teams.delete(general, root)
    await campus.teams.undelete(general, root)

    found: dict[str, Any] = {str(m["id"]): m for m in await campus.teams.messages(general)}
    kinds = [item["kind"] for item in await campus.teams.events(general)]

    assert (found[root]["subject"], found[root]["importance"]) == ("News", "urgent")
    assert found[root]["body"]["content"] == "<p>a</p>"
    assert found[reply]["body"]["content"] == "<p>b2</p>"
    assert (found[reply]["replyToId"], found[nested]["replyToId"]) == (root, root)
    assert found[reply]["reactions"] == []
    assert kinds == ["created"] * 3 + ["updated"] * 3 + ["deleted", "updated"]


async def test_a_subscriber_is_told_of_roots_and_replies(
    campus: Campus, subscriber: Subscriber
) -> None:
    general = campus.team.general
    wish = subscriber.wish(f"/teams/{campus.team.id}/channels/{general.channel}/messages")
    made = await campus.graph(None, "POST", "/subscriptions", wish)
    assert made.status == 201

    root = await campus.say(campus.bob, general, "one")
    reply = await campus.say(campus.bob, general, "two", reply_to=root.body["id"])
    items = await subscriber.arrived(2)

    place = f"teams('{campus.team.id}')/channels('{general.channel}')/messages"
    assert [item["resource"] for item in items] == [
        f"{place}('{root.body['id']}')",
        f"{place}('{root.body['id']}')/replies('{reply.body['id']}')",
    ]
    assert subscriber.open(items[1]["encryptedContent"])["body"]["content"] == "two"


async def test_ids_with_strange_characters_need_encoding(campus: Campus) -> None:
    general = campus.team.general
    await campus.teams.type(general, campus.bob.id, "hi")

    encoded = f"{campus.team.path}/channels/{enc(general.channel)}/messages"
    found = await campus.graph(None, "GET", encoded)
    broken = await campus.graph(None, "GET", f"{campus.team.path}/channels/%FF/messages")

    assert found.status == 200
    assert (broken.status, broken.code) == (400, "BadRequest")
