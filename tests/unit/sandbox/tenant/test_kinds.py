"""Messages of every kind and from everyone, as Graph shows them to the bridge."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest

from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.identity import PersonKind, RobotKind
from bridge.sandbox.tenant.kinds import MAKERS
from tests.unit.sandbox.tenant.place import Place, enc

IN_CHANNELS_ONLY = {"mention_channel", "mention_team"}
NEEDS_TEXT = {"raw"}
IDENTITY_TYPES = {
    PersonKind.SKYPE_FOR_BUSINESS: "federatedUser",
    PersonKind.COMMUNICATION_SERVICES: "unknownFutureValue",
}
MEMBER_IDS = {
    PersonKind.AAD: ("aadUser", "userId"),
    PersonKind.ON_PREMISE: ("aadUser", "userId"),
    PersonKind.FEDERATED: ("aadUser", "userId"),
    PersonKind.ANONYMOUS: ("anonymousGuest", "anonymousGuestId"),
    PersonKind.PERSONAL: ("microsoftAccountUser", "userId"),
    PersonKind.PHONE: ("phoneUser", "phoneNumber"),
    PersonKind.SKYPE: ("skypeUser", "skypeId"),
    PersonKind.SKYPE_FOR_BUSINESS: ("skypeForBusinessUser", "userId"),
    PersonKind.COMMUNICATION_SERVICES: (
        "azureCommunicationServicesUser",
        "azureCommunicationServicesId",
    ),
}
ALL = {"Prefer": "include-unknown-enum-members"}


async def seen(place: Place, message: str, chat: str | None = None, **options: Any) -> Any:
    path = f"/chats/{enc(chat or place.group)}/messages/{message}"
    answer = await place.graph(None, "GET", path, **options)
    assert answer.status == 200, answer.body
    return answer.body


async def said(place: Place, kind: str, **options: Any) -> Any:
    message = await kinds.say(place.tenant, place.group, kind, **options)
    return await seen(place, message)


def content(message: Any) -> Any:
    return orjson.loads(message["attachments"][0]["content"])


async def test_every_kind_can_be_said_in_a_chat_and_read(place: Place) -> None:
    await place.say(place.bob, place.group, "<p>first</p>")
    possible = sorted(MAKERS.keys() - IN_CHANNELS_ONLY - NEEDS_TEXT)
    for kind in possible:
        message = await said(place, kind)

        assert message["messageType"] == "message", kind
        assert message["body"]["content"], kind
        marked = [f'id="{item["id"]}"' for item in message["attachments"]]
        assert all(mark in message["body"]["content"] for mark in marked), kind
        assert message["from"]["user"]["id"] == place.alice.id
    assert set(await kinds.all_kinds(place.tenant)) == set(MAKERS)


async def test_a_kind_or_an_option_that_makes_no_sense_is_refused(place: Place) -> None:
    for kind, options in (
        ("smell", {}),
        ("mention_team", {}),
        ("quote", {"messages": ["12"]}),
        ("inline_image", {"count": 0}),
        ("inline_image", {"width": 0}),
        ("inline_image", {"data": "%"}),
        ("raw", {}),
        ("text", {"user": "nobody"}),
        ("text", {"reply_to": "1"}),
    ):
        with pytest.raises(ControlError, match=r"40[04]"):
            await kinds.say(place.tenant, place.group, kind, **options)


async def test_one_person_may_be_mentioned_in_pieces(place: Place) -> None:
    message = await said(place, "mention_split", mentioned=place.bob.id)

    assert message["body"]["content"] == (
        '<p><at id="0">Bob</at>&nbsp;<at id="1">Builder</at> hello</p>'
    )
    users = [m["mentioned"]["user"]["id"] for m in message["mentions"]]
    assert users == [place.bob.id, place.bob.id]
    assert [m["id"] for m in message["mentions"]] == [0, 1]


async def test_everyone_is_mentioned_as_the_chat_itself(place: Place) -> None:
    message = await said(place, "mention_everyone")

    conversation = message["mentions"][0]["mentioned"]["conversation"]
    assert conversation["id"] == place.group
    assert conversation["conversationIdentityType"] == "chat"
    assert message["mentions"][0]["mentioned"]["user"] is None


async def test_a_quote_carries_who_said_what(place: Place) -> None:
    first = await place.tenant.type(place.group, place.bob.id, "<p>tea &amp; <b>cake</b>?</p>")
    second = await place.tenant.type(place.group, place.bob.id, "or not")
    message = await said(place, "quote", messages=[first, second], text="<p>yes</p>")

    assert [a["id"] for a in message["attachments"]] == [first, second]
    assert {a["contentType"] for a in message["attachments"]} == {"messageReference"}
    found = content(message)
    assert found["messageId"] == first
    assert found["messagePreview"] == "tea & cake ?"
    assert found["messageSender"]["user"]["displayName"] == "Bob Builder"
    assert message["body"]["content"].endswith("<p>yes</p>")


async def test_a_forward_carries_the_whole_message(place: Place) -> None:
    first = await place.tenant.type(place.chat, place.bob.id, "<p>secret</p>")
    original = {
        "originalMessageId": first,
        "originalMessageContent": "<p>secret</p>",
        "originalConversationId": place.chat,
        "originalSentDateTime": "2026-09-01T00:00:00.000Z",
        "originalMessageSender": {"user": {"id": place.bob.id}},
    }
    message = await said(place, "forward", original=original)

    assert message["attachments"][0]["contentType"] == "forwardedMessageReference"
    assert content(message) == original


async def test_the_text_of_a_snippet_is_behind_its_url(place: Place) -> None:
    message = await said(place, "code_snippet", code="print('tea')", language="Python")

    url = content(message)["codeSnippetUrl"].removeprefix(f"{place.server.base}/v1.0")
    code = await place.graph(None, "GET", url)
    assert content(message)["language"] == "Python"
    assert code.raw == b"print('tea')"


async def test_several_images_are_hosted_and_listed_by_id_only(place: Place) -> None:
    message = await said(place, "inline_image", count=3)
    path = f"/chats/{enc(place.group)}/messages/{message['id']}/hostedContents"
    listed = (await place.graph(None, "GET", path)).body["value"]
    one = await place.graph(None, "GET", f"{path}/{listed[0]['id']}")
    data = await place.graph(None, "GET", f"{path}/{listed[0]['id']}/$value")

    assert len(listed) == message["body"]["content"].count("<img") == 3
    assert all((i["contentBytes"], i["contentType"]) == (None, None) for i in listed)
    assert one.body["id"] == listed[0]["id"]
    assert data.raw.startswith(b"\x89PNG")
    assert (await place.graph(None, "GET", f"{path}/none")).status == 404


async def test_an_image_is_shown_below_a_text_and_in_the_size_that_its_author_chose(
    place: Place,
) -> None:
    message = await said(
        place, "inline_image", text="<p>Look:</p>", width=640, height=400, below="<p>Nice?</p>"
    )

    html = message["body"]["content"]
    assert html.endswith("<p>Nice?</p>")
    assert html.startswith('<p>Look:</p><p><img alt="image"')
    assert (
        'width="640" height="400" style="vertical-align:bottom; width:640px; height:400px"' in html
    )


async def test_a_custom_emoji_is_a_picture_in_the_message(place: Place) -> None:
    message = await said(place, "custom_emoji", name="tea")

    source = message["body"]["content"].partition('source="')[2].partition('"')[0]
    data = await place.graph(None, "GET", source.removeprefix(f"{place.server.base}/v1.0"))
    assert data.raw.startswith(b"\x89PNG")


async def test_subject_and_importance_go_with_any_kind(place: Place) -> None:
    message = await said(place, "hero_card", subject="Tea", importance="urgent")

    assert (message["subject"], message["importance"]) == ("Tea", "urgent")
    assert (await said(place, "text"))["body"]["contentType"] == "text"


async def test_an_edit_in_the_client_leaves_subject_and_importance(place: Place) -> None:
    said_ = await kinds.say(place.tenant, place.group, "text", subject="Tea", importance="urgent")
    await place.tenant.edit(place.group, said_, "other words")

    message = await seen(place, said_)
    assert (message["subject"], message["importance"]) == ("Tea", "urgent")
    assert message["body"]["content"] == "other words"


async def test_the_largest_message_is_as_large_as_the_tenant_takes(place: Place) -> None:
    await place.tenant.change_settings(body_bytes_max=100 * 1024)
    message = await said(place, "largest")

    assert len(message["body"]["content"]) == 100 * 1024


async def test_whom_an_edit_mentions_is_shown_as_whom_a_message_does(place: Place) -> None:
    message = await place.tenant.type(place.group, place.bob.id, "hello")
    html = '<p><at id="0">Alice</at> hello</p>'
    given = {"id": 0, "mentionText": "Alice", "mentioned": {"user": {"id": place.alice.id}}}

    await place.tenant.edit(place.group, message, html, mentions=[given])

    edited = await seen(place, message)
    [other] = (await place.say(place.bob, place.group, html, mentions=[given])).body["mentions"]
    assert edited["mentions"] == [other]
    assert other["mentioned"]["user"]["userIdentityType"] == "aadUser"


async def test_a_link_preview_is_an_update_and_no_edit(place: Place) -> None:
    before = await said(place, "link")
    await place.tenant.call("POST", "/clock", {"advance_seconds": 2})
    await kinds.unfurl(place.tenant, place.group, before["id"])
    after = await seen(place, before["id"])
    await kinds.unfurl(place.tenant, place.group, before["id"], card=True)

    assert int(after["etag"]) > int(before["etag"])
    assert after["lastEditedDateTime"] is None
    assert after["body"] == before["body"]
    assert len((await seen(place, before["id"]))["attachments"]) == 1


async def test_a_policy_blocks_a_message_after_its_delivery(place: Place) -> None:
    before = await said(place, "rich")
    await kinds.violate(place.tenant, place.group, before["id"])
    blocked = await seen(place, before["id"])
    await kinds.lift_violation(place.tenant, place.group, before["id"])
    lifted = await seen(place, before["id"])

    assert before["policyViolation"] is None
    assert blocked["policyViolation"]["dlpAction"] == "blockAccess"
    assert blocked["lastEditedDateTime"] is None
    assert int(blocked["etag"]) > int(before["etag"])
    assert lifted["policyViolation"] is None


@pytest.mark.parametrize("kind", list(PersonKind))
async def test_people_of_every_kind_write_and_react(place: Place, kind: PersonKind) -> None:
    stranger = await kinds.bring_stranger(place.tenant, kind, "Zoë Else")
    number = await kinds.say(place.tenant, place.group, "rich", user=stranger)
    await place.tenant.react(place.group, number, stranger, "❤️")
    message = await seen(place, number, headers=ALL)

    for found in (message["from"]["user"], message["reactions"][0]["user"]["user"]):
        assert found["id"] == stranger
        assert found["displayName"] == "Zoë Else"
        assert found["userIdentityType"] == IDENTITY_TYPES.get(kind, kind.value)
    assert message["reactions"][0]["reactionType"] == "❤️"
    directory = await place.graph(None, "GET", f"/users/{enc(stranger)}")
    assert (directory.status, directory.code) == (404, "Request_ResourceNotFound")


async def test_an_email_user_is_new_to_the_enumeration(place: Place) -> None:
    stranger = await kinds.bring_stranger(place.tenant, "emailUser", "Mail")
    number = await kinds.say(place.tenant, place.group, "rich", user=stranger)

    plain, all_members = await seen(place, number), await seen(place, number, headers=ALL)
    assert plain["from"]["user"]["userIdentityType"] == "unknownFutureValue"
    assert all_members["from"]["user"]["userIdentityType"] == "emailUser"


@pytest.mark.parametrize("kind", sorted(MEMBER_IDS))
async def test_members_of_every_kind_have_a_type_of_their_own(
    place: Place, kind: PersonKind
) -> None:
    stranger = await kinds.bring_stranger(place.tenant, kind, "Zoë Else")
    await place.tenant.change_chat(place.group, add=[stranger])
    path = f"/chats/{enc(place.group)}/members"
    member = (await place.graph(None, "GET", path)).body["value"][-1]

    name, own_id = MEMBER_IDS[kind]
    assert member["@odata.type"] == f"#microsoft.graph.{name}ConversationMember"
    assert member[own_id] == stranger
    assert member["roles"] == (
        [] if name == "aadUser" and kind in list(PersonKind)[:2] else ["owner"]
    )
    if kind is PersonKind.FEDERATED:
        assert member["tenantId"] not in (None, place.tenant.id)


async def test_names_tenants_and_addresses_may_be_missing(place: Place) -> None:
    number = await kinds.say(place.tenant, place.group, "rich", user=place.bob.id)
    path = f"/chats/{enc(place.group)}/members"
    await kinds.change_person(
        place.tenant,
        place.bob.id,
        name_form="null",
        no_tenant_id=True,
        null=["email"],
        absent=["visibleHistoryStartDateTime"],
    )
    sender = (await seen(place, number))["from"]["user"]
    member = (await place.graph(None, "GET", path)).body["value"][-1]
    await kinds.change_person(place.tenant, place.bob.id, name_form="empty")

    assert (sender["displayName"], sender["tenantId"]) == (None, None)
    assert (member["displayName"], member["email"], member["tenantId"]) == (None, None, None)
    assert "visibleHistoryStartDateTime" not in member
    assert (await seen(place, number))["from"]["user"]["displayName"] == ""
    assert (await place.graph(None, "GET", f"/users/{place.bob.id}")).status == 200


async def test_a_robot_may_speak_under_several_names(place: Place) -> None:
    robot = await kinds.bring_robot(place.tenant, "office365Connector", "Alerts")
    await kinds.say(place.tenant, place.chat, "text", user=robot)
    await kinds.rename_robot(place.tenant, robot, "Builds")
    await kinds.say(place.tenant, place.chat, "text", user=robot)

    shown: list[Any] = list(await place.tenant.messages(place.chat))
    who = [message["from"]["application"] for message in shown[-2:]]
    assert [(one["id"], one["displayName"]) for one in who] == [
        (robot, "Alerts"),
        (robot, "Builds"),
    ]


@pytest.mark.parametrize("kind", list(RobotKind))
async def test_robots_of_every_kind_write_and_react(place: Place, kind: RobotKind) -> None:
    robot = await kinds.bring_robot(place.tenant, kind, None)
    number = await kinds.say(place.tenant, place.group, "connector_card", user=robot)
    await place.tenant.react(place.group, number, robot, "like")
    message = await seen(place, number)

    field = "device" if kind is RobotKind.DEVICE else "application"
    found = message["from"][field]
    assert (found["id"], found["displayName"], message["from"]["user"]) == (robot, None, None)
    assert field == "device" or found["applicationIdentityType"] == kind.value
    assert message["reactions"][0]["user"][field]["id"] == robot


async def test_a_message_may_have_no_sender(place: Place) -> None:
    number = await kinds.say(place.tenant, place.group, "rich", user=None)

    assert (await seen(place, number))["from"] is None


async def test_a_guest_is_in_the_directory_and_has_the_role_of_one(place: Place) -> None:
    await kinds.change_person(place.tenant, place.carol.id, guest=True)
    chat = await place.tenant.create_chat("group", [place.alice.id, place.carol.id])
    path = f"/chats/{enc(chat)}/members"
    members = (await place.graph(None, "GET", path)).body["value"]
    user = await place.graph(None, "GET", f"/users/{place.carol.id}?$select=id,userType")

    assert [m["roles"] for m in members] == [["owner"], ["guest"]]
    assert user.body["userType"] == "Guest"


async def test_what_a_deleted_user_said_stays_without_a_name(place: Place) -> None:
    told: list[Any] = []
    place.server.realm.tenants[place.tenant.id].listeners.append(told.append)
    number = await kinds.say(place.tenant, place.group, "rich", user=place.bob.id)
    await kinds.delete_account(place.tenant, place.bob.id)
    message = await seen(place, number)

    assert message["from"]["user"]["id"] == place.bob.id
    assert message["from"]["user"]["displayName"] is None
    assert (await place.graph(None, "GET", f"/users/{place.bob.id}")).status == 404
    assert [(c.subject.value, c.kind.value) for c in told[1:]] == [("user", "deleted")]
    with pytest.raises(ControlError, match="404"):
        await kinds.delete_account(place.tenant, place.bob.id)


async def test_custom_reactions_are_told_apart_by_their_picture(place: Place) -> None:
    number = await kinds.say(place.tenant, place.group, "rich")
    path = f"/chats/{place.group}/messages/{number}/reactions"
    for name in ("tea", "cake", "tea"):
        url = f"{place.server.base}/v1.0/hosted/{name}/$value"
        body: dict[str, Any] = {
            "user": place.bob.id,
            "kind": "custom",
            "name": name,
            "content_url": url,
        }
        await place.tenant.call("POST", path, body)
    message = await seen(place, number)

    assert [r["displayName"] for r in message["reactions"]] == ["tea", "cake"]
    assert all(r["reactionContentUrl"].endswith("/$value") for r in message["reactions"])
    assert len(message["messageHistory"]) == 2


async def test_ids_of_people_are_never_used_twice(place: Place) -> None:
    await kinds.bring_stranger(place.tenant, "phoneUser", id="+15550001")
    for again in ("+15550001", place.bob.id):
        with pytest.raises(ControlError, match="400"):
            await kinds.bring_stranger(place.tenant, "skypeUser", id=again)
        with pytest.raises(ControlError, match="400"):
            await kinds.bring_robot(place.tenant, "bot", "x", key=again)
    senseless: list[dict[str, Any]] = [
        {"kind": "martian"},
        {"kind": "phoneUser", "null": ["roles"]},
        {"kind": 5},
    ]
    for body in senseless:
        with pytest.raises(ControlError, match="400"):
            await place.tenant.call("POST", "/people", body)


async def test_who_writes_by_mail_is_no_member(place: Place) -> None:
    stranger = await kinds.bring_stranger(place.tenant, "emailUser")

    with pytest.raises(ControlError, match="400"):
        await place.tenant.change_chat(place.group, add=[stranger])


def test_every_kind_says_what_it_is_or_needs_no_word() -> None:
    for first, second in itertools.pairwise(sorted(MAKERS)):
        assert MAKERS[first] is not MAKERS[second]
