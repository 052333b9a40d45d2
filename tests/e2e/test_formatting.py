"""Simple markup, as each side writes it and as the other shows it."""

from __future__ import annotations

from bridge.sandbox.script import text_of
from tests.kit.e2e_world import World

FROM_TEAMS = (
    ("<p>plain &amp; simple</p>", "plain & simple", None),
    (
        "<p>The <strong>draft</strong> is <em>ready</em>.</p>",
        "The draft is ready.",
        "The <strong>draft</strong> is <em>ready</em>.",
    ),
    (
        '<p>see <a href="https://example.org/?a=1&amp;b=2">there</a></p>',
        "see there (https://example.org/?a=1&b=2)",
        'see <a href="https://example.org/?a=1&amp;b=2">there</a>',
    ),
    (
        "<ul><li>one</li><li>two</li></ul>",
        "• one\n• two",
        "<ul><li>one</li><li>two</li></ul>",
    ),
    (
        "<blockquote>said before</blockquote><p>and answered</p>",
        "> said before\n\nand answered",
        "<blockquote>said before</blockquote>and answered",
    ),
    ("<p><code>1 &lt; 2</code></p>", "1 < 2", "<code>1 &lt; 2</code>"),
    (
        '<p><span style="color:rgb(192, 0, 0)">red</span> <span style="color:#242424">plain</span></p>',
        "red plain",
        '<span data-mx-color="#c00000">red</span> plain',
    ),
    (
        "<table><thead><tr><th>n</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
        "n\n---\n1",
        "<table><tbody><tr><th>n</th></tr><tr><td>1</td></tr></tbody></table>",
    ),
    (
        '<codeblock class="Python"><code>if a &lt; b:<br>&nbsp;&nbsp;tea()</code></codeblock>',
        "```python\nif a < b:\n  tea()\n```",
        '<pre><code class="language-python">if a &lt; b:\n  tea()</code></pre>',
    ),
    (
        '<p><a href="https://evil.example/x">https://bank.example</a></p>',
        "https://bank.example (evil.example) (https://evil.example/x)",
        '<a href="https://evil.example/x">https://bank.example (evil.example)</a>',
    ),
    ("<p>a<script>alert(1)</script>b</p>", "ab", None),
    ("<p>🎉 привет 你好</p>", "🎉 привет 你好", None),
)
FROM_MATRIX = (
    ("plain & simple < 3", None, "plain & simple < 3", ("plain &amp; simple &lt; 3",)),
    (
        "Thank you Tom",
        "Thank <b>you</b> <em>Tom</em>",
        "Thank you Tom",
        ("<strong>you</strong>", "<em>Tom</em>"),
    ),
    (
        "there",
        'go <a href="https://example.org">there</a>',
        "go there",
        ('href="https://example.org"',),
    ),
    ("list", "<ol><li>one</li><li>two</li></ol>", "onetwo", ("<ol>", "<li>one</li>")),
    ("quoted", "<blockquote>said</blockquote>so", "saidso", ("<blockquote>",)),
    (
        "red",
        '<span data-mx-color="#c00000">red</span>',
        "red",
        ('<span style="color: #c00000">red</span>',),
    ),
    ("evil", 'x<img src=x onerror="alert(1)"><script>alert(1)</script>y', None, ()),
    ("two\nlines", None, None, ("two", "lines")),
)


async def test_markup_of_teams_is_shown_in_matrix(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    reader = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Markup")

    for html, _, _ in FROM_TEAMS:
        await world.say(chat, tom, "", html)
    await world.say(chat, tom, "the end")

    room, _ = await world.read(reader, "the end")
    shown = [(said.body, said.html) for said in await reader.history(room)][:-1]
    assert shown == [(body, html) for _, body, html in FROM_TEAMS]


async def test_markup_of_matrix_is_shown_in_teams(world: World) -> None:
    maria, tom = await world.tenant.add_users("Maria Rossi", "Tom Novák")
    writer = await world.signed_in("maria", maria)
    chat = await world.tenant.create_chat("group", [maria.id, tom.id], topic="Markup")
    room = await world.opened(chat, tom, writer)

    for body, html, _, _ in FROM_MATRIX:
        more = {"format": "org.matrix.custom.html", "formatted_body": html} if html else {}
        await writer.say(room, body, **more)
    await writer.say(room, "the end")

    await world.read_in_teams(chat, "the end")
    shown = (await world.messages(chat))[1:-1]
    assert len(shown) == len(FROM_MATRIX)
    for message, (_, _, text, pieces) in zip(shown, FROM_MATRIX, strict=True):
        content = message["body"]["content"]
        assert text is None or text_of(message) == text
        assert all(piece in content for piece in pieces), content
        assert "alert" not in content
