"""An imagined organisation: always the same, cheap until it is looked at, and real once it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from bridge.sandbox.tenant.client import ControlError, Person
from bridge.sandbox.tenant.clock import TenantClock, from_milliseconds, milliseconds
from bridge.sandbox.tenant.crowd import calendar
from bridge.sandbox.tenant.crowd.census import Census
from bridge.sandbox.tenant.crowd.client import imagine, people
from bridge.sandbox.tenant.crowd.draw import shuffle32, unshuffle32
from bridge.sandbox.tenant.crowd.organisation import Organisation
from bridge.sandbox.tenant.crowd.plan import Plan
from bridge.sandbox.tenant.tenant import Realm, Site, Tenant
from bridge.sandbox.tenant.tokens import Keyring
from bridge.sandbox.tenant.world import Chat, ChatKind
from tests.unit.sandbox.tenant.place import Place, enc, instant

NOON = datetime(2026, 11, 4, 12, tzinfo=UTC)
PLAN = Plan(seed=7, users=60, chats=200, teams=6, history=60, until=NOON)
TENANT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def realm(keyring: Keyring) -> Realm:
    return Realm(Site("https://tenant.example"), keyring)


def organised(realm: Realm, plan: Plan = PLAN) -> Organisation:
    tenant = realm.create(tenant_id=TENANT)
    tenant.clock.set(NOON)
    made = Organisation(tenant, plan)
    made.move_in()
    return made


def busiest(made: Organisation) -> Chat:
    """The chat with the most messages."""
    places = (made.census.place_of_rank(rank) for rank in range(made.census.places))
    found = made.conversation(next(place for place in places if place < made.plan.chats))
    assert isinstance(found, Chat)
    return found


async def visit(place: Place, **plan: object) -> Person:
    """Give the tenant an organisation; returns the user with the most chats of the first few."""
    await imagine(place.tenant, seed=7, **plan)
    found = max(await people(place.tenant, count=20), key=lambda user: len(user["chats"]))  # type: ignore[arg-type]
    return Person(
        id=str(found["id"]), upn=str(found["upn"]), display_name=str(found["display_name"])
    )


async def every_page(place: Place, who: Person | None, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    url: str | None = path
    while url is not None:
        answer = await place.graph(who, "GET", url)
        assert answer.status == 200, answer.body
        found += answer.body["value"]
        url = answer.body.get("@odata.nextLink")
        url = None if url is None else url.partition("/v1.0")[2]
    return found


def test_a_shuffled_number_can_be_read_back() -> None:
    for number in (0, 1, 2**16, 2**32 - 1, 123_456_789):
        assert unshuffle32(5, shuffle32(5, number)) == number
    assert len({shuffle32(5, number) for number in range(10_000)}) == 10_000


def test_people_write_on_working_days() -> None:
    monday = datetime(2026, 11, 2, tzinfo=UTC)
    for hours in range(0, 7 * 24, 5):
        real = milliseconds(monday + timedelta(hours=hours))
        at = from_milliseconds(calendar.to_real(calendar.to_working(real)))
        assert milliseconds(at) <= real
        assert at.weekday() < 5
        assert 8 <= at.hour < 18


def test_every_thing_is_found_by_its_id() -> None:
    census = Census(PLAN)
    ids = [census.chat_id(chat) for chat in range(PLAN.chats)]
    assert [census.chat_number(key) for key in ids] == list(range(PLAN.chats))
    assert len(set(ids)) == PLAN.chats
    assert [census.user_of(census.user_id(n)) for n in range(PLAN.users)] == list(range(PLAN.users))
    assert [census.team_number(census.team_id(n)) for n in range(6)] == list(range(6))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "19:@thread.v2",
        "19:meeting_%%%@thread.v2",
        "19:meeting_aGVsbG8=@thread.v2",
        "19:00000000000000000000000000000000@thread.v2",
        "19:a_b@unq.gbl.spaces",
        "48:notes",
        "19:zzzzzzzz@thread.v2",
    ],
)
def test_nothing_is_found_by_another_id(key: str) -> None:
    assert Census(PLAN).chat_number(key) is None
    assert Census(PLAN).user_of(key) is None


def test_a_census_takes_some_bytes_a_chat() -> None:
    census = Census(Plan(users=3000, chats=10_000, history=100))
    assert census.size < 10_000 * 100
    total = sum(census.length(chat) for chat in range(10_000))
    assert 0.9 * 1_000_000 < total < 1.1 * 1_000_000


def test_the_same_plan_is_the_same_organisation(realm: Realm, keyring: Keyring) -> None:
    one = organised(realm)
    other = organised(Realm(Site("https://tenant.example"), keyring))
    for left, right in zip(one.tenant.chats.values(), other.tenant.chats.values(), strict=True):
        assert left.id == right.id
        assert left.topic == right.topic
        assert left.members == right.members
        assert list(left.messages) == list(right.messages)
    assert list(busiest(one).messages.values())[:50] == list(busiest(other).messages.values())[:50]


def test_another_seed_is_another_one() -> None:
    one, other = Census(PLAN), Census(Plan(seed=8, users=60, chats=200))
    assert one.user_id(0) != other.user_id(0)
    assert list(one.members.items) != list(other.members.items)


def test_pairs_are_pairs_and_groups_are_larger(realm: Realm) -> None:
    for chat in organised(realm).tenant.chats.values():
        assert (len(chat.members) == 2) == (chat.kind is ChatKind.ONE_ON_ONE)
        assert len(chat.members) == len(list(chat.members))


def test_looking_at_a_users_chats_keeps_none_of_them(realm: Realm) -> None:
    made = organised(realm)
    user = made.user(0)
    found = list(made.tenant.chats_of(user))
    assert len(found) > 20
    assert all(user.id in chat.members for chat in found)
    drawn = [number for number in range(PLAN.chats) if made.chats.is_drawn(number)]
    assert drawn == []
    everyone = {chat.id for chat in made.tenant.chats.values() if user.id in chat.members}
    assert {chat.id for chat in found} == everyone


def test_who_comes_and_goes_later_is_listed_rightly(realm: Realm) -> None:
    made = organised(realm)
    first, stranger = made.user(0), made.tenant.add_user("New Comer")
    chat = next(iter(made.tenant.chats_of(first)))
    kept = made.tenant.chats[chat.id]
    del kept.members[first.id]
    kept.members[stranger.id] = next(iter(kept.members.values()))
    assert chat.id not in {c.id for c in made.tenant.chats_of(first)}
    assert [c.id for c in made.tenant.chats_of(stranger)] == [chat.id]


def test_old_messages_are_in_order_and_changed_before_the_next_one(realm: Realm) -> None:
    chat = busiest(organised(realm))
    messages = list(chat.messages.values())
    assert len(messages) == len(chat.messages) > 200
    for earlier, later in pairwise(messages):
        assert earlier.id <= earlier.etag < later.id
    assert any(message.reactions for message in messages)
    assert any(message.edited for message in messages)
    assert any(message.deleted for message in messages)
    assert any(message.content.mentions for message in messages)
    assert len({message.sender.id for message in messages if message.sender}) > 1
    assert messages[-1].etag <= milliseconds(NOON)


def test_what_was_touched_stays_what_it_is(realm: Realm) -> None:
    chat = busiest(organised(realm))
    keys = list(chat.messages)
    looked = list(chat.messages.values())[5]
    kept = chat.messages[keys[5]]
    assert kept == looked
    assert kept is chat.messages[keys[5]]
    assert kept is list(chat.messages.values())[5]
    assert list(chat.messages) == keys


def test_people_can_be_found_by_name(realm: Realm) -> None:
    made = organised(realm)
    user = made.user(3)
    assert made.tenant.find_user(user.upn.upper()) is user
    assert made.tenant.find_user("nobody.00000000@x.example") is None
    assert made.tenant.find_user("nobody") is None
    assert len(made.tenant.users) == PLAN.users
    made.tenant.forget_user(user)
    assert made.tenant.find_user(user.upn) is None
    assert len(made.tenant.users) == PLAN.users - 1


def test_teams_have_channels_with_chains(realm: Realm) -> None:
    made = organised(realm)
    team = next(iter(made.tenant.teams.values()))
    channel = next(iter(team.channels.values()))
    assert channel.name == "General"
    by_id = {message.id: message for message in channel.messages.values()}
    replies = [message for message in by_id.values() if message.reply_to is not None]
    assert replies
    for reply in replies:
        assert reply.reply_to is not None
        assert by_id[reply.reply_to].reply_to is None
        assert reply.team == team.id


async def test_history_is_paged_newest_first(place: Place) -> None:
    who = await visit(place, users=40, chats=80, history=80)
    chats = await every_page(place, who, "/me/chats?$top=50")
    chat = max(chats, key=lambda item: len(item["id"]))["id"]
    found = await every_page(place, who, f"/chats/{enc(chat)}/messages?$top=50")
    assert len(found) >= 20
    changed = [instant(item["lastModifiedDateTime"]) for item in found]
    assert changed == sorted(changed, reverse=True)
    assert len({item["id"] for item in found}) == len(found)


async def test_history_can_be_filtered_by_its_last_change(place: Place) -> None:
    who = await visit(place, users=40, chats=80, history=80)
    chat = (await every_page(place, who, "/me/chats?$top=50"))[0]["id"]
    path = f"/chats/{enc(chat)}/messages?$top=50"
    every = await every_page(place, who, path)
    first, last = every[len(every) // 4], every[len(every) // 2]
    since, until = last["lastModifiedDateTime"], first["lastModifiedDateTime"]
    clause = enc(f"lastModifiedDateTime gt {since} and lastModifiedDateTime lt {until}")
    found = await every_page(place, who, f"{path}&$filter={clause}")
    wanted = [
        item["id"]
        for item in every
        if instant(since) < instant(item["lastModifiedDateTime"]) < instant(until)
    ]
    assert [item["id"] for item in found] == wanted


async def test_an_old_message_that_is_reacted_to_comes_first(place: Place) -> None:
    who = await visit(place, users=40, chats=80, history=80)
    chat = (await every_page(place, who, "/me/chats?$top=50"))[0]["id"]
    path = f"/chats/{enc(chat)}/messages"
    every = await every_page(place, who, f"{path}?$top=50")
    old = next(item for item in reversed(every) if item["deletedDateTime"] is None)
    body = {"reactionType": "💘"}
    answer = await place.graph(who, "POST", f"{path}/{old['id']}/setReaction", body)
    assert answer.status == 204
    again = await every_page(place, who, f"{path}?$top=50")
    assert again[0]["id"] == old["id"]
    assert "💘" in [reaction["reactionType"] for reaction in again[0]["reactions"]]
    assert sorted(item["id"] for item in again) == sorted(item["id"] for item in every)


async def test_an_imagined_chat_takes_new_messages(place: Place) -> None:
    who = await visit(place, users=40, chats=80, history=80)
    chat = (await every_page(place, who, "/me/chats?$top=50"))[0]["id"]
    said = await place.say(who, chat, "I am real")
    assert said.status == 201
    answer = await place.graph(who, "GET", f"/chats/{enc(chat)}/messages?$top=2")
    assert answer.body["value"][0]["body"]["content"] == "I am real"
    listed = await place.graph(who, "GET", "/me/chats?$top=1&$expand=lastMessagePreview")
    assert listed.body["value"][0]["id"] == chat
    assert listed.body["value"][0]["lastMessagePreview"]["id"] == said.body["id"]


async def test_an_app_exports_everything_of_a_user_in_order(place: Place) -> None:
    who = await visit(place, users=30, chats=40, history=20)
    found = await every_page(place, None, f"/users/{who.id}/chats/getAllMessages?$top=50")
    changed = [instant(item["lastModifiedDateTime"]) for item in found]
    assert changed == sorted(changed)
    chats = await every_page(place, who, "/me/chats?$top=50")
    assert {item["chatId"] for item in found} == {chat["id"] for chat in chats}
    assert len({(item["chatId"], item["id"]) for item in found}) == len(found) > 200


async def test_delta_gives_the_last_eight_months_and_then_what_is_new(place: Place) -> None:
    who = await visit(place, users=30, chats=40, history=20)
    url = f"/users/{who.id}/chats/getAllMessages/delta?$top=50"
    seen: dict[tuple[str, str], str] = {}
    while True:
        body = (await place.graph(None, "GET", url)).body
        seen |= {(item["chatId"], item["id"]): item["createdDateTime"] for item in body["value"]}
        if "@odata.deltaLink" in body:
            break
        url = body["@odata.nextLink"].partition("/v1.0")[2]
    now = place.server.realm.tenants[place.tenant.id].clock.now()
    oldest = now - timedelta(days=243)
    every = await every_page(place, None, f"/users/{who.id}/chats/getAllMessages?$top=50")
    deleted = {key for key in seen if key not in {(i["chatId"], i["id"]) for i in every}}
    recent = {(i["chatId"], i["id"]) for i in every if instant(i["createdDateTime"]) >= oldest}
    assert seen.keys() - deleted == recent
    chat = next(iter(seen))[0]
    await place.say(who, chat, "news")
    url = body["@odata.deltaLink"].partition("/v1.0")[2]
    news = (await place.graph(None, "GET", url)).body["value"]
    assert [item["body"]["content"] for item in news] == ["news"]


async def test_an_organisation_is_imagined_once_and_within_limits(place: Place) -> None:
    for plan in (
        {"users": -1},
        {"users": 1, "chats": 1},
        {"users": 10**8},
        {"users": "x"},
        {"people": 5},
        {"users": 5, "teams": 1, "channels": 0},
    ):
        with pytest.raises(ControlError):
            await imagine(place.tenant, **plan)
    await imagine(place.tenant, users=5)
    with pytest.raises(ControlError):
        await imagine(place.tenant, users=5)


async def test_who_was_there_before_stays(place: Place) -> None:
    await imagine(place.tenant, users=20, chats=20)
    assert (await place.say(place.alice, place.group, "still here")).status == 201
    chats = await every_page(place, place.alice, "/me/chats")
    assert {chat["id"] for chat in chats} == {place.chat, place.group}


def fresh(keyring: Keyring) -> Tenant:
    return Realm(Site("https://tenant.example"), keyring).create()


def test_thirty_thousand_people_are_there_in_a_second(keyring: Keyring) -> None:
    clock = TenantClock()
    started = clock.now()
    made = Organisation(fresh(keyring), Plan(users=30_000, chats=20_000, history=100))
    made.move_in()
    assert clock.now() - started < timedelta(seconds=5)
    assert len(made.tenant.users) == 30_000
    assert len(made.tenant.chats) == 20_000
