"""Control requests about the directory: profiles, guests, deletion, photos, presence."""

from __future__ import annotations

from bridge.sandbox.tenant import people_kinds, wire
from bridge.sandbox.tenant.ask import Act, Ask, number
from bridge.sandbox.tenant.call import Reply
from bridge.sandbox.tenant.errors import Json, bad_request
from bridge.sandbox.tenant.people import news, photos, presence, profiles
from bridge.sandbox.tenant.people.sessions import CLIENT, Session, State

CONTENT_MAX = 200
"""Characters of availability and activity."""


async def change_profile(ask: Ask) -> Reply:
    """Set properties of a user by Graph's names; `manager` is another user's id or null.

    A display name, address or anything else may be null, as it is in real directories.
    """
    user = ask.tenant.user(ask.ids["user"])
    held = dict(ask.tenant.directory.profiles.get(user.id, {}))
    manager = ask.body.pop("manager", user)
    for name, value in ask.body.items():
        held[name] = _property(name, value)
    if manager is None:
        ask.tenant.directory.managers.pop(user.id, None)
    elif manager is not user:
        ask.tenant.directory.managers[user.id] = ask.tenant.user(
            wire.as_text(manager, "manager")
        ).id
    ask.tenant.directory.profiles[user.id] = held
    if ask.body:
        news.changed(ask.tenant, user, *ask.body)
    return Reply(body=profiles.every(ask.tenant, user))


async def set_time_zone(ask: Ask) -> Reply:
    """Of the user's mailbox: `time_zone`, by the name of Windows or of the IANA."""
    user = ask.tenant.user(ask.ids["user"])
    ask.tenant.directory.time_zones[user.id] = wire.required_text(ask.body, "time_zone")
    return Reply(status=204)


async def invite_guest(ask: Ask) -> Reply:
    """`{display_name, email, id}`."""
    user = news.invite_guest(
        ask.tenant,
        wire.required_text(ask.body, "display_name"),
        wire.required_text(ask.body, "email"),
        wire.optional_text(ask.body, "id"),
    )
    return Reply(status=201, body=people_kinds.shown(user))


async def restore_user(ask: Ask) -> Reply:
    user = news.restore(ask.tenant, ask.ids["user"])
    return Reply(body=people_kinds.shown(user))


async def set_photo(ask: Ask) -> Reply:
    """Of a user or a team: `content` in base64, or drawn in all sizes by a `seed`; else none."""
    key = ask.ids["owner"]
    if key not in ask.tenant.teams:
        key = ask.tenant.user(key).id
    content = wire.optional_text(ask.body, "content")
    photo = None if content is None else photos.read(wire.decode_base64(content, "content"))
    if "seed" in ask.body:
        photo = photos.make(int(number(ask.body["seed"])))
    photos.set_photo(ask.tenant, key, photo)
    return Reply(status=204)


async def set_presence(ask: Ask) -> Reply:
    """What the user's own Teams client says: `availability` and `activity`, null when it is closed.

    `status` is the status message, with an `expiry` of `{dateTime, timeZone}`; `out_of_office` the
    message of the automatic reply, null for being back.
    """
    user = ask.tenant.user(ask.ids["user"])
    held = ask.tenant.presences.of(user.id)
    if "availability" in ask.body:
        _sit_down(ask, held.sessions)
    if "status" in ask.body:
        text = wire.optional_text(ask.body, "status") or ""
        given = ask.body.get("expiry")
        expiry = None if given is None else wire.as_object(given, "expiry")
        held.status = presence.make_status(ask.tenant, text, "text", expiry)
    if "out_of_office" in ask.body:
        held.out_of_office = wire.optional_text(ask.body, "out_of_office")
    presence.settle(ask.tenant, user, also=bool({"status", "out_of_office"} & ask.body.keys()))
    return Reply(body=presence.shown(ask.tenant, user, reader=user))


def _sit_down(ask: Ask, sessions: dict[str, Session]) -> None:
    availability = wire.optional_text(ask.body, "availability")
    activity = wire.optional_text(ask.body, "activity") or availability
    if availability is None or activity is None:
        sessions.pop(CLIENT, None)
        return
    if max(len(availability), len(activity)) > CONTENT_MAX:
        raise bad_request("Availability and activity are words.")
    state = State(availability=availability, activity=activity)
    now = ask.tenant.clock.now()
    sessions[CLIENT] = Session(state=state, since=now, until=None, fades=False)


def _property(name: str, value: object) -> object:
    """The value, if the property can have it.

    Raises:
        GraphError: 400.
    """
    if name in profiles.TEXTS or name == "displayName":
        return None if value is None else wire.as_text(value, name)
    if name in profiles.LISTS:
        return [wire.as_text(item, name) for item in wire.as_list(value, name)]
    if name == profiles.ATTRIBUTES:
        return _attributes(wire.as_object(value, name))
    msg = f"The property {name} cannot be set."
    raise bad_request(msg)


def _attributes(given: Json) -> Json:
    known = [f"extensionAttribute{one}" for one in range(1, profiles.ATTRIBUTES_COUNT + 1)]
    wire.only_known(given, known, "onPremisesExtensionAttributes")
    return {name: wire.optional_text(given, name) for name in known}


ACTS: list[tuple[str, Act]] = [
    ("PATCH /users/{user}/profile", change_profile),
    ("POST /users/{user}/presence", set_presence),
    ("POST /users/{user}/restore", restore_user),
    ("PUT /users/{user}/time-zone", set_time_zone),
    ("POST /guests", invite_guest),
    ("PUT /photos/{owner}", set_photo),
]
