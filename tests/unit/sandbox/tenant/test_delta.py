"""Delta queries: everything once, then only what changed, with nothing kept for the client."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest

from bridge.sandbox.tenant import conversation
from bridge.sandbox.tenant.client_apps import AppsControl
from bridge.sandbox.tenant.clock import milliseconds
from bridge.sandbox.tenant.conversation import Spot
from bridge.sandbox.tenant.timeline import Timeline
from bridge.sandbox.tenant.world import Channel, Content, Message, User
from tests.unit.sandbox.tenant.apps_kit import Client, client, inside, team
from tests.unit.sandbox.tenant.place import SECRET, Answer, Place, enc
from tests.unit.sandbox.tenant.test_schema import Checker, schemas

__all__ = ["schemas"]
OLD = timedelta(days=250)


def path_of(person: Any, rest: str = "") -> str:
    return f"/users/{person.id}/chats/getAllMessages/delta{rest}"


def texts(*pages: Answer) -> list[str]:
    return [item["body"]["content"] for page in pages for item in page.body["value"]]


def delta_link(pages: list[Answer]) -> str:
    assert all("@odata.deltaLink" not in page.body for page in pages[:-1])
    return str(pages[-1].body["@odata.deltaLink"])


def say(place: Place, where: Channel, text: str, root: Message | None = None) -> Message:
    tenant = inside(place)
    number = conversation.next_id(tenant, where)
    spot = Spot(number=number, reply_to=None if root is None else root.id)
    alice = tenant.users[place.alice.id]
    return conversation.post(tenant, where, alice, Content(text=text), (), spot)


async def test_a_round_brings_everything_and_the_next_what_is_new(place: Place) -> None:
    app = await client(place)
    bodies = [{"user": place.alice.id, "content": str(n)} for n in range(5)]
    await place.tenant.type_many(place.chat, bodies)
    await place.tenant.type_many(place.group, bodies)

    first = await app.pages(path_of(place.bob, "?$top=3"))
    assert [len(page.body["value"]) for page in first] == [3, 3, 3, 1]
    assert sorted(texts(*first)) == sorted([str(n) for n in range(5)] * 2)

    nothing = await app.pages(delta_link(first))
    assert texts(*nothing) == []
    await place.tenant.type(place.group, place.bob.id, "news")
    second = await app.pages(delta_link(nothing))
    assert texts(*second) == ["news"]
    assert texts(*await app.pages(delta_link(second))) == []
    assert texts(*await app.pages(delta_link(nothing))) == ["news"]


async def test_edited_and_deleted_messages_come_again(
    place: Place, schemas: dict[str, Any]
) -> None:
    app = await client(place)
    edited = await place.tenant.type(place.chat, place.alice.id, "before")
    gone = await place.tenant.type(place.chat, place.alice.id, "secret")
    liked = await place.tenant.type(place.chat, place.alice.id, "nice")
    first = await app.pages(path_of(place.bob))

    await place.tenant.edit(place.chat, edited, "after")
    await place.tenant.delete(place.chat, gone)
    await place.tenant.react(place.chat, liked, place.bob.id, "👍")

    found = (await app.pages(delta_link(first)))[0].body["value"]
    assert [message["id"] for message in found] == [edited, gone, liked]
    assert found[0]["body"]["content"] == "after"
    assert found[1]["deletedDateTime"] is not None
    assert found[2]["reactions"][0]["reactionType"] == "👍"
    for message in found:
        Checker(schemas).check("microsoft.graph.chatMessage", message)


async def test_changes_of_one_instant_are_neither_lost_nor_doubled(place: Place) -> None:
    app = await client(place)
    tenant = inside(place)
    alice = tenant.users[place.alice.id]
    chats = [tenant.chats[key] for key in (place.chat, place.group)]
    link, seen = path_of(place.bob), []
    for n in range(6):
        # The same number in both chats, and older than all that was read before.
        spot = Spot(number=2_000_000_000_000 - n // 2)
        conversation.post(tenant, chats[n % 2], alice, Content(text=str(n)), (), spot)
        pages = await app.pages(link)
        seen += texts(*pages)
        link = delta_link(pages)

    assert seen == [str(n) for n in range(6)]


async def test_a_filter_of_the_first_request_holds_for_all_that_follow(place: Place) -> None:
    app = await client(place)
    old = await place.tenant.type(place.chat, place.alice.id, "old")
    inside(place).clock.advance(timedelta(minutes=1))
    since = inside(place).clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    inside(place).clock.advance(timedelta(minutes=1))
    await place.tenant.type(place.chat, place.alice.id, "new")

    query = f"?$filter={enc(f'lastModifiedDateTime gt {since}')}&$top=1"
    first = await app.pages(path_of(place.bob, query))
    assert texts(*first) == ["new"]
    for options in (page.body.get("@odata.nextLink", "") for page in first):
        assert "$filter" not in unquote(options)
    await place.tenant.edit(place.chat, old, "old, but edited")
    assert texts(*await app.pages(delta_link(first))) == ["old, but edited"]


async def test_messages_older_than_eight_months_are_not_told_of(place: Place) -> None:
    app = await client(place)
    old = await place.tenant.type(place.chat, place.alice.id, "long ago")
    inside(place).clock.advance(OLD)
    await place.tenant.type(place.chat, place.alice.id, "today")
    # Secret and token are expired long since.
    await place.tenant.change_app(app.id, secret=SECRET)
    app = Client(place, app.id)

    first = await app.pages(path_of(place.bob))
    assert texts(*first) == ["today"]
    await place.tenant.edit(place.chat, old, "dug up")
    assert texts(*await app.pages(delta_link(first))) == []


@pytest.mark.parametrize("cause", ["age", "reset"])
async def test_a_token_that_is_good_no_more_sends_back_to_the_beginning(
    place: Place, cause: str
) -> None:
    app = await client(place)
    await place.tenant.type(place.chat, place.alice.id, "hello")
    link = delta_link(await app.pages(path_of(place.bob)))
    inside(place).clock.advance(timedelta(days=30 if cause == "age" else 1))
    if cause == "reset":
        await AppsControl(place.tenant).reset_delta()
    app = Client(place, app.id)

    answer = await app.call("GET", link)

    assert answer.status == 410
    assert answer.code == "syncStateNotFound"
    again = await app.call("GET", answer.headers["Location"])
    assert texts(again) == ["hello"]
    assert (await app.call("GET", again.body["@odata.deltaLink"])).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "$top=51",
        "$filter=lastModifiedDateTime%20lt%202024-01-01T00:00:00Z",
        "$filter=createdDateTime%20gt%202024-01-01T00:00:00Z",
        "$expand=replies",
        "$deltatoken=latest",
        "$skiptoken=abc",
        "$deltatoken=WzFd.0123456789abcdef0123456789abcdef",
    ],
)
async def test_nonsense_is_refused(place: Place, query: str) -> None:
    app = await client(place)

    answer = await app.call("GET", path_of(place.bob, f"?{query}"))

    assert answer.status == 400
    assert answer.code == "BadRequest"


async def test_a_token_of_one_user_is_not_good_for_another(place: Place) -> None:
    app = await client(place)
    token = delta_link(await app.pages(path_of(place.bob))).partition("?")[2]

    assert (await app.call("GET", path_of(place.bob, f"?{token}"))).status == 200
    assert (await app.call("GET", path_of(place.alice, f"?{token}"))).status == 400


async def test_only_an_app_by_itself_asks_for_a_users_chats(place: Place) -> None:
    answer = await place.graph(place.bob, "GET", "/me/chats/getAllMessages/delta")

    assert (answer.status, answer.code) == (412, "PreconditionFailed")


async def test_a_channel_tells_of_a_chain_when_any_part_of_it_changes(place: Place) -> None:
    app, tea = await client(place), team(place)
    general = next(iter(tea.channels.values()))
    roots = [say(place, general, text) for text in ("one", "two")]
    path = f"/teams/{tea.id}/channels/{enc(general.id)}/messages/delta"

    first = await app.pages(f"{path}?$expand=replies&$top=1")
    assert texts(*first) == ["one", "two"]
    assert [page.body["value"][0]["replies"] for page in first] == [[], []]
    say(place, general, "a reply", roots[0])
    second = await app.pages(delta_link(first))

    assert texts(*second) == ["one"]
    replies = second[0].body["value"][0]["replies"]
    assert [reply["body"]["content"] for reply in replies] == ["a reply"]
    assert texts(*await app.pages(delta_link(second))) == []


async def test_undocumented_deltas_are_there_or_not(place: Place) -> None:
    app, tea = await client(place), team(place)
    general = next(iter(tea.channels.values()))
    of_channel = f"/teams/{tea.id}/channels/{enc(general.id)}/messages/delta"
    of_chat = f"/chats/{enc(place.chat)}/messages/delta"

    assert (await app.call("GET", of_channel)).status == 200
    missing = await app.call("GET", of_chat)
    assert (missing.status, missing.code) == (400, "BadRequest")
    assert missing.message == "Resource not found for the segment 'delta'."
    await place.tenant.change_settings(channel_delta=False, chat_delta=True)
    assert (await app.call("GET", of_channel)).status == 400
    await place.tenant.type(place.chat, place.alice.id, "hi")
    assert texts(await place.graph(place.bob, "GET", of_chat)) == ["hi"]
    assert (await place.graph(place.carol, "GET", of_chat)).status == 403
    assert texts(await app.call("GET", of_chat.replace("delta", "delta()"))) == ["hi"]


class Imagined:
    """Two hundred messages that are made when somebody looks."""

    def __init__(self, chat: str, first: int, sender: User) -> None:
        self._chat, self._first, self._sender = chat, first, sender

    def __len__(self) -> int:
        return 200

    def number(self, index: int) -> int:
        return self._first + index

    changed = number

    def turn(self, index: int) -> int:
        return 0

    def make(self, index: int) -> Message:
        number = self.number(index)
        content = Content(text=str(index))
        return Message(
            id=number, conversation=self._chat, sender=self._sender, content=content, etag=number
        )


async def test_imagined_history_is_told_once_and_again_where_it_changes(place: Place) -> None:
    app, tenant = await client(place), inside(place)
    alice = tenant.users[place.alice.id]
    yesterday = milliseconds(tenant.clock.now() - timedelta(days=1))
    for key in (place.chat, place.group):
        tenant.chats[key].messages = Timeline(Imagined(key, yesterday, alice))

    first = await app.pages(path_of(place.bob, "?$top=50"))
    exported = await app.pages(f"/users/{place.bob.id}/chats/getAllMessages?$top=50")
    assert len(texts(*first)) == len(texts(*exported)) == 400
    assert sorted(texts(*first)) == sorted(texts(*exported))
    await place.tenant.edit(place.chat, str(yesterday + 7), "edited")
    assert texts(*await app.pages(delta_link(first))) == ["edited"]
