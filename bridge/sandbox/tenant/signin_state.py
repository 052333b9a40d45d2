"""What sign-in remembers of one tenant besides its apps and users: values only.

`SigninState` hangs on the tenant; `policies.py`, `clients.py`, `device.py` and `admin_consent.py`
act on it, `signin_stage.py` changes it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

if TYPE_CHECKING:
    from bridge.sandbox.tenant.world import App, User

POLICIES_MAX = 1000
DEVICE_REQUESTS_MAX = 10_000
"""The oldest are forgotten first."""
ASSERTIONS_MAX = 10_000
CHALLENGES_MAX = 100_000

_Value = TypeVar("_Value")


class UserConsent(StrEnum):
    """What users may agree to without an administrator (entra configure-user-consent)."""

    MICROSOFT = "microsoft"
    """What Microsoft's own, changing list leaves to them; the default."""
    ALL = "all"
    """Everything that does not need an administrator by its nature."""
    NONE = "none"


class Moment(StrEnum):
    """When a policy is looked at."""

    SIGNIN = "signin"
    """A person signs in at a page."""
    REFRESH = "refresh"
    """A refresh token is used."""
    APP = "app"
    """An app asks for a token of its own (Conditional Access for workload identities)."""


class DeviceStep(StrEnum):
    """How far a device code request has come."""

    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    USED = "used"


@dataclass(slots=True, kw_only=True)
class Registration:
    """What the app registration and the service principal say about signing in."""

    enabled: bool = True
    """The service principal's "Enabled for users to sign in?"."""
    public: bool = False
    """The registration's "Allow public client flows"."""
    multi_tenant: bool = False
    assignment_required: bool = False
    assigned: set[str] = field(default_factory=set)
    """Ids of users, where only those assigned may sign in."""
    public_redirect_uris: list[str] = field(default_factory=list)
    """Of the platform "Mobile and desktop applications": no secret is wanted for their codes."""
    required_roles: set[str] = field(default_factory=set)
    required_scopes: set[str] = field(default_factory=set)
    """What the registration's "API permissions" list, granted or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One AADSTS refusal for a user, an app, both together or everyone."""

    number: int
    since: datetime
    moments: frozenset[Moment]
    user: str | None = None
    app: str | None = None
    suberror: str | None = None
    """None is the usual one of this number."""
    tell_app: bool = False
    """Whether the app hears of it at its redirect URI; usually only the person reads it."""
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(slots=True, kw_only=True)
class DeviceRequest:
    """A device waits for a person to type its code."""

    app: App
    scopes: tuple[str, ...]
    device_code: str
    user_code: str
    issued: datetime
    expires: datetime
    step: DeviceStep = DeviceStep.PENDING
    user: User | None = None
    polled: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Throttle:
    """The token endpoint refuses its next `times` requests."""

    times: int
    retry_after: timedelta | None = None
    as_json: bool = False
    """A body in the form of other refusals, instead of a line of plain text."""


@dataclass(slots=True)
class SigninState:
    """Everything that sign-in remembers."""

    registrations: dict[str, Registration] = field(default_factory=dict)
    removed: dict[str, App] = field(default_factory=dict)
    """Apps whose service principal was deleted here; an administrator's consent restores it."""
    policies: list[Policy] = field(default_factory=list)
    devices: OrderedDict[str, DeviceRequest] = field(default_factory=OrderedDict)
    """By device code."""
    assertions: OrderedDict[str, datetime] = field(default_factory=OrderedDict)
    """Ids of client assertions that were used."""
    challenged: OrderedDict[str, datetime] = field(default_factory=OrderedDict)
    """By user id: tokens from before that moment are challenged once more."""
    user_consent: UserConsent = UserConsent.MICROSOFT
    throttle: Throttle | None = None

    def registration(self, app_id: str) -> Registration:
        """The app's; plain where nothing was said about it."""
        return self.registrations.setdefault(app_id, Registration())

    def remember_device(self, request: DeviceRequest) -> None:
        _remember(self.devices, request.device_code, request, DEVICE_REQUESTS_MAX)

    def remember_assertion(self, assertion: str, at: datetime) -> None:
        _remember(self.assertions, assertion, at, ASSERTIONS_MAX)

    def remember_challenge(self, user_id: str, at: datetime) -> None:
        _remember(self.challenged, user_id, at, CHALLENGES_MAX)

    def device_of(self, user_code: str) -> DeviceRequest | None:
        """The request whose code a person typed, in any case."""
        wanted = user_code.strip().upper()
        found = (item for item in reversed(self.devices.values()) if item.user_code == wanted)
        return next(found, None)


def _remember(kept: OrderedDict[str, _Value], key: str, value: _Value, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
