"""Commands for administrators, and those about the bridge itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from typing_extensions import override

from bridge.domain.ids import Side, TeamsUserId, UserId
from bridge.domain.permission import Permission
from bridge.errors import Rejected, RemoteError, Unauthorized, Unavailable
from bridge.matrix.commands import Call, Misused, Registry
from bridge.matrix.commands.about import About, AboutCommands
from bridge.matrix.commands.operating import IDS_WANTED, OperatingCommands, items_of, queue_line
from bridge.ports import operating
from bridge.ports.operating import (
    Item,
    ItemId,
    Measurements,
    Outcome,
    SignedIn,
    State,
    Verdict,
    What,
)
from bridge.telemetry import Watch
from tests.unit.matrix.books import NOW, Accounts, StillClock
from tests.unit.matrix.test_registry import CALL

ADMIN = replace(CALL, permission=Permission.ADMIN)
WRITTEN = b"the words of a message"


def parked(number: int, *, error: str | None = "Teams said `no`") -> Item:
    return Item(
        id=ItemId(what=What.DELIVERY, number=number),
        side=Side.TEAMS,
        conversation="19:x@thread.v2",
        room="!room",
        state=State.PARKED,
        is_held=False,
        attempts=5,
        created_at=NOW - timedelta(hours=3),
        due_at=NOW,
        error=error,
        facts={},
        raw=WRITTEN,
    )


class Bridge(operating.Operations, operating.Probe):
    """Does what it is told; `error` is what Graph answers."""

    def __init__(self) -> None:
        self.items = {str(item.id): item for item in map(parked, (1, 2))}
        self.verdicts: dict[str, Verdict] = {}
        self.dropped: dict[str, str] = {}
        self.people: list[SignedIn] = []
        self.found = Measurements()
        self.error: RemoteError | None = None
        self.asked: list[TeamsUserId | None] = []

    @override
    async def measured(self) -> Measurements:
        return self.found

    @override
    async def find(self, states: Sequence[State], *, limit: int) -> tuple[Item, ...]:
        assert states == [State.PARKED]
        return tuple(self.items.values())[:limit]

    @override
    async def retry(self, item: ItemId) -> Outcome:
        return self._outcome(item)

    @override
    async def drop(self, item: ItemId, *, reason: str) -> Outcome:
        self.dropped[str(item)] = reason
        return self._outcome(item)

    def _outcome(self, item: ItemId) -> Outcome:
        known = self.items.pop(str(item), None)
        verdict = Verdict.UNKNOWN if known is None else Verdict.DONE
        return Outcome(verdict=self.verdicts.get(str(item), verdict), item=known)

    @override
    async def signed_in(self, *, limit: int) -> tuple[SignedIn, ...]:
        return tuple(self.people[:limit])

    @override
    async def ask(self, person: TeamsUserId | None) -> timedelta:
        self.asked.append(person)
        if self.error is not None:
            raise self.error
        return timedelta(milliseconds=42)

    @override
    def listening(self) -> Mapping[str, bool]:
        return {"/chats/getAllMessages": True, "/users": False}


class Stage:
    """The commands, and what they were done with."""

    def __init__(self) -> None:
        self.bridge, self.accounts, self.watch = Bridge(), Accounts(), Watch()
        self.told: list[tuple[UserId, str]] = []
        self.tells = True
        about = About(
            version="1.2.3",
            started_at=NOW - timedelta(hours=5),
            clock=StillClock(),
            watch=self.watch,
        )
        self.registry = Registry(
            [
                *AboutCommands(about=about, probe=self.bridge, accounts=self.accounts).commands(),
                *OperatingCommands(
                    about=about,
                    operations=self.bridge,
                    probe=self.bridge,
                    sign_ins=self.accounts,
                    tell=self._tell,
                    reload=self._reload,
                    server="example.org",
                ).commands(),
            ],
            prefix="!teams",
        )

    async def _tell(self, user: UserId, text: str) -> None:
        if not self.tells:
            raise Rejected("gone")
        self.told.append((user, text))

    async def _reload(self) -> str:
        return "It was read."

    async def says(self, line: str, call: Call = ADMIN) -> str:
        name, _, rest = line.partition(" ")
        command = self.registry.find(name)
        assert command is not None
        return await command.run(replace(call, name=name, words=tuple(rest.split()), rest=rest))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_what_is_for_administrators_needs_their_permission_and_is_answered_apart() -> None:
    registry = Stage().registry
    for name in ("status", "parked", "retry", "drop", "accounts", "sign-out", "pairing"):
        command = registry.find(name)
        assert command is not None
        assert (command.needs, command.is_private) == (Permission.ADMIN, True)
        assert "needs the permission `admin`" in str(registry.why_not(command, CALL))


async def test_the_version_is_said_with_how_long_it_runs(stage: Stage) -> None:
    assert await stage.says("version") == "matrix-teams-bridge 1.2.3, running for 5h."


async def test_a_ping_says_how_it_is_with_ones_own_sign_in(stage: Stage) -> None:
    assert "You are not signed in to Teams" in await stage.says("ping")
    stage.accounts.add(CALL.user, "anna", name="Anna Berg")

    assert await stage.says("ping") == (
        "Your sign-in as Anna Berg is good: Microsoft Graph answered in 42 ms."
    )
    assert stage.bridge.asked == [None, "anna"]
    stage.watch.away("homeserver", "gone")
    assert (await stage.says("ping")).endswith("Not answering just now: homeserver.")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            Unauthorized("it has expired"),
            "does not take your sign-in: it has expired. Write `login`",
        ),
        (Unauthorized("no consent", everyone=True), "does not take the bridge: no consent."),
        (Unavailable("no answer"), "Teams could not be asked: no answer. Try again in a while."),
    ],
)
async def test_a_ping_that_fails_says_what_to_do(
    stage: Stage, error: RemoteError, words: str
) -> None:
    stage.accounts.add(CALL.user, "anna")
    stage.bridge.error = error
    assert words in await stage.says("ping")


async def test_the_status_has_the_figures_of_the_metrics(stage: Stage) -> None:
    stage.bridge.found = Measurements(
        open={
            (Side.TEAMS, What.DELIVERY, State.WAITING): 2,
            (Side.MATRIX, What.ENTRY, State.WAITING): 1,
            (Side.TEAMS, What.DELIVERY, State.PARKED): 4,
            (Side.TEAMS, What.DELIVERY, State.AWAITING): 5,
        },
        oldest={Side.TEAMS: timedelta(seconds=90)},
        looks={"room": 7, "space": 0},
    )
    stage.watch.away("graph", "gone")

    assert (await stage.says("status")).splitlines() == [
        "matrix-teams-bridge 1.2.3, running for 5h.",
        "To Teams: 3 waiting (the oldest 1m), 4 parked, 5 until somebody signs in.",
        "To Matrix: 0 waiting, 0 parked.",
        "To be looked at: 7 rooms, 0 spaces, 0 people.",
        "Subscriptions at Graph: 1 of 2. Not standing: /users.",
        "Not answering just now: graph.",
    ]
    assert queue_line(Side.MATRIX, Measurements()) == "To Matrix: 0 waiting, 0 parked."


async def test_what_was_set_aside_is_shown_without_what_people_wrote(stage: Stage) -> None:
    shown = await stage.says("parked")

    assert shown.splitlines()[0] == (
        "`d1` to teams in https://matrix.to/#/!room?via=example.org, 3h old, tried 5 times: "
        "Teams said 'no'"
    )
    assert WRITTEN.decode() not in shown
    stage.bridge.items = {str(n): parked(n, error=None) for n in range(1, 30)}
    assert (await stage.says("parked")).splitlines()[-1].startswith("There are more")
    stage.bridge.items = {}
    assert await stage.says("parked") == "Nothing was set aside."


async def test_items_are_tried_again_or_dropped_and_each_is_told_of(stage: Stage) -> None:
    stage.bridge.verdicts = {"e7": Verdict.BUSY}

    assert (await stage.says("retry d1 D1, e7")).splitlines() == [
        "`d1` is tried again.",
        "`e7` the bridge is at it just now; nothing was changed, try again in a minute.",
    ]
    assert await stage.says("drop `d2` chat_deleted") == "`d2` was dropped as chat_deleted."
    assert stage.bridge.dropped == {"d2": "chat_deleted"}
    assert "is not in the queues" in await stage.says("retry d2")


@pytest.mark.parametrize(
    "line",
    [
        "retry",
        "retry all",
        "retry d0",
        "drop",
        "drop d1",
        "drop d1 d2",
        "drop chat_deleted",
        "drop d1 Chat-deleted",
        "parked everything",
        "accounts maria",
        "sign-out maria",
        "sign-out @a:b @c:d",
        "pairing",
        "pairing reload now",
        "retry " + " ".join(f"d{n}" for n in range(1, 30)),
    ],
)
async def test_what_makes_no_sense_changes_nothing(stage: Stage, line: str) -> None:
    with pytest.raises(Misused):
        await stage.says(line)
    assert len(stage.bridge.items) == 2


def test_ids_are_read_as_people_copy_them() -> None:
    assert [str(one) for one in items_of(["`d12`,", "E7", "d12"])] == ["d12", "e7"]
    with pytest.raises(Misused, match=IDS_WANTED[:20]):
        items_of(["d12", "and", "d13"])


async def test_accounts_are_listed_by_pages_with_whom_microsoft_refuses(stage: Stage) -> None:
    assert await stage.says("accounts") == "Nobody is signed in."
    stage.bridge.people = [
        SignedIn(
            user=UserId(f"@p{n:02}:example.org"), name=f"P{n}", refusal="expired" if n else None
        )
        for n in range(51)
    ]

    first = (await stage.says("accounts")).splitlines()

    assert first[0] == "@p00:example.org as P0"
    assert first[1] == "@p01:example.org as P1: refused, as expired"
    assert first[-1] == "There are 1 more: `accounts page 2`"
    assert (await stage.says("accounts page 2")).startswith("@p50:example.org")
    assert await stage.says("accounts page 3") == "There are no more."


async def test_whoever_is_signed_out_is_told(stage: Stage) -> None:
    for name in ("anna", "bob"):
        stage.accounts.add(f"@{name}:example.org", name)

    answer = await stage.says("sign-out https://matrix.to/#/@anna:example.org")
    stage.tells = False
    other = await stage.says("sign-out @bob:example.org")

    assert answer == "@anna:example.org is signed out, and was told."
    assert [user for user, _ in stage.told] == ["@anna:example.org"]
    assert other == "@bob:example.org is signed out, but could not be told: gone."
    assert stage.accounts.accounts == {}
    assert await stage.says("sign-out @bob:example.org") == "@bob:example.org is not signed in."


async def test_the_list_of_pairs_is_read_again(stage: Stage) -> None:
    assert await stage.says("pairing reload") == "It was read."
