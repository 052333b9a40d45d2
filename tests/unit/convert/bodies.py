"""Hypothesis strategies: bodies of every shape, and markup of every kind of malice."""

from __future__ import annotations

from hypothesis import strategies as st

from bridge.domain.content import (
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
    Paragraph,
    Quote,
    Rule,
    Strike,
    Subscript,
    Superscript,
    Table,
    Target,
    TargetKind,
    Text,
    Underline,
)

SPICE = st.sampled_from(
    [
        "  ",
        " ",
        "\n",
        "\n\n",
        "\t",
        "\u00a0",
        "&amp;",
        "<b>",
        "a b",
        "\x00",
        "\u202e",
        "\r\n",
        "é",
        "👩‍👩‍👧",
        "\u2028",
        ";",
    ]
)
WORDS = st.lists(st.one_of(st.text(max_size=6), SPICE), max_size=4).map("".join)
CALM_WORDS = st.text("ab &<>\"'\u00e9\u4e2d", min_size=1, max_size=8)
HREFS = st.sampled_from(
    ["https://example.com/?a=1&b=2", "http://x.org/<>\"'", "mailto:ada@example.com", "ftp://h/f"]
)
BAD_HREFS = st.sampled_from(
    ["javascript:alert(1)", "/relative", "", "https://", "data:x", "http://[x"]
)
LANGUAGES = st.sampled_from(["", "python", "c++", "Python", "no such thing", "plaintext"])
CODE_LINES = st.lists(
    st.sampled_from(["  x", "if a<b:", "", "&nbsp;", "a  b", "é"]), max_size=4
).map("\n".join)
TEAMS_USERS = st.sampled_from("ab").map(lambda id_: Target(kind=TargetKind.TEAMS_USER, id=id_))
MATRIX_USERS = st.sampled_from(["@ada:example.org", "@a/b=c:h.org:8448", "@é:x", "@a%40:y"]).map(
    lambda id_: Target(kind=TargetKind.MATRIX_USER, id=id_)
)

OTHERS = st.sampled_from(
    [Target(kind=kind, id="x") for kind in TargetKind if kind is not TargetKind.MATRIX_USER]
)
EVERYONE = st.just(Target(kind=TargetKind.EVERYONE, id=""))
COLOURS = st.sampled_from(
    [("#ff0000", ""), ("", "#ffff00"), ("#1e90ff", "#ffff00"), ("#000000", "#ffff00"), ("", "")]
)
ANY_COLOURS = st.one_of(
    COLOURS, st.tuples(st.sampled_from(["#000000", "red", '"><script>']), st.just("#FFF"))
)
SIDES = st.sampled_from([0, 1, 640])
IMAGES = st.builds(
    Image, alt=CALM_WORDS, width=SIDES, height=SIDES, url=st.just("mxc://h.org/a_B-9")
)
EMOTICONS = st.builds(
    Image, alt=st.just(":x:"), url=st.just("mxc://h.org/e"), is_emoticon=st.just(True)
)
HOSTED = st.builds(
    Image, alt=WORDS, width=SIDES, height=SIDES, url=st.just("../hostedContents/1/$value")
)


def mentions(targets: st.SearchStrategy[Target]) -> st.SearchStrategy[Inline]:
    return st.builds(Mention, target=targets, text=CALM_WORDS)


def coloured(
    content: st.SearchStrategy[tuple[Inline, ...]], colours: st.SearchStrategy[tuple[str, str]]
) -> st.SearchStrategy[Inline]:
    return st.builds(
        lambda inner, both: Colour(content=inner, ink=both[0], paper=both[1]), content, colours
    )


def inlines(
    leaf: st.SearchStrategy[Inline],
    hrefs: st.SearchStrategy[str],
    colours: st.SearchStrategy[tuple[str, str]],
) -> st.SearchStrategy[Inline]:
    leaves = st.one_of(
        st.builds(Text, text=WORDS), st.builds(Code, text=WORDS), st.just(LineBreak()), leaf
    )

    def grow(inner: st.SearchStrategy[Inline]) -> st.SearchStrategy[Inline]:
        content = st.lists(inner, max_size=3).map(tuple)
        styles = [Bold, Italic, Underline, Strike, Superscript, Subscript]
        return st.one_of(
            *(st.builds(style, content=content) for style in styles),
            st.builds(Link, href=hrefs, content=content),
            coloured(content, colours),
        )

    return st.recursive(leaves, grow, max_leaves=6)


def bodies(
    leaf: st.SearchStrategy[Inline],
    hrefs: st.SearchStrategy[str] = HREFS,
    notice: st.SearchStrategy[Block] | None = None,
    colours: st.SearchStrategy[tuple[str, str]] = COLOURS,
) -> st.SearchStrategy[Body]:
    content = st.lists(inlines(leaf, hrefs, colours), max_size=4).map(tuple)
    plain = st.one_of(
        st.builds(Paragraph, content=content),
        st.builds(Paragraph, content=content),
        st.builds(Heading, level=st.integers(-1, 9), content=content),
        st.builds(CodeBlock, text=CODE_LINES, language=LANGUAGES),
        st.just(Rule()),
        *([notice] if notice is not None else []),
    )

    def grow(inner: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
        blocks = st.lists(inner, max_size=3).map(tuple)
        cells = st.builds(Cell, blocks=blocks, header=st.booleans())
        rows = st.lists(st.lists(cells, max_size=3).map(tuple), max_size=2).map(tuple)
        return st.one_of(
            st.builds(Quote, blocks=blocks),
            st.builds(
                List,
                items=st.lists(blocks, max_size=3).map(tuple),
                ordered=st.booleans(),
                start=st.integers(-5, 2_000_000_000),
            ),
            st.builds(Table, rows=rows),
        )

    blocks = st.recursive(plain, grow, max_leaves=6)
    return st.builds(Body, blocks=st.lists(blocks, max_size=4).map(tuple))


TEAMS_BODIES = bodies(st.one_of(mentions(st.one_of(TEAMS_USERS, EVERYONE)), HOSTED))
MATRIX_BODIES = bodies(st.one_of(mentions(MATRIX_USERS), IMAGES, EMOTICONS))
BOTH_BODIES = bodies(st.just(Text(text="x")))
"""What both networks can express in every detail."""
ANY_BODIES = bodies(
    st.one_of(
        mentions(st.one_of(TEAMS_USERS, MATRIX_USERS, OTHERS)),
        IMAGES,
        EMOTICONS,
        st.builds(Image, alt=WORDS, url=st.one_of(HREFS, BAD_HREFS), is_emoticon=st.booleans()),
    ),
    st.one_of(HREFS, BAD_HREFS),
    st.one_of(
        st.builds(
            Attachment,
            name=WORDS,
            url=st.one_of(HREFS, BAD_HREFS),
            kind=st.sampled_from(MediaKind),
        ),
        st.builds(Card, kind=WORDS, raw=WORDS, blocks=st.just((Paragraph(content=()),))),
    ),
    ANY_COLOURS,
)

_PIECES = st.sampled_from(
    (
        "<p> </p> <div> </div> <b> </b> <i> </i> <a> </a> <a\thref='x:y'> <a\thref=https://e.com/> <br> <hr> <ul> </ul> "
        "<ol\tstart=7> <ol> </ol> <li> </li> <table> <tr> <td> </td> </tr> </table> <th> <caption> <pre> </pre> <code> </code> "
        "<codeblock\tclass=C> </codeblock> <blockquote> </blockquote> <h1> </h1> <at\tid=0> </at> <attachment\tid=1> "
        "<emoji\talt=x> <img\talt=y\tsrc=https://e.com/i> <span\tdata-mx-spoiler=r> </span> <mx-reply> </mx-reply> "
        "<span\tstyle=color:red> <span\tstyle='background:#ff0;font-size:9px'> <font\tcolor=blue> </font> <div\tstyle=color:x> "
        "<customemoji\talt=y\tsource=https://e.com/i> <video\tsrc=x> <thead> </thead> <at\tid=1> </at> <td\tcolspan=2> "
        "<img\tdata-mx-emoticon\tsrc=mxc://h/i\talt=e> <span\tdata-mx-color=#f00> <a\thref=https://matrix.to/#/@a:b> "
        "<a\thref=https://evil.org>www.bank.com</a> \u2067 &#x202e; "
        "<script> </script> <style> <svg> </svg> <math> <textarea> </textarea> <select> <option> <!-- --> <![CDATA[ ]]> "
        "&amp; &nbsp; &#0; &#xD800; &bogus; & < > \x00 \u00a0 \ud800 \u202e <p\titemtype=http://schema.skype.com/CodeBlockEditor>"
    )
    .replace("\u00a0", "&#160;")
    .split(" ")
).map(lambda piece: piece.replace("\t", " "))
MARKUP = st.lists(st.one_of(_PIECES, _PIECES, st.text(max_size=4), SPICE), max_size=25).map("".join)
