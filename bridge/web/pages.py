"""What the sign-in pages look like and say; no route and no decision lives here.

Each page is one document: no script, nothing from elsewhere, nothing that may be kept or framed. The
one stylesheet is named by its hash, so that markup which slipped in could not even change colours.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html import escape

from aiohttp import web

STYLE = """
:root { color-scheme: light dark; --page: #f5f5f8; --card: #fff; --text: #222; --mark: #eef;
  --button: #4b53bc; --edge: #6b6b7b; }
@media (prefers-color-scheme: dark) { :root { --page: #17171c; --card: #24242c; --text: #eee;
  --mark: #35354a; --edge: #9a9ab0; } }
body { font: 1rem/1.5 system-ui, sans-serif; background: var(--page); color: var(--text);
  margin: 0; padding: 1rem; }
main { max-width: 34rem; margin: 8vh auto; background: var(--card); padding: 1.5rem 2rem;
  border-radius: 12px; border: 1px solid var(--edge); overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.25; margin-top: 0; }
button { font: inherit; min-height: 2.75rem; padding: .6rem 1.4rem; border: 0;
  border-radius: 8px; background: var(--button); color: #fff; cursor: pointer; }
button:focus-visible { outline: 3px solid var(--text); outline-offset: 3px; }
code { background: var(--mark); padding: .1rem .3rem; border-radius: 4px; }
"""
_STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>{style}</style></head><body><main><h1>{title}</h1>{content}</main></body></html>
"""
OK, FORBIDDEN, CONFLICT, GONE, AWAY = 200, 403, 409, 410, 503


class Pages:
    """Makes the pages; `login_origin` is where the one form may lead to."""

    def __init__(self, *, login_origin: str) -> None:
        # `form-action` also binds the redirect that answers a form, hence Microsoft's origin.
        policy = (
            f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
            f"base-uri 'none'; frame-ancestors 'none'; form-action 'self' {login_origin}"
        )
        self._headers = {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }

    def explain(self, user: str) -> web.Response:
        """Say who will be linked, before anything happens."""
        return self._page(
            "Link your Teams account",
            f"<p>What <code>{escape(user)}</code> writes in bridged Matrix rooms will be sent to "
            "Teams <strong>in your name</strong>.</p><p>Continue only if this Matrix user is you "
            "and you asked for this link yourself.</p>"
            '<form method="post"><button type="submit">Sign in with Microsoft</button></form>',
        )

    def done(self, user: str, name: str, lacking: str) -> web.Response:
        """Say who speaks as whom now; `lacking`: what will not work, or nothing."""
        also = f"<p>{escape(lacking)}</p>" if lacking else ""
        return self._page(
            "You are signed in",
            f"<p><code>{escape(user)}</code> now speaks in Teams as "
            f"<strong>{escape(name)}</strong>.</p>{also}<p>You can close this page.</p>",
        )

    def taken(self, user: str, name: str, holder: str) -> web.Response:
        """Say that the account is another Matrix user's; only its owner at Microsoft gets here."""
        return self._page(
            "This Teams account is linked already",
            f"<p><strong>{escape(name)}</strong> speaks in Matrix as <code>{escape(holder)}</code>, "
            f"and a Teams account belongs to one Matrix user. <code>{escape(user)}</code> was not "
            "signed in, and nothing has changed.</p><p>If both are you, write <code>logout</code> "
            f"to the bot as <code>{escape(holder)}</code> first, and then <code>login</code> as "
            f"<code>{escape(user)}</code>. If you do not know <code>{escape(holder)}</code>, tell "
            "the administrator of the bridge.</p>",
            status=CONFLICT,
        )

    def refused(self, why: str) -> web.Response:
        """Say why nobody was signed in."""
        return self._page(
            "Not signed in",
            f"<p>{_sentence(why)}</p><p>Nothing has changed. {_AGAIN}</p>",
            status=FORBIDDEN,
        )

    def not_permitted(self, user: str) -> web.Response:
        """Say that this Matrix user may not use the bridge, now."""
        return self._page(
            "Not permitted",
            f"<p><code>{escape(user)}</code> may not use this bridge: the account is "
            "deactivated on the homeserver, or the administrator of the bridge does not let it. "
            "Nothing has changed.</p>",
            status=FORBIDDEN,
        )

    def away(self, who: str, why: str = "") -> web.Response:
        """Say that something is not there just now."""
        also = f"<p>{_sentence(why)}</p>" if why else ""
        return self._page(
            f"{who} cannot be reached", f"{also}<p>Try again in a few minutes.</p>", status=AWAY
        )

    def expired(self) -> web.Response:
        """Say that a link is of no use: used, too old, forged, or of another browser."""
        return self._page(
            "This link has expired",
            "<p>A sign-in link works once, for 15 minutes, in one browser. Nothing has changed. "
            f"{_AGAIN}</p>",
            status=GONE,
        )

    def _page(self, title: str, content: str, *, status: int = OK) -> web.Response:
        return web.Response(
            text=_PAGE.format(title=escape(title), style=STYLE, content=content),
            content_type="text/html",
            status=status,
            headers=self._headers,
        )


_AGAIN = "Write <code>login</code> to the bot in Matrix for a new link."


def _sentence(text: str) -> str:
    """An error as a sentence."""
    return escape(text[:1].upper() + text[1:].rstrip(".")) + "."
