"""Sending, quoting, changing and blocking messages through Graph, by Graph's rules."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import orjson
import pytest

from bridge.sandbox.tenant import client_kinds as kinds
from tests.unit.sandbox.tenant.place import APPLICATION, DELEGATED, Place, enc

CARD = "application/vnd.microsoft.card.adaptive"
IMAGE = {
    "@microsoft.graph.temporaryId": "1",
    "contentBytes": base64.b64encode(b"img").decode(),
    "contentType": "image/png",
}


async def grant(place: Place, *, scopes: tuple[str, ...] = (), roles: tuple[str, ...] = ()) -> None:
    await place.tenant.change_app(
        place.app,
        delegated_scopes=[*DELEGATED, *scopes],
        application_permissions=[*APPLICATION, *roles],
    )
    place._tokens.clear()


def messages(place: Place, chat: str | None = None) -> str:
    return f"/chats/{enc(chat or place.group)}/messages"


async def quote(place: Place, who: Any, ids: Any, **reply: Any) -> Any:
    reply = reply or {"body": {"content": "yes & <no>"}}
    wish = {"messageIds": ids, "replyMessage": reply}
    return await place.graph(who, "POST", f"{messages(place)}/replyWithQuote", wish)


async def test_a_quote_stands_before_what_is_said(place: Place) -> None:
    await grant(place, scopes=("ChatMessage.Send",))
    first = await place.tenant.type(place.group, place.bob.id, "<p>tea?</p>")
    second = await place.tenant.type(place.group, place.bob.id, "cake?")
    answer = await quote(place, place.alice, [first, second])

    assert answer.status == 201
    assert answer.body["body"] == {
        "contentType": "html",
        "content": (
            f'<p></p>\n<attachment id="{first}"></attachment>'
            f'<attachment id="{second}"></attachment>\nyes &amp; &lt;no&gt;\n<p></p>'
        ),
    }
    content = orjson.loads(answer.body["attachments"][0]["content"])
    assert content == {
        "messageId": first,
        "messagePreview": "tea?",
        "messageSender": {
            "application": None,
            "device": None,
            "user": {
                "userIdentityType": "aadUser",
                "tenantId": place.tenant.id,
                "id": place.bob.id,
                "displayName": "Bob Builder",
            },
        },
    }


async def test_a_quoting_reply_may_be_as_rich_as_any(place: Place) -> None:
    await grant(place, scopes=("ChatMessage.Send",))
    first = await place.tenant.type(place.group, place.bob.id, "tea?")
    answer = await quote(
        place,
        place.alice,
        [first],
        body={
            "contentType": "html",
            "content": '<at id="0">Bob</at><img src="../hostedContents/1/$value">',
        },
        mentions=[{"id": 0, "mentionText": "Bob", "mentioned": {"user": {"id": place.bob.id}}}],
        hostedContents=[IMAGE],
    )

    assert answer.status == 201
    assert answer.body["mentions"][0]["mentioned"]["user"]["id"] == place.bob.id
    source = answer.body["body"]["content"].partition('src="')[2].partition('"')[0]
    data = await place.graph(None, "GET", source.removeprefix(f"{place.server.base}/v1.0"))
    assert data.raw == b"img"


async def test_what_cannot_be_quoted_is_refused(place: Place) -> None:
    await grant(place, scopes=("ChatMessage.Send",))
    number = await place.tenant.type(place.group, place.bob.id, "tea?")
    many = [await place.tenant.type(place.group, place.bob.id, str(n)) for n in range(11)]
    gone = await place.tenant.type(place.group, place.bob.id, "oops")
    await place.tenant.delete(place.group, gone)

    assert (await quote(place, place.alice, many[:10])).status == 201
    for ids, status in (
        (many, 400),
        ([], 400),
        ([number, number], 400),
        ([gone], 400),
        (["1"], 404),
        ([7], 400),
        (None, 400),
    ):
        assert (await quote(place, place.alice, ids)).status == status
    assert (await quote(place, place.alice, [number], subject="no body")).status == 400
    assert (await quote(place, place.carol, [number])).status == 403
    assert (await quote(place, None, [number])).status == 412


async def test_a_newcomer_cannot_quote_what_was_before(place: Place) -> None:
    await grant(place, scopes=("ChatMessage.Send",))
    number = await place.tenant.type(place.group, place.bob.id, "before")
    await place.tenant.advance_clock(timedelta(seconds=1))
    member = {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": ["owner"],
        "user@odata.bind": f"{place.server.base}/v1.0/users('{place.carol.id}')",
    }
    await place.graph(place.alice, "POST", f"/chats/{enc(place.group)}/members", member)

    assert (await quote(place, place.carol, [number])).status == 404


def mention(**mentioned: Any) -> dict[str, Any]:
    return {"id": 0, "mentionText": "X", "mentioned": mentioned}


async def send(place: Place, who: Any = None, **more: Any) -> Any:
    return await place.say(who or place.alice, place.group, '<at id="0">X</at>', **more)


async def test_chats_tags_and_bots_can_be_mentioned(place: Place) -> None:
    everyone = {"id": place.group, "displayName": "Everyone", "conversationIdentityType": "chat"}
    bot = {"id": "b", "displayName": "Bot", "applicationIdentityType": "bot"}
    sent = [
        await send(place, mentions=[mention(conversation=everyone)]),
        await send(place, mentions=[mention(application=bot, user=None)]),
        await send(place, mentions=[mention(tag={"id": "t", "displayName": "Tag"})]),
        await send(place, mentions=[mention(user={"id": place.bob.id})]),
    ]

    assert [answer.status for answer in sent] == [201] * 4
    found = [answer.body["mentions"][0]["mentioned"] for answer in sent]
    assert found[0]["conversation"]["conversationIdentityType"] == "chat"
    assert found[1]["application"]["applicationIdentityType"] == "bot"
    assert found[2]["tag"] == {"id": "t", "displayName": "Tag"}
    assert found[3]["user"]["displayName"] == "Bob Builder"


async def test_people_of_other_organisations_can_be_mentioned(place: Place) -> None:
    stranger = await kinds.bring_stranger(place.tenant, "federatedUser", "Fed")
    answer = await send(place, mentions=[mention(user={"id": stranger})])

    assert answer.body["mentions"][0]["mentioned"]["user"]["userIdentityType"] == "federatedUser"


@pytest.mark.parametrize(
    "given",
    [
        mention(),
        mention(user={"id": "nobody"}),
        mention(user={"id": "u"}, tag={"id": "t"}),
        mention(conversation={"id": "c", "conversationIdentityType": "village"}),
        mention(conversation={"id": "c"}),
        mention(application={"id": "a", "applicationIdentityType": "device"}),
        mention(tag={}),
        mention(planet={"id": "p"}),
        {**mention(tag={"id": "t"}), "id": "0"},
        {**mention(tag={"id": "t"}), "id": 2**31},
        {**mention(tag={"id": "t"}), "id": True},
        {"id": 0, "mentioned": {"tag": {"id": "t"}}},
    ],
)
async def test_a_mention_that_makes_no_sense_is_refused(place: Place, given: Any) -> None:
    answer = await send(place, mentions=[given])

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_a_mention_may_stand_in_a_card(place: Place) -> None:
    text = orjson.dumps({"type": "AdaptiveCard", "body": [{"text": '<at id="0">X</at>'}]}).decode()
    card = {"id": "c", "contentType": CARD, "content": text}
    body = {"contentType": "html", "content": '<attachment id="c"></attachment>'}
    marked = await send(place, body=body, attachments=[card], mentions=[mention(tag={"id": "t"})])
    bare = await send(
        place,
        body=body,
        attachments=[card | {"content": "{}"}],
        mentions=[mention(tag={"id": "t"})],
    )

    assert (marked.status, bare.status) == (201, 400)
    assert bare.message == (
        "Neither Body nor adaptive card content contains marker for mention with Id '0'."
    )


async def attach(place: Place, **attachment: Any) -> Any:
    body = {"contentType": "html", "content": '<attachment id="a"></attachment>'}
    given = {"id": "a", "contentType": "reference", **attachment}
    return await place.say(place.alice, place.group, "", body=body, attachments=[given])


@pytest.mark.parametrize(
    ("name", "url", "status"),
    [
        ("tea.docx", "https://contoso.example/Shared%20Documents/tea.docx", 201),
        ("tea.DOCX", "https://contoso.example/tea.docx", 201),
        ("tea.docx", "https://contoso.example/Doc.aspx?action=edit&file=tea.docx", 201),
        ("tea.docx", "https://contoso.example/Doc.aspx?file=tea.docx&action=edit", 400),
        ("tea.docx", "https://contoso.example/tea.pdf", 400),
        ("README", "https://contoso.example/anything", 201),
        (None, "https://contoso.example/tea.pdf", 201),
    ],
)
async def test_the_address_of_a_file_ends_like_its_name(
    place: Place, name: str | None, url: str, status: int
) -> None:
    answer = await attach(place, name=name, contentUrl=url)

    assert answer.status == status
    if status == 400:
        assert answer.message == "contentUrl extension and name extension do not match"


async def test_a_card_is_json_and_ten_attachments_are_all(place: Place) -> None:
    assert (await attach(place, contentType=CARD, content="{")).status == 400
    assert (await attach(place, contentType=CARD, content="{}")).status == 201
    for count, status in ((10, 201), (11, 400)):
        items = [{"id": str(n), "contentType": CARD, "content": "{}"} for n in range(count)]
        marks = "".join(f'<attachment id="{n}"></attachment>' for n in range(count))
        answer = await place.say(place.alice, place.group, marks, attachments=items)
        assert answer.status == status


async def test_only_messages_are_sent(place: Place) -> None:
    for kind, status in (("message", 201), ("typing", 400), ("chatEvent", 400), (7, 400)):
        answer = await place.say(place.alice, place.group, "hi", messageType=kind)
        assert answer.status == status


async def test_the_size_of_a_message_is_that_of_the_tenant(place: Place) -> None:
    for kib in (28, 100):
        await place.tenant.change_settings(body_bytes_max=kib * 1024)
        fits = await place.say(place.alice, place.group, "ä" * (kib * 512))
        over = await place.say(place.alice, place.group, "ä" * (kib * 512 + 1))

        assert (fits.status, over.status) == (201, 413)
        assert over.code == "RequestEntityTooLarge"


async def test_an_edit_replaces_everything(place: Place) -> None:
    sent = await place.say(
        place.alice,
        place.group,
        '<at id="0">B</at>',
        subject="Old",
        mentions=[{"id": 0, "mentionText": "B", "mentioned": {"user": {"id": place.bob.id}}}],
    )
    path = f"{messages(place)}/{sent.body['id']}"
    empty: dict[str, Any] = {"attachments": [], "mentions": [], "reactions": []}
    body = {"body": {"contentType": "html", "content": "<p>new</p>"}, **empty}
    for missing in empty:
        partial = {name: value for name, value in body.items() if name != missing}
        assert (await place.graph(place.alice, "PATCH", path, partial)).status == 400
    done = await place.graph(place.alice, "PATCH", path, body)
    seen = (await place.graph(place.bob, "GET", path)).body
    plain = await place.graph(place.alice, "PATCH", path, {"body": {"content": "plain"}})
    marked = body | {"body": {"contentType": "html", "content": '<at id="0">B</at>'}}

    assert (done.status, plain.status) == (204, 204)
    assert (seen["mentions"], seen["subject"]) == ([], None)
    assert (await place.graph(place.alice, "PATCH", path, marked)).status == 400


async def test_an_edit_may_or_may_not_bring_new_images(place: Place) -> None:
    sent = await place.say(place.alice, place.group, "no picture")
    path = f"{messages(place)}/{sent.body['id']}"
    body = {
        "body": {"contentType": "html", "content": '<img src="../hostedContents/1/$value">'},
        "attachments": [],
        "mentions": [],
        "reactions": [],
        "hostedContents": [IMAGE],
    }
    taken = await place.graph(place.alice, "PATCH", path, body)
    hosted = await place.graph(None, "GET", f"{path}/hostedContents")
    await place.tenant.change_settings(edit_takes_images=False)
    refused = await place.graph(place.alice, "PATCH", path, body)

    assert (taken.status, len(hosted.body["value"]), refused.status) == (204, 1, 400)


async def test_a_deleted_message_is_changed_no_more(place: Place) -> None:
    sent = await place.say(place.alice, place.group, "oops")
    await place.tenant.delete(place.group, sent.body["id"])
    path = f"{messages(place)}/{sent.body['id']}"
    answer = await place.graph(place.alice, "PATCH", path, {"body": {"content": "x"}})

    assert answer.status == 400
    assert (await place.graph(None, "GET", f"{path}/hostedContents")).status == 404


async def test_reactions_come_with_and_without_a_selector(place: Place) -> None:
    sent = await place.say(place.alice, place.group, "hi")
    path = f"{messages(place)}/{sent.body['id']}"
    for kind in ("❤️", "❤", "like", "👨‍👩‍👧‍👦"):
        answer = await place.graph(place.bob, "POST", f"{path}/setReaction", {"reactionType": kind})
        assert answer.status == 204
    for wrong in ("custom", "LIKE", "", "x" * 40, None, 7):
        body = {"reactionType": wrong}
        answer = await place.graph(place.bob, "POST", f"{path}/setReaction", body)
        assert answer.status == 400
    seen = (await place.graph(None, "GET", path)).body

    assert [r["reactionType"] for r in seen["reactions"]] == ["❤️", "❤", "like", "👨‍👩‍👧‍👦"]


async def test_hosted_contents_are_not_for_those_who_see_the_message_not(place: Place) -> None:
    number = await kinds.say(place.tenant, place.group, "inline_image")
    await place.tenant.advance_clock(timedelta(seconds=1))
    path = f"{messages(place)}/{number}/hostedContents"
    member = {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": ["owner"],
        "user@odata.bind": f"{place.server.base}/v1.0/users('{place.carol.id}')",
    }
    outside = await place.graph(place.carol, "GET", path)
    await place.graph(place.alice, "POST", f"/chats/{enc(place.group)}/members", member)
    late = await place.graph(place.carol, "GET", path)

    assert (outside.status, late.status) == (403, 404)
    assert (await place.graph(place.bob, "GET", path)).status == 200
