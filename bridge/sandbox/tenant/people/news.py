"""Something happened to a user: noted for delta queries, and told to subscribers.

Sources: learn.microsoft.com graph/change-notifications-overview (users: a creation is told as an
update); graph/api/resources/directory (deleted users can be restored for 30 days).
"""

from __future__ import annotations

from bridge.sandbox.tenant import people_kinds
from bridge.sandbox.tenant.errors import bad_request, no_such_user
from bridge.sandbox.tenant.people import profiles
from bridge.sandbox.tenant.people.directory import KEPT, Deleted
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Subject, Tenant
from bridge.sandbox.tenant.world import User

GUEST_MARK = "#EXT#"


def created(tenant: Tenant, user: User) -> None:
    _tell(tenant, user, ChangeKind.CREATED)


def changed(tenant: Tenant, user: User, *names: str) -> None:
    """These properties of the user, by Graph's names, are other ones now."""
    tenant.directory.touch(user.id, *names)
    _tell(tenant, user, ChangeKind.UPDATED)


def invite_guest(tenant: Tenant, display_name: str, email: str, key: str | None = None) -> User:
    """A guest: the sign-in name is the address, disguised, in this tenant's domain."""
    local, _, home = email.partition("@")
    if not local or not home:
        raise bad_request("A guest has an e-mail address.")
    upn = f"{local}_{home}{GUEST_MARK}@{tenant.domain}"
    user = tenant.add_user(display_name, upn=upn, user_id=key)
    user.guest = True
    created(tenant, user)
    return user


def delete(tenant: Tenant, user: User) -> None:
    """The account is gone, and can be restored for a while."""
    before = user.face
    people_kinds.delete_account(tenant, user)
    tenant.directory.deleted[user.id] = Deleted(user=user, at=tenant.clock.now(), face=before)
    tenant.directory.bury(user.id)
    _tell(tenant, user, ChangeKind.DELETED)


def restore(tenant: Tenant, key: str) -> User:
    """A deleted user is there again, enabled as before.

    Raises:
        GraphError: 404, there is no such user among the deleted.
    """
    gone = tenant.directory.deleted.get(key)
    if gone is None or not kept(tenant, gone):
        raise no_such_user(key)
    del tenant.directory.deleted[key], tenant.people.gone[key]
    gone.user.enabled = True
    gone.user.face = gone.face
    tenant.recall_user(gone.user)
    tenant.directory.touch(key)
    _tell(tenant, gone.user, ChangeKind.UPDATED)
    return gone.user


def kept(tenant: Tenant, gone: Deleted) -> bool:
    """Whether a deleted user can still be restored."""
    return tenant.clock.now() < gone.at + KEPT


def _tell(tenant: Tenant, user: User, kind: ChangeKind) -> None:
    tenant.announce(
        Change(
            kind=kind,
            subject=Subject.USER,
            id=user.id,
            place=f"users('{user.id}')",
            seen=profiles.selected(tenant, user, None),
            user=user,
        )
    )
