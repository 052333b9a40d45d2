"""Who is called, as Matrix names them and as Teams does.

    deliver   somebody of Teams ─ signed in? ─▶ their own account ┐
                                └ no ─▶ their ghost, registered or ┴▶ pill, m.mentions.user_ids
                                        not: calling nobody harms nobody
              everyone, a channel, a team ──────────────────────────▶ m.mentions.room
    take_in   a ghost's pill, or that of somebody who is signed in ─▶ the one of Teams
              anybody else's ───────────────────────────────────────▶ stays a name

A message says whom it calls in `m.mentions`, never by its words alone; an edit says there whom it
calls anew (Matrix spec v1.19, client-server § user and room mentions).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from bridge.convert.matrix import EVERYBODY
from bridge.domain.content import Body, Inline, Mention, Target, TargetKind, mentions, replaced
from bridge.domain.events import Seen, Sighting
from bridge.domain.ids import TeamsUserId, TenantId, UserId, is_account
from bridge.errors import Rejected
from bridge.matrix.names import Names
from bridge.matrix.reading import NEW_CONTENT, REPLACE, Json
from bridge.ports import Reading
from bridge.ports.pairing import WhoIsWho

Content = dict[str, object]
Naming = Callable[[Mention], str]

FIELD = "m.mentions"
LOOKED_UP_MAX = 100
"""Users of one message who are looked for among the accounts; of the others the name stays."""
_OF_TEAMS = frozenset({TargetKind.TEAMS_USER, TargetKind.TEAMS_APP})


class Mentions:
    """Finds out who is who. Keeps nothing.

    Raises (every method that waits):
        StoreUnavailable: Postgres is away.
    """

    def __init__(self, names: Names, accounts: WhoIsWho) -> None:
        self._names = names
        self._accounts = accounts

    async def in_matrix(self, tenant: TenantId, body: Body) -> Body:
        """Return the body with everybody of Teams named as they are in Matrix."""
        called = {node.target for node in mentions(body) if node.target.kind in _OF_TEAMS}
        if not called:
            return body
        people = sorted(one.id for one in called if one.kind is TargetKind.TEAMS_USER)
        found = await self._accounts.accounts_among(tenant, [TeamsUserId(one) for one in people])
        accounts = {account.teams_user: account.user for account in found}
        users = {one: accounts.get(TeamsUserId(one.id)) or self._ghost(one.id) for one in called}
        return _renamed(
            body,
            {
                one: Target(kind=TargetKind.MATRIX_USER, id=user)
                for one, user in users.items()
                if user is not None
            },
        )

    async def in_teams(self, reading: Reading) -> Reading:
        """Return what was read with everybody of Matrix named as they are in Teams, if they are."""
        seen = [await self._seen(one) for one in reading.sightings]
        return replace(reading, sightings=tuple(seen))

    async def _seen(self, seen: Seen) -> Seen:
        if not isinstance(seen, Sighting):
            return seen
        found = (node.target for node in mentions(seen.body))
        called = dict.fromkeys(one for one in found if one.kind is TargetKind.MATRIX_USER)
        people = {one: await self._person(UserId(one.id)) for one in list(called)[:LOOKED_UP_MAX]}
        known = {
            one: Target(kind=TargetKind.TEAMS_USER, id=person)
            for one, person in people.items()
            if person is not None
        }
        return replace(seen, body=_renamed(seen.body, known, self._name)) if known else seen

    async def _person(self, user: UserId) -> str | None:
        """Return whom Teams can call: neither bots nor telephones have ears there."""
        person = self._names.person(user)
        if person is not None:
            return person if is_account(person) else None
        account = await self._accounts.account_of(user)
        return None if account is None else account.teams_user

    def _ghost(self, person: str) -> UserId | None:
        try:
            return self._names.ghost(person)
        except Rejected:
            return None

    def _name(self, node: Mention) -> str:
        """Return what somebody is called in Teams, whose ghost's name says more than that."""
        name = node.text.removeprefix("@") or node.text
        return self._names.guises.bare_name(name) if self._names.is_ghost(node.target.id) else name


def _renamed(body: Body, targets: Mapping[Target, Target], name: Naming | None = None) -> Body:
    def change(node: Inline) -> Iterable[Inline]:
        if not isinstance(node, Mention) or node.target not in targets:
            return (node,)
        text = name(node) if name else node.text
        return (Mention(target=targets[node.target], text=text),)

    return replaced(body, change)


def called_in(body: Body) -> Content:
    """Return the `m.mentions` of a body: empty, not absent, where it calls nobody.

    Clients look for names in the words of a message that has none.
    """
    targets = [node.target for node in mentions(body)]
    users = dict.fromkeys(one.id for one in targets if one.kind is TargetKind.MATRIX_USER)
    called: Content = {"user_ids": list(users)} if users else {}
    return called | {"room": True} if any(one.kind in EVERYBODY for one in targets) else called


def called_by(event: Json) -> Json:
    """Return the `m.mentions` of a message as it stands, with its newest edit if it has any."""
    relations = _child(_child(event, "unsigned"), "m.relations")
    newest = _child(_child(relations, REPLACE), "content")
    return _child(_child(newest, NEW_CONTENT) or _child(event, "content"), FIELD)


def _child(value: Json, name: str) -> Json:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def called_anew(now: Content, before: Json) -> Content:
    """Return whom an edit calls who has not been called before."""
    known, users = before.get("user_ids"), now.get("user_ids")
    heard: Collection[object] = known if isinstance(known, list) else ()
    new = [user for user in users if user not in heard] if isinstance(users, list) else []
    called: Content = {"user_ids": new} if new else {}
    return called | {"room": True} if "room" in now and before.get("room") is not True else called
