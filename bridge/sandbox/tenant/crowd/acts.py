"""The control interface's part: imagine an organisation, let it talk, see how it does."""

from __future__ import annotations

from dataclasses import fields
from time import perf_counter

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.ask import Act, Ask, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.crowd.organisation import Organisation
from bridge.sandbox.tenant.crowd.plan import SKEW_MAX, Plan
from bridge.sandbox.tenant.crowd.traffic import RATE_MAX, Order, Traffic
from bridge.sandbox.tenant.errors import GraphError, Json, bad_request
from bridge.sandbox.tenant.world import User

SAMPLE_MAX = 1000
"""Users or chats in one answer."""


async def imagine(ask: Ask) -> Reply:
    """An organisation after a `Plan`; the tenant takes it in beside what it has. Once only."""
    if ask.tenant.crowd is not None:
        raise bad_request("The tenant has an organisation already.")
    plan = _plan(ask.body)
    started = perf_counter()
    made = Organisation(ask.tenant, plan)
    made.move_in()
    took = perf_counter() - started
    return Reply(status=201, body={**_shown(made), "seconds": round(took, 3)})


async def show(ask: Ask) -> Reply:
    return Reply(body=_shown(_organisation(ask)))


async def sample(ask: Ask) -> Reply:
    """`users` by number, from `first` on, each with the ids of all chats: `?first=0&count=10`."""
    made = _organisation(ask)
    first = int(number(ask.query.get("first", "0")))
    count = min(int(number(ask.query.get("count", "10"))), SAMPLE_MAX)
    numbers = range(max(first, 0), min(max(first, 0) + count, made.plan.users))
    return Reply(body={"users": [_user(made, made.user(person)) for person in numbers]})


async def start_traffic(ask: Ask) -> Reply:
    """Play an `Order`; it replaces one that runs."""
    _traffic(ask).start(_order(ask))
    return Reply(body=_traffic(ask).report())


async def stop_traffic(ask: Ask) -> Reply:
    _traffic(ask).stop()
    return Reply(body=_traffic(ask).report())


async def show_traffic(ask: Ask) -> Reply:
    return Reply(body=_traffic(ask).report())


def _plan(body: Json) -> Plan:
    known = {item.name for item in fields(Plan)}
    if unknown := body.keys() - known:
        msg = f"A plan has no {', '.join(sorted(unknown))}."
        raise bad_request(msg)
    until = wire.optional_text(body, "until")
    plan = Plan(
        seed=int(number(body.get("seed", 0))),
        users=int(number(body.get("users", 0))),
        chats=int(number(body.get("chats", 0))),
        teams=int(number(body.get("teams", 0))),
        channels=number(body.get("channels", 3.0)),
        history=int(number(body.get("history", 0))),
        years=number(body.get("years", 3.0)),
        until=None if until is None else wire.parse_instant(until, "until"),
        skew=number(body.get("skew", 0.6)),
    )
    if (flaw := plan.flaw()) is not None:
        raise bad_request(flaw)
    return plan


def _order(ask: Ask) -> Order:
    body = ask.body
    rate = number(body.get("rate"))
    if not 0 < rate <= RATE_MAX:
        msg = f"The rate is from 0 to {RATE_MAX:.0f} messages per second."
        raise bad_request(msg)
    skew = None if body.get("skew") is None else number(body["skew"])
    if skew is not None and not 0 <= skew <= SKEW_MAX:
        msg = f"skew is from 0 to {SKEW_MAX}."
        raise bad_request(msg)
    chats = tuple(
        wire.as_text(key, "chats") for key in wire.as_list(body.get("chats", []), "chats")
    )
    for key in chats:
        ask.tenant.chat(key)
    return Order(
        rate=rate,
        seed=int(number(body.get("seed", 0))),
        edits=_share(body, "edits"),
        reactions=_share(body, "reactions"),
        deletions=_share(body, "deletions"),
        skew=skew,
        chats=chats,
        messages=int(number(body.get("messages", 0))),
    )


def _share(body: Json, name: str) -> float:
    share = number(body.get(name, 0.0))
    if not 0 <= share <= 1:
        msg = f"{name} is from 0 to 1."
        raise bad_request(msg)
    return share


def _organisation(ask: Ask) -> Organisation:
    if ask.tenant.crowd is None:
        raise GraphError(404, "NotFound", "The tenant has no imagined organisation.")
    return ask.tenant.crowd


def _traffic(ask: Ask) -> Traffic:
    if ask.tenant.traffic is None:
        raise GraphError(404, "NotFound", "No server plays this tenant.")
    return ask.tenant.traffic


def _shown(made: Organisation) -> Json:
    census = made.census
    return {
        "users": made.plan.users,
        "chats": made.plan.chats,
        "teams": made.plan.teams,
        "channels": census.places - made.plan.chats,
        "messages": sum(census.length(place) for place in range(census.places)),
        "bytes": census.size,
    }


def _user(made: Organisation, user: User) -> Json:
    chats = [chat.id for chat in made.tenant.chats_of(user)]
    return {"id": user.id, "upn": user.upn, "display_name": user.display_name, "chats": chats}


ACTS: list[tuple[str, Act]] = [
    ("POST /crowd", imagine),
    ("GET /crowd", show),
    ("GET /crowd/users", sample),
    ("POST /traffic", start_traffic),
    ("DELETE /traffic", stop_traffic),
    ("GET /traffic", show_traffic),
]
