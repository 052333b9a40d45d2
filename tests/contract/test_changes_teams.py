"""Answers, edits, deletions and reactions of Matrix users, on the simulated tenant.

What both networks promise alike is in `test_endpoint`; here is what is Teams' own: quotations, Graph's
wish for the whole message, names of reactions, permissions, and the way from one to the other and back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.changes import wording_of, words_of
from bridge.domain.content import Body, Mention, Paragraph, Target, TargetKind, Text, from_text
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
from bridge.domain.ids import MessageRef, Side, Version
from bridge.errors import Rejected, TargetMissing, Unauthorized, Uncertain, Undecidable
from bridge.ports import Delivery, Far, FarPart
from bridge.sandbox.tenant import client_kinds as kinds
from bridge.sandbox.tenant.client import Person as User
from bridge.sandbox.tls import Certificates
from tests.contract.test_endpoint_teams import SCOPES, World, kept, make_world

AUTHOR = Person(id="@alice:example.org")
SOURCE = "$event"
Json = dict[str, Any]


@dataclass
class Scene:
    """Alice, who speaks through the bridge, and Bob, in a chat."""

    world: World
    alice: User
    bob: User
    chat: str
    number: int = field(default=0)

    def delivery(self, event: Event, *, source: str = SOURCE, far: Far = Far()) -> Delivery:  # noqa: B008
        blank = self.world.delivery(self.chat, self.alice.id, "", source=source)
        return replace(blank, event=event, far=far)

    def edited(self, words: str | Body, *, part: int = 0, parts: int = 1) -> MessageEdited:
        return MessageEdited(
            target=MessageRef(SOURCE),
            author=AUTHOR,
            version=self.version(),
            sent_at=self.world.clock.now(),
            body=words if isinstance(words, Body) else from_text(words),
            part=part,
            parts=parts,
        )

    def deleted(self) -> MessageDeleted:
        return MessageDeleted(
            target=MessageRef(SOURCE),
            author=AUTHOR,
            version=self.version(),
            sent_at=self.world.clock.now(),
        )

    def reacted(self, key: str) -> ReactionAdded:
        return ReactionAdded(
            target=MessageRef(SOURCE),
            author=AUTHOR,
            key=key,
            version=self.version(),
            sent_at=self.world.clock.now(),
        )

    def unreacted(self, key: str) -> ReactionRemoved:
        return ReactionRemoved(
            target=MessageRef(SOURCE),
            author=AUTHOR,
            key=key,
            version=self.version(),
            sent_at=self.world.clock.now(),
        )

    def sent(self, words: str | Body, *, reply_to: bool = False) -> MessageSent:
        return MessageSent(
            author=AUTHOR,
            version=Version(""),
            sent_at=self.world.clock.now(),
            body=words if isinstance(words, Body) else from_text(words),
            reply_to=MessageRef("$other") if reply_to else None,
        )

    def version(self) -> Version:
        self.number += 1
        return Version(str(int(self.world.clock.now().timestamp() * 1000) + self.number))

    async def said(self, words: str | Body, *, source: str = SOURCE) -> MessageRef:
        return await self.world.deliver(self.delivery(self.sent(words), source=source))

    async def answered(self, words: str | Body, to: str) -> MessageRef:
        event = self.sent(words, reply_to=True)
        return await self.world.deliver(self.delivery(event, far=theirs(to)))

    async def shown(self, ref: str) -> Json:
        messages = await self.world.tenant.messages(self.chat)
        return next(message for message in messages if message["id"] == ref)

    async def content(self, ref: str) -> str:
        return str((await self.shown(ref))["body"]["content"])

    async def reactions(self, ref: str) -> list[str]:
        given = (await self.shown(ref))["reactions"]
        return [one["reactionType"] for one in given]

    async def last_seen(self, ref: str) -> Sighting:
        """Take in what was notified until nothing more comes; return the newest of a message."""
        seen: Sighting | None = None
        while seen is None or await self.world.tenant.pending() or self.world.links.entries.qsize():
            entry = await self.world.links.next_entry()
            for one in (await self.world.side.endpoint.take_in(entry)).sightings:
                if isinstance(one, Sighting) and one.ref == ref:
                    seen = one
        return seen


def ours(*refs: str) -> Far:
    return Far(
        parts=tuple(
            FarPart(part=part, ref=MessageRef(ref), origin=Side.MATRIX, author=AUTHOR.id)
            for part, ref in enumerate(refs)
        )
    )


def theirs(ref: str, *, part: int = 0, shown_in: int = 1) -> Far:
    facts = {"part": part, "shown_in": shown_in}
    return Far(parts=(FarPart(ref=MessageRef(ref), origin=Side.TEAMS, author="bob", **facts),))


@pytest.fixture(params=[True, False], ids=["traces kept", "traces stripped"])
async def scene(request: pytest.FixtureRequest, certificates: Certificates) -> AsyncIterator[Scene]:
    async with make_world(certificates) as world:
        await world.tenant.change_settings(keep_unknown_attributes=request.param)
        alice, bob = await world.tenant.add_users("Alice", "Bob")
        chat = await world.tenant.create_chat("group", [alice.id, bob.id], topic="Tea")
        await world.sign_in(alice)
        yield Scene(world, alice, bob, chat)


# --- answers ----------------------------------------------------------------------------------


async def test_an_answer_quotes_what_it_answers_and_is_seen_as_such(scene: Scene) -> None:
    asked = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea?</p>")
    async with kept(scene.world):
        ref = await scene.answered("yes <please>", asked)
        seen = await scene.last_seen(ref)
    (quote,) = (await scene.shown(ref))["attachments"]
    assert (quote["contentType"], quote["id"]) == ("messageReference", asked)
    assert seen.reply_to == asked
    assert words_of(seen.body) == words_of(from_text("yes <please>"))


async def test_an_answer_may_mention_somebody(scene: Scene) -> None:
    asked = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea?</p>")
    ref = await scene.answered(mentioning(scene.bob.id), asked)
    (mention,) = (await scene.shown(ref))["mentions"]
    assert mention["mentioned"]["user"]["id"] == scene.bob.id


async def test_of_an_answer_that_teams_does_not_take_the_words_are_said(scene: Scene) -> None:
    asked = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea?</p>")
    await scene.world.tenant.delete(scene.chat, asked)
    for to, who in ((asked, scene.bob.id), ("17", scene.bob.id), (asked, "nobody")):
        ref = await scene.answered(mentioning(who), to)
        shown = await scene.shown(ref)
        assert shown["attachments"] == []
        assert bool(shown["mentions"]) is (who == scene.bob.id)
        assert "Bob" in await scene.content(ref)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_lost_answer_to_an_answer_is_found_by_its_words(scene: Scene, kind: str) -> None:
    asked = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea?</p>")
    delivery = scene.delivery(scene.sent("yes", reply_to=True), far=theirs(asked))
    await scene.world.tenant.add_fault("/replyWithQuote", method="POST", kind=kind)
    with pytest.raises(Uncertain):
        await scene.world.deliver(delivery)
    found = await scene.world.side.endpoint.find(delivery)
    messages = [m["id"] for m in await scene.world.tenant.messages(scene.chat)]
    assert found == (messages[-1] if kind == "drop_after" else None)
    assert len(messages) == (2 if kind == "drop_after" else 1)


async def test_what_was_said_yesterday_is_found_by_a_delivery_of_today(scene: Scene) -> None:
    delivery = scene.delivery(scene.sent("yesterday"))
    ref = await scene.world.deliver(delivery)
    late = replace(delivery, created_at=delivery.created_at + timedelta(days=1), resumed=True)
    assert await scene.world.side.endpoint.find(late) == ref
    far_off = replace(late, created_at=delivery.created_at + timedelta(days=8))
    assert await scene.world.side.endpoint.find(far_off) is None


# --- edits ------------------------------------------------------------------------------------


async def test_an_edit_keeps_everything_but_the_words(scene: Scene) -> None:
    asked = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea?</p>")
    ref = await scene.answered("yes", asked)
    await scene.world.tenant.react(scene.chat, ref, scene.bob.id, "like")
    before = await scene.shown(ref)
    delivery = scene.delivery(scene.edited("no & never"), far=ours(ref))
    async with kept(scene.world):
        assert await scene.world.deliver(delivery) == ref
        seen = await scene.last_seen(ref)
    after = await scene.shown(ref)
    assert after["attachments"] == before["attachments"]
    assert after["reactions"] == before["reactions"]
    assert after["lastEditedDateTime"]
    assert words_of(seen.body) == words_of(from_text("no & never")), "our echo is recognised"
    assert seen.reply_to == asked
    assert seen.edited
    assert await scene.world.side.endpoint.find(delivery) == ref


async def test_an_edit_keeps_the_preview_of_a_link(scene: Scene) -> None:
    ref = await scene.said("https://tea.example")
    await scene.world.tenant.call(
        "POST", f"/chats/{scene.chat}/messages/{ref}/unfurl", {"card": True}
    )
    await scene.world.deliver(scene.delivery(scene.edited("https://x.example"), far=ours(ref)))
    shown = await scene.shown(ref)
    assert len(shown["attachments"]) == 1
    assert "x.example" in await scene.content(ref)


async def test_an_edit_may_mention_who_is_there_and_names_who_is_not(scene: Scene) -> None:
    ref = await scene.said("hello")
    for who, mentions in ((scene.bob.id, 1), ("nobody", 0)):
        event = scene.edited(mentioning(who))
        await scene.world.deliver(scene.delivery(event, far=ours(ref)))
        assert len((await scene.shown(ref))["mentions"]) == mentions
        assert "Bob" in await scene.content(ref)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_after_a_lost_answer_an_edit_is_looked_for(scene: Scene, kind: str) -> None:
    ref = await scene.said("before")
    delivery = scene.delivery(scene.edited("after"), far=ours(ref))
    assert await scene.world.side.endpoint.find(delivery) is None
    await scene.world.tenant.add_fault("/messages", method="PATCH", kind=kind)
    with pytest.raises(Uncertain):
        await scene.world.deliver(delivery)
    found = await scene.world.side.endpoint.find(delivery)
    assert found == (ref if kind == "drop_after" else None)


async def test_an_edit_grows_and_shrinks_and_every_step_of_it_is_found(scene: Scene) -> None:
    find = scene.world.side.endpoint.find
    ref = await scene.said("one")
    first, second = (
        scene.delivery(scene.edited(f"part {n}", part=n, parts=2), far=ours(ref)) for n in range(2)
    )
    assert await scene.world.deliver(first) == ref
    assert await find(second) is None
    await scene.world.tenant.add_fault("/messages", method="POST", kind="drop_after")
    with pytest.raises(Uncertain):
        await scene.world.deliver(second)
    more = await find(second)
    assert more not in {None, ref}

    back = scene.delivery(scene.edited("one again"), far=ours(ref, str(more)))
    await scene.world.tenant.add_fault("/softDelete", method="POST", kind="drop_before")
    with pytest.raises(Uncertain):
        await scene.world.deliver(back)
    assert await find(back) is None, "a part is left over"
    await scene.world.deliver(back)
    assert await find(back) == ref
    shown = [m["deletedDateTime"] is None for m in await scene.world.tenant.messages(scene.chat)]
    assert shown.count(True) == 1


async def test_what_was_taken_back_in_teams_cannot_be_edited(scene: Scene) -> None:
    ref = await scene.said("hello")
    await scene.world.tenant.delete(scene.chat, ref)
    for target in (ref, "17"):
        with pytest.raises(Rejected, match="taken back in Teams"):
            await scene.world.deliver(scene.delivery(scene.edited("new"), far=ours(target)))


async def test_a_message_keeps_its_trace_when_it_is_edited(scene: Scene) -> None:
    sent = scene.delivery(scene.sent("before"))
    ref = await scene.world.deliver(sent)
    await scene.world.deliver(scene.delivery(scene.edited("after"), far=ours(ref)))
    if "data-bridge-trace" in await scene.content(ref):
        assert await scene.world.side.endpoint.find(sent) == ref
    else:
        with pytest.raises(Undecidable, match=f"message {ref} was edited"):
            await scene.world.side.endpoint.find(sent)


async def test_what_somebody_wrote_in_teams_they_edit_with_all_else_kept(scene: Scene) -> None:
    asked = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea?</p>")
    ref = await scene.answered("yes", asked)
    before = await scene.shown(ref)
    delivery = scene.delivery(scene.edited("no & never"), far=theirs(ref))
    async with kept(scene.world):
        assert await scene.world.deliver(delivery) == ref
        seen = await scene.last_seen(ref)
    assert (await scene.shown(ref))["attachments"] == before["attachments"]
    assert wording_of(seen.body) == wording_of(from_text("no & never")), "our echo is recognised"
    assert await scene.world.side.endpoint.find(delivery) == ref


async def test_a_picture_below_words_that_are_edited_stays(scene: Scene) -> None:
    ref = await kinds.say(
        scene.world.tenant, scene.chat, "inline_image", user=scene.alice.id, text="<p>a cpu</p>"
    )
    delivery = scene.delivery(scene.edited("a cup"), far=theirs(ref, shown_in=2))
    async with kept(scene.world):
        await scene.world.deliver(delivery)
        seen = await scene.last_seen(ref)
    content = await scene.content(ref)
    assert "a cup" in content
    assert "hostedContents" in content
    assert wording_of(seen.body) == wording_of(from_text("a cup"))


async def test_what_would_be_lost_by_an_edit_is_not_edited(scene: Scene) -> None:
    ref = await scene.said("https://tea.example")
    await scene.world.tenant.call(
        "POST", f"/chats/{scene.chat}/messages/{ref}/unfurl", {"card": True}
    )
    before = await scene.shown(ref)
    for far in (theirs(ref), theirs(ref, part=1, shown_in=2)):
        delivery = scene.delivery(scene.edited("gone?"), far=far)
        with pytest.raises(Rejected, match="would lose what else"):
            await scene.world.deliver(delivery)
    assert await scene.shown(ref) == before


# --- deletions --------------------------------------------------------------------------------


async def test_what_is_deleted_already_or_gone_is_deleted(scene: Scene) -> None:
    ref = await scene.said("hello")
    delivery = scene.delivery(scene.deleted(), source="$redaction", far=ours(ref, "17"))
    assert await scene.world.side.endpoint.find(delivery) is None
    for _ in range(2):
        assert await scene.world.deliver(delivery) == ref
        assert (await scene.shown(ref))["deletedDateTime"]
    assert await scene.world.side.endpoint.find(delivery) == ref


async def test_a_deletion_that_graph_refuses_counts_if_the_message_is_deleted(
    scene: Scene,
) -> None:
    ref = await scene.said("hello")
    delivery = scene.delivery(scene.deleted(), source="$redaction", far=ours(ref))
    await scene.world.tenant.delete(scene.chat, ref)
    await scene.world.tenant.add_fault("/softDelete", method="POST", status=409)
    assert await scene.world.deliver(delivery) == ref


async def test_a_message_of_somebody_else_says_who_can_take_it_back(scene: Scene) -> None:
    ref = await scene.world.tenant.type(scene.chat, scene.bob.id, "mine")
    with pytest.raises(Rejected, match="only the author"):
        await scene.world.deliver(scene.delivery(scene.deleted(), far=theirs(ref)))


# --- reactions --------------------------------------------------------------------------------


async def test_a_reaction_is_written_as_teams_shows_it_and_seen_as_we_name_it(
    scene: Scene,
) -> None:
    ref = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea</p>")
    async with kept(scene.world):
        delivery = scene.delivery(scene.reacted("❤"), far=theirs(ref))
        for _ in range(2):
            assert await scene.world.deliver(delivery) == ref
        seen = await scene.last_seen(ref)
    assert await scene.reactions(ref) == ["❤️"]
    assert [(one.person.id, one.person.name, one.key) for one in seen.reactions or ()] == [
        (scene.alice.id, "Alice", "❤")
    ]
    assert await scene.world.side.endpoint.find(delivery) == ref


@pytest.mark.parametrize("kind", ["heart", "❤", "❤️"])
async def test_a_reaction_is_taken_back_under_the_name_that_teams_gives_it(
    scene: Scene, kind: str
) -> None:
    ref = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea</p>")
    for who in (scene.alice, scene.bob):
        await scene.world.tenant.react(scene.chat, ref, who.id, kind)
    delivery = scene.delivery(scene.unreacted("❤"), far=theirs(ref))
    for found in (None, ref):
        assert await scene.world.side.endpoint.find(delivery) == found
        assert await scene.world.deliver(delivery) == ref
    (left,) = (await scene.shown(ref))["reactions"]
    assert left["user"]["user"]["id"] == scene.bob.id


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_after_a_lost_answer_a_reaction_is_looked_for(scene: Scene, kind: str) -> None:
    ref = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea</p>")
    for event, path in ((scene.reacted("👍"), "/setReaction"), (scene.unreacted("👍"), "/unset")):
        delivery = scene.delivery(event, far=theirs(ref))
        await scene.world.tenant.add_fault(path, method="POST", kind=kind)
        with pytest.raises(Uncertain):
            await scene.world.deliver(delivery)
        found = await scene.world.side.endpoint.find(delivery)
        assert found == (ref if kind == "drop_after" else None)
        await scene.world.deliver(delivery)
        assert await scene.world.side.endpoint.find(delivery) == ref


async def test_what_is_no_emoji_is_no_reaction_in_teams(scene: Scene) -> None:
    ref = await scene.world.tenant.type(scene.chat, scene.bob.id, "<p>tea</p>")
    with pytest.raises(Rejected, match="does not take this as a reaction"):
        await scene.world.deliver(scene.delivery(scene.reacted("mxc://x/y"), far=theirs(ref)))


# --- what is not there, and what is not allowed -----------------------------------------------


async def test_a_change_of_what_is_not_there_waits_for_it(scene: Scene) -> None:
    events = (scene.edited("x"), scene.deleted(), scene.reacted("👍"), scene.unreacted("👍"))
    for event in events:
        with pytest.raises(TargetMissing, match="not there yet"):
            await scene.world.deliver(scene.delivery(event))


async def test_who_granted_less_is_told_to_sign_in_again(scene: Scene) -> None:
    """A sign-in of before the bridge could edit, which Entra still honours."""
    ref = await scene.said("hello")
    world = scene.world
    await world.tenant.change_app(
        world.teams.client_id, delegated_scopes=[one for one in SCOPES if one != "Chat.ReadWrite"]
    )
    await world.tenant.revoke_sessions(scene.alice.id, access_tokens=True)
    with pytest.raises(Unauthorized) as raised:
        await world.deliver(scene.delivery(scene.edited("new"), far=ours(ref)))
    assert not raised.value.everyone


def mentioning(who: str) -> Body:
    mention = Mention(target=Target(kind=TargetKind.TEAMS_USER, id=who), text="Bob")
    return Body(blocks=(Paragraph(content=(Text(text="hello "), mention)),))
