"""The page of `teams-bridge demo`, in the Chromium of this system."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.kit.e2e_demo import OPEN_PAGE, demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SEEN_MS = 30_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        await running.close()


@pytest.fixture
async def page(browser: Browser, demo_folder: Path) -> AsyncIterator[Page]:
    """The demo's page, ready."""
    async with demo(demo_folder, "--port", "0") as running:
        address = (await running.wait_for(OPEN_PAGE))[1]
        context = await browser.new_context(
            viewport={"width": 1400, "height": 850}, ignore_https_errors=True
        )
        opened = await context.new_page()
        faults: list[str] = []
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("console", lambda it: faults.append(it.text) if it.type == "error" else None)
        await opened.goto(address)
        await expect(opened.locator("#status")).to_have_text("ready", timeout=SEEN_MS)
        yield opened
        assert faults == []
        await context.close()


async def write(page: Page, side: str, text: str) -> None:
    await page.fill(f"#{side}-text", text)
    await page.press(f"#{side}-text", "Enter")


async def sees(page: Page, side: str, text: str) -> None:
    messages = page.locator(f"#{side}-messages li", has_text=text)
    await expect(messages).to_have_count(1, timeout=SEEN_MS)


async def test_what_is_written_on_one_side_of_the_page_is_seen_on_the_other(
    page: Page, tmp_path: Path
) -> None:
    await write(page, "teams", "Hello from the left")
    await sees(page, "teams", "Hello from the left")
    await page.locator("#matrix-rooms button", has_text="Aïcha").click(timeout=SEEN_MS)
    await sees(page, "matrix", "Hello from the left")

    await write(page, "matrix", "And hello from the right")
    await sees(page, "matrix", "And hello from the right")
    await sees(page, "teams", "And hello from the right")
    await page.screenshot(path=tmp_path / "page.png")


async def test_the_guest_signs_in_through_the_bot_and_every_page(
    page: Page, tmp_path: Path
) -> None:
    await page.locator("#matrix-user").select_option(index=2)
    await page.locator("#matrix-bot").click()
    await sees(page, "matrix", "Hello! I connect your Microsoft Teams chats")
    await write(page, "matrix", "login")
    await sees(page, "matrix", "Open this link")
    async with page.context.expect_page() as opened:
        await page.locator("#matrix-messages li", has_text="Open this link").locator("a").click()
    tab = await opened.value
    await expect(tab.locator("main")).to_contain_text("@guest:demo.localhost")
    await tab.screenshot(path=tmp_path / "explain.png")
    await tab.get_by_role("button", name="Sign in with Microsoft").click()
    await tab.get_by_role("button", name="Sign in as Tom").click()
    await expect(tab.locator("h1")).to_have_text("You are signed in")
    await tab.screenshot(path=tmp_path / "done.png")
    await tab.close()

    await sees(page, "matrix", "You are signed in to Teams as Tom Novák.")
    await page.screenshot(path=tmp_path / "signed-in.png")
