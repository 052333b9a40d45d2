"""How the page of `make demo` shows the events of a case: its renderer, in headless Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from aiohttp import web
from playwright.async_api import Page, async_playwright

from tests.docs.gallery.showing import Shown
from tests.kit.e2e_page import CHROMIUM, FLAGS

PAGE = Path(__file__).parents[3] / "bridge" / "sandbox" / "page"
WIDTH = 560
"""Pixels."""
_FRAME = """<!doctype html><html lang="en"><meta charset="utf-8">
{styles}
<style>body { height: auto; overflow: visible; display: block } #shown { padding: 12px; margin: 0 }
li.day { display: none }</style>
<body><section id="matrix" class="side"><ol id="shown" class="messages"></ol></section>
<script type="module">
import { contextOf } from "/matrix/context.js";
import { rowsOf } from "/matrix/timeline.js";
const tea = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg"
 width="320" height="200"><rect width="320" height="200" fill="#8fb996"/><circle cx="150" cy="110"
 r="55" fill="#fff"/><rect x="200" y="90" width="45" height="14" fill="#fff"/></svg>`)}`;
window.show = (events, openThreads) => {
  const context = contextOf(events, { mediaUrl: () => tea, openThreads: new Set(openThreads) });
  const shown = events.filter((event) => event.state_key === undefined);
  document.getElementById("shown").replaceChildren(...rowsOf(shown, context).map((row) => row.make()));
};
document.body.dataset.ready = "yes";
</script></body></html>"""


async def take(shown: Sequence[Shown], folder: Path) -> None:
    """Write one picture for each case, and remove those of cases that are no more."""
    _clear(folder, {f"{one.case.name}.png" for one in shown})
    runner = web.AppRunner(_application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        await _photograph(shown, folder, port=runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _clear(folder: Path, kept: Collection[str]) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.png"):
        if old.name not in kept:
            old.unlink()


def _application() -> web.Application:
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    styles = "\n".join(re.findall(r'<link rel="stylesheet"[^>]*>', index))
    text = _FRAME.replace("{styles}", styles)

    async def frame(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/", frame), web.static("/", PAGE)])
    return app


async def _photograph(shown: Sequence[Shown], folder: Path, *, port: int) -> None:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": WIDTH, "height": 400})
        await page.goto(f"http://127.0.0.1:{port}/")
        await page.wait_for_selector("body[data-ready]")
        for one in shown:
            await _show(page, one)
            await page.locator("#shown").screenshot(path=folder / f"{one.case.name}.png")
        await browser.close()


async def _show(page: Page, one: Shown) -> None:
    events = [*one.people, *one.before, *one.events]
    relations = (event["content"].get("m.relates_to", {}) for event in one.events)
    roots = [one["event_id"] for one in relations if one.get("rel_type") == "m.thread"]
    await page.evaluate(f"show({json.dumps(events)}, {json.dumps(roots)})")
