"""Import mode: one app writes the past, nobody writes the present meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st

from bridge.sandbox.tenant.client import ControlError
from bridge.sandbox.tenant.client_apps import AppsControl
from bridge.sandbox.tenant.world import Membership
from tests.unit.sandbox.tenant.apps_kit import Client, channel, client, inside, said, team
from tests.unit.sandbox.tenant.place import Answer, Place, Subscriber, enc
from tests.unit.sandbox.tenant.test_fuzz import NAMES, NESTED, checked, examples
from tests.unit.sandbox.tenant.test_schema import Checker, schemas

__all__ = ["schemas"]
BEGIN = "2019-01-01T00:00:00Z"
PAST = "2019-02-04T19:58:15.511Z"
PAST_ID = "1549310295511"


def chat_path(place: Place, rest: str = "") -> str:
    return f"/chats/{enc(place.group)}{rest}"


def old(person: Any, text: str = "from long ago", at: str = PAST, **more: Any) -> dict[str, Any]:
    user = {"id": person.id, "displayName": "whoever", "userIdentityType": "aadUser"}
    content = {"contentType": "html", "content": text}
    return {"createdDateTime": at, "from": {"user": user}, "body": content, **more}


async def started(place: Place, begin: str | None = BEGIN) -> Client:
    app = await client(place)
    body = None if begin is None else {"conversationCreationDateTime": begin}
    answer = await app.call("POST", chat_path(place, "/startMigration"), body)
    assert (answer.status, answer.raw) == (204, b"")
    return app


async def post(app: Client, place: Place, body: Any) -> Answer:
    return await app.call("POST", chat_path(place, "/messages"), body)


async def test_an_import_shows_in_the_chat(place: Place, schemas: dict[str, Any]) -> None:
    app = await client(place)
    before = (await app.call("GET", chat_path(place))).body
    assert before["migrationMode"] is before["originalCreatedDateTime"] is None
    await app.call(
        "POST", chat_path(place, "/startMigration"), {"conversationCreationDateTime": BEGIN}
    )

    during = (await app.call("GET", chat_path(place))).body
    await app.call("POST", chat_path(place, "/completeMigration"))
    after = (await app.call("GET", chat_path(place))).body

    assert during["migrationMode"] == "inProgress"
    assert during["createdDateTime"] == BEGIN
    assert during["originalCreatedDateTime"] == before["createdDateTime"]
    assert after == during | {"migrationMode": "completed"}
    Checker(schemas).check("microsoft.graph.chat", after)


async def test_a_message_of_the_past_is_posted(place: Place, schemas: dict[str, Any]) -> None:
    app = await started(place)
    reactions = [
        {"reactionType": "👍", "createdDateTime": PAST, "user": {"user": {"id": place.alice.id}}}
    ]

    answer = await post(app, place, old(place.bob, reactions=reactions))

    assert answer.status == 201
    assert answer.body["id"] == answer.body["etag"] == PAST_ID
    assert answer.body["createdDateTime"] == answer.body["lastModifiedDateTime"] == PAST
    assert answer.body["from"]["user"]["id"] == place.bob.id
    assert answer.body["from"]["user"]["displayName"] == "Bob Builder"
    assert answer.body["reactions"][0]["user"]["user"]["id"] == place.alice.id
    Checker(schemas).check("microsoft.graph.chatMessage", answer.body)
    seen = await place.graph(place.alice, "GET", chat_path(place, f"/messages/{PAST_ID}"))
    assert seen.body["body"]["content"] == "from long ago"


async def test_imported_messages_stand_in_order_with_the_live_ones(place: Place) -> None:
    live = await place.tenant.type(place.group, place.alice.id, "live")
    app = await started(place)
    for second in ("30", "10", "20"):
        at = f"2019-02-04T19:58:{second}.001Z"
        assert (await post(app, place, old(place.bob, second, at))).status == 201

    path = "/me/chats?$expand=lastMessagePreview"
    listed = (await place.graph(place.alice, "GET", path)).body["value"]
    shown = {chat["id"]: chat["lastMessagePreview"] for chat in listed}
    assert shown[place.group]["id"] == live
    await app.call("POST", chat_path(place, "/completeMigration"))
    texts = [message["body"]["content"] for message in await said(place, place.group)]
    assert texts == ["10", "20", "30", "live"]


async def test_an_inline_image_and_a_file_that_is_there_are_imported(place: Place) -> None:
    app = await started(place)
    image = {
        "@microsoft.graph.temporaryId": "1",
        "contentBytes": "iVBORw0KGgo=",
        "contentType": "image/png",
    }
    file = {
        "id": "a",
        "contentType": "reference",
        "contentUrl": "https://contoso.sharepoint.com/a.docx",
        "name": "a.docx",
    }
    text = '<img src="../hostedContents/1/$value"><attachment id="a"></attachment>'

    answer = await post(
        app, place, old(place.bob, text, hostedContents=[image], attachments=[file])
    )

    assert answer.status == 201
    assert f"/messages/{PAST_ID}/hostedContents/" in answer.body["body"]["content"]
    assert answer.body["attachments"][0]["name"] == "a.docx"


async def test_fractions_finer_than_milliseconds_are_cut_off(place: Place) -> None:
    app = await started(place)

    answer = await post(app, place, old(place.bob, at="2020-09-16T05:50:31.0025302Z"))

    assert answer.body["createdDateTime"] == "2020-09-16T05:50:31.002Z"
    again = await post(app, place, old(place.bob, at="2020-09-16T05:50:31.0029Z"))
    assert (again.status, again.code) == (409, "Conflict")


async def test_a_message_is_neither_of_the_future_nor_older_than_the_chat(place: Place) -> None:
    app = await started(place)
    tomorrow = (inside(place).clock.now() + timedelta(days=1)).isoformat()

    future = await post(app, place, old(place.bob, at=tomorrow))
    older = await post(app, place, old(place.bob, at="2018-12-31T23:59:59.999Z"))
    same = await post(app, place, old(place.bob, at=BEGIN))

    assert (future.status, older.status, same.status) == (400, 403, 403)


async def test_without_an_instant_the_import_begins_now(place: Place) -> None:
    app = await started(place, None)

    assert (await post(app, place, old(place.bob))).status == 403
    now = inside(place).clock.now().isoformat()
    assert (await post(app, place, old(place.bob, at=now))).status == 201


@pytest.mark.parametrize(
    "spoilt",
    [
        {"createdDateTime": None},
        {"createdDateTime": "yesterday"},
        {"from": None},
        {"from": {"application": {"id": "x"}}},
        {"from": {"user": {"id": "nobody"}}},
        {"from": {"user": {"id": 7}}},
        {"body": None},
        {
            "body": {"contentType": "html", "content": '<at id="0">Bob</at>'},
            "mentions": [{"id": 0, "mentionText": "Bob", "mentioned": {"user": {"id": "$bob"}}}],
        },
        {
            "body": {"contentType": "html", "content": '<attachment id="q"></attachment>'},
            "attachments": [{"id": "q", "contentType": "messageReference", "content": "{}"}],
        },
        {
            "body": {"contentType": "html", "content": '<attachment id="q"></attachment>'},
            "attachments": [
                {"id": "q", "contentType": "application/vnd.microsoft.card.codesnippet"}
            ],
        },
        {"reactions": [{"reactionType": "👍"}]},
        {"reactions": [{"reactionType": "👍", "user": {"user": {"id": "nobody"}}}]},
    ],
)
async def test_what_cannot_be_imported_is_refused(place: Place, spoilt: dict[str, Any]) -> None:
    app = await started(place)
    body = old(place.bob) | spoilt
    for mention in body.get("mentions", []):
        mention["mentioned"]["user"]["id"] = place.bob.id

    answer = await post(app, place, body)

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_a_person_of_another_tenant_cannot_be_imported(place: Place) -> None:
    app = await started(place)
    body = old(place.bob)
    body["from"]["user"]["tenantId"] = "00000000-0000-0000-0000-000000000000"

    assert (await post(app, place, body)).status == 400


async def test_nothing_live_happens_meanwhile(place: Place) -> None:
    message = await place.tenant.type(place.group, place.alice.id, "before")
    app = await started(place)
    members = (await app.call("GET", chat_path(place, "/members"))).body["value"]
    carol = {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "user@odata.bind": f"https://graph.microsoft.com/v1.0/users('{place.carol.id}')",
        "roles": ["owner"],
    }

    sent = await place.say(place.alice, place.group, "now")
    added = await app.call("POST", chat_path(place, "/members"), carol)
    removed = await app.call("DELETE", chat_path(place, f"/members/{enc(members[0]['id'])}"))
    with pytest.raises(ControlError, match="migration mode"):
        await place.tenant.type(place.group, place.alice.id, "typed")
    with pytest.raises(ControlError, match="migration mode"):
        await place.tenant.change_chat(place.group, add=[place.carol.id])

    assert [a.status for a in (sent, added, removed)] == [403, 403, 403]
    assert [m["id"] for m in await said(place, place.group)] == [message]
    assert (await place.say(place.alice, place.chat, "elsewhere")).status == 201
    await app.call("POST", chat_path(place, "/completeMigration"))
    assert (await place.say(place.alice, place.group, "again")).status == 201
    assert (await app.call("POST", chat_path(place, "/members"), carol)).status == 201


async def test_a_chat_can_be_renamed_meanwhile_and_nobody_speaks_of_it(place: Place) -> None:
    await started(place)

    await place.tenant.change_chat(place.group, topic="Coffee party")

    assert await said(place, place.group) == []


async def test_only_the_app_that_started_goes_on(place: Place) -> None:
    app, other = await started(place), await client(place)

    posted = await post(other, place, old(place.bob))
    completed = await other.call("POST", chat_path(place, "/completeMigration"))
    begun = await other.call("POST", chat_path(place, "/startMigration"))

    assert (posted.status, completed.status, begun.status) == (400, 400, 400)
    assert "Only 1 application is allowed" in posted.message
    assert completed.message == "Request Initiator does not match the import session intiator."
    await app.call("POST", chat_path(place, "/completeMigration"))
    assert (await other.call("POST", chat_path(place, "/startMigration"))).status == 204


async def test_an_import_is_started_once_and_completed_once(place: Place) -> None:
    app = await started(place)

    assert (await app.call("POST", chat_path(place, "/startMigration"))).status == 400
    assert (await app.call("POST", chat_path(place, "/completeMigration"))).status == 204
    assert (await app.call("POST", chat_path(place, "/completeMigration"))).status == 400
    assert (await post(app, place, old(place.bob))).status == 401
    assert (await app.call("POST", chat_path(place, "/startMigration"))).status == 204


@pytest.mark.parametrize(
    "body",
    [
        {"conversationCreationDateTime": "2999-01-01T00:00:00Z"},
        {"conversationCreationDateTime": "0001-01-01T00:00:00Z"},
        {"conversationCreationDateTime": "soon"},
        {"conversationCreationDateTime": 1},
        {"createdDateTime": BEGIN},
        [],
    ],
)
async def test_a_bad_start_is_refused(place: Place, body: Any) -> None:
    app = await client(place)

    answer = await app.call("POST", chat_path(place, "/startMigration"), body)

    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_meetings_are_not_imported_into(place: Place) -> None:
    app = await client(place)
    meeting = await place.tenant.create_chat("meeting", [place.alice.id, place.bob.id])

    answer = await app.call("POST", f"/chats/{enc(meeting)}/startMigration")

    assert answer.status == 400
    pair = await app.call("POST", f"/chats/{enc(place.chat)}/startMigration")
    assert pair.status == 204


async def test_it_takes_the_permission_and_an_app_by_itself(place: Place) -> None:
    poor = await client(place, ["Chat.Read.All"])
    assert (await poor.call("POST", chat_path(place, "/startMigration"))).status == 403
    person = await place.graph(place.alice, "POST", chat_path(place, "/startMigration"))
    assert (person.status, person.code) == (412, "PreconditionFailed")

    await started(place)
    assert (await post(poor, place, old(place.bob))).status == 401
    own = await place.graph(place.bob, "POST", chat_path(place, "/messages"), old(place.bob))
    assert own.status == 400


async def test_outside_of_import_mode_an_app_cannot_post(place: Place) -> None:
    app = await client(place)

    answer = await post(app, place, old(place.bob))

    assert (answer.status, answer.code) == (401, "Unauthorized")
    assert "only for import purposes" in answer.message


async def test_channels_of_every_kind_can_be_imported_into(place: Place) -> None:
    app, tea = await client(place), team(place)
    places = [next(iter(tea.channels.values()))]
    places += [channel(place, tea, kind) for kind in (Membership.PRIVATE, Membership.SHARED)]
    for where in places:
        path = f"/teams/{tea.id}/channels/{enc(where.id)}"
        body = {"conversationCreationDateTime": BEGIN}
        assert (await app.call("POST", f"{path}/startMigration", body)).status == 204
        assert where.created == datetime(2019, 1, 1, tzinfo=UTC)
        root = await app.call("POST", f"{path}/messages", old(place.bob))
        assert root.status == 201, root.raw
        late = "2019-02-05T00:00:00Z"
        replies = f"{path}/messages/{PAST_ID}/replies"
        reply = await app.call("POST", replies, old(place.alice, "reply", late))
        assert reply.status == 201, reply.raw
        assert reply.body["replyToId"] == PAST_ID
        sent = await place.graph(
            place.alice, "POST", f"{path}/messages", {"body": {"content": "x"}}
        )
        assert sent.status == 403
        assert (await app.call("POST", f"{path}/completeMigration")).status == 204


async def test_a_team_is_completed_after_its_channels(place: Place) -> None:
    app, tea, apps = await client(place), team(place), AppsControl(place.tenant)
    general = next(iter(tea.channels.values()))
    path = f"/teams/{tea.id}/completeMigration"
    assert (await app.call("POST", path)).status == 400
    await apps.start_migration(app.id, team=tea.id)
    await apps.start_migration(app.id, team=tea.id, channel=general.id)

    early = await app.call("POST", path)
    await apps.complete_migration(team=tea.id, channel=general.id)

    assert (early.status, early.message) == (400, "All channels must be finalized before team.")
    assert (await app.call("POST", path)).status == 204


async def test_subscribers_are_told_of_imported_messages(
    place: Place, subscriber: Subscriber
) -> None:
    app = await started(place)
    made = await app.call("POST", "/subscriptions", subscriber.wish())
    assert made.status == 201, made.raw

    await post(app, place, old(place.bob))

    item = (await subscriber.arrived(1))[0]
    assert item["changeType"] == "created"
    assert subscriber.open(item["encryptedContent"])["createdDateTime"] == PAST


async def test_anything_is_answered(place: Place) -> None:
    app = await started(place)
    bodies = st.dictionaries(NAMES | st.sampled_from(sorted(old(place.bob))), NESTED, max_size=5)
    for body in examples(bodies):
        checked(await post(app, place, old(place.bob) | body))
        checked(await app.call("POST", chat_path(place, "/startMigration"), body))
