"""Playing any kind of message, sender and event in a tenant, in one call each.

bot = await kinds.bring_robot(tenant, "bot", "Helper")
message = await kinds.say(tenant, chat, "hero_card", user=bot, title="Tea")
await kinds.play_event(tenant, chat, "callEnded", by=alice.id, callDuration="PT5M")
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from bridge.sandbox.tenant.client import ControlledTenant
from bridge.sandbox.tenant.errors import Json

Where = str | tuple[str, str]
"""A chat's id, or the ids of a team and of its channel."""


async def say(tenant: ControlledTenant, where: Where, kind: str, **options: object) -> str:
    """Say something of a kind (`all_kinds`); returns the message's id.

    Options: `user` (an id of anyone; None for no sender), `subject`, `importance`, `reply_to`,
    and those of the kind.
    """
    body: Json = {"kind": kind, **options}
    return str((await tenant.call("POST", f"{_path(where)}/kinds", body))["id"])


async def all_kinds(tenant: ControlledTenant) -> dict[str, str]:
    """Every kind of message, with a word about it where it needs one."""
    found = (await tenant.call("GET", "/kinds"))["kinds"]
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


async def all_events(tenant: ControlledTenant) -> dict[str, list[str]]:
    """Every kind of system message with its fields."""
    found = (await tenant.call("GET", "/system-events"))["kinds"]
    return {str(k): list(v) for k, v in found.items()} if isinstance(found, dict) else {}


async def play_event(
    tenant: ControlledTenant,
    where: Where,
    kind: str,
    *,
    by: str | None = None,
    people: Sequence[str] = (),
    **fields: object,
) -> str | None:
    """A system message such as `callEnded`; returns its id, None if the tenant has none.

    `by` is who caused it, `people` whom it concerns (ids), `fields` replace what is made up.
    """
    body: Json = {"kind": kind, "by": by, "people": list(people), "fields": fields}
    made = (await tenant.call("POST", f"{_path(where)}/system-events", body))["id"]
    return None if made is None else str(made)


async def unfurl(
    tenant: ControlledTenant, where: Where, message: str, *, card: bool = False
) -> None:
    """The preview of the message's link arrives as an update that is no edit."""
    await tenant.call("POST", f"{_path(where)}/messages/{message}/unfurl", {"card": card})


async def violate(
    tenant: ControlledTenant, where: Where, message: str, **violation: object
) -> None:
    """A policy blocks the message; without properties, in the way that is most common."""
    body: Json = {"violation": violation} if violation else {}
    await tenant.call("POST", f"{_path(where)}/messages/{message}/violate", body)


async def lift_violation(tenant: ControlledTenant, where: Where, message: str) -> None:
    """What a policy had blocked is allowed again."""
    path = f"{_path(where)}/messages/{message}/violate"
    await tenant.call("POST", path, {"violation": None})


async def bring_stranger(
    tenant: ControlledTenant, kind: str, display_name: str = "Somebody Else", **more: object
) -> str:
    """Someone who is not in the directory; `kind` is a `PersonKind`. Returns the id.

    More: `id`, `tenant_id`, `name_form` (shown, null, empty), `null` and `absent` (properties of
    the membership).
    """
    body: Json = {"kind": kind, "display_name": display_name, **more}
    found = (await tenant.call("POST", "/people", body))["people"]
    return str(found[0]["id"]) if isinstance(found, list) else ""


async def bring_robot(
    tenant: ControlledTenant, kind: str, display_name: str | None, *, key: str | None = None
) -> str:
    """A bot, a connector, …; `kind` is a `RobotKind`. Returns the id."""
    body: Json = {"kind": kind, "display_name": display_name, "id": key}
    return str((await tenant.call("POST", "/robots", body))["id"])


async def rename_robot(tenant: ControlledTenant, robot: str, display_name: str | None) -> None:
    """From now on it speaks under another name, as several webhooks of one connector do."""
    path = f"/robots/{quote(robot, safe='')}"
    await tenant.call("PATCH", path, {"display_name": display_name})


async def change_person(tenant: ControlledTenant, person: str, **properties: object) -> None:
    """Set `guest`, `admin`, `name_form`, `null`, `absent`, `no_tenant_id` of a user or stranger."""
    await tenant.call("PATCH", f"/people/{quote(person, safe='')}", dict(properties))


async def delete_account(tenant: ControlledTenant, user: str) -> None:
    """The account is gone from the directory; what its owner said stays, without a name."""
    await tenant.call("DELETE", f"/people/{quote(user, safe='')}")


async def change_pins(
    tenant: ControlledTenant,
    chat: str,
    *,
    pin: Sequence[str] = (),
    unpin: Sequence[str] = (),
    by: str | None = None,
) -> None:
    """Pin and unpin messages of a chat by id, as `by` does in the Teams client."""
    body: Json = {"pin": list(pin), "unpin": list(unpin), "by": by}
    await tenant.call("PATCH", f"/chats/{quote(chat, safe='')}/pins", body)


def _path(where: Where) -> str:
    if isinstance(where, str):
        return f"/chats/{quote(where, safe='')}"
    team, channel = where
    return f"/teams/{quote(team, safe='')}/channels/{quote(channel, safe='')}"
