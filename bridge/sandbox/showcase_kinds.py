"""Everything that can be said or done in Teams, as the page offers it: one entry, one click.

    Kind ─ play(Stage) ─▶ the tenant's control interface: kinds.py, system_events.py, files, pins …

An entry brings something worth looking at: a real picture, a file that can be opened, a table with
numbers. Kinds of message are those of `tenant/kinds*.py`, kinds of event those of
`tenant/event_details.py`; none is missing here, which a test sees to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.sandbox import showcase_stage as stage
from bridge.sandbox.showcase_stage import Stage
from bridge.sandbox.tenant import event_details
from bridge.sandbox.tenant.event_details import Where

Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One entry; it stands where its `where` says."""

    key: str
    group: str
    label: str
    play: Play
    where: Where = Where.CHAT | Where.CHANNEL


def _said(kind: str, **options: object) -> Play:
    async def play(scene: Stage) -> None:
        await scene.say(kind, **options)

    return play


def _event(kind: str) -> Play:
    async def play(scene: Stage) -> None:
        await scene.event(kind, **stage.EVENT_FIELDS.get(kind, {}))

    return play


_RICH = (
    "<p>Text in <strong>bold</strong>, <em>italics</em>, <u>underlined</u> and <s>struck out</s>;"
    ' <span style="color:#c4314b">in red</span>, <span style="background-color:#fff100">marked'
    "</span>, H<sub>2</sub>O and x<sup>2</sup>.</p><p>A second paragraph.</p>"
)
_HOSTILE = (
    "<p>Nothing of this runs: <img src=x onerror=\"document.title='broken'\">"
    "<script>document.title='broken'</script>"
    '<a href="javascript:alert(1)">a link to a script</a>'
    '<iframe src="https://example.org"></iframe><style>*{display:none}</style></p>'
)
_LONG = "<p>" + "The quick brown fox jumps over the lazy dog. " * 400 + "</p>"


def _kind(
    key: str,
    label: str,
    play: Play | None = None,
    where: Where = Where.CHAT | Where.CHANNEL,
    **options: object,
) -> Callable[[str], Kind]:
    """An entry that lacks its group; without `play`, the tenant's kind of that name."""
    act = play or _said(key, **options)
    return lambda group: Kind(key=key, group=group, label=label, play=act, where=where)


_GROUPS: dict[str, list[Callable[[str], Kind]]] = {
    "Text": [
        _kind("text", "Plain text", text="Plain text: 1 < 2 & 3 > 2.\nAnd a second line. 🎉"),
        _kind("rich", "Formatted text", text=_RICH),
        _kind("headings", "Headings, a quotation, a rule"),
        _kind("nested_lists", "Lists in lists"),
        _kind("table", "A table"),
        _kind("codeblock", "Code"),
        _kind("link", "A link", url="https://example.org/programme?year=2027&page=1"),
        _kind("right_to_left", "Right to left"),
        _kind("emoji", "An emoji"),
        _kind("emoji_old", "An emoji of an older client"),
        _kind("custom_emoji", "An emoji of this organisation", stage.custom_emoji),
        _kind("important", "Important", text="<p>The deadline is <b>Friday</b>.</p>"),
        _kind("urgent", "Urgent", text="<p>The server room is hot. Who is near?</p>"),
        _kind("subject", "With a subject", where=Where.CHANNEL, subject="Minutes of Monday"),
        _kind("long", "A long message", _said("rich", text=_LONG)),
        _kind("largest", "The longest message"),
        _kind("raw", "Hostile HTML", text=_HOSTILE),
    ],
    "Mentions": [
        _kind("mention_user", "A person"),
        _kind("mention_split", "A person, in two mentions"),
        _kind("mention_everyone", "Everyone", where=Where.CHAT),
        _kind("mention_channel", "The channel", where=Where.CHANNEL),
        _kind("mention_team", "The team", where=Where.CHANNEL),
        _kind("mention_tag", "A tag", name="Shift leads"),
        _kind("mention_bot", "A bot"),
    ],
    "Answers": [
        _kind("quote", "A quote of the newest message", stage.quote),
        _kind("quote_two", "A quote of two messages", stage.quote_two, where=Where.CHAT),
        _kind("forward", "A forwarded message", stage.forward),
        _kind("reply", "A reply to the newest post", stage.reply, where=Where.CHANNEL),
    ],
    "Pictures and files": [
        _kind("inline_image", "A picture", stage.picture),
        _kind("pictures", "Two pictures", stage.pictures),
        _kind("file", "A document", stage.document),
        _kind("files", "Two files and a text", stage.files),
        _kind("picture_file", "A picture as a file", stage.picture_file),
        _kind("voice", "A voice message", stage.voice),
        _kind("video", "A clip as a file", stage.video),
        _kind("hosted_video", "A clip in the message", stage.hosted_video),
        _kind("sticker", "A sticker"),
        _kind("gif", "A GIF"),
        _kind("lost_file", "A file that is not there", _said("file", text="<p>Gone:</p>")),
    ],
    "Cards": [
        _kind("code_snippet", "A code snippet"),
        _kind("adaptive_card", "An adaptive card", title="Approval of an invoice"),
        _kind("hero_card", "A hero card", title="Spring festival"),
        _kind("thumbnail_card", "A thumbnail card", title="Spring festival"),
        _kind("list_card", "A list", title="Open requests"),
        _kind("connector_card", "A connector's card", title="Build failed"),
        _kind("announcement", "An announcement", where=Where.CHANNEL, title="New office hours"),
        _kind("loop", "A Loop component"),
        _kind("meeting", "A meeting", title="Weekly sync"),
        _kind("tab", "A tab", title="Planner"),
        _kind("unknown_attachment", "A card of an unknown kind"),
    ],
    "Said by others": [
        _kind("by_bot", "A bot", stage.by_bot),
        _kind("by_webhook", "A webhook", stage.by_webhook),
        _kind("by_guest", "Someone of another organisation", stage.by_federated),
        _kind("by_anonymous", "Someone without an account", stage.by_anonymous),
        _kind("by_phone", "Someone on the phone", stage.by_phone),
        _kind("by_nobody", "Nobody that Graph names", _said("rich", user=None, text=_RICH)),
    ],
    "Changes": [
        _kind("edit", "Edit my newest message", stage.edit),
        _kind("delete", "Delete my newest message", stage.delete),
        _kind("undelete", "Take the deletion back", stage.undelete),
        _kind("react", "React with 👍", stage.react),
        _kind("react_custom", "React with an emoji of this organisation", stage.react_custom),
        _kind("unreact", "Take the 👍 back", stage.unreact),
        _kind("pin", "Pin the newest message", stage.pin, where=Where.CHAT),
        _kind("unpin", "Unpin it", stage.unpin, where=Where.CHAT),
        _kind("unfurl", "The preview of my link arrives", stage.unfurl),
        _kind("violate", "A policy blocks my message", stage.violate),
        _kind("lift", "… and lets it pass again", stage.lift),
        _kind("rename", "Rename the chat", stage.rename_chat, where=Where.CHAT),
        _kind("remove_member", "Remove a person", stage.remove_member, where=Where.CHAT),
        _kind("add_member", "Add that person again", stage.add_member, where=Where.CHAT),
        _kind("rename_channel", "Rename the channel", stage.rename_channel, where=Where.CHANNEL),
        _kind("archive", "Archive the team", stage.archive, where=Where.CHANNEL),
        _kind("unarchive", "Open it again", stage.unarchive, where=Where.CHANNEL),
    ],
}


def _events() -> list[Kind]:
    """The tenant's system messages, each as if its cause had happened."""
    return [
        Kind(
            key=f"event {name}",
            group="System messages",
            label=stage.spaced(name),
            play=_event(name),
            where=kind.where,
        )
        for name, kind in event_details.KINDS.items()
    ]


KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (*(make(group) for group, found in _GROUPS.items() for make in found), *_events())
}
"""Every entry by its key, in the order in which the page shows them."""


def offered(*, is_channel: bool) -> list[Kind]:
    """Return what can be said or done in a channel, or in a chat."""
    here = Where.CHANNEL | Where.TEAM if is_channel else Where.CHAT
    return [kind for kind in KINDS.values() if kind.where & here]
