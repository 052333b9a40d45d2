"""Sign in with Microsoft: a Matrix user links their Teams account.

    bot: link ──▶ GET  …/signin/{ticket}    who will be linked, and what that means
                  POST …/signin/{ticket}    ──▶ Microsoft's page (authorization code, PKCE)
                  GET  …/signin/callback    code ──▶ tokens, kept encrypted ──▶ bot: done

The page names the Matrix user before anything happens, and the browser that starts a sign-in must
be the one that ends it: a link sent by a stranger must not bind the victim's Teams account to the
stranger's Matrix user unnoticed.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from html import escape
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from bridge.domain.ids import UserId
from bridge.domain.portal import Account
from bridge.errors import RemoteError, StoreUnavailable, Unauthorized
from bridge.ports import AccountBook, Clock, SignInBook
from bridge.teams.auth import Auth, SignedIn
from bridge.telemetry import log

TICKET_BYTES = 32
SIGN_IN_LIFETIME = timedelta(minutes=15)
COOKIE = "teams_bridge_signin"
QUERY_CHARS_MAX = 16_384

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; background: #f5f5f8; color: #222; margin: 0; }}
main {{ max-width: 34rem; margin: 12vh auto; background: #fff; padding: 2rem 2.5rem;
  border-radius: 12px; box-shadow: 0 2px 16px #0002; }}
h1 {{ font-size: 1.4rem; margin-top: 0; }}
button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: 8px;
  background: #4b53bc; color: #fff; cursor: pointer; }}
code {{ background: #eef; padding: .1rem .3rem; border-radius: 4px; overflow-wrap: anywhere; }}
</style></head><body><main><h1>{title}</h1>{content}</main></body></html>
"""

Tell = Callable[[UserId, str], Awaitable[None]]


class SignIns:
    """Opens and ends sign-ins; nothing is kept in memory between two requests."""

    def __init__(
        self,
        auth: Auth,
        accounts: AccountBook,
        book: SignInBook,
        clock: Clock,
        *,
        webhook_url: str,
        login_url: str,
    ) -> None:
        self.auth = auth
        self.accounts = accounts
        self.book = book
        self.clock = clock
        self.base = f"{webhook_url.rstrip('/')}/signin"
        self.path = urlsplit(self.base).path
        self.secure = self.base.startswith("https:")
        self.login_origin = "{0.scheme}://{0.netloc}".format(urlsplit(login_url))
        self.tell: Tell = _tell_nobody

    async def link(self, user: UserId) -> str:
        """Return a link, good for 15 minutes and one sign-in."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        expires_at = self.clock.now() + SIGN_IN_LIFETIME
        await self.book.open_sign_in(ticket, user, expires_at=expires_at)
        return f"{self.base}/{ticket}"

    async def account(self, user: UserId) -> Account | None:
        """Return who the user is signed in as."""
        return await self.accounts.account_of(user)

    async def sign_out(self, user: UserId) -> bool:
        """Forget the user's tokens; return False if there were none."""
        return await self.accounts.sign_out(user)

    def routes(self) -> list[web.RouteDef]:
        """Return the pages."""
        return [
            web.get(f"{self.path}/callback", self.end),
            web.get(f"{self.path}/{{ticket}}", self.explain),
            web.post(f"{self.path}/{{ticket}}", self.begin),
        ]

    async def explain(self, request: web.Request) -> web.Response:
        """Show who will be linked."""
        user = await self.book.user_of_ticket(request.match_info["ticket"])
        if user is None:
            return self._expired()
        return self._page(
            "Link your Teams account",
            f"<p>What <code>{escape(user)}</code> writes in bridged Matrix rooms will be sent to "
            "Teams <strong>in your name</strong>.</p><p>Continue only if this Matrix user is you "
            "and you asked for this link yourself.</p>"
            '<form method="post"><button type="submit">Sign in with Microsoft</button></form>',
        )

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to Microsoft."""
        ticket = request.match_info["ticket"]
        if await self.book.user_of_ticket(ticket) is None:
            return self._expired()
        try:
            flow = await self.auth.begin_sign_in(redirect_uri=f"{self.base}/callback", state=ticket)
        except RemoteError as error:
            return self._page("Microsoft cannot be reached", _sentence(error), status=503)
        if not await self.book.store_flow(ticket, orjson.dumps(flow).decode()):
            return self._expired()
        answer = web.Response(status=303, headers={"Location": str(flow["auth_uri"])})
        answer.set_cookie(
            COOKIE,
            ticket,
            max_age=int(SIGN_IN_LIFETIME.total_seconds()),
            httponly=True,
            secure=self.secure,
            samesite="Lax",
            path=self.path,
        )
        return answer

    async def end(self, request: web.Request) -> web.Response:
        """Take Microsoft's answer."""
        query = dict(request.query)
        ticket = query.get("state", "")
        ours = request.cookies.get(COOKIE, "")
        if len(request.query_string) > QUERY_CHARS_MAX or not _same(ticket, ours):
            return self._expired()
        taken = await self.book.take_flow(ticket)
        if taken is None:
            return self._expired()
        user, flow = taken
        try:
            signed_in = await self.auth.finish_sign_in(orjson.loads(flow), query)
        except Unauthorized as error:
            return self._page("Not signed in", _sentence(error), status=403)
        except RemoteError as error:
            return self._page("Microsoft cannot be reached", _sentence(error), status=503)
        account = Account(
            user=user,
            tenant=signed_in.tenant,
            teams_user=signed_in.teams_user,
            name=signed_in.name,
        )
        before = await self.accounts.sign_in(account, signed_in.token_cache)
        log.info("signed in", user=user)
        lacking = _lacking(signed_in)
        await self._tell(user, before, account, lacking)
        return self._page(
            "You are signed in",
            f"<p><code>{escape(user)}</code> now speaks in Teams as "
            f"<strong>{escape(account.name or account.teams_user)}</strong>.</p>"
            f"{lacking and f'<p>{escape(lacking)}</p>'}"
            "<p>You can close this page.</p>",
        )

    async def _tell(
        self, user: UserId, before: UserId | None, account: Account, lacking: str
    ) -> None:
        name = account.name or account.teams_user
        try:
            await self.tell(user, f"You are signed in to Teams as {name}. {lacking}".rstrip())
            if before is not None and before != user:
                await self.tell(before, f"{name} is now linked to {user}; you are signed out.")
        except (RemoteError, StoreUnavailable) as error:
            log.warning("could not tell of a sign-in", user=user, error=str(error))

    def _expired(self) -> web.Response:
        return self._page(
            "This link has expired",
            "<p>A sign-in link works once, for 15 minutes, in one browser. Write "
            "<code>login</code> to the bot in Matrix for a new one.</p>",
            status=410,
        )

    def _page(self, title: str, content: str, *, status: int = 200) -> web.Response:
        # `form-action` also binds the redirect that answers a form, hence Microsoft's origin.
        policy = (
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; "
            f"form-action 'self' {self.login_origin}"
        )
        return web.Response(
            text=PAGE.format(title=escape(title), content=content),
            content_type="text/html",
            status=status,
            headers={
                "Content-Security-Policy": policy,
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )


def _same(one: str, other: str) -> bool:
    # A cookie may hold bytes that are no text.
    sent, kept = one.encode(errors="replace"), other.encode(errors="replace")
    return bool(one) and hmac.compare_digest(sent, kept)


def _lacking(signed_in: SignedIn) -> str:
    """Say what will not work, as nobody has consented to it."""
    if not signed_in.lacking:
        return ""
    what = "; ".join(f"{scope.reason} ({scope.name})" for scope in signed_in.lacking)
    return f"Not allowed by your organisation, so not possible: {what}."


def _sentence(error: RemoteError) -> str:
    return f"<p>{escape(str(error))}</p>"


async def _tell_nobody(_user: UserId, _text: str) -> None:
    """Stand in until the bot is there."""
