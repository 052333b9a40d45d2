"""Teams in memory: chats and channels, the people in them, and what Graph tells and answers of it.

    people: say, reply, edit, delete, undelete, react, unreact ─┐
    requests of an endpoint, as a person ───────────────────────┴▶ change ─▶ `notify(NewEntry)`

A change gives its message a new etag and is told at once, before whoever made it has their answer.
The entry holds the message as it was at that moment, in Graph's own form; whoever is told may lose
it, double it, keep it for a while. Nothing here waits, draws numbers at random or reads a clock of
its own. `keeps_traces`: whether Teams keeps an attribute that it does not know.

Sources: learn.microsoft.com graph/api resources/chatmessage, chatmessage-replywithquote,
chatmessage-softdelete, chatmessage-setreaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import orjson

from bridge.convert.teams import TRACE_ATTRIBUTE, parse_teams, render_teams
from bridge.domain.content import Body, from_text
from bridge.domain.ids import (
    Channel,
    ChannelId,
    ConversationId,
    MessageRef,
    Place,
    TeamId,
    TenantId,
    channel_of,
    channel_place,
    digest,
    own_id,
    reply_ref,
    root_of,
)
from bridge.errors import Rejected, Unauthorized
from bridge.ports import Clock, NewEntry
from bridge.teams.notifications import entry_of
from tests.kit.fake_network import Moment, Pair, Shown, bare, milliseconds, undisturbed, words

Json = dict[str, object]
Notify = Callable[[NewEntry], None]

TENANT = TenantId("5f3c1d1e-0000-4000-8000-0000000000aa")
LEGACY = {"like": "👍", "heart": "❤", "laugh": "😆", "surprised": "😮", "sad": "😢", "angry": "😡"}
"""What Teams called its first six reactions (learn.microsoft.com graph/api resources/
chatmessagereaction); Graph shows both forms."""
_TRACE = re.compile(rf' {TRACE_ATTRIBUTE}="[^"]*"')
_QUOTE = re.compile(r'(?:<p></p>\n)?<attachment id="[0-9]+"></attachment>\n?|\n<p></p>$')


class CannotQuote(Rejected):
    """What was to be quoted is deleted, or was never there."""


class NoSuchPost(Rejected):
    """What was to be replied to was never there; below a deleted post one may still write."""


@dataclass(slots=True, kw_only=True)
class Said:
    """A message; `hidden` is what a deleted one said. Times are in ms since the epoch.

    `ref` is the bridge's name for it; `root` the post of a channel that it is a reply to.
    """

    ref: MessageRef
    author: str
    html: str
    etag: int
    root: MessageRef | None = None
    quotes: MessageRef | None = None
    edited: int | None = None
    deleted: int | None = None
    hidden: str = ""
    reactions: dict[Pair, str] = field(default_factory=dict)
    """By person and emoji, what Graph calls the emoji."""


@dataclass(slots=True, kw_only=True)
class Chat:
    """A conversation: members with their names, and messages in the order of their ids.

    In a channel too: there ids need be unique within their threads only, and this does no harm.
    """

    place: Place
    members: dict[str, str]
    messages: dict[MessageRef, Said] = field(default_factory=dict)
    last_id: int = 0


class FakeTeams:
    """One tenant. Whoever is in `signed_out` gives the bridge no token."""

    def __init__(
        self,
        clock: Clock,
        *,
        notify: Notify,
        moment: Moment = undisturbed,
        keeps_traces: bool = True,
        window: timedelta = timedelta(0),
    ) -> None:
        self.clock = clock
        self.notify = notify
        self.moment = moment
        self.keeps_traces = keeps_traces
        self.window = window
        self.tenant = TENANT
        self.chats: dict[ConversationId, Chat] = {}
        self.signed_out: set[str] = set()

    def open_chat(self, name: str, *people: str) -> Place:
        """Make a chat of people, who are called by their ids."""
        return self._open(
            Place(tenant=self.tenant, conversation=ConversationId(f"19:{name}@thread.v2")), people
        )

    def open_channel(self, name: str, *people: str) -> Place:
        """Make a channel of people, in a team of its own."""
        channel = Channel(team=TeamId(f"team-{name}"), channel=ChannelId(f"19:{name}@thread.tacv2"))
        return self._open(channel_place(self.tenant, channel), people)

    def _open(self, place: Place, people: Sequence[str]) -> Place:
        self.chats[place.conversation] = Chat(place=place, members={who: who for who in people})
        return place

    # --- what people do ---

    def say(self, place: Place, who: str, text: str) -> MessageRef:
        return self.post(place, who, render_teams(from_text(text)))

    def reply(self, place: Place, who: str, quoted: MessageRef, text: str) -> MessageRef:
        """Quote a message; in a channel within its thread."""
        root = (root_of(quoted) or quoted) if channel_of(place) else None
        return self.post(place, who, render_teams(from_text(text)), quotes=quoted, root=root)

    def below(self, place: Place, who: str, post: MessageRef, text: str) -> MessageRef:
        return self.post(place, who, render_teams(from_text(text)), root=post)

    def edit(self, place: Place, who: str, ref: MessageRef, text: str) -> None:
        self.patch(place, who, ref, render_teams(from_text(text)))

    # --- what people do and Graph takes; all raise Rejected where Graph refuses ---

    def post(
        self,
        place: Place,
        who: str,
        html: str,
        *,
        quotes: MessageRef | None = None,
        root: MessageRef | None = None,
    ) -> MessageRef:
        """Say something; the id is the time in ms, and unique in its chat."""
        chat = self._chat(place, who)
        if root is not None and root not in chat.messages:
            raise NoSuchPost("there is no such post")
        if quotes is not None:
            quoted = chat.messages.get(quotes)
            if quoted is None or quoted.deleted is not None:
                raise CannotQuote("this message cannot be quoted")
            mark = f'<attachment id="{own_id(quotes)}"></attachment>'
            html = f"<p></p>\n{mark}\n{html}\n<p></p>"
        chat.last_id = max(milliseconds(self.clock.now()), chat.last_id + 1)
        ref = MessageRef(str(chat.last_id))
        if root is not None:
            ref = reply_ref(root, ref)
        said = Said(ref=ref, author=who, html=self._kept(html), etag=chat.last_id)
        said.root, said.quotes = root, quotes
        chat.messages[ref] = said
        self._tell(chat, said, "created")
        return ref

    def patch(self, place: Place, who: str, ref: MessageRef, html: str) -> None:
        """Change the words of one's own message; what it quotes stays."""
        chat, said = self._own(place, who, ref)
        if said.deleted is not None:
            raise Rejected("a deleted message cannot be updated")
        quoted = None if said.quotes is None else own_id(said.quotes)
        mark = "" if quoted is None else f'<attachment id="{quoted}"></attachment>'
        said.html = self._kept(mark + html)
        self._touch(said)
        said.edited = said.etag
        self._tell(chat, said, "updated")

    def delete(self, place: Place, who: str, ref: MessageRef) -> None:
        """Take one's own message back; again is no change."""
        chat, said = self._own(place, who, ref)
        if said.deleted is None:
            said.hidden, said.html = said.html, ""
            self._touch(said)
            said.deleted = said.etag
            self._tell(chat, said, "deleted")

    def undelete(self, place: Place, who: str, ref: MessageRef) -> None:
        chat, said = self._own(place, who, ref)
        if said.deleted is not None:
            said.html, said.hidden, said.deleted = said.hidden, "", None
            self._touch(said)
            self._tell(chat, said, "updated")

    def react(self, place: Place, who: str, ref: MessageRef, kind: str) -> None:
        """React with an emoji, or one of the first six by its name; twice is no change."""
        chat, said = self._message(place, who, ref)
        pair = (who, emoji(kind))
        if pair not in said.reactions:
            said.reactions[pair] = kind
            self._touch(said)
            self._tell(chat, said, "updated")

    def unreact(self, place: Place, who: str, ref: MessageRef, kind: str) -> None:
        chat, said = self._message(place, who, ref)
        if said.reactions.pop((who, emoji(kind)), None) is not None:
            self._touch(said)
            self._tell(chat, said, "updated")

    # --- what Graph shows ---

    def changed_since(self, place: Place, since: datetime) -> list[Json]:
        """List messages with lastModifiedDateTime gt `since`, the newest change first."""
        chat, after = self._chat(place), milliseconds(since)
        changed = [said for said in chat.messages.values() if said.etag > after]
        changed.sort(key=lambda said: said.etag, reverse=True)
        return [self.as_graph(chat, said) for said in changed]

    def message(self, place: Place, ref: MessageRef) -> Said | None:
        """Return a message, deleted or not."""
        chat = self.chats.get(place.conversation)
        return None if chat is None else chat.messages.get(ref)

    def entry_of(self, place: Place, ref: MessageRef) -> NewEntry | None:
        """Return as an entry what a look at one message comes upon, unless it is gone."""
        said = self.message(place, ref)
        if said is None or said.deleted is not None:
            return None
        return self.entry(place, self.as_graph(self._chat(place), said), "found")

    def found_since(self, place: Place, since: datetime) -> list[NewEntry]:
        """Return as entries what a look at the chat comes upon, in the order of creation."""
        found = sorted(self.changed_since(place, since), key=lambda shown: int(str(shown["id"])))
        return [self.entry(place, shown, "found") for shown in found]

    def entry(self, place: Place, shown: Json, change: str) -> NewEntry:
        """Make an entry of a message as Graph shows it."""
        now = self.clock.now()
        content = orjson.dumps(shown).decode()
        item: Json = {
            "changeType": change,
            "tenantId": place.tenant,
            "resource": f"{_address(place)}/{_message_address(shown)}",
            "encryptedContent": {"data": content, "dataSignature": digest(content)},
        }
        made = entry_of(item, (), received_at=now, due=lambda _: now + self.window)
        return replace(made, found=change == "found")

    def view(self, place: Place, person: Callable[[str], str] = str) -> list[Shown]:
        """Return what people see; `person` names them as the comparison wants them named."""
        chat = self._chat(place)
        return view_of([self.as_graph(chat, said) for said in chat.messages.values()], person)

    def as_graph(self, chat: Chat, said: Said) -> Json:
        """Return a chatMessage, with the properties that mean something to the bridge."""
        channel = channel_of(chat.place)
        return {
            "id": own_id(said.ref),
            "replyToId": said.root,
            "etag": str(said.etag),
            "messageType": "message",
            "createdDateTime": stamp(int(own_id(said.ref))),
            "lastModifiedDateTime": stamp(said.etag),
            "lastEditedDateTime": None if said.edited is None else stamp(said.edited),
            "deletedDateTime": None if said.deleted is None else stamp(said.deleted),
            "chatId": None if channel else chat.place.conversation,
            "channelIdentity": (
                {"teamId": channel.team, "channelId": channel.channel} if channel else None
            ),
            "from": {"user": {"id": said.author, "displayName": chat.members.get(said.author)}},
            "body": {"contentType": "html", "content": said.html},
            "attachments": _references(chat, said),
            "mentions": [],
            "reactions": list(_reactions(said)),
        }

    # --- within ---

    async def token_of(self, who: str, sign_in: int | None) -> None:
        """Raise Unauthorized unless the bridge may speak as this person, by their sign-in."""
        if who in self.signed_out:
            await self.moment("teams refuses")
            raise Unauthorized("this account must sign in to Teams again", sign_in=sign_in)

    def _chat(self, place: Place, who: str | None = None) -> Chat:
        chat = self.chats.get(place.conversation)
        if chat is None or (who is not None and who not in chat.members):
            raise Rejected("the chat is not there, or this account is not in it")
        return chat

    def _message(self, place: Place, who: str, ref: MessageRef) -> tuple[Chat, Said]:
        chat = self._chat(place, who)
        if ref not in chat.messages:
            raise Rejected("there is no such message")
        return chat, chat.messages[ref]

    def _own(self, place: Place, who: str, ref: MessageRef) -> tuple[Chat, Said]:
        chat, said = self._message(place, who, ref)
        if said.author != who:
            raise Rejected("this is somebody else's message")
        return chat, said

    def _touch(self, said: Said) -> None:
        said.etag = max(milliseconds(self.clock.now()), said.etag + 1)

    def _kept(self, html: str) -> str:
        return html if self.keeps_traces else _TRACE.sub("", html)

    def _tell(self, chat: Chat, said: Said, change: str) -> None:
        self.notify(self.entry(chat.place, self.as_graph(chat, said), change))


def view_of(
    messages: Sequence[Mapping[str, Any]], person: Callable[[str], str] = str
) -> list[Shown]:
    """Return what people see of messages in Graph's form, oldest first."""
    visible = [shown for shown in messages if shown["deletedDateTime"] is None]
    spoken = {shown["id"]: words(body_of(shown["body"]["content"])) for shown in visible}
    return [
        Shown(
            ref=ref_of(shown),
            person=person(shown["from"]["user"]["id"]),
            words=spoken[shown["id"]],
            reactions=frozenset(
                (person(item["user"]["user"]["id"]), emoji(item["reactionType"]))
                for item in shown["reactions"]
            ),
            reply_words=next((spoken.get(quoted) for quoted in quoted_by(shown)), None),
            thread=spoken.get(shown.get("replyToId")),
        )
        for shown in visible
    ]


def ref_of(shown: Mapping[str, Any]) -> MessageRef:
    """Return the bridge's name for a message."""
    ref, root = MessageRef(shown["id"]), shown.get("replyToId")
    return reply_ref(MessageRef(root), ref) if root else ref


def quoted_by(shown: Mapping[str, Any]) -> list[MessageRef]:
    """Return what a message quotes."""
    return [
        MessageRef(item["id"])
        for item in shown["attachments"]
        if item["contentType"] == "messageReference"
    ]


def emoji(kind: str) -> str:
    """Return what a reaction shows, however it is called."""
    return bare(LEGACY.get(kind, kind))


def unquoted(html: str) -> str:
    """Leave out what stands for a quotation."""
    return _QUOTE.sub("", html)


def body_of(html: str) -> Body:
    """Return what a message says itself, without what it quotes."""
    return parse_teams(unquoted(html))


def stamp(number: int) -> str:
    """Write ms since the epoch as Graph writes an instant."""
    instant = datetime.fromtimestamp(number / 1000, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _address(place: Place) -> str:
    channel = channel_of(place)
    if channel is None:
        return f"chats('{place.conversation}')"
    return f"teams('{channel.team}')/channels('{channel.channel}')"


def _message_address(shown: Json) -> str:
    if shown["replyToId"] is None:
        return f"messages('{shown['id']}')"
    return f"messages('{shown['replyToId']}')/replies('{shown['id']}')"


def _references(chat: Chat, said: Said) -> list[Json]:
    if said.quotes is None:
        return []
    quoted = chat.messages[said.quotes]
    name = own_id(said.quotes)
    content: Json = {
        "messageId": name,
        "messagePreview": escape(words(body_of(quoted.html or quoted.hidden))),
        "messageSender": {"user": {"id": quoted.author, "displayName": None}},
    }
    text = orjson.dumps(content).decode()
    return [{"id": name, "contentType": "messageReference", "content": text}]


def _reactions(said: Said) -> Iterable[Json]:
    for (who, _), kind in said.reactions.items():
        yield {"reactionType": kind, "user": {"user": {"id": who, "displayName": None}}}
