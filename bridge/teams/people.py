"""The people of the tenant, as its directory has them now; implements `ports.People`.

    look ─ GET /users?$filter=id in (…), fifteen at a time ─┬─ there ────▶ Profile
                                                            └─ missing ──▶ /users/{id}, and among the
                                                                           deleted ─▶ Profile | None
    picture_tags ─ GET /users/{id}/photos/240x240 in batches ─▶ what tells it from another
    picture ────── its bytes, bounded
    with facets: what else is asked for, and GET /users/{id}/mailboxSettings/timeZone in batches

With `User.ReadBasic.All` alone Graph says null for whether an account is enabled and whose guest it
is; guests are known by their sign-in names then. Sources: learn.microsoft.com graph/api user-list,
user-get, user-get-mailboxsettings, profilephoto-get, directory-deleteditems-get,
graph/permissions-reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from typing_extensions import override

from bridge import ports
from bridge.domain.ids import TeamsUserId
from bridge.domain.likeness import Facet, Profile, Standing
from bridge.domain.values import dataclass
from bridge.errors import RemoteError
from bridge.teams.answers import GraphRejected, PermissionMissing
from bridge.teams.batches import Found, get_all
from bridge.teams.fields import Json, objects, text
from bridge.teams.graph import Credential, Graph, segment
from bridge.teams.identities import id_of
from bridge.teams.quota import Priority
from bridge.teams.time_zones import iana_of

IDS_MAX = 15
"""Values that `in` takes in a filter (learn.microsoft.com graph/filter-query-parameter)."""
PICTURE_SIZE = "240x240"
"""Pixels; a smaller one where there is none of this size (graph/api profilephoto-get)."""
PICTURE_BYTES_MAX = 1024 * 1024
"""In this size pictures have some 20 kB; those that lie in the directory may be of any size."""
FACET_CHARS_MAX = 200

_NOT_FOUND = 404
_WHO = ("id", "displayName", "userPrincipalName", "userType", "accountEnabled")
_FACETS = {
    Facet.JOB_TITLE: "jobTitle",
    Facet.DEPARTMENT: "department",
    Facet.OFFICE: "officeLocation",
    Facet.MAIL: "mail",
}
GUEST_MARK = "#EXT#"
"""In the sign-in name of every guest (learn.microsoft.com entra/external-id/user-properties)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People(ports.People):
    """Reads with the app's token; `with_facets`: more than names and pictures is wanted."""

    graph: Graph
    credential: Credential
    with_facets: bool = False

    @override
    async def look(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, Profile | None]:
        found: dict[TeamsUserId, Profile | None] = {}
        for first in range(0, len(people), IDS_MAX):
            some = people[first : first + IDS_MAX]
            found |= await self._listed(some)
        missing = [person for person in people if person not in found]
        found |= await self._missing(missing)
        return await self._with_zones(found) if self.with_facets else found

    async def _listed(self, people: Sequence[TeamsUserId]) -> dict[TeamsUserId, Profile | None]:
        ids = ",".join(f"'{_escaped(person)}'" for person in people)
        page = await self.graph.request(
            "GET",
            f"/users?$filter={quote(f'id in ({ids})', safe='')}&{self._selection}&$top={IDS_MAX}",
            credential=self.credential,
            priority=Priority.MEMBERS,
        )
        return dict(_profiles(page))

    async def _missing(self, people: Sequence[TeamsUserId]) -> dict[TeamsUserId, Profile | None]:
        """Ask for each of those that a list left out, twice: as they are, and among the deleted."""
        there = [f"/users/{segment(person)}?{self._selection}" for person in people]
        gone = [f"/directory/deletedItems/{segment(person)}" for person in people]
        answers = await self._ask_all([*there, *gone])
        found: dict[TeamsUserId, Profile | None] = {}
        for number, person in enumerate(people):
            user, deleted = answers[number], answers[len(people) + number]
            if not isinstance(user, RemoteError):
                found[person] = profile_of(user)
            elif _is_absent(user):
                found |= _of_the_deleted(person, deleted)
        return found

    async def _with_zones(
        self, found: dict[TeamsUserId, Profile | None]
    ) -> dict[TeamsUserId, Profile | None]:
        """Add time zones, which lie in the mailbox: whoever may not read that goes without."""
        there = {p: one for p, one in found.items() if one and one.standing is Standing.ACTIVE}
        paths = [f"/users/{segment(person)}/mailboxSettings/timeZone" for person in there]
        for (person, profile), answer in zip(
            there.items(), await self._ask_all(paths), strict=True
        ):
            if isinstance(answer, RemoteError):
                if not _is_refused(answer):
                    del found[person]
            elif zone := iana_of(text(answer, "value")):
                facets = {**profile.facets, Facet.TIME_ZONE: zone}
                found[person] = replace(profile, facets=facets)
        return found

    @override
    async def picture_tags(self, people: Sequence[TeamsUserId]) -> Mapping[TeamsUserId, str | None]:
        answers = await self._ask_all([_photo(person) for person in people])
        found: dict[TeamsUserId, str | None] = {}
        for person, answer in zip(people, answers, strict=True):
            if not isinstance(answer, RemoteError):
                found[person] = picture_tag(answer)
            elif _is_absent(answer):
                found[person] = None
            elif _is_refused(answer):
                found[person] = ports.NOT_TOLD
        return found

    @override
    async def picture(self, person: TeamsUserId) -> bytes | None:
        path = f"{_photo(person)}/$value"
        try:
            answer = await self.graph.fetch(
                path, credential=self.credential, priority=Priority.MEMBERS
            )
        except GraphRejected as error:
            if error.status != _NOT_FOUND:
                raise
            return None
        return answer.body if 0 < len(answer.body) <= PICTURE_BYTES_MAX else None

    async def _ask_all(self, paths: Sequence[str]) -> list[Found]:
        return await get_all(
            self.graph, paths, credential=self.credential, priority=Priority.MEMBERS
        )

    @property
    def _selection(self) -> str:
        facets = _FACETS.values() if self.with_facets else ()
        return f"$select={','.join((*_WHO, *facets))}"


def profile_of(user: Json, *, deleted: bool = False) -> Profile:
    """Read a user."""
    sign_in, kind = text(user, "userPrincipalName") or "", text(user, "userType") or ""
    standing = Standing.DISABLED if user.get("accountEnabled") is False else Standing.ACTIVE
    names = {} if deleted else _FACETS
    values = ((facet, text(user, name)) for facet, name in names.items())
    return Profile(
        name=text(user, "displayName"),
        standing=Standing.DELETED if deleted else standing,
        is_guest=kind.lower() == "guest" or GUEST_MARK in sign_in,
        facets={facet: value[:FACET_CHARS_MAX] for facet, value in values if value},
    )


def picture_tag(photo: Json) -> str | None:
    """Read what tells a profilePhoto from another; None for the placeholder of one pixel."""
    width = photo.get("width")
    if isinstance(width, int) and width <= 1:
        return None
    return text(photo, "@odata.mediaEtag") or f"{text(photo, 'id') or PICTURE_SIZE}"


def _profiles(page: Json) -> Iterator[tuple[TeamsUserId, Profile]]:
    for user in objects(page, "value", IDS_MAX):
        key = text(user, "id")
        if key is not None:
            yield TeamsUserId(id_of(key)), profile_of(user)


def _of_the_deleted(person: TeamsUserId, found: Found) -> dict[TeamsUserId, Profile | None]:
    """Say of somebody who is not there what is known of them; nothing if that cannot be known now."""
    if not isinstance(found, RemoteError):
        return {person: profile_of(found, deleted=True)}
    return {person: None} if _is_refused(found) else {}


def _is_refused(error: RemoteError) -> bool:
    return isinstance(error, GraphRejected | PermissionMissing)


def _is_absent(error: RemoteError) -> bool:
    return isinstance(error, GraphRejected) and error.status == _NOT_FOUND


def _photo(person: TeamsUserId) -> str:
    return f"/users/{segment(person)}/photos/{PICTURE_SIZE}"


def _escaped(person: TeamsUserId) -> str:
    return person.replace("'", "''")
