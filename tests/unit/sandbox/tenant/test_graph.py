"""Graph v1.0 of the simulated tenant: who may do what, and what comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.sandbox.tenant.place import Place, enc

FULL_HISTORY = "0001-01-01T00:00:00Z"


def member(place: Place, user: str) -> dict[str, Any]:
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": ["owner"],
        "user@odata.bind": f"{place.server.base}/v1.0/users('{user}')",
    }


async def test_without_a_token_there_is_a_challenge(place: Place) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = await place.http("GET", "/v1.0/chats", headers=headers)

        assert (answer.status, answer.code) == (401, "InvalidAuthenticationToken")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_expired_token_says_so(place: Place) -> None:
    await place.app_token()
    await place.tenant.advance_clock(timedelta(hours=2))

    answer = await place.graph(None, "GET", "/chats")

    assert answer.status == 401
    assert answer.message == "Lifetime validation failed, the token is expired."


async def test_a_revoked_access_token_brings_a_claims_challenge(place: Place) -> None:
    await place.user_token(place.alice)
    await place.tenant.revoke_sessions(place.alice.id, access_tokens=True)

    answer = await place.graph(place.alice, "GET", "/me")

    assert answer.status == 401
    assert 'error="insufficient_claims"' in answer.headers["WWW-Authenticate"]


async def test_a_missing_role_is_named(place: Place) -> None:
    await place.tenant.change_app(place.app, application_permissions=["User.Read.All"])

    answer = await place.graph(None, "GET", "/chats")

    assert (answer.status, answer.code) == (403, "Forbidden")
    assert answer.message == (
        "Missing role permissions on the request. API requires one of 'Chat.ReadBasic.All, "
        "Chat.Read.All, Chat.ReadWrite.All'. Roles on the request 'User.Read.All'."
    )


async def test_a_missing_scope_is_named(place: Place) -> None:
    await place.tenant.change_app(place.app, delegated_scopes=["User.Read", "ChatMessage.Send"])
    code = await place.code(place.alice, scope="openid User.Read ChatMessage.Send")
    answer = await place.token(
        grant_type="authorization_code",
        code=code,
        redirect_uri="https://bridge.example/signin/callback",
    )
    place._tokens[place.alice.id] = answer.body["access_token"]

    read = await place.graph(place.alice, "GET", f"/chats/{enc(place.chat)}/messages")
    sent = await place.say(place.alice, place.chat, "hi")

    assert (read.status, read.code) == (403, "Forbidden")
    assert "Scopes on the request 'ChatMessage.Send, User.Read'" in read.message
    assert sent.status == 201


async def test_an_app_by_itself_may_not_send(place: Place) -> None:
    answer = await place.graph(
        None, "POST", f"/chats/{enc(place.chat)}/messages", {"body": {"content": "hi"}}
    )

    assert (answer.status, answer.code) == (401, "Unauthorized")
    assert answer.message.startswith("Message POST is allowed in application-only context only")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/chats/{c}/messages/{m}/softDelete", 405),
        ("/users/{u}/chats/{c}/messages/{m}/softDelete", 412),
        ("/users/{u}/chats/{c}/messages/{m}/undoSoftDelete", 412),
        ("/chats/{c}/messages/{m}/setReaction", 412),
        ("/users/{u}/chats/{c}/messages/{m}/unsetReaction", 412),
    ],
)
async def test_an_app_by_itself_may_not_delete_or_react(
    place: Place, path: str, status: int
) -> None:
    sent = await place.tenant.type(place.chat, place.alice.id, "hi")
    place_in = path.format(c=enc(place.chat), m=sent, u=place.alice.id)

    answer = await place.graph(None, "POST", place_in, {"reactionType": "💘"})

    assert answer.status == status


async def test_me_is_for_people(place: Place) -> None:
    answer = await place.graph(None, "GET", "/me/chats")
    mine = await place.graph(place.alice, "GET", "/me")

    assert (answer.status, answer.code) == (400, "BadRequest")
    assert answer.message == "/me request is only valid with delegated authentication flow."
    assert mine.body["id"] == place.alice.id


async def test_users_are_found_by_id_by_name_and_by_filter(place: Place) -> None:
    by_id = await place.graph(None, "GET", f"/users/{place.bob.id}")
    by_name = await place.graph(None, "GET", f"/users/{enc(place.bob.upn)}?$select=id,mail")
    clause = enc(f"userPrincipalName eq '{place.bob.upn}'")
    by_filter = await place.graph(None, "GET", f"/users?$filter={clause}")
    unknown = await place.graph(None, "GET", "/users/nobody")

    assert by_id.body["displayName"] == "Bob Builder"
    assert by_name.body.keys() == {"@odata.context", "id", "mail"}
    assert [u["id"] for u in by_filter.body["value"]] == [place.bob.id]
    assert (unknown.status, unknown.code) == (404, "Request_ResourceNotFound")


async def test_users_come_in_pages(place: Place) -> None:
    first = await place.graph(None, "GET", "/users?$top=2")
    link = first.body["@odata.nextLink"].removeprefix(f"{place.server.base}/v1.0")
    second = await place.graph(None, "GET", link)

    assert (len(first.body["value"]), len(second.body["value"])) == (2, 1)
    assert "@odata.nextLink" not in second.body


async def test_the_chats_of_others_are_closed(place: Place) -> None:
    path = f"/chats/{enc(place.chat)}"
    for method, suffix in (("GET", ""), ("GET", "/messages"), ("GET", "/members")):
        assert (await place.graph(place.carol, method, path + suffix)).status == 403
    assert (await place.say(place.carol, place.chat, "hi")).status == 403
    assert (await place.graph(place.alice, "GET", f"/users/{place.bob.id}/chats")).status == 403
    assert (await place.graph(place.carol, "GET", "/chats")).body["value"] == []
    assert (await place.graph(None, "GET", path)).status == 200


async def test_a_pair_has_one_chat(place: Place) -> None:
    members = [member(place, place.alice.id), member(place, place.bob.upn)]
    body = {"chatType": "oneOnOne", "members": members}
    again = await place.graph(place.alice, "POST", "/chats", body)
    members[1] = member(place, place.carol.id)
    fresh = await place.graph(None, "POST", "/chats", body)

    low, high = sorted([place.alice.id, place.bob.id])
    assert again.body["id"] == place.chat == f"19:{low}_{high}@unq.gbl.spaces"
    assert fresh.status == 201
    assert fresh.body["id"] != place.chat
    assert again.body["viewpoint"] is not None
    assert fresh.body["viewpoint"] is None


async def test_a_group_has_a_topic_that_can_be_changed(place: Place) -> None:
    body = {
        "chatType": "group",
        "topic": "Ideas",
        "members": [member(place, p.id) for p in (place.alice, place.bob, place.carol)],
    }
    made = await place.graph(place.alice, "POST", "/chats", body)
    path = f"/chats/{enc(made.body['id'])}"
    changed = await place.graph(place.alice, "PATCH", path, {"topic": "Plans"})
    pair = await place.graph(place.alice, "PATCH", f"/chats/{enc(place.chat)}", {"topic": "x"})

    assert made.body["id"].endswith("@thread.v2")
    assert changed.body["topic"] == "Plans"
    assert pair.status == 400


async def test_a_chat_without_the_caller_or_of_one_is_refused(place: Place) -> None:
    for people, kind in (
        ((place.bob, place.carol), "group"),
        ((place.alice,), "oneOnOne"),
        ((place.alice, place.alice), "oneOnOne"),
        ((place.alice, place.bob), "meeting"),
    ):
        body = {"chatType": kind, "members": [member(place, p.id) for p in people]}
        assert (await place.graph(place.alice, "POST", "/chats", body)).status == 400


async def test_members_come_and_go_in_groups_only(place: Place) -> None:
    group, pair = (f"/chats/{enc(c)}/members" for c in (place.group, place.chat))
    carol = member(place, place.carol.id) | {"visibleHistoryStartDateTime": FULL_HISTORY}

    added = await place.graph(place.alice, "POST", group, carol)
    again = await place.graph(place.alice, "POST", group, carol)
    blocked = await place.graph(place.alice, "POST", pair, carol)
    listed = await place.graph(place.alice, "GET", group)
    gone = listed.body["value"][-1]["id"]
    removed = await place.graph(None, "DELETE", f"{group}/{enc(gone)}")

    assert (added.status, again.status, removed.status) == (201, 400, 204)
    assert (blocked.status, blocked.code) == (403, "InsufficientPrivileges")
    assert [m["userId"] for m in listed.body["value"]][-1] == place.carol.id
    assert len((await place.graph(None, "GET", group)).body["value"]) == 2


async def test_a_newcomer_sees_no_earlier_history(place: Place) -> None:
    await place.say(place.alice, place.group, "before")
    path = f"/chats/{enc(place.group)}"
    await place.tenant.advance_clock(timedelta(seconds=1))
    await place.graph(place.alice, "POST", f"{path}/members", member(place, place.carol.id))
    await place.tenant.advance_clock(timedelta(seconds=1))
    await place.say(place.alice, place.group, "after")

    seen = await place.graph(place.carol, "GET", f"{path}/messages")

    # The first thing that she sees is that she was added.
    assert [m["body"]["content"] for m in seen.body["value"]] == ["after", "<systemEventMessage/>"]


async def test_an_id_is_the_time_and_unique_within_its_chat(place: Place) -> None:
    burst = [{"user": place.alice.id, "content": str(n)} for n in range(50)]
    ids = await place.tenant.type_many(place.chat, burst)
    sent = await place.say(place.alice, place.chat, "<b>now</b>")

    assert len(set(ids)) == 50
    assert ids == sorted(ids, key=int)
    assert int(sent.body["id"]) > int(ids[-1])
    assert sent.body["etag"] == sent.body["id"]
    assert sent.body["from"]["user"]["id"] == place.alice.id
    assert sent.body["createdDateTime"] == sent.body["lastModifiedDateTime"]
    assert sent.body["lastEditedDateTime"] is None


async def messages(place: Place, query: str = "") -> list[str]:
    answer = await place.graph(None, "GET", f"/chats/{enc(place.chat)}/messages{query}")
    assert answer.status == 200, answer.body
    return [m["body"]["content"] for m in answer.body["value"]]


async def test_messages_come_in_pages_of_fifty_at_most(place: Place) -> None:
    burst = [{"user": place.alice.id, "content": str(n)} for n in range(53)]
    await place.tenant.type_many(place.chat, burst)
    path = f"/chats/{enc(place.chat)}/messages"
    seen: list[str] = []
    link = f"{path}?$top=20"
    while link:
        answer = await place.graph(None, "GET", link)
        seen += [m["body"]["content"] for m in answer.body["value"]]
        link = answer.body.get("@odata.nextLink", "").removeprefix(f"{place.server.base}/v1.0")

    assert seen == [str(n) for n in reversed(range(53))]
    assert len(await messages(place)) == 20
    refused = await place.graph(None, "GET", f"{path}?$top=51")
    assert (refused.status, refused.code) == (400, "BadRequest")


async def test_the_default_order_is_by_last_change(place: Place) -> None:
    first, _ = await place.tenant.type_many(
        place.chat,
        [{"user": place.alice.id, "content": "a"}, {"user": place.alice.id, "content": "b"}],
    )
    await place.tenant.advance_clock(timedelta(seconds=1))
    await place.tenant.edit(place.chat, first, "a2")

    assert await messages(place) == ["a2", "b"]
    assert await messages(place, "?$orderby=createdDateTime%20desc") == ["b", "a2"]


async def test_a_filter_counts_only_on_the_property_of_the_order(place: Place) -> None:
    await place.tenant.type(place.chat, place.alice.id, "old")
    await place.tenant.advance_clock(timedelta(minutes=1))
    await place.tenant.type(place.chat, place.alice.id, "new")
    newest = (await place.tenant.messages(place.chat))[-1]["createdDateTime"]
    created = "&$orderby=createdDateTime%20desc"

    assert await messages(place, f"?$filter=createdDateTime%20lt%20{newest}{created}") == ["old"]
    assert await messages(place, f"?$filter=lastModifiedDateTime%20lt%20{newest}") == ["old"]
    assert await messages(place, f"?$filter=createdDateTime%20lt%20{newest}") == ["new", "old"]
    ignored = f"?$filter=lastModifiedDateTime%20lt%20{newest}{created}"
    assert await messages(place, ignored) == ["new", "old"]


@pytest.mark.parametrize(
    "query",
    [
        "?$orderby=createdDateTime",
        "?$orderby=createdDateTime%20asc",
        "?$orderby=subject%20desc",
        "?$filter=subject%20eq%20'x'",
        "?$filter=lastModifiedDateTime%20gt%20yesterday",
        "?$top=0",
        "?$top=x",
        "?$skiptoken=AAAA",
        "?$skiptoken=%F0",
    ],
)
async def test_options_that_graph_does_not_know_are_refused(place: Place, query: str) -> None:
    answer = await place.graph(None, "GET", f"/chats/{enc(place.chat)}/messages{query}")

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_keys_may_stand_in_parentheses(place: Place) -> None:
    sent = await place.say(place.alice, place.chat, "hi")
    path = f"/chats('{enc(place.chat)}')/messages('{sent.body['id']}')"

    assert (await place.graph(None, "GET", path)).body["id"] == sent.body["id"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/chats/19%3Anone%40thread.v2", 404),
        ("/chats/{c}/messages/1", 404),
        ("/chats/{c}/messages/not-a-number", 404),
        ("/nothing", 400),
        ("/chats/%FF", 400),
        ("/", 400),
    ],
)
async def test_what_is_not_there_is_refused_in_json(place: Place, path: str, status: int) -> None:
    answer = await place.graph(None, "GET", path.format(c=enc(place.chat)))

    assert answer.status == status
    assert answer.body["error"].keys() == {"code", "message", "innerError"}
    assert answer.body["error"]["innerError"].keys() == {
        "date",
        "request-id",
        "client-request-id",
    }


async def test_a_wrong_verb_is_405(place: Place) -> None:
    assert (await place.graph(None, "PUT", f"/chats/{enc(place.chat)}")).status == 405


async def test_too_long_a_body_is_413(place: Place) -> None:
    fits = await place.say(place.alice, place.chat, "x" * 28 * 1024)
    over = await place.say(place.alice, place.chat, "x" * (28 * 1024 + 1))
    huge = await place.say(place.alice, place.chat, "x" * 5 * 1024 * 1024)

    assert fits.status == 201
    assert (over.status, over.code) == (413, "RequestEntityTooLarge")
    assert (huge.status, huge.code) == (413, "RequestEntityTooLarge")


async def test_unknown_attributes_are_stripped_or_kept_as_set(place: Place) -> None:
    html = '<p data-trace="7">hi <at id="0">Bob</at><script>x</script></p>'
    mentions = [
        {
            "id": 0,
            "mentionText": "Bob",
            "mentioned": {"user": {"id": place.bob.id, "displayName": "Bob"}},
        }
    ]

    stripped = await place.say(place.alice, place.chat, html, mentions=mentions)
    await place.tenant.change_settings(keep_unknown_attributes=True)
    kept = await place.say(place.alice, place.chat, html, mentions=mentions)

    assert stripped.body["body"]["content"] == '<p>hi <at id="0">Bob</at></p>'
    assert kept.body["body"]["content"] == '<p data-trace="7">hi <at id="0">Bob</at></p>'
    assert kept.body["mentions"][0]["mentioned"]["user"]["id"] == place.bob.id


@pytest.mark.parametrize(
    "more",
    [
        {"mentions": [{"id": 0, "mentionText": "Bob", "mentioned": {"user": {"id": "{bob}"}}}]},
        {"body": {"contentType": "html", "content": '<at id="0">Bob</at>'}},
        {"attachments": [{"id": "a", "contentType": "reference"}]},
        {"body": {"contentType": "html", "content": '<attachment id="a"></attachment>'}},
        {"body": {"contentType": "markdown", "content": "x"}},
        {"body": {"content": ""}},
        {"body": {"content": 5}},
        {"body": None},
        {"surprise": 1},
        {"importance": "low"},
        {"createdDateTime": "2020-01-01T00:00:00Z"},
        {"from": {"user": {"id": "{bob}"}}},
    ],
)
async def test_a_message_that_makes_no_sense_is_400(place: Place, more: dict[str, Any]) -> None:
    if "mentions" in more:
        more["mentions"][0]["mentioned"]["user"]["id"] = place.bob.id

    answer = await place.say(place.alice, place.chat, "<p>hi</p>", **more)

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_an_inline_image_gets_a_place_of_its_own(place: Place) -> None:
    answer = await place.say(
        place.alice,
        place.chat,
        '<img src="../hostedContents/1/$value" alt="cat">',
        hostedContents=[
            {
                "@microsoft.graph.temporaryId": "1",
                "contentBytes": "aW1n",
                "contentType": "image/png",
            }
        ],
    )
    content = answer.body["body"]["content"]
    source = content.partition('src="')[2].partition('"')[0]

    image = await place.graph(None, "GET", source.removeprefix(f"{place.server.base}/v1.0"))

    assert (image.raw, image.headers["Content-Type"]) == (b"img", "image/png")


async def edit(place: Place, who: Any, message: str, **more: Any) -> Any:
    body = {
        "body": {"contentType": "html", "content": "<b>new</b>"},
        "attachments": [],
        "mentions": [],
        "reactions": [],
        **more,
    }
    return await place.graph(
        who,
        "PATCH",
        f"/chats/{enc(place.chat)}/messages/{message}",
        {k: v for k, v in body.items() if v is not None},
    )


async def test_one_edits_ones_own_messages_only(place: Place) -> None:
    sent = (await place.say(place.alice, place.chat, "old")).body

    bobs = await edit(place, place.bob, sent["id"])
    apps = await edit(place, None, sent["id"])
    partial = await edit(place, place.alice, sent["id"], mentions=None)
    done = await edit(place, place.alice, sent["id"])
    seen = (await place.tenant.messages(place.chat))[-1]

    assert bobs.status == 403
    assert apps.status == 403
    assert partial.message == (
        "Rich html messages require details of attachments, mentions and reactions."
    )
    assert (done.status, done.raw) == (204, b"")
    assert seen["body"] == {"contentType": "html", "content": "<b>new</b>"}
    assert int(str(seen["etag"])) > int(sent["etag"])
    assert seen["lastEditedDateTime"] is not None
    assert seen["createdDateTime"] == sent["createdDateTime"]


async def test_a_deleted_message_is_empty_until_it_comes_back(place: Place) -> None:
    sent = (await place.say(place.alice, place.chat, "secret")).body
    root = f"/users/{place.alice.id}/chats/{enc(place.chat)}/messages/{sent['id']}"

    assert (await place.graph(place.alice, "POST", f"{root}/softDelete")).status == 204
    gone = (await place.graph(place.bob, "GET", f"/me/chats/{enc(place.chat)}/messages")).body
    assert gone["value"][0]["deletedDateTime"] is not None
    assert gone["value"][0]["body"]["content"] == ""
    assert (await place.graph(place.alice, "POST", f"{root}/undoSoftDelete")).status == 204
    back = (await place.tenant.messages(place.chat))[-1]
    assert (back["deletedDateTime"], back["body"]) == (None, sent["body"])


async def test_reactions_are_each_ones_own(place: Place) -> None:
    sent = (await place.say(place.alice, place.chat, "hi")).body
    path = f"/chats/{enc(place.chat)}/messages/{sent['id']}"

    for who in (place.alice, place.bob, place.bob):
        answer = await place.graph(who, "POST", f"{path}/setReaction", {"reactionType": "💘"})
        assert answer.status == 204
    await place.graph(place.alice, "POST", f"{path}/unsetReaction", {"reactionType": "💘"})
    refused = await place.graph(place.bob, "POST", f"{path}/setReaction", {"reactionType": "ok"})
    seen = (await place.graph(None, "GET", path)).body

    assert refused.status == 400
    assert [r["user"]["user"]["id"] for r in seen["reactions"]] == [place.bob.id]
    assert [h["actions"] for h in seen["messageHistory"]] == [
        "reactionAdded",
        "reactionAdded",
        "reactionRemoved",
    ]
    assert seen["lastEditedDateTime"] is None


async def test_all_messages_of_a_user_can_be_exported_by_an_app(place: Place) -> None:
    await place.tenant.type(place.chat, place.alice.id, "one")
    await place.tenant.type(place.group, place.bob.id, "two")

    for chat in place.server.realm.tenants[place.tenant.id].chats.values():
        for message in chat.messages.values():
            message.etag = 1_700_000_000_000  # the same moment in two chats

    answer = await place.graph(None, "GET", f"/users/{place.bob.id}/chats/getAllMessages?$top=1")
    link = answer.body["@odata.nextLink"].removeprefix(f"{place.server.base}/v1.0")
    rest = await place.graph(None, "GET", link)
    person = await place.graph(place.bob, "GET", "/me/chats/getAllMessages")

    contents = [m["body"]["content"] for m in answer.body["value"] + rest.body["value"]]
    assert sorted(contents) == ["one", "two"]
    assert person.status == 412


async def test_two_tenants_share_nothing(place: Place) -> None:
    other = await place.control.create_tenant(name="Fabrikam")
    users = await other.users()
    token = await place.app_token()
    await place.tenant.set_weather(away="unavailable")
    headers = {"Authorization": f"Bearer {token}"}
    refused = await place.http("GET", "/v1.0/chats", headers=headers)
    fine = await place.http("GET", f"/{other.id}/v2.0/.well-known/openid-configuration")

    assert users == []
    assert (refused.status, fine.status) == (503, 200)
    with pytest.raises(KeyError):
        place.server.realm.tenants[other.id].users[place.alice.id]
