"""Channels on the simulated tenant: posts and replies, read and said, found and changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.changes import words_of
from bridge.domain.content import from_text, plain_text
from bridge.domain.events import (
    Event,
    MessageDeleted,
    MessageEdited,
    MessageSent,
    Person,
    ReactionAdded,
    ReactionRemoved,
    Sighting,
)
from bridge.domain.ids import (
    MessageRef,
    Place,
    PortalId,
    RoomId,
    Side,
    TenantId,
    Version,
    own_id,
    reply_ref,
)
from bridge.domain.portal import Portal
from bridge.errors import Rejected, Uncertain
from bridge.ports import Delivery, Far, FarPart, FarThread, NewEntry
from bridge.sandbox.tenant.client import Person as User
from bridge.sandbox.tenant.client_teams import Place as TenantChannel, TeamsClient
from bridge.sandbox.tls import Certificates
from bridge.teams import calling, chains, graph
from bridge.teams.addresses import channel
from bridge.teams.resources import Covers
from tests.contract.test_endpoint_teams import SCOPES, World, kept, make_world, step, until

AUTHOR = Person(id="@alice:example.org")
SOURCE = "$event"
Json = dict[str, Any]


@dataclass
class Scene:
    """Alice, who speaks through the bridge, and Bob, in a channel of their team."""

    world: World
    teams: TeamsClient
    alice: User
    bob: User
    at: TenantChannel
    number: int = field(default=0)

    @property
    def place(self) -> Place:
        return channel(TenantId(self.world.teams.tenant_id), self.at.team, self.at.channel)

    # --- what Alice does in Matrix ---

    def delivery(self, event: Event, *, source: str = SOURCE, far: Far = Far()) -> Delivery:  # noqa: B008
        blank = self.world.delivery("", self.alice.id, "", source=source)
        portal = Portal(id=PortalId(1), place=self.place, room=RoomId("!room:example.org"))
        return replace(blank, portal=portal, event=event, far=far)

    def sent(self, words: str, *, thread: bool = False, part: int = 0) -> MessageSent:
        return MessageSent(
            author=AUTHOR,
            version=Version(""),
            sent_at=self.world.clock.now(),
            body=from_text(words),
            part=part,
            thread=MessageRef("$root") if thread else None,
        )

    def edited(self, words: str, *, part: int = 0, parts: int = 1) -> MessageEdited:
        return MessageEdited(
            target=MessageRef(SOURCE),
            author=AUTHOR,
            version=self.version(),
            sent_at=self.world.clock.now(),
            body=from_text(words),
            part=part,
            parts=parts,
        )

    def deleted(self) -> MessageDeleted:
        now = self.world.clock.now()
        ref, version = MessageRef(SOURCE), self.version()
        return MessageDeleted(target=ref, author=AUTHOR, version=version, sent_at=now)

    def reacted(self, key: str) -> ReactionAdded:
        now, version = self.world.clock.now(), self.version()
        ref = MessageRef(SOURCE)
        return ReactionAdded(target=ref, author=AUTHOR, key=key, version=version, sent_at=now)

    def unreacted(self, key: str) -> ReactionRemoved:
        now, version = self.world.clock.now(), self.version()
        ref = MessageRef(SOURCE)
        return ReactionRemoved(target=ref, author=AUTHOR, key=key, version=version, sent_at=now)

    def version(self) -> Version:
        self.number += 1
        return Version(str(int(self.world.clock.now().timestamp() * 1000) + self.number))

    async def says(self, words: str, *, below: str | None = None) -> MessageRef:
        far = Far() if below is None else within(below)
        event = self.sent(words, thread=below is not None)
        return await self.world.deliver(self.delivery(event, far=far))

    # --- what people do in Teams ---

    async def types(self, words: str, *, below: str | None = None) -> MessageRef:
        more = {} if below is None else {"reply_to": below}
        ref = await self.teams.type(self.at, self.bob.id, f"<p>{words}</p>", **more)
        return MessageRef(ref) if below is None else reply_ref(MessageRef(below), MessageRef(ref))

    async def shown(self, ref: str) -> Json:
        messages = await self.teams.messages(self.at)
        return next(one for one in messages if one["id"] == own_id(MessageRef(ref)))

    async def refs(self) -> list[str]:
        """All messages, as the bridge names them."""
        shown = await self.teams.messages(self.at)
        return [
            f"{one['replyToId']}/{one['id']}" if one["replyToId"] else str(one["id"])
            for one in shown
        ]

    # --- what the bridge sees ---

    async def seen(self) -> list[Sighting]:
        """Take in what was notified until nothing more comes."""
        found: list[Sighting] = []
        while await self.world.tenant.pending() or self.world.links.entries.qsize():
            if self.world.links.entries.qsize():
                entry = await self.world.links.next_entry()
                reading = await self.world.side.endpoint.take_in(entry)
                found += [
                    one
                    for one in reading.sightings
                    if isinstance(one, Sighting) and not one.is_notice
                ]
        return found

    async def last_seen(self, ref: str) -> Sighting:
        return [one for one in await self.seen() if one.ref == ref][-1]

    def stored(self) -> list[NewEntry]:
        queue = self.world.links.entries
        return [queue.get_nowait() for _ in range(queue.qsize())]

    async def read_back(self, since: timedelta) -> list[Sighting]:
        """Read the channel's history, and take in what was stored."""
        moment = self.world.clock.now() - since
        await self.world.side.endpoint.historian.read(self.place, moment)
        found: list[Sighting] = []
        for new in self.stored():
            entry = replace(self.world.links.claimed(new), found=new.found)
            reading = await self.world.side.endpoint.take_in(entry)
            found += [
                one for one in reading.sightings if isinstance(one, Sighting) and not one.is_notice
            ]
        return found


def within(root: str, last: str | None = None) -> Far:
    return Far(thread=FarThread(root=MessageRef(root), last=MessageRef(last or root)))


def ours(*refs: str) -> Far:
    return Far(
        parts=tuple(
            FarPart(part=part, ref=MessageRef(ref), origin=Side.MATRIX, author=AUTHOR.id)
            for part, ref in enumerate(refs)
        )
    )


def words(seen: list[Sighting]) -> list[str]:
    return [plain_text(one.body) for one in seen]


@pytest.fixture(params=["standard", "private", "shared", "chat layout"])
async def scene(request: pytest.FixtureRequest, certificates: Certificates) -> AsyncIterator[Scene]:
    async with make_scene(certificates, request.param) as made:
        yield made


@pytest.fixture
async def plain(certificates: Certificates) -> AsyncIterator[Scene]:
    async with make_scene(certificates, "standard") as made:
        yield made


@asynccontextmanager
async def make_scene(certificates: Certificates, kind: str) -> AsyncIterator[Scene]:
    async with make_world(certificates) as world:
        alice, bob = await world.tenant.add_users("Alice", "Bob")
        teams = TeamsClient(world.tenant)
        team = await teams.create_team("Tea party", owners=[alice.id], members=[bob.id])
        at = team.general
        if kind == "chat layout":
            at = await teams.create_channel(team.id, "Chatter", layout="chat")
        elif kind != "standard":
            at = await teams.create_channel(
                team.id, "Table", membership=kind, owners=[alice.id], members=[bob.id]
            )
        await world.sign_in(alice)
        yield Scene(world, teams, alice, bob, at)


@asynccontextmanager
async def listening(scene: Scene) -> AsyncIterator[None]:
    async with kept(scene.world):
        keepers = scene.world.side.keepers
        await until(scene.world, lambda: keepers.listens_to(Covers.CHANNEL_MESSAGES))
        scene.stored()
        yield


# --- from Teams -------------------------------------------------------------------------------


async def test_a_post_begins_a_thread_and_a_reply_stands_in_it(scene: Scene) -> None:
    async with listening(scene):
        post = await scene.types("tea?")
        reply = await scene.types("yes", below=post)
        seen = [one for one in await scene.seen() if one.ref in {post, reply}]
    assert [(one.ref, one.thread, one.origin) for one in seen] == [
        (post, None, scene.place),
        (reply, post, scene.place),
    ]
    assert words(seen) == ["tea?", "yes"]
    assert {one.author.id for one in seen} == {scene.bob.id}
    assert {one.author.name for one in seen} == {"Bob"}


@pytest.mark.parametrize("below", [False, True], ids=["post", "reply"])
async def test_what_happens_to_a_message_is_seen_as_its_state(scene: Scene, below: bool) -> None:
    async with listening(scene):
        ref = post = await scene.types("tea?")
        if below:
            ref = await scene.types("yes", below=post)
        number = own_id(ref)
        await scene.teams.edit(scene.at, number, "<p>coffee</p>")
        assert words([await scene.last_seen(ref)]) == ["coffee"]
        await scene.teams.react(scene.at, number, scene.alice.id, "❤️")
        (given,) = (await scene.last_seen(ref)).reactions or ()
        assert given.person.id == scene.alice.id
        await scene.teams.delete(scene.at, number)
        gone = await scene.last_seen(ref)
        assert gone.deleted
        assert gone.thread == (post if below else None)
        await scene.teams.undelete(scene.at, number)
        assert not (await scene.last_seen(ref)).deleted


@pytest.mark.parametrize("below", [False, True], ids=["post", "reply"])
async def test_a_bell_is_followed_to_where_the_message_is(plain: Scene, below: bool) -> None:
    await plain.world.tenant.change_settings(validation_tokens=False)
    async with listening(plain):
        ref = await plain.types("tea?")
        if below:
            ref = await plain.types("yes", below=ref)
        seen = await plain.last_seen(ref)
    assert words([seen]) == ["yes" if below else "tea?"]
    asked = [str(one["path"]) for one in await plain.world.tenant.requests()]
    tail = "/replies/" if below else "/messages/"
    assert any(path.endswith(f"{tail}{own_id(ref)}") for path in asked)


async def test_a_reply_that_quotes_answers_within_its_thread(plain: Scene) -> None:
    post = await plain.types("tea?")
    first = await plain.types("yes", below=post)
    quote = {
        "id": own_id(first),
        "contentType": "messageReference",
        "content": f'{{"messageId":"{own_id(first)}","messagePreview":"yes"}}',
    }
    async with listening(plain):
        ref = await plain.teams.type(
            plain.at,
            plain.alice.id,
            f'<attachment id="{own_id(first)}"></attachment><p>with milk</p>',
            reply_to=post,
            attachments=[quote],
        )
        seen = await plain.last_seen(f"{post}/{ref}")
    assert (seen.thread, seen.reply_to) == (post, first)
    assert words([seen]) == ["with milk"]


# --- to Teams ---------------------------------------------------------------------------------


async def test_a_message_becomes_a_post_and_one_of_a_thread_a_reply(scene: Scene) -> None:
    post = await scene.says("tea?")
    reply = await scene.says("anybody?", below=post)
    assert await scene.refs() == [post, reply]
    assert reply == f"{post}/{own_id(reply)}"
    shown = await scene.shown(reply)
    assert shown["from"]["user"]["id"] == scene.alice.id


async def test_its_own_echo_has_the_name_that_it_was_given(plain: Scene) -> None:
    async with listening(plain):
        post = await plain.says("tea?")
        reply = await plain.says("anybody?", below=post)
        seen = await plain.seen()
    assert [(one.ref, one.thread) for one in seen] == [(post, None), (reply, post)]


async def test_who_answers_something_joins_its_thread(plain: Scene) -> None:
    post = await plain.types("tea?")
    reply = await plain.types("yes", below=post)
    for to in (post, reply):
        event = replace(plain.sent("me too"), reply_to=MessageRef("$other"))
        far = Far(parts=(FarPart(part=0, ref=to, origin=Side.TEAMS, author="bob"),))
        ref = await plain.world.deliver(plain.delivery(event, far=far))
        assert ref.startswith(f"{post}/")


async def test_below_a_post_that_is_gone_it_is_a_post_of_its_own(plain: Scene) -> None:
    ref = await plain.says("anybody?", below="1616990032035")
    assert await plain.refs() == [ref]


async def test_a_long_message_goes_on_below_itself(plain: Scene) -> None:
    whole = plain.delivery(plain.sent("one"))
    post = await plain.world.deliver(whole)
    rest = replace(whole, event=plain.sent("two", part=1))
    assert rest.thread == SOURCE, "the journal looks for its first part"
    ref = await plain.world.deliver(replace(rest, far=within(post)))
    assert await plain.refs() == [post, ref]
    assert ref.startswith(f"{post}/")


@pytest.mark.parametrize("below", [False, True], ids=["post", "reply"])
async def test_messages_are_edited_reacted_to_and_taken_back(scene: Scene, below: bool) -> None:
    ref = post = await scene.says("tea?")
    if below:
        ref = await scene.says("anybody?", below=post)

    async def done(event: Event) -> Json:
        delivery = scene.delivery(event, far=ours(ref))
        assert await scene.world.side.endpoint.find(delivery) is None
        assert await scene.world.deliver(delivery) == ref
        assert await scene.world.side.endpoint.find(delivery) == ref
        return await scene.shown(ref)

    assert "coffee" in (await done(scene.edited("coffee")))["body"]["content"]
    assert [one["reactionType"] for one in (await done(scene.reacted("👍")))["reactions"]] != []
    assert (await done(scene.unreacted("👍")))["reactions"] == []
    assert (await done(scene.deleted()))["deletedDateTime"] is not None


async def test_parts_that_an_edit_adds_stand_in_the_thread(plain: Scene) -> None:
    post = await plain.says("tea?")
    event = plain.edited("and cake", part=1, parts=2)
    ref = await plain.world.deliver(plain.delivery(event, far=ours(post)))
    assert await plain.refs() == [post, ref]
    assert ref.startswith(f"{post}/")


@pytest.mark.parametrize("traces", [True, False], ids=["traces kept", "traces stripped"])
@pytest.mark.parametrize("below", [False, True], ids=["post", "reply"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_what_was_lost_on_its_way_is_found_if_it_arrived(
    plain: Scene, kind: str, below: bool, traces: bool
) -> None:
    await plain.world.tenant.change_settings(keep_unknown_attributes=traces)
    post = await plain.types("tea?")
    far = within(post) if below else Far()
    delivery = plain.delivery(plain.sent("lost?", thread=below), far=far)
    path = "/replies" if below else "/messages"
    await plain.world.tenant.add_fault(f"{path}$", method="POST", kind=kind)
    with pytest.raises(Uncertain):
        await plain.world.deliver(delivery)
    found = await plain.world.side.endpoint.find(delivery)
    others = [ref for ref in await plain.refs() if ref != post]
    assert ([found] if found else []) == others
    assert bool(found) is (kind == "drop_after")


async def test_what_was_posted_is_found_though_it_would_be_a_reply_by_now(plain: Scene) -> None:
    post = await plain.types("tea?")
    ref = await plain.says("hello")
    delivery = plain.delivery(plain.sent("hello", thread=True), far=within(post))
    assert await plain.world.side.endpoint.find(delivery) == ref


async def test_who_signed_in_before_there_were_channels_speaks_in_chats_and_signs_in_again(
    plain: Scene,
) -> None:
    world, before = plain.world, replace(plain.world.teams, channels=False)
    now = [one for one in SCOPES if not one.startswith("ChannelMessage")]
    await world.tenant.change_app(world.teams.client_id, delegated_scopes=now)
    world.side.auth._teams = before
    await world.sign_in(plain.bob, "@bob:example.org")
    world.side.auth._teams = world.teams
    chat = await world.tenant.create_chat("oneOnOne", [plain.alice.id, plain.bob.id])
    assert await world.deliver(world.delivery(chat, plain.bob.id, "still here"))
    with pytest.raises(Rejected, match="sign in again"):
        await world.deliver(replace(plain.delivery(plain.sent("tea?")), speaker=plain.bob.id))


# --- reading back -----------------------------------------------------------------------------

HOUR = timedelta(hours=1)


async def test_posts_and_replies_are_read_back_in_the_order_they_were_said(scene: Scene) -> None:
    first = await scene.types("first")
    second = await scene.types("second")
    below_second = await scene.types("below second", below=second)
    below_first = await scene.types("below first", below=first)
    seen = await scene.read_back(HOUR)
    assert [one.ref for one in seen] == [first, second, below_second, below_first]
    assert [one.thread for one in seen] == [None, None, second, first]


async def test_edits_reactions_and_deletions_of_replies_are_read_back(plain: Scene) -> None:
    post = await plain.types("post")
    edited = await plain.types("reply", below=post)
    gone = await plain.types("gone", below=post)
    await plain.teams.edit(plain.at, own_id(edited), "<p>reply, edited</p>")
    await plain.teams.delete(plain.at, own_id(gone))
    by_ref = {one.ref: one for one in await plain.read_back(HOUR)}
    assert words_of(by_ref[edited].body) == words_of(from_text("reply, edited"))
    assert by_ref[gone].deleted
    assert not by_ref[post].deleted


async def test_only_what_changed_since_is_stored(plain: Scene) -> None:
    post = await plain.types("old post")
    await plain.types("old reply", below=post)
    await step(plain.world, timedelta(days=2))
    fresh = await plain.types("new reply", below=post)
    assert [one.ref for one in await plain.read_back(HOUR)] == [fresh]


async def test_a_long_channel_is_read_page_by_page_and_no_further_than_needed(
    plain: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chains, "POSTS_PER_PAGE", (3,))
    monkeypatch.setattr(chains, "HELD_MAX", 4)
    for number in range(12):
        await plain.types(f"old {number}")
    await step(plain.world, timedelta(days=2))
    fresh = [await plain.types(f"new {number}") for number in range(11)]
    before = len(await plain.world.tenant.requests())
    assert [one.ref for one in await plain.read_back(HOUR)] == fresh
    asked = [
        one for one in (await plain.world.tenant.requests())[before:] if one["method"] == "GET"
    ]
    # Three times for the eleven, no more than four held at a time; each time once more at the end.
    assert len(asked) <= 3 * (4 + 1)


async def test_the_replies_of_a_very_long_thread_are_all_read_back(plain: Scene) -> None:
    post = await plain.types("post")
    texts = [{"user": plain.bob.id, "content": f"{n}", "reply_to": post} for n in range(230)]
    await plain.teams.type_many(plain.at, texts)
    seen = await plain.read_back(HOUR)
    assert words(seen) == ["post", *(str(n) for n in range(230))]


async def test_one_message_is_recalled_if_it_is_there(plain: Scene) -> None:
    post = await plain.types("post")
    reply = await plain.types("reply", below=post)
    gone = await plain.types("gone")
    await plain.teams.delete(plain.at, gone)
    recall = plain.world.side.endpoint.recall
    assert await recall(plain.place, post)
    assert await recall(plain.place, reply)
    assert not await recall(plain.place, gone)
    assert not await recall(plain.place, MessageRef("1616990032035"))
    assert [entry.found for entry in plain.stored()] == [True, True]


async def test_a_channel_whose_list_is_too_large_at_once_is_read_in_smaller_pieces(
    plain: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = [await plain.types(f"post {number} {'x' * 4_000}") for number in range(8)]
    for module in (calling, graph):
        monkeypatch.setattr(module, "RESPONSE_BYTES_MAX", 20_000)
    assert [one.ref for one in await plain.read_back(HOUR)] == posts
    asked = [one["path"] for one in await plain.world.tenant.requests() if one["method"] == "GET"]
    assert len(asked) >= 3
