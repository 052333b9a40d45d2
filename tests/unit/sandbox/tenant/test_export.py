"""The export of messages: whole, in order, page by page, deleted ones included."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st

from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.client_apps import AppsControl
from bridge.sandbox.tenant.client_teams import TeamsClient
from bridge.sandbox.tenant.conversation import Spot
from bridge.sandbox.tenant.world import Content, Membership
from tests.unit.sandbox.tenant.apps_kit import Client, channel, client, inside, team
from tests.unit.sandbox.tenant.place import Answer, Place, enc
from tests.unit.sandbox.tenant.test_fuzz import checked, examples
from tests.unit.sandbox.tenant.test_schema import Checker, schemas

__all__ = ["schemas"]


def texts(*pages: Answer) -> list[str]:
    return [item["body"]["content"] for page in pages for item in page.body["value"]]


def chats_of(person: Any, rest: str = "") -> str:
    return f"/users/{person.id}/chats/getAllMessages{rest}"


async def test_all_chats_of_a_user_are_exported_and_no_others(place: Place) -> None:
    app = await client(place)
    other = await place.tenant.create_chat("group", [place.alice.id, place.carol.id])
    await place.tenant.type(place.chat, place.alice.id, "one")
    await place.tenant.type(other, place.carol.id, "not for Bob")
    await place.tenant.type(place.group, place.bob.id, "two")

    # Two chats may have messages of one millisecond: what comes first is not promised.
    assert sorted(texts(await app.call("GET", chats_of(place.bob)))) == ["one", "two"]
    by_name = await app.call("GET", f"/users/{place.carol.upn}/chats/getAllMessages")
    assert texts(by_name) == ["not for Bob"]


async def test_pages_hang_together_whatever_happens_meanwhile(place: Place) -> None:
    app = await client(place)
    bodies = [{"user": place.alice.id, "content": str(n)} for n in range(7)]
    ids = await place.tenant.type_many(place.chat, bodies)
    await place.tenant.type_many(place.group, bodies)
    inside(place).clock.advance(timedelta(seconds=1))

    first = await app.call("GET", chats_of(place.bob, "?$top=5&model=B"))
    await place.tenant.edit(place.chat, ids[6], "edited")
    await AppsControl(place.tenant).delete_chat(
        await place.tenant.create_chat("group", [place.bob.id, place.carol.id])
    )
    await place.tenant.type(place.chat, place.bob.id, "late")
    link = first.body["@odata.nextLink"]
    rest = await app.pages(link)

    assert "model=B" in link
    assert [len(page.body["value"]) for page in (first, *rest)] == [5, 5, 5]
    found = [(m["chatId"], m["id"]) for page in (first, *rest) for m in page.body["value"]]
    assert len(found) == len(set(found)) == 15
    assert texts(*rest)[-2:] == ["edited", "late"]


async def test_messages_of_the_same_instant_in_many_chats_are_all_there(place: Place) -> None:
    app = await client(place)
    tenant = inside(place)
    alice = tenant.users[place.alice.id]
    for n in range(9):
        chat = tenant.chats[await place.tenant.create_chat("group", [place.alice.id, place.bob.id])]
        content = Content(text=str(n))
        conversation.post(tenant, chat, alice, content, (), Spot(number=1_700_000_000_000))

    found = texts(*await app.pages(chats_of(place.bob, "?$top=2")))

    assert sorted(found) == [str(n) for n in range(9)]


async def test_deleted_messages_are_exported_for_some_weeks_without_their_text(
    place: Place,
) -> None:
    app = await client(place)
    gone = await place.tenant.type(place.chat, place.alice.id, "secret")
    await place.tenant.delete(place.chat, gone)

    found = (await app.call("GET", chats_of(place.bob))).body["value"]
    assert [(m["id"], m["body"]["content"]) for m in found] == [(gone, "")]
    assert found[0]["deletedDateTime"] is not None
    await place.tenant.change_settings(export_shows_deleted=False)
    assert texts(await app.call("GET", chats_of(place.bob))) == []
    await place.tenant.change_settings(export_shows_deleted=True)
    inside(place).clock.advance(timedelta(days=22))
    app = Client(place, app.id)
    assert texts(await app.call("GET", chats_of(place.bob))) == []


async def test_what_a_policy_retains_keeps_its_text(place: Place) -> None:
    app = await client(place)
    gone = await place.tenant.type(place.chat, place.alice.id, "secret")
    await place.tenant.delete(place.chat, gone)
    path = f"/users/{place.bob.id}/chats/getAllRetainedMessages"

    kept = await app.call("GET", path)
    assert texts(kept) == ["secret"]
    assert kept.body["value"][0]["deletedDateTime"] is not None
    await place.tenant.change_settings(retention_policy=False)
    assert (await app.call("GET", path)).body["value"] == []


async def test_a_date_range_is_exclusive_on_both_ends(place: Place) -> None:
    app = await client(place)
    for text in ("one", "two", "three"):
        await place.tenant.type(place.chat, place.alice.id, text)
        inside(place).clock.advance(timedelta(seconds=10))
    every = (await app.call("GET", chats_of(place.bob))).body["value"]
    first, _, third = (message["lastModifiedDateTime"] for message in every)

    range_ = f"lastModifiedDateTime gt {first} and lastModifiedDateTime lt {third}"
    found = await app.call("GET", chats_of(place.bob, f"?$filter={enc(range_)}"))

    assert texts(found) == ["two"]


@pytest.mark.parametrize(
    "query",
    [
        "$filter=createdDateTime%20gt%202024-01-01T00:00:00Z",
        "$filter=lastModifiedDateTime%20ge%202024-01-01T00:00:00Z",
        "$filter=lastModifiedDateTime%20gt%20yesterday",
        "$top=51",
        "$top=none",
        "$skiptoken=abc",
        "$skiptoken=WzEsMiwiYSIsM10.0123456789abcdef0123456789abcdef",
    ],
)
async def test_nonsense_is_refused(place: Place, query: str) -> None:
    app = await client(place)

    answer = await app.call("GET", chats_of(place.bob, f"?{query}"))

    assert answer.status == 400
    assert answer.code == "BadRequest"


async def test_a_bookmark_is_good_for_its_own_listing_only(place: Place) -> None:
    app = await client(place)
    bodies = [{"user": place.alice.id, "content": "x"}] * 3
    await place.tenant.type_many(place.chat, bodies)
    first = await app.call("GET", chats_of(place.bob, "?$top=1"))
    token = first.body["@odata.nextLink"].partition("$skiptoken=")[2]

    assert (await app.call("GET", chats_of(place.bob, f"?$skiptoken={token}"))).status == 200
    assert (await app.call("GET", chats_of(place.alice, f"?$skiptoken={token}"))).status == 400


async def test_only_an_app_by_itself_exports(place: Place) -> None:
    poor = await client(place, ["User.Read.All"])
    mine = await place.graph(place.bob, "GET", "/me/chats/getAllMessages")
    own = await place.graph(place.bob, "GET", chats_of(place.bob))

    assert (mine.status, mine.code) == (412, "PreconditionFailed")
    assert own.status == 412
    assert (await poor.call("GET", chats_of(place.bob))).status == 403
    app = await client(place)
    assert (await app.call("GET", "/chats/getAllMessages")).status == 405
    assert (await app.call("GET", "/teams/getAllMessages")).status == 405
    assert (await app.call("GET", "/users/nobody/chats/getAllMessages")).status == 404


async def test_all_channels_of_a_team_are_exported_with_replies(
    place: Place, schemas: dict[str, Any]
) -> None:
    app = await client(place)
    tenant, tea = inside(place), team(place)
    alice = tenant.users[place.alice.id]
    for where in (*tea.channels.values(), channel(place, tea, Membership.PRIVATE)):
        root = conversation.post(tenant, where, alice, Content(text=f"in {where.name}"))
        spot = Spot(number=conversation.next_id(tenant, where), reply_to=root.id)
        conversation.post(tenant, where, alice, Content(text="a reply"), (), spot)

    answer = await app.call("GET", f"/teams/{tea.id}/channels/getAllMessages")
    retained = await app.call("GET", f"/teams/{tea.id}/channels/getAllRetainedMessages")

    said = [text for text in texts(answer) if "system" not in text]
    assert sorted(said) == ["a reply", "a reply", "in General", "in Scones"]
    assert texts(retained) == texts(answer)
    for message in answer.body["value"]:
        Checker(schemas).check("microsoft.graph.chatMessage", message)
        assert message["channelIdentity"]["teamId"] == tea.id
    assert (await app.call("GET", "/teams/nothing/channels/getAllMessages")).status == 404


async def test_a_deleted_team_can_still_be_exported(place: Place) -> None:
    app, apps = await client(place), AppsControl(place.tenant)
    tenant, tea = inside(place), team(place)
    general = next(iter(tea.channels.values()))
    conversation.post(tenant, general, tenant.users[place.alice.id], Content(text="farewell"))
    deleted = f"/teamwork/deletedTeams/{tea.id}/channels/getAllMessages"
    assert (await app.call("GET", deleted)).status == 404

    await TeamsClient(place.tenant).delete_team(tea.id)

    assert texts(await app.call("GET", deleted))[-1] == "farewell"
    listed = await app.call("GET", "/teamwork/deletedTeams")
    assert listed.body["value"] == [{"id": tea.id}]
    assert (await app.call("GET", f"/teams/{tea.id}/channels/getAllMessages")).status == 404
    await apps.restore_team(tea.id)
    assert (await app.call("GET", f"/teams/{tea.id}/channels/getAllMessages")).status == 200


async def test_a_chat_can_be_deleted_and_brought_back_for_a_week(place: Place) -> None:
    app = await client(place)
    path = f"/chats/{enc(place.chat)}"
    await place.tenant.type(place.chat, place.alice.id, "hello")

    assert (await app.call("DELETE", path)).status == 204
    assert (await app.call("GET", path)).status == 404
    assert texts(await app.call("GET", chats_of(place.bob))) == []
    shown = await app.call("GET", f"/teamwork/deletedChats/{enc(place.chat)}")
    assert shown.body["id"] == place.chat
    undo = f"/teamwork/deletedChats/{enc(place.chat)}/undoDelete"
    assert (await app.call("POST", undo)).status == 204
    assert texts(await app.call("GET", chats_of(place.bob))) == ["hello"]
    assert (await app.call("POST", undo)).status == 404

    await app.call("DELETE", path)
    inside(place).clock.advance(timedelta(days=7))
    assert (await Client(place, app.id).call("POST", undo)).status == 404


async def test_only_administrators_delete_chats_themselves(place: Place) -> None:
    scopes = ["Chat.ReadWrite", "Chat.ManageDeletion.All"]
    await place.tenant.change_app(place.app, delegated_scopes=scopes)
    path = f"/chats/{enc(place.chat)}"

    assert (await place.graph(place.alice, "DELETE", path)).status == 403
    inside(place).users[place.alice.id].admin = True
    assert (await place.graph(place.alice, "DELETE", path)).status == 204


async def test_any_query_is_answered(place: Place) -> None:
    app = await client(place)
    names = ["$top", "$filter", "$skiptoken", "$deltatoken", "$expand", "$select"]
    query = st.dictionaries(st.sampled_from(names), st.text(max_size=20), max_size=3)
    paths = (chats_of(place.bob), chats_of(place.bob, "/delta"), "/appCatalogs/teamsApps")
    for options in examples(query):
        text = "&".join(f"{name}={enc(value)}" for name, value in options.items())
        for path in paths:
            checked(await app.call("GET", f"{path}?{text}"))
