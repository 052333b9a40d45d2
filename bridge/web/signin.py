"""Sign in with Microsoft: a Matrix user links their Teams account.

    bot: link ──▶ GET  …/signin/{ticket}    who will be linked, and what that means
                  POST …/signin/{ticket}    ──▶ Microsoft's page (authorization code, PKCE)
                  GET  …/signin/callback    code ──▶ tokens ─┬ kept encrypted ──▶ bot: done
                                                             └ another's account: refused, and they
                                                               are told

The page names the Matrix user before anything happens, and the browser that starts a sign-in must
be the one that ends it: a link sent by a stranger must not bind the victim's Teams account to the
stranger's Matrix user unnoticed.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit

import orjson
from aiohttp import web

from bridge.domain.ids import UserId
from bridge.domain.portal import Account
from bridge.errors import RemoteError, StoreUnavailable, Unauthorized
from bridge.ports import AccountBook, Clock, SignInBook
from bridge.teams.auth import Auth
from bridge.teams.signed_in import SignedIn
from bridge.telemetry import log
from bridge.web.pages import Pages

TICKET_BYTES = 32
SIGN_IN_LIFETIME = timedelta(minutes=15)
COOKIE = "teams_bridge_signin"
QUERY_CHARS_MAX = 16_384
CLAIMED = """\
has tried to sign in to Teams as {name}, which is your account. Nothing has changed. If that is you, \
write `logout` first; if it is not, whoever it is knows how to sign in at Microsoft as you: change \
your password there."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TAKEN = """\
You are not signed in: {name} speaks in Matrix as {holder}, and a Teams account belongs to one Matrix \
user. If both are you, write `logout` as {holder} first."""

ByCode = Callable[[UserId], Awaitable[str]]
May = Callable[[UserId], Awaitable[bool]]
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
        self.pages = Pages(login_origin="{0.scheme}://{0.netloc}".format(urlsplit(login_url)))
        self.tell: Tell = _tell_nobody
        self.may_sign_in: May = _everybody_may
        self.by_code: ByCode = _by_no_code

    async def link(self, user: UserId) -> str:
        """Return a link, good for 15 minutes and one sign-in."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        expires_at = self.clock.now() + SIGN_IN_LIFETIME
        await self.book.open_sign_in(ticket, user, expires_at=expires_at)
        return f"{self.base}/{ticket}"

    async def code(self, user: UserId) -> str:
        """Begin a sign-in by a code; return what to answer."""
        return await self.by_code(user)

    async def account(self, user: UserId) -> Account | None:
        """Return who the user is signed in as."""
        return await self.accounts.account_of(user)

    async def sign_out(self, user: UserId) -> bool:
        """Forget the user's tokens; return False if there were none."""
        account = await self.accounts.account_of(user)
        was_signed_in = await self.accounts.sign_out(user)
        if account is not None:
            self.auth.forget(account.teams_user)
        return was_signed_in

    def routes(self) -> list[web.RouteDef]:
        """Return the pages."""
        return [
            web.get(f"{self.path}/callback", self._shown(self.end)),
            web.get(f"{self.path}/{{ticket}}", self._shown(self.explain)),
            web.post(f"{self.path}/{{ticket}}", self._shown(self.begin)),
        ]

    def _shown(self, handler: Handler) -> Handler:
        """People get a page, whatever is away."""

        async def show(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except StoreUnavailable:
                return self.pages.away("The bridge's database")

        return show

    async def explain(self, request: web.Request) -> web.Response:
        """Show who will be linked."""
        user = await self.book.user_of_ticket(request.match_info["ticket"])
        if user is None:
            return self.pages.expired()
        if not await self.may_sign_in(user):
            return self._turned_away(user)
        return self.pages.explain(user)

    def _turned_away(self, user: UserId) -> web.Response:
        log.info("sign-in refused", user=user, reason="not_permitted")
        return self.pages.not_permitted(user)

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to Microsoft."""
        ticket = request.match_info["ticket"]
        user = await self.book.user_of_ticket(ticket)
        if user is None:
            return self.pages.expired()
        if not await self.may_sign_in(user):
            return self._turned_away(user)
        try:
            flow = await self.auth.begin_sign_in(redirect_uri=f"{self.base}/callback", state=ticket)
        except RemoteError as error:
            return self.pages.away("Microsoft", str(error))
        if not await self.book.store_flow(ticket, orjson.dumps(flow).decode()):
            return self.pages.expired()
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
        taken = await self._begun(request)
        if taken is None:
            return self.pages.expired()
        user, flow = taken
        if not await self.may_sign_in(user):
            return self._turned_away(user)
        try:
            signed_in = await self.auth.finish_sign_in(orjson.loads(flow), query)
        except Unauthorized as error:
            return self.pages.refused(str(error))
        except RemoteError as error:
            return self.pages.away("Microsoft", str(error))
        holder, _ = await self.settle(user, signed_in)
        name = signed_in.name or signed_in.teams_user
        if holder is not None:
            return self.pages.taken(user, name, holder)
        return self.pages.done(user, name, _lacking(signed_in))

    async def _begun(self, request: web.Request) -> tuple[UserId, str] | None:
        """Return the sign-in that this answer ends, if this browser has begun it; it is used up."""
        ticket = request.query.get("state", "")
        ours = request.cookies.get(COOKIE, "")
        if len(request.query_string) > QUERY_CHARS_MAX or not _same(ticket, ours):
            return None
        return await self.book.take_flow(ticket)

    async def settle(self, user: UserId, signed_in: SignedIn) -> tuple[UserId | None, str]:
        """Remember who speaks as whom, unless somebody else does: who that is, and what was said.

        Raises:
            StoreUnavailable: Postgres is away; nothing is known to have been written.
        """
        account = Account(
            user=user,
            tenant=signed_in.tenant,
            teams_user=signed_in.teams_user,
            name=signed_in.name,
        )
        name = account.name or account.teams_user
        holder = await self.accounts.sign_in(account, signed_in.token_cache)
        if holder is not None:
            log.info("sign-in refused", user=user, reason="taken")
            await self._tell(holder, f"{user} {CLAIMED.format(name=name)}")
            return holder, TAKEN.format(name=name, holder=holder)
        log.info("signed in", user=user)
        text = f"You are signed in to Teams as {name}. {_lacking(signed_in)}".rstrip()
        await self._tell(user, text)
        return None, text

    async def _tell(self, user: UserId, text: str) -> None:
        try:
            await self.tell(user, text)
        except (RemoteError, StoreUnavailable) as error:
            log.warning("could not tell of a sign-in", user=user, error=str(error))


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


async def _everybody_may(_user: UserId) -> bool:
    """Stand in until it is known who may not."""
    return True


async def _by_no_code(_user: UserId) -> str:
    """Stand in until codes are there."""
    return "Write `login` for a link."


async def _tell_nobody(_user: UserId, _text: str) -> None:
    """Stand in until the bot is there."""
