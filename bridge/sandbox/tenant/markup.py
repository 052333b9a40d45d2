"""What Teams does to the HTML it is given.

The documentation has no list of what survives ("certain elements like <div> and inline styles may
not function as intended", learn.microsoft.com graph/api chatmessage-post), so both ways can be
played: unknown attributes are stripped, or they are kept.
"""

from __future__ import annotations

import re

import nh3

_TAGS = frozenset(
    [
        "a",
        "at",
        "attachment",
        "b",
        "blockquote",
        "br",
        "code",
        "codeblock",
        "customemoji",
        "div",
        "em",
        "emoji",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "s",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
        "systemeventmessage",
    ]
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "at": {"id"},
    "attachment": {"id"},
    "emoji": {"id", "alt", "title"},
    "customemoji": {"id", "alt", "source"},
    "img": {"src", "alt", "width", "height", "style", "itemid", "itemscope", "itemtype"},
    "span": {"style", "itemid", "itemscope", "itemtype"},
    "codeblock": {"class"},
    "li": {"value"},
    "ol": {"start"},
    "table": {"itemprop"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_MENTION = re.compile(r'<at id="(\d+)">')
_ATTACHMENT = re.compile(r'<attachment id="([^"]*)">')


def clean(html: str, *, keep_unknown_attributes: bool) -> str:
    """The HTML as the tenant stores it."""
    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        generic_attribute_prefixes={""} if keep_unknown_attributes else None,
        link_rel=None,
        url_schemes={"http", "https", "mailto", "tel"},
    )


def mention_ids(html: str) -> set[int]:
    """The numbers of the `<at>` markers."""
    return {int(found) for found in _MENTION.findall(html)}


def attachment_ids(html: str) -> set[str]:
    """The ids of the `<attachment>` markers."""
    return set(_ATTACHMENT.findall(html))
