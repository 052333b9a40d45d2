"""Ghosts are kept like their people: who spoke, or was told of, is looked at, and shown as they are.

    a ghost speaks ─▶ note ─ never looked at, not for a day, or otherwise named ─┐
    news of a person ────────────────────────────────────────────────────────────┴─▶ due, in the book
    due ─ claim ─▶ people.look ─▶ picture tags ─▶ new pictures ─▶ portraitist.show ─▶ settle

Nobody is looked at because time passes, and no message waits: a ghost speaks as what is known. What
is noted lies in memory until the next step; if that is lost, the next message notes it again. What
could not be looked at now is put back; a process that dies leaves a lease that runs out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from bridge.domain.ids import TeamsUserId, TenantId
from bridge.domain.likeness import (
    Likeness,
    PictureStep,
    Profile,
    Standing,
    about_picture,
    may_be_in_directory,
    seen,
)
from bridge.domain.values import dataclass
from bridge.errors import Rejected, RemoteError, Throttled, Unauthorized, Unavailable
from bridge.ports import (
    NOT_TOLD,
    Clock,
    DueGhost,
    Ghost,
    LikenessBook,
    People,
    Portraitist,
    Print,
)
from bridge.relay.loops import Loop, Step, wait_for
from bridge.telemetry import PEOPLE, Watch, log

PART = "people"
DUE_MAX = 30
"""At one look: two questions for who they are, two for their pictures."""
LEASE = timedelta(minutes=5)
"""One ghost after the other: each change is an event in every room of the ghost."""
TRIES_MAX = 5
"""For one ghost, while others succeed."""
LOOK_EVERY = timedelta(seconds=3)
"""While nobody is due; what another process noted is found by looking."""
AGE_MAX = timedelta(days=1)
CONTRADICTED_AGE_MAX = timedelta(minutes=10)
"""Old messages, read late, may contradict the directory again and again."""
AGAIN_AFTER = timedelta(minutes=1)
REFUSED_AGAIN_AFTER = timedelta(minutes=15)
"""Until an operator has granted what is missing."""
NOTED_MAX = 16_384

_Key = tuple[TenantId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Who people are now, and which pictures they have."""

    profiles: Mapping[TeamsUserId, Profile | None]
    tags: Mapping[TeamsUserId, str | None]


class Acquaintance(Loop):
    """Looks at people and has their ghosts show them."""

    def __init__(
        self,
        book: LikenessBook,
        people: People,
        portraitist: Portraitist,
        clock: Clock,
        *,
        watch: Watch,
    ) -> None:
        super().__init__(clock, asyncio.Event(), name="people")
        self.book = book
        self.people = people
        self.portraitist = portraitist
        self.watch = watch
        self._noted: OrderedDict[_Key, datetime] = OrderedDict()
        """Who was noted when: they need not be noted again for a while."""
        self._to_ring: dict[_Key, None] = {}
        self._tries: OrderedDict[_Key, int] = OrderedDict()

    # --- who is due ---

    def note(self, ghost: Ghost, is_news: bool) -> None:
        """Take note that somebody speaks, and whether in a way that is new; does not block."""
        if not may_be_in_directory(ghost.person, ghost.likeness):
            return
        key, now = (ghost.tenant, ghost.person), self.clock.now()
        age_max = CONTRADICTED_AGE_MAX if is_news else AGE_MAX
        last = max(filter(None, (ghost.looked_at, self._noted.get(key))), default=None)
        if last is not None and now - last < age_max:
            return
        self._noted[key] = now
        self._noted.move_to_end(key)
        if len(self._noted) > NOTED_MAX:
            self._noted.popitem(last=False)
        self._to_ring[key] = None
        if len(self._to_ring) > NOTED_MAX:
            del self._to_ring[next(iter(self._to_ring))]
        self.bell.set()

    async def _ring(self) -> None:
        keys = list(self._to_ring)
        if keys:
            await self.book.ring(keys)
            for key in keys:
                self._to_ring.pop(key, None)

    # --- looking ---

    @override
    async def step(self) -> Step:
        """Look at some people who are due; or find that nobody is."""
        await self._ring()
        due = await self.book.claim(limit=DUE_MAX, until=self.clock.now() + LEASE)
        if not due:
            await wait_for(self.bell, LOOK_EVERY)
            return Step.SOME
        try:
            seen_now = await self._ask([one.ghost for one in due])
        except RemoteError as error:
            self.watch.away(PART, str(error), hint=_hint(error))
            await self.book.put_back(due, at=self.clock.now() + _wait(error))
            return Step.SOME
        self.watch.back(PART)
        for number, one in enumerate(due):
            if self.stopping:
                await self.book.put_back(due[number:], at=self.clock.now())
                break
            await self._bring_up(one, seen_now)
        return Step.SOME

    async def _ask(self, ghosts: Sequence[Ghost]) -> _Seen:
        """Ask who people are, and of which of them there are other pictures.

        Raises:
            RemoteError: Nobody could be looked at now.
        """
        askable = [g.person for g in ghosts if may_be_in_directory(g.person, g.likeness)]
        profiles = await self.people.look([TeamsUserId(person) for person in askable])
        there = [person for person, profile in profiles.items() if _has_picture(profile)]
        tags = await self.people.picture_tags(there)
        return _Seen(profiles=profiles, tags=tags)

    async def _bring_up(self, due: DueGhost, seen_now: _Seen) -> None:
        """Have one ghost show what was seen; what does not succeed is tried again, a few times."""
        ghost = due.ghost
        key = (ghost.tenant, ghost.person)
        try:
            shown = await self._shown(ghost, seen_now)
        except RemoteError as error:
            tries = self._tries.pop(key, 0) + 1
            if tries < TRIES_MAX:
                log.debug("ghost not brought up to date", user=ghost.person, error=str(error))
                self._tries[key] = tries
                if len(self._tries) > NOTED_MAX:
                    self._tries.popitem(last=False)
                await self.book.put_back([due], at=self.clock.now() + _wait(error))
                return
            log.warning("ghost left as it was", user=ghost.person, error=str(error))
            PEOPLE.labels("failed").inc()
            shown = ghost
        self._tries.pop(key, None)
        await self.book.settle(due, replace(shown, looked_at=self.clock.now()))
        self.portraitist.forget(ghost)
        PEOPLE.labels("looked").inc()

    async def _shown(self, ghost: Ghost, seen_now: _Seen) -> Ghost:
        person = TeamsUserId(ghost.person)
        if not may_be_in_directory(ghost.person, ghost.likeness):
            return ghost
        if person not in seen_now.profiles:
            raise Unavailable("the directory did not say who this is")
        likeness = seen(ghost.likeness, seen_now.profiles[person])
        if likeness.standing is not ghost.likeness.standing and likeness.standing is not None:
            PEOPLE.labels(likeness.standing).inc()
        step, new = await self._picture(person, likeness, seen_now)
        return await self.portraitist.show(ghost, likeness, step, new)

    async def _picture(
        self, person: TeamsUserId, likeness: Likeness, seen_now: _Seen
    ) -> tuple[PictureStep, Print | None]:
        """Decide about the picture, and fetch a new one.

        Raises:
            RemoteError: It could not be had now.
        """
        profile = seen_now.profiles[person]
        if not _has_picture(profile):
            return about_picture(likeness, None), None
        if person not in seen_now.tags:
            raise Unavailable("Graph did not say whether there is a picture")
        tag = seen_now.tags[person]
        if tag == NOT_TOLD:
            return PictureStep.KEEP, None
        step = about_picture(likeness, tag)
        if step is not PictureStep.FETCH or tag is None:
            return step, None
        try:
            return step, Print(tag=tag, content=await self.people.picture(person))
        except (Rejected, Unauthorized):
            return PictureStep.KEEP, None


def _has_picture(profile: Profile | None) -> bool:
    return profile is not None and profile.standing is not Standing.DELETED


def _wait(error: RemoteError) -> timedelta:
    if isinstance(error, Throttled):
        return max(error.retry_after, AGAIN_AFTER)
    return REFUSED_AGAIN_AFTER if isinstance(error, Unauthorized | Rejected) else AGAIN_AFTER


def _hint(error: RemoteError) -> str:
    if isinstance(error, Unauthorized):
        return "ghosts keep the names of messages; grant User.Read.All of Microsoft Graph"
    return "ghosts are brought up to date later"
