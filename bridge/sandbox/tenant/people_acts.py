"""Control requests about guests, strangers and robots (`people_kinds.py`)."""

from __future__ import annotations

from bridge.sandbox.tenant import people_kinds, wire
from bridge.sandbox.tenant.ask import Act, Ask, choice
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.identity import NameForm, PersonKind, RobotKind
from bridge.sandbox.tenant.people import news
from bridge.sandbox.tenant.people_kinds import Missing


async def bring_people(ask: Ask) -> Reply:
    """Strangers: `{kind, display_name, id, tenant_id, name_form, null, absent}`, one or `people`."""
    many = wire.objects(ask.body, "people") or [ask.body]
    made = [
        people_kinds.bring_stranger(
            ask.tenant,
            choice(PersonKind, wire.required_text(item, "kind")),
            wire.as_text(item.get("display_name", "Somebody Else"), "display_name"),
            key=wire.optional_text(item, "id"),
            home=wire.optional_text(item, "tenant_id"),
            missing=_missing(item),
        )
        for item in many
    ]
    return Reply(status=201, body={"people": [people_kinds.shown(user) for user in made]})


async def bring_robot(ask: Ask) -> Reply:
    robot = people_kinds.bring_robot(
        ask.tenant,
        choice(RobotKind, wire.required_text(ask.body, "kind")),
        wire.optional_text(ask.body, "display_name"),
        wire.optional_text(ask.body, "id"),
    )
    return Reply(status=201, body={"id": robot.id})


async def change_robot(ask: Ask) -> Reply:
    """Under which `display_name` it says what it says from now on; null for none."""
    name = wire.optional_text(ask.body, "display_name")
    robot = people_kinds.rename_robot(ask.tenant, ask.ids["robot"], name)
    return Reply(body={"id": robot.id})


async def change_person(ask: Ask) -> Reply:
    """Make a user a `guest` or an `admin`; veil what Graph does not tell of anyone.

    `name_form` is shown, null or empty; `null` and `absent` name properties of the membership;
    `no_tenant_id` makes the tenant's id null in every identity.
    """
    user = people_kinds.find_person(ask.tenant, ask.ids["person"])
    for name in ("guest", "admin"):
        if name in ask.body:
            setattr(user, name, wire.optional_flag(ask.body, name))
    if {"name_form", "null", "absent", "no_tenant_id"} & ask.body.keys():
        hidden = wire.optional_flag(ask.body, "no_tenant_id")
        people_kinds.veil(ask.tenant, user, _missing(ask.body), no_tenant_id=hidden)
    return Reply(body=people_kinds.shown(user))


async def delete_account(ask: Ask) -> Reply:
    """The account of a user is deleted; what they said stays."""
    user = ask.tenant.user(ask.ids["person"])
    news.delete(ask.tenant, user)
    return Reply(status=204)


def _missing(body: Json) -> Missing:
    return Missing(
        name=choice(NameForm, wire.optional_text(body, "name_form") or "shown"),
        null=_fields(body, "null"),
        absent=_fields(body, "absent"),
    )


def _fields(body: Json, name: str) -> frozenset[str]:
    names = wire.as_list(body.get(name, []), name)
    found = frozenset(wire.as_text(item, name) for item in names)
    if not found <= people_kinds.MEMBER_FIELDS:
        msg = f"Only {', '.join(sorted(people_kinds.MEMBER_FIELDS))} can be missing."
        raise bad_request(msg)
    return found


ACTS: list[tuple[str, Act]] = [
    ("POST /people", bring_people),
    ("PATCH /people/{person}", change_person),
    ("DELETE /people/{person}", delete_account),
    ("POST /robots", bring_robot),
    ("PATCH /robots/{robot}", change_robot),
]
