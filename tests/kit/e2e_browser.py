"""A browser at the sign-in pages, as far as HTML and cookies go: no page of ours or theirs has a script."""

from __future__ import annotations

import re
from html import unescape

import aiohttp

from tests.kit.e2e_world import World


def browser(world: World) -> aiohttp.ClientSession:
    """A browser that has never been anywhere."""
    connector = aiohttp.TCPConnector(ssl=world.certificates.client_context())
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True))


async def begin(visitor: aiohttp.ClientSession, link: str) -> str:
    """Press the button of the bridge's page; return where Microsoft's page is."""
    async with visitor.post(link, allow_redirects=False) as answer:
        assert answer.status == 303
        return answer.headers["Location"]


async def choose(visitor: aiohttp.ClientSession, page: str, **fields: str) -> str:
    """Fill in Microsoft's page; return the address it leads back to."""
    async with visitor.get(page) as answer:
        found = re.findall(
            r'<input type="hidden" name="([^"]*)" value="([^"]*)"', await answer.text()
        )
    form = {unescape(name): unescape(value) for name, value in found} | fields
    async with visitor.post(page, data=form, allow_redirects=False) as answer:
        assert answer.status == 302
        return answer.headers["Location"]
