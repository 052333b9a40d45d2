"""Presence: reading one's own and others', and what apps and users may set.

Who asks for another's status message is not told when it was written and when it ends; who is not
known to the service is `PresenceUnknown` in a list. Changes are told to subscribers, also those that
come with time (`vigil.py`).

Sources: those of `sessions.py`; graph/api presence-get, presence-clearpresence,
presence-clearuserpreferredpresence, cloudcommunications-getpresencesbyuserid.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bridge.sandbox.tenant import wire
from bridge.sandbox.tenant.call import Call, Reply
from bridge.sandbox.tenant.clock import stamp
from bridge.sandbox.tenant.errors import Json, bad_request, forbidden
from bridge.sandbox.tenant.people import needs
from bridge.sandbox.tenant.people.sessions import SESSIONS_MAX, Presence, Session, State, Status
from bridge.sandbox.tenant.routes import route
from bridge.sandbox.tenant.tenant import Change, ChangeKind, Subject, Tenant
from bridge.sandbox.tenant.world import User

IDS_MAX = 650
SHORTEST, LONGEST = timedelta(minutes=5), timedelta(hours=4)
"""Of an app's session."""
WISH_MAX = timedelta(days=365)
"""Of a preferred presence; our own bound."""
STATUS_MAX = 1000
"""Characters of a status message; our own bound."""
BY_APPS = frozenset(
    [
        ("Available", "Available"),
        ("Busy", "InACall"),
        ("Busy", "InAConferenceCall"),
        ("Away", "Away"),
        ("DoNotDisturb", "Presenting"),
    ]
)
"""What an app's session can be."""
BY_WISH = frozenset(
    [
        ("Available", "Available"),
        ("Busy", "Busy"),
        ("DoNotDisturb", "DoNotDisturb"),
        ("BeRightBack", "BeRightBack"),
        ("Away", "Away"),
        ("Offline", "OffWork"),
    ]
)
"""What a user can wish to be seen as."""

_DURATION = re.compile(r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?")
_ZONES = {
    "utc": "UTC",
    "pacific standard time": "America/Los_Angeles",
    "mountain standard time": "America/Denver",
    "central standard time": "America/Chicago",
    "eastern standard time": "America/New_York",
    "gmt standard time": "Europe/London",
    "w. europe standard time": "Europe/Berlin",
    "romance standard time": "Europe/Paris",
    "central european standard time": "Europe/Warsaw",
    "fle standard time": "Europe/Helsinki",
    "india standard time": "Asia/Kolkata",
    "china standard time": "Asia/Shanghai",
    "tokyo standard time": "Asia/Tokyo",
}
"""Windows' names of the commonest time zones; those of the IANA are good as well."""
_LONG, _SHORT = timedelta(days=7), timedelta(days=1)


async def get_presence(call: Call) -> Reply:
    user = _subject(call)
    if call.user not in (None, user) and "Presence.Read.All" not in call.bearer.granted:
        raise forbidden("Presence.Read is good for one's own presence only.")
    context = call.context(f"users('{user.id}')/presence/$entity")
    return Reply(body={"@odata.context": context, **shown(call.tenant, user, reader=call.user)})


async def get_presences(call: Call) -> Reply:
    body = call.body()
    wire.only_known(body, ("ids",), "getPresencesByUserId")
    ids = [wire.as_text(key, "ids") for key in wire.as_list(body.get("ids"), "ids")]
    if not 0 < len(ids) <= IDS_MAX:
        msg = f"From 1 to {IDS_MAX} user ids are expected."
        raise bad_request(msg)
    value = [_listed(call, key) for key in ids]
    context = call.context("Collection(microsoft.graph.presence)")
    return Reply(body={"@odata.context": context, "value": value})


async def set_presence(call: Call) -> Reply:
    user, body = _own(call), call.body()
    wire.only_known(
        body, ("sessionId", "availability", "activity", "expirationDuration"), "setPresence"
    )
    state = _state(body, BY_APPS)
    lasts = _duration(body) or SHORTEST
    if not SHORTEST <= lasts <= LONGEST:
        raise bad_request("The expirationDuration must be between PT5M and PT4H.")
    now = call.tenant.clock.now()
    presence = call.tenant.presences.of(user.id)
    if len(presence.sessions) >= SESSIONS_MAX:
        raise bad_request("The user has too many presence sessions.")
    session = Session(state=state, since=now, until=now + lasts, fades=True)
    presence.sessions[_session_id(call, body)] = session
    settle(call.tenant, user)
    return Reply()


async def clear_presence(call: Call) -> Reply:
    user, body = _own(call), call.body()
    wire.only_known(body, ("sessionId",), "clearPresence")
    call.tenant.presences.of(user.id).sessions.pop(_session_id(call, body), None)
    settle(call.tenant, user)
    return Reply()


async def set_wish(call: Call) -> Reply:
    """It shows while the user has any session at all."""
    user, body = _own(call), call.body()
    wire.only_known(
        body, ("availability", "activity", "expirationDuration"), "setUserPreferredPresence"
    )
    state = _state(body, BY_WISH)
    short = state.availability in ("DoNotDisturb", "Busy")
    lasts = _duration(body) or (_SHORT if short else _LONG)
    if lasts > WISH_MAX:
        raise bad_request("The expirationDuration is too long.")
    now = call.tenant.clock.now()
    wish = Session(state=state, since=now, until=now + lasts, fades=False)
    call.tenant.presences.of(user.id).wish = wish
    settle(call.tenant, user)
    return Reply()


async def clear_wish(call: Call) -> Reply:
    user = _own(call)
    call.tenant.presences.of(user.id).wish = None
    settle(call.tenant, user)
    return Reply()


async def set_status(call: Call) -> Reply:
    """A message without content takes the old one away."""
    user, body = _own(call), call.body()
    wire.only_known(body, ("statusMessage",), "setStatusMessage")
    given = body.get("statusMessage")
    status = None if given is None else _status(call, wire.as_object(given, "statusMessage"))
    call.tenant.presences.of(user.id).status = status
    settle(call.tenant, user, also=True)
    return Reply()


def shown(tenant: Tenant, user: User, *, reader: User | None) -> Json:
    """A presence as this reader, or an app, may see it."""
    presence = tenant.presences.seen(user.id)
    state = presence.at(tenant.clock.now())
    activity = state.activity
    if presence.out_of_office is not None and activity in ("Available", "Offline"):
        activity = "OutOfOffice"
    return {
        "id": user.id,
        "availability": _cased(tenant, state.availability),
        "activity": _cased(tenant, activity),
        "statusMessage": _shown_status(presence, own=reader is user),
        "outOfOfficeSettings": {
            "message": presence.out_of_office,
            "isOutOfOffice": presence.out_of_office is not None,
        },
        "workLocation": None,
        "sequenceNumber": f"A{presence.number:010d}",
    }


def settle(tenant: Tenant, user: User, *, also: bool = False) -> None:
    """Tell the subscribers if the presence is another one now, or something `also` changed."""
    presence = tenant.presences.of(user.id)
    now = tenant.clock.now()
    also = presence.clean(now) or also
    state = presence.at(now)
    if state != presence.told or also:
        presence.told = state
        presence.number += 1
        tenant.announce(
            Change(
                kind=ChangeKind.UPDATED,
                subject=Subject.PRESENCE,
                id=user.id,
                place=f"communications/presences('{user.id}')",
                seen=shown(tenant, user, reader=None),
                user=user,
            )
        )
    tenant.wake()


def _subject(call: Call) -> User:
    return call.tenant.user(call.ids.get("user") or call.ids["presence"])


def _own(call: Call) -> User:
    """The user in the path; a signed-in user can set the own presence alone.

    Raises:
        GraphError: 403, it is another's.
    """
    user = _subject(call)
    if call.user not in (None, user):
        raise forbidden("A user can set the own presence only.")
    return user


def _listed(call: Call, key: str) -> Json:
    user = call.tenant.users.get(key)
    if user is not None:
        return shown(call.tenant, user, reader=call.user)
    unknown = _cased(call.tenant, "PresenceUnknown")
    return {"id": key, "availability": unknown, "activity": unknown}


def _session_id(call: Call, body: Json) -> str:
    key = wire.required_text(body, "sessionId")
    if key.casefold() != call.app.id.casefold():
        raise bad_request("The sessionId must be the id of the application.")
    return call.app.id


def _state(body: Json, known: frozenset[tuple[str, str]]) -> State:
    given = wire.required_text(body, "availability"), wire.required_text(body, "activity")
    wanted = tuple(name.casefold() for name in given)
    for availability, activity in known:
        if (availability.casefold(), activity.casefold()) == wanted:
            return State(availability=availability, activity=activity)
    msg = (
        f"The combination of availability '{given[0]}' and activity '{given[1]}' is not supported."
    )
    raise bad_request(msg)


def _duration(body: Json) -> timedelta | None:
    text = wire.optional_text(body, "expirationDuration")
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise bad_request("The expirationDuration is no ISO 8601 duration.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _status(call: Call, given: Json) -> Status | None:
    wire.only_known(
        given, ("message", "expiryDateTime", "publishedDateTime"), "presenceStatusMessage"
    )
    message = wire.as_object(given.get("message") or {}, "message")
    wire.only_known(message, ("content", "contentType"), "itemBody")
    content = wire.optional_text(message, "content") or ""
    kind = (wire.optional_text(message, "contentType") or "text").casefold()
    if kind not in ("text", "html") or len(content) > STATUS_MAX:
        raise bad_request("The status message is too long or of another type than text or html.")
    expiry = given.get("expiryDateTime")
    moment = None if expiry is None else wire.as_object(expiry, "expiryDateTime")
    return make_status(call.tenant, content, kind, moment)


def make_status(tenant: Tenant, content: str, kind: str, expiry: Json | None) -> Status | None:
    """A status message that ends at a `{dateTime, timeZone}`; None without content.

    Raises:
        GraphError: 400, that is no such moment.
    """
    if not content:
        return None
    return Status(
        content=content,
        content_type=kind,
        published=tenant.clock.now(),
        until=None if expiry is None else _moment(expiry),
        expiry=expiry,
    )


def _moment(given: Json) -> datetime:
    wire.only_known(given, ("dateTime", "timeZone"), "dateTimeTimeZone")
    name = wire.optional_text(given, "timeZone") or "UTC"
    moment = wire.parse_instant(wire.required_text(given, "dateTime"), "dateTime")
    try:
        zone = ZoneInfo(_ZONES.get(name.casefold(), name))
        return moment.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OSError, KeyError, OverflowError):
        msg = f"The time zone '{name[:80]}' is not known."
        raise bad_request(msg) from None


def _shown_status(presence: Presence, *, own: bool) -> Json | None:
    status = presence.status
    if status is None:
        return None
    found: Json = {"message": {"content": status.content, "contentType": status.content_type}}
    if own:
        found |= {
            "publishedDateTime": stamp(status.published),
            "expiryDateTime": status.expiry,
        }
    return found


def _cased(tenant: Tenant, word: str) -> str:
    if tenant.settings.presence_casing == "camel":
        return word[:1].lower() + word[1:]
    return word


ROUTES = [
    route("POST /communications/getPresencesByUserId", needs.READ_PRESENCES, get_presences),
    route("GET /communications/presences/{presence}", needs.READ_PRESENCE, get_presence),
    route("GET /users/{user}/presence", needs.READ_PRESENCE, get_presence),
    *(
        route(f"POST /users/{{user}}/presence/{name}", needs.WRITE_PRESENCE, run)
        for name, run in (
            ("setPresence", set_presence),
            ("clearPresence", clear_presence),
            ("setUserPreferredPresence", set_wish),
            ("clearUserPreferredPresence", clear_wish),
            ("setStatusMessage", set_status),
        )
    ),
]
