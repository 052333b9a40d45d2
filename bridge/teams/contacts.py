"""The people of the tenant, looked for by name or address; implements `ports.Contacts`.

    search    GET /users?$search="displayName:…" OR "mail:…" OR "userPrincipalName:…"
    addressed GET /users?$filter=mail eq '…' or userPrincipalName eq '…'
    known     GET /users?$filter=id in (…), fifteen at a time

Asked as the app: its `User.Read.All` is there already, and a delegated permission would let the
bridge do no less. Sources: learn.microsoft.com graph/search-query-parameter, graph/api user-list,
graph/aad-advanced-queries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import quote

from typing_extensions import override

from bridge.domain.ids import TeamsUserId
from bridge.domain.values import dataclass
from bridge.ports import starting
from bridge.ports.starting import Contact, FoundPeople
from bridge.teams.fields import Json, objects, text
from bridge.teams.graph import Credential, Graph, has_more
from bridge.teams.identities import id_of
from bridge.teams.people import IDS_MAX
from bridge.teams.quota import Priority

WORDS_CHARS_MAX = 100
"""Of what is searched for; nobody has a longer name or address that matters."""
LISTED_MAX = 100
"""People in one answer."""
EVENTUAL = {"ConsistencyLevel": "eventual"}
"""Without it the directory neither searches nor sorts what it has filtered."""

_SELECT = "$select=id,displayName,mail,userPrincipalName,userType"
_ACTIVE = "accountEnabled eq true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts(starting.Contacts):
    """Reads with the app's token."""

    graph: Graph
    credential: Credential

    @override
    async def search(self, words: str, *, limit: int) -> FoundPeople:
        wanted = searched_for(words)
        if not wanted:
            return FoundPeople(contacts=())
        clauses = (f'"{name}:{wanted}"' for name in ("displayName", "mail", "userPrincipalName"))
        query = f"$search={_encoded(' OR '.join(clauses))}&$filter={_encoded(_ACTIVE)}"
        return await self._ask(f"{query}&$orderby=displayName&$count=true", limit)

    @override
    async def addressed(self, address: str) -> tuple[Contact, ...]:
        value = f"'{_escaped(address[:WORDS_CHARS_MAX])}'"
        either = f"(mail eq {value} or userPrincipalName eq {value}) and {_ACTIVE}"
        return (await self._ask(f"$filter={_encoded(either)}", LISTED_MAX)).contacts

    @override
    async def known(self, people: Collection[TeamsUserId]) -> tuple[Contact, ...]:
        found: list[Contact] = []
        wanted = sorted(set(people))
        for first in range(0, len(wanted), IDS_MAX):
            ids = ",".join(f"'{_escaped(person)}'" for person in wanted[first : first + IDS_MAX])
            asked = f"id in ({ids}) and {_ACTIVE}"
            found += (await self._ask(f"$filter={_encoded(asked)}", IDS_MAX)).contacts
        return tuple(found)

    async def _ask(self, query: str, limit: int) -> FoundPeople:
        page = await self.graph.request(
            "GET",
            f"/users?{query}&{_SELECT}&$top={min(limit, LISTED_MAX)}",
            credential=self.credential,
            priority=Priority.MEMBERS,
            headers=EVENTUAL,
        )
        return FoundPeople(contacts=tuple(_contacts(page)), is_all=not has_more(page))


def searched_for(words: str) -> str:
    """Return words as a clause of `$search` may hold them: quotes and backslashes end one."""
    plain = "".join(" " if c in '"\\' or not c.isprintable() else c for c in words)
    return " ".join(plain.split())[:WORDS_CHARS_MAX]


def _contacts(page: Json) -> Iterator[Contact]:
    for user in objects(page, "value", LISTED_MAX):
        key = text(user, "id")
        if key is None:
            continue
        yield Contact(
            id=TeamsUserId(id_of(key)),
            name=text(user, "displayName"),
            mail=text(user, "mail"),
            sign_in=text(user, "userPrincipalName"),
            is_guest=(text(user, "userType") or "").lower() == "guest",
        )


def _escaped(value: str) -> str:
    return value.replace("'", "''")


def _encoded(value: str) -> str:
    return quote(value, safe="")
