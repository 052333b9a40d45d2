"""Changing what is in Teams already, as the person who changed it in Matrix.

    MessageEdited            GET, then PATCH with all of it; parts that were not there are said anew,
                             parts that are left over are taken back; of what was written in Teams
                             the words alone are replaced, if nothing else goes (`rewording`)
    MessageDeleted           softDelete of every part
    ReactionAdded, -Removed  setReaction, unsetReaction

What is done already counts as done, however Graph answers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.convert.emoji import key_of, reaction_of
from bridge.convert.losses import PICTURE_IN_EDIT
from bridge.convert.teams import render_teams, teams_mentions
from bridge.domain.content import Mention
from bridge.domain.events import MessageEdited, ReactionAdded, ReactionRemoved
from bridge.domain.ids import MessageRef, Side
from bridge.domain.values import dataclass
from bridge.errors import Rejected, TargetMissing
from bridge.ports import Confirm, Delivery, FarPart
from bridge.teams import outgoing, payloads
from bridge.teams.answers import GraphRejected
from bridge.teams.enclosing import kept, wanted_of
from bridge.teams.graph import Credential, Graph, Json
from bridge.teams.paths import deletion_path, message_path
from bridge.teams.payloads import ChatMessage
from bridge.teams.quota import Priority
from bridge.teams.rewording import reworded
from bridge.teams.speaking import (
    BAD_REQUEST,
    NOT_FOUND,
    Voice,
    fewer,
    refused,
    trace_in,
)

Reacting = ReactionAdded | ReactionRemoved


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Looks at single messages with the app's token."""

    graph: Graph
    credential: Credential

    async def message(self, delivery: Delivery, ref: MessageRef) -> Json | None:
        """Return a message as it is now, None if it no longer exists.

        Raises:
            RemoteError: It could not be read now.
        """
        try:
            return await self.graph.request(
                "GET",
                message_path(delivery.portal.place, ref),
                credential=self.credential,
                priority=Priority.EDITS,
            )
        except GraphRejected as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def read(self, delivery: Delivery, ref: MessageRef) -> ChatMessage | None:
        """Return what a message is now, None if it is gone or was taken back.

        Raises:
            RemoteError: It could not be read now.
        """
        found = await self.message(delivery, ref)
        message = None if found is None else payloads.chat_message(found)
        return None if message is None or message.deleted else message


@dataclass(frozen=True, slots=True, kw_only=True)
class Changer:
    """Carries out changes.

    Raises (every method):
        Refused: It was certainly not done; `Unauthorized` if the speaker must sign in again.
        Uncertain: It may have been done.
        StoreUnavailable: The speaker's token cache could not be read.
    """

    voice: Voice
    glance: Glance

    async def edit(
        self, delivery: Delivery, event: MessageEdited, *, confirm: Confirm
    ) -> MessageRef:
        """Let a part say something else; return what it is called, which is new for a new part."""
        parts = far_parts(delivery)
        if was_written_there(parts):
            await self._replace(delivery, event, parts[0], confirm)
            return parts[0].ref
        part = part_of(parts, event.part)
        if part is None:
            ref = await self.voice.say(delivery, event, confirm=confirm)
        else:
            ref = part.ref
            await self._replace(delivery, event, part, confirm)
        for left in surplus(event, parts):
            await self._take_back(delivery, left.ref, confirm)
        return ref

    async def delete(self, delivery: Delivery, *, confirm: Confirm) -> MessageRef:
        """Take back all parts."""
        parts = far_parts(delivery)
        for part in parts:
            await self._take_back(delivery, part.ref, confirm)
        return parts[0].ref

    async def react(self, delivery: Delivery, event: Reacting, *, confirm: Confirm) -> MessageRef:
        """Give a reaction, or take it back."""
        ref = far_parts(delivery)[0].ref
        if isinstance(event, ReactionAdded):
            await self._set(delivery, event, ref, confirm)
        else:
            await self._unset(delivery, event, ref, confirm)
        return ref

    # --- words ---

    async def _replace(
        self, delivery: Delivery, event: MessageEdited, part: FarPart, confirm: Confirm
    ) -> None:
        ref = part.ref
        before = await self.glance.message(delivery, ref)
        message = None if before is None else payloads.chat_message(before)
        if before is None or message is None or message.deleted:
            raise Rejected("the message was taken back in Teams: it cannot be edited there")
        if was_written_there([part]):
            body = reworded(message, event, part, hosted=len(outgoing.pictures_in(before)))
            event = replace(event, body=body)
        event = await self._with_its_pictures(delivery, event, before)
        *firsts, last = fewer(teams_mentions(event.body))
        for named in firsts:
            try:
                await self._patch(delivery, _wish(delivery, event, before, named), ref, confirm)
            except GraphRejected as error:
                if error.status != BAD_REQUEST:
                    raise refused(error) from error
            else:
                return
        try:
            await self._patch(delivery, _wish(delivery, event, before, last), ref, confirm)
        except GraphRejected as error:
            raise refused(error) from error

    async def _with_its_pictures(
        self, delivery: Delivery, event: MessageEdited, before: Json
    ) -> MessageEdited:
        """An edit changes words; that Graph takes new pictures in one is not documented."""
        if not wanted_of(event.body):
            return event
        body, lacking = kept(
            event.body, outgoing.pictures_in(before), files=outgoing.files_in(before)
        )
        if lacking:
            await self.voice.encloser.lose(delivery, PICTURE_IN_EDIT)
        return replace(event, body=body)

    async def _patch(
        self, delivery: Delivery, wish: Json, ref: MessageRef, confirm: Confirm
    ) -> None:
        path = message_path(delivery.portal.place, ref)
        await self.voice.request(delivery, "PATCH", path, confirm=confirm, body=wish)

    async def _take_back(self, delivery: Delivery, ref: MessageRef, confirm: Confirm) -> None:
        path = deletion_path(delivery.portal.place, ref, delivery.speaker)
        try:
            await self.voice.request(delivery, "POST", path, confirm=confirm)
        except GraphRejected as error:
            if error.status == NOT_FOUND or await self.glance.read(delivery, ref) is None:
                return
            raise _saying("in Teams only the author can take a message back", error) from error

    # --- reactions ---

    async def _set(
        self, delivery: Delivery, event: ReactionAdded, ref: MessageRef, confirm: Confirm
    ) -> None:
        path, wish = (
            f"{message_path(delivery.portal.place, ref)}/setReaction",
            outgoing.reaction(event.key),
        )
        try:
            await self.voice.request(delivery, "POST", path, confirm=confirm, body=wish)
        except GraphRejected as error:
            if not shows(await self.glance.read(delivery, ref), delivery.speaker, event.key):
                raise _saying("Teams does not take this as a reaction", error) from error

    async def _unset(
        self, delivery: Delivery, event: ReactionRemoved, ref: MessageRef, confirm: Confirm
    ) -> None:
        path = f"{message_path(delivery.portal.place, ref)}/unsetReaction"
        before = await self.glance.message(delivery, ref)
        for kind in _kinds(before, delivery.speaker, event.key):
            wish: Json = {"reactionType": kind}
            try:
                await self.voice.request(delivery, "POST", path, confirm=confirm, body=wish)
            except GraphRejected as error:
                if shows(await self.glance.read(delivery, ref), delivery.speaker, event.key):
                    raise _saying("Teams does not take this reaction back", error) from error


def far_parts(delivery: Delivery) -> tuple[FarPart, ...]:
    """Return the parts of what the event refers to.

    Raises:
        TargetMissing: It is not there, or not yet.
    """
    if not delivery.far.parts:
        raise TargetMissing("what it refers to is not there yet")
    return delivery.far.parts


def was_written_there(parts: Sequence[FarPart]) -> bool:
    """Tell whether what a change refers to was written in Teams: then it is one message, whole."""
    return parts[0].origin is Side.TEAMS


def part_of(parts: Sequence[FarPart], number: int) -> FarPart | None:
    """Return the part of that number."""
    return next((part for part in parts if part.part == number), None)


def surplus(event: MessageEdited, parts: Sequence[FarPart]) -> tuple[FarPart, ...]:
    """Return the parts that an edit leaves nothing for, once its own last part is at hand."""
    is_last = event.part == event.parts - 1
    return tuple(part for part in parts if is_last and part.part >= event.parts)


def shows(message: ChatMessage | None, speaker: str, key: str) -> bool:
    """Tell whether a message shows this person's reaction."""
    reactions = () if message is None else message.reactions
    return any(one.key == key and one.person.id.lower() == speaker.lower() for one in reactions)


def _kinds(message: Json | None, speaker: str, key: str) -> tuple[str, ...]:
    """What Teams calls the person's reaction: it may have kept it under another name.

    Where it shows none, the emoji itself: the reaction may be too young to be shown.
    """
    types = () if message is None else payloads.reaction_types(message, speaker)
    found = tuple(kind for kind in types if key_of(kind) == key)
    return found or (reaction_of(key),)


def _wish(delivery: Delivery, event: MessageEdited, before: Json, named: Sequence[Mention]) -> Json:
    trace = trace_in(delivery, event, anew=False)
    html = render_teams(event.body, trace=trace, mentions=named)
    return outgoing.replacement(html, named, before, delivery.portal.place)


def _saying(why: str, error: GraphRejected) -> GraphRejected:
    return GraphRejected(f"{why} ({error})", status=error.status, code=error.code)
