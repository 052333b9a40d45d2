"""What a message says: a small tree between the two networks' dialects.

    nodes    the tree: `Body`, its blocks and what is within their lines
    cleaning what strangers wrote, without what misleads; recognising a text that was re-written
    addresses  which may be followed, and which words pretend to be another one
    text     plain text in and out
    normal   the one form of everything that looks the same
    codec    bodies in the journal's JSON
    parts    a body that is too large for a network, in parts that are not
    cutting  a tree in two
    rewriting  changing single leaves

Standard library only and pure: markup is the business of `bridge.convert`.
"""

from __future__ import annotations

from bridge.domain.content.addresses import LINK_SCHEMES, safe_href, unmasked
from bridge.domain.content.cleaning import TAB, clean, clean_name, clean_words, normalised
from bridge.domain.content.codec import from_json, to_json
from bridge.domain.content.nodes import (
    DEPTH_MAX,
    NAME_CHARS_MAX,
    URL_CHARS_MAX,
    Attachment,
    Block,
    Body,
    Bold,
    Card,
    Cell,
    Code,
    CodeBlock,
    Colour,
    Heading,
    Image,
    Inline,
    Italic,
    LineBreak,
    Link,
    List,
    MediaKind,
    Mention,
    Node,
    Paragraph,
    Quote,
    Rule,
    Strike,
    Styled,
    Subscript,
    Superscript,
    Table,
    Target,
    TargetKind,
    Text,
    Underline,
)
from bridge.domain.content.normal import normalise, safe_language
from bridge.domain.content.parts import Measure, split
from bridge.domain.content.rewriting import blocks_with_media, replaced, with_media
from bridge.domain.content.text import (
    STRETCH_CHARS_MAX,
    bare_text,
    children,
    from_text,
    label,
    mentions,
    plain_text,
    stretches,
    verbatim,
    walk,
)

__all__ = [
    "DEPTH_MAX",
    "LINK_SCHEMES",
    "NAME_CHARS_MAX",
    "STRETCH_CHARS_MAX",
    "TAB",
    "URL_CHARS_MAX",
    "Attachment",
    "Block",
    "Body",
    "Bold",
    "Card",
    "Cell",
    "Code",
    "CodeBlock",
    "Colour",
    "Heading",
    "Image",
    "Inline",
    "Italic",
    "LineBreak",
    "Link",
    "List",
    "Measure",
    "MediaKind",
    "Mention",
    "Node",
    "Paragraph",
    "Quote",
    "Rule",
    "Strike",
    "Styled",
    "Subscript",
    "Superscript",
    "Table",
    "Target",
    "TargetKind",
    "Text",
    "Underline",
    "bare_text",
    "blocks_with_media",
    "children",
    "clean",
    "clean_name",
    "clean_words",
    "from_json",
    "from_text",
    "label",
    "mentions",
    "normalise",
    "normalised",
    "plain_text",
    "replaced",
    "safe_href",
    "safe_language",
    "split",
    "stretches",
    "to_json",
    "unmasked",
    "verbatim",
    "walk",
    "with_media",
]
