"""Write the gallery anew: the document, and its pictures where there is a Chromium."""

from __future__ import annotations

import asyncio
import sys

from bridge.telemetry import set_up_logging
from tests.docs.gallery import page, pictures
from tests.docs.gallery.outward import say_all
from tests.docs.gallery.showing import show
from tests.kit.e2e_page import CHROMIUM


async def main() -> None:
    """Show every case, write it down, take its picture."""
    set_up_logging(level="warning", style="console")
    shown = await show(page.CASES)
    page.DOCUMENT.write_text(page.document(shown, await say_all()), encoding="utf-8")
    if "--no-pictures" in sys.argv:
        return
    if CHROMIUM is None:
        sys.stderr.write("no Chromium here, the pictures stay as they are\n")
        return
    await pictures.take(shown, page.PICTURES)


asyncio.run(main())
