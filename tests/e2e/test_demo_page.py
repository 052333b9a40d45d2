"""The page of `teams-bridge demo`, in the Chromium of this system: how Matrix is shown."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from playwright.async_api import Browser, expect

from tests.kit.e2e_page import IN_A_BROWSER, NARROW, SEEN_MS, PageUnderTest, Stage, opened

SAMPLES = files("bridge.sandbox") / "samples"
TAGS = (
    *("h1", "h6", "b", "i", "u", "s", "del", "sub", "sup", "strong", "em", "blockquote", "hr"),
    *("table", "caption", "thead", "th", "td"),
)

pytestmark = [*IN_A_BROWSER, pytest.mark.long("the demo of the page")]


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


async def test_formatted_bodies_are_shown_with_all_that_the_specification_allows(
    at: PageUnderTest, stage: Stage
) -> None:
    maria = stage.maria
    room = await maria.room("Forms")
    star = await maria.upload(sample("parrot.png"), "image/png")
    event = await maria.say(
        room,
        "fallback",
        "<h1>One</h1><h6>Six</h6><p>a <b>b</b> <i>c</i> <u>d</u> <s>e</s> <del>f</del> <sub>g</sub>"
        "<sup>h</sup> <strong>i</strong> <em>j</em></p><blockquote>k</blockquote><hr>"
        '<ol start="7"><li>seven<ul><li>deep</li></ul></li></ol><pre><code class="language-python">'
        "x = 1 &lt; 2\n</code></pre><table><caption>cap</caption><thead><tr><th>n</th></tr></thead>"
        "<tbody><tr><td>1</td></tr></tbody></table><details><summary>more</summary>hidden</details>"
        '<span data-mx-color="#ff0000" data-mx-bg-color="#00ff00">col</span>'
        '<span data-mx-spoiler="plot">secret</span><div data-mx-maths="x^2">x2</div>'
        f'<img src="{star}" data-mx-emoticon alt=":parrot:" height="32">'
        f'<img src="{star}" width="48" height="48" alt="big parrot">'
        '<a href="https://example.org/a?b=1">site</a><a href="mailto:a@example.org">mail</a>',
    )
    await at.enter("Forms")
    rich = at.event(event).locator(".said .rich")

    await expect(rich.locator("img.emoticon")).to_have_js_property("naturalWidth", 96)
    await expect(rich.locator("img.inline")).to_have_js_property("width", 48)
    for tag in TAGS:
        await expect(rich.locator(tag)).to_have_count(1)
    await expect(rich.locator("ol")).to_have_attribute("start", "7")
    await expect(rich.locator("ol ul li")).to_have_text("deep")
    await expect(rich.locator("pre code.language-python")).to_have_text("x = 1 < 2\n")
    await expect(rich.locator("pre code")).to_have_attribute("data-language", "python")
    await rich.locator("summary").click()
    await expect(rich.locator("details")).to_have_js_property("open", True)
    coloured = rich.locator("span", has_text=re.compile("^col$"))
    await expect(coloured).to_have_css("color", "rgb(255, 0, 0)")
    await expect(coloured).to_have_css("background-color", "rgb(0, 255, 0)")
    spoiler = rich.locator(".spoiler")
    await expect(spoiler).to_contain_text("(plot)")
    await expect(spoiler.locator(".hidden-text")).to_have_css("color", "rgba(0, 0, 0, 0)")
    await spoiler.click()
    await expect(spoiler.locator(".hidden-text")).not_to_have_css("color", "rgba(0, 0, 0, 0)")
    await expect(rich.locator(".maths")).to_have_text("x^2")
    link = rich.get_by_role("link", name="site")
    await expect(link).to_have_attribute("href", "https://example.org/a?b=1")
    await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(rich.get_by_role("link", name="mail")).to_have_attribute(
        "href", "mailto:a@example.org"
    )


async def test_what_a_reader_has_uncovered_stays_so_when_the_message_is_drawn_anew(
    at: PageUnderTest, stage: Stage
) -> None:
    maria = stage.maria
    room = await maria.room("Secrets")
    event = await maria.say(
        room,
        "fallback",
        '<details><summary>more</summary>below</details><span data-mx-spoiler="plot">secret</span>',
    )
    await at.enter("Secrets")
    shown = at.event(event)
    await shown.locator("summary").click()
    await shown.locator(".spoiler").click()
    await expect(shown.locator(".spoiler")).to_have_class("spoiler shown")

    await maria.react(room, event, "👍")

    await expect(shown.get_by_text("👍")).to_be_visible(timeout=SEEN_MS)
    await expect(shown.locator(".spoiler")).to_have_class("spoiler shown")
    await expect(shown.locator("details")).to_have_js_property("open", True)


async def test_links_to_users_are_pills_with_the_name_of_the_member(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Pills", jonas)
    named = {"membership": "join", "displayname": "Jonas B."}
    await jonas.set(room, "m.room.member", named, jonas.id)
    event = await jonas.say(
        room,
        "to all",
        f'<a href="https://matrix.to/#/{maria.id}">Mary</a> and '
        f'<a href="https://matrix.to/#/%40jonas%3Ademo.localhost">J</a>, see '
        f'<a href="https://matrix.to/#/{room}">there</a> @room',
        **{"m.mentions": {"user_ids": [maria.id], "room": True}},
    )
    await at.enter("Pills")

    pills = at.event(event).locator(".pill")
    await expect(pills).to_have_text(["maria", "Jonas B.", "Pills", "@room"])
    await expect(at.event(event).locator(f'.pill.me[data-user="{maria.id}"]')).to_have_count(1)
    await expect(at.event(event).locator("a")).to_have_count(0)
    await expect(at.event(event)).to_have_class(re.compile("mentions-me"))


HOSTILE = (
    '<script>window.hacked = 1</script><img src="x" onerror="window.hacked = 2">',
    '<img src="https://evil.example/pixel.png"><img src="data:image/png;base64,AAAA">',
    '<a href="javascript:window.hacked=3">a</a><a href="jAvAsCrIpT&colon;alert(1)">b</a>'
    '<a href="data:text/html,<script>alert(1)</script>">c</a><a href="//evil.example/x">d</a>',
    '<iframe src="https://evil.example/"></iframe><object data="https://evil.example/"></object>'
    '<embed src="https://evil.example/"><video src="https://evil.example/v.mp4" autoplay></video>',
    "<style>@import 'https://evil.example/x.css'; body { display: none }</style>"
    '<p style="background: url(https://evil.example/y.png); position: fixed">styled</p>',
    '<svg onload="window.hacked=4"><script>window.hacked=5</script><image href="https://evil.example/"'
    '/></svg><math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 '
    'onerror=window.hacked=6&gt;">',
    '<link rel="stylesheet" href="https://evil.example/z.css"><meta http-equiv="refresh" '
    'content="0;url=https://evil.example/"><base href="https://evil.example/">'
    '<form action="https://evil.example/"><input name="q"><button>go</button></form>',
    "<div>" * 3000 + "deep" + "</div>" * 3000,
    '<p id="status" class="bad">fake</p><details ontoggle="window.hacked=7" open>x</details>',
)


FOREIGN = (
    "script, style, iframe, object, embed, video, svg:not(.icon), form, input, link, base, img"
)
DEPTH = """at => {
  let depth = 0;
  for (let e = at.querySelector(".rich > div"); e; e = e.firstElementChild) depth++;
  return depth;
}"""


async def test_what_strangers_put_into_messages_does_not_run_and_loads_nothing(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Hostile", jonas)
    events = [await jonas.say(room, "words", f"before {html} after") for html in HOSTILE]
    last = await jonas.say(room, "still here")
    await at.enter("Hostile")
    await expect(at.event(last)).to_contain_text("still here", timeout=SEEN_MS)

    assert await at.page.evaluate("window.hacked") is None
    assert await at.page.title() == "Teams and Matrix, side by side"
    for event in events:
        said = at.event(event).locator(".said")
        await expect(said).to_contain_text("before")
        await expect(said.locator(FOREIGN)).to_have_count(0)
        await expect(said.locator("a[href], [id], [onerror], [onload], [style]")).to_have_count(0)
        assert await said.evaluate(DEPTH) <= 100


async def test_hostile_names_topics_and_fields_of_any_shape_are_only_text(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Shapes", jonas, topic="<b>topic</b> https://example.org/t")
    named = {"membership": "join", "displayname": "<img src=x onerror=window.hacked=1>"}
    await jonas.set(room, "m.room.member", named, jonas.id)
    for content in (
        {"msgtype": "m.image", "body": "x", "url": "https://evil.example/a.png"},
        {"msgtype": "m.image", "body": "x", "url": "mxc://evil.example/../../x"},
        {"msgtype": "m.file", "body": "x", "filename": ["x"], "url": {"a": 1}, "info": "none"},
        {"msgtype": "m.text", "body": "8", "formatted_body": 8, "format": "org.matrix.custom.html"},
        {"msgtype": "m.strange", "body": "a message of a kind that nobody knows"},
        {"body": "x", "msgtype": "m.text", "m.relates_to": "none", "m.mentions": {}},
        {"body": "y", "msgtype": "m.text", "m.relates_to": {"rel_type": "m.thread", "event_id": 5}},
        {"body": "z", "msgtype": "m.text", "com.beeper.per_message_profile": "someone"},
        {
            "msgtype": "m.audio",
            "body": "v",
            "url": "mxc://a/b",
            "info": {"size": 10**12},
            "org.matrix.msc1767.audio": {"waveform": ["loud", -5, 10**9]},
        },
    ):
        await jonas.send(room, content)
    await jonas.send(room, {"m.relates_to": {"rel_type": "m.annotation", "key": 5}}, "m.reaction")
    await maria.set(room, "m.room.pinned_events", {"pinned": "all"})
    await maria.set(room, "io.element.functional_members", {"service_members": "bots"})
    last = await jonas.say(room, "still here")
    await at.enter("Shapes")

    await expect(at.event(last)).to_contain_text("still here", timeout=SEEN_MS)
    await expect(at.event(last).locator(".name")).to_have_text(named["displayname"])
    await expect(at.page.locator("#matrix-head .topic")).to_contain_text("<b>topic</b>")
    assert await at.page.evaluate("window.hacked") is None


async def test_the_page_stays_usable_on_a_narrow_screen_and_in_the_dark(
    browser: Browser, stage: Stage
) -> None:
    async with opened(browser, stage, viewport=NARROW, dark=True) as at:
        page = at.page
        await expect(page.locator("#matrix")).to_be_hidden()
        await page.locator("#teams-chats button", has_text="Budget 2027").click()
        await expect(page.locator("#teams-chats")).to_be_hidden()
        await expect(page.locator("#teams-text")).to_be_visible()
        await page.locator("#teams .back").click()
        await expect(page.locator("#teams-chats")).to_be_visible()
        await page.locator("#tabs button", has_text="Matrix").click()
        await expect(page.locator("#matrix-rooms")).to_be_visible()
        wide = await page.evaluate("document.documentElement.scrollWidth")
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert wide <= NARROW["width"]
        assert sum(map(int, re.findall(r"\d+", ground))) < 150


async def test_a_picture_a_clip_sounds_and_files_come_with_the_token_and_in_their_size(
    at: PageUnderTest, stage: Stage
) -> None:
    maria = stage.maria
    room = await maria.room("Media")
    chart = await maria.upload(sample("chart.png"), "image/png", "chart.png")
    clip = await maria.upload(sample("clip.mp4"), "video/mp4", "clip.mp4")
    voice = await maria.upload(sample("voice.m4a"), "audio/mp4", "voice.m4a")
    info = {"w": 640, "h": 400, "mimetype": "image/png", "size": len(sample("chart.png"))}
    picture = await maria.send(
        room, {"msgtype": "m.image", "body": "chart.png", "url": chart, "info": info}
    )
    captioned = await maria.send(
        room,
        {
            "msgtype": "m.image",
            "body": "The *draft*",
            "filename": "chart.png",
            "format": "org.matrix.custom.html",
            "formatted_body": "The <em>draft</em>",
            "url": chart,
            "info": info,
        },
    )
    film = await maria.send(
        room,
        {
            "msgtype": "m.video",
            "body": "clip.mp4",
            "url": clip,
            "info": {"w": 320, "h": 180, "duration": 3024, "size": len(sample("clip.mp4"))},
        },
    )
    heard = await maria.send(
        room,
        {
            "msgtype": "m.audio",
            "body": "Voice message.m4a",
            "url": voice,
            "info": {"duration": 2960, "size": len(sample("voice.m4a"))},
            "org.matrix.msc3245.voice": {},
            "org.matrix.msc1767.audio": {"duration": 2960, "waveform": [0, 512, 1024] * 20},
        },
    )
    song = await maria.send(
        room, {"msgtype": "m.audio", "body": "song.m4a", "url": voice, "info": {"size": 7359}}
    )
    sticker = {"body": "parrot", "url": chart, "info": {"w": 640, "h": 400}}
    stuck = await maria.send(room, sticker, "m.sticker")
    await at.enter("Media")

    image = at.event(picture).locator("img.picture")
    await expect(image).to_have_js_property("naturalWidth", 640, timeout=SEEN_MS)
    await expect(image).to_have_attribute("src", re.compile("^blob:"))
    shown = await image.evaluate("at => [at.width, at.height]")
    assert shown == [360, 225]
    await expect(at.event(picture).locator(".caption")).to_have_count(0)
    await expect(at.event(captioned).locator(".caption em")).to_have_text("draft")
    await expect(at.event(film).locator("video")).to_have_js_property("videoWidth", 320)
    await expect(at.event(film).locator(".download")).to_contain_text("13 kB · 0:03")
    await expect(at.event(heard).locator(".voice-title")).to_contain_text("Voice message 0:03")
    await expect(at.event(heard).locator(".waveform i")).to_have_count(48)
    await expect(at.event(heard).locator("audio")).to_have_attribute("src", re.compile("^blob:"))
    await expect(at.event(song).locator(".download")).to_contain_text("song.m4a")
    await expect(at.event(stuck).locator("img.sticker")).to_have_js_property("naturalWidth", 640)
    media = [url for url in at.asked if "/media/" in url]
    assert media
    assert all(
        "/_matrix/client/v1/media/download/" in url for url in media if "thumbnail" not in url
    )

    await at.event(picture).locator(".frame").click()
    await expect(at.page.locator("dialog.lightbox img")).to_have_js_property("naturalWidth", 640)
    await at.page.keyboard.press("Escape")
    await expect(at.page.locator("dialog")).to_have_count(0)


async def test_a_file_is_downloaded_under_its_name_and_a_page_in_it_never_opens_here(
    at: PageUnderTest, stage: Stage
) -> None:
    maria = stage.maria
    room = await maria.room("Files")
    evil = b"<script>parent.hacked = 1</script>"
    uploaded = await maria.upload(evil, "text/html", "report.html")
    info = {"mimetype": "text/html", "size": len(evil)}
    event = await maria.send(
        room, {"msgtype": "m.file", "body": "report.html", "url": uploaded, "info": info}
    )
    lost = await maria.send(
        room, {"msgtype": "m.file", "body": "locked.pdf", "file": {"url": uploaded, "key": {}}}
    )
    await at.enter("Files")
    await at.page.evaluate(
        """() => {
          const make = URL.createObjectURL;
          window.kinds = [];
          URL.createObjectURL = (blob) => { window.kinds.push(blob.type); return make(blob); };
        }"""
    )

    await expect(at.event(lost).locator(".lost")).to_contain_text("encrypted")
    await expect(at.event(event).locator(".download")).to_contain_text("34 bytes")
    async with at.page.expect_download() as begun:
        await at.event(event).locator(".download").click()
    download = await begun.value
    assert download.suggested_filename == "report.html"
    assert (await download.path()).read_bytes() == evil
    assert await at.page.evaluate("window.kinds") == ["application/octet-stream"]
    assert len(at.page.context.pages) == 1


async def test_an_edit_counts_if_its_author_made_it_and_says_when(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Edits", jonas)
    event = await maria.say(room, "first")
    await maria.edit(room, event, "second")
    await at.enter("Edits")
    await expect(at.event(event).locator(".said")).to_contain_text("second")

    await jonas.edit(room, event, "forged")
    await maria.edit(
        room, event, "third", format="org.matrix.custom.html", formatted_body="<b>third</b>"
    )
    last = await jonas.say(room, "seen")

    await expect(at.event(last)).to_be_visible(timeout=SEEN_MS)
    await expect(at.event(event).locator(".said b")).to_have_text("third")
    mark = at.event(event).locator(".edited")
    await expect(mark).to_have_text("(edited)")
    await expect(mark).to_have_attribute("title", re.compile(r"^Edited .* at \d\d:\d\d:\d\d$"))
    await expect(at.page.locator("#matrix-messages .message")).to_have_count(2)


async def test_what_is_redacted_is_gone_and_says_by_whom_and_why(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Redactions", jonas)
    before = await jonas.say(room, "gone before anyone looked")
    await jonas.redact(room, before)
    own = await jonas.say(room, "I take this back")
    other = await jonas.say(room, "not here")
    await at.enter("Redactions")
    await expect(at.event(before).locator(".deleted")).to_have_text(" message deleted")
    await expect(at.event(other)).to_contain_text("not here")

    await jonas.redact(room, own)
    await maria.redact(room, other, "off topic")

    await expect(at.event(own).locator(".deleted")).to_have_text(" message deleted")
    await expect(at.event(other).locator(".deleted")).to_have_text(
        " message deleted by maria: off topic"
    )
    await expect(at.event(other).locator(".acts")).to_have_count(0)
    await expect(at.page.locator("#matrix-messages")).not_to_contain_text("take this back")


async def test_reactions_are_counted_by_key_and_tell_who_gave_them(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Reactions", jonas)
    star = await maria.upload(sample("parrot.png"), "image/png")
    event = await maria.say(room, "what do you think?")
    for hand in (maria, jonas):
        await hand.react(room, event, "👍")
    await jonas.react(room, event, ":party:")
    picture = await jonas.react(room, event, star, **{"com.beeper.reaction.shortcode": ":parrot:"})
    await at.enter("Reactions")

    chips = at.event(event).locator(".chip")
    await expect(chips).to_have_count(3)
    thumb = at.event(event).locator('.chip[data-key="👍"]')
    await expect(thumb.locator(".number")).to_have_text("2")
    await expect(thumb).to_have_attribute("title", "maria and jonas reacted with 👍")
    await expect(thumb).to_have_class("chip own")
    await expect(at.event(event).locator('.chip[data-key=":party:"]')).to_contain_text(":party:")
    shown = at.event(event).locator(".chip img")
    await expect(shown).to_have_js_property("naturalWidth", 96)
    await expect(shown).to_have_attribute("alt", ":parrot:")

    await jonas.redact(room, picture)
    await expect(chips).to_have_count(2, timeout=SEEN_MS)


async def test_a_reply_quotes_what_it_answers_and_leads_there(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Replies", jonas)
    question = await maria.say(room, "Who writes the minutes?", "Who writes the <b>minutes</b>?")
    await jonas.chatter(room, 70)
    answer = await jonas.say(
        room,
        "> <@maria:demo.localhost> Who writes the minutes?\n\nI do.",
        "<mx-reply><blockquote>old fallback</blockquote></mx-reply>I <i>do</i>.",
        **{"m.relates_to": {"m.in_reply_to": {"event_id": question}}},
    )
    await at.reload()
    await at.enter("Replies")

    quote = at.event(answer).locator(".answered")
    await expect(quote).to_contain_text("maria", timeout=SEEN_MS)
    await expect(quote).to_contain_text("Who writes the minutes?")
    await expect(at.event(answer).locator(".said")).to_have_text("I do.")
    await expect(at.event(question)).to_have_count(0)
    await quote.click()
    await expect(at.event(question)).to_be_in_viewport(timeout=SEEN_MS)
    await expect(at.event(question)).to_have_class(re.compile("pointed"))


async def test_a_thread_stands_folded_below_its_root_and_opens_in_its_place(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Threads", jonas)
    root = await maria.say(room, "The programme")
    for words in ("It is good", "It is long", "Both"):
        await jonas.in_thread(room, root, words)
    after = await maria.say(room, "Another matter")
    await at.enter("Threads")

    summary = at.event(root).locator("details.thread > summary")
    await expect(summary).to_contain_text("3 replies")
    await expect(summary.locator(".latest")).to_have_text("jonas Both")
    await expect(at.page.locator("#matrix-messages > li .message:visible")).to_have_count(2)
    await summary.click()
    inside = at.event(root).locator("details.thread > ol > li .said")
    await expect(inside).to_have_text(["It is good", "It is long", "Both"])

    await at.event(root).locator(".thread textarea").fill("I agree")
    await at.page.keyboard.press("Enter")
    await expect(inside).to_have_text(["It is good", "It is long", "Both", "I agree"])
    await expect(at.event(after)).to_be_visible()
    newest = (await maria.events(room))[0]["content"]
    assert newest["m.relates_to"]["rel_type"] == "m.thread"
    assert newest["m.relates_to"]["event_id"] == root
    assert newest["m.relates_to"]["is_falling_back"] is True


async def test_a_thread_whose_root_is_long_past_is_shown_with_all_its_replies(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Old threads", jonas)
    root = await maria.say(room, "An old post")
    await jonas.in_thread(room, root, "an early reply")
    await jonas.chatter(room, 70)
    await jonas.in_thread(room, root, "a late reply")
    await at.reload()
    await at.enter("Old threads")

    summary = at.event(root).locator("details.thread > summary")
    await expect(summary).to_contain_text("2 replies", timeout=SEEN_MS)
    await summary.click()
    replies = at.event(root).locator("details.thread > ol > li .said")
    await expect(replies).to_have_text(["an early reply", "a late reply"])


async def test_notices_emotes_and_changes_of_the_room_look_like_what_they_are(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas, guest = stage.maria, stage.jonas, stage.guest
    room = await maria.room("Changes", jonas)
    notice = await jonas.send(room, {"msgtype": "m.notice", "body": "I am a bot"})
    emote = await jonas.send(room, {"msgtype": "m.emote", "body": "waves"})
    await maria.set(room, "m.room.name", {"name": "Changes made"})
    await jonas.say(room, "one")
    await maria.set(room, "m.room.topic", {"topic": "What we change"})
    await jonas.say(room, "two")
    await maria.call("POST", f"rooms/{room}/invite", {"user_id": guest.id, "reason": "she knows"})
    await guest.call("POST", f"join/{room}", {})
    await guest.say(room, "three")
    kicked = {"user_id": guest.id, "reason": "done here"}
    await maria.call("POST", f"rooms/{room}/kick", kicked)
    await at.enter("Changes made")

    await expect(at.event(notice)).to_have_class(re.compile("notice"))
    await expect(at.event(emote).locator(".said")).to_have_text("* jonas waves")
    lines = at.page.locator("#matrix-messages .system")
    for words in (
        "maria renamed the room from “Changes” to “Changes made”",
        "maria set the topic: What we change",
        "maria invited guest: she knows",
        "guest joined",
        "maria removed guest: done here",
    ):
        await expect(lines.filter(has_text=words)).to_have_count(1)
    folded = at.page.locator("#matrix-messages details", has_text="changes of the room")
    await expect(folded).to_contain_text("maria created the room")


async def test_pinned_messages_stand_above_the_timeline_and_lead_to_them(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Pins", jonas)
    first = await jonas.say(room, "Read this first")
    await jonas.chatter(room, 70)
    second = await jonas.say(room, "And then this")
    await maria.set(room, "m.room.pinned_events", {"pinned": [first, second]})
    await at.reload()
    await at.enter("Pins")

    bar = at.page.locator("#matrix-head .pins")
    await expect(bar.locator(f'[data-pin="{second}"]')).to_contain_text("jonas And then this")
    await bar.locator("summary").click()
    await expect(bar.locator(f'[data-pin="{first}"]')).to_contain_text("Read this first")
    await expect(at.page.locator("#matrix-messages .system").last).to_have_text(
        "maria pinned a message"
    )
    await bar.locator(f'[data-pin="{first}"]').click()
    await expect(at.event(first)).to_be_in_viewport(timeout=SEEN_MS)


async def test_a_message_may_bring_a_profile_of_its_own_but_not_hide_its_sender(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Profiles", jonas)
    star = await jonas.upload(sample("parrot.png"), "image/png")
    profile = {"id": "hook", "displayname": "Build", "avatar_url": star, "has_fallback": True}
    posted = await jonas.say(
        room,
        "Build: failed",
        "<strong data-mx-profile-fallback>Build: </strong>failed",
        **{"com.beeper.per_message_profile": profile},
    )
    plain = await jonas.say(
        room, "Build: failed again", **{"com.beeper.per_message_profile": profile}
    )
    bare = {"id": "other", "displayname": "Other", "avatar_url": ""}
    kept = await jonas.say(room, "Other: kept", **{"com.beeper.per_message_profile": bare})
    await at.enter("Profiles")

    await expect(at.event(posted).locator(".name")).to_have_text("Build")
    await expect(at.event(posted).locator(".via")).to_have_text(f"via {jonas.id}")
    await expect(at.event(posted).locator(".said")).to_have_text("failed")
    await expect(at.event(posted).locator(".avatar img")).to_have_count(1)
    await expect(at.event(plain).locator(".said")).to_have_text("failed again")
    await expect(at.event(kept).locator(".name")).to_have_text("Other")
    await expect(at.event(kept).locator(".said")).to_have_text("Other: kept")
    await expect(at.event(kept).locator(".avatar")).to_have_text("O")


async def test_people_and_rooms_have_pictures_or_initials_and_the_head_says_what_a_room_is_for(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Faces here", jonas, topic="About faces: https://example.org/f")
    face = await jonas.upload(sample("jonas.png"), "image/png")
    house = await maria.upload(sample("team.png"), "image/png")
    member = {"membership": "join", "displayname": "Jonas Berg", "avatar_url": face}
    await jonas.set(room, "m.room.member", member, jonas.id)
    await maria.set(room, "m.room.avatar", {"url": house})
    his, hers = await jonas.say(room, "with a face"), await maria.say(room, "without")
    await at.enter("Faces here")

    await expect(at.event(his).locator(".avatar img")).to_have_attribute(
        "src", re.compile("^blob:")
    )
    await expect(at.event(hers).locator(".avatar")).to_have_text("M")
    head = at.page.locator("#matrix-head")
    await expect(head.locator(".room-head > .avatar img")).to_have_count(1)
    await expect(head.locator(".topic")).to_contain_text("About faces:")
    await expect(head.locator(".topic a")).to_have_attribute("href", "https://example.org/f")
    listed = at.page.locator("#matrix-rooms .room", has_text="Faces here").locator(".avatar img")
    await expect(listed).to_have_count(1)
    assert any("/v1/media/thumbnail/" in url and "method=crop" in url for url in at.asked)
    await head.locator(".members").click()
    await expect(at.page.locator("dialog li")).to_contain_text(["maria", "Jonas Berg"])


async def test_a_message_that_was_not_delivered_says_so_and_why(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Statuses", jonas)
    failed, later = await maria.say(room, "to nobody"), await maria.say(room, "to somebody")

    async def status(event: str, state: str, **more: str) -> None:
        relation = {"rel_type": "m.reference", "event_id": event}
        content = {"m.relates_to": relation, "status": state, "network": "teams", **more}
        await jonas.send(room, content, "com.beeper.message_send_status")

    await status(
        failed, "FAIL_PERMANENT", reason="com.beeper.denied", message="You are signed out."
    )
    await status(later, "FAIL_RETRIABLE", message="Teams is away")
    await at.enter("Statuses")

    await expect(at.event(failed).locator(".failed")).to_have_text(
        " Not delivered: You are signed out."
    )
    await expect(at.event(later).locator(".failed")).to_contain_text("It may be tried again.")
    await status(later, "SUCCESS")
    await expect(at.event(later).locator(".failed")).to_have_count(0, timeout=SEEN_MS)


async def test_rooms_stand_under_their_spaces_in_the_order_of_the_spaces(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    space = {"creation_content": {"type": "m.space"}}
    tenant = await maria.room("Contoso space", jonas, **space)
    team = await maria.room("Directorate space", jonas, **space)
    first, second = await maria.room("Channel A"), await maria.room("Channel B")
    hidden = await jonas.room(
        "Channel C",
        initial_state=[{"type": "m.room.join_rules", "content": {"join_rule": "public"}}],
    )
    via = {"via": ["demo.localhost"]}
    await maria.set(tenant, "m.space.child", via, team)
    await maria.set(team, "m.space.child", {**via, "order": "b"}, first)
    await maria.set(team, "m.space.child", {**via, "order": "a"}, second)
    await maria.set(team, "m.space.child", via, hidden)
    await maria.set(team, "m.space.child", via, tenant)  # In a circle, as anybody could make it.
    rooms = at.page.locator("#matrix-rooms > button")

    async def order(*names: str) -> None:
        """These stand one after the other."""
        shown = (
            "Array.from(document.querySelectorAll('#matrix-rooms > button .title'), "
            "at => at.textContent).join('|')"
        )
        await expect(rooms.filter(has_text=names[-1])).to_have_count(1, timeout=SEEN_MS)
        assert "|".join(names) in await at.page.evaluate(shown)

    await expect(rooms.filter(has_text="Channel C")).to_contain_text("not joined", timeout=SEEN_MS)
    await order("Contoso space", "Directorate space", "Channel B", "Channel A", "Channel C")
    await rooms.filter(has_text="Channel C").click()
    await expect(at.page.locator("#matrix-head h3")).to_have_text("Channel C", timeout=SEEN_MS)
    await maria.set(tenant, "m.space.child", via, first)  # Now in two spaces.
    await expect(rooms.filter(has_text="Channel A")).to_have_count(2, timeout=SEEN_MS)
    await rooms.filter(has_text="Directorate space").click()
    await expect(rooms.filter(has_text="Channel A")).to_have_count(1)
    await expect(rooms.filter(has_text="Channel B")).to_have_count(0)


async def test_a_room_that_was_replaced_leads_to_the_new_one(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    old = await jonas.room("Old place", maria, preset="public_chat")
    await jonas.say(old, "before the move")
    made = await jonas.call("POST", f"rooms/{old}/upgrade", {"new_version": "12"})
    await jonas.set(made["replacement_room"], "m.room.name", {"name": "New place"})
    await at.enter("Old place")

    await expect(at.page.locator("#matrix-head .banner")).to_contain_text("has been replaced")
    await expect(at.page.locator("#matrix-text")).to_be_disabled()
    await at.page.locator("#matrix-head .banner button").click()
    await expect(at.page.locator("#matrix-head h3")).to_have_text("New place", timeout=SEEN_MS)
    await expect(at.page.locator("#matrix-text")).to_be_enabled()
    await expect(at.page.locator("#matrix-rooms .room", has_text="Old place")).to_have_count(0)


async def test_a_room_without_a_name_is_called_after_the_others_but_not_after_service_members(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas, guest = stage.maria, stage.jonas, stage.guest
    room = await maria.room(None, jonas, guest)
    service = {"service_members": [guest.id]}
    await maria.set(room, "io.element.functional_members", service)
    face = await jonas.upload(sample("jonas.png"), "image/png")
    named = {"membership": "join", "displayname": "Jonas, alone", "avatar_url": face}
    await jonas.set(room, "m.room.member", named, jonas.id)
    await jonas.say(room, "just us")
    await at.enter("Jonas, alone")

    await expect(at.page.locator("#matrix-head h3")).to_have_text("Jonas, alone")
    await expect(at.page.locator("#matrix-head .room-head > .avatar img")).to_have_count(1)


async def test_a_person_replies_reacts_edits_and_deletes_in_matrix(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await maria.room("Acts", jonas)
    question = await jonas.say(room, "Coffee?")
    await at.enter("Acts")

    await at.press(at.event(question), "Reply")
    await expect(at.page.locator("#matrix-form .above")).to_contain_text(
        "Replying to jonas: Coffee?"
    )
    await at.write("matrix", "Yes, **please** @jonas")
    answer = at.page.locator("#matrix-messages .message", has_text="Yes, please")
    await expect(answer.locator(".answered")).to_contain_text("Coffee?")
    await expect(answer.locator("strong")).to_have_text("please")
    await expect(answer.locator(".pill")).to_have_text("jonas")
    sent = (await maria.events(room))[0]["content"]
    assert sent["m.relates_to"] == {"m.in_reply_to": {"event_id": question}}
    assert sent["m.mentions"] == {"user_ids": [jonas.id]}

    await at.press(answer, "Edit")
    await at.write("matrix", "Yes, but tea")
    await expect(answer).to_have_count(0)
    edited = at.page.locator("#matrix-messages .message", has_text="Yes, but tea")
    await expect(edited.locator(".edited")).to_have_count(1)
    await expect(edited.locator(".answered")).to_contain_text("Coffee?")

    await at.press(at.event(question), "React")
    await at.page.locator(".board").get_by_label("React with 👍").click()
    chip = at.event(question).locator(".chip.own")
    await expect(chip).to_contain_text("1")
    await chip.click()
    await expect(at.event(question).locator(".chip")).to_have_count(0)

    await at.press(edited, "Delete")
    await expect(at.page.locator("#matrix-messages .deleted")).to_have_count(1)
    await at.press(at.event(question), "Reply in thread")
    await at.event(question).locator(".thread textarea").fill("in private")
    await at.page.keyboard.press("Enter")
    await expect(at.event(question).locator(".thread .said")).to_have_text("in private")
    await expect(at.event(question).locator(".thread > summary")).to_contain_text("1 reply")


async def test_earlier_messages_are_read_on_demand_and_what_may_not_be_written_is_not(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    room = await jonas.room("Long ago", maria)
    first = await jonas.say(room, "the very first")
    await jonas.chatter(room, 80)
    await at.reload()
    await at.enter("Long ago")

    await expect(at.event(first)).to_have_count(0)
    await at.page.locator("#matrix-earlier").click()
    await expect(at.event(first)).to_have_count(1, timeout=SEEN_MS)
    await expect(at.page.locator("#matrix-earlier")).to_be_hidden()

    levels = await jonas.call("GET", f"rooms/{room}/state/m.room.power_levels")
    await jonas.set(room, "m.room.power_levels", {**levels, "events_default": 60})
    await expect(at.page.locator("#matrix-text")).to_be_disabled(timeout=SEEN_MS)
    await expect(at.page.locator("#matrix-text")).to_have_attribute(
        "placeholder", "You may not write in this room"
    )


async def test_invitations_are_accepted_one_by_one_or_together(
    at: PageUnderTest, stage: Stage
) -> None:
    maria, jonas = stage.maria, stage.jonas
    for name in ("First call", "Second call", "Third call"):
        await jonas.room(name, invite=[maria.id])
    invites = at.page.locator("#matrix-rooms .invite", has_text="call")
    await expect(invites).to_have_count(3, timeout=SEEN_MS)
    await expect(invites.first).to_contain_text("invited: click to join")

    await invites.filter(has_text="Second call").click()
    await expect(at.page.locator("#matrix-head h3")).to_have_text("Second call", timeout=SEEN_MS)
    await at.page.locator("#matrix-rooms .join-all").click()
    await expect(at.page.locator("#matrix-rooms .invite")).to_have_count(0, timeout=SEEN_MS)


async def test_names_are_shortened_to_letters_and_words_stand_out_from_any_ground(
    at: PageUnderTest,
) -> None:
    found = await at.page.evaluate(
        """async () => {
          const { initials } = await import("/lib/words.js");
          const { paint, safeAddress } = await import("/lib/dom.js");
          const ink = (back) => { const at = document.createElement("p"); paint(at, "", back); return at.style.color; };
          return {
            initials: ["Aïcha Benali", "General (Directorate)", "(bot)", "@maria:hs", "+1 555", "☂", ""].map(initials),
            ink: ["#ffff00", "#000080", "rgb(1, 2, 3)", "gold"].map(ink),
            addresses: ["https://a.b/c", "javascript:1", " mailto:a@b ", "//a.b", "http://[", "file:///a", null].map(safeAddress),
          };
        }"""
    )

    assert found["initials"] == ["AB", "G", "B", "MH", "15", "?", "?"]
    light, dark = "rgb(255, 255, 255)", "rgb(31, 31, 43)"
    assert found["ink"] == [dark, light, light, dark]
    none = None
    assert found["addresses"] == ["https://a.b/c", none, "mailto:a@b", none, none, none, none]


async def test_one_event_is_rendered_from_an_array_of_events_and_addresses_of_media_alone(
    at: PageUnderTest,
) -> None:
    events = [
        {
            "type": "m.room.member",
            "state_key": "@a:b",
            "sender": "@a:b",
            "event_id": "$0",
            "content": {"membership": "join", "displayname": "Anna"},
            "origin_server_ts": 1,
        },
        {
            "type": "m.room.message",
            "sender": "@a:b",
            "event_id": "$1",
            "origin_server_ts": 1000,
            "content": {
                "msgtype": "m.image",
                "body": "a.png",
                "url": "mxc://b/c",
                "info": {"w": 10, "h": 10, "size": 9},
            },
        },
        {
            "type": "m.reaction",
            "sender": "@a:b",
            "event_id": "$2",
            "origin_server_ts": 2000,
            "content": {
                "m.relates_to": {"rel_type": "m.annotation", "event_id": "$1", "key": "👍"}
            },
        },
    ]
    html = await at.page.evaluate(
        """async (events) => {
          const { renderEvent } = await import("/matrix/event.js");
          const { contextOf } = await import("/matrix/context.js");
          const context = contextOf(events, { mediaUrl: (mxc) => mxc.replace("mxc://", "icon.svg?") });
          return renderEvent(events[1], context).outerHTML;
        }""",
        events,
    )
    assert "Anna" in html
    assert 'src="http' not in html
    assert 'src="icon.svg?b/c"' in html
    assert 'data-key="👍"' in html
    assert 'class="acts"' not in html
