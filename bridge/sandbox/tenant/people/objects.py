"""Directory objects by their ids, and those that were deleted.

Sources: learn.microsoft.com graph/api directoryobject-getbyids, directory-deleteditems-list,
directory-deleteditems-get.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from bridge.sandbox.tenant import permissions, users, wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import Json, bad_request, no_such_user
from bridge.sandbox.tenant.people import needs, news, profiles
from bridge.sandbox.tenant.people.directory import Deleted
from bridge.sandbox.tenant.routes import route

IDS_MAX = 1000
_BODY = frozenset({"ids", "types"})
_USER, _GROUP, _ANY = "user", "group", "directoryobject"


async def by_ids(call: Call) -> Reply:
    """Ids of which nobody knows are left out."""
    permissions.check_directory(needs.BY_IDS, call.bearer)
    body = call.body()
    wire.only_known(body, _BODY, "getByIds")
    ids = [wire.as_text(key, "ids") for key in wire.as_list(body.get("ids"), "ids")]
    if not 0 < len(ids) <= IDS_MAX:
        msg = f"From 1 to {IDS_MAX} ids are expected."
        raise bad_request(msg, "Request_BadRequest")
    for key in ids:
        _check_id(key)
    kinds = {
        wire.as_text(kind, "types").casefold().removeprefix("microsoft.graph.")
        for kind in wire.as_list(body.get("types") or [_ANY], "types")
    }
    found = [_object(call, key, kinds) for key in dict.fromkeys(ids)]
    value = [seen for seen in found if seen is not None]
    return Reply(body={"@odata.context": call.context("directoryObjects"), "value": value})


async def list_deleted_users(call: Call) -> Reply:
    users.check_reader(call, needs.DELETED_ITEMS)
    value = [_gone(call, gone) for gone in call.tenant.directory.deleted.values()]
    shown = [seen for seen in value if seen is not None]
    return Reply(
        body={
            "@odata.context": call.context("directory/deletedItems/microsoft.graph.user"),
            "value": shown,
        }
    )


async def get_deleted(call: Call) -> Reply:
    users.check_reader(call, needs.DELETED_ITEMS)
    gone = call.tenant.directory.deleted.get(call.ids["object"])
    seen = None if gone is None else _gone(call, gone)
    if seen is None:
        raise no_such_user(call.ids["object"])
    shown = {"@odata.type": "#microsoft.graph.user", **seen}
    return Reply(body={"@odata.context": call.context("directoryObjects/$entity"), **shown})


def _object(call: Call, key: str, kinds: set[str]) -> Json | None:
    user = call.tenant.users.get(key)
    if user is not None and kinds & {_USER, _ANY}:
        shown = profiles.selected(call.tenant, user, None)
        return {"@odata.type": "#microsoft.graph.user", **shown}
    team = call.tenant.teams.get(key)
    if team is not None and kinds & {_GROUP, _ANY}:
        return {
            "@odata.type": "#microsoft.graph.group",
            "id": team.id,
            "displayName": team.name,
            "description": team.description,
        }
    return None


def _gone(call: Call, gone: Deleted) -> Json | None:
    if not news.kept(call.tenant, gone):
        return None
    names = users.selection(call) or [*profiles.DEFAULT, "deletedDateTime"]
    # Their messages show no name any more; the directory keeps it for as long as the account.
    return profiles.selected(call.tenant, replace(gone.user, face=gone.face), names)


def _check_id(key: str) -> None:
    try:
        UUID(key)
    except ValueError:
        msg = f"Invalid object identifier '{key}'."
        raise bad_request(msg, "Request_BadRequest") from None


ROUTES = [
    route("POST /users/getByIds", None, by_ids),
    route("POST /directoryObjects/getByIds", None, by_ids),
    route("GET /directory/deletedItems/microsoft.graph.user", None, list_deleted_users),
    route("GET /directory/deletedItems/{object}", None, get_deleted),
]
