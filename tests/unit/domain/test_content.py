"""Bodies by themselves: normal form, codec, plain text, parts."""

from __future__ import annotations

import json
from time import process_time

import pytest
from hypothesis import given, strategies as st

from bridge.domain.content import (
    DEPTH_MAX,
    NAME_CHARS_MAX,
    Attachment,
    Block,
    Body,
    Bold,
    Card,
    Cell,
    Code,
    CodeBlock,
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
    Table,
    Target,
    TargetKind,
    Text,
    bare_text,
    from_json,
    from_text,
    label,
    mentions,
    normalise,
    normalised,
    plain_text,
    replaced,
    safe_href,
    split,
    to_json,
    unmasked,
)
from bridge.domain.content.text import LINES_MAX
from bridge.errors import Unconvertible
from tests.unit.convert.bodies import ANY_BODIES

ADA = Target(kind=TargetKind.TEAMS_USER, id="ada")


def says(*content: Inline) -> Body:
    return Body(blocks=(Paragraph(content=content),))


def text(words: str) -> Paragraph:
    return Paragraph(content=(Text(text=words),))


@given(body=ANY_BODIES)
def test_the_normal_form_of_a_normal_form_is_itself(body: Body) -> None:
    assert normalise(normalise(body)) == normalise(body)


@given(words=st.text())
def test_a_plain_text_is_born_normal(words: str) -> None:
    assert normalise(from_text(words)) == from_text(words)
    assert from_text(words) == normalise(says(Text(text=words)))


def test_neighbouring_texts_melt_and_empty_nodes_vanish() -> None:
    body = says(Text(text="a"), Bold(content=()), Italic(content=(Text(text=" "),)), Text(text="b"))

    assert normalise(body) == says(Text(text="a b"))


def test_an_empty_line_parts_two_paragraphs() -> None:
    body = says(Text(text="a "), LineBreak(), Text(text="  "), LineBreak(), Text(text="b"))

    assert normalise(body) == Body(blocks=(text("a"), text("b")))


def test_links_do_not_nest_and_unsafe_ones_are_text() -> None:
    inner = Link(href="https://b.org/", content=(Text(text="b"),))
    outer = Link(href="https://a.org/", content=(inner, Mention(target=ADA, text="Ada")))
    unsafe = Link(href="javascript:alert(1)", content=(Text(text="c"),))

    assert normalise(says(outer, unsafe)) == says(
        Link(href="https://a.org/", content=(Text(text="bAda"),)), Text(text="c")
    )


@pytest.mark.parametrize(
    ("href", "safe"),
    [
        ("https://example.com/a b", "https://example.com/a%20b"),
        (" HTTPS://Example.com ", "HTTPS://Example.com"),
        ("java\nscript:alert(1)", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("/relative", None),
        ("//host/x", None),
        ("https://", None),
        ("http://[::1", None),
        ("mailto:a@b.org", "mailto:a@b.org"),
        ("https://e.com/" + "x" * 5000, None),
    ],
)
def test_only_absolute_addresses_of_known_schemes_are_links(href: str, safe: str | None) -> None:
    assert safe_href(href) == safe


def test_what_is_too_deep_becomes_text() -> None:
    block: Block = text("deep")
    for _ in range(DEPTH_MAX + 50):
        block = Quote(blocks=(block,))
    body = normalise(Body(blocks=(block,)))

    assert bare_text(body) == "deep"
    assert normalise(body) == body


def test_a_tree_of_any_depth_is_normalised_without_recursion_to_its_end() -> None:
    inline: Inline = Text(text="deep")
    for _ in range(50_000):
        inline = Bold(content=(inline,))

    assert plain_text(normalise(says(inline))) == "deep"


def test_names_are_one_bounded_line_without_disguise() -> None:
    body = normalise(Body(blocks=(Attachment(name="evil\u202efdp.exe\n" + "x" * 9999),)))

    (file,) = body.blocks
    assert isinstance(file, Attachment)
    assert file.name.startswith("evilfdp.exe xxx")
    assert len(file.name) == NAME_CHARS_MAX


def test_a_body_is_read_aloud_with_marks_and_without_addresses() -> None:
    body = Body(
        blocks=(
            text("Hello"),
            Quote(blocks=(text("a"), text("b"))),
            List(items=((text("x"), List(items=((text("y"),),), ordered=True, start=3)),)),
            Table(rows=((Cell(blocks=(text("1"),)), Cell(blocks=(text("2"),))),)),
            CodeBlock(text="code\n  more"),
            Paragraph(content=(Link(href="https://e.com/", content=(Text(text="here"),)),)),
            Attachment(name="a.txt", url="https://e.com/a.txt"),
            Paragraph(content=(Image(alt="cat"), Code(text=" x"))),
        )
    )

    assert plain_text(body) == (
        "Hello\n\n> a\n> b\n\n• x\n  3. y\n\n1 | 2\n\ncode\n  more\n\nhere\n\n"
        "[attachment: a.txt]\n\n[image: cat] x"
    )


def test_mentions_are_listed_in_reading_order() -> None:
    first, second = Mention(target=ADA, text="Ada"), Mention(target=ADA, text="A.")
    body = Body(blocks=(Quote(blocks=(Paragraph(content=(first,)),)), Paragraph(content=(second,))))

    assert mentions(body) == (first, second)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("a b", " a \u00a0\n b\t"),
        ("caf\u00e9", "cafe\u0301"),
        ("\u2764\ufe0f", "\u2764"),
        ("a\u200bb", "ab"),
    ],
)
def test_texts_that_a_network_makes_of_each_other_are_the_same(ours: str, theirs: str) -> None:
    assert normalised(ours) == normalised(theirs)


@given(body=ANY_BODIES)
def test_a_body_survives_the_journal(body: Body) -> None:
    body = normalise(body)
    stored = json.loads(json.dumps(to_json(body)))

    assert from_json(stored) == body


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).flatmap(
            lambda rest: st.sampled_from(
                [
                    "p",
                    "h",
                    "q",
                    "pre",
                    "ul",
                    "ol",
                    "table",
                    "hr",
                    "file",
                    "b",
                    "a",
                    "at",
                    "img",
                    "br",
                    "code",
                ]
            ).map(lambda name: [name, *rest])
        ),
        st.dictionaries(st.text(max_size=2), inner, max_size=2),
    ),
    max_leaves=12,
)


@given(value=st.one_of(JSON, st.lists(JSON, max_size=3).map(lambda rest: [1, *rest])))
def test_nonsense_in_the_journal_is_unconvertible_and_nothing_else(value: object) -> None:
    try:
        body = from_json(value)
    except Unconvertible:
        return
    assert json.loads(json.dumps(to_json(body))) == value


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        [2],
        [True],
        [1, "p"],
        [1, ["nope"]],
        [1, ["h", "1", "x"]],
        [1, ["h", True, "x"]],
        [1, ["pre", "x"]],
        [1, ["hr", 1]],
        [1, ["p", ["at", "martian", "x", "y"]]],
        [1, ["p", ["code", 1]]],
        [1, ["table", [[1, ["hr"]]]]],
        [1, ["p", [["b"], "x"]]],
    ],
)
def test_a_stored_body_of_another_shape_is_refused(value: object) -> None:
    with pytest.raises(Unconvertible):
        from_json(value)


def test_a_stored_body_deeper_than_any_we_write_is_refused() -> None:
    value: object = ["p", "x"]
    for _ in range(5000):
        value = ["q", value]

    with pytest.raises(Unconvertible, match="deeper"):
        from_json([1, value])


def length(body: Body) -> int:
    return len(bare_text(body))


def read(parts: tuple[Body, ...]) -> list[str]:
    return [plain_text(part) for part in parts]


def test_what_fits_stays_whole() -> None:
    assert split(from_text("short"), size_max=5, measure=length) == (from_text("short"),)
    assert split(Body(), size_max=5, measure=length) == (Body(),)


def test_cuts_fall_between_blocks_then_lines_then_words_then_characters() -> None:
    assert read(split(from_text("one two\n\nthree"), size_max=8, measure=length)) == [
        "one two",
        "three",
    ]
    assert read(split(from_text("one two\nthree four"), size_max=12, measure=length)) == [
        "one two",
        "three four",
    ]
    assert read(split(from_text("one two three"), size_max=9, measure=length)) == [
        "one two",
        "three",
    ]
    assert read(split(from_text("abcdefgh"), size_max=3, measure=length)) == ["abc", "def", "gh"]


@pytest.mark.parametrize("cluster", ["e\u0301", "👩\u200d🚀", "👍🏽", "🇩🇪"])
def test_a_character_of_several_code_points_stays_whole(cluster: str) -> None:
    parts = read(split(from_text(cluster * 8), size_max=5, measure=length))

    assert "".join(parts) == cluster * 8
    assert all(set(part.split(cluster)) == {""} for part in parts)


def test_a_list_that_is_cut_goes_on_counting() -> None:
    items = tuple((text(f"item {number}"),) for number in range(4))
    parts = split(Body(blocks=(List(items=items, ordered=True),)), size_max=12, measure=length)

    assert read(parts) == ["1. item 0\n2. item 1", "3. item 2\n4. item 3"]


def test_a_table_that_is_cut_keeps_its_columns() -> None:
    row = (Cell(blocks=(text("aaaa"),)), Cell(blocks=(text("bbbb"),)))
    parts = split(Body(blocks=(Table(rows=(row,)),)), size_max=5, measure=length)

    assert read(parts) == ["aaaa | ", " | bbbb"]


def test_what_is_within_many_others_is_cut_looking_at_little() -> None:
    quote: Block = Paragraph(content=tuple(Text(text="a ") for _ in range(3_000)))
    for _ in range(90):
        quote = Quote(blocks=(quote,))
    body = Body(blocks=(quote, *(text(f"{n}") for n in range(2_000))))
    started = process_time()

    parts = split(body, size_max=1_000, measure=length)

    assert process_time() - started < 5.0  # Usually 0.2 s; it was 10.
    assert "".join("".join(read(parts)).replace(">", "").split()) == "".join(
        "".join(read((normalise(body),))).replace(">", "").split()
    )


def test_styles_and_links_go_on_in_the_next_part() -> None:
    link = Link(href="https://e.com/", content=(Bold(content=(Text(text="aaaa bbbb"),)),))
    parts = split(says(link), size_max=5, measure=length)

    assert [part.blocks for part in parts] == [
        says(Link(href="https://e.com/", content=(Bold(content=(Text(text=word),)),))).blocks
        for word in ("aaaa", "bbbb")
    ]


def test_what_cannot_be_cut_becomes_text_that_can() -> None:
    parts = split(says(Mention(target=ADA, text="Ada Lovelace")), size_max=4, measure=length)

    assert "".join(read(parts)) == "AdaLovelace"


def test_what_can_never_fit_is_unconvertible() -> None:
    with pytest.raises(Unconvertible):
        split(from_text("abc"), size_max=0, measure=length)


def test_splitting_a_large_body_measures_it_seldom() -> None:
    measured = 0

    def measure(body: Body) -> int:
        nonlocal measured
        measured += 1
        return length(body)

    parts = split(from_text("word " * 20_000), size_max=10_000, measure=measure)

    assert len(parts) == 10 or len(parts) == 11
    assert measured < 20 * len(parts)


@pytest.mark.parametrize(
    ("href", "words", "shown"),
    [
        ("https://evil.org/x", "https://bank.com", "evil.org"),
        ("https://evil.org/x", "go to http://bank.com/login now", "evil.org"),
        ("https://evil.org/x", "www.bank.com", "evil.org"),
        ("https://evil.org/x", "bank.com", "evil.org"),
        ("https://evil.org/x", "bank.de/login", "evil.org"),
        ("https://evil.org/x", "BANK.COM", "evil.org"),
        ("https://evil.org/x", "ba\u200bnk.com", "evil.org"),
        ("https://evil.org/x", "\uff42ank.com", "evil.org"),
        ("https://evil.org/x", "ada@bank.com", "evil.org"),
        ("https://bank.com@evil.org/", "https://bank.com/", "evil.org"),
        ("https://bank.com.evil.org/", "https://bank.com/", "bank.com.evil.org"),
        ("mailto:eve@evil.org", "ada@bank.com", "eve@evil.org"),
        ("mailto:eve@evil.org?subject=x", "https://bank.com", "eve@evil.org"),
        ("magnet:?xt=urn:x", "https://bank.com", "magnet:"),
        ("https://evil.org/x", "https://bank.com (evil.org)", ""),
        ("https://bank.com/x", "https://bank.com", ""),
        ("https://www.bank.com/x", "bank.com", ""),
        ("https://bank.com/x", "login.bank.com", ""),
        ("https://xn--bcher-kva.example/", "https://b\u00fccher.example", ""),
        ("mailto:ada@bank.com", "ada@bank.com", ""),
        ("https://contoso.sharepoint.com/x", "report.pdf", ""),
        ("https://contoso.sharepoint.com/x", "readme.md", ""),
        ("https://contoso.sharepoint.com/x", "v1.2", ""),
        ("https://evil.org/x", "here", ""),
        ("https://evil.org/x", "See e.g. chapter 2. It is good.", ""),
        ("https://[::1/", "https://bank.com", ""),
    ],
)
def test_a_link_whose_words_show_another_address_says_where_it_leads(
    href: str, words: str, shown: str
) -> None:
    assert unmasked(href, words) == shown
    if shown:
        assert unmasked(href, f"{words} ({shown})") == ""


@given(href=st.text(), words=st.one_of(st.text(), st.text("a.:/@wcom-")))
def test_any_words_of_any_link_can_be_unmasked(href: str, words: str) -> None:
    goal = unmasked(href, words)

    assert goal == "" or unmasked(href, f"{words} ({goal})") == ""


def test_a_name_and_a_link_are_not_written_backwards() -> None:
    mention = Mention(target=ADA, text="\u202eada\u2067!\u2069")
    link = Link(href="https://e.com/", content=(Text(text="a\u2067b\u2069\u200f"),))
    sentence = Text(text="\u05d0\u2067b\u2069")

    assert normalise(says(mention, link, sentence)) == says(
        Mention(target=ADA, text="ada!"),
        Link(href="https://e.com/", content=(Text(text="ab"),)),
        sentence,
    )


def test_code_that_is_only_white_space_melts_into_the_words_around_it() -> None:
    body = says(Bold(content=(Text(text="x"),)), Text(text="a"), Code(text=" "), Text(text="b"))

    assert normalise(body) == says(Bold(content=(Text(text="x"),)), Text(text="a b"))


def test_codes_around_nothing_are_one() -> None:
    assert normalise(says(Code(text="a"), Text(text=""), Code(text="b"))) == says(Code(text="ab"))


def test_many_neighbours_melt_in_time_that_grows_with_their_number() -> None:
    many = says(*(node for _ in range(50_000) for node in (Text(text="xy"), Bold(content=()))))

    started = process_time()
    assert normalise(many) == says(Text(text="xy" * 50_000))
    assert process_time() - started < 2.0


def test_a_text_of_many_lines_keeps_them_in_blocks_of_code() -> None:
    text = "x\n" * (LINES_MAX + 20_000)
    body = from_text(text)

    assert all(isinstance(block, CodeBlock) for block in body.blocks)
    assert "".join(plain_text(body).split()) == "x" * (LINES_MAX + 20_000)
    assert normalise(body) == body


def test_a_body_is_made_of_another_leaf_by_leaf() -> None:
    inner = Paragraph(
        content=(
            Bold(content=(Text(text="a"), Link(href="https://e.com/", content=(Text(text="a"),)))),
        )
    )
    body = Body(
        blocks=(
            Quote(blocks=(inner,)),
            List(items=((inner,),)),
            Table(rows=((Cell(blocks=(inner,)),),)),
            Card(kind="k", raw="a", blocks=(inner,)),
            CodeBlock(text="a"),
        )
    )

    def change(node: Inline) -> tuple[Inline, ...]:
        return (Code(text="b"), Text(text="c")) if isinstance(node, Text) else (node,)

    made = replaced(body, change)
    assert bare_text(made) == "bcbc" * 4 + "a"
    assert replaced(body, lambda node: (node,)) == body


def test_a_part_of_a_huge_body_is_not_measured_with_all_that_follows() -> None:
    measured = 0

    def measure(body: Body) -> int:
        nonlocal measured
        measured += length(body)
        return length(body)

    text = "word " * 100_000
    parts = split(from_text(text), size_max=5_000, measure=measure)

    assert len(parts) > 99
    assert measured < 20 * len(text)


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        (Image(alt="cat"), "[image: cat]"),
        (Image(alt=":x:", is_emoticon=True), ":x:"),
        (Image(alt="", is_emoticon=True), "[image]"),
        (Attachment(name="a.txt"), "[attachment: a.txt]"),
        (Attachment(name="", kind=MediaKind.VOICE), "[voice message]"),
        (Attachment(name="v", kind=MediaKind.VIDEO), "[video: v]"),
    ],
)
def test_what_is_no_text_has_a_notice(node: Image | Attachment, shown: str) -> None:
    assert label(node) == shown
