"""Kinds of message that carry something: quotes, forwards, cards, snippets, meetings, Loop.

Sources: learn.microsoft.com graph/api chatmessage-get (example 6: a forward),
chatmessage-replywithquote, resources/chatmessageattachment, bot-service card reference for the
cards, graph/teams-messaging-overview for meetings, tabs and Loop (which comes with a placeholder).
`content` replaces what is said of them there.
"""

from __future__ import annotations

from bridge.sandbox.tenant import quotes, wire
from bridge.sandbox.tenant.clock import from_milliseconds, stamp
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.kind_parts import MANY_MAX, Maker, Wish, attachment_id
from bridge.sandbox.tenant.world import Content, Message, User

CARD = "application/vnd.microsoft.card."


def quote(wish: Wish) -> Content:
    """Of `messages` by id; without any, of the newest."""
    found = [quotes.attachment(message, wish.tenant.id) for message in _messages(wish)]
    said = wish.text("text", "<p>I agree</p>")
    return Content(text=f"{quotes.markers(found)}{said}", attachments=found)


def forward(wish: Wish) -> Content:
    """Of the first of `messages`, or of one that is not here: `original` replaces the content."""
    content = wish.options.get("original")
    if content is None:
        original = _messages(wish)[0]
        content = {
            "originalMessageId": str(original.id),
            "originalMessageContent": original.content.text,
            "originalConversationId": original.conversation,
            "originalSentDateTime": stamp(from_milliseconds(original.id)),
            "originalMessageSender": quotes.sender(original, wish.tenant.id),
        }
    found = wire.as_object(content, "original")
    key = str(found.get("originalMessageId", attachment_id()))
    return _one(quotes.of_kind("forwardedMessageReference", key, found), wish)


def code_snippet(wish: Wish) -> Content:
    """The text is in a hosted content, where `codeSnippetUrl` points."""
    code = wish.text("code", "def tea() -> int:\n    return 4\n")
    url = wish.host(code.encode(), "text/plain; charset=utf-8")
    content: Json = {"language": wish.text("language", "Python"), "codeSnippetUrl": url}
    if wish.options.get("name", "") is not None:
        content = {"name": wish.text("name", "tea.py"), **content}
    return _one(quotes.of_kind(f"{CARD}codesnippet", attachment_id(), content), wish)


def adaptive_card(wish: Wish) -> Content:
    content: Json = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": wish.text("title", "Approval"), "weight": "Bolder"},
            {"type": "FactSet", "facts": [{"title": "Amount", "value": "12 £"}]},
            {"type": "Input.Text", "id": "comment"},
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": "https://tea.example/1"}],
    }
    return _card(wish, "adaptive", content)


def hero_card(wish: Wish) -> Content:
    return _card(wish, "hero", _simple(wish) | {"images": [{"url": "https://tea.example/a.png"}]})


def thumbnail_card(wish: Wish) -> Content:
    return _card(wish, "thumbnail", _simple(wish))


def list_card(wish: Wish) -> Content:
    items = [{"type": "resultItem", "title": f"Item {n}", "subtitle": "tea"} for n in (1, 2)]
    return _card(wish, "list", {"title": wish.text("title", "Tea"), "items": items})


def connector_card(wish: Wish) -> Content:
    """A MessageCard, as an incoming webhook or a connector posts it."""
    content: Json = {
        "@type": "MessageCard",
        "@context": "https://schema.org/extensions",
        "title": wish.text("title", "Build failed"),
        "text": "The kettle is **cold**.",
        "themeColor": "D70000",
        "sections": [{"facts": [{"name": "Branch", "value": "main"}]}],
    }
    return _card(wish, "o365connector", content, "application/vnd.microsoft.teams.card.")


def announcement(wish: Wish) -> Content:
    content: Json = {
        "title": wish.text("title", "Tea time"),
        "cardimagetype": "colorTheme",
        "cardimagedetails": '{"colorTheme":"periwinkleBlue"}',
    }
    return _card(wish, "announcement", content)


def loop(wish: Wish) -> Content:
    url = wish.text("url", "https://contoso.sharepoint.example/:fl:/g/tea/page.loop?web=1")
    content: Json = {"componentUrl": url, "sourceType": "Compose"}
    given = _given(wish, content)
    found = quotes.of_kind(
        f"{CARD}fluidEmbedCard", attachment_id(), given, teamsAppId="FluidEmbedCard"
    )
    placeholder = quotes.of_kind(
        f"{CARD}codesnippet", "placeholderCard", {}, teamsAppId="FLUID_PLACEHOLDER_CARD"
    )
    both = [found, placeholder]
    return Content(text=quotes.markers(both) + wish.text("text", ""), attachments=both)


def meeting(wish: Wish) -> Content:
    organizer = wish.sender.id if isinstance(wish.sender, User) else None
    content: Json = {"exchangeId": "AAMkAGU2NzgzNDQ3", "organizerId": organizer}
    name = wish.text("title", "Tea party")
    found = quotes.of_kind("meetingReference", attachment_id(), _given(wish, content), name=name)
    return _one(found, wish)


def tab(wish: Wish) -> Content:
    url = wish.text("url", "https://teams.example/l/entity/tab")
    name = wish.text("title", "Planner")
    found = quotes.of_kind("tabReference", f"tab::{attachment_id()}", name=name, contentUrl=url)
    return _one(found, wish)


def unknown(wish: Wish) -> Content:
    """A kind of attachment that nobody has heard of."""
    kind = wish.text("content_type", "application/vnd.microsoft.card.hologram")
    return _one(quotes.of_kind(kind, attachment_id(), _given(wish, {"depth": 3})), wish)


def _messages(wish: Wish) -> list[Message]:
    given = wire.as_list(wish.options.get("messages", []), "messages")
    if len(given) > MANY_MAX:
        raise bad_request("There are too many messages to quote.")
    found = [wish.tenant.message(wish.place, wire.as_text(key, "messages")) for key in given]
    newest = next(reversed(wish.place.messages.values()), None)
    if not found and newest is not None and newest.event_detail is None:
        found = [newest]
    if not found:
        raise bad_request("There is no message to quote.")
    return found


def _simple(wish: Wish) -> Json:
    button: Json = {"type": "openUrl", "title": "More", "value": "https://tea.example"}
    title = wish.text("title", "Tea")
    return {"title": title, "subtitle": "hot", "text": "Come <b>now</b>", "buttons": [button]}


def _card(wish: Wish, name: str, content: Json, prefix: str = CARD) -> Content:
    return _one(quotes.of_kind(prefix + name, attachment_id(), _given(wish, content)), wish)


def _given(wish: Wish, content: Json) -> Json:
    given = wish.options.get("content")
    return content if given is None else wire.as_object(given, "content")


def _one(found: Json, wish: Wish) -> Content:
    return Content(text=quotes.markers([found]) + wish.text("text", ""), attachments=[found])


MAKERS: dict[str, Maker] = {
    "quote": quote,
    "forward": forward,
    "code_snippet": code_snippet,
    "adaptive_card": adaptive_card,
    "hero_card": hero_card,
    "thumbnail_card": thumbnail_card,
    "list_card": list_card,
    "connector_card": connector_card,
    "announcement": announcement,
    "loop": loop,
    "meeting": meeting,
    "tab": tab,
    "unknown_attachment": unknown,
}
