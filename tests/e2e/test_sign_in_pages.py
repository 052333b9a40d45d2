"""The sign-in pages in a real browser: from the bot's link to being signed in, and every way out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, Request, Response, ViewportSize, expect

from bridge.sandbox.people import MatrixPerson
from tests.kit.e2e_page import CHROMIUM, running_browser
from tests.kit.e2e_world import World
from tests.kit.world import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]
PHONE: ViewportSize = {"width": 360, "height": 640}
DESK: ViewportSize = {"width": 1280, "height": 800}
TEXT_CONTRAST_MIN = 4.5
"""WCAG 2.2, success criterion 1.4.3."""
TARGET_PX_MIN = 44
"""WCAG 2.2, success criterion 2.5.5."""

# The contrast of each piece of text with what it lies on, by the formula of WCAG 2.2.
_CONTRASTS = """() => {
  const light = (colour) => {
    const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((c) => c / 255)
      .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('h1, p, code, strong, button')].map((node) => {
    const two = [light(getComputedStyle(node).color), light(ground(node))].sort((a, b) => b - a);
    return (two[0] + 0.05) / (two[1] + 0.05);
  });
}"""


class Window:
    """One page of a fresh browser, and everything that it fetched or complained of."""

    def __init__(self, page: Page, world: World, folder: Path) -> None:
        self.page = page
        self.fetched: list[str] = []
        self.complaints: list[str] = []
        self._ours = world.bridge.wiring.webhook_url
        self._folder = folder
        page.on("request", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if "Security" in said.text else None,
        )

    def _note(self, request: Request) -> None:
        self.fetched.append(request.url)

    async def visit(self, address: str) -> Response:
        answer = await self.page.goto(address)
        assert answer is not None
        return answer

    async def shows(self, title: str, *words: str) -> None:
        """Our page with this heading; readable, in both widths, and complete by itself."""
        heading = self.page.get_by_role("heading", level=1)
        await expect(heading).to_have_text(title)
        await expect(self.page).to_have_title(title)
        for one in words:
            await expect(self.page.get_by_role("main")).to_contain_text(one)
        assert await self.page.locator("html").get_attribute("lang") == "en"
        for scheme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=scheme)
            for name, size in (("phone", PHONE), ("desk", DESK)):
                await self.page.set_viewport_size(size)
                await self._is_readable()
                picture = self._folder / f"{title.replace(' ', '-')}-{name}-{scheme}.png"
                await self.page.screenshot(path=picture)
        assert self.complaints == []

    async def _is_readable(self) -> None:
        assert min(await self.page.evaluate(_CONTRASTS)) >= TEXT_CONTRAST_MIN
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not await self.page.evaluate(wide)

    def fetched_elsewhere(self) -> list[str]:
        return [url for url in self.fetched if not url.startswith((self._ours, "data:"))]


@asynccontextmanager
async def window(world: World, folder: Path) -> AsyncIterator[Window]:
    async with running_browser() as browser:
        context = await browser.new_context(ignore_https_errors=True, viewport=PHONE)
        yield Window(await context.new_page(), world, folder)
        await context.close()


async def link_for(world: World, person: MatrixPerson) -> str:
    return await world.link_for(person, await world.desk(person))


async def test_from_the_link_to_being_signed_in(world: World, tmp_path: Path) -> None:
    (maria,) = await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    async with window(world, tmp_path) as at:
        await at.visit(await link_for(world, person))
        await at.shows("Link your Teams account", person.user, "in your name")
        assert at.fetched_elsewhere() == []
        button = at.page.get_by_role("button", name="Sign in with Microsoft")
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= TARGET_PX_MIN
        await at.page.keyboard.press("Tab")
        await expect(button).to_be_focused()
        await at.page.keyboard.press("Enter")

        await at.page.get_by_role("button", name="Maria Rossi").click()
        await at.shows("You are signed in", person.user, "Maria Rossi")
        login = world.bridge.wiring.login_url
        assert all(url.startswith(login) for url in at.fetched_elsewhere())
        assert maria.id not in at.page.url

        await at.page.reload()
        await at.shows("This link has expired", "Nothing has changed")
    await world.read(person, "You are signed in to Teams as Maria Rossi.")


async def test_every_refusal_is_a_page_that_says_what_to_do(world: World, tmp_path: Path) -> None:
    await world.tenant.add_users("Maria Rossi")
    await world.signed_in("first", (await world.tenant.add_users("Tom Novák"))[0])
    person = await world.person("maria")
    async with window(world, tmp_path) as at:
        answer = await at.visit(f"{world.bridge.wiring.webhook_url}/signin/nonsense")
        assert answer.status == 410
        await at.shows("This link has expired", "Write login to the bot")

        await at.visit(await link_for(world, person))
        await at.page.get_by_role("button", name="Sign in with Microsoft").click()
        await at.page.get_by_role("button", name="Cancel").click()
        await at.shows("Not signed in", "declined", "Nothing has changed")

        await at.visit(await link_for(world, person))
        await at.page.get_by_role("button", name="Sign in with Microsoft").click()
        await at.page.get_by_role("button", name="Tom Novák").click()
        await at.shows("This Teams account is linked already", "write logout", person.user)


async def test_a_link_that_is_opened_in_another_browser_ends_there(
    world: World, tmp_path: Path
) -> None:
    await world.tenant.add_users("Maria Rossi")
    person = await world.person("maria")
    async with window(world, tmp_path) as one, window(world, tmp_path) as other:
        await one.visit(await link_for(world, person))
        await one.page.get_by_role("button", name="Sign in with Microsoft").click()
        await other.visit(one.page.url)
        await other.page.get_by_role("button", name="Maria Rossi").click()
        await other.shows("This link has expired", "in one browser")


async def test_who_was_deactivated_is_told_so_in_the_browser(world: World, tmp_path: Path) -> None:
    person = await world.person("maria")
    link = await link_for(world, person)
    identifier = {"type": "m.id.user", "user": person.user}
    proof = {"type": "m.login.password", "identifier": identifier, "password": PASSWORD}
    await person.call("POST", "account/deactivate", {"auth": proof})
    async with window(world, tmp_path) as at:
        assert (await at.visit(link)).status == 403
        await at.shows("Not permitted", person.user)
