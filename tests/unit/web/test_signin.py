"""The pages of signing in: who may see them, what they say, what they let a browser do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from http.cookies import SimpleCookie

import aiohttp
import pytest

from bridge.domain.ids import TeamsUserId, UserId
from bridge.errors import Rejected, StoreUnavailable, Unauthorized, Unavailable
from bridge.web.signin import COOKIE, QUERY_CHARS_MAX, SIGN_IN_LIFETIME, SignIns
from tests.kit.e2e_books import Accounts, Microsoft, Tickets
from tests.kit.fake_store import FakeClock
from tests.unit.web.conftest import Reply, serving

WEBHOOK = "https://bridge.test/teams"
MARIA = UserId("@maria:example.org")
EXPIRED = "This link has expired"


@dataclass
class Visit:
    """Somebody at a browser; cookies are sent by hand."""

    sign_ins: SignIns
    microsoft: Microsoft
    accounts: Accounts
    clock: FakeClock
    told: list[tuple[UserId, str]]
    base: str
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, *, cookie: str | None = None) -> Reply:
        headers = {} if cookie is None else {"Cookie": f"{COOKIE}={cookie}"}
        async with self.session.request(
            method, self.base + path, headers=headers, allow_redirects=False
        ) as answer:
            text = await answer.text()
            return Reply(status=answer.status, text=text, headers=dict(answer.headers))

    async def ticket(self, user: UserId = MARIA) -> str:
        link = await self.sign_ins.link(user)
        assert link.startswith(f"{WEBHOOK}/signin/")
        return link.rpartition("/")[2]

    async def come_back(self, ticket: str, cookie: str | None) -> Reply:
        path = f"/teams/signin/callback?code=c&state={ticket}"
        return await self.call("GET", path, cookie=cookie)

    async def sign_in(self, user: UserId = MARIA) -> Reply:
        ticket = await self.ticket(user)
        assert (await self.call("POST", f"/teams/signin/{ticket}")).status == 303
        return await self.come_back(ticket, ticket)


@pytest.fixture
async def visit() -> AsyncIterator[Visit]:
    clock, microsoft, accounts = FakeClock(), Microsoft(), Accounts()
    told: list[tuple[UserId, str]] = []

    async def tell(user: UserId, text: str) -> None:
        told.append((user, text))

    sign_ins = SignIns(
        microsoft,
        accounts,
        Tickets(clock),
        clock,
        webhook_url=WEBHOOK,
        login_url="https://login.test/",
    )
    sign_ins.tell = tell
    async with (
        serving(sign_ins.routes()) as base,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        yield Visit(sign_ins, microsoft, accounts, clock, told, base, session)


async def test_the_page_names_the_matrix_user_before_anything_happens(visit: Visit) -> None:
    reply = await visit.call("GET", f"/teams/signin/{await visit.ticket()}")

    assert reply.status == 200
    assert f"<code>{MARIA}</code>" in reply.text
    assert "Set-Cookie" not in reply.headers
    assert visit.accounts.accounts == {}


async def test_a_user_id_that_is_markup_is_shown_as_text(visit: Visit) -> None:
    hostile = UserId("@<script>alert(1)</script>\"'&{x}:example.org")
    ticket = await visit.ticket(hostile)

    pages = [await visit.call("GET", f"/teams/signin/{ticket}")]
    await visit.call("POST", f"/teams/signin/{ticket}")
    visit.microsoft.person = replace(visit.microsoft.person, name="<img src=x onerror=alert(2)>")
    pages.append(await visit.come_back(ticket, ticket))

    for page in pages:
        assert page.status == 200
        assert "&lt;script&gt;" in page.text
        assert "<script" not in page.text
        assert "<img" not in page.text


async def test_no_page_may_be_framed_kept_scripted_or_leak_its_address(visit: Visit) -> None:
    for path in (
        f"/teams/signin/{await visit.ticket()}",
        "/teams/signin/none",
        "/teams/signin/callback",
    ):
        headers = (await visit.call("GET", path)).headers

        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self' https://login.test" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_the_button_leads_to_microsoft_and_marks_the_browser(visit: Visit) -> None:
    ticket = await visit.ticket()

    reply = await visit.call("POST", f"/teams/signin/{ticket}")

    assert reply.status == 303
    assert reply.headers["Location"] == f"https://login.test/authorize?state={ticket}"
    cookie = SimpleCookie(reply.headers["Set-Cookie"])[COOKIE]
    assert cookie.value == ticket
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/teams/signin"
    assert int(cookie["max-age"]) == SIGN_IN_LIFETIME.total_seconds()


async def test_a_link_is_dead_after_a_quarter_of_an_hour(visit: Visit) -> None:
    ticket, begun = await visit.ticket(), await visit.ticket()
    await visit.call("POST", f"/teams/signin/{begun}")

    visit.clock.advance(SIGN_IN_LIFETIME + timedelta(seconds=1))

    for method in ("GET", "POST"):
        reply = await visit.call(method, f"/teams/signin/{ticket}")
        assert (reply.status, EXPIRED in reply.text) == (410, True)
    assert (await visit.come_back(begun, begun)).status == 410


async def test_signing_in_remembers_the_account_and_tells_the_user(visit: Visit) -> None:
    reply = await visit.sign_in()

    assert reply.status == 200
    assert "Maria Rossi" in reply.text
    account = await visit.sign_ins.account(MARIA)
    assert account is not None
    assert account.teams_user == "maria"
    assert visit.accounts.caches[MARIA] == visit.microsoft.person.token_cache
    assert visit.told == [(MARIA, "You are signed in to Teams as Maria Rossi.")]
    assert await visit.sign_ins.sign_out(MARIA)
    assert not await visit.sign_ins.sign_out(MARIA)


@pytest.mark.parametrize("cookie", [None, "", "another", '"', "x" * 4_000])
async def test_the_browser_that_ends_a_sign_in_must_have_begun_it(
    visit: Visit, cookie: str | None
) -> None:
    ticket = await visit.ticket()
    await visit.call("POST", f"/teams/signin/{ticket}")

    assert (await visit.come_back(ticket, cookie)).status == 410
    assert visit.accounts.accounts == {}
    # And it has not used up the real browser's sign-in.
    assert (await visit.come_back(ticket, ticket)).status == 200


async def test_a_cookie_that_is_no_text_is_nobodys(visit: Visit) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(visit.base.rpartition(":")[2]))
    head = b"GET /teams/signin/callback?state=x HTTP/1.1\r\nHost: x\r\n"
    writer.write(head + b"Cookie: teams_bridge_signin=\xff\xfe\r\n\r\n")

    assert await reader.readline() == b"HTTP/1.1 410 Gone\r\n"

    writer.close()
    await writer.wait_closed()


async def test_an_answer_is_taken_once(visit: Visit) -> None:
    ticket = await visit.ticket()
    await visit.call("POST", f"/teams/signin/{ticket}")

    assert (await visit.come_back(ticket, ticket)).status == 200
    assert (await visit.come_back(ticket, ticket)).status == 410
    assert len(visit.microsoft.answers) == 1


async def test_an_answer_without_a_beginning_is_refused(visit: Visit) -> None:
    ticket = await visit.ticket()

    assert (await visit.come_back(ticket, ticket)).status == 410
    assert (await visit.come_back("", "")).status == 410
    assert visit.microsoft.answers == []


async def test_an_answer_that_is_too_long_is_not_looked_at(visit: Visit) -> None:
    ticket = await visit.ticket()
    await visit.call("POST", f"/teams/signin/{ticket}")
    assert QUERY_CHARS_MAX > 8_190  # What aiohttp takes as a request line is less.

    reply = await visit.come_back(f"{ticket}&code={'x' * QUERY_CHARS_MAX}", ticket)

    assert reply.status in {400, 410}
    assert visit.microsoft.answers == []


async def test_a_second_matrix_user_of_the_same_person_is_refused_and_the_first_is_told(
    visit: Visit,
) -> None:
    second = UserId("@maria2:example.org")
    await visit.sign_in()
    refused = await visit.sign_in(second)

    assert refused.status == 409
    assert f"<code>{MARIA}</code>" in refused.text
    assert set(visit.accounts.accounts) == {MARIA} == set(visit.accounts.caches)
    first, attempt = [text for user, text in visit.told if user == MARIA]
    assert first == "You are signed in to Teams as Maria Rossi."
    assert attempt.startswith(f"{second} has tried to sign in to Teams as Maria Rossi")
    assert [text for user, text in visit.told if user == second] == []

    await visit.sign_ins.sign_out(MARIA)
    assert (await visit.sign_in(second)).status == 200
    assert set(visit.accounts.accounts) == {second}


async def test_who_is_not_permitted_is_turned_away_at_every_step(visit: Visit) -> None:
    before, begun = await visit.ticket(), await visit.ticket()
    await visit.call("POST", f"/teams/signin/{begun}")

    async def nobody(_user: UserId) -> bool:
        return False

    visit.sign_ins.may_sign_in = nobody
    pages = [await visit.call(how, f"/teams/signin/{before}") for how in ("GET", "POST")]
    pages.append(await visit.come_back(begun, begun))

    assert [page.status for page in pages] == [403, 403, 403]
    assert all("Not permitted" in page.text for page in pages)
    assert visit.accounts.accounts == {}
    assert visit.microsoft.answers == []


async def test_while_the_database_is_away_a_page_says_so(visit: Visit) -> None:
    ticket = await visit.ticket()

    async def gone(ticket: str) -> UserId | None:
        raise StoreUnavailable("Postgres is away")

    visit.sign_ins.book.user_of_ticket = gone  # type: ignore[method-assign]
    for method in ("GET", "POST"):
        page = await visit.call(method, f"/teams/signin/{ticket}")
        assert (page.status, "database cannot be reached" in page.text) == (503, True)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (Unauthorized("the sign-in was declined <b>"), 403),
        (Unavailable("Microsoft's sign-in cannot be reached"), 503),
        (Rejected("never"), 503),
    ],
)
async def test_a_refusal_of_microsoft_is_shown_in_a_sentence(
    visit: Visit, refusal: Unauthorized | Unavailable | Rejected, status: int
) -> None:
    ticket = await visit.ticket()
    await visit.call("POST", f"/teams/signin/{ticket}")
    visit.microsoft.refusal = refusal

    reply = await visit.come_back(ticket, ticket)

    assert reply.status == status
    assert "<b>" not in reply.text
    assert visit.accounts.accounts == {}


async def test_when_microsoft_is_away_the_link_stays_good(visit: Visit) -> None:
    ticket = await visit.ticket()
    visit.microsoft.refusal = Unavailable("Microsoft's sign-in cannot be reached")
    reply = await visit.call("POST", f"/teams/signin/{ticket}")
    assert (reply.status, "cannot be reached" in reply.text) == (503, True)

    visit.microsoft.refusal = None

    assert (await visit.call("POST", f"/teams/signin/{ticket}")).status == 303


@pytest.mark.parametrize(
    "error", [Unavailable("the homeserver is away"), StoreUnavailable("Postgres is away")]
)
async def test_who_cannot_be_told_is_signed_in_nevertheless(
    visit: Visit, error: Unavailable | StoreUnavailable
) -> None:
    async def fail(_user: UserId, _text: str) -> None:
        raise error

    visit.sign_ins.tell = fail

    assert (await visit.sign_in()).status == 200
    assert MARIA in visit.accounts.accounts


@pytest.mark.parametrize(
    "ticket", ["%00", "%ff", "..%2f..", "x" * 5_000, "%F0%9F%8E%89", "{0}", "callback%00"]
)
async def test_a_ticket_that_nobody_gave_out_is_expired(visit: Visit, ticket: str) -> None:
    for method in ("GET", "POST"):
        assert (await visit.call(method, f"/teams/signin/{ticket}")).status in {404, 410}


async def test_a_person_without_a_name_is_called_by_their_id(visit: Visit) -> None:
    visit.microsoft.person = replace(
        visit.microsoft.person, name=None, teams_user=TeamsUserId("5d8a-maria")
    )

    assert "5d8a-maria" in (await visit.sign_in()).text
