"""Saying something in Teams as the person who said it in Matrix.

    say ─▶ with what it answers, with mentions ─▶ POST ─ refused for what is in it ─▶ with less of it

Nothing here is said as the app: Graph does not let it, and nobody wants to hear from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bridge.convert.teams import render_teams, teams_mentions
from bridge.domain.content import Mention
from bridge.domain.events import MessageEdited, MessageSent
from bridge.domain.ids import MessageRef, TeamsUserId
from bridge.errors import Rejected, Unauthorized, Uncertain
from bridge.ports import Confirm, Delivery
from bridge.teams import outgoing, payloads
from bridge.teams.advice import delivery_refusal
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.auth import Auth
from bridge.teams.graph import Graph, Json, Method, segment
from bridge.teams.quota import Priority
from bridge.teams.trace import trace_for

BAD_REQUEST = 400
NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Makes requests as the speaker of a delivery."""

    graph: Graph
    auth: Auth

    async def request(
        self,
        delivery: Delivery,
        method: Method,
        path: str,
        *,
        confirm: Confirm,
        body: Json | None = None,
        priority: Priority = Priority.EDITS,
    ) -> Json:
        """Ask something of Graph that cannot be asked twice.

        Raises:
            Refused: It was certainly not done; `Unauthorized` if the speaker must sign in again.
            Uncertain: It may have been done.
            StoreUnavailable: The speaker's token cache could not be read.
        """
        try:
            return await self.graph.request(
                method,
                path,
                credential=self.auth.for_person(TeamsUserId(delivery.speaker)),
                body=body,
                priority=priority,
                guard=confirm,
            )
        except PermissionMissing as error:
            text = (
                "this sign-in to Teams does not let the bridge do that: sign in again, once an "
                f"administrator has consented to everything the bridge asks for ({error})"
            )
            raise Unauthorized(text) from error

    async def say(
        self, delivery: Delivery, event: MessageSent | MessageEdited, *, confirm: Confirm
    ) -> MessageRef:
        """Post what an event says as a message of its own.

        Raises:
            Refused: It was certainly not posted; `Unauthorized` if the speaker must sign in again.
            Uncertain: It may have been posted.
            StoreUnavailable: The speaker's token cache could not be read.
        """
        named = teams_mentions(event.body)
        refusal: GraphRejected | None = None
        for quoted, mentions in _forms(quoted_in(delivery), named):
            path, wish = _message(delivery, event, quoted, mentions)
            try:
                answer = await self.request(
                    delivery, "POST", path, confirm=confirm, body=wish, priority=Priority.LIVE
                )
            except GraphRejected as error:
                if not _may_be_for_what_is_in_it(error, quoted):
                    raise refused(error) from error
                refusal = error
            else:
                return _ref_of(answer)
        raise refused(refusal) if refusal else Rejected("Teams takes no form of this message")


def quoted_in(delivery: Delivery) -> MessageRef | None:
    """Return what a message answers, if that is in Teams; of a long one its first part answers."""
    event, parts = delivery.event, delivery.far.parts
    if not isinstance(event, MessageSent) or event.reply_to is None or event.part or not parts:
        return None
    return parts[0].ref


def trace_in(delivery: Delivery, event: MessageSent | MessageEdited, *, anew: bool) -> str:
    """Name what is left in a message; one that is edited keeps the trace that it has."""
    return trace_for(delivery.source, event.part, event.slot if anew else "")


def chat_path(delivery: Delivery) -> str:
    return f"/chats/{segment(delivery.portal.place.conversation)}"


def message_path(delivery: Delivery, ref: MessageRef) -> str:
    return f"{chat_path(delivery)}/messages/{segment(ref)}"


def refused(error: GraphRejected) -> GraphRejected:
    """Say why a message cannot be posted, for the one who wrote it."""
    return GraphRejected(delivery_refusal(error), status=error.status, code=error.code)


def _forms(
    quoted: MessageRef | None, named: Sequence[Mention]
) -> Iterator[tuple[MessageRef | None, Sequence[Mention]]]:
    """The whole message, and what is left of it where Teams does not take it.

    What it answers may be gone; someone may be mentioned who is not in the chat: their name as text
    is better than nothing.
    """
    for answered in dict.fromkeys((quoted, None)):
        yield answered, named
        if named:
            yield answered, ()


def _may_be_for_what_is_in_it(error: GraphRejected, quoted: MessageRef | None) -> bool:
    return error.status == BAD_REQUEST or (error.status == NOT_FOUND and quoted is not None)


def _message(
    delivery: Delivery,
    event: MessageSent | MessageEdited,
    quoted: MessageRef | None,
    mentions: Sequence[Mention],
) -> tuple[str, Json]:
    html = render_teams(event.body, trace=trace_in(delivery, event, anew=True), mentions=mentions)
    wish, path = outgoing.new_message(html, mentions), f"{chat_path(delivery)}/messages"
    if quoted is None:
        return path, wish
    return f"{path}/replyWithQuote", outgoing.answer_to(quoted, wish)


def _ref_of(answer: Json) -> MessageRef:
    ref = payloads.message_ref(answer)
    if ref is None:
        raise Uncertain("Graph took a message without saying its id")
    return ref
