"""Cases: what people write."""

from __future__ import annotations

from tests.docs.gallery.building import (
    ADA,
    BEN,
    BOT,
    CEM,
    CHANNEL,
    CHAT,
    HOSTED,
    NUMBER,
    TEAM,
    Case,
    attached,
    mention,
    said,
    user,
)

EARLIER = NUMBER - 60_000
QUESTION = said("<p>Who makes the tea?</p>", by=BEN, number=EARLIER)


def _quote(number: int, preview: str, person: str) -> dict[str, object]:
    sender = {"application": None, "device": None, "user": user(person)}
    content = {"messageId": str(number), "messagePreview": preview, "messageSender": sender}
    return attached("messageReference", str(number), content)


_RICH = (
    "<p>This is <strong>important</strong>, <em>really</em>, <u>very</u> and <s>not at all</s>; "
    'it is <span style="color:#c4314b">red</span>, '
    '<span style="background-color:#fff100">marked</span> and '
    '<a href="https://example.org/tea" title="https://example.org/tea">linked</a>.</p>'
    "<p>&nbsp;</p><p>H<sub>2</sub>O, 10<sup>3</sup>.</p>"
)
_LISTS = (
    "<ol><li>Boil water<ul><li>fresh</li><li>cold</li></ul></li><li>Wait</li></ol>"
    '<ol start="3"><li>Pour</li></ol>'
)
_TABLE = (
    "<table><thead><tr><th>Tea</th><th>Minutes</th></tr></thead>"
    "<tbody><tr><td>Assam</td><td>4</td></tr><tr><td>Sencha</td><td>2</td></tr></tbody></table>"
)
_QUOTE_AND_RULE = (
    "<h2>Minutes</h2><blockquote><p>Tea is a right.</p></blockquote><hr><p>Agreed.</p>"
)
_CODE = (
    '<codeblock class="Python"><code>def tea():<br>&nbsp;&nbsp;&nbsp;&nbsp;return 4</code></codeblock>'
    "<p>and <code>tea()</code> within a line</p>"
)
_EMOJI = (
    '<p>Look <emoji id="1f440_eyes" alt="👀" title="Eyes"></emoji> '
    '<customemoji id="dGVhO2lk" alt="teapot" '
    f'source="{HOSTED}/dGVh/$value"></customemoji></p>'
)
_SPLIT = (
    '<p><at id="0">Ada</at>&nbsp;<at id="1">Lovelace</at>, please ask <at id="2">Everyone</at>; '
    '<at id="3">Cem</at> will help you.</p>'
)
_OTHERS = (
    '<p><at id="0">General</at>, <at id="1">Directorate</at>, <at id="2">Tea makers</at> and '
    '<at id="3">Deploy</at></p>'
)


def _conversation(key: str, name: str, kind: str) -> dict[str, object]:
    return {"id": key, "displayName": name, "conversationIdentityType": kind}


CASES = (
    Case(name="text", title="Plain text", message=said("The tea is ready.\n\nCome!", text=True)),
    Case(name="formatting", title="Formatting, colours, links", message=said(_RICH)),
    Case(name="lists", title="Lists, nested and numbered", message=said(_LISTS)),
    Case(name="table", title="A table", message=said(_TABLE)),
    Case(name="heading", title="Heading, quotation, line", message=said(_QUOTE_AND_RULE)),
    Case(name="code", title="Code", message=said(_CODE)),
    Case(name="emoji", title="Emoji, and an organisation's own", message=said(_EMOJI)),
    Case(
        name="mentions",
        title="Mentions: a person, word by word; everyone; a person with a Matrix account",
        message=said(
            _SPLIT,
            by=BEN,
            mentions=[
                mention(0, "Ada", user=user(ADA)),
                mention(1, "Lovelace", user=user(ADA)),
                mention(2, "Everyone", conversation=_conversation(CHAT, "Everyone", "chat")),
                mention(3, "Cem", user=user(CEM)),
            ],
        ),
    ),
    Case(
        name="mentions-of-groups",
        title="Mentions of a channel, a team, a tag and a bot",
        message=said(
            _OTHERS,
            by=BEN,
            mentions=[
                mention(0, "General", conversation=_conversation(CHANNEL, "General", "channel")),
                mention(1, "Directorate", conversation=_conversation(TEAM, "Directorate", "team")),
                mention(2, "Tea makers", tag={"id": "dGFn", "displayName": "Tea makers"}),
                mention(3, "Deploy", application={"id": BOT, "displayName": "Deploy"}),
            ],
        ),
    ),
    Case(
        name="answer",
        title="An answer",
        before=(QUESTION,),
        message=said(
            f'<attachment id="{EARLIER}"></attachment><p>I do.</p>',
            attachments=[_quote(EARLIER, "Who makes the tea?", BEN)],
        ),
    ),
    Case(
        name="quotations",
        title="An answer to several messages",
        before=(QUESTION,),
        message=said(
            f'<attachment id="{EARLIER}"></attachment><attachment id="{EARLIER + 1}"></attachment>'
            "<p>Both are right.</p>",
            attachments=[
                _quote(EARLIER, "Who makes the tea?", BEN),
                _quote(EARLIER + 1, "Nobody does", BEN),
            ],
        ),
    ),
    Case(
        name="forwarded",
        title="A forwarded message",
        message=said(
            '<p>For your information</p><attachment id="f1"></attachment>',
            attachments=[
                attached(
                    "forwardedMessageReference",
                    "f1",
                    {
                        "originalMessageId": str(EARLIER),
                        "originalMessageContent": "<p>Tea is at <strong>four</strong>.</p>",
                        "originalConversationId": "19:another@thread.v2",
                        "originalSentDateTime": "2025-11-20T15:30:00Z",
                        "originalMessageSender": {"user": user(BEN)},
                    },
                )
            ],
        ),
    ),
    Case(
        name="subject",
        title="Subject and importance",
        message=said("<p>The kettle is on fire.</p>", subject="Evacuation", importance="urgent"),
    ),
    Case(
        name="reply-in-a-channel",
        title="A reply in a channel",
        before=(
            said(
                "<p>Tea at four?</p>",
                by=BEN,
                number=EARLIER,
                chatId=None,
                channelIdentity={"teamId": TEAM, "channelId": CHANNEL},
            ),
        ),
        message=said(
            "<p>Gladly.</p>",
            chatId=None,
            replyToId=str(EARLIER),
            channelIdentity={"teamId": TEAM, "channelId": CHANNEL},
        ),
    ),
    Case(
        name="hostile",
        title="What wants to mislead or to run",
        message=said(
            '<p onclick="alert(1)">Click <a href="javascript:alert(1)">here</a>, or '
            '<a href="https://evil.example/">https://bank.example/</a>'
            '<script>alert(1)</script><img src="https://evil.example/pixel.gif" alt="smile"></p>'
        ),
    ),
)
