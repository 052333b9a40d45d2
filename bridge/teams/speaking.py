"""Saying something in Teams as the person who said it in Matrix.

    say ─▶ pictures and files (enclosing) ─▶ where, with what it answers, with mentions ─▶ POST ─ refused for it ─▶ with less of it

    chat      replyWithQuote of what it answers, or of what began its thread
    channel   a reply to the post of the thread that it stands in or answers to; else a post

Nothing here is said as the app: Graph does not let it, and nobody wants to hear from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.convert.teams import render_teams, teams_mentions
from bridge.domain.content import Mention, TargetKind
from bridge.domain.events import MessageEdited, MessageSent
from bridge.domain.ids import MessageRef, Place, TeamsUserId, channel_of, reply_ref, root_of
from bridge.domain.values import dataclass
from bridge.errors import Rejected, Unauthorized, Uncertain
from bridge.ports import Confirm, Delivery
from bridge.teams import outgoing, payloads
from bridge.teams.advice import delivery_refusal
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.auth import Auth
from bridge.teams.enclosing import Enclosed, Encloser
from bridge.teams.graph import Graph, Json, Method
from bridge.teams.paths import messages_path, replies_path
from bridge.teams.quota import Priority
from bridge.teams.trace import trace_for

BAD_REQUEST = 400
NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Makes requests as the speaker of a delivery."""

    graph: Graph
    auth: Auth
    encloser: Encloser

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
            Refused: It was certainly not done; `Unauthorized` if the speaker must sign in again,
                `Rejected` where nobody has consented to what this takes beyond speaking.
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
            # The rest of what they do goes on: this is no sign-in that was lost, but one that never
            # reached so far. Without what speaking takes, Entra would have given no token at all.
            raise Rejected(text) from error
        except Unauthorized:
            # Nothing of theirs may overtake what waits for a new sign-in from now on.
            self.auth.forget(TeamsUserId(delivery.speaker))
            raise

    async def say(
        self, delivery: Delivery, event: MessageSent | MessageEdited, *, confirm: Confirm
    ) -> MessageRef:
        """Post what an event says as a message of its own, with its pictures and files.

        Raises:
            Refused: It was certainly not posted; `Unauthorized` if the speaker must sign in again.
            Uncertain: It may have been posted.
            StoreUnavailable: Postgres is away.
        """
        async with self.encloser.enclosed(delivery, event.body) as enclosed:
            return await self._say(delivery, event, enclosed, confirm)

    async def _say(
        self,
        delivery: Delivery,
        event: MessageSent | MessageEdited,
        enclosed: Enclosed,
        confirm: Confirm,
    ) -> MessageRef:
        named = teams_mentions(event.body)
        refusal: GraphRejected | None = None
        for answered, mentions in _forms(answered_in(delivery), named):
            path, wish = _message(delivery, event, enclosed, (answered, mentions))
            try:
                answer = await self.request(
                    delivery, "POST", path, confirm=confirm, body=wish, priority=Priority.LIVE
                )
            except GraphRejected as error:
                if not _may_be_for_what_is_in_it(error, answered):
                    raise refused(error) from error
                refusal = error
            else:
                return _ref_of(delivery.portal.place, answer, answered)
        raise refused(refusal) if refusal else Rejected("Teams takes no form of this message")


def answered_in(delivery: Delivery) -> MessageRef | None:
    """Return what a message answers: what a chat quotes, or the post that it is a reply to."""
    if channel_of(delivery.portal.place) is None:
        return _quoted_in(delivery)
    thread, parts = delivery.far.thread, delivery.far.parts
    if thread is not None:
        return thread.root
    # Who answers something in a channel joins its thread; so do parts that an edit adds.
    return (root_of(parts[0].ref) or parts[0].ref) if parts else None


def _quoted_in(delivery: Delivery) -> MessageRef | None:
    """Of a long message the first part answers; chats know no threads but what is quoted."""
    event, parts = delivery.event, delivery.far.parts
    if not isinstance(event, MessageSent) or event.part:
        return None
    if parts:
        return parts[0].ref
    return None if delivery.far.thread is None else delivery.far.thread.root


def trace_in(delivery: Delivery, event: MessageSent | MessageEdited, *, anew: bool) -> str:
    """Name what is left in a message; one that is edited keeps the trace that it has."""
    return trace_for(delivery.source, event.part, event.slot if anew else "")


def refused(error: GraphRejected) -> GraphRejected:
    """Say why a message cannot be posted, for the one who wrote it."""
    return GraphRejected(delivery_refusal(error), status=error.status, code=error.code)


_Form = tuple[MessageRef | None, Sequence[Mention]]
"""What a message answers, and whom it calls."""


def _forms(answers: MessageRef | None, named: Sequence[Mention]) -> Iterator[_Form]:
    """The whole message, and what is left of it where Teams does not take it.

    What it answers may be gone; someone may be mentioned who is not in the chat: their name as text
    is better than nothing.
    """
    for answered in dict.fromkeys((answers, None)):
        for mentions in fewer(named):
            yield answered, mentions


def fewer(named: Sequence[Mention]) -> tuple[tuple[Mention, ...], ...]:
    """Whom a message calls, and fewer where Teams does not let it: people alone, nobody."""
    people = (one for one in named if one.target.kind is TargetKind.TEAMS_USER)
    return tuple(dict.fromkeys((tuple(named), tuple(people), ())))


def _may_be_for_what_is_in_it(error: GraphRejected, answered: MessageRef | None) -> bool:
    return error.status == BAD_REQUEST or (error.status == NOT_FOUND and answered is not None)


def _message(
    delivery: Delivery,
    event: MessageSent | MessageEdited,
    enclosed: Enclosed,
    form: _Form,
) -> tuple[str, Json]:
    answered, mentions = form
    trace = trace_in(delivery, event, anew=True)
    html = render_teams(enclosed.body, trace=trace, mentions=mentions)
    place = delivery.portal.place
    wish = outgoing.new_message(
        html, mentions, place, hosted=enclosed.hosted, attachments=enclosed.attachments
    )
    if answered is None:
        return messages_path(place), wish
    if channel_of(place) is not None:
        return replies_path(place, answered), wish
    return f"{messages_path(place)}/replyWithQuote", outgoing.answer_to(answered, wish)


def _ref_of(place: Place, answer: Json, answered: MessageRef | None) -> MessageRef:
    """A reply is named after its post, whether or not Graph's answer says that it is one."""
    ref = payloads.message_ref(answer)
    if ref is None:
        raise Uncertain("Graph took a message without saying its id")
    is_reply = answered is not None and channel_of(place) is not None and root_of(ref) is None
    return reply_ref(answered, ref) if answered is not None and is_reply else ref
