"""The Teams half of the demo's page: what it shows, and what can be said and done with it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from playwright.async_api import Browser, Locator, expect

from tests.kit.e2e_page import IN_A_BROWSER, SEEN_MS, PageUnderTest, Stage, opened

pytestmark = [*IN_A_BROWSER, pytest.mark.long("the demo of the page")]


async def as_maria(at: PageUnderTest) -> None:
    await at.page.locator("#teams-user").select_option(label="Maria Rossi")


def last(at: PageUnderTest) -> Locator:
    """The newest message of the Teams half."""
    return at.page.locator("#teams-messages .message").last


async def test_the_teams_of_a_person_are_listed_with_the_channels_that_they_may_see(
    at: PageUnderTest,
) -> None:
    listed = at.page.locator("#teams-chats")
    await expect(listed.locator(".space")).to_contain_text("Directorate")
    await expect(listed.locator(".space .avatar img")).to_have_count(1)
    await expect(listed.locator(".channel")).to_have_text(["General", "Programme"])
    await as_maria(at)
    await expect(listed.locator(".channel .title")).to_have_text(
        ["General", "Programme", "Personnel"], timeout=SEEN_MS
    )
    await expect(
        listed.locator(".channel", has_text="Personnel").locator(".icon-lock")
    ).to_have_count(1)


async def test_a_channel_shows_posts_with_subject_files_reactions_and_replies(
    at: PageUnderTest,
) -> None:
    await at.open_place("Programme")
    post = at.page.locator("#teams-messages .post", has_text="Programme 2027.md")

    await expect(post.locator("> .message .subject")).to_have_text("Programme 2027")
    await expect(post.locator(".file", has_text="Programme 2027.md")).to_contain_text("119 bytes")
    await expect(post.locator(".file img")).to_have_js_property("naturalWidth", 640)
    await expect(post.locator(".chip")).to_have_attribute("title", "Maria Rossi: 👍")
    await expect(post.locator(".replies .rich")).to_contain_text(["legal basis", "IT asks for 104"])
    await expect(post.locator(".replies .avatar img").first).to_be_visible()
    async with at.page.expect_download() as begun:
        await post.locator(".download", has_text="Programme 2027.md").click()
    assert (await begun.value).suggested_filename == "Programme 2027.md"

    await post.locator(".reply").click()
    await at.write("teams", "I read it on Monday")
    await expect(post.locator(".replies .rich")).to_contain_text(
        ["legal basis", "IT asks for 104", "I read it on Monday"]
    )


async def test_text_of_every_kind_is_shown_as_what_it_is(at: PageUnderTest) -> None:
    await at.open_place("Budget 2027")
    rich = last(at).locator(".rich")

    async def shows(kind: str, selector: str, text: str | re.Pattern[str]) -> None:
        await at.play(kind)
        await expect(rich.locator(selector).first).to_have_text(text, timeout=SEEN_MS)

    await shows("rich", "strong", "bold")
    await expect(rich.locator("span", has_text="in red")).to_have_css("color", "rgb(196, 49, 75)")
    await shows("table", "th", "n")
    await shows("codeblock", "pre code", re.compile("if a < b"))
    await shows("nested_lists", "ol > li > ul > li", "deep")
    await shows("headings", "h2", "Title 2")
    await shows("emoji", ".emoji", "👀")
    await shows("link", "a", re.compile("^https://example.org/programme"))
    await shows("right_to_left", 'p[dir="rtl"]', re.compile("."))
    await shows("mention_user", ".pill", re.compile("."))
    await at.play("custom_emoji")
    await expect(rich.locator("img.emoticon")).to_have_js_property("naturalWidth", 96)
    await at.play("raw")
    await expect(rich).to_contain_text("Nothing of this runs")
    await expect(rich.locator("script, iframe, style, img, a[href]")).to_have_count(0)
    assert await at.page.title() == "Teams and Matrix, side by side"
    await at.play("urgent")
    await expect(last(at).locator(".importance")).to_have_text("URGENT!")
    await at.play("important")
    await expect(last(at).locator(".importance")).to_have_text("IMPORTANT!")


async def test_pictures_files_and_recordings_are_shown_through_the_tenant(
    at: PageUnderTest,
) -> None:
    await at.open_place("Budget 2027")
    await at.play("pictures")
    pictures = last(at).locator("img.picture")
    await expect(pictures).to_have_count(2)
    await expect(pictures.first).to_have_js_property("naturalWidth", 640)
    assert await pictures.first.get_attribute("width") == "320"
    await at.play("files")
    await expect(last(at).locator(".file-name")).to_have_text(["Programme 2027.pdf", "Minutes.csv"])
    await expect(last(at).locator(".file small").first).to_have_text("704 bytes")
    await at.play("picture_file")
    await expect(last(at).locator(".file img")).to_have_js_property("naturalWidth", 640)
    await at.play("voice")
    await expect(last(at).locator("audio")).to_have_js_property("readyState", 4)
    await at.play("video")
    await expect(last(at).locator("video")).to_have_js_property("videoWidth", 320)
    await at.play("hosted_video")
    await expect(last(at).locator("video")).to_have_js_property("videoWidth", 320)
    await at.play("lost_file")
    await expect(last(at).locator(".file")).to_contain_text("not in this tenant")
    await expect(last(at).locator(".file a[href]")).to_have_count(0)
    for elsewhere in ("sticker", "gif"):
        await at.play(elsewhere)
        await expect(last(at).locator(".elsewhere")).to_have_count(1)


@pytest.mark.parametrize(
    ("kind", "named", "says"),
    [
        ("adaptive_card", "Adaptive card", "Approval of an invoice"),
        ("hero_card", "Hero card", "Spring festival"),
        ("thumbnail_card", "Thumbnail card", "Spring festival"),
        ("list_card", "List card", "Open requests"),
        ("connector_card", "Connector card", "Build failed"),
        ("loop", "Loop component", "Open it in Loop"),
        ("meeting", "Meeting", "Weekly sync"),
        ("tab", "Tab", "Planner"),
        ("code_snippet", "Code snippet", "return 4"),
        ("unknown_attachment", "application/vnd.microsoft.card.hologram", "hologram"),
    ],
)
async def test_a_card_is_named_by_its_kind(
    at: PageUnderTest, kind: str, named: str, says: str
) -> None:
    await at.open_place("Budget 2027")
    await at.play(kind)

    card = last(at).locator(".card")
    await expect(card).to_have_attribute("data-kind", named)
    await expect(card).to_contain_text(says)


async def test_answers_quote_what_they_answer_and_forwards_say_whose_they_were(
    at: PageUnderTest,
) -> None:
    await at.open_place("Maria Rossi")
    await at.write("teams", "Shall we begin on Monday?")
    await at.sees("teams", "Shall we begin on Monday?")
    await at.play("quote")
    quote_of = last(at).locator(".quote")
    await expect(quote_of.locator("b")).to_have_text("Aïcha Benali")
    await expect(quote_of).to_contain_text("Shall we begin on Monday?")
    await quote_of.click()
    await expect(at.page.locator("#teams-messages .pointed")).to_contain_text("begin on Monday")
    await at.play("forward")
    await expect(last(at).locator(".forwarded")).to_contain_text("Forwarded")
    await at.press(last(at), "Quote")
    await at.write("teams", "Quoted by hand")
    by_hand = at.page.locator("#teams-messages .message", has_text="Quoted by hand")
    await expect(by_hand.locator(".quote")).to_have_count(1)


async def test_edits_deletions_reactions_pins_and_policies_are_seen(at: PageUnderTest) -> None:
    await at.open_place("Budget 2027")
    await at.write("teams", "To be changed")
    await at.sees("teams", "To be changed")
    await at.play("edit")
    await expect(last(at).locator("strong")).to_have_text("edited")
    await expect(last(at).locator(".edited")).to_have_attribute("title", re.compile("^Edited "))
    await at.press(last(at), "React")
    await at.page.locator(".board").get_by_label("React with 🎉").click()
    await expect(last(at).locator(".chip.own")).to_contain_text("1")
    await last(at).locator(".chip.own").click()
    await expect(last(at).locator(".chip")).to_have_count(0)
    await at.play("pin")
    await expect(at.page.locator("#teams-head .pin")).to_contain_text("This was edited")
    await at.play("unpin")
    await expect(at.page.locator("#teams-head .pin")).to_have_count(0)
    await at.play("violate")
    await expect(at.page.locator("#teams-messages .deleted").last).to_contain_text("blocked")
    await at.play("lift")
    mine = at.page.locator("#teams-messages .message", has_text="This was edited").last
    await at.press(mine, "Edit")
    await at.write("teams", "Edited by hand")
    await at.sees("teams", "Edited by hand")
    by_hand = at.page.locator("#teams-messages .message", has_text="Edited by hand")
    await at.press(by_hand, "Delete")
    await expect(at.page.locator("#teams-messages .gone").last).to_contain_text(
        "This message has been deleted."
    )
    await at.play("undelete")
    await at.sees("teams", "Edited by hand")
    await at.play("react_custom")
    await expect(last(at).locator(".chip img")).to_have_js_property("naturalWidth", 96)


async def test_who_is_no_ordinary_member_is_told_apart(at: PageUnderTest) -> None:
    await at.open_place("Budget 2027")
    for kind, name, badge in (
        ("by_bot", "Helper", "bot"),
        ("by_webhook", "Build server", "bot"),
        ("by_guest", "Ines Lopes (Fabrikam)", "external"),
        ("by_anonymous", "Visitor", "guest"),
        ("by_phone", "+1555 0100", "phone"),
    ):
        await at.play(kind)
        await expect(last(at).locator(".name")).to_have_text(name)
        await expect(last(at).locator(".via")).to_have_text(badge)


async def test_every_system_message_is_said_in_words(at: PageUnderTest) -> None:
    await as_maria(at)
    for place in ("Budget 2027", "Programme"):
        await at.open_place(place)
        await at.page.click("#teams-kinds")
        group = at.page.locator(".kinds section", has=at.page.locator("h4", has_text="System"))
        await expect(group).to_be_visible()
        number = await group.locator("[data-kind]").count()
        assert number >= 14
        await group.get_by_role("button", name="all", exact=True).click()
        await expect(at.page.locator("#status")).to_have_text(
            f"Done in Teams: {number} things", timeout=SEEN_MS
        )
        lines = at.page.locator("#teams-messages .system")
        await expect(lines.nth(number - 1)).to_be_attached(timeout=SEEN_MS)
        for words in await lines.all_text_contents():
            assert not re.search("undefined|null|Someone|unknown|someone", words), words


async def test_what_a_place_allows_is_offered_and_what_it_does_not_is_refused(
    at: PageUnderTest, stage: Stage
) -> None:
    await at.open_place("General")
    await at.page.click("#teams-kinds")
    await expect(at.page.locator('.kinds [data-kind="announcement"]')).to_have_count(1)
    await expect(at.page.locator('.kinds [data-kind="mention_everyone"]')).to_have_count(0)
    await at.page.locator(".kinds input").fill("announce")
    await expect(at.page.locator(".kinds [data-kind]:visible")).to_have_count(1)
    await at.page.locator('.kinds [data-kind="announcement"]').click()
    await expect(last(at).locator(".announcement")).to_have_text("New office hours")
    await at.play("subject")
    await expect(last(at).locator(".subject")).to_have_text("Minutes of Monday", timeout=SEEN_MS)
    await at.play("archive")
    await expect(at.page.locator("#teams-text")).to_be_disabled(timeout=SEEN_MS)
    await at.play("unarchive")
    await expect(at.page.locator("#teams-text")).to_be_enabled(timeout=SEEN_MS)


async def test_what_is_written_on_one_side_of_the_page_is_seen_on_the_other(
    at: PageUnderTest,
) -> None:
    await at.open_place("Maria Rossi")
    await at.write("teams", "Hello from the left")
    await at.sees("teams", "Hello from the left")
    await at.page.locator("#matrix-rooms .invite", has_text="Aïcha").click(timeout=SEEN_MS)
    await at.sees("matrix", "Hello from the left")

    await at.write("matrix", "And hello from the right")
    await at.sees("matrix", "And hello from the right")
    await at.sees("teams", "And hello from the right")


async def test_the_guest_signs_in_through_the_bot_and_every_page(at: PageUnderTest) -> None:
    await at.page.locator("#matrix-user").select_option(index=2)
    await at.page.locator("#matrix-bot").click()
    await at.sees("matrix", "Hello! I connect your Microsoft Teams chats")
    await at.write("matrix", "login")
    await at.sees("matrix", "Open this link")
    link = at.page.locator("#matrix-messages .message", has_text="Open this link").locator("a")
    async with at.page.context.expect_page() as opened_page:
        await link.click()
    tab = await opened_page.value
    await expect(tab.locator("main")).to_contain_text("@guest:demo.localhost")
    await tab.get_by_role("button", name="Sign in with Microsoft").click()
    await tab.get_by_role("button", name="Sign in as Tom").click()
    await expect(tab.locator("h1")).to_have_text("You are signed in")
    await tab.close()
    await at.sees("matrix", "You are signed in to Teams as Tom Novák.")


# --- the demo's own server ---


async def test_every_answer_forbids_the_page_to_run_or_load_what_is_not_its_own(
    stage: Stage,
) -> None:
    async with aiohttp.ClientSession() as session:
        for path in ("", "main.js", "api/world", "no/such/file", "api/teams/messages?place=none"):
            async with session.get(f"{stage.address}{path}") as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
            rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
            assert rules["default-src"] == "'none'"
            assert rules["script-src"] == rules["style-src"] == "'self'"
            assert rules["img-src"] == rules["media-src"] == "'self' blob:"
            assert rules["connect-src"] == f"'self' {stage.world['homeserver']}"
            assert rules["base-uri"] == rules["form-action"] == rules["frame-ancestors"] == "'none'"


async def test_the_server_gives_nothing_but_the_page_and_takes_nothing_but_json(
    stage: Stage,
) -> None:
    async def status(method: str, path: str, **more: Any) -> int:
        async with aiohttp.ClientSession() as session:
            url = f"{stage.address}{path}"
            async with session.request(method, url, **more) as answer:
                return answer.status

    assert await status("GET", "..%2Fshowcase.py") == 404
    assert await status("GET", "%2e%2e/showcase.py") == 404
    assert await status("GET", "", headers={"Host": "evil.example"}) == 403
    assert await status("POST", "api/teams/messages", data="{}") == 415
    bodies: list[Any] = [[], {}, {"place": "x"}, {"place": ["x"], "user": 1}]
    for body in bodies:
        assert 400 <= await status("POST", "api/teams/kinds", json=body) < 500
        assert 400 <= await status("POST", "api/teams/acts", json=body) < 500
    strange = quote("https://evil.example/v1.0/chats/x/messages/1/hostedContents/1/$value", safe="")
    assert await status("GET", f"api/teams/hosted?url={strange}") == 400
    assert await status("GET", f"api/teams/file?url={strange}") == 404
    assert await status("GET", "api/teams/photo?user=nobody") == 404
    assert await status("GET", "api/teams/events?place=x&since=-1") == 400


async def test_a_page_among_the_files_is_kept_as_a_file(browser: Browser, stage: Stage) -> None:
    async with opened(browser, stage) as at:
        await at.open_place("Programme")
        link = at.page.locator("#teams-messages .download", has_text="Programme 2027.md").first
        address = await link.get_attribute("href")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{stage.address}{address}") as answer,
    ):
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert b"# Programme 2027" in await answer.read()
