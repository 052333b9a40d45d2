"""Kinds of message that are text: mentions, formatting, urgency.

Sources: learn.microsoft.com graph/api chatmessage-get (mention of everyone), chatmessage-post;
that Teams splits the mention of one person into several was seen by mattermost-plugin-msteams.
"""

from __future__ import annotations

import html

from bridge.sandbox.tenant import mentions, wire
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.identity import RobotKind
from bridge.sandbox.tenant.kind_parts import Maker, Wish
from bridge.sandbox.tenant.world import Channel, Chat, Content


def text(wish: Wish) -> Content:
    """Plain text: `contentType` is text."""
    return Content(kind="text", text=wish.text("text", "plain <text> & nothing else\nsecond line"))


def rich(wish: Wish) -> Content:
    return Content(text=wish.text("text", "<p><b>b</b> <i>i</i> <u>u</u> <s>s</s></p>"))


def mention_user(wish: Wish) -> Content:
    user = wish.person()
    name = wish.text("text", user.display_name)
    found = mentions.of_user(wish.tenant, 0, name, user)
    return Content(text=f"<p>{_at(0, name)} hello</p>", mentions=[found])


def mention_split(wish: Wish) -> Content:
    """One person in several adjacent mentions, a word each."""
    user = wish.person()
    words = wish.text("text", user.display_name).split()
    found = [mentions.of_user(wish.tenant, n, word, user) for n, word in enumerate(words)]
    marks = "&nbsp;".join(_at(n, word) for n, word in enumerate(words))
    return Content(text=f"<p>{marks} hello</p>", mentions=found)


def mention_channel(wish: Wish) -> Content:
    channel = _channel(wish)
    return _conversation(channel.name, "channel", channel.id, channel.name)


def mention_team(wish: Wish) -> Content:
    team = _channel(wish).team
    return _conversation(team.name, "team", team.id, team.name)


def mention_everyone(wish: Wish) -> Content:
    if not isinstance(wish.place, Chat):
        raise bad_request("Everyone is mentioned in chats.")
    return _conversation("Everyone", "chat", wish.place.id, "Everyone")


def mention_tag(wish: Wish) -> Content:
    name = wish.text("name", "Shift leads")
    tag: Json = {"id": wish.text("id", "MjQzMmI1N2ItMGFiZC00M2RiLWFhN2I="), "displayName": name}
    found = mentions.made(0, name, tag=tag)
    return Content(text=f"<p>{_at(0, name)} hello</p>", mentions=[found])


def mention_bot(wish: Wish) -> Content:
    name = wish.text("name", "Helper")
    bot: Json = {
        "@odata.type": "#microsoft.graph.teamworkApplicationIdentity",
        "id": wish.text("id", "03a02232-d8f5-4970-a77e-6e8c76ce7a4e"),
        "displayName": name,
        "applicationIdentityType": RobotKind.BOT.value,
    }
    found = mentions.made(0, name, application=bot)
    return Content(text=f"<p>{_at(0, name)} help</p>", mentions=[found])


def largest(wish: Wish) -> Content:
    """Exactly as many bytes as this tenant takes in a message."""
    size = wish.tenant.settings.body_bytes_max
    return Content(text="<p>" + "x" * (size - len("<p></p>")) + "</p>")


def table(_: Wish) -> Content:
    rows = "".join(f"<tr><td>{n}</td><td>{n * n}</td></tr>" for n in range(1, 4))
    head = "<thead><tr><th>n</th><th>square</th></tr></thead>"
    return Content(text=f'<table itemprop="copy-paste-table">{head}<tbody>{rows}</tbody></table>')


def nested_lists(_: Wish) -> Content:
    inner = "<ol><li>one</li><li>two<ul><li>deep</li></ul></li></ol>"
    return Content(text=f"<ul><li>first{inner}</li><li>second</li></ul>")


def codeblock(wish: Wish) -> Content:
    code = html.escape(wish.text("text", 'if a < b:\n    print("tea")'), quote=False)
    lines = code.replace("\n", "<br>").replace("  ", "&nbsp;&nbsp;")
    language = html.escape(wish.text("language", "Python"))
    return Content(text=f'<codeblock class="{language}"><code>{lines}</code></codeblock>')


def headings(_: Wish) -> Content:
    titles = "".join(f"<h{n}>Title {n}</h{n}>" for n in range(1, 4))
    return Content(text=f"{titles}<hr><blockquote><p>said</p></blockquote><pre>as is</pre>")


def right_to_left(_: Wish) -> Content:
    return Content(text='<p dir="rtl">שלום עולם</p><p dir="auto">مرحبا</p>')


def urgent(wish: Wish) -> Content:
    return Content(text=wish.text("text", "<p>Now!</p>"), importance="urgent")


def important(wish: Wish) -> Content:
    return Content(text=wish.text("text", "<p>Soon!</p>"), importance="high")


def subject(wish: Wish) -> Content:
    return Content(text="<p>Read this</p>", subject=wish.text("subject", "The big subject"))


def link(wish: Wish) -> Content:
    url = html.escape(wish.text("url", "https://news.example/tea"))
    return Content(text=f'<p><a href="{url}" title="{url}">{url}</a></p>')


def raw(wish: Wish) -> Content:
    """Anything, exactly as given: `text`, `content_type`, `mentions`, `attachments`."""
    kind = wish.text("content_type", "html")
    return Content(
        kind="text" if kind == "text" else "html",
        text=wire.as_text(wish.options.get("text"), "text"),
        subject=wire.optional_text(wish.options, "subject"),
        importance=wish.text("importance", "normal"),
        mentions=wire.objects(wish.options, "mentions"),
        attachments=wire.objects(wish.options, "attachments"),
    )


def _conversation(text: str, kind: str, key: str, name: str) -> Content:
    found = mentions.of_conversation(0, text, kind, key, name)
    return Content(text=f"<p>{_at(0, text)} hello</p>", mentions=[found])


def _channel(wish: Wish) -> Channel:
    if not isinstance(wish.place, Channel):
        raise bad_request("Teams and channels are mentioned in channels.")
    return wish.place


def _at(number: int, text: str) -> str:
    return f'<at id="{number}">{html.escape(text, quote=False)}</at>'


MAKERS: dict[str, Maker] = {
    "text": text,
    "rich": rich,
    "raw": raw,
    "largest": largest,
    "mention_user": mention_user,
    "mention_split": mention_split,
    "mention_channel": mention_channel,
    "mention_team": mention_team,
    "mention_everyone": mention_everyone,
    "mention_tag": mention_tag,
    "mention_bot": mention_bot,
    "table": table,
    "nested_lists": nested_lists,
    "codeblock": codeblock,
    "headings": headings,
    "right_to_left": right_to_left,
    "urgent": urgent,
    "important": important,
    "subject": subject,
    "link": link,
}
