"""People's own subscriptions on the simulated tenant: made, renewed, refused, given up; what they tell."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.domain.ids import TeamsUserId, TenantId, UserId
from bridge.ports import News, ViewNews
from bridge.sandbox.tenant.client import Person
from bridge.teams.notifications import Lifecycle, LifecycleEvent
from bridge.teams.watches import DAY, QUIET, TIDY_EVERY
from tests.contract.test_endpoint_teams import World, world

__all__ = ["world"]

ALICE = UserId("@alice:example.org")


async def everybody(_tenant: TenantId, _person: TeamsUserId) -> bool:
    return True


async def watched(world: World) -> tuple[Person, Person, str]:
    """Alice is signed in, and is to be watched; Bob is in a chat with her."""
    alice, bob = await world.tenant.add_users("Alice", "Bob")
    chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
    await world.sign_in(alice)
    watches = world.side.watches
    await watches.prepare()
    watches.follows, watches.most = everybody, 10
    return alice, bob, chat


async def later(world: World, by: timedelta) -> None:
    """Let time pass, for both."""
    world.clock.advance(by)
    await world.tenant.advance_clock(by)


async def of_people(world: World) -> list[dict[str, object]]:
    found = await world.tenant.subscriptions()
    return [one for one in found if str(one["resource"]).startswith("/users/")]


async def told(world: World) -> tuple[News, ...]:
    """Return what the next notification says."""
    return (await world.side.endpoint.take_in(await world.links.next_entry())).news


async def test_what_one_person_sees_is_told_to_them_alone(world: World) -> None:
    alice, bob, chat = await watched(world)
    assert await world.side.watches.step() == 1
    assert [one["resource"] for one in await of_people(world)] == [
        f"/users/{alice.id}/chats?notifyOnUserSpecificProperties=true"
    ]
    listed = [one for one in world.links.noted if isinstance(one, ViewNews)]
    assert [(one.place, one.person) for one in listed] == [(world.place(chat), alice.id)]

    await world.tenant.see(chat, bob.id, read=True)
    await world.tenant.see(chat, alice.id, hidden=True)
    (news,) = await told(world)

    assert isinstance(news, ViewNews)
    assert (news.place, news.person) == (world.place(chat), alice.id)
    assert news.view is not None
    assert news.view.is_hidden
    assert await world.side.watches.source.view_of(news.person, news.place) == news.view
    await world.tenant.change_chat(chat, topic="Coffee")
    assert await told(world) == (), "others' changes of the chat are told elsewhere"


async def test_a_chat_that_somebody_is_not_in_has_no_view(world: World) -> None:
    alice, _, chat = await watched(world)
    await world.tenant.change_chat(chat, remove=[alice.id])
    source = world.side.watches.source
    assert await source.view_of(TeamsUserId(alice.id), world.place(chat)) is None


async def test_where_graph_tells_no_content_a_bell_rings(world: World) -> None:
    alice, _, chat = await watched(world)
    await world.tenant.change_settings(user_chats_with_content=False)
    await world.side.watches.step()
    (kept,) = world.books.known.values()
    assert kept.certificate_id is None

    await world.tenant.see(chat, alice.id, read=True)
    assert await told(world) == (
        ViewNews(place=world.place(chat), person=TeamsUserId(alice.id), view=None),
    )
    await later(world, DAY)
    assert await world.side.watches.step() == 1
    assert len(await of_people(world)) == 1


async def test_it_is_renewed_when_graph_asks_and_made_anew_when_it_is_gone(world: World) -> None:
    alice, _, _ = await watched(world)
    await world.side.watches.step()
    (first,) = await of_people(world)
    world.links.noted.clear()
    assert await world.side.watches.step() == 0

    await later(world, timedelta(hours=1))
    asks = Lifecycle(
        subscription=str(first["id"]),
        event=LifecycleEvent.REAUTHORIZATION_REQUIRED,
        person=TeamsUserId(alice.id),
    )
    await world.side.note(asks)
    assert await world.side.watches.step() == 1
    (renewed,) = await of_people(world)
    assert renewed["id"] == first["id"]
    assert str(renewed["expirationDateTime"]) > str(first["expirationDateTime"])
    assert world.links.noted == [], "nothing was missed"

    await world.tenant.kill_subscription(str(first["id"]), lifecycle=False)
    await world.side.note(asks)
    assert await world.side.watches.step() == 1
    (anew,) = await of_people(world)
    assert anew["id"] != first["id"]
    assert len(world.links.noted) == 1, "what may have been missed is listed"


async def test_there_are_no_more_than_are_allowed(world: World) -> None:
    await watched(world)
    world.side.watches.most = 0
    assert await world.side.watches.step() == 1
    assert await of_people(world) == []
    await world.tenant.change_settings(subscriptions_max=0)
    world.side.watches.most = 10
    await later(world, DAY)
    assert await world.side.watches.step() == 1
    assert await of_people(world) == []
    assert await world.side.watches.step() == 0, "whoever is refused is left alone, and so are all"
    await world.tenant.change_settings(subscriptions_max=10)
    await later(world, max(QUIET, DAY))
    assert await world.side.watches.step() == 1
    assert len(await of_people(world)) == 1


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_has_signed_out_or_is_not_to_be_followed_is_given_up(
    world: World, leaves: bool
) -> None:
    await watched(world)
    await world.side.watches.step()
    if leaves:
        await world.accounts.sign_out(ALICE)
    else:
        world.side.watches.follows = None
    await later(world, TIDY_EVERY)
    await world.side.watches.step()
    assert await of_people(world) == []
    assert world.books.known == {}


async def test_who_speaks_through_a_ghost_is_not_watched(world: World) -> None:
    await watched(world)

    async def nobody(_tenant: TenantId, _person: TeamsUserId) -> bool:
        return False

    world.side.watches.follows = nobody
    assert await world.side.watches.step() == 1
    assert await of_people(world) == []


async def test_whose_sign_in_is_lost_is_not_tried_again_before_the_next(world: World) -> None:
    alice, _, _ = await watched(world)
    await world.tenant.revoke_sessions(alice.id, access_tokens=True)
    world.side.auth.forget(TeamsUserId(alice.id))
    assert await world.side.watches.step() == 1
    await later(world, DAY)
    assert await world.side.watches.step() == 0
    await world.sign_in(alice)
    assert await world.side.watches.step() == 1
    assert len(await of_people(world)) == 1
