"""Cases: files, pictures, cards."""

from __future__ import annotations

from tests.docs.gallery.building import ADA, CARD, HOSTED, Case, attached, card, said, user

SNIPPET = f"{HOSTED}/c25pcHBldA/$value"
SITE = "https://contoso.sharepoint.com/sites/Directorate"

_ADAPTIVE = {
    "type": "AdaptiveCard",
    "version": "1.5",
    "body": [
        {"type": "TextBlock", "text": "Approval", "size": "large", "weight": "bolder"},
        {
            "type": "FactSet",
            "facts": [
                {"title": "Amount", "value": "12 €"},
                {"title": "Asked by", "value": "**Ada**"},
            ],
        },
        {
            "type": "ColumnSet",
            "columns": [
                {"type": "Column", "items": [{"type": "TextBlock", "text": "left"}]},
                {"type": "Column", "items": [{"type": "TextBlock", "text": "right"}]},
            ],
        },
        {"type": "Input.Text", "id": "why", "label": "Why?"},
    ],
    "actions": [
        {"type": "Action.OpenUrl", "title": "Open", "url": "https://example.org/1"},
        {"type": "Action.Submit", "title": "Approve"},
    ],
}
_POLL = {
    "type": "AdaptiveCard",
    "version": "1.4",
    "body": [
        {"type": "TextBlock", "text": "Which tea?", "weight": "bolder"},
        {
            "type": "Input.ChoiceSet",
            "id": "choice",
            "style": "expanded",
            "choices": [{"title": "Assam", "value": "a"}, {"title": "Sencha", "value": "s"}],
        },
    ],
    "actions": [{"type": "Action.Submit", "title": "Vote"}],
}
_HERO = {
    "title": "Tea room",
    "subtitle": "open now",
    "text": "Second floor",
    "images": [{"url": "https://example.org/tea.png", "alt": "a teapot"}],
    "buttons": [{"type": "openUrl", "title": "Find it", "value": "https://example.org/map"}],
}
_LIST = {
    "title": "Teas",
    "items": [
        {"type": "resultItem", "title": "Assam", "subtitle": "black"},
        {"type": "resultItem", "title": "Sencha", "subtitle": "green"},
    ],
}
_CONNECTOR = {
    "@type": "MessageCard",
    "@context": "https://schema.org/extensions",
    "title": "Build failed",
    "text": "The kettle is **cold**.",
    "sections": [{"facts": [{"name": "Branch", "value": "main"}]}],
    "potentialAction": [
        {
            "@type": "OpenUri",
            "name": "Look",
            "targets": [{"os": "default", "uri": "https://example.org/b/1"}],
        }
    ],
}
_ANNOUNCEMENT = {
    "title": "Tea time",
    "cardimagetype": "colorTheme",
    "cardimagedetails": '{"colorTheme":"periwinkleBlue"}',
}


def _file(name: str, key: str = "f1") -> dict[str, object]:
    url = f"{SITE}/Shared%20Documents/{name}"
    return attached("reference", key, contentUrl=url, name=name)


CASES = (
    Case(
        name="picture",
        title="A picture between two texts",
        message=said(
            f'<p>Before</p><p><img src="{HOSTED}/cGlj/$value" width="320" height="200" '
            'alt="a teapot"></p><p>and after it.</p>'
        ),
    ),
    Case(
        name="pictures",
        title="Several pictures",
        message=said(
            "".join(
                f'<img src="{HOSTED}/cGlj{n}/$value" width="64" height="64" alt="cup {n}">'
                for n in (1, 2)
            )
        ),
    ),
    Case(
        name="file",
        title="A file with a text",
        message=said(
            '<p>The minutes</p><attachment id="f1"></attachment>',
            attachments=[_file("Minutes.docx")],
        ),
    ),
    Case(
        name="gif",
        title="A picture that lies elsewhere",
        message=said(
            '<p><img src="https://media.giphy.com/media/tea/giphy.gif" alt="Tea (GIF)"></p>'
        ),
    ),
    Case(
        name="snippet",
        title="A code snippet",
        known={SNIPPET: "def tea() -> int:\n    return 4\n"},
        message=said(
            '<attachment id="s1"></attachment>',
            attachments=[
                attached(
                    f"{CARD}codesnippet",
                    "s1",
                    {"name": "tea.py", "language": "Python", "codeSnippetUrl": SNIPPET},
                )
            ],
        ),
    ),
    Case(name="adaptive", title="An adaptive card", message=card("adaptive", _ADAPTIVE)),
    Case(name="poll", title="A poll", message=card("adaptive", _POLL)),
    Case(name="hero", title="A hero card", message=card("hero", _HERO)),
    Case(name="thumbnail", title="A thumbnail card", message=card("thumbnail", _HERO)),
    Case(name="list-card", title="A list card", message=card("list", _LIST)),
    Case(
        name="connector",
        title="A card of a connector",
        message=card("application/vnd.microsoft.teams.card.o365connector", _CONNECTOR),
    ),
    Case(name="announcement", title="An announcement", message=card("announcement", _ANNOUNCEMENT)),
    Case(
        name="loop",
        title="A Loop component",
        message=said(
            '<attachment id="l1"></attachment>',
            attachments=[
                attached(
                    f"{CARD}fluidEmbedCard",
                    "l1",
                    {"componentUrl": f"{SITE}/plan.loop", "sourceType": "Compose"},
                    contentUrl=f"{SITE}/plan.loop",
                    name="Plan.loop",
                )
            ],
        ),
    ),
    Case(
        name="meeting",
        title="A meeting",
        message=said(
            '<attachment id="m1"></attachment>',
            attachments=[
                attached(
                    "meetingReference",
                    "m1",
                    {"meetingJoinUrl": "https://teams.microsoft.com/l/meetup-join/1"},
                    name="Tea party",
                )
            ],
        ),
    ),
    Case(
        name="unknown",
        title="Something that the bridge does not know",
        message=card(
            "application/vnd.contoso.teapot", {"title": "Teapot", "text": "short and stout"}
        ),
    ),
    Case(
        name="reactions",
        title="Reactions",
        message=said(
            "<p>Tea is ready.</p>",
            reactions=[
                {
                    "reactionType": kind,
                    "displayName": name,
                    "createdDateTime": "2025-11-21T10:01:00Z",
                    "user": {"application": None, "device": None, "user": user(ADA)},
                }
                for kind, name in (("like", "Like"), ("🫖", "Teapot"), ("custom", "cuppa"))
            ],
        ),
    ),
)
