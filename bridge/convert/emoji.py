"""Reactions: what Teams calls an emoji, what the domain does, and back. Pure.

In the domain an emoji is Unicode without the variation selector U+FE0F: the networks put it where
they like, and it changes nothing of what is meant.
"""

from __future__ import annotations

import re

VARIATION_SELECTOR = "\ufe0f"

LEGACY = {
    "like": "👍",
    "heart": "❤",
    "laugh": "😆",
    "surprised": "😮",
    "sad": "😢",
    "angry": "😡",
}
"""Teams' first six reactions by the names that Graph still shows (learn.microsoft.com graph/api
resources/chatmessagereaction)."""

_PICTOGRAPHS = (
    "©®‼⁉™\u2139↔-↙↩↪⌨⏏⏭-⏯⏱⏲⏸-⏺Ⓜ▪▫▶◀◻◼☀-☄☎☑☘☝☠☢☣☦☪☮☯☸-☺♀♂♟♠♣♥♦♨♻♾⚒⚔-⚗⚙⚛⚜⚠⚧⚰⚱⛈⛏⛑⛓⛩⛰⛱⛴⛷-⛹✂✈✉✌✍✏✒✔✖✝✡✳✴❄❇❣❤"
    "➡⤴⤵⬅-⬇🅰🅱🅾🅿🌡🌤-🌬🌶🍽🎖🎗🎙-🎛🎞🎟🏋-🏎🏔-🏟🏳🏵🏷🐿👁📽🕉🕊🕯🕰🕳-🕹🖇🖊-🖍🖐🖥🖨🖱🖲🖼🗂-🗄🗑-🗓🗜-🗞🗡🗣🗨🗯🗳🗺🛋🛍-🛏🛠-🛥🛩🛰🛳"
)
"""What is a symbol of the text unless a selector, or a skin tone, makes it a picture: the emoji of
unicode.org emoji-variation-sequences.txt that are not wide."""
_TEXT_BY_DEFAULT = re.compile(f"(?:[{_PICTOGRAPHS}](?![🏻-🏿])|[0-9#*](?=\u20e3))")


def key_of(reaction: str) -> str:
    """The emoji that Teams means by a `reactionType`."""
    return LEGACY.get(reaction, reaction).replace(VARIATION_SELECTOR, "")


def reaction_of(key: str) -> str:
    """The `reactionType` of an emoji, written so that everyone shows a picture."""
    return _TEXT_BY_DEFAULT.sub(lambda found: found[0] + VARIATION_SELECTOR, key)
