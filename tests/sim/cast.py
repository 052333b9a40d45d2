"""Who is who in a run, and what may cross where: drawn by the seed, apart from everything else.

    ada, grace        in Teams alone; ada may have an account here, and be heard by it
    edsger, barbara   in both, signed in; both or neither of them heard as themselves in Matrix
    linus, margaret   in Matrix alone; where relay mode is on, `relay` says in Teams what they say

Every fourth seed has none of this: nobody but ada, grace, edsger and barbara, and everything crosses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from bridge.domain.ids import Side, TeamsUserId, UserId
from bridge.domain.portal import Direction
from bridge.domain.relaying import FORM_DEFAULT, Form, StandIn

IN_TEAMS = ("ada", "grace")
IN_BOTH = ("edsger", "barbara")
IN_MATRIX = ("linus", "margaret")
RELAY = "relay"
PLAIN_EVERY = 4
DIRECTIONS = (*[Direction.BOTH] * 4, Direction.TO_MATRIX, Direction.TO_TEAMS)
LOST_FROM_S, LOST_FOR_S = 30.0, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Microsoft takes somebody's sign-in no more, until they sign in again."""

    who: str
    after: timedelta
    duration: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everybody; `directions` and `relayed` are by the number of the conversation.

    `puppets`: who is heard in Matrix as themselves. Whoever is, and is signed in, changes what they
    have said, and reacts, on one side only (`changes_on`): who does both at the same moment gets
    whatever came last.
    """

    directions: Sequence[Direction] = (Direction.BOTH,) * 2
    relayed: Sequence[bool] = (False, False)
    guests: Sequence[str] = ()
    puppets: frozenset[str] = frozenset()
    changes_on: Mapping[str, Side] = field(
        default_factory=lambda: dict.fromkeys(IN_BOTH, Side.MATRIX)
    )
    losses: Sequence[Loss] = ()

    @property
    def accounts(self) -> Mapping[str, UserId]:
        """The own accounts by which people of Teams are heard."""
        return {person: matrix_user(person) for person in self.puppets}

    def changing_in_teams(self) -> tuple[str, ...]:
        """Return who changes and reacts there."""
        return (*IN_TEAMS, *(who for who in IN_BOTH if self.changes_on[who] is Side.TEAMS))


def drawn(seed: int) -> Cast:
    """Draw who takes part in a run."""
    if seed % PLAIN_EVERY == 0:
        return Cast()
    random = Random(f"cast {seed}")  # noqa: S311 - the same seed, the same run
    guests = IN_MATRIX if random.random() < 0.6 else ()
    puppets: set[str] = set()
    if random.random() < 0.5:
        puppets |= {*IN_BOTH, *([IN_TEAMS[0]] if random.random() < 0.5 else [])}
    sides = {who: random.choice(tuple(Side)) if puppets else Side.MATRIX for who in IN_BOTH}
    return Cast(
        directions=tuple(random.choice(DIRECTIONS) for _ in range(2)),
        relayed=tuple(bool(guests) and random.random() < 0.8 for _ in range(2)),
        guests=guests,
        puppets=frozenset(puppets),
        changes_on=sides,
        losses=_losses(random, (*IN_BOTH, RELAY) if guests else IN_BOTH),
    )


def _losses(random: Random, who: Sequence[str]) -> tuple[Loss, ...]:
    if random.random() < 0.5:
        return ()
    return tuple(
        Loss(
            who=person,
            after=timedelta(seconds=LOST_FROM_S * random.random()),
            duration=timedelta(seconds=LOST_FOR_S * random.random()),
        )
        for person in random.sample(who, k=random.randint(1, 2))
    )


def matrix_user(person: str) -> UserId:
    return UserId(f"@{person}:fake.test")


def name_of(user: str) -> str:
    """Return what somebody in Matrix is called."""
    return user.removeprefix("@").partition(":")[0]


def says(user: str) -> str | StandIn:
    """Return who says in Teams what somebody in Matrix says."""
    name = name_of(user)
    if name in IN_BOTH:
        return name
    return StandIn(
        speaker=TeamsUserId(RELAY), user=UserId(user), name=name, form=Form.of(FORM_DEFAULT)
    )
