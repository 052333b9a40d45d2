"""System messages: told by what causes them, or played where this tenant has no cause.

`tell` and `tell_team` are for whoever changes something; `announce` posts a detail that is made
already. A message has no sender and says nothing but `<systemEventMessage/>`; what happened is in
`eventDetail` (learn.microsoft.com graph/system-messages).
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.sandbox.tenant import conversation, event_details, people_kinds, wire
from bridge.sandbox.tenant.ask import Act, Ask
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, not_found
from bridge.sandbox.tenant.identity import Robot
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import Channel, Chat, Message, Team, User


def announce(tenant: Tenant, place: Chat | Channel, detail: Json) -> Message | None:
    """Post a detail as it is; None where the tenant has no system messages."""
    return conversation.tell_event(tenant, place, detail)


def tell(
    tenant: Tenant,
    place: Chat | Channel,
    kind: str,
    by: User | Robot | None = None,
    people: Sequence[User] = (),
    given: Json | None = None,
) -> Message | None:
    """Post a system message of this kind; `given` fields win over what the scene says.

    Raises:
        GraphError: 400, this kind has no such field, or does not stand here.
    """
    scene = event_details.Scene(
        tenant_id=tenant.id, now=tenant.clock.now(), place=place, initiator=by, people=people
    )
    return announce(tenant, place, event_details.detail(scene, kind, given))


def tell_team(
    tenant: Tenant,
    team: Team,
    kind: str,
    by: User | Robot | None = None,
    people: Sequence[User] = (),
    given: Json | None = None,
) -> Message | None:
    """The same about a team as a whole: it stands in the primary channel."""
    primary = next(iter(team.channels.values()), None)
    return None if primary is None else tell(tenant, primary, kind, by, people, given)


async def play(ask: Ask) -> Reply:
    """`{kind, by, people, fields}`: a system message of any kind, as if its cause had happened."""
    place = spot(ask)
    by = wire.optional_text(ask.body, "by")
    names = wire.as_list(ask.body.get("people", []), "people")
    people = [people_kinds.find_person(ask.tenant, wire.as_text(name, "people")) for name in names]
    fields = wire.as_object(ask.body.get("fields", {}), "fields")
    kind = wire.required_text(ask.body, "kind")
    initiator = None if by is None else people_kinds.find(ask.tenant, by)
    made = tell(ask.tenant, place, kind, initiator, people, fields)
    return Reply(status=201, body={"id": None if made is None else str(made.id)})


async def list_kinds(ask: Ask) -> Reply:
    """Every kind with its fields."""
    found: Json = {name: list(kind.fields) for name, kind in event_details.KINDS.items()}
    return Reply(body={"kinds": found, "tenant": ask.tenant.id})


def spot(ask: Ask) -> Chat | Channel:
    """The chat or channel in the path of a control request.

    Raises:
        GraphError: 404, there is none.
    """
    if "team" in ask.ids:
        channel = ask.tenant.team(ask.ids["team"]).channels.get(ask.ids["channel"])
        if channel is None:
            raise not_found()
        return channel
    return ask.tenant.chat(ask.ids["chat"])


ACTS: list[tuple[str, Act]] = [
    ("GET /system-events", list_kinds),
    ("POST /chats/{chat}/system-events", play),
    ("POST /teams/{team}/channels/{channel}/system-events", play),
]
