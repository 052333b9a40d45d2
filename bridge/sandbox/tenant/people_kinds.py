"""Everyone who is no ordinary user of the tenant: guests, strangers, robots, and users gone.

Strangers (federated, anonymous, telephone, Skype, personal and e-mail people) write and take part
but are not in the directory: `/users/{id}` does not find them. `People` hangs on the tenant.

Sources: learn.microsoft.com graph/api/resources/teamworkuseridentity; the form of an anonymous
guest's id and name is that of the samples of graph/system-messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from bridge.sandbox.tenant.errors import Json, bad_request, forbidden, no_such_user
from bridge.sandbox.tenant.identity import Face, NameForm, PersonKind, Robot, RobotKind
from bridge.sandbox.tenant.world import User

if TYPE_CHECKING:
    from bridge.sandbox.tenant.tenant import Tenant

PEOPLE_MAX = 100_000
"""Strangers, and robots, of one tenant."""
MEMBER_FIELDS = frozenset({"displayName", "email", "tenantId", "visibleHistoryStartDateTime"})
"""What of a membership may be missing (graph/known-issues)."""

_IDS: dict[PersonKind, Callable[[str], str]] = {
    PersonKind.ANONYMOUS: lambda token: token,
    PersonKind.PERSONAL: lambda token: token[:16],
    PersonKind.PHONE: lambda token: f"+1555{int(token[:8], 16) % 10**7:07d}",
    PersonKind.SKYPE: lambda token: f"live:.cid.{token[:16]}",
    PersonKind.EMAIL: lambda token: f"{token[:8]}@mail.example",
    PersonKind.COMMUNICATION_SERVICES: lambda token: f"8:acs:{token}",
}
_HOMELESS = frozenset(_IDS)
"""Kinds that belong to no organisation."""


@dataclass(slots=True)
class People:
    """Who is known besides the directory, by id."""

    strangers: dict[str, User] = field(default_factory=dict)
    robots: dict[str, Robot] = field(default_factory=dict)
    gone: dict[str, User] = field(default_factory=dict)
    """Users whose account was deleted; what they said stays."""

    def find(self, key: str) -> User | Robot | None:
        return self.strangers.get(key) or self.robots.get(key) or self.gone.get(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What Graph does not tell of a person."""

    name: NameForm = NameForm.SHOWN
    null: frozenset[str] = field(default=frozenset())
    absent: frozenset[str] = field(default=frozenset())


def _directory_id(token: str) -> str:
    return str(UUID(token))


def bring_stranger(
    tenant: Tenant,
    kind: PersonKind,
    display_name: str,
    *,
    key: str | None = None,
    home: str | None = None,
    missing: Missing | None = None,
) -> User:
    """Someone from outside; `home` is their own tenant's id, made up where they must have one."""
    people = tenant.people
    if len(people.strangers) >= PEOPLE_MAX:
        raise bad_request("There are too many strangers.")
    person_id = key or _IDS.get(kind, _directory_id)(uuid4().hex)
    if tenant.find_user(person_id) or people.find(person_id):
        raise bad_request("There is someone of this id already.")
    lacks = missing or Missing()
    face = Face(
        kind=kind,
        tenant_id=home or (None if kind in _HOMELESS else _home(tenant, kind)),
        name=lacks.name,
        null=lacks.null,
        absent=lacks.absent,
    )
    email = "" if kind in _HOMELESS else f"{person_id[:8]}@fabrikam.example"
    user = User(id=person_id, display_name=display_name, upn=email, enabled=False, face=face)
    people.strangers[person_id] = user
    return user


def bring_robot(
    tenant: Tenant, kind: RobotKind, display_name: str | None, key: str | None = None
) -> Robot:
    """A bot, a connector, a webhook, an application or a device."""
    robots = tenant.people.robots
    if len(robots) >= PEOPLE_MAX:
        raise bad_request("There are too many robots.")
    made = Robot(id=key or str(uuid4()), display_name=display_name, kind=kind)
    if tenant.find_user(made.id) or tenant.people.find(made.id):
        raise bad_request("There is someone of this id already.")
    robots[made.id] = made
    return made


def rename_robot(tenant: Tenant, key: str, display_name: str | None) -> Robot:
    """From now on it speaks under another name, as the webhooks of one connector do.

    Raises:
        GraphError: 404, there is no such robot.
    """
    known = tenant.people.robots.get(key)
    if known is None:
        raise no_such_user(key)
    renamed = replace(known, display_name=display_name)
    tenant.people.robots[key] = renamed
    return renamed


def veil(tenant: Tenant, user: User, missing: Missing, *, no_tenant_id: bool) -> None:
    """From now on Graph does not tell these things of the person."""
    kind = PersonKind.AAD if user.face is None else user.face.kind
    home = tenant.id if user.face is None else user.face.tenant_id
    user.face = Face(
        kind=kind,
        tenant_id=None if no_tenant_id else home,
        name=missing.name,
        null=missing.null,
        absent=missing.absent,
    )


def delete_account(tenant: Tenant, user: User) -> None:
    """The account is gone: nobody finds it, its name is shown no more, what it said stays."""
    if tenant.users.get(user.id) is not user:
        raise no_such_user(user.id)
    tenant.forget_user(user)
    user.enabled = False
    veil(tenant, user, Missing(name=NameForm.NULL), no_tenant_id=False)
    tenant.people.gone[user.id] = user


def find(tenant: Tenant, key: str) -> User | Robot:
    """Anyone of this id, or a user of this sign-in name.

    Raises:
        GraphError: 404, there is nobody.
    """
    found = tenant.find_user(key) or tenant.people.find(key)
    if found is None:
        raise no_such_user(key)
    return found


def find_at_home(tenant: Tenant, key: str, home: str | None) -> User:
    """Whoever is to be a member; someone of another organisation only if it is said which.

    Raises:
        GraphError: 404, there is nobody, or 403, other organisations are not to be reached.
    """
    stranger = tenant.people.strangers.get(key)
    face = None if stranger is None else stranger.face
    if stranger is None or face is None or face.kind in (PersonKind.AAD, PersonKind.ON_PREMISE):
        return tenant.user(key)
    if face.tenant_id is None or home != face.tenant_id:
        return tenant.user(key)
    if not tenant.settings.external_access:
        raise forbidden("The user is not allowed to communicate with external users.")
    return stranger


def find_person(tenant: Tenant, key: str) -> User:
    """The same, but no robot.

    Raises:
        GraphError: 404, there is no such person.
    """
    found = find(tenant, key)
    if not isinstance(found, User):
        raise no_such_user(key)
    return found


def shown(user: User) -> Json:
    """A person as the control interface shows them."""
    kind = PersonKind.AAD if user.face is None else user.face.kind
    return {
        "id": user.id,
        "upn": user.upn,
        "display_name": user.display_name,
        "kind": kind.value,
        "tenant_id": None if user.face is None else user.face.tenant_id,
    }


def _home(tenant: Tenant, kind: PersonKind) -> str:
    return tenant.id if kind in (PersonKind.AAD, PersonKind.ON_PREMISE) else str(uuid4())
