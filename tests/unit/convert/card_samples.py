"""Cards as Teams has them, with what is to be read of them.

The shapes are those of Microsoft's documentation: adaptivecards.io/explorer, learn.microsoft.com
microsoftteams/platform/task-modules-and-cards/cards/cards-reference, graph/teams-messaging-overview,
graph/api/chatmessage-post, outlook/actionable-messages/message-card-reference, azure/bot-service
bot-framework-rest-connector-api-reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_CARD = "application/vnd.microsoft.card."
_TEAMS = "application/vnd.microsoft.teams."
ADAPTIVE = _CARD + "adaptive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A card, its text as a reader without HTML sees it, and what is lost of it."""

    name: str
    kind: str
    content: object
    text: str
    losses: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=dict)


def _adaptive(
    name: str, *body: object, text: str, losses: tuple[str, ...] = (), **more: object
) -> Sample:
    content = {"type": "AdaptiveCard", "version": "1.6", "body": list(body), **more}
    return Sample(name=name, kind=ADAPTIVE, content=content, text=text, losses=losses)


def _text(text: str, **more: object) -> dict[str, object]:
    return {"type": "TextBlock", "text": text, **more}


_OPEN = {"type": "Action.OpenUrl", "title": "Open", "url": "https://tea.example/1"}
_HOSTED = "https://graph.microsoft.com/v1.0/chats/c/messages/1/hostedContents/aWQ9/$value"

_ELEMENTS = (
    _adaptive("texts", _text("Title", style="heading"), _text("Large", size="Large"),
              _text("Bold", weight="Bolder"), _text("x = 1", fontType="Monospace"), _text("plain"),
              text="Title\n\nLarge\n\nBold\n\nx = 1\n\nplain"),
    _adaptive("rich text", {"type": "RichTextBlock", "inlines": [
        "plain, ", {"type": "TextRun", "text": "bold", "weight": "Bolder"}, " ",
        {"type": "TextRun", "text": "a link", "selectAction": _OPEN},
        {"type": "TextRun", "text": "!", "italic": True, "strikethrough": True, "underline": True}]},
        text="plain, bold a link (https://tea.example/1)~~!~~"),
    _adaptive("picture", {"type": "Image", "url": "https://x.example/a.png", "altText": "A cup"},
              {"type": "Image", "url": _HOSTED, "altText": "Hosted"},
              {"type": "Image", "url": "https://x.example/b.png", "altText": "B", "selectAction": _OPEN},
              text="[image: A cup] (https://x.example/a.png)\n\n[image: Hosted]\n\n"
                   "[image: B] (https://tea.example/1)"),
    _adaptive("embedded picture", {"type": "Image", "url": "data:image/png;base64,AAAA", "altText": "x"},
              text="[image: x]", losses=("card_images",)),
    _adaptive("pictures", {"type": "ImageSet", "images": [
        {"type": "Image", "url": "https://x.example/a"}, {"type": "Image", "url": "https://x.example/b"}]},
        text="[image] (https://x.example/a) [image] (https://x.example/b)"),
    _adaptive("recording", {"type": "Media", "poster": "https://x.example/p.png", "altText": "How to brew",
                            "sources": [{"mimeType": "video/mp4", "url": "https://x.example/v.mp4"}]},
              text="[image] (https://x.example/p.png)\n\n[video: How to brew] (https://x.example/v.mp4)"),
    _adaptive("recording without address", {"type": "Media", "altText": "How to brew"},
              text="[How to brew]", losses=("card_media",)),
    _adaptive("facts", {"type": "FactSet", "facts": [
        {"title": "Amount", "value": "**12** £"}, {"title": "By:", "value": "Ada"}]},
        text="Amount: 12 £\nBy: Ada"),
    _adaptive("containers", {"type": "Container", "items": [
        _text("outer"), {"type": "Container", "items": [_text("inner")], "selectAction": _OPEN}]},
        text="outer\n\ninner\n\nOpen (https://tea.example/1)"),
    _adaptive("columns of a line", {"type": "ColumnSet", "columns": [
        {"type": "Column", "items": [_text("Left")]}, {"type": "Column", "items": [_text("Right")]}]},
        text="Left · Right"),
    _adaptive("columns", {"type": "ColumnSet", "columns": [
        {"type": "Column", "items": [{"type": "Image", "url": "https://x.example/a", "altText": "a"}]},
        {"type": "Column", "items": [_text("one"), _text("two")]}]},
        text="[image: a] (https://x.example/a)\n\none\n\ntwo"),
    _adaptive("table", {"type": "Table", "columns": [{"width": 1}, {"width": 1}], "rows": [
        {"type": "TableRow", "cells": [{"type": "TableCell", "items": [_text("Tea")]},
                                       {"type": "TableCell", "items": [_text("Price")]}]},
        {"type": "TableRow", "cells": [{"type": "TableCell", "items": [_text("Assam")]},
                                       {"type": "TableCell", "items": [_text("2 £")]}]}]},
        text="Tea | Price\n--- | ---\nAssam | 2 £"),
    _adaptive("pages", {"type": "Carousel", "pages": [
        {"type": "CarouselPage", "items": [_text("one")]}, {"type": "CarouselPage", "items": [_text("two")]}]},
        text="one\n\ntwo"),
    _adaptive("hidden", _text("shown"), _text("hidden at first", isVisible=False),
              actions=[{"type": "Action.ToggleVisibility", "title": "More", "targetElements": ["x"]}],
              text="shown\n\n> hidden at first\n\n[More]", losses=("card_toggle",)),
    _adaptive("buttons", _text("?"), actions=[
        _OPEN, {"type": "Action.Submit", "title": "Yes"}, {"type": "Action.Execute", "title": "No"},
        {"type": "Action.Submit", "title": "Sign in",
         "data": {"msteams": {"type": "signin", "value": "https://tea.example/login"}}}],
        text="?\n\nOpen (https://tea.example/1) · Sign in (https://tea.example/login)\n\n[Yes] [No]",
        losses=("action_buttons",)),
    _adaptive("only links", _text("?"), {"type": "ActionSet", "actions": [_OPEN]},
              text="?\n\nOpen (https://tea.example/1)"),
    _adaptive("card that a button shows", _text("?"), actions=[
        {"type": "Action.ShowCard", "title": "Comment", "card": {"type": "AdaptiveCard", "body": [
            {"type": "Input.Text", "id": "c", "label": "Why", "placeholder": "because …"}]}}],
        text="?\n\nComment\n\n> Why: because …", losses=("card_inputs",)),
    _adaptive("fields", {"type": "Input.Text", "id": "a", "label": "Name", "value": "Ada"},
              {"type": "Input.Date", "id": "b", "label": "Day", "value": "2026-03-02"},
              {"type": "Input.Number", "id": "n"},
              {"type": "Input.Toggle", "id": "c", "title": "Milk", "value": "true"},
              {"type": "Input.ChoiceSet", "id": "d", "label": "Tea?", "value": "2", "choices": [
                  {"title": "Green", "value": "1"}, {"title": "Black", "value": "2"}]},
              {"type": "Input.ChoiceSet", "id": "e", "isMultiSelect": True, "value": "1,2", "choices": [
                  {"title": "Sugar", "value": "1"}, {"title": "Lemon", "value": "3"}]},
              text="Name: Ada\n\nDay: 2026-03-02\n\nn: …\n\n☑ Milk\n\nTea?\n\n• ○ Green\n• ◉ Black\n\n"
                   "• ☑ Sugar\n• ☐ Lemon", losses=("card_inputs",)),
    _adaptive("what Teams adds", {"type": "Badge", "text": "New"},
              {"type": "CodeBlock", "codeSnippet": "x = 1\ny = 2", "language": "Python"},
              {"type": "CompoundButton", "title": "Go", "description": "there"},
              {"type": "ProgressBar", "label": "Done", "value": 40},
              {"type": "Rating", "value": 3.5, "count": 7}, {"type": "Icon", "name": "Calendar"},
              {"type": "Component", "name": "graph.microsoft.com/users", "properties": {
                  "users": [{"displayName": "Ada"}, {"userPrincipalName": "b@x.example"}]}},
              text="New\n\n```python\nx = 1\ny = 2\n```\n\nGo\n\nthere\n\nDone: 40 of 100\n\n★ 3.5 of 5 (7)\n\nCalendar\n\n"
                   "Ada, b@x.example", losses=("action_buttons",)),
    _adaptive("chart", {"type": "Chart.Donut", "title": "Tea", "data": [
        {"legend": "Green", "value": 3}, {"legend": "Black", "value": 5}]},
        {"type": "Chart.Line", "data": [{"legend": "2026", "values": [{"x": "Jan", "y": 1}]}]},
        text="Tea\n\nGreen: 3\nBlack: 5\n\n2026:\nJan: 1", losses=("card_charts",)),
    _adaptive("unknown element", {"type": "Hologram", "text": "deep", "url": "https://x.example/h"},
              text="deep\n\nhttps://x.example/h", losses=("card_elements",)),
    _adaptive("renewed", _text("for you"), refresh={"action": {"type": "Action.Execute", "verb": "r"}},
              text="for you", losses=("card_refresh",)),
    _adaptive("sign-in of a card", _text("?"), authentication={"text": "Please sign in", "buttons": [
        {"type": "signin", "title": "Sign in", "value": "https://tea.example/login"}]},
        text="?\n\nPlease sign in\n\nSign in (https://tea.example/login)"),
    _adaptive("spoken only", text="Seahawks beat Panthers 40-7",
              speak="<speak>Seahawks beat <break/>Panthers 40-7</speak>"),
    _adaptive("too old a reader", text="Get a newer Teams", fallbackText="Get a newer Teams"),
)  # fmt: skip

_APPS = (
    _adaptive("praise",  # graph/teams-messaging-overview
        {"type": "Container", "items": [
            {"items": [], "type": "Container"},
            {"altText": "Awesome", "type": "Image",
             "url": "https://praise.cdn.office.net/assets/emojis/Trophy_Icon.png"},
            _text("Awesome", size="large", weight="lighter"),
            _text("Test User 1", size="large", weight="bolder"),
            _text("From Test User 2", size="small")],
         "backgroundImage": {"url": "https://praise.cdn.office.net/assets/themes/C.png"}},
        {"type": "ColumnSet", "columns": [
            {"type": "Column", "items": [_text("**[Review your praise history](https://teams.microsoft.com/l/e)**")]},
            {"type": "Column", "items": [_text("**[Send praise](https://teams.microsoft.com/l/task/d)**")]}]},
        speak="Praise card sent from Test User 2 to Test User 1. Awesome, with message ",
        text="[image: Awesome] (https://praise.cdn.office.net/assets/emojis/Trophy_Icon.png)\n\nAwesome\n\n"
             "Test User 1\n\nFrom Test User 2\n\n"
             "Review your praise history (https://teams.microsoft.com/l/e) · "
             "Send praise (https://teams.microsoft.com/l/task/d)"),
    _adaptive("poll", _text("Which tea?", weight="Bolder"),
        {"type": "Input.ChoiceSet", "id": "q1", "style": "expanded", "choices": [
            {"title": "Green", "value": "0"}, {"title": "Black", "value": "1"}]},
        _text("3 votes", isSubtle=True), actions=[{"type": "Action.Execute", "title": "Submit vote"}],
        text="Which tea?\n\n• ○ Green\n• ○ Black\n\n3 votes\n\n[Submit vote]",
        losses=("action_buttons", "card_inputs")),
    _adaptive("task", _text("Buy tea", weight="Bolder"), {"type": "FactSet", "facts": [
        {"title": "Due", "value": "{{DATE(2026-03-02T00:00:00Z, SHORT)}}"}, {"title": "Plan", "value": "Tea"}]},
        actions=[{"type": "Action.OpenUrl", "title": "View task", "url": "https://tasks.office.com/x"}],
        text="Buy tea\n\nDue: Mon, 2 Mar 2026\nPlan: Tea\n\nView task (https://tasks.office.com/x)"),
)  # fmt: skip

_BUTTON = {"type": "openUrl", "title": "More", "value": "https://tea.example"}
_SIMPLE = {"title": "Tea", "subtitle": "hot", "text": "Come <b>now</b>"}

_OTHERS = (
    Sample(name="hero", kind=_CARD + "hero",
           content={**_SIMPLE, "images": [{"url": "https://x.example/a", "alt": "A cup"}],
                    "buttons": [_BUTTON, {"type": "imBack", "title": "Say", "value": "tea"}],
                    "tap": {"type": "openUrl", "title": "Everything", "value": "https://tea.example/all"}},
           text="Tea\n\nhot\n\n[image: A cup] (https://x.example/a)\n\nCome now\n\n"
                "More (https://tea.example)\n\n[Say]\n\nEverything (https://tea.example/all)",
           losses=("action_buttons",)),
    Sample(name="thumbnail", kind=_CARD + "thumbnail",  # graph/api/chatmessage-post example 3
           content={"title": "This is an example of posting a card", "subtitle": "<h3>The subtitle</h3>",
                    "text": "Body <br>\r\nAnd a <a href=\"http://microsoft.com/\">hyperlink</a>.",
                    "buttons": [{"type": "messageBack", "title": "Login to FakeBot", "text": "login",
                                 "displayText": "login", "value": "login"}]},
           text="This is an example of posting a card\n\nThe subtitle\n\n"
                "Body\nAnd a hyperlink (http://microsoft.com/).\n\n[Login to FakeBot]",
           losses=("action_buttons",)),
    Sample(name="list", kind=_TEAMS + "card.list",
           content={"title": "Card title", "items": [
               {"type": "section", "title": "Files"},
               {"type": "file", "id": "https://contoso.sharepoint.com/x.pptx", "title": "Report",
                "subtitle": "teams > new"},
               {"type": "section", "title": "People"},
               {"type": "resultItem", "icon": "https://x.example/i", "title": "Trello", "subtitle": "A card",
                "tap": {"type": "openUrl", "value": "http://trello.com"}},
               {"type": "person", "id": "a@b.example", "title": "Ada", "subtitle": "Owner",
                "tap": {"type": "imBack", "value": "whois"}}],
               "buttons": [{"type": "imBack", "title": "Select", "value": "whois"}]},
           text="Card title\n\nFiles\n\n• Report (https://contoso.sharepoint.com/x.pptx)\n  teams > new\n\n"
                "People\n\n• Trello (http://trello.com)\n  A card\n• Ada\n  Owner\n\n[Select]",
           losses=("action_buttons",)),
    Sample(name="receipt", kind=_CARD + "receipt",
           content={"title": "John Doe", "facts": [{"key": "Order", "value": "1234"}],
                    "items": [{"title": "Data Transfer", "price": "$ 38.45", "quantity": "368",
                               "image": {"url": "https://x.example/i.png"}}],
                    "tax": "$ 7.50", "total": "$ 90.95", "buttons": [_BUTTON]},
           text="John Doe\n\nOrder: 1234\n\nItem | Quantity | Price\n--- | --- | ---\nData Transfer | 368 | $ 38.45\n\n"
                "Tax: $ 7.50\nTotal: $ 90.95\n\nMore (https://tea.example)"),
    Sample(name="sign-in", kind=_CARD + "signin",
           content={"text": "Please sign in", "buttons": [
               {"type": "signin", "title": "Sign in", "value": "https://login.example/x"}]},
           text="Please sign in\n\nSign in (https://login.example/x)"),
    Sample(name="OAuth", kind=_CARD + "oauth",
           content={"text": "Please sign in", "connectionName": "c", "buttons": [
               {"type": "signin", "title": "Sign in", "value": ""}]},
           text="Please sign in\n\n[Sign in]", losses=("action_buttons",)),
    *(Sample(name=kind, kind=_CARD + kind,
             content={**_SIMPLE, "image": {"url": "https://x.example/p"}, "duration": "PT2M",
                      "media": [{"url": "https://x.example/m", "profile": "small"}]},
             text="Tea\n\nhot\n\n[image] (https://x.example/p)\n\nCome now\n\n"
                  f"[{'audio' if kind == 'audio' else 'video'}: small] (https://x.example/m)")
      for kind in ("animation", "audio", "video")),
    Sample(name="connector", kind=_TEAMS + "card.o365connector",  # message-card-reference
           content={"@type": "MessageCard", "@context": "https://schema.org/extensions",
                    "themeColor": "0076D7", "summary": "Larry created a new task", "sections": [{
                        "activityTitle": "Larry created **a task**", "activitySubtitle": "On Project Tango",
                        "activityImage": "https://x.example/l.png",
                        "facts": [{"name": "Assigned to", "value": "Unassigned"},
                                  {"name": "Due date", "value": "Mon May 01 2017"}], "markdown": True},
                        {"startGroup": True, "title": "Pictures", "text": "see <b>these</b>",
                         "images": [{"image": "https://x.example/1", "title": "one"}]}],
                    "potentialAction": [
                        {"@type": "ActionCard", "name": "Add a comment", "inputs": [], "actions": []},
                        {"@type": "HttpPOST", "name": "Close", "target": "https://x.example/close"},
                        {"@type": "OpenUri", "name": "Learn more",
                         "targets": [{"os": "default", "uri": "https://x.example/more"}]},
                        {"@type": "ViewAction", "name": "View", "target": ["https://x.example/view"]}]},
           text="[image] (https://x.example/l.png)\n\nLarry created a task\nOn Project Tango\n\n"
                "Assigned to: Unassigned\nDue date: Mon May 01 2017\n\n---\n\nPictures\n\nsee these\n\n"
                "[image: one] (https://x.example/1)\n\n"
                "Learn more (https://x.example/more) · View (https://x.example/view)\n\n"
                "[Add a comment] [Close]", losses=("action_buttons", "card_inputs")),
    Sample(name="connector with a summary", kind=_TEAMS + "card.o365connector",
           content={"@type": "MessageCard", "summary": "Something happened"}, text="Something happened"),
    Sample(name="announcement", kind=_TEAMS + "messaging-announcementBanner",  # graph/api/chatmessage-post
           content={"title": "Announcement heading", "cardImageType": "uploadedImage", "cardImageDetails": {
               "uploadedImageDetail": {"originalImage": {"source": "https://x.example/o", "width": 1379},
                                       "croppedImage": {"source": _HOSTED}}}},
           text="Announcement heading\n\n[image: announcement]"),
    Sample(name="coloured announcement", kind=_CARD + "announcement",
           content={"title": "Tea time", "subTitle": "at four", "cardimagetype": "colorTheme",
                    "cardimagedetails": '{"colorTheme":"periwinkleBlue"}'},
           text="Tea time\n\nat four"),
    Sample(name="Loop", kind=_CARD + "fluidEmbedCard",
           content={"componentUrl": "https://c-my.sharepoint.com/:fl:/g/x?nav=y", "sourceType": "Compose"},
           text="🔁 Loop component (https://c-my.sharepoint.com/:fl:/g/x?nav=y)", losses=("loop_live_content",)),
    Sample(name="meeting", kind="meetingReference", more={"name": "Testing channel meeting"},
           content={"exchangeId": "AAMkAGU2NzgzNDQ3", "organizerId": "8ea0e38b-efb3-4757-924a-5f94061cf8c2"},
           text="📅 Testing channel meeting"),
    Sample(name="meeting with a link", kind="meetingReference", more={"name": "Tea party"},
           content={"meetingJoinUrl": "https://teams.microsoft.com/l/meet"},
           text="📅 Tea party (https://teams.microsoft.com/l/meet)"),
    Sample(name="tab", kind="tabReference", content=None,
           more={"name": "Bing", "page": "https://teams.microsoft.com/l/entity/tab"},
           text="Tab: Bing (https://teams.microsoft.com/l/entity/tab)"),
    Sample(name="unknown", kind=_CARD + "hologram",
           content={"depth": 3, "title": "Ship", "layers": [{"text": "hull", "url": "https://x.example/h"}]},
           text="hologram card\n\nShip\n\nhull\n\nhttps://x.example/h", losses=("unknown_card",)),
    Sample(name="unknown, silent", kind="application/x-future", content={"depth": 3}, text="x-future",
           losses=("unknown_card",)),
    Sample(name="no JSON", kind=ADAPTIVE, content="{broken", text="adaptive card", losses=("unreadable_card",)),
    Sample(name="a text", kind=ADAPTIVE, content="hello", text="adaptive card\n\nhello",
           losses=("unreadable_card",)),
    Sample(name="nothing", kind=ADAPTIVE, content={}, text="[adaptive card]"),
)  # fmt: skip

CARDS = (*_ELEMENTS, *_APPS, *_OTHERS)
