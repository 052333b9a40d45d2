"""Colours as strangers write them -> `#rrggbb`, or nothing. Pure, total.

A colour of letters that is nearly black or nearly white is no colour but what the writer's client
shows all text in: Teams copies `color: rgb(36, 36, 36)` out of its light theme and `rgb(255, 255,
255)` out of its dark one, Word and Outlook write black; kept, it could not be read in a client of
the other theme. The same goes for a nearly white or nearly black ground. On a ground of another
colour (a highlight) even black letters are meant, and kept.
"""

from __future__ import annotations

import re

GREY_SPREAD_MAX = 16
"""Between the strongest and the weakest of red, green and blue: up to so much is grey."""
DARK_MAX = 0x45
LIGHT_MIN = 0xD0
"""Greys that a theme of Teams uses for its text and its ground are darker, or lighter, than these."""

Rgb = tuple[int, int, int]

_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_FUNCTION = re.compile(r"rgba?\(\s*([^()]{5,80}?)\s*\)")
_NUMBERS = re.compile(r"[0-9]{1,4}(?:\.[0-9]{0,6})?%?|\.[0-9]{1,6}")
_VALUES = (3, 4)


def colour(written: str) -> Rgb | None:
    """A colour of CSS Color 4 (names, hex, `rgb()`); None for one that cannot be seen, or is none."""
    text = written.strip().lower()
    found = _HEX.fullmatch(text)
    if found is not None:
        return _of_hex(found[1])
    found = _FUNCTION.fullmatch(text)
    if found is not None:
        return _of_numbers(_NUMBERS.findall(found[1]))
    return _of_hex(_NAMES[text]) if text in _NAMES else None


def ink_and_paper(ink: str, paper: str) -> tuple[str, str]:
    """What is kept of the colours of letters and ground, each as `#rrggbb` or nothing."""
    letters, ground = colour(ink), colour(paper)
    if ground is not None and is_a_themes_own(ground):
        ground = None
    if letters is not None and ground is None and is_a_themes_own(letters):
        letters = None
    return _hex(letters), _hex(ground)


def is_a_themes_own(rgb: Rgb) -> bool:
    """Whether a theme shows its text, or its ground, in this."""
    strongest, weakest = max(rgb), min(rgb)
    is_grey = strongest - weakest <= GREY_SPREAD_MAX
    return is_grey and (strongest <= DARK_MAX or weakest >= LIGHT_MIN)


def _of_hex(digits: str) -> Rgb | None:
    if len(digits) <= max(_VALUES):
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue, *opacity = bytes.fromhex(digits)
    return None if opacity == [0] else (red, green, blue)


def _of_numbers(numbers: list[str]) -> Rgb | None:
    if len(numbers) not in _VALUES:
        return None
    red, green, blue = (_channel(number) for number in numbers[:3])
    if len(numbers) == max(_VALUES) and float(numbers[3].rstrip("%")) == 0:
        return None
    return red, green, blue


def _channel(number: str) -> int:
    value = float(number.removesuffix("%"))
    return min(round(value * 2.55 if number.endswith("%") else value), 255)


def _hex(rgb: Rgb | None) -> str:
    return "" if rgb is None else "#{:02x}{:02x}{:02x}".format(*rgb)


_NAMES: dict[str, str] = dict(
    zip(*[iter(
        ["aliceblue", "f0f8ff", "antiquewhite", "faebd7", "aqua", "00ffff", "aquamarine", "7fffd4", "azure", "f0ffff", "beige", "f5f5dc", "bisque", "ffe4c4", "black", "000000", "blanchedalmond", "ffebcd", "blue", "0000ff", "blueviolet", "8a2be2", "brown", "a52a2a", "burlywood", "deb887", "cadetblue", "5f9ea0", "chartreuse", "7fff00", "chocolate", "d2691e", "coral", "ff7f50", "cornflowerblue", "6495ed", "cornsilk", "fff8dc", "crimson", "dc143c", "cyan", "00ffff", "darkblue", "00008b", "darkcyan", "008b8b", "darkgoldenrod", "b8860b", "darkgray", "a9a9a9", "darkgreen", "006400", "darkgrey", "a9a9a9", "darkkhaki", "bdb76b", "darkmagenta", "8b008b", "darkolivegreen", "556b2f", "darkorange", "ff8c00", "darkorchid", "9932cc", "darkred", "8b0000", "darksalmon", "e9967a", "darkseagreen", "8fbc8f", "darkslateblue", "483d8b", "darkslategray", "2f4f4f", "darkslategrey", "2f4f4f", "darkturquoise", "00ced1", "darkviolet", "9400d3", "deeppink", "ff1493", "deepskyblue", "00bfff", "dimgray", "696969", "dimgrey", "696969", "dodgerblue", "1e90ff", "firebrick", "b22222", "floralwhite", "fffaf0", "forestgreen", "228b22", "fuchsia", "ff00ff", "gainsboro", "dcdcdc", "ghostwhite", "f8f8ff", "gold", "ffd700", "goldenrod", "daa520", "gray", "808080", "green", "008000", "greenyellow", "adff2f", "grey", "808080", "honeydew", "f0fff0", "hotpink", "ff69b4", "indianred", "cd5c5c", "indigo", "4b0082", "ivory", "fffff0", "khaki", "f0e68c", "lavender", "e6e6fa", "lavenderblush", "fff0f5", "lawngreen", "7cfc00", "lemonchiffon", "fffacd", "lightblue", "add8e6", "lightcoral", "f08080", "lightcyan", "e0ffff", "lightgoldenrodyellow", "fafad2", "lightgray", "d3d3d3", "lightgreen", "90ee90", "lightgrey", "d3d3d3", "lightpink", "ffb6c1", "lightsalmon", "ffa07a", "lightseagreen", "20b2aa", "lightskyblue", "87cefa", "lightslategray", "778899", "lightslategrey", "778899", "lightsteelblue", "b0c4de", "lightyellow", "ffffe0", "lime", "00ff00", "limegreen", "32cd32", "linen", "faf0e6", "magenta", "ff00ff", "maroon", "800000", "mediumaquamarine", "66cdaa", "mediumblue", "0000cd", "mediumorchid", "ba55d3", "mediumpurple", "9370db", "mediumseagreen", "3cb371", "mediumslateblue", "7b68ee", "mediumspringgreen", "00fa9a", "mediumturquoise", "48d1cc", "mediumvioletred", "c71585", "midnightblue", "191970", "mintcream", "f5fffa", "mistyrose", "ffe4e1", "moccasin", "ffe4b5", "navajowhite", "ffdead", "navy", "000080", "oldlace", "fdf5e6", "olive", "808000", "olivedrab", "6b8e23", "orange", "ffa500", "orangered", "ff4500", "orchid", "da70d6", "palegoldenrod", "eee8aa", "palegreen", "98fb98", "paleturquoise", "afeeee", "palevioletred", "db7093", "papayawhip", "ffefd5", "peachpuff", "ffdab9", "peru", "cd853f", "pink", "ffc0cb", "plum", "dda0dd", "powderblue", "b0e0e6", "purple", "800080", "rebeccapurple", "663399", "red", "ff0000", "rosybrown", "bc8f8f", "royalblue", "4169e1", "saddlebrown", "8b4513", "salmon", "fa8072", "sandybrown", "f4a460", "seagreen", "2e8b57", "seashell", "fff5ee", "sienna", "a0522d", "silver", "c0c0c0", "skyblue", "87ceeb", "slateblue", "6a5acd", "slategray", "708090", "slategrey", "708090", "snow", "fffafa", "springgreen", "00ff7f", "steelblue", "4682b4", "tan", "d2b48c", "teal", "008080", "thistle", "d8bfd8", "tomato", "ff6347", "turquoise", "40e0d0", "violet", "ee82ee", "wheat", "f5deb3", "white", "ffffff", "whitesmoke", "f5f5f5", "yellow", "ffff00", "yellowgreen", "9acd32"]
    )] * 2, strict=True)
)  # fmt: skip
"""CSS Color 4 § named colors."""
