"""`/users/delta`: all users first, then those who changed since.

    first request ─> everyone, page by page ─> deltaLink ─> who changed, who is gone ─> deltaLink

A token carries everything: where the client stands and what it asked for at first. What changes
while everyone is being listed comes again afterwards.

Sources: learn.microsoft.com graph/api user-delta, graph/delta-query-overview.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

from bridge.sandbox.tenant import bookmark, users
from bridge.sandbox.tenant.bookmark import Value
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import from_milliseconds, milliseconds
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request
from bridge.sandbox.tenant.people import needs, news, profiles
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import User

PAGE = 100
FILTERED_MAX = 50
"""Users that a filter can name."""
_PURPOSE = "users"
_FILTER = re.compile(r"id\s+eq\s+'([^']+)'", re.IGNORECASE)
_LATEST = "latest"
_REFUSED = ("$top", "$orderby", "$expand", "$search")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """Where a client stands.

    Attributes:
        since: It knows of all changes up to this one.
        listed: How many of everyone it has seen; -1 once that was all.
        select: The properties it wants, by commas; empty for those that come unasked.
        only: The users it wants, by blanks; empty for everyone.
    """

    since: int
    listed: int
    select: str = ""
    only: str = ""

    @property
    def ids(self) -> set[str]:
        return set(self.only.split()) if self.only else set()


async def delta(call: Call) -> Reply:
    users.check_reader(call, needs.DELTA)
    asked = _read(call)
    tenant = call.tenant
    if asked.listed >= 0:
        value, after = _everyone(call, asked)
        more = after.listed >= 0
    else:
        value, after = _changed(call, asked)
        more = after.since < tenant.directory.turn
    link = _link(call, after, "$skiptoken" if more else "$deltatoken")
    body: Json = {
        "@odata.context": call.context("users"),
        "@odata.nextLink" if more else "@odata.deltaLink": link,
        "value": value,
    }
    return Reply(body=body)


def _everyone(call: Call, asked: _Round) -> tuple[list[Json], _Round]:
    """A page of the first listing."""
    everyone = (u for u in call.tenant.users.values() if not asked.only or u.id in asked.ids)
    # Who was deleted since has moved the others up; better somebody twice than somebody missing.
    shift = sum(turn > asked.since for turn in call.tenant.directory.gone.values())
    first = max(0, asked.listed - shift)
    page = list(islice(everyone, first, first + PAGE + 1))
    value = [_shown(call, user, asked) for user in page[:PAGE]]
    listed = asked.listed + PAGE if len(page) > PAGE else -1
    return value, replace(asked, listed=listed)


def _changed(call: Call, asked: _Round) -> tuple[list[Json], _Round]:
    """A page of what changed since: who is gone or changed, the longest ago first."""
    page = list(islice(_events(call.tenant, asked), PAGE))
    value: list[Json] = []
    for turn, key in page:
        user = call.tenant.users.get(key)
        if user is None:
            value.append(_removed(call.tenant, key))
        elif _concerns(call.tenant, user, asked):
            value.append(_shown(call, user, asked))
        asked = replace(asked, since=turn)
    return value, asked if len(page) == PAGE else replace(asked, since=call.tenant.directory.turn)


def _events(tenant: Tenant, asked: _Round) -> Iterator[tuple[int, str]]:
    directory = tenant.directory
    found = [(max(turns.values()), key) for key, turns in _newest(directory.turns, asked.since)]
    found += [(turn, key) for key, turn in directory.gone.items() if turn > asked.since]
    return iter(sorted(event for event in found if not asked.only or event[1] in asked.ids))


def _newest(turns: dict[str, dict[str, int]], since: int) -> Iterator[tuple[str, dict[str, int]]]:
    for key in reversed(turns):
        if max(turns[key].values()) <= since:
            return
        yield key, turns[key]


def _concerns(tenant: Tenant, user: User, asked: _Round) -> bool:
    """Whether something changed that the client wants to know of."""
    turns = tenant.directory.turns.get(user.id, {})
    names = {"", *asked.select.split(",")} if asked.select else turns.keys()
    return any(turns.get(name, 0) > asked.since for name in names)


def _shown(call: Call, user: User, asked: _Round) -> Json:
    """The user without what was never set; with `return=minimal`, what changed and no more."""
    names = ["id", *asked.select.split(",")] if asked.select else None
    seen = profiles.selected(call.tenant, user, names)
    turns = call.tenant.directory.turns.get(user.id, {})
    is_new = asked.listed >= 0 or turns.get("", 0) > asked.since
    if "return=minimal" in call.prefer.replace(" ", "") and not is_new:
        changed = {name for name, turn in turns.items() if turn > asked.since}
        return {name: value for name, value in seen.items() if name in changed or name == "id"}
    return {name: value for name, value in seen.items() if value is not None or name in turns}


def _removed(tenant: Tenant, key: str) -> Json:
    gone = tenant.directory.deleted.get(key)
    restorable = gone is not None and news.kept(tenant, gone)
    return {"id": key, "@removed": {"reason": "changed" if restorable else "deleted"}}


def _read(call: Call) -> _Round:
    """Where the client stands by its token, or the beginning.

    Raises:
        GraphError: 400 for a flaw, 410 for a token that is too old.
    """
    text = {name.casefold(): value for name, value in call.query.items()}
    token = text.get("$skiptoken") or text.get("$deltatoken")
    if token and token.casefold() != _LATEST:
        return _unseal(call, token)
    for name in _REFUSED:
        if name in text:
            msg = f"The query option '{name}' is not supported for delta queries of users."
            raise bad_request(msg)
    now = call.tenant.directory.turn
    return _Round(
        since=now,
        listed=-1 if token else 0,
        select=",".join(users.selection(call) or ()),
        only=" ".join(_only(text.get("$filter"))),
    )


def _only(text: str | None) -> list[str]:
    """The users that a filter names: `id eq '…' or id eq '…'`."""
    if text is None:
        return []
    found = [_FILTER.fullmatch(part.strip()) for part in re.split(r"\s+or\s+", text.strip())]
    ids = [part[1] for part in found if part is not None]
    if len(ids) != len(found) or len(ids) > FILTERED_MAX or any(" " in key for key in ids):
        raise bad_request("Only a filter by id is supported for delta queries of users.")
    return ids


def _link(call: Call, asked: _Round, option: str) -> str:
    now = milliseconds(call.tenant.clock.now())
    values: list[Value] = [asked.since, asked.listed, asked.select, asked.only, now]
    return bookmark.link(call, {option: bookmark.seal(call, _PURPOSE, values)})


def _unseal(call: Call, token: str) -> _Round:
    like = [int, int, str, str, int]
    since, listed, select, only, issued = bookmark.unseal(call, _PURPOSE, token, like)
    tenant = call.tenant
    made = from_milliseconds(int(issued))
    too_old = made + timedelta(days=tenant.settings.user_delta_days) <= tenant.clock.now()
    if too_old or (tenant.delta_reset is not None and made < tenant.delta_reset):
        raise GraphError(
            410,
            "syncStateNotFound",
            "The sync state is not found or is expired. A full synchronization is required.",
            {"Location": bookmark.link(call, {"$deltatoken": ""})},
        )
    return _Round(since=int(since), listed=int(listed), select=str(select), only=str(only))


ROUTES = [route("GET /users/delta", None, delta)]
