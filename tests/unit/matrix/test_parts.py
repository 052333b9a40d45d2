"""A message with pictures and files as the parts that become matrix events."""

from __future__ import annotations

from hypothesis import given, strategies as st

from bridge.convert.matrix import MATRIX_BYTES_MAX, measure_matrix
from bridge.domain.content import (
    Attachment,
    Block,
    Body,
    Bold,
    Card,
    Cell,
    Code,
    CodeBlock,
    Heading,
    Image,
    Inline,
    LineBreak,
    Link,
    List,
    MediaKind,
    Paragraph,
    Quote,
    Rule,
    Table,
    Text,
    bare_text,
    normalise,
    plain_text,
    walk,
)
from bridge.matrix.parts import CAPTION_CHARS_MAX, emoticons_of, media_of, parts_of
from tests.unit.convert.bodies import ANY_BODIES

URL = "https://graph.test/v1.0/chats/c/messages/1/hostedContents/x/$value"
FILE = Attachment(name="tea.pdf", url="https://x.sharepoint.test/tea.pdf")


def picture(number: int = 1) -> Image:
    return Image(alt=f"picture {number}", url=f"{URL}{number}", width=67, height=63)


def paragraph(*content: Inline | str) -> Paragraph:
    return Paragraph(content=tuple(Text(text=c) if isinstance(c, str) else c for c in content))


def cut(*blocks: Block) -> list[str]:
    """Say what each part is: a text, or [a name] and its caption."""
    return [
        shown(part)
        for part in parts_of(
            normalise(Body(blocks=blocks)), size_max=60_000, measure=measure_matrix
        )
    ]


def shown(part: Body) -> str:
    media = media_of(part)
    if media is None:
        return plain_text(part)
    caption = plain_text(Body(blocks=part.blocks[1:]))
    return f"<{media.name}>" + (f" {caption}" if caption else "")


def test_a_text_alone_is_one_part() -> None:
    assert cut(paragraph("one"), paragraph("two")) == ["one\n\ntwo"]


def test_text_and_pictures_keep_their_order() -> None:
    parts = cut(
        paragraph("before"),
        paragraph(picture(1)),
        paragraph("between"),
        paragraph(picture(2)),
        FILE,
    )

    assert parts == ["before", "<picture 1>", "between", "<picture 2>", "<tea.pdf>"]


def test_a_picture_within_a_line_parts_the_line() -> None:
    assert cut(paragraph("left ", picture(), " right")) == ["left", "<picture 1>", "right"]


def test_line_breaks_and_spaces_around_a_picture_say_nothing() -> None:
    parts = cut(paragraph("a", LineBreak(), picture(), LineBreak(), " ", picture(2), LineBreak()))

    assert parts == ["a", "<picture 1>", "<picture 2>"]


def test_what_is_bold_around_a_picture_stays_bold_on_both_sides() -> None:
    body = Body(blocks=(paragraph(Bold(content=(Text(text="a"), picture(), Text(text="b")))),))

    first, _, last = parts_of(normalise(body), size_max=60_000, measure=measure_matrix)

    assert first == Body(blocks=(paragraph(Bold(content=(Text(text="a"),))),))
    assert last == Body(blocks=(paragraph(Bold(content=(Text(text="b"),))),))


def test_a_heading_with_a_picture_stays_a_heading() -> None:
    body = Body(blocks=(Heading(level=2, content=(Text(text="Title"), picture())),))

    first, second = parts_of(normalise(body), size_max=60_000, measure=measure_matrix)

    assert first.blocks == (Heading(level=2, content=(Text(text="Title"),)),)
    assert media_of(second) is not None


def test_where_a_picture_led_is_said_below_it() -> None:
    linked = Link(href="https://example.org/", content=(picture(),))

    assert cut(paragraph(linked)) == ["<picture 1> https://example.org/"]


def test_words_that_lead_somewhere_still_do_around_a_picture() -> None:
    linked = Link(href="https://example.org/", content=(Text(text="see"), picture()))
    body = normalise(Body(blocks=(paragraph(linked),)))

    text, media = parts_of(body, size_max=60_000, measure=measure_matrix)

    assert text.blocks == (
        paragraph(Link(href="https://example.org/", content=(Text(text="see"),))),
    )
    assert media_of(media) is not None


def test_a_short_text_below_the_only_picture_is_its_caption() -> None:
    assert cut(paragraph(picture()), paragraph("look")) == ["<picture 1> look"]
    assert cut(FILE, paragraph("read")) == ["<tea.pdf> read"]


def test_a_text_above_a_picture_stays_above_it() -> None:
    assert cut(paragraph("look"), paragraph(picture())) == ["look", "<picture 1>"]


def test_a_long_text_is_no_caption() -> None:
    longest = "x" * CAPTION_CHARS_MAX

    assert cut(paragraph(picture()), paragraph(longest)) == [f"<picture 1> {longest}"]
    assert cut(paragraph(picture()), paragraph(longest + "y")) == ["<picture 1>", longest + "y"]


def test_with_several_pictures_nothing_is_a_caption() -> None:
    assert cut(paragraph(picture(1)), paragraph(picture(2)), paragraph("both")) == [
        "<picture 1>", "<picture 2>", "both",
    ]  # fmt: skip


def test_within_a_block_a_picture_leaves_its_name_and_follows_the_block() -> None:
    quote = Quote(blocks=(paragraph("she said"), paragraph(picture(1))))
    table = Table(rows=((Cell(blocks=(paragraph(picture(2)),)), Cell(blocks=(paragraph("b"),))),))
    items = List(items=((paragraph("one"), FILE), (paragraph("two"),)))

    assert cut(quote, paragraph("well")) == [
        "> she said\n> [image: picture 1]", "<picture 1>", "well",
    ]  # fmt: skip
    assert cut(table) == ["[image: picture 2] | b", "<picture 2>"]
    assert cut(items) == ["• one\n  [attachment: tea.pdf]\n• two", "<tea.pdf>"]


def test_the_pictures_of_a_card_follow_it() -> None:
    card = Card(kind="adaptive", raw="{}", blocks=(paragraph("Menu"), paragraph(picture())))

    assert cut(card) == ["Menu\n[image: picture 1]", "<picture 1>"]


def test_an_emoticon_stays_in_its_line() -> None:
    smile = Image(alt="parrot", url=URL, is_emoticon=True)

    (part,) = parts_of(
        normalise(Body(blocks=(paragraph("hi ", smile, picture()),))),
        size_max=9_999,
        measure=measure_matrix,
    )[:1]

    assert emoticons_of(part) == (smile,)
    assert media_of(part) is None


def test_a_picture_without_bytes_is_its_name() -> None:
    assert cut(paragraph("a ", Image(alt="gone"), " b")) == ["a [image: gone] b"]


def test_a_line_between_two_pictures_is_left_out() -> None:
    assert cut(paragraph(picture(1)), Rule(), paragraph(picture(2))) == [
        "<picture 1>", "<picture 2>",
    ]  # fmt: skip


def test_a_text_too_large_for_one_event_is_cut_beside_its_pictures() -> None:
    body = Body(blocks=(paragraph("x" * 50_000), paragraph(picture()), paragraph("y" * 50_000)))

    parts = parts_of(body, size_max=30_000, measure=measure_matrix)

    assert [media_of(part) is not None for part in parts] == [False, False, True, False, False]


def test_a_picture_of_a_line_becomes_a_picture_of_its_own() -> None:
    (part,) = parts_of(
        Body(blocks=(paragraph(picture()),)), size_max=60_000, measure=measure_matrix
    )

    assert media_of(part) == Attachment(
        name="picture 1", url=f"{URL}1", kind=MediaKind.IMAGE, width=67, height=63
    )


def is_apart(node: Attachment | Image) -> bool:
    """An emoticon stays in its line."""
    return bool(node.url) and not (isinstance(node, Image) and node.is_emoticon)


@given(ANY_BODIES, st.sampled_from([500, MATRIX_BYTES_MAX]))
def test_whatever_a_body_is_no_word_and_no_picture_is_lost(body: Body, size_max: int) -> None:
    whole = normalise(body)
    parts = parts_of(whole, size_max=size_max, measure=measure_matrix)

    wanted = [n.url for n in walk(whole) if isinstance(n, Image | Attachment) and is_apart(n)]
    media = [media.url for part in parts if (media := media_of(part))]
    assert sorted(media) == sorted(wanted)
    said = "".join(bare_text(Body(blocks=p.blocks[1:] if media_of(p) else p.blocks)) for p in parts)
    for leaf in (n for n in walk(whole) if isinstance(n, Text | Code | CodeBlock)):
        assert all(word[:3] in said for word in leaf.text.split())
    assert parts
    for part in parts:
        assert part == normalise(part)
        if media_of(part) is None:
            assert measure_matrix(part) <= size_max
            assert not any(is_apart(n) for n in walk(part) if isinstance(n, Attachment | Image))
