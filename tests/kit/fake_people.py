"""People of a tenant, the book of who is due, and somebody who shows them: all in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from typing_extensions import override

from bridge.domain.ids import TeamsUserId, TenantId
from bridge.domain.likeness import Likeness, Picture, PictureStep, Profile
from bridge.errors import RemoteError
from bridge.ports import Clock, DueGhost, Ghost, LikenessBook, People, Portraitist, Print

Key = tuple[TenantId, str]


@dataclass
class FakeLikenessBook(LikenessBook):
    """Which ghosts there are and who is due; one process."""

    clock: Clock
    ghosts: dict[Key, Ghost] = field(default_factory=dict)
    due: dict[Key, datetime] = field(default_factory=dict)

    def add(self, ghost: Ghost) -> Ghost:
        self.ghosts[ghost.tenant, ghost.person] = ghost
        return ghost

    @override
    async def ring(self, people: Collection[Key]) -> None:
        now = self.clock.now()
        for key in people:
            if key in self.ghosts:
                self.due[key] = min(self.due.get(key, now), now)

    @override
    async def claim(self, *, limit: int, until: datetime) -> tuple[DueGhost, ...]:
        now = self.clock.now()
        found = sorted((at, key) for key, at in self.due.items() if at <= now)[:limit]
        self.due |= {key: until for _, key in found}
        return tuple(DueGhost(ghost=self.ghosts[key], lease=until) for _, key in found)

    @override
    async def settle(self, due: DueGhost, ghost: Ghost) -> None:
        key = (ghost.tenant, ghost.person)
        self.ghosts[key] = ghost
        if self.due.get(key) == due.lease:
            del self.due[key]

    @override
    async def put_back(self, due: Sequence[DueGhost], *, at: datetime) -> None:
        for one in due:
            self.due[one.ghost.tenant, one.ghost.person] = at


@dataclass
class FakePeople(People):
    """A directory; whoever is in `silent` cannot be looked at just now."""

    profiles: dict[str, Profile | None] = field(default_factory=dict)
    pictures: dict[str, tuple[str, bytes | None]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    error: RemoteError | None = None
    picture_error: RemoteError | None = None
    looked_at: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    @override
    async def look(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, Profile | None]:
        if self.error is not None:
            raise self.error
        self.looked_at += people
        return {one: self.profiles.get(one) for one in people if one not in self.silent}

    @override
    async def picture_tags(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, str | None]:
        return {one: self.pictures.get(one, (None, None))[0] for one in people}

    @override
    async def picture(self, person: TeamsUserId) -> bytes | None:
        if self.picture_error is not None:
            raise self.picture_error
        self.fetched.append(person)
        return self.pictures[person][1]


@dataclass
class FakePortraitist(Portraitist):
    """Shows everything at once; whoever is in `refused` cannot be shown."""

    refused: dict[str, RemoteError] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    @override
    async def show(
        self, ghost: Ghost, likeness: Likeness, step: PictureStep, new: Print | None
    ) -> Ghost:
        if ghost.person in self.refused:
            raise self.refused[ghost.person]
        self.shown.append(ghost.person)
        picture = ghost.likeness.picture
        if step is PictureStep.REMOVE:
            picture = None
        elif step is PictureStep.FETCH and new is not None:
            uri = f"mxc://fake.test/{new.tag}" if new.content else ""
            picture = Picture(tag=new.tag, digest="", uri=uri)
        return replace(ghost, name=likeness.name, likeness=replace(likeness, picture=picture))

    @override
    def forget(self, ghost: Ghost) -> None:
        self.forgotten.append(ghost.person)
