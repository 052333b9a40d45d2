"""What an imagined message says: short and long, plain and marked up, with emoji and mentions.

The forms are those that a Teams client sends: `<p>`, `<emoji>`, `<at>`, lists, code, links.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from bridge.sandbox.tenant import mentions
from bridge.sandbox.tenant.crowd.draw import mix, pick
from bridge.sandbox.tenant.crowd.words import EMOJI, LANGUAGES, TOPICS
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Content, User

HOURS = (8, 18)
"""Between which hours people meet."""
PLAIN_SHARE, MENTION_SHARE, EMOJI_SHARE, MARKUP_SHARE = 20, 8, 12, 10
"""Per cent: plain text; with a mention; with an emoji; with a list, code, a link or bold type."""
OWN_LANGUAGE_SHARE = 90
"""Per cent of a conversation's messages in its own language."""
IMPORTANT_SHARE = 1
"""Per cent, of high importance and of urgent ones each."""
_LANGUAGES = tuple(LANGUAGES.values())


def compose(tenant: Tenant, place: int, number: int, people: Sequence[User]) -> Content:
    """The content of a message; `place` and `number` are numbers of `mix`."""
    phrase = html.escape(_phrase(place, number), quote=False)
    importance = {0: "high", 1: "urgent"}.get(mix(number, 1) % 100 // IMPORTANT_SHARE, "normal")
    form = mix(number, 2) % 100
    if form < PLAIN_SHARE:
        return Content(kind="text", text=html.unescape(phrase), importance=importance)
    form -= PLAIN_SHARE
    if form < MENTION_SHARE and people:
        return _mention(tenant, pick(people, mix(number, 3)), phrase, importance)
    form -= MENTION_SHARE
    if form < EMOJI_SHARE:
        key, char, title = pick(EMOJI, mix(number, 4))
        phrase += f' <emoji id="{key}" alt="{char}" title="{title}"></emoji>'
    elif form < EMOJI_SHARE + MARKUP_SHARE:
        phrase = _marked_up(phrase, number)
    text = phrase if phrase.startswith("<ul>") else f"<p>{phrase}</p>"
    return Content(text=text, importance=importance)


def topic(number: int) -> str:
    """What a chat is called."""
    return f"{pick(TOPICS, number)} {number >> 8 & 0xFF}"


def _phrase(place: int, number: int) -> str:
    own = mix(number, 5) % 100 < OWN_LANGUAGE_SHARE
    phrases = pick(_LANGUAGES, mix(place if own else number, 6))
    first, last = HOURS
    hour = first + number % (last - first)
    return pick(phrases, number >> 16).format(topic=pick(TOPICS, number >> 24), hour=hour)


def _mention(tenant: Tenant, user: User, phrase: str, importance: str) -> Content:
    name = html.escape(user.display_name, quote=False)
    return Content(
        text=f'<p><at id="0">{name}</at>&nbsp;{phrase}</p>',
        importance=importance,
        mentions=[mentions.of_user(tenant, 0, user.display_name, user)],
    )


def _marked_up(phrase: str, number: int) -> str:
    match mix(number, 7) % 4:
        case 0:
            return f"<strong>{phrase}</strong>"
        case 1:
            return f"<ul>\n<li>{phrase}</li>\n<li><em>{number % 1000}</em></li>\n</ul>"
        case 2:
            return f"{phrase} <code>make test-{number % 100}</code>"
        case _:
            return f'{phrase} <a href="https://wiki.example/{number % 10_000}">wiki</a>'
