"""Sharing: people who are let in, links, and finding an item by an address that someone was given.

    address ─ u!base64url ─> /shares/{token} ─> link? Office page? path? ─> item ─> allowed?

Sources: learn.microsoft.com graph/api driveitem-invite, driveitem-createlink,
driveitem-list-permissions, permission-get, permission-delete, shares-get.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit
from uuid import UUID, uuid4

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.errors import GraphError, Json
from bridge.sandbox.tenant.files import access, content, drives, names, needs, places, shown
from bridge.sandbox.tenant.files.access import Right
from bridge.sandbox.tenant.files.library import GRANTS_MAX, Grant, Item, Link, no_item, walk
from bridge.sandbox.tenant.routes import Route, route
from bridge.sandbox.tenant.tenant import Tenant
from bridge.sandbox.tenant.world import App, User

RECIPIENTS_MAX = 500
"""People in one invitation; our own bound."""
MESSAGE_MAX = 2000
"""Characters of the message in an invitation."""

_INVITE = frozenset(
    [
        "recipients",
        "message",
        "requireSignIn",
        "sendInvitation",
        "roles",
        "expirationDateTime",
        "password",
        "retainInheritedPermissions",
    ]
)
_LINK = frozenset(
    ["type", "scope", "password", "expirationDateTime", "retainInheritedPermissions", "message"]
)
_TYPES = {"view": False, "edit": True}
_SCOPES = frozenset({"anonymous", "organization", "users"})
_REDEEM = "redeemsharinglink"
_LETTERS = {"doc": "w", "xls": "x", "ppt": "p", "pdf": "b", "png": "i", "jpg": "i", "txt": "t"}


async def invite(call: Call) -> Reply:
    item = places.item(call, Right.WRITE)
    body = call.body()
    wire.only_known(body, _INVITE, "invite")
    role = _role(body)
    given = wire.objects(body, "recipients")
    if not 0 < len(given) <= RECIPIENTS_MAX:
        raise names.invalid("At least one recipient is needed.")
    if len(wire.optional_text(body, "message") or "") > MESSAGE_MAX:
        raise names.invalid("The message is too long.")
    for name in ("requireSignIn", "sendInvitation"):
        wire.optional_flag(body, name)
    people = [_recipient(call.tenant, one) for one in given]
    made = [let_in(item, user, role, email) for user, email in people]
    value = [shown.permission(grant, item, item) for grant in made]
    context = call.context("Collection(permission)")
    return Reply(body={"@odata.context": context, "value": value})


async def create_link(call: Call) -> Reply:
    """A new link, or the one of the same kind that this app has made before."""
    item = places.item(call, Right.WRITE)
    body = call.body()
    wire.only_known(body, _LINK, "createLink")
    kind = (wire.optional_text(body, "type") or "view").casefold()
    scope = (wire.optional_text(body, "scope") or "organization").casefold()
    if kind not in _TYPES or scope not in _SCOPES:
        raise names.invalid("Invalid type or scope of a sharing link.")
    if scope == "anonymous" and not call.tenant.settings.anonymous_links:
        raise access.denied("Anonymous links are disabled by the administrator.")
    until = wire.optional_text(body, "expirationDateTime")
    expires = None if until is None else wire.parse_instant(until, "expirationDateTime")
    edits = _TYPES[kind]
    there = _link_of(item, call.app, edits=edits, scope=scope)
    grant = there or link(call.tenant, item, call.app, edits=edits, scope=scope)
    grant.expires = expires or grant.expires
    context = call.context("permission")
    seen = shown.permission(grant, item, item)
    return Reply(status=200 if there else 201, body={"@odata.context": context, **seen})


async def list_permissions(call: Call) -> Reply:
    item = places.item(call, Right.READ)
    value = [shown.permission(grant, owner, item) for grant, owner in _permissions(item)]
    place = f"drives('{item.drive.id}')/items('{item.id}')/permissions"
    return Reply(body={"@odata.context": call.context(place), "value": value})


async def get_permission(call: Call) -> Reply:
    item = places.item(call, Right.READ)
    for grant, owner in _permissions(item):
        if grant.id == call.ids["permission"]:
            seen = shown.permission(grant, owner, item)
            context = call.context(f"drives('{item.drive.id}')/items('{item.id}')/permissions")
            return Reply(body={"@odata.context": f"{context}/$entity", **seen})
    raise no_item()


async def delete_permission(call: Call) -> Reply:
    """Only one that is not inherited."""
    item = places.item(call, Right.WRITE)
    gone = item.grants.pop(call.ids["permission"], None)
    if gone is None:
        raise no_item()
    if gone.link is not None:
        call.tenant.files.links.pop(gone.link.url, None)
    return Reply(status=204)


async def get_share(call: Call) -> Reply:
    found = _shared(call)
    seen = shown.shared(found, call.ids["share"])
    return Reply(body={"@odata.context": call.context("shares/$entity"), **seen})


async def get_shared_item(call: Call) -> Reply:
    return drives.entity(call, _shared(call))


async def get_shared_content(call: Call) -> Reply:
    return content.redirect(call, _shared(call))


def let_in(item: Item, user: User, role: str, email: str | None = None) -> Grant:
    """Share an item with a person; a role that the person has is replaced."""
    for grant in item.grants.values():
        if grant.user is user:
            grant.role = role
            return grant
    return _add(item, Grant(id=_key(), role=role, user=user, email=email))


def link(tenant: Tenant, item: Item, app: App, *, edits: bool, scope: str) -> Grant:
    """A new sharing link."""
    letter = "f" if item.is_folder else _LETTERS.get(item.name.rpartition(".")[2][:3], "u")
    site = item.drive.site
    token = base64.urlsafe_b64encode(uuid4().bytes + uuid4().bytes).decode().rstrip("=")
    url = f"https://{site.host}/:{letter}:/g{site.path}/E{token}"
    made = Link(edits=edits, scope=scope, url=url, app=app)
    grant = _add(item, Grant(id=_key(), role="write" if edits else "read", link=made))
    tenant.files.links[url] = item
    return grant


def at(tenant: Tenant, url: str) -> tuple[Item, Grant | None]:
    """The item at an address, and the link, if the address is one.

    Raises:
        GraphError: 404, there is nothing.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise no_item() from None
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
    item = tenant.files.links.get(plain)
    if item is not None:
        found = (g for g in item.grants.values() if g.link is not None and g.link.url == plain)
        return item, next(found, None)
    item = _at_office(tenant, parts) or _at_path(tenant, parts)
    if item is None:
        raise no_item()
    return item, None


def _shared(call: Call) -> Item:
    """The item that the token in the path is for, if the caller may see it.

    Raises:
        GraphError: 400, this is no token; 403 or 404.
    """
    item, grant = at(call.tenant, _decoded(call.ids["share"]))
    user = call.user
    if user is None or access.of_user(call.tenant, user, item) >= Right.READ:
        return item
    if grant is None or grant.link is None:
        raise access.denied()
    opens = grant.link.scope == "anonymous" or (
        grant.link.scope == "organization" and not user.guest
    )
    if not opens or _is_over(call.tenant, grant) or _REDEEM not in call.prefer.casefold():
        raise access.denied(
            "The sharing link no longer exists, or you do not have permission to access it."
        )
    if f"{_REDEEM}ifnecessary" not in call.prefer.casefold():
        grant.link.redeemed.add(user.id)
    return item


def _decoded(token: str) -> str:
    if not token.startswith("u!"):
        raise names.invalid("The sharing token is malformed.")
    text = token[2:].replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (ValueError, binascii.Error):
        raise names.invalid("The sharing token is malformed.") from None


def _at_office(tenant: Tenant, parts: SplitResult) -> Item | None:
    if not parts.path.casefold().endswith("/_layouts/15/doc.aspx"):
        return None
    source = parse_qs(parts.query, max_num_fields=20).get("sourcedoc", [""])[0]
    try:
        return tenant.files.by_guid.get(UUID(source))
    except ValueError:
        return None


def _at_path(tenant: Tenant, parts: SplitResult) -> Item | None:
    path = unquote(parts.path)
    for drive in tenant.files.drives.values():
        start = f"{drive.site.path}/{drive.folder}"
        fits = path == start or path.startswith(f"{start}/")
        if drive.site.host == parts.netloc.casefold() and fits:
            return walk(drive.root, path.removeprefix(start))
    return None


def _permissions(item: Item) -> list[tuple[Grant, Item]]:
    """What holds for an item, with the item on which it was granted; the owner's comes first."""
    found = [(grant, above) for above in item.above() for grant in above.grants.values()]
    owner = item.drive.owner
    if owner is None:
        return found
    return [(Grant(id=f"owner-{owner.id}", role="owner", user=owner), item), *found]


def _link_of(item: Item, app: App, *, edits: bool, scope: str) -> Grant | None:
    for grant in item.grants.values():
        made = grant.link
        if made is not None and (made.app, made.edits, made.scope) == (app, edits, scope):
            return grant
    return None


def _add(item: Item, grant: Grant) -> Grant:
    if len(item.grants) >= GRANTS_MAX:
        raise GraphError(403, "accessDenied", "The item has too many unique permissions.")
    item.grants[grant.id] = grant
    return grant


def _role(body: Json) -> str:
    roles = [wire.as_text(role, "roles") for role in wire.as_list(body.get("roles"), "roles")]
    if not roles or not {"read", "write"}.issuperset(roles):
        raise names.invalid("Invalid role specified: read or write is expected.")
    return "write" if "write" in roles else "read"


def _recipient(tenant: Tenant, one: Json) -> tuple[User, str | None]:
    wire.only_known(one, ("email", "alias", "objectId"), "driveRecipient")
    email = wire.optional_text(one, "email")
    key = wire.optional_text(one, "objectId") or email or wire.optional_text(one, "alias")
    user = None if key is None else tenant.find_user(key)
    if user is None:
        error = names.invalid("One or more users could not be resolved.")
        error.inner = {"code": "noResolvedUsers"}
        raise error
    return user, email


def _is_over(tenant: Tenant, grant: Grant) -> bool:
    return grant.expires is not None and grant.expires <= tenant.clock.now()


def _key() -> str:
    return base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")


def _routes() -> list[Route]:
    found = [
        route("GET /shares/{share}", needs.SHARES, get_share),
        route("GET /shares/{share}/driveItem/content", needs.READ, get_shared_content),
        route("GET /shares/{share}/driveItem", needs.SHARES, get_shared_item),
        route("GET /shares/{share}/root", needs.SHARES, get_shared_item),
    ]
    for drive in places.DRIVES:
        item = f"{drive}/items/{{item}}"
        found += [
            route(f"POST {item}/invite", needs.WRITE, invite),
            route(f"POST {item}/createLink", needs.WRITE, create_link),
            route(f"GET {item}/permissions", needs.READ, list_permissions),
            route(f"GET {item}/permissions/{{permission}}", needs.READ, get_permission),
            route(f"DELETE {item}/permissions/{{permission}}", needs.WRITE, delete_permission),
        ]
    return found


ROUTES = _routes()
