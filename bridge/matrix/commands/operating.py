"""Commands for administrators: how the bridge fares, what was set aside, who is signed in.

    status         figures of /metrics, what is away, what Graph tells us of
    parked         what was set aside, the oldest first ─▶ retry, drop, as `teams-bridge queue`
    accounts       who is signed in ─▶ sign-out
    pairing        the list of pairs is read again

Answers hold no message text, and are given to the administrator alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bridge.domain.ids import Side, UserId
from bridge.domain.lasting import lasting
from bridge.domain.permission import Permission
from bridge.domain.values import dataclass
from bridge.errors import RemoteError
from bridge.matrix.commands.about import About, said
from bridge.matrix.commands.account import SignIns
from bridge.matrix.commands.chats import MATRIX_TO, paged, plain_of
from bridge.matrix.commands.registry import Call, Command, Misused, Run, Section
from bridge.matrix.words import link_to
from bridge.ports.operating import (
    ID_FORM,
    REASON_FORM,
    Item,
    ItemId,
    Measurements,
    Operations,
    Outcome,
    Probe,
    SignedIn,
    State,
    Verdict,
    What,
)
from bridge.telemetry import log

SHOWN_MAX = 20
"""Of what was set aside, or of ids in one command."""
ACCOUNTS_SHOWN_MAX = 50
ACCOUNTS_MAX = 10_000
"""Whose pages can be turned."""

IDS_WANTED = "Say which, as `parked` shows them: d123 for a delivery, e45 for an entry."
REASON_WANTED = "The last word is why: 1 to 40 characters out of a-z, 0-9 and _, as chat_deleted."
SIGNED_OUT = """\
An administrator of this bridge has signed you out of Teams: what you write no longer reaches it. \
`login` signs you in again."""
RELOAD = "reload"
OUTCOMES = {
    Verdict.UNKNOWN: "is not in the queues; it may have arrived, or was dropped",
    Verdict.BUSY: "the bridge is at it just now; nothing was changed, try again in a minute",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingCommands:
    """Obeys them; `tell` says something to a user, `reload` reads the list of pairs again."""

    about: About
    operations: Operations
    probe: Probe
    sign_ins: SignIns
    tell: Callable[[UserId, str], Awaitable[None]]
    reload: Callable[[], Awaitable[str]]
    server: str

    def commands(self) -> tuple[Command, ...]:
        """Return what this obeys."""
        return (
            _command(
                name="status",
                help="how the bridge fares: queues, what was set aside, what is away",
                example="status",
                run=self._status,
            ),
            _command(
                name="parked",
                help="what was set aside, with its reason, the oldest first",
                example="parked",
                run=self._parked,
            ),
            _command(
                name="retry",
                usage="ID [ID …]",
                help="have something that was set aside tried again",
                example="retry d123",
                run=self._retry,
            ),
            _command(
                name="drop",
                usage="ID [ID …] REASON",
                help="take something out of the queues for good, counted under a reason",
                example="drop d123 chat_deleted",
                run=self._drop,
            ),
            _command(
                name="accounts",
                usage="[page N]",
                help="who is signed in to Teams, and whom Microsoft refuses",
                example="accounts",
                run=self._accounts,
            ),
            _command(
                name="sign-out",
                usage="@USER:SERVER",
                help="forget somebody's sign-in to Teams, and tell them",
                example="sign-out @maria:example.org",
                run=self._sign_out,
            ),
            _command(
                name="pairing",
                usage=RELOAD,
                help="read the list of pairs (double_puppets.pairs) again",
                example=f"pairing {RELOAD}",
                run=self._pairing,
            ),
        )

    # --- looking ---

    async def _status(self, _call: Call) -> str:
        found = await self.operations.measured()
        listening = self.probe.listening()
        deaf = sorted(path for path, stands in listening.items() if not stands)
        told = f"Subscriptions at Graph: {len(listening) - len(deaf)} of {len(listening)}."
        if deaf:
            told += f" Not standing: {', '.join(deaf)}."
        lines = [
            self.about.introduction(),
            *(queue_line(side, found) for side in Side),
            looks_line(found),
            told,
            self.about.away() or "Postgres, homeserver and Graph answer.",
        ]
        return "\n".join(lines)

    async def _parked(self, call: Call) -> str:
        if call.words:
            raise Misused("`parked` takes nothing.")
        found = await self.operations.find([State.PARKED], limit=SHOWN_MAX + 1)
        if not found:
            return "Nothing was set aside."
        now = self.about.clock.now()
        lines = [self._line(item, lasting(now - item.created_at)) for item in found[:SHOWN_MAX]]
        if len(found) > SHOWN_MAX:
            lines.append("There are more: `teams-bridge queue list` shows them all.")
        return "\n".join(lines)

    def _line(self, item: Item, age: str) -> str:
        way = "to" if item.id.what is What.DELIVERY else "from"
        where = f" in {link_to(item.room, self.server)}" if item.room else ""
        why = said(item.error or "no reason was noted")
        return (
            f"`{item.id}` {way} {item.side}{where}, {age} old, tried {item.attempts} times: {why}"
        )

    async def _accounts(self, call: Call) -> str:
        words, page = paged(call.words)
        if words:
            raise Misused("`accounts` takes a page at most.")
        found = await self.operations.signed_in(limit=ACCOUNTS_MAX)
        shown = found[(page - 1) * ACCOUNTS_SHOWN_MAX : page * ACCOUNTS_SHOWN_MAX]
        if not shown:
            return "Nobody is signed in." if page == 1 else "There are no more."
        lines = [account_line(one) for one in shown]
        left = len(found) - page * ACCOUNTS_SHOWN_MAX
        if left > 0:
            lines.append(f"There are {left} more: `accounts page {page + 1}`")
        return "\n".join(lines)

    # --- acting ---

    async def _retry(self, call: Call) -> str:
        async def act(item: ItemId) -> Outcome:
            return await self.operations.retry(item)

        return await self._each(call, call.words, "is tried again", act)

    async def _drop(self, call: Call) -> str:
        *words, reason = call.words or ("",)
        if REASON_FORM.fullmatch(reason) is None or ID_FORM.fullmatch(reason):
            raise Misused(REASON_WANTED)

        async def act(item: ItemId) -> Outcome:
            return await self.operations.drop(item, reason=reason)

        return await self._each(call, words, f"was dropped as {reason}", act)

    async def _each(
        self,
        call: Call,
        words: Sequence[str],
        done: str,
        act: Callable[[ItemId], Awaitable[Outcome]],
    ) -> str:
        lines: list[str] = []
        for item in items_of(words):
            outcome = await act(item)
            text = OUTCOMES.get(outcome.verdict, done)
            lines.append(f"`{item}` {text}.")
            log.info(
                "queue changed",
                user=call.user,
                state=outcome.verdict,
                **{item.what.value: str(item)},
            )
        return "\n".join(lines)

    async def _sign_out(self, call: Call) -> str:
        user = UserId(call.rest.strip().removeprefix(MATRIX_TO))
        if not user.startswith("@") or ":" not in user or len(call.words) != 1:
            raise Misused("Say whom by their Matrix address: @maria:example.org")
        if not await self.sign_ins.sign_out(user):
            return f"{plain_of(user)} is not signed in."
        log.warning("signed out by an administrator", user=user, account=call.user)
        try:
            await self.tell(user, SIGNED_OUT)
        except RemoteError as error:
            return f"{user} is signed out, but could not be told: {said(error)}."
        return f"{user} is signed out, and was told."

    async def _pairing(self, call: Call) -> str:
        if call.words != (RELOAD,):
            problem = f"`pairing` takes `{RELOAD}`."
            raise Misused(problem)
        return await self.reload()


def _command(*, name: str, help: str, example: str, run: Run, usage: str = "") -> Command:
    return Command(
        name=name,
        section=Section.ADMIN,
        usage=usage,
        help=help,
        example=example,
        run=run,
        needs=Permission.ADMIN,
        is_private=True,
    )


def items_of(words: Sequence[str]) -> tuple[ItemId, ...]:
    """Read ids, each once.

    Raises:
        Misused: There are none, too many, or something else is among them.
    """
    plain = list(dict.fromkeys(word.strip("`,").lower() for word in words))
    if not plain or not all(ID_FORM.fullmatch(word) for word in plain):
        raise Misused(IDS_WANTED)
    if len(plain) > SHOWN_MAX:
        problem = f"No more than {SHOWN_MAX} at a time."
        raise Misused(problem)
    return tuple(map(ItemId.parse, plain))


def queue_line(side: Side, found: Measurements) -> str:
    """Say what lies on its way to one side."""

    def count(what: What, state: State) -> int:
        return found.open.get((side if what is What.DELIVERY else side.other, what, state), 0)

    waiting = count(What.DELIVERY, State.WAITING) + count(What.ENTRY, State.WAITING)
    parked = count(What.DELIVERY, State.PARKED) + count(What.ENTRY, State.PARKED)
    awaiting = count(What.DELIVERY, State.AWAITING)
    oldest = found.oldest.get(side)
    age = f" (the oldest {lasting(oldest)})" if waiting and oldest is not None else ""
    text = f"To {side.capitalize()}: {waiting} waiting{age}, {parked} parked"
    return f"{text}, {awaiting} until somebody signs in." if awaiting else f"{text}."


def looks_line(found: Measurements) -> str:
    """Say what is to be looked at."""
    counts = (f"{found.looks.get(what, 0)} {many}" for what, many in _LOOKED_AT.items())
    return f"To be looked at: {', '.join(counts)}."


def account_line(one: SignedIn) -> str:
    """Say who somebody is signed in as."""
    refused = f": refused, as {said(one.refusal)}" if one.refusal else ""
    return f"{one.user} as {plain_of(one.name)}{refused}"


_LOOKED_AT = {"room": "rooms", "space": "spaces", "person": "people"}
